"""What is done to curves is what is said."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.benchmark.sensitivity import DISTURBANCES, RECIPES, crop, noise, shift
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

GRID = EnergyGrid()


@pytest.fixture(scope="module")
def vectors(gaussian_dos) -> np.ndarray:
    made = np.array([gaussian_dos(GRID.energies, [(c, 5.0, 0.8), (c + 2.5, 3.0, 0.5)], 0.2) for c in (-4.0, -2.0, 0.0)])
    return made / made.sum(axis=1, keepdims=True) / GRID.step


@pytest.mark.parametrize("name", list(DISTURBANCES))
def test_area_stays_one_and_nothing_is_negative(name: str, vectors: np.ndarray) -> None:
    found = DISTURBANCES[name].apply(vectors, GRID, np.random.default_rng(0))
    assert found.shape == vectors.shape and found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1) * GRID.step, 1.0)
    assert not np.allclose(found, vectors)


def test_a_shift_moves_the_peak_by_that_much(vectors: np.ndarray) -> None:
    peaks = GRID.energies[vectors.argmax(axis=1)]
    np.testing.assert_allclose(GRID.energies[shift(vectors, GRID, 0.5).argmax(axis=1)], peaks + 0.5, atol=1e-9)


def test_a_crop_keeps_the_inside_in_proportion(vectors: np.ndarray) -> None:
    found = crop(vectors, GRID, -5.0, 5.0)
    inside = np.abs(GRID.energies) <= 5.0 + 1e-9
    assert not found[:, ~inside].any()
    ratio = found[:, inside] / vectors[:, inside]
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(inside.sum(), axis=1))


def test_noise_has_the_size_that_is_said_and_is_seeded(vectors: np.ndarray) -> None:
    raised = vectors + 1.0  # far from zero, where noise would be cut off
    added = noise(raised, GRID, np.random.default_rng(3), 0.05) * raised.sum(axis=1, keepdims=True) * GRID.step - raised
    assert added.std() / raised.mean() == pytest.approx(0.05, rel=0.1)
    again = noise(raised, GRID, np.random.default_rng(3), 0.05)
    np.testing.assert_array_equal(again, noise(raised, GRID, np.random.default_rng(3), 0.05))


def test_recipes_differ_from_the_usual_one() -> None:
    assert len({change(Recipe()) for change in RECIPES.values()} | {Recipe()}) == len(RECIPES) + 1
