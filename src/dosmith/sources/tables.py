"""Tables of energy and density: CSV, TSV, semicolons or blanks, with headers, comments and decimal commas.

A column is what its header says. Without a header the first column is the energy; trailing columns that are the
running integral of those before them are integrated DOS; what is left is the density, or spin up and spin down.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError
from dosmith.sources.curve import Curve

FloatArray = NDArray[np.float64]
Cut = Callable[[str], list[str]]

MAX_LINES = 1_000_000
MAX_WIDTH = 10_000
MAX_NUMBERS = 5_000_000
_MAX_REMARKS = 200
_REMARK_WIDTH = 1000

_COMMENT = re.compile(r"\s*(?:[#%!@&]|//)+(.*)")  # @ and & are xmgrace's
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d+|[+-]\d{3})?|[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
_LOST_E = re.compile(r"(?<=[\d.])[dD]?(?=[+-]\d+$)|(?<=[\d.])[dD](?=\d)")  # Fortran: 0.12-101, 0.1D+01, 0.1D01
_DASH = "[-\N{EN DASH}]"
_UNIT = r"[\s_]*[(\[]?\s*eV\s*[)\]]?"
_VALUE = r"[+-]?(?:\d+(?:[.,]\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?=\s*eV\b|[\s;,)\]]|$)"
_FERMI = re.compile(  # efermi = 5.12, E_F: 5.12 eV, Fermi level 5.12 eV, Fermi energy (eV); 5,12, E-fermi : 5.12
    r"(?:(?<![\w-])(?:E[_-]?F|E[\s_-]?Fermi|Fermi(?:[\s_-](?:level|energy))?)|\bE-fermi(?=\s*[:=]))(?![A-Za-z])"
    rf"(?:{_UNIT})?[\s:=;,\"]*(?:is|at)?\s*(?P<value>{_VALUE})(?:\s*eV)?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(  # E-Ef, E - E_F (eV), energy (eV) - E_Fermi, energy relative to the Fermi level
    rf"(?:\bE(?:nerg(?:y|ies))?\s*(?:[(\[]\s*eV\s*[)\]])?\s*{_DASH}|\brelative to|\bwith respect to|\bminus)"
    r"\s*(?:the\s+)?(?:E(?:_|\\s)?\{?F(?:ermi)?|Fermi)(?![A-Za-z])(?!\s*[:=]\s*[+-]?\d)",
    re.IGNORECASE,
)
_ROLES = (  # the first that fits the text over a column is its role
    ("integrated", re.compile(r"\bint(?!ens)|integr|\bi-?dos|cumul", re.IGNORECASE)),
    ("down", re.compile(r"down|\bdn\b|_dn\b|dos[\s_]?d[wn]|\bbeta\b|minority|↓|spin[\s_-]?2", re.IGNORECASE)),
    ("up", re.compile(r"(?:\b|_|spin|dos)up\b|\balpha\b|majority|↑|spin[\s_-]?1", re.IGNORECASE)),
    ("energy", re.compile(r"^\W*(?:E\b|E_|energ|ω|omega)", re.IGNORECASE)),
    ("density", re.compile(r"dos|dens|total|states|^\W*[gDn]\s*\(E\)", re.IGNORECASE)),
)
_IN_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")
_DASHED = re.compile(rf"\s*{_DASH}\s*")
_TWO_WORDS = re.compile(r"\b(int\w*|spin|dos)[\s.]+(?=t?dos|up|down|dn)", re.IGNORECASE)
_NOT_EV = re.compile(r"\b(?:Ry|Rydbergs?|Ha|Hartrees?|a\.u\.|meV)(?!\w)")


def read_table(lines: Iterable[str]) -> Curve:
    """The DOS in a table of two columns (energy, density) or three (energy, spin up, spin down).

    Raises:
        FileFormatError: there is no table of numbers, or its columns cannot be told apart.
    """
    notes: list[str] = []
    columns, remarks, cut = take_apart(lines)
    if columns.shape[1] > 1 and (np.diff(columns[0]) < 0).all():
        columns = columns[:, ::-1]
        notes.append("energies decrease in the file; the rows are reversed")
    header = _header(remarks, cut, len(columns))
    energies, densities = _by_header(columns, header, notes) if header else _by_shape(columns, notes)
    if len(densities) == 2 and (densities[1] <= 0).all() and (densities[1] < 0).any():
        densities = np.stack([densities[0], -densities[1]])
        notes.append("spin down is drawn below zero in the file; its sign is changed")
    around_zero = bool(energies.min() < 0 < energies.max())
    relative = any(_RELATIVE.search(remark) for remark in remarks)
    if relative:
        notes.append("the header says that energies are relative to the Fermi level")
    fermi = 0.0 if relative else stated_fermi(remarks)
    return Curve("table", np.array(energies), np.array(densities), fermi, 0.0 if around_zero else None, notes=notes)


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
            raise FileFormatError(f"line {number} is not a row of {width} numbers ({body[:40]!r}); remove or complete it")
        values.extend(value for value in row if value is not None)
    if cut is None:
        raise FileFormatError(
            "is of no format that dosmith reads (docs/formats.md), nor a table with columns of energy (eV) and density (states/eV)"
        )
    return np.frombuffer(values, dtype=np.float64).reshape(-1, width).T, remarks, cut


def _split_comment(line: str) -> tuple[str, str]:
    """The part with numbers, and the comment; either may be empty."""
    whole = _COMMENT.match(line)
    body, _, aside = ("", "", whole.group(1)) if whole else line.partition("#")
    return body.strip(), aside.strip()


def _cut_at(separator: str | None) -> Cut:
    def cut(line: str) -> list[str]:
        cells = [cell.strip().strip('"').strip() for cell in line.split(separator)]
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
    for remark in reversed(remarks):
        plain = _FERMI.sub("", remark).strip()
        bare = _IN_BRACKETS.sub("", plain)  # units
        bare = _DASHED.sub("-", _TWO_WORDS.sub(r"\1_", bare))
        for cells in (cut(plain), re.split(r"\s{2,}", plain), bare.split()):
            roles = [_role(cell) for cell in cells]
            if len(cells) == width and roles.count("energy") == 1 and {"density", "up", "down"} & set(roles):
                return cells
    return None


def _role(cell: str) -> str | None:
    return next((role for role, pattern in _ROLES if pattern.search(cell)), None)


def _by_header(columns: FloatArray, header: list[str], notes: list[str]) -> tuple[FloatArray, FloatArray]:
    """Energies and densities, shape (spins, N), by the text over the columns."""
    roles = [_role(cell) for cell in header]
    energy = roles.index("energy")
    if unit := _NOT_EV.search(header[energy]):
        raise FileFormatError(f"gives energies in {unit.group()}; convert them to eV, and the density to states/eV")
    up, down = _the_one(header, roles, "up"), _the_one(header, roles, "down")
    if up is not None and down is not None:
        used = [up, down]
    else:
        used = [i for i in (_the_one(header, roles, "density"), up, down) if i is not None][:1]
        if roles[used[0]] != "density":
            notes.append(f"only one spin is given ({header[used[0]]}); it counts as the whole DOS")
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


def _by_shape(columns: FloatArray, notes: list[str]) -> tuple[FloatArray, FloatArray]:
    """Energies and densities, shape (spins, N), of a table without header."""
    energies, *rest = columns
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


def stated_fermi(remarks: Sequence[str]) -> float | None:
    """The Fermi level stated in words or a header, on the table's axis, eV; None when there is none."""
    for remark in remarks:
        if stated := _FERMI.search(remark):
            return float(stated["value"].replace(",", "."))
    return None
