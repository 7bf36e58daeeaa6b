"""Bands and probabilities from errors on what was not seen."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.models.calibration import BAND, MATCH, calibrate
from dosmith.spectra.standard import Recipe

RECIPE = Recipe()


@pytest.fixture(scope="module")
def blurred() -> tuple[np.ndarray, np.ndarray]:
    """Spectra of two peaks, and what a model expects of them that is off by a little and knows it: (expected, vectors)."""
    generator = np.random.default_rng(0)
    energies = RECIPE.grid.energies

    def curves(centres: np.ndarray) -> np.ndarray:
        made = np.exp(-0.5 * ((energies[None, :, None] - centres[:, None, :]) / 0.8) ** 2).sum(axis=2)
        return made / (made.sum(axis=1, keepdims=True) * RECIPE.grid.step)

    centres = generator.uniform(-5, 5, (400, 2))
    vectors = curves(centres)
    expected = np.mean([_unit(curves(centres + generator.normal(0, 0.3, centres.shape))) for _ in range(4)], axis=0)
    return expected, vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def systems(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_probabilities_are_the_shares_that_match(blurred) -> None:
    expected, vectors = blurred
    half = len(vectors) // 2
    found = calibrate(expected[:half], vectors[:half], systems(half), RECIPE)
    true = _unit(vectors[half:])
    similarity = true @ expected[half:].T
    np.fill_diagonal(similarity, -1)
    picks = np.argsort(-similarity, axis=1)[:, :20]
    given = found.probability(similarity, np.linalg.norm(expected[half:], axis=1))
    given = np.take_along_axis(given, picks, axis=1).ravel()
    happened = np.take_along_axis(true @ true.T > MATCH, picks, axis=1).ravel()
    assert given.mean() == pytest.approx(happened.mean(), abs=0.05)
    sure, unsure = given > 0.7, given < 0.3
    assert happened[sure].mean() > 0.6 and happened[unsure].mean() < 0.4


def test_a_band_holds_its_share_of_other_spectra(blurred) -> None:
    expected, vectors = blurred
    half = len(vectors) // 2
    found = calibrate(expected[:half], vectors[:half], systems(half), RECIPE)
    predicted = expected[half:] / (expected[half:].sum(axis=1, keepdims=True) * RECIPE.grid.step)
    inside = np.abs(vectors[half:] - predicted) <= found.half_widths(predicted)
    assert inside.mean() == pytest.approx(BAND, abs=0.05)


def test_perfect_predictions_are_told_from_useless_ones(blurred) -> None:
    _, vectors = blurred
    perfect = calibrate(_unit(vectors), vectors, systems(len(vectors)), RECIPE)
    assert perfect.cosine == pytest.approx(1) and perfect.above == 1 and perfect.determination == pytest.approx(1)
    mean = np.tile(_unit(vectors).mean(axis=0), (len(vectors), 1))
    useless = calibrate(mean, vectors, systems(len(vectors)), RECIPE)
    assert useless.determination < 0.3 and useless.cosine < perfect.cosine


def test_a_target_is_not_judged_by_its_own_system(blurred) -> None:
    """With every spectrum in one system nothing is left to learn a probability from, and none is made up."""
    expected, vectors = blurred
    found = calibrate(expected, vectors, ["A-B"] * len(vectors), RECIPE)
    assert (found.intercept, found.slope, found.certainty) == (0.0, 0.0, 0.0)


def test_each_kind_of_crystal_has_an_accuracy_of_its_own(blurred) -> None:
    expected, vectors = blurred
    count = len(vectors)
    kinds = ["B2"] * (count // 4) + ["L1_2"] * (count - count // 4)
    mixed = np.concatenate([_unit(vectors[: count // 4]), expected[count // 4 :]])  # B2 is predicted without an error
    found = calibrate(mixed, vectors, systems(count), RECIPE, kinds)
    assert found.kinds["B2"] == [count // 4, pytest.approx(1), 1.0]
    number, cosine, above = found.kinds["L1_2"]
    assert number == count - count // 4 and cosine < 1
    assert found.cosine == pytest.approx((count // 4 + number * cosine) / count)
    assert found.above == pytest.approx((count // 4 + number * above) / count)
