"""A crystal as tight binding sees it: which atoms meet at what distance, and the Bloch sums of their integrals.

Lengths are in units of the cube root of the volume per atom, so a crystal type is one lattice whatever its elements and
its size. Bonds between the same atoms at the same distance form a shell; within one all integrals are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import symmetry
from dosmith.models.tight_binding.slater_koster import INTEGRALS, SPLITTINGS, angular

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The geometry of a crystal; S shells, K points of the Brillouin zone, n atoms.

    Attributes:
        sites: n.
        first: atom that a shell's bonds start from, shape (S,).
        second: atom that they lead to, shape (S,).
        distance: their length, shape (S,).
        multiplicity: how many there are, shape (S,).
        bloch: sums over a shell of matrix times phase, shape (S, 14, K, 9, 9).
        splitting: sums over a shell of the matrices of `SPLITTINGS`, shape (S, 3, 9, 9).
        weights: of the points; their sum is 1, shape (K,).
    """

    sites: int
    first: IntArray
    second: IntArray
    distance: FloatArray
    multiplicity: FloatArray
    bloch: NDArray[np.complex64]
    splitting: NDArray[np.float32]
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
    apart = lengths > 1e-6  # an atom is not its own neighbour
    first, second, images, lengths = first[apart], second[apart], images[apart], lengths[apart]
    bonds = sites[second] + images @ vectors - sites[first]
    points, weights = _points(vectors, places, kinds, density)

    matrices = angular(bonds / lengths[:, None])
    # The periodic gauge: a phase for each cell, not for each atom.
    phases = np.exp(2j * np.pi * (images @ points.T))
    keys = np.stack([first, second, np.round(lengths * 1000)], axis=1).astype(int)
    shells, place = np.unique(keys, axis=0, return_inverse=True)
    members = np.bincount(place.ravel())
    order = np.split(np.argsort(place.ravel(), kind="stable"), np.cumsum(members)[:-1])
    flat = matrices.reshape(len(matrices), -1)
    bloch = np.stack([flat[bonded].T @ phases[bonded] for bonded in order])
    bloch = bloch.reshape(len(shells), len(INTEGRALS), 9, 9, len(points)).transpose(0, 1, 4, 2, 3)
    return Lattice(
        len(sites),
        shells[:, 0],
        shells[:, 1],
        np.bincount(place.ravel(), weights=lengths) / members,
        members.astype(np.float64),
        np.ascontiguousarray(bloch, dtype=np.complex64),
        np.stack([matrices[bonded][:, SPLITTINGS].sum(axis=0) for bonded in order]).astype(np.float32),
        weights,
    )


def _points(vectors: FloatArray, places: FloatArray, kinds: tuple[int, ...], density: float) -> tuple[FloatArray, FloatArray]:
    """Irreducible points of a Gamma-centred mesh in reciprocal coordinates, shape (K, 3), and their weights."""
    mesh = [max(round(density / float(np.linalg.norm(vector))), 1) for vector in vectors]
    mapping, grid = symmetry.irreducible_mesh(vectors, places, kinds, mesh)
    found, counts = np.unique(mapping, return_counts=True)
    return np.asarray(grid[found] / np.array(mesh)), counts / counts.sum()
