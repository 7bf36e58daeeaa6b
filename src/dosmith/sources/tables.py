"""Tables of energy and density: CSV, TSV, semicolons or blanks, with headers, comments, units and decimal commas.

A column is what its header says. Without a header the first column is the energy; trailing columns that are the
running integral of those before them are integrated DOS; what is left is the density, or spin up and spin down.
Two blocks of rows on the same energies, as plot programs write them, are two curves of one table.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import FileFormatError, FormulaError
from dosmith.formulas import Composition
from dosmith.sources import units
from dosmith.sources.curve import Curve

FloatArray = NDArray[np.float64]
Cut = Callable[[str], list[str]]

MAX_LINES = 1_000_000
MAX_WIDTH = 10_000
MAX_NUMBERS = 5_000_000
_MAX_REMARKS = 200
_REMARK_WIDTH = 1000
_FEW_ROWS = 5
_NO_TABLE = "is neither a table with columns of energy (eV) and density (states/eV) nor in another format that dosmith reads (docs/formats.md)"

_COMMENT = re.compile(r"\s*(?:[#%!@&]|//)+(.*)")  # @ and & are xmgrace's
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d+|[+-]\d{3})?|[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
_LOST_E = re.compile(r"(?<=[\d.])[dD]?(?=[+-]\d+$)|(?<=[\d.])[dD](?=\d)")  # Fortran: 0.12-101, 0.1D+01, 0.1D01
TABLE = "table"
_DASH = "[-\N{EN DASH}]"
_UNIT = rf"(?:{units.NAME})(?![A-Za-z])"
_VALUE = rf"[+-]?(?:\d+(?:[.,]\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?=\s*{_UNIT}|[\s;,)\]]|$)"
_FERMI = re.compile(  # efermi = 5.12, E_F: 5.12 eV, Fermi level 0.4 Ry, Fermi energy (eV); 5,12, E-fermi : 5.12
    r"(?i:(?:(?<![\w-])(?:E[_-]?F|E[\s_-]?Fermi|Fermi(?:[\s_-](?:level|energy))?)|\bE-fermi(?=\s*[:=]))(?![A-Za-z]))"
    rf"(?:[\s_]*[(\[]?\s*(?P<before>{_UNIT})\s*[)\]]?)?[\s:=;,\"]*(?i:is|at)?\s*(?P<value>{_VALUE})(?:\s*[(\[]?\s*(?P<unit>{_UNIT}))?"
)
_RELATIVE = re.compile(  # E-Ef, E - E_F (eV), energy (eV) - E_Fermi, energy relative to the Fermi level
    rf"(?:\bE(?:nerg(?:y|ies))?\s*(?:[(\[]\s*{_UNIT}\s*[)\]])?\s*{_DASH}|\brelative to|\bwith respect to|\bminus)"
    r"\s*(?:the\s+)?(?:E(?:_|\\s)?\{?F(?:ermi)?|Fermi)(?![A-Za-z])(?!\s*[:=]\s*[+-]?\d)",
    re.IGNORECASE,
)
_ROLES = (  # the first that fits the text over a column is its role
    ("integrated", re.compile(r"\bint(?!ens)|integr|\bi-?dos|cumul", re.IGNORECASE)),
    (
        "projected",
        re.compile(
            r"^(?!.*tot).*(?:\b[pl]dos|partial|project|local|dos[\s_-]?[spdf](?:\b|_)|(?:\b|_)[spdf][\s_-]?dos)", re.IGNORECASE
        ),
    ),
    ("down", re.compile(r"down|\bdn\b|_dn\b|dos[\s_]?d[wn]|\bbeta\b|minority|↓|spin[\s_-]?2", re.IGNORECASE)),
    ("up", re.compile(r"(?:\b|_|spin|dos)up\b|\balpha\b|majority|↑|spin[\s_-]?1", re.IGNORECASE)),
    ("energy", re.compile(r"^\W*(?:E\b|E_|energ|ω|omega)", re.IGNORECASE)),
    ("density", re.compile(r"dos|dens|total|states|^\W*[gDn]\s*\(E\)", re.IGNORECASE)),
)
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_DASHED = re.compile(rf"\s*{_DASH}\s*")
_TWO_WORDS = re.compile(r"\b(int\w*|spin|dos)[\s.]+(?=t?dos|up|down|dn)", re.IGNORECASE)
_LEGEND = re.compile(r"\s*s(\d+)\s+legend\s+\"([^\"]*)\"")  # xmgrace's name of a curve
_NUMBERED = re.compile(r"\W*(\d)\s{2,}(\w.*)")  # OptaDOS lists its columns below each other
_FORMULA = re.compile(
    r"\b(?:formula|composition|compound|material|system)\s*[:=]\s*\"?([A-Z][A-Za-z0-9()]*)\"?\s*(?:$|[;,])", re.IGNORECASE
)
_PHONONS = re.compile(
    r"\bphonons?\b|\bvibrational\b|\bph-?dos\b|^\W*frequenc(?:y|ies)\b(?!.*\b(?:eV|Ry|Ha|THz|cm)\b)", re.IGNORECASE
)
_PART = re.compile(  # what a file says that holds the states of some atoms or orbitals alone
    r"\b(?:for|of|on|to)\s+(?:one\s+|the\s+)?(?:species|atom|site|orbital|ion)\b|\bangular[- ]momentum[- ]resolved|^\W*energ\S*.*\bl\s*=\s*[012]\b",
    re.IGNORECASE,
)


def read_table(lines: Iterable[str], part: bool = False) -> Curve:
    """The DOS in a table of two columns (energy, density) or three (energy, spin up, spin down).

    Args:
        lines: of the file.
        part: whether it is declared to hold the states of some atoms or orbitals alone.

    Raises:
        FileFormatError: there is no table of numbers, or its columns cannot be told apart.
    """
    notes: list[str] = []
    columns, remarks, cut = take_apart(lines)
    if any(_PHONONS.search(remark) for remark in remarks):
        raise FileFormatError(f"holds phonons or frequencies, not electrons{units.PHONONS}")
    if not part and (told := next((remark for remark in remarks if _PART.search(remark)), None)):
        raise FileFormatError(
            f"is a part of a density of states ({told.strip()[:60]!r}); give the total, or say of what with --project"
        )
    header = _header(remarks, cut, len(columns))
    columns, header = _side_by_side(columns, header, remarks, notes)
    if columns.shape[1] > 1 and (np.diff(columns[0]) < 0).all():
        columns = columns[:, ::-1]
        notes.append("energies decrease in the file; the rows are reversed")
    energies, densities = _by_header(columns, header, notes, part) if header else _by_shape(columns, notes)
    unit = _unit(header, remarks, notes)
    density_unit = units.of_density(remarks)
    energies = energies * unit.size
    densities = densities / (unit if density_unit is None else density_unit).size
    if len(densities) == 2 and (densities[1] <= 0).all() and (densities[1] < 0).any():
        densities = np.stack([densities[0], -densities[1]])
        notes.append("spin down is drawn below zero in the file; its sign is changed")
    around_zero = bool(energies.min() < 0 < energies.max())
    relative = any(_RELATIVE.search(remark) for remark in remarks)
    if relative:
        notes.append("the header says that energies are relative to the Fermi level")
    fermi = 0.0 if relative else stated_fermi(remarks, unit)
    return Curve(
        TABLE, energies, densities, fermi, 0.0 if around_zero else None, composition=_stated_formula(remarks), notes=notes
    )


def take_apart(lines: Iterable[str]) -> tuple[FloatArray, list[str], Cut]:
    """The numbers, shape (columns, rows); comments and the lines above the numbers; how lines are cut into cells.

    Raises:
        FileFormatError: there are no numbers, a row is incomplete, or the file is too long for a DOS.
    """
    remarks: list[str] = []
    values = array("d")
    cut: Cut | None = None
    width = 0
    for number, raw in enumerate(lines, start=1):
        if number > MAX_LINES or len(raw) > MAX_WIDTH or len(values) > MAX_NUMBERS:
            raise FileFormatError(
                f"is too long for a DOS: over {MAX_LINES:,} lines, {MAX_WIDTH:,} characters in one or {MAX_NUMBERS:,} numbers;"
                " cut it down to energy and density"
            )
        body, remark = _split_comment(raw.strip().replace("\N{MINUS SIGN}", "-"))
        cut = cut or _fitting_cut(body)
        if remark or (body and cut is None):
            remarks.append((remark or body)[:_REMARK_WIDTH])
            if len(remarks) > _MAX_REMARKS:  # the first say what the file is, the last what its columns are
                del remarks[_MAX_REMARKS // 2]
        if not body or cut is None:
            continue
        row = [_number(cell) for cell in cut(body)]
        width = width or len(row)
        if len(row) != width or None in row:
            if len(values) < _FEW_ROWS * width:  # what has broken off by now never was a table
                raise FileFormatError(_NO_TABLE)
            raise FileFormatError(f"line {number} is not a row of {width} numbers ({body[:40]!r}); remove or complete it")
        values.extend(value for value in row if value is not None)
    if len(values) < _FEW_ROWS * width or not values:
        raise FileFormatError(_NO_TABLE)
    assert cut is not None, "there are values"
    return np.frombuffer(values, dtype=np.float64).reshape(-1, width).T, remarks, cut


def _split_comment(line: str) -> tuple[str, str]:
    """The part with numbers, and the comment; either may be empty."""
    whole = _COMMENT.match(line)
    body, _, aside = ("", "", whole.group(1)) if whole else line.partition("#")
    return body.strip(), aside.strip()


def _cut_at(separator: str | None) -> Cut:
    def cut(line: str) -> list[str]:
        if separator is not None and '"' in line:  # "-10,0000","0,2001"
            parts = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
        else:
            parts = line.split(separator)
        cells = [cell.strip().strip('"').strip() for cell in parts]
        while len(cells) > 1 and not cells[-1]:  # a separator that closes the line
            cells.pop()
        return cells

    return cut


_CUTS = (_cut_at(";"), _cut_at("\t"), _cut_at(","), _cut_at(None))
"""Commas come third: where semicolons or tabs separate, a comma is a decimal one."""


def _fitting_cut(line: str) -> Cut | None:
    """The cut that makes a line two numbers or more; None when none does."""
    for cut in _CUTS:
        cells = cut(line)
        if len(cells) > 1 and all(_number(cell) is not None for cell in cells):
            return cut
    return None


def _number(cell: str) -> float | None:
    """A number with decimal point or comma, as any language prints it; None for other text."""
    text = cell.replace(",", ".")
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return float(text)
    except ValueError:
        return float(_LOST_E.sub("E", text))


def _header(remarks: list[str], cut: Cut, width: int) -> list[str] | None:
    """The text over each column: the last remark that names one energy and a density; None when there is none."""
    listed = {int(found[1]): found[2].strip() for remark in remarks if (found := _NUMBERED.fullmatch(remark))}
    if set(listed) == set(range(1, width + 1)) and _names_columns(list(map(_role, listed.values()))):
        return [listed[number] for number in range(1, width + 1)]
    for remark in reversed(remarks):
        plain = _FERMI.sub("", remark).strip()
        bare = _IN_BRACKETS.sub("", plain)  # units
        bare = _DASHED.sub("-", _TWO_WORDS.sub(r"\1_", bare))
        for cells in (cut(plain), re.split(r"\s{2,}", plain), bare.split()):
            roles = [_role(cell) for cell in cells]
            if len(cells) == width and _names_columns(roles):
                return cells
    return None


def _names_columns(roles: Sequence[str | None]) -> bool:
    """Whether the texts over the columns name one energy and a density."""
    return roles.count("energy") == 1 and not {"density", "up", "down", "projected"}.isdisjoint(roles)


def _role(cell: str) -> str | None:
    return next((role for role, pattern in _ROLES if pattern.search(cell)), None)


def _side_by_side(
    columns: FloatArray, header: list[str] | None, remarks: Sequence[str], notes: list[str]
) -> tuple[FloatArray, list[str] | None]:
    """Blocks of rows on the same energies as further columns, with the names of the curves where the file has them.

    Raises:
        FileFormatError: the blocks have other energies each, or nothing tells which of them is the total.
    """
    if header is not None and _role(header[0]) != "energy":
        return columns, header
    blocks = split_blocks(columns)
    if len(blocks) == 1:
        return columns, header
    count = f"holds {len(blocks)} curves one after the other"
    if len(columns) != 2 or any(block.shape != blocks[0].shape or (block[0] != blocks[0][0]).any() for block in blocks):
        raise FileFormatError(f"{count}; keep the total alone, or put both spins in columns of one table")
    names = {int(found[1]): found[2] for remark in remarks if (found := _LEGEND.match(remark))}
    merged = np.vstack([blocks[0], *(block[1:] for block in blocks[1:])])
    if set(names) == set(range(len(blocks))):
        return merged, ["energy", *(names[number] for number in range(len(blocks)))]
    if len(blocks) > 2:
        raise FileFormatError(f"{count}; keep the total alone, or spin up and spin down")
    notes.append("the file has two curves on the same energies, one after the other: spin up and spin down")
    return merged, None


def split_blocks(columns: FloatArray) -> list[FloatArray]:
    """The numbers of a file cut where its first column goes back to where it began, each of shape (columns, rows)."""
    energies = columns[0]
    if len(energies) < 2:
        return [columns]
    back = np.flatnonzero((np.diff(energies) != 0) & (energies[1:] == energies[0])) + 1
    return np.split(columns, back, axis=1)


def _by_header(columns: FloatArray, header: list[str], notes: list[str], part: bool) -> tuple[FloatArray, FloatArray]:
    """Energies and densities, shape (spins, N), by the text over the columns."""
    roles = [_role(cell) for cell in header]
    energy = roles.index("energy")
    density, up, down = (_the_one(header, roles, role) for role in ("density", "up", "down"))
    if up is not None and down is not None:
        used = [up, down]
    elif density is not None:
        used = [density]
    elif part and (one_part := _the_one(header, roles, "projected")) is not None:
        used = [one_part]
    elif part and (up if up is not None else down) is not None:
        used = [up if up is not None else down or 0]
    else:
        one = header[up if up is not None else down if down is not None else roles.index("projected")]
        raise FileFormatError(
            f"holds only a part of the states ({one[:40]}); give all of them, as one column or as spin up and down"
        )
    unread = [cell for i, cell in enumerate(header) if i != energy and i not in used]
    if unread:
        notes.append(f"columns not read: {', '.join(unread)[:120]}")
    return columns[energy], columns[used]


def _the_one(header: list[str], roles: list[str | None], role: str) -> int | None:
    """The only column of a role; of several, the only one called total."""
    found = [i for i, r in enumerate(roles) if r == role]
    if len(found) > 1:
        found = [i for i in found if "tot" in header[i].lower()]
        if len(found) != 1:
            names = ", ".join(header[i] for i, r in enumerate(roles) if r == role)
            raise FileFormatError(f"has several columns of density ({names[:80]}); keep energy and the total, or name it total")
    return found[0] if found else None


def _unit(header: list[str] | None, remarks: Sequence[str], notes: list[str]) -> units.Unit:
    """The unit of the energies; eV where none is named.

    Raises:
        FileFormatError: it is none of an electronic DOS, is not certain, or only the density has one, which is not eV.
    """
    named = units.of_energies([header[[_role(cell) for cell in header].index("energy")]] if header else ())
    unit = named or units.of_energies(_FERMI.sub("", remark) for remark in remarks)
    if unit is None:
        density = units.of_density(remarks)
        if density is not None and density.ev != 1.0:
            raise FileFormatError(
                f"has a density per {density.name} and does not say the unit of its energies; convert both to eV"
            )
        return units.EV
    if unit.size != 1.0:
        notes.append(f"energies are in {unit.name} in the file; they are converted to eV")
    return unit


def _by_shape(columns: FloatArray, notes: list[str]) -> tuple[FloatArray, FloatArray]:
    """Energies and densities, shape (spins, N), of a table without header."""
    energies, *rest = columns
    if len(rest) == 4 and (rest[1] <= 0).all():  # spin down below zero, and perhaps its integral
        rest = [rest[0], -rest[1], rest[2], np.abs(rest[3])]
    integrated = {
        2: lambda: _is_integral(energies, rest[0], rest[1]),
        3: lambda: _is_integral(energies, rest[0] + rest[1], rest[2]),
        4: lambda: _is_integral(energies, rest[0], rest[2]) and _is_integral(energies, rest[1], rest[3]),
    }
    if len(rest) in integrated and integrated[len(rest)]():
        spins = (len(rest) + 1) // 2
        notes.append(f"column {spins + 2} is the running integral of the density; it is not read")
        return energies, columns[1 : spins + 1]
    if len(rest) > 2:
        raise FileFormatError(
            f"has {len(columns)} columns and no header that names them; keep energy and density, or energy, spin up, spin down"
        )
    return energies, columns[1:]


def _is_integral(energies: FloatArray, density: FloatArray, column: FloatArray) -> bool:
    """Whether the column runs as the integral of the density does, within 5 % of the whole."""
    running = np.concatenate([[0.0], np.cumsum(np.diff(energies) * (density[1:] + density[:-1]) / 2)])
    whole = float(running[-1])
    rises = bool((np.diff(column) >= -1e-6 * abs(whole)).all())
    return whole > 0 and rises and bool(np.abs(column - column[0] - running).max() <= 0.05 * whole)


def _stated_formula(remarks: Sequence[str]) -> Composition | None:
    """The composition that a remark states, as in `formula: Pt3Ni`; None when none does."""
    for remark in remarks:
        if stated := _FORMULA.search(remark):
            try:
                return formulas.parse(stated[1])
            except FormulaError:
                continue
    return None


def stated_fermi(remarks: Sequence[str], unit: units.Unit = units.EV) -> float | None:
    """The Fermi level stated in words or a header, eV; None when there is none. Without a unit of its own it is in that of the energies."""
    for remark in remarks:
        if stated := _FERMI.search(remark):
            name = stated["before"] or stated["unit"]
            return float(stated["value"].replace(",", ".")) * ((units.unit_of(name) if name else None) or unit).size
    return None
