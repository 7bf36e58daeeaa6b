"""Meshes follow the cell; irreducible points stand for the whole mesh."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.dft.kpoints import irreducible, mesh

FCC = Structure([[0, 2, 2], [2, 0, 2], [2, 2, 0]], ["Al"], [[0, 0, 0]])
SLAB = Structure([[3, 0, 0], [0, 3, 0], [0, 0, 12]], ["Al"], [[0, 0, 0]])


def test_a_longer_axis_needs_fewer_points() -> None:
    assert mesh(SLAB, 0.55) == (4, 4, 1)
    assert mesh(SLAB, 0.25) == (9, 9, 3)
    for divisions, length in zip(mesh(FCC, 0.19), FCC.lattice.reciprocal_lattice.abc, strict=True):
        assert length / divisions <= 0.19 < length / (divisions - 1)


def test_weights_add_up_and_few_points_stand_for_all() -> None:
    points, weights = irreducible(FCC, (8, 8, 8))
    assert weights.sum() == pytest.approx(1.0)
    assert len(points) == 29  # as tabulated for fcc with Gamma
    assert len(points) == len(weights)


def test_the_mean_of_a_symmetric_function_is_that_over_the_whole_mesh() -> None:
    def band(fractional: np.ndarray) -> np.ndarray:
        angles = 2 * np.pi * fractional
        pairs = ((0, 1), (1, 2), (0, 2))
        neighbours = np.cos(angles).sum(axis=1) + sum(np.cos(angles[:, a] - angles[:, b]) for a, b in pairs)
        return neighbours**2  # squared, so that its mean is not zero

    points, weights = irreducible(FCC, (6, 6, 6))
    whole = np.stack(np.meshgrid(*[np.arange(6) / 6] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    assert weights @ band(points) == pytest.approx(band(whole).mean())
