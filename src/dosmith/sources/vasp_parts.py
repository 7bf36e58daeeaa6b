"""Projections out of VASP's vasprun.xml, DOSCAR and PROCAR (LORBIT 10 to 12), and out of LOBSTER's DOSCAR."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import FileFormatError
from dosmith.records import Spectrum
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import SIGMA, STEP, Eigenvalues, smeared
from dosmith.sources.parts import Parts, orbital_of
from dosmith.sources.xml_text import refuse_entities

FloatArray = NDArray[np.float64]

PROCAR = "PROCAR"

_MOST = 200_000_000
"""Bytes of the projections of one file that are parsed."""
_ALL = ["s", "p", "p", "p", "d", "d", "d", "d", "d", "f", "f", "f", "f", "f", "f", "f"]
_ANGULAR = ["s", "p", "d", "f"]


def read_vasprun(xml: bytes, species: Sequence[str]) -> Parts:
    """The `<partial>` densities of the last DOS.

    Args:
        xml: of the whole file.
        species: element of each site.

    Raises:
        FileFormatError: there are none, or they are damaged.
    """
    refuse_entities(xml)
    start = xml.rfind(b"<partial>")
    end = xml.find(b"</partial>", start)
    if start < 0 or end < 0:
        raise FileFormatError("holds no projected densities; compute it with LORBIT = 11")
    if end - start > _MOST:
        raise FileFormatError("has projections that are too large to read; give the DOSCAR of the run")
    partial = xml[start:end]
    names = [name.decode("latin-1").strip() for name in re.findall(rb"<field[^>]*>([^<]*)</field>", partial)]
    orbitals = [orbital_of(name) for name in names if name.lower() not in ("energy", "eng")]
    ions = re.split(rb'<set comment="ion[^"]*">', partial)[1:]
    if len(ions) != len(species) or not orbitals:
        raise FileFormatError("is damaged: it has not a projected density for each atom; copy the vasprun.xml again")
    parts: Parts | None = None
    for element, ion in zip(species, ions, strict=True):
        spins = [_rows(spin, len(orbitals) + 1) for spin in re.split(rb'<set comment="spin[^"]*">', ion)[1:]]
        if not spins or any(spin.shape != spins[0].shape for spin in spins):
            raise FileFormatError("is damaged: spins of its projected densities differ in length; copy the vasprun.xml again")
        kept = spins if len(spins) <= 2 else spins[:1]  # noncollinear: the total, then the magnetisation
        parts = parts or Parts(kept[0][:, 0])
        for column, orbital in enumerate(orbitals, 1):
            parts.add(element, orbital, [spin[:, column] for spin in kept])
    assert parts is not None, "there is an atom"
    return parts


def _rows(xml: bytes, width: int) -> FloatArray:
    """The numbers of `<r>` rows, shape (N, width)."""
    text = b" ".join(re.findall(rb"<r>([^<]*)</r>", xml))
    try:
        return np.array(text.split(), dtype=np.float64).reshape(-1, width)
    except ValueError:
        raise FileFormatError("is damaged within its projected densities; copy the vasprun.xml again") from None


def read_doscar(text: str, species: Sequence[str] | None) -> Parts:
    """The blocks of single atoms in a DOSCAR of VASP or LOBSTER.

    Args:
        text: of the whole file.
        species: element of each site; LOBSTER's file names them itself.

    Raises:
        FileFormatError: there are none, they are damaged, or nothing tells their elements.
    """
    lines = text.splitlines()
    blocks = list(_blocks(lines))
    if len(blocks) < 2:
        raise FileFormatError("holds no projected densities; compute it with LORBIT = 11, or give the vasprun.xml")
    whole, atoms = blocks[0][1], blocks[1:]
    spins = {3: 1, 5: 2}.get(whole.shape[1], 0)
    named = all(";" in head for head, _ in atoms)
    if not named and (species is None or len(species) != len(atoms)):
        raise FileFormatError(
            f"has projections of {len(atoms)} atoms and does not name them; put the POSCAR or CONTCAR of the run beside it"
        )
    parts = Parts(whole[:, 0])
    for place, (head, rows) in enumerate(atoms):
        if named:
            element, orbitals = _of_lobster(head)
        else:
            assert species is not None
            element, orbitals = species[place], _orbitals_of(rows, whole, spins)
        columns = rows[:, 1:]
        if not named and columns.shape[1] == 4 * len(orbitals) * spins:  # noncollinear: total, then magnetisation
            columns = columns[:, ::4]
        if columns.shape[1] != len(orbitals) * spins:
            raise FileFormatError("is damaged: an atom has not a column for each orbital; copy the DOSCAR again")
        for number, orbital in enumerate(orbitals):
            parts.add(element, orbital, columns[:, number * spins : (number + 1) * spins].T)
    return parts


def _blocks(lines: Sequence[str]) -> list[tuple[str, FloatArray]]:
    """Heads and rows of the total and of each atom; the first starts at line 6, and all announce as many energies."""
    found: list[tuple[str, FloatArray]] = []
    first = lines[5].partition(";")[0] if len(lines) > 5 else ""
    cells = first.split()
    size = int(cells[2] if len(cells) == 5 else first[32:37])
    place = 5
    while place + size < len(lines) and lines[place].strip():
        rows = [line.split() for line in lines[place + 1 : place + 1 + size]]
        try:
            found.append((lines[place], np.array(rows, dtype=np.float64)))
        except ValueError:
            raise FileFormatError("is damaged: a row of its projected densities is no list of numbers; copy it again") from None
        place += size + 1
    return found


def _of_lobster(head: str) -> tuple[str, list[str]]:
    """Element and orbitals in the line above an atom: `... 1.0; Z= 28; 4s 3d_xy`."""
    number = re.search(r"Z\s*=\s*(\d+)", head)
    if number is None or not 0 < int(number[1]) <= formulas.HEAVIEST:
        raise FileFormatError("does not name the element of an atom; copy LOBSTER's DOSCAR again")
    return formulas.symbol_of(int(number[1])), [orbital_of(name) for name in head.rpartition(";")[2].split()]


def _orbitals_of(rows: FloatArray, whole: FloatArray, spins: int) -> list[str]:
    """The orbitals of VASP's columns: by angular momentum (LORBIT 10) or all (LORBIT 11), with f or without.

    Raises:
        FileFormatError: there are other columns.
    """
    if spins == 0:
        raise FileFormatError("is damaged: the total DOS of a DOSCAR has 3 columns, or 5 with spin; copy the DOSCAR again")
    columns = rows.shape[1] - 1
    for known in (_ANGULAR[:3], _ANGULAR, _ALL[:9], _ALL):
        if columns == len(known) * spins:
            if known is _ALL and spins == 1 and _noncollinear(rows):
                return _ANGULAR
            return list(known)
    for known in (_ANGULAR[:3], _ALL[:9], _ALL):
        if spins == 1 and columns == 4 * len(known):
            return list(known)
    raise FileFormatError(
        f"has {columns} columns of projections, which are of no LORBIT that is known; compute it with LORBIT = 11"
    )


def _noncollinear(rows: FloatArray) -> bool:
    """Whether sixteen columns are four orbitals with their magnetisation, which may be negative, and not sixteen orbitals."""
    return bool((rows[:, 1:] < -1e-6).any())


@dataclass(frozen=True, eq=False)
class WeightedBands:
    """Bands with their weights on atoms and orbitals; S spins, K k-points, B bands, n atoms, L orbitals.

    Attributes:
        energies: eigenvalues, eV, shape (S, K, B).
        filled: their occupations, shape (S, K, B).
        points: weights of the k-points, shape (K,).
        weights: of the states, shape (S, K, B, n, L).
        orbitals: their letters.
    """

    energies: FloatArray
    filled: FloatArray
    points: FloatArray
    weights: FloatArray
    orbitals: Sequence[str]

    def curve(self) -> Curve:
        """The density of states of the bands, and the Fermi level half way between the last that is occupied and the next."""
        occupied = self.filled > 0.5 * self.filled.max()
        if not occupied.any() or occupied.all():
            raise FileFormatError("has bands that are all occupied, or all empty; give the vasprun.xml or DOSCAR of the run")
        level = float(self.energies[occupied].max() + self.energies[~occupied].min()) / 2
        found = Eigenvalues.of(self.energies, self.points)
        curve = found.curve(PROCAR, level, [f"the Fermi level, {level:.4g} eV, is where the occupied bands end"])
        curve.sites = self.weights.shape[3]
        return curve

    def parts(self, whole: Spectrum, species: Sequence[str]) -> Parts:
        """The density of each element and orbital. Of each state VASP's spheres hold a part; here the parts are scaled to all of it."""
        step = STEP / 5
        low = float(whole.energies[0])
        count = int((float(self.energies.max()) - low + 10 * SIGMA) / step) + 2
        fine = low + step * np.arange(count)
        sums = self.weights.sum(axis=(3, 4), keepdims=True)
        shares = np.divide(self.weights, sums, out=np.zeros_like(self.weights), where=sums > 0)
        shares = shares * (self.points / self.points.sum() * (2.0 if len(self.energies) == 1 else 1.0))[:, None, None, None]
        parts = Parts(whole.energies)
        for site, element in enumerate(species):
            for number, orbital in enumerate(self.orbitals):
                rows = [
                    np.interp(whole.energies, fine, smeared(levels, states[..., site, number], low, step, count))
                    for levels, states in zip(self.energies, shares, strict=True)
                ]
                parts.add(element, orbital, rows)
        return parts


