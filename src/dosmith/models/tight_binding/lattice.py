"""A crystal as tight binding sees it: which atoms meet at what distance and in which direction, and the phases of its points.

Lengths are in units of the cube root of the volume per atom, so a crystal type is one lattice whatever its elements and
its size. Of each bond and the same one seen from its other end, one is kept. Bonds between the same atoms at the same distance form a
shell; within one all integrals are equal. What is kept of a crystal of two dozen atoms takes half a megabyte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import symmetry
from dosmith.models.tight_binding.slater_koster import ORBITALS, SPLIT_TERMS, terms

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The geometry of a crystal; n atoms, S shells, P bonds, R cells that they lead to, K points of the Brillouin zone.

    Attributes:
        sites: n.
        first: atom that a shell's bonds start from, shape (S,).
        second: atom that they lead to, shape (S,).
        distance: their length, shape (S,).
        splitting: sums over a shell of the terms of `SPLIT_TERMS`, shape (S, 59).
        shell: of each bond, shape (P,).
        cell: that it leads to, one of R, shape (P,); 0 is the one that it starts from.
        angular: see `slater_koster.terms`, shape (P, 170).
        phases: real parts and, below them, imaginary parts of the phase of each cell at each point, shape (2 K, R).
        weights: of the points; their sum is 1, shape (K,).
    """

    sites: int
    first: IntArray
    second: IntArray
    distance: NDArray[np.float32]
    splitting: NDArray[np.float32]
    shell: IntArray
    cell: IntArray
    angular: NDArray[np.float32]
    phases: NDArray[np.float32]
    weights: FloatArray

    @classmethod
    def of(cls, structure: Structure, density: float, reach: float) -> Lattice:
        """The lattice of a crystal.

        Args:
            structure: elements count only for the symmetry.
            density: of the mesh, which has about the cube of this many points, divided by the number of atoms.
            reach: of the bonds, in units of the cube root of the volume per atom.
        """
        vectors = structure.lattice.matrix / (structure.volume / len(structure)) ** (1 / 3)
        numbers = [site.specie.Z for site in structure]
        kinds = tuple(list(dict.fromkeys(numbers)).index(number) for number in numbers)
        return _lattice(*map(_rounded, (vectors, structure.frac_coords)), kinds, density, reach)

    @property
    def corners(self) -> IntArray:
        """Where the block of each bond begins among the R matrices of 9 n rows, flattened, shape (P,)."""
        width = ORBITALS * self.sites
        return ((self.cell * self.sites + self.first[self.shell]) * width + self.second[self.shell]) * ORBITALS


def _rounded(values: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 6) + 0.0 for value in row) for row in values)


@lru_cache(maxsize=512)
def _lattice(
    rows: tuple[tuple[float, ...], ...],
    coordinates: tuple[tuple[float, ...], ...],
    kinds: tuple[int, ...],
    density: float,
    reach: float,
) -> Lattice:
    """Crystals of one type share theirs."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    vectors, places = np.array(rows), np.array(coordinates)
    sites = places @ vectors
    first, second, images, lengths = find_points_in_spheres(
        np.ascontiguousarray(sites), np.ascontiguousarray(sites), reach, np.ones(3, dtype=np.int64), vectors, 1e-8
    )
    images = np.rint(images).astype(np.intp)
    # Of the two ends the one from which the bond leads to a later cell or, within the cell, to a later atom.
    onwards = np.sign(images[:, 0] * 1_000_000 + images[:, 1] * 1_000 + images[:, 2])
    kept = (lengths > 1e-6) & ((onwards > 0) | ((onwards == 0) & (first < second)))
    first, second, images, lengths = first[kept], second[kept], images[kept], lengths[kept]
    bonds = sites[second] + images @ vectors - sites[first]
    matrices = terms(bonds / lengths[:, None])

    keys = np.stack([first, second, np.round(lengths * 1000)], axis=1).astype(np.intp)
    shells, shell = np.unique(keys, axis=0, return_inverse=True)
    shell = shell.ravel()
    splitting = np.zeros((len(shells), len(SPLIT_TERMS)))
    np.add.at(splitting, shell, matrices[:, SPLIT_TERMS])
    # Later cells only, so that the one it starts from comes first.
    cells, cell = np.unique(np.concatenate([np.zeros((1, 3), np.intp), images]), axis=0, return_inverse=True)
    points, weights = _points(vectors, places, kinds, density)
    # The periodic gauge: a phase for each cell, not for each atom.
    angles = 2 * np.pi * points @ cells.T
    return Lattice(
        len(sites),
        shells[:, 0],
        shells[:, 1],
        (np.bincount(shell, weights=lengths) / np.bincount(shell)).astype(np.float32),
        splitting.astype(np.float32),
        shell,
        cell.ravel()[1:],
        matrices.astype(np.float32),
        np.concatenate([np.cos(angles), np.sin(angles)]).astype(np.float32),
        weights,
    )


def _points(vectors: FloatArray, places: FloatArray, kinds: tuple[int, ...], density: float) -> tuple[FloatArray, FloatArray]:
    """Irreducible points of a Gamma-centred mesh in reciprocal coordinates, shape (K, 3), and their weights."""
    mesh = [max(round(density / float(np.linalg.norm(vector))), 1) for vector in vectors]
    mapping, grid = symmetry.irreducible_mesh(vectors, places, kinds, mesh)
    found, counts = np.unique(mapping, return_counts=True)
    return np.asarray(grid[found] / np.array(mesh)), counts / counts.sum()
