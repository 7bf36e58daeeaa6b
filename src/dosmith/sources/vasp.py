"""The total density of states out of VASP's vasprun.xml and DOSCAR, and out of LOBSTER's DOSCAR.

Of a vasprun.xml only the pieces that matter are cut out and parsed, so a large file costs little more than its
unpacking. Each piece goes through defusedxml; a file that declares a document type or entities is refused as a whole.
"""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.edges import BandEdges, edges_of_eigenvalues
from dosmith.errors import FileFormatError, FormulaError
from dosmith.formulas import Composition
from dosmith.periodic_table import elements
from dosmith.sources.crystal import MOST_SITES, Crystal
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues
from dosmith.sources.integrated import rescaled, settle
from dosmith.sources.xml_text import refuse_entities

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

_CUT_SYMBOLS = {"r": "Zr", "X": "Xe"}  # as some VASP builds print these elements
_DOS_TAG = re.compile(rb"<dos(?:\s[^<>]*)?>")
_COARSE_MESH = 0.5  # distance of neighbouring k-points, 1/Angstrom, the factor 2 pi counted
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
    dos, start = _last_dos(xml)
    notes: list[str] = []
    broadening = _gaussian_sigma(xml, notes)
    rows = [_columns(spin) for spin in _element(dos, "total").iterfind("array/set/set")]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise FileFormatError(_NO_DOS)
    if len(rows) > 2:  # noncollinear: the total, then the magnetisation along x, y, z
        rows = rows[:1]
        notes.append("the run is noncollinear; the DOS of both spins together is used")
    stated = re.search(rb'<i name="efermi">([^<]*)</i>', dos)
    fermi = _number(stated.group(1).decode("latin-1")) if stated else math.nan
    number = _parameter(xml, b"NELECT")
    electrons = number if 0 < number < math.inf else None
    columns = np.stack(rows, axis=2)  # energies, energy-density-count, spins
    found = settle(columns[:, 0, 0], columns[:, 1].T, columns[:, 2].T, fermi, electrons)
    if electrons is not None:
        found = rescaled(found, fermi, electrons)
    crystal = _crystal(xml, notes)
    return Curve(
        format="vasprun.xml",
        energies=found.energies,
        densities=found.densities,
        fermi=fermi if math.isfinite(fermi) else None,
        broadening=broadening,
        dips=_parameter(xml, b"ISMEAR") >= 1,
        composition=_composition(xml, notes),
        crystal=crystal,
        electrons=electrons,
        edges=_band_edges(xml, start, electrons, len(rows)),
        integrated=found.count,
        notes=[*notes, *found.notes, *_mesh_notes(xml, start, crystal)],
    )


def looks_like_doscar(lines: Sequence[str]) -> bool:
    """Whether the first lines are the six that open a DOSCAR: atom counts, cell, temperature, 'CAR', title, grid."""
    if len(lines) < 6:
        return False
    counts = lines[0].split()
    return (
        len(counts) == 4 and all(re.fullmatch(r"-?\d{1,9}", c, re.ASCII) for c in counts) and _doscar_grid(lines[5]) is not None
    )


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
    spins = 1 if widths == {3} else 2
    lobster = ";" in head[5] or ";" in next(rows, "")
    if lobster:
        notes.append("written by LOBSTER: energies are relative to the Fermi level")
        fermi = 0.0
    found = settle(columns[0], columns[1 : 1 + spins], columns[1 + spins :], fermi)
    sites = int(head[0].split()[0])
    if not lobster and found.count is not None and float(np.interp(fermi, found.energies, found.count)) < 0.5 * sites:
        notes.append(
            f"it holds {float(np.interp(fermi, found.energies, found.count)):.3g} electrons for {sites} atoms: VASP divides the"
            " DOSCAR of a relaxation by its steps; the shape is right, --electrons brings the states back"
        )
    return Curve(
        "LOBSTER DOSCAR" if lobster else "DOSCAR",
        found.energies,
        found.densities,
        fermi if math.isfinite(fermi) else None,
        sites=None if lobster else sites,
        integrated=found.count,
        notes=[*notes, *found.notes],
    )


def read_poscar(text: str) -> Crystal:
    """The crystal in a POSCAR or CONTCAR; errors as of `structure_of_poscar`."""
    return Crystal.of_pymatgen(structure_of_poscar(text))


def structure_of_poscar(text: str) -> Structure:
    """The crystal in a POSCAR or CONTCAR, by pymatgen, which takes one of VASP 4 that names no elements for hydrogen: that is refused.

    Raises:
        FileFormatError: it holds no crystal, or names its elements neither before their counts nor in its first line.
    """
    from pymatgen.io.vasp.inputs import Poscar

    refuse_counts(text)
    lines = text.splitlines()
    if len(lines) < 8:
        raise FileFormatError(f"is no POSCAR: it has {len(lines)} lines")
    named, counts = lines[0].split(), lines[5].split()
    of_vasp_4 = all(map(str.isdigit, counts)) and len(named) == len(counts) and all(each in elements() for each in named)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        poscar = Poscar.from_str(text, named if of_vasp_4 else None, read_velocities=False)
    if not poscar.true_names:
        raise FileFormatError("does not name its elements; write their symbols in a line before their counts")
    return poscar.structure


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


def _last_dos(xml: bytes) -> tuple[bytes, int]:
    """The inside of the last <dos> and where it begins; of one on the k-points of KPOINTS_OPT only when there is no other."""
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
    return xml[start:end], start


