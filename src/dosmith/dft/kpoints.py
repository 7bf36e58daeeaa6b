"""Meshes of k-points that suit a cell, and their irreducible part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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


def irreducible(structure: Structure, divisions: Mesh) -> tuple[FloatArray, FloatArray]:
    """The irreducible points of a Gamma-centred mesh.

    Returns:
        fractional coordinates, shape (P, 3); weights summing to 1, shape (P,).
    """
    import spglib

    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), list(structure.atomic_numbers))
    mapping, grid = spglib.get_ir_reciprocal_mesh(divisions, cell, is_shift=(0, 0, 0))
    points, counts = np.unique(mapping, return_counts=True)
    return np.asarray(grid[points] / np.array(divisions)), np.asarray(counts / len(mapping))
