"""What SIESTA writes: `*.DOS` (bare columns from SIESTA's own zero), `*.PDOS.xml` and the eigenvalues, `*.EIG` with `*.KP`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.constants import BOHR
from dosmith.errors import FileFormatError
from dosmith.sources.crystal import MOST_SITES, Crystal
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues
from dosmith.sources.tables import take_apart
from dosmith.sources.xml_text import attribute, numbers, pieces, refuse_entities, value_of

FloatArray = NDArray[np.float64]

DOS = "SIESTA .DOS"
PDOS = "SIESTA .PDOS.xml"
EIG = "SIESTA .EIG"

_ROW = re.compile(r"(?: {1,18}-?\d{1,13}\.\d{5}){2,9}\s*")
_MOST_ORBITALS = 100_000


def looks_like_dos(head: Sequence[str]) -> bool:
    """Whether the lines are columns of 20 characters with five decimals, as SIESTA writes its `.DOS`."""
    rows = [line.rstrip("\r\n") for line in head]
    return len(rows) > 3 and all(_ROW.fullmatch(row) and len(row.rstrip()) % 20 == 0 for row in rows)


def looks_like_eig(head: Sequence[str]) -> bool:
    """Whether the lines are the Fermi level, three counts, and the first eigenvalues of the first k-point."""
    words = [line.split() for line in head[:3]]
    return (
        len(words) == 3
        and len(words[0]) == 1
        and re.fullmatch(r"[+-]?\d+\.\d+(?:[ED][+-]?\d+)?", words[0][0]) is not None
        and len(words[1]) == 3
        and all(word.isdecimal() for word in words[1])
        and len(words[2]) > 1
        and words[2][0] == "1"
    )


def read_dos(lines: Iterable[str]) -> Curve:
    """A `.DOS` file: energy, density, or energy, up, down, of noncollinear runs with more behind. It states no Fermi level, and its zero means nothing.

    Raises:
        FileFormatError: it has other columns.
    """
    columns, _, _ = take_apart(lines)
    if len(columns) not in (2, 3, 5, 9):
        raise FileFormatError("is damaged: SIESTA's .DOS has energy and density, or energy, up, down; copy it again")
    if len(columns) > 3:
        notes = ["the run is noncollinear; the DOS of both spins together is used"]
        return Curve(DOS, columns[0], columns[1:3].sum(axis=0)[None], notes=notes)
    return Curve(DOS, columns[0], columns[1:])


def read_pdos(xml: bytes) -> Curve:
    """A `.PDOS.xml` (or `.PDOS`): the sum of all its orbitals, in which the states outside of them are missing.

    Raises:
        FileFormatError: it declares entities, is truncated, or orbitals are missing.
    """
    refuse_entities(xml)
    if b"</pdos>" not in xml:
        raise FileFormatError("is truncated; copy the .PDOS.xml of SIESTA again")
    energies = numbers(value_of(xml, b"energy_values"))
    spins = numbers(value_of(xml, b"nspin"))
    count = numbers(value_of(xml, b"norbitals"))
    fermi = numbers(value_of(xml, b"fermi_energy"))
    orbitals = pieces(xml, b"orbital", _MOST_ORBITALS)
    if energies.size < 2 or spins.size != 1 or spins[0] not in (1, 2, 4, 8) or not orbitals:
        raise FileFormatError("is damaged: SIESTA's .PDOS.xml has energies and orbitals; copy it again")
    if count.size == 1 and count[0] != len(orbitals):
        raise FileFormatError(
            f"holds {len(orbitals)} of {count[0]:.0f} orbitals, a part of the states; give the whole .PDOS.xml or the .DOS"
        )
    columns = int(spins[0])
    total = np.zeros((len(energies), columns))
    for orbital in orbitals:
        data = numbers(value_of(orbital, b"data"))
        if data.size != total.size:
            raise FileFormatError("is damaged: an orbital has not as many values as there are energies; copy it again")
        total += data.reshape(total.shape)
    densities = total[:, :2].T if columns == 2 else total[:, :1].T if columns == 1 else total[:, :2].sum(axis=1)[None]
    notes = [f"the sum over all {len(orbitals)} orbitals"]
    if columns > 2:
        notes.append("the run is noncollinear; the DOS of both spins together is used")
    if attribute(xml, b"energy_values", b"units") not in (b"eV", None):
        raise FileFormatError("gives energies in another unit than eV; convert them")
    return Curve(PDOS, energies, densities, float(fermi[0]) if fermi.size == 1 else None, notes=notes)


def read_eig(text: str, weights: str | None = None) -> tuple[Eigenvalues, float]:
    """The eigenvalues of an `.EIG` file and its Fermi level, eV.

    Args:
        text: of the file.
        weights: text of the `.KP` file beside it; without it there may be one k-point only.

    Raises:
        FileFormatError: they are not complete, or nothing tells the weights of the k-points.
    """
    words = text.split()
    try:
        fermi, bands, spins, points = float(words[0]), int(words[1]), int(words[2]), int(words[3])
        spins = spins if spins < 3 else 1  # noncollinear runs have all bands in one list
        size = bands * spins
        if not 0 < points * (size + 1) <= min(len(words), MOST):
            raise ValueError("counts")
        table = np.array(words[4 : 4 + points * (size + 1)], dtype=np.float64).reshape(points, size + 1)
    except (ValueError, IndexError):
        raise FileFormatError(
            "is damaged: SIESTA's .EIG has a Fermi level, counts, and a list for each k-point; copy it again"
        ) from None
    channels = table[:, 1:].reshape(points, spins, bands).transpose(1, 0, 2)
    holds = 1.0 if int(words[2]) != 1 else 2.0
    return Eigenvalues.of(channels, _weights(weights, points), holds), fermi


def curve_of_eig(text: str, weights: str | None = None) -> Curve:
    """The eigenvalues of an `.EIG` file as a density of states; arguments and errors as in `read_eig`."""
    found, fermi = read_eig(text, weights)
    return found.curve(EIG, fermi)


def _weights(text: str | None, points: int) -> FloatArray:
    """Of the k-points in a `.KP` file: a count, then number, three coordinates and weight of each."""
    if text is None:
        if points == 1:
            return np.ones(1)
        raise FileFormatError(
            f"lists eigenvalues at {points} k-points without their weights; put SIESTA's .KP beside it, or give the .PDOS.xml"
        )
    words = text.split()
    try:
        table = np.array(words[1 : 1 + 5 * points], dtype=np.float64).reshape(points, 5)
        if int(words[0]) != points:
            raise ValueError("points")
    except (ValueError, IndexError):
        raise FileFormatError(
            f"lists eigenvalues at {points} k-points, the .KP beside it others; give those of one run"
        ) from None
    return table[:, 4]


def read_xv(text: str) -> Crystal:
    """The crystal in SIESTA's `*.XV`: the last of the run, in Bohr.

    Raises:
        FileFormatError: it is none.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    try:
        lattice = np.array([row[:3] for row in rows[:3]], dtype=np.float64) * BOHR
        atoms = rows[4 : 4 + int(rows[3][0])]
        if len(atoms) != int(rows[3][0]) or len(atoms) > MOST_SITES:
            raise ValueError("atoms")
        species = [formulas.symbol_of(int(row[1])) for row in atoms]
        places = np.array([row[2:5] for row in atoms], dtype=np.float64) * BOHR
    except (ValueError, IndexError, OverflowError):
        raise FileFormatError("is no .XV of SIESTA") from None
    return Crystal.of_cartesian(lattice, species, places)