def _band_edges(xml: bytes, start: int, electrons: float | None, spins: int) -> BandEdges | None:
    """Band edges from the eigenvalues that stand before the DOS of the same calculation; None without them."""
    channels, occupations = _eigenvalues(xml, start)
    if not channels:
        return None
    if len(channels) == 1 and electrons is not None:
        noncollinear = re.search(rb'name="LNONCOLLINEAR">\s*T', xml) is not None
        return edges_of_eigenvalues(channels, [electrons if noncollinear else electrons / 2])
    return edges_of_eigenvalues(channels, [float((channel > 0.5).sum(axis=1).mean()) for channel in occupations])


def _eigenvalues(xml: bytes, start: int) -> tuple[list[FloatArray], list[FloatArray]]:
    """Eigenvalues (eV) and occupations of each spin in the <calculation> that holds the DOS, each of shape (k-points, bands)."""
    begin = max(xml.rfind(b"<calculation", 0, start), 0)
    opening = xml.rfind(b"<eigenvalues>", begin, start)
    end = xml.find(b"</eigenvalues>", opening, start)
    if opening < 0 or end < 0:
        return [], []
    channels, occupations = [], []
    for part in re.split(rb'<set comment="spin \d+">', xml[opening:end])[1:]:
        points = [re.findall(rb"<r>\s*(\S+)\s+(\S+)\s*</r>", point) for point in part.split(b"<set comment=")[1:]]
        if not points or len({len(point) for point in points}) != 1:
            return [], []
        table = np.array([[[_number(cell.decode("latin-1")) for cell in row] for row in point] for point in points])
        if table.ndim != 3 or not np.isfinite(table).all():
            return [], []
        channels.append(table[:, :, 0])
        occupations.append(table[:, :, 1])
    return channels, occupations


def _mesh_notes(xml: bytes, start: int, crystal: Crystal | None) -> list[str]:
    """What the k-points let one expect of the curve; nothing where they are dense, or unknown."""
    notes = []
    if b"kpoints_opt" in xml[start - 40 : start]:
        notes.append("the DOS is that of the k-points in KPOINTS_OPT")
    elif re.search(rb"<dos\s[^<>]*kpoints_opt", xml):
        notes.append("the file holds another DOS, of the k-points in KPOINTS_OPT; that of the main k-points is used")
    divisions = re.search(rb'name="divisions">([^<]*)<', xml)
    words = divisions.group(1).split() if divisions else []
    if crystal is None or len(words) != 3 or not all(word.isdigit() and int(word) > 0 for word in words):
        return notes
    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(crystal.lattice).T, axis=1)
    apart = float((lengths / np.array([int(word) for word in words])).max())
    if apart > _COARSE_MESH:
        mesh = " x ".join(word.decode() for word in words)
        notes.append(
            f"{mesh} k-points are up to {apart:.2g} /A apart: a coarse mesh, whose gaps and peaks may not be the crystal's"
        )
    return notes


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
    """Energy, density and integrated density of one spin, NaN where there is no third, shape (N, 3)."""
    table = []
    for row in spin.iterfind("r"):
        cells = (row.text or "").split(maxsplit=3)
        if len(cells) < 2:
            raise FileFormatError("is damaged: a row of the DOS has fewer than two numbers; copy the vasprun.xml again")
        table.append((_number(cells[0]), _number(cells[1]), _number(cells[2]) if len(cells) > 2 else math.nan))
    return np.array(table, dtype=np.float64).reshape(-1, 3)


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


def species_of(xml: bytes) -> tuple[str, ...]:
    """The element of each site."""
    cells = _element(xml, "atominfo").iterfind("array[@name='atoms']/set/rc")
    symbols = [(rc.findtext("c") or "").strip() for rc in cells]
    return tuple(_CUT_SYMBOLS.get(symbol, symbol) for symbol in symbols)


def _composition(xml: bytes, notes: list[str]) -> Composition | None:
    """The reduced composition of the cell, or None (with a note) when the file does not say."""
    try:
        return formulas.reduce(Counter(species_of(xml)))
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
        return Crystal(_vectors(piece, b"basis"), species_of(xml), _vectors(piece, b"positions"))
    except (FileFormatError, ValueError) as error:
        notes.append(f"the crystal is not read: {str(error)[:120]}")
        return None


def _vectors(xml: bytes, name: bytes) -> FloatArray:
    """The first <varray> of a name, shape (N, 3)."""
    found = re.search(rb'<varray name="' + name + rb'"\s*>(.*?)</varray>', xml, re.DOTALL)
    rows = [] if found is None else re.findall(rb"<v>([^<]*)</v>", found.group(1))
    return np.array([row.split() for row in rows], dtype=np.float64).reshape(-1, 3)


def read_eigenval(text: str) -> tuple[Eigenvalues, float]:
    """The eigenvalues in VASP's EIGENVAL, eV, and the electrons of the run.

    Raises:
        FileFormatError: they are not complete.
    """
    lines = text.splitlines()
    try:
        spins = int(lines[0].split()[3])
        electrons, points, bands = (int(word) for word in lines[5].split()[:3])
        if spins not in (1, 2) or not 0 < points * bands * spins <= MOST or len(lines) < 6 + points * (bands + 2):
            raise ValueError("counts")
        weights, rows = [], []
        for point in range(points):
            start = 7 + point * (bands + 2)
            weights.append(float(lines[start].split()[3]))
            rows.append([[float(word) for word in line.split()[1 : 1 + spins]] for line in lines[start + 1 : start + 1 + bands]])
        table = np.array(rows, dtype=np.float64).transpose(2, 0, 1)
    except (ValueError, IndexError):
        raise FileFormatError("is damaged: VASP's EIGENVAL lists the bands of each k-point; copy it again") from None
    return Eigenvalues.of(table, weights, 1.0 if spins == 2 else 2.0), float(electrons)
