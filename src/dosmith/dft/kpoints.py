"""Gamma-centred meshes of k-points: how fine, their irreducible part, and values between their points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import symmetry

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]
Mesh = tuple[int, int, int]


def mesh(structure: Structure, spacing: float) -> Mesh:
    """The smallest mesh whose points are at most `spacing` apart along each reciprocal axis.

    Args:
        structure: the crystal.
        spacing: 1/Angstrom, the factor 2 pi included.
    """
    lengths = structure.lattice.reciprocal_lattice.abc
    first, second, third = (max(1, math.ceil(length / spacing - 1e-9)) for length in lengths)
    return first, second, third


def half(divisions: Mesh) -> tuple[FloatArray, FloatArray]:
    """The points of a Gamma-centred mesh, one of each pair k, -k.

    Returns:
        fractional coordinates between -1/2 and 1/2, shape (P, 3); weights summing to 1, shape (P,).
    """
    counts: dict[Mesh, int] = {}
    for point in itertools.product(*map(range, divisions)):
        opposite = tuple(-index % count for index, count in zip(point, divisions, strict=True))
        first, second, third = min(point, opposite)
        counts[first, second, third] = counts.get((first, second, third), 0) + 1
    points = np.array(list(counts)) / np.array(divisions)
    weights = np.array(list(counts.values())) / math.prod(divisions)
    return np.asarray((points + 0.5) % 1.0 - 0.5), np.asarray(weights)


@dataclass(frozen=True, eq=False)
class IrreducibleMesh:
    """A Gamma-centred mesh whose points are known up to the symmetry of a crystal.

    Attributes:
        divisions: of the mesh along the reciprocal axes.
        points: the irreducible ones, fractional coordinates, shape (P, 3).
        index: for each point of the whole mesh its irreducible one, shape `divisions`.
    """

    divisions: Mesh
    points: FloatArray
    index: NDArray[np.intp]

    @classmethod
    def of(cls, structure: Structure, divisions: Mesh, kinds: Sequence[int] | None = None) -> IrreducibleMesh:
        """The mesh of a crystal, by spglib.

        Args:
            structure: the crystal.
            divisions: of the mesh.
            kinds: a number for each site, the same where sites may be equivalent; elements when None.
        """
        numbers = list(structure.atomic_numbers) if kinds is None else kinds
        mapping, grid = symmetry.irreducible_mesh(structure.lattice.matrix, structure.frac_coords, numbers, divisions)
        chosen, inverse = np.unique(mapping, return_inverse=True)
        index = np.empty(divisions, dtype=np.intp)
        index[tuple((grid % np.array(divisions)).T)] = inverse
        return cls(divisions, np.asarray(grid[chosen] / np.array(divisions)), index)

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many points of the whole mesh each irreducible one stands for, shape (P,)."""
        return np.bincount(self.index.ravel(), minlength=len(self.points))

    def every(self, values: FloatArray, stride: int) -> FloatArray:
        """Values on the coarser mesh of every `stride`-th point.

        Args:
            values: on the irreducible points, shape (spins, P, bands).
            stride: divides the divisions.

        Returns:
            shape (spins, points of the coarser mesh, bands), all of the same weight.
        """
        index = self.index[::stride, ::stride, ::stride].ravel()
        return values[:, index]

    def interpolate(self, values: FloatArray, factor: int) -> FloatArray:
        """Values on a mesh `factor` times finer along each axis, by periodic cubic splines.

        Args:
            values: on the irreducible points, shape (spins, P, bands).
            factor: 1 leaves the mesh as it is.

        Returns:
            shape (spins, points of the finer mesh, bands), all of the same weight.
        """
        cube = values[:, self.index]
        for axis, divisions in enumerate(self.divisions, start=1):
            cube = np.moveaxis(np.tensordot(_between(divisions, factor), cube, axes=(1, axis)), 0, axis)
        return cube.reshape(len(values), -1, values.shape[2])


def _between(count: int, factor: int) -> FloatArray:
    """The matrix from periodic values at `count` points to those at `factor` times as many, shape (factor count, count)."""
    from scipy.interpolate import CubicSpline

    if count < 3:  # too few for a spline: the trigonometric polynomial through them
        angles = 2 * np.pi * np.arange(factor * count) / (factor * count)
        return np.ones((factor, 1)) if count == 1 else np.stack([(1 + np.cos(angles)) / 2, (1 - np.cos(angles)) / 2], axis=1)
    values = np.vstack([np.eye(count), np.eye(count)[:1]])
    spline = CubicSpline(np.arange(count + 1), values, bc_type="periodic")
    return np.asarray(spline(np.arange(factor * count) / factor))