def read_bands(lines: Iterable[str]) -> Curve:
    """A PROCAR as a density of states; errors as in `read_procar`."""
    return read_procar("".join(lines)).curve()


def read_procar(text: str) -> WeightedBands:
    """The bands of a PROCAR with their weights on atoms and orbitals.

    Raises:
        FileFormatError: it is not complete, or noncollinear.
    """
    counts = re.findall(r"# of k-points: *(\d{1,9}) *# of bands: *(\d{1,9}) *# of ions: *(\d{1,9})", text)
    header = next((words for line in re.findall(r"^ion .*", text, re.MULTILINE) if (words := line.split())[-1] == "tot"), None)
    if not counts or header is None:
        raise FileFormatError("is damaged: VASP's PROCAR lists the atoms' weights in each band; copy it again")
    points, bands, ions = map(int, counts[0])
    spins = len(counts)
    orbitals = [orbital_of(name) for name in header[1:-1]]
    width = len(orbitals) + 2
    try:
        energies, filled, weights = (
            np.array(re.findall(pattern, text, re.MULTILINE), dtype=np.float64)
            for pattern in (r"^ *band +\d+ *# *energy +(\S+)", r"# *occ\. +(\S+)", r"^ *k-point.*weight *= *(\S+)")
        )
    except ValueError:
        raise FileFormatError("is damaged: energies, occupations and weights of a PROCAR are numbers; copy it again") from None
    rows = [line.split() for line in re.findall(r"^[ \t]*\d+(?:[ \t]+-?\d+\.\d+)+[ \t]*$", text, re.MULTILINE)]
    table = [row for row in rows if len(row) == width]
    shape = (spins, points, bands)
    size = spins * points * bands
    if not size * ions or len(energies) != size or len(filled) != size or len(weights) != spins * points:
        raise FileFormatError("is truncated: bands are missing in the PROCAR; copy it again")
    per_band, extra = divmod(len(table), size * ions)
    if extra or per_band != 1:  # phases (LORBIT 12) stand in other columns
        raise FileFormatError("is noncollinear or damaged; give the vasprun.xml or DOSCAR of the run")
    numbers = np.array(table, dtype=np.float64).reshape(*shape, ions, width)[..., 1:-1]
    return WeightedBands(energies.reshape(shape), filled.reshape(shape), weights[:points], numbers, orbitals)
