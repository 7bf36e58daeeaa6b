"""Text files of programs whose headers say what they are: Quantum ESPRESSO, FHI-aims, phonopy.

Their columns are fixed and their energies do not start from the Fermi level unless they say so, so nothing is guessed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError
from dosmith.sources.crystal import BOHR, MOST_SITES, Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.fermi import unset_level
from dosmith.sources.tables import stated_fermi, take_apart

FloatArray = NDArray[np.float64]
Reader = Callable[[Iterable[str]], Curve]


def reader_for(head: Sequence[str]) -> Reader | None:
    """The reader of a file that begins with these lines; None when they are of no program known here."""
    opening = "\n".join(head)[:2000]
    return next((reader for signature, reader in _READERS if signature.search(opening)), None)


def read_espresso(lines: Iterable[str]) -> Curve:
    """What `dos.x` and `projwfc.x` of Quantum ESPRESSO write: `*.dos` and `*.pdos_tot`; only the former state a Fermi level.

    Raises:
        FileFormatError: the curve is projected on an atom or a k-point, or the columns are not those of its header.
    """
    columns, remarks, _ = take_apart(lines)
    header = next(remark for remark in remarks if _ESPRESSO.search(f"#{remark}"))
    if "ldos" in header:
        raise FileFormatError("is projected on one atom (Quantum ESPRESSO's pdos_atm); give the total, *.pdos_tot or *.dos")
    if re.match(r"\s*ik\b", header):
        raise FileFormatError("is resolved by k-point (kresolveddos of Quantum ESPRESSO); give the *.dos of dos.x")
    spins = 2 if "dosup(E)" in header else 1
    what = "pdos_tot" if "pdos" in header else "dos"
    expected = 1 + 2 * spins if what == "pdos_tot" else 2 + spins
    if len(columns) != expected:
        raise FileFormatError(f"is damaged: its header names {expected} columns, its rows have {len(columns)}; copy it again")
    curve = Curve(f"Quantum ESPRESSO {what}", columns[0], columns[1 : 1 + spins], stated_fermi(remarks))
    if curve.fermi == 0.0 and (level := unset_level(curve.energies, curve.densities)) is not None:
        curve.fermi, curve.assumed_fermi = None, level
        curve.notes.append(
            "its Fermi level of 0 eV is none: pw.x writes that for fixed occupations; the middle of the only gap with a whole, even number"
            " of electrons below it is taken; --electrons or --fermi says it surely"
        )
    return curve


def read_aims(lines: Iterable[str]) -> Curve:
    """`KS_DOS_total*.dat` of FHI-aims: energies from the chemical potential, or in the raw file from the vacuum level.

    Raises:
        FileFormatError: it has other than two columns, or three with spin.
    """
    columns, remarks, _ = take_apart(lines)
    if len(columns) not in (2, 3):
        raise FileFormatError("is damaged: the total DOS of FHI-aims has 2 columns, or 3 with spin; copy it again")
    level = next((found["value"] for remark in remarks if (found := _AIMS_LEVEL.search(remark))), None)
    notes = [] if level is None else [f"energies are relative to the chemical potential, {float(level):g} eV in the run"]
    return Curve("FHI-aims total DOS", columns[0], columns[1:], 0.0 if level is not None else None, notes=notes)


def read_phonopy(lines: Iterable[str]) -> Curve:
    """Refuses phonopy's `total_dos.dat`, which holds phonons: their number against their frequency.

    Raises:
        FileFormatError: always, saying what can be done with such a curve.
    """
    raise FileFormatError(
        "is phonopy's density of phonon states, not an electronic one; 'dosmith train --spectra' makes a model of such spectra"
    )


def read_espresso_xml(xml: bytes) -> Crystal:
    """The crystal in what `pw.x` leaves in PREFIX.xml and PREFIX.save/data-file-schema.xml: the last of the run, in Bohr.

    Raises:
        FileFormatError: there is none, or it is damaged.
    """
    start = xml.rfind(b"<atomic_structure")
    piece = xml[start : xml.find(b"</atomic_structure>", start)] if start >= 0 and b"<qes:espresso" in xml else b""
    atoms = re.findall(rb'<atom name="([^"]*)"[^>]*>([^<]*)</atom>', piece)
    cell = [re.search(rb"<%s>([^<]*)<" % name, piece) for name in (b"a1", b"a2", b"a3")]
    return _crystal([found.group(1).split() if found else () for found in cell], [(name, place.split()) for name, place in atoms])


def read_espresso_output(text: str) -> Crystal:
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


def read_aims_geometry(text: str) -> Crystal:
    """The crystal of FHI-aims' `geometry.in`.

    Raises:
        FileFormatError: it is no crystal.
    """
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    lattice = np.array([row[1:4] for row in rows if row[:1] == ["lattice_vector"]], dtype=np.float64).reshape(-1, 3)
    atoms = [(row[0], row[4], row[1:4]) for row in rows if row and row[0] in ("atom", "atom_frac") and len(row) > 4]
    if lattice.shape != (3, 3):
        raise FileFormatError("is no crystal: it has not three lattice vectors")
    places = np.array([place for _, _, place in atoms], dtype=np.float64).reshape(-1, 3)
    places = np.where([[kind == "atom_frac"] for kind, _, _ in atoms], places @ lattice, places)
    return Crystal.of_cartesian(lattice, [element_of(label) for _, label, _ in atoms], places)


def _crystal(
    lattice: Sequence[Sequence[str | bytes]], atoms: Sequence[tuple[str | bytes, Sequence[str | bytes]]], unit: float = 1.0
) -> Crystal:
    """From words, in Bohr times `unit`."""
    if not atoms or len(atoms) > MOST_SITES or any(len(row) != 3 for row in (*lattice, *(place for _, place in atoms))):
        raise FileFormatError("holds no whole crystal")
    species = [element_of(name if isinstance(name, str) else name.decode("latin-1")) for name, _ in atoms]
    cell, places = (np.array(rows, dtype=np.float64) * unit * BOHR for rows in (lattice, [place for _, place in atoms]))
    return Crystal.of_cartesian(cell, species, places)


_ESPRESSO = re.compile(r"^#\s*(?:ik\s+)?E \(eV\)\s+(?:dos|ldos)(?:up)?\(E\)", re.MULTILINE)
_AIMS_LEVEL = re.compile(r"chemical potential, mu =\s*(?P<value>[+-]?\d+\.\d+)\s*eV")
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (_ESPRESSO, read_espresso),
    (re.compile(r"^#\s*total density of states output by FHI-aims", re.MULTILINE), read_aims),
    (re.compile(r"\A#\s*(?:Sigma = [\d.]+|Tetrahedron method)\s*$", re.MULTILINE), read_phonopy),
)
