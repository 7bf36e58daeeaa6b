"""What Quantum ESPRESSO writes: `*.dos`, `*.pdos_tot`, the XML of the run with its eigenvalues, and the crystal in XML or output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import BOHR, HARTREE
from dosmith.errors import FileFormatError
from dosmith.sources.crystal import MOST_SITES, Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues
from dosmith.sources.fermi import unset_level
from dosmith.sources.tables import stated_fermi, take_apart
from dosmith.sources.xml_text import numbers, pieces, refuse_entities, value_of

FloatArray = NDArray[np.float64]

DOS = "Quantum ESPRESSO dos"
PDOS_TOT = "Quantum ESPRESSO pdos_tot"
XML = "Quantum ESPRESSO XML"

SIGNATURE = re.compile(r"^#\s*(?:ik\s+)?E \(eV\)\s+(?:dos|ldos)(?:up)?\(E\)", re.MULTILINE)
_MOST_POINTS = 200_000
_LEVEL = re.compile(
    r"(?:the Fermi energy is|highest occupied level \(ev\):|highest occupied, lowest unoccupied level \(ev\):)([ \d.+-]+)"
)


def read_dos(lines: Iterable[str]) -> Curve:
    """What `dos.x` and `projwfc.x` write: `*.dos` and `*.pdos_tot`; only the former state a Fermi level.

    Raises:
        FileFormatError: the curve is projected on an atom or a k-point, or the columns are not those of its header.
    """
    columns, remarks, _ = take_apart(lines)
    header = next(remark for remark in remarks if SIGNATURE.search(f"#{remark}"))
    if "ldos" in header:
        raise FileFormatError("is projected on one atom (Quantum ESPRESSO's pdos_atm); give the total, *.pdos_tot or *.dos")
    if re.match(r"\s*ik\b", header):
        raise FileFormatError("is resolved by k-point (kresolveddos of Quantum ESPRESSO); give the *.dos of dos.x")
    names = re.findall(r"Int dos\(E\)|E \(eV\)|\w+\(E\)", header)
    spins = [["dosup(E)", "dosdw(E)"], ["dos(E)"]]
    kept = next((each for each in spins if set(each) <= set(names)), [])
    if len(columns) != len(names) or not kept:
        raise FileFormatError(f"is damaged: its header names {len(names)} columns, its rows have {len(columns)}; copy it again")
    used = [names.index(name) for name in kept]
    integrated = columns[-1] if names[-1] == "Int dos(E)" else None
    kind = PDOS_TOT if "pdos" in header else DOS
    curve = Curve(kind, columns[0], columns[used], stated_fermi(remarks), integrated=integrated)
    if curve.fermi == 0.0 and (level := unset_level(curve.energies, curve.densities)) is not None:
        curve.fermi, curve.assumed_fermi = None, level
        curve.notes.append(
            "its Fermi level of 0 eV is none: pw.x writes that for fixed occupations; the middle of the only gap with a whole, even number"
            " of electrons below it is taken; --electrons or --fermi says it surely"
        )
    return curve


def read_xml(xml: bytes) -> Curve:
    """The eigenvalues in PREFIX.xml or PREFIX.save/data-file-schema.xml as a density of states.

    Raises:
        FileFormatError: it declares entities, or holds no eigenvalues.
    """
    found, level, electrons = read_eigenvalues(xml)
    curve = found.curve(XML, level)
    curve.electrons = electrons
    try:
        crystal = read_crystal(xml)
    except FileFormatError as error:
        curve.notes.append(f"the crystal is not read: {str(error)[:120]}")
    else:
        curve.crystal, curve.composition = crystal, crystal.composition
    return curve


def read_eigenvalues(xml: bytes) -> tuple[Eigenvalues, float | None, float | None]:
    """The eigenvalues of the run, its Fermi level (or highest occupied level), eV, and its electrons.

    Raises:
        FileFormatError: it declares entities, or holds no eigenvalues.
    """
    refuse_entities(xml)
    bands = value_of(xml[max(xml.rfind(b"<output"), 0) :], b"band_structure")
    if not bands:
        raise FileFormatError(
            "holds no eigenvalues; give the data-file-schema.xml of a run of pw.x that ended normally, or the *.dos of dos.x"
        )
    spin = value_of(bands, b"lsda").strip() == b"true"
    noncollinear = value_of(bands, b"noncolin").strip() == b"true"
    weights, lists = [], []
    for point in pieces(bands, b"ks_energies", _MOST_POINTS):
        weight = re.search(rb'<k_point\b[^<>]*\bweight\s*=\s*"([^"]*)"', point)
        weights.append(float(numbers(weight[1] if weight else b"")[:1].sum()))
        lists.append(numbers(value_of(point, b"eigenvalues")) * HARTREE)
        if len(lists) * len(lists[0]) > MOST:
            raise FileFormatError(f"has over {MOST:,} eigenvalues; give the *.dos of dos.x")
    if not lists or len({len(row) for row in lists}) != 1 or not lists[0].size or (spin and len(lists[0]) % 2):
        raise FileFormatError("is damaged: its k-points have not all the same number of eigenvalues; copy it again")
    table = np.stack(lists)
    channels = np.stack(np.split(table, 2, axis=1)) if spin else table[None]
    levels = [numbers(value_of(bands, tag)) for tag in (b"fermi_energy", b"highestOccupiedLevel")]
    level = next((float(each[0]) * HARTREE for each in levels if each.size == 1 and np.isfinite(each[0])), None)
    electrons = numbers(value_of(bands, b"nelec"))
    count = float(electrons[0]) if electrons.size == 1 and 0 < electrons[0] < np.inf else None
    return Eigenvalues.of(channels, weights, 1.0 if spin or noncollinear else 2.0), level, count


def read_level(text: str) -> float:
    """The last Fermi level in what `pw.x` prints, or of fixed occupations the highest occupied level or the middle of the gap, eV.

    Raises:
        FileFormatError: it states none.
    """
    if "Program PWSCF" not in text[:5000]:
        raise FileFormatError("is no output of pw.x")
    found = [*_LEVEL.finditer(text)]
    if not found:
        raise FileFormatError("states no Fermi level")
    levels = [float(word) for word in found[-1][1].split()]
    return sum(levels) / len(levels)


def read_crystal(xml: bytes) -> Crystal:
    """The crystal in what `pw.x` leaves in PREFIX.xml and PREFIX.save/data-file-schema.xml: the last of the run, in Bohr.

    Raises:
        FileFormatError: there is none, or it is damaged.
    """
    start = xml.rfind(b"<atomic_structure")
    piece = xml[start : xml.find(b"</atomic_structure>", start)] if start >= 0 and b"<qes:espresso" in xml else b""
    atoms = re.findall(rb'<atom name="([^"]*)"[^>]*>([^<]*)</atom>', piece)
    cell = [re.search(rb"<%s>([^<]*)<" % name, piece) for name in (b"a1", b"a2", b"a3")]
    return _crystal([found.group(1).split() if found else () for found in cell], [(name, place.split()) for name, place in atoms])


def read_output(text: str) -> Crystal:
    """The crystal at the head of what `pw.x` prints, of a run that does not move it.

    Raises:
        FileFormatError: it moves, or there is none.
    """
    if "Program PWSCF" not in text[:5000] or "\nATOMIC_POSITIONS" in text or "\nCELL_PARAMETERS" in text:
        raise FileFormatError("is no output of pw.x for a crystal at rest")
    scale = re.search(r"lattice parameter \(alat\)\s*=\s*(\S+)\s*a\.u\.", text)
    cell = [re.search(rf"\ba\({i}\) = \(([^)]*)\)", text) for i in (1, 2, 3)]
    atoms = re.findall(r"^[ \t]*\d+[ \t]+([A-Za-z]\S*)[ \t]+tau\(\s*\d+\s*\)\s*=\s*\(([^)]*)\)", text, re.MULTILINE)
    count = re.search(r"number of atoms/cell\s*=\s*(\d+)", text)
    if scale is None or count is None:
        raise FileFormatError("holds no whole crystal")
    rows = [(name, place.split()) for name, place in atoms[: int(count.group(1))]]  # after them the same in other coordinates
    return _crystal([found.group(1).split() if found else () for found in cell], rows, float(scale.group(1)))


def _crystal(
    lattice: Sequence[Sequence[str | bytes]], atoms: Sequence[tuple[str | bytes, Sequence[str | bytes]]], unit: float = 1.0
) -> Crystal:
    """From words, in Bohr times `unit`."""
    if not atoms or len(atoms) > MOST_SITES or any(len(row) != 3 for row in (*lattice, *(place for _, place in atoms))):
        raise FileFormatError("holds no whole crystal")
    species = [element_of(name if isinstance(name, str) else name.decode("latin-1")) for name, _ in atoms]
    try:
        cell, places = (np.array(rows, dtype=np.float64) * unit * BOHR for rows in (lattice, [place for _, place in atoms]))
    except ValueError:
        raise FileFormatError("holds a crystal whose lattice or places are no numbers") from None
    return Crystal.of_cartesian(cell, species, places)
