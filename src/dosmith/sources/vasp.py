"""The total density of states out of VASP's vasprun.xml and DOSCAR, and out of LOBSTER's DOSCAR.

Of a vasprun.xml only the pieces that matter are cut out and parsed, so a large file costs little more than its
unpacking. Each piece goes through defusedxml; a file that declares a document type or entities is refused as a whole.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import FileFormatError, FormulaError
from dosmith.formulas import Composition
from dosmith.sources.crystal import MOST_SITES, Crystal
from dosmith.sources.curve import Curve

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FloatArray = NDArray[np.float64]

_CUT_SYMBOLS = {"r": "Zr", "X": "Xe"}  # as some VASP builds print these elements
_DOS_TAG = re.compile(rb"<dos(?:\s[^<>]*)?>")
_MP_DIP = 0.15  # depth over peak: 0.055, 0.091, 0.114, 0.131 for orders 1 ... 4
_MAX_TAGS = 1_000_000  # bounds the memory that a small gzipped file can ask for; 250,000 energies with spin
_NO_DOS = "holds no density of states; take the vasprun.xml of a run that ended normally"


def read_vasprun(xml: bytes) -> Curve:
    """The last total DOS of a vasprun.xml.

    Raises:
        FileFormatError: the file declares entities, is truncated, is other XML or holds no DOS.
    """
    refuse_entities(xml)
    if b"<modeling" not in xml:
        raise FileFormatError("is XML, but not a vasprun.xml; give the vasprun.xml that VASP wrote")
    if b"</modeling>" not in xml:
        raise FileFormatError("is truncated; copy the vasprun.xml again, or let the run end")
    dos = _last_dos(xml)
    notes: list[str] = []
    broadening = _gaussian_sigma(xml, notes)
    rows = [_columns(spin) for spin in _element(dos, "total").iterfind("array/set/set")]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise FileFormatError(_NO_DOS)
    if len(rows) > 2:  # noncollinear: the total, then the magnetisation along x, y, z
        rows = rows[:1]
        notes.append("the run is noncollinear; the DOS of both spins together is used")
    densities = np.stack([row[:, 1] for row in rows])
    if _parameter(xml, b"ISMEAR") >= 1:
        densities = _without_dips(densities, notes)
    stated = re.search(rb'<i name="efermi">([^<]*)</i>', dos)
    fermi = _number(stated.group(1).decode("latin-1")) if stated else math.nan
    return Curve(
        format="vasprun.xml",
        energies=rows[0][:, 0],
        densities=densities,
        fermi=fermi if math.isfinite(fermi) else None,
        broadening=broadening,
        composition=_composition(xml, notes),
        crystal=_crystal(xml, notes),
        electrons=electrons if math.isfinite(electrons := _parameter(xml, b"NELECT")) else None,
        notes=notes,
    )


def refuse_entities(xml: bytes) -> None:
    """Refuse what could grow without bound or fetch other files when it is parsed.

    Raises:
        FileFormatError: the file declares entities or a document type.
    """
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", xml):
        raise FileFormatError("the XML declares entities or a document type, which VASP never writes; it is not read")


def looks_like_doscar(lines: Sequence[str]) -> bool:
    """Whether the first lines are the six that open a DOSCAR: atom counts, cell, temperature, 'CAR', title, grid."""
    if len(lines) < 6:
        return False
    counts = lines[0].split()
    return len(counts) == 4 and all(c.lstrip("-").isdigit() for c in counts) and _doscar_grid(lines[5]) is not None


def read_doscar(head: Sequence[str], rows: Iterator[str]) -> Curve:
    """The total DOS of a DOSCAR, given its first six lines and the lines after; the blocks of single atoms (LORBIT) are not read.

    LOBSTER's DOSCAR names element and orbitals behind a semicolon over each atom's block, and its energies start from the Fermi level.

    Raises:
        FileFormatError: rows are missing or are not numbers.
    """
    grid = _doscar_grid(head[5])
    assert grid is not None, "looks_like_doscar comes first"
    size, fermi = grid
    body = list(islice(rows, size))
    if len(body) < size:
        raise FileFormatError(f"is truncated: {size} energies announced, {len(body)} found; copy the DOSCAR again")
    table = [[_number(cell) for cell in line.split()] for line in body]
    widths = {len(row) for row in table}
    if widths not in ({3}, {5}):  # energy, density, integrated; or energy, up, down, and both integrated
        raise FileFormatError("is damaged: the total DOS of a DOSCAR has 3 columns, or 5 with spin; copy the DOSCAR again")
    columns = np.array(table, dtype=np.float64).T
    notes: list[str] = []
    densities = _without_dips(columns[1:2] if widths == {3} else columns[1:3], notes)
    if ";" in head[5] or ";" in next(rows, ""):
        notes.append("written by LOBSTER: energies are relative to the Fermi level")
        return Curve("LOBSTER DOSCAR", columns[0], densities, 0.0, notes=notes)
    return Curve(
        "DOSCAR", columns[0], densities, fermi if math.isfinite(fermi) else None, sites=int(head[0].split()[0]), notes=notes
    )


def read_poscar(text: str) -> Crystal:
    """The crystal in a POSCAR or CONTCAR, by pymatgen; one that names no elements (VASP 4) is refused.

    Raises:
        FileFormatError: it holds no crystal, or does not name its elements.
    """
    from pymatgen.io.vasp.inputs import Poscar

    refuse_counts(text)
    poscar = Poscar.from_str(text, read_velocities=False)
    if not poscar.true_names:
        raise FileFormatError("does not name its elements")
    return Crystal.of_pymatgen(poscar.structure)


def refuse_counts(poscar: str) -> None:
    """Refuse a POSCAR that announces more atoms than it has lines, before anything is laid out for them.

    Raises:
        FileFormatError: it does.
    """
    lines = poscar.splitlines()
    for line in lines[5:7]:
        count = sum(int(word) for word in line.split() if word.isdecimal() and len(word) < 19)
        if count > len(lines):
            raise FileFormatError(f"is truncated: {count:,} atoms announced in {len(lines):,} lines")


def _doscar_grid(line: str) -> tuple[int, float] | None:
    """Number of energies and Fermi level (eV) in line 6: highest and lowest energy, number, Fermi level, 1.0."""
    line = line.partition(";")[0]
    cells = line.split()
    if len(cells) != 5:  # NEDOS of five digits touches the energy before it, so go by VASP's columns (2F16.8,I5,2F16.8)
        cells = [line[:16], line[16:32], line[32:37], line[37:53]]
    size = cells[2].strip()
    if not re.fullmatch(r"\d{1,6}", size) or not all(math.isfinite(_number(cells[i])) for i in (0, 1)):
        return None
    return int(size), _number(cells[3])


def _without_dips(densities: FloatArray, notes: list[str]) -> FloatArray:
    """The densities without the negative dips beside peaks that Methfessel-Paxton smearing makes; larger ones stay."""
    lowest, peak = float(densities.min()), float(densities.max())
    if not -_MP_DIP * peak <= lowest < 0:
        return densities
    notes.append(f"values below zero, down to {lowest:.3g} states/eV, are dips of Methfessel-Paxton smearing and count as zero")
    return np.maximum(densities, 0.0)


def _number(text: str) -> float:
    """A number as Fortran prints it; NaN for stars (too wide for its field) and anything else."""
    try:
        return float(text)
    except ValueError:
        pass
    try:  # 0.12-101 is 0.12E-101, 0.1D+01 is 0.1E+01
        return float(re.sub(r"(?<=[\d.])[dD]?(?=[+-]\d+\s*$)", "E", text))
    except ValueError:
        return math.nan


def _last_dos(xml: bytes) -> bytes:
    """The inside of the last <dos>; of one on another k-point list (KPOINTS_OPT) only when there is no other."""
    start, at = -1, len(xml)
    while (at := xml.rfind(b"<dos", 0, at)) >= 0:
        tag = _DOS_TAG.match(xml, at)
        if tag is None:
            continue
        if (other := b"kpoints_opt" in tag.group()) and start >= 0:
            continue
        start = tag.end()
        if not other:
            break
    if start < 0:
        raise FileFormatError(_NO_DOS)
    end = xml.find(b"</dos>", start)
    if end < 0:
        raise FileFormatError("is truncated within its density of states; copy the vasprun.xml again")
    return xml[start:end]


def _element(xml: bytes, tag: str) -> Element:
    """The first element of that name, parsed alone.

    Raises:
        FileFormatError: it is missing or damaged.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    start = xml.find(f"<{tag}>".encode())
    end = xml.find(f"</{tag}>".encode(), start)
    if start < 0 or end < 0:
        raise FileFormatError(_NO_DOS if tag == "total" else f"has no <{tag}>")
    if xml.count(b"<", start, end) > _MAX_TAGS:
        raise FileFormatError(f"has over {_MAX_TAGS:,} tags within <{tag}>; recompute with a smaller NEDOS")
    try:
        element: Element = fromstring(xml[start:end].decode("latin-1") + f"</{tag}>", forbid_dtd=True)
    except (ParseError, DefusedXmlException, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise FileFormatError(f"is damaged within <{tag}> ({reason}); copy the vasprun.xml again") from None
    return element


def _columns(spin: Element) -> FloatArray:
    """Energy and density of one spin, shape (N, 2); the integrated density after them is left."""
    table = []
    for row in spin.iterfind("r"):
        cells = (row.text or "").split(maxsplit=2)
        if len(cells) < 2:
            raise FileFormatError("is damaged: a row of the DOS has fewer than two numbers; copy the vasprun.xml again")
        table.append((_number(cells[0]), _number(cells[1])))
    return np.array(table, dtype=np.float64).reshape(-1, 2)


def _gaussian_sigma(xml: bytes, notes: list[str]) -> float:
    """Standard deviation of the Gaussians in the DOS, eV, from ISMEAR and SIGMA in effect (the last ones stated)."""
    method, width = _parameter(xml, b"ISMEAR"), _parameter(xml, b"SIGMA")
    if method == 0 and 0 < width < math.inf:
        sigma = width / math.sqrt(2)  # VASP smears with exp(-(x/SIGMA)^2)
        notes.append(f"Gaussian smearing SIGMA = {width:g} eV counts as a broadening of {sigma:.4g} eV")
        return sigma
    if method not in (-5, -4):  # the tetrahedron methods do not broaden
        which = f"ISMEAR = {method:.0f}" if math.isfinite(method) else "unknown smearing"
        notes.append(f"{which} is not a Gaussian; the DOS counts as not broadened")
    return 0.0


def _parameter(xml: bytes, name: bytes) -> float:
    """The last value of an INCAR parameter: <parameters>, which come after <incar>, have what was in effect. NaN if none."""
    start = xml.rfind(b'name="' + name + b'"')
    found = re.match(rb"[^>]*>([^<]{1,60})<", xml[start : start + 200]) if start >= 0 else None
    return _number(found.group(1).decode("latin-1")) if found else math.nan


def _species(xml: bytes) -> tuple[str, ...]:
    """The element of each site."""
    cells = _element(xml, "atominfo").iterfind("array[@name='atoms']/set/rc")
    symbols = [(rc.findtext("c") or "").strip() for rc in cells]
    return tuple(_CUT_SYMBOLS.get(symbol, symbol) for symbol in symbols)


def _composition(xml: bytes, notes: list[str]) -> Composition | None:
    """The reduced composition of the cell, or None (with a note) when the file does not say."""
    try:
        return formulas.reduce(Counter(_species(xml)))
    except (FileFormatError, FormulaError) as error:
        notes.append(f"the atoms are not read: {error}")
        return None


def _crystal(xml: bytes, notes: list[str]) -> Crystal | None:
    """The last crystal of the run, or None (with a note) when there is none that can be used."""
    start = xml.rfind(b"<structure")
    if start < 0:
        return None
    piece = xml[start : xml.find(b"</structure>", start)]
    try:
        if piece.count(b"<v>") > MOST_SITES + 9:
            raise FileFormatError(f"it has over {MOST_SITES:,} atoms")
        return Crystal(_vectors(piece, b"basis"), _species(xml), _vectors(piece, b"positions"))
    except (FileFormatError, ValueError) as error:
        notes.append(f"the crystal is not read: {str(error)[:120]}")
        return None


def _vectors(xml: bytes, name: bytes) -> FloatArray:
    """The first <varray> of a name, shape (N, 3)."""
    found = re.search(rb'<varray name="' + name + rb'"\s*>(.*?)</varray>', xml, re.DOTALL)
    rows = [] if found is None else re.findall(rb"<v>([^<]*)</v>", found.group(1))
    return np.array([row.split() for row in rows], dtype=np.float64).reshape(-1, 3)
