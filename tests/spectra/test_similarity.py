"""Similarities against hand calculation, pymatgen and SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymatgen.electronic_structure.dos import CompleteDos
from scipy.stats import wasserstein_distance

from dosmith.errors import SettingsError, SpectrumError
from dosmith.library import ParquetLibrary
from dosmith.spectra.code import Coded
from dosmith.spectra.grid import EnergyGrid, Window
from dosmith.spectra.similarity import METRICS, Curves, similarity, unit
from dosmith.spectra.standard import Recipe, standardise_library

GRID = EnergyGrid(-2.0, 2.0, 21)
E = GRID.energies
metrics = st.sampled_from(sorted(METRICS))
curves = arrays(np.float64, GRID.points, elements=st.floats(0, 5).map(lambda value: round(value, 3))).filter(
    lambda curve: curve.max() > 0.01
)
windows = st.sampled_from([Window(-2, 2), Window(-1, 1), Window(-0.4, 1.6)])
Dos = Callable[..., np.ndarray]


def alike(target: np.ndarray, other: np.ndarray, metric: str = "cosine", **options: object) -> float:
    return float(similarity(target, other, metric, grid=GRID, **options)[0])  # type: ignore[arg-type]


@given(metrics, curves)
def test_a_curve_is_wholly_like_itself(metric: str, curve: np.ndarray) -> None:
    assert alike(curve, curve, metric) == pytest.approx(1, abs=1e-12)


@given(metrics, curves, curves)
def test_similarity_is_symmetric_and_between_zero_and_one(metric: str, one: np.ndarray, other: np.ndarray) -> None:
    there, back = alike(one, other, metric), alike(other, one, metric)
    assert there == pytest.approx(back, abs=1e-12)
    assert -1e-12 <= there <= 1 + 1e-12


@given(metrics, curves, st.lists(curves, min_size=1, max_size=5))
def test_many_are_scored_as_each_alone(metric: str, target: np.ndarray, others: list[np.ndarray]) -> None:
    scores = similarity(target, np.array(others), metric, grid=GRID)
    assert scores.shape == (len(others),)
    np.testing.assert_allclose(scores, [alike(target, other, metric) for other in others], atol=1e-12)


@given(metrics, curves, curves, windows, st.data())
def test_levels_outside_the_window_do_not_count(
    metric: str, one: np.ndarray, other: np.ndarray, window: Window, data: st.DataObject
) -> None:
    inside = window.mask(GRID)
    assume(one[inside].max() > 0 and other[inside].max() > 0)
    junk = data.draw(curves)
    changed = np.where(inside, other, junk), np.where(inside, one, junk[::-1])
    assert alike(one, other, metric, window=window) == pytest.approx(
        alike(changed[1], changed[0], metric, window=window), abs=1e-9
    )
    assert alike(one, other, metric, window=window) == pytest.approx(
        alike(one, other, metric, weights=inside.astype(float)), abs=1e-12
    )


@given(metrics, curves, curves, curves, st.floats(0.1, 10))
def test_only_the_ratios_of_weights_count(
    metric: str, one: np.ndarray, other: np.ndarray, weights: np.ndarray, factor: float
) -> None:
    weights = weights + 0.01
    assert alike(one, other, metric, weights=weights) == pytest.approx(
        alike(one, other, metric, weights=factor * weights), abs=1e-9
    )


def test_cosine_by_hand() -> None:
    one, other = np.zeros(21), np.zeros(21)
    one[3:5] = 3, 4
    other[3:6] = 4, 3, 12
    assert alike(one, other) == pytest.approx(24 / (5 * 13))
    assert alike(one, 7 * one) == pytest.approx(1)
    weights = np.ones(21)
    weights[5] = 0
    assert alike(one, other, weights=weights) == pytest.approx(24 / 25)
    weights[4] = 2  # inside the inner product, once
    assert alike(one, other, weights=weights) == pytest.approx((12 + 2 * 12) / np.sqrt((9 + 2 * 16) * (16 + 2 * 9)))


def test_curves_without_overlap_are_not_alike() -> None:
    one, other = np.zeros(21), np.zeros(21)
    one[2], other[7] = 1, 1
    assert alike(one, other) == 0
    assert alike(one, other, "tanimoto") == 0


@given(curves, curves)
def test_tanimoto_is_pymatgens(one: np.ndarray, other: np.ndarray) -> None:
    theirs = CompleteDos.get_dos_fp_similarity({"total": np.array([E, one])}, {"total": np.array([E, other])}, metric="tanimoto")
    assert alike(one, other, "tanimoto") == pytest.approx(float(theirs), abs=1e-12)


@given(curves, curves, windows)
def test_wasserstein_is_scipys(one: np.ndarray, other: np.ndarray, window: Window) -> None:
    inside = window.mask(GRID)
    assume(one[inside].max() > 0 and other[inside].max() > 0)
    distance = wasserstein_distance(E[inside], E[inside], one[inside], other[inside])
    assert 1 / alike(one, other, "wasserstein", window=window) - 1 == pytest.approx(distance, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 255, 256, 257, 700]), st.booleans())
def test_wasserstein_of_many_is_the_area_between_their_cumulative_sums(seed: int, count: int, weighted: bool) -> None:
    generator = np.random.default_rng(seed)
    target, others = generator.random(21), generator.random((count, 21)) * (generator.random((count, 21)) > 0.5)
    others[count // 2] = 0
    weights = generator.random(21) if weighted else None
    weight = np.ones(21) if weights is None else weights
    areas = others @ weight
    theirs = np.cumsum(others * weight, axis=1) / np.where(areas > 0, areas, np.inf)[:, None]
    moved = np.abs(theirs - np.cumsum(target * weight) / (target @ weight)).sum(axis=1) * GRID.step
    expected = np.where(areas > 0, 1 / (1 + moved), 0)
    assert similarity(target, others, "wasserstein", grid=GRID, weights=weights) == pytest.approx(expected, abs=1e-12)


@given(metrics, curves, st.floats(1e-6, 1e6))
def test_no_similarity_is_above_one(metric: str, curve: np.ndarray, factor: float) -> None:
    assert similarity(curve, np.array([curve, factor * curve]), metric, grid=GRID).max() <= 1


@given(shift=st.integers(-40, 40).map(lambda tenths: tenths / 10), centre=st.integers(-20, 20).map(lambda tenths: tenths / 10))
def test_the_wasserstein_distance_of_a_shifted_peak_is_the_shift(gaussian_dos: Dos, shift: float, centre: float) -> None:
    energies = EnergyGrid().energies
    one, other = (gaussian_dos(energies, [(place, 1.0, 0.2)]) for place in (centre, centre + shift))
    score = similarity(one, other, "wasserstein")[0]
    assert 1 / score - 1 == pytest.approx(abs(shift), abs=1e-6)


@pytest.mark.parametrize(("metric", "score"), [("cosine", 0.0), ("tanimoto", 0.0)])
def test_an_empty_curve_is_like_nothing(metric: str, score: float) -> None:
    assert alike(np.ones(21), np.zeros(21), metric) == score


def test_a_curve_empty_in_the_window_is_like_nothing_by_wasserstein_too(gaussian_dos: Dos) -> None:
    energies = EnergyGrid().energies
    target, elsewhere = gaussian_dos(energies, [(7.4, 1.0, 0.01)]), gaussian_dos(energies, [(-5.0, 1.0, 0.01)])
    assert similarity(target, elsewhere, "wasserstein", window=Window(5, 7.5))[0] == 0


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_the_open_sets_own_curve_is_the_most_similar(open_set: ParquetLibrary, metric: str) -> None:
    rows, values = standardise_library(open_set)
    place = rows.tolist().index(open_set.row_of("Pt3Ni-L1_2"))
    scores = similarity(values[place], values, metric)
    assert int(np.argmax(scores)) == place
    assert scores.max() == pytest.approx(1)
    assert scores.min() >= 0
    salt = rows.tolist().index(next(row for row, formula in enumerate(open_set.formulas) if formula == "LiF" or formula == "NaF"))
    platinum = rows.tolist().index(open_set.row_of("Pt-A1"))
    assert scores[platinum] > scores[salt]  # a platinum alloy is more like platinum than like a salt


def test_an_unknown_similarity_is_refused_with_the_choice() -> None:
    with pytest.raises(SettingsError, match="cosine, tanimoto, wasserstein"):
        alike(np.ones(21), np.ones(21), "euclid")


@pytest.mark.parametrize(
    ("target", "others", "options", "why"),
    [
        (np.ones(20), np.ones(21), {}, "do not fit"),
        (np.ones(21), np.ones((3, 20)), {}, "do not fit"),
        (np.zeros(21), np.ones(21), {}, "target is zero"),
        (np.eye(21)[0], np.ones(21), {"window": Window(-1, 1)}, "target is zero"),
        (np.eye(21)[0], np.ones(21), {"weights": 1 - np.eye(21)[0]}, "target is zero"),
        (np.ones(21), np.ones(21), {"weights": np.ones(20)}, "weights"),
        (np.ones(21), np.ones(21), {"weights": -np.ones(21)}, "weights"),
        (np.ones(21), np.ones(21), {"weights": np.full(21, np.nan)}, "weights"),
        (np.ones(21), np.ones(21), {"weights": np.full(21, np.inf)}, "weights"),
        (np.ones(21), np.ones(21), {"window": Window(5, 6)}, "fewer than two"),
    ],
)
def test_what_cannot_be_compared_is_refused(target: np.ndarray, others: np.ndarray, options: dict, why: str) -> None:
    with pytest.raises(SpectrumError, match=why) as refusal:
        alike(target, others, **options)
    assert "\n" not in str(refusal.value)


def test_what_is_held_ready_changes_nothing() -> None:
    random = np.random.default_rng(5)
    vectors = random.random((40, 151))
    vectors[3, :100], vectors[7] = 0, 0
    curves, weights = Curves(vectors), random.random((4, 151))
    for metric in METRICS:
        for options in ({}, *({"weights": each} for each in weights), {"window": Window(-3.0, 1.0)}, {}):
            plain = similarity(vectors[5], vectors, metric, **options)
            np.testing.assert_allclose(similarity(vectors[5], curves, metric, **options), plain, rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_codes_are_compared_as_the_curves_that_they_stand_for(metric: str) -> None:
    recipe, random = Recipe(), np.random.default_rng(6)
    centres = random.uniform(-6, 6, (60, 3, 1))
    vectors = unit(np.exp(-0.5 * ((recipe.grid.energies - centres) / 0.3) ** 2).sum(axis=1))
    coded = Curves(Coded.of(vectors, recipe))
    assert coded.points == recipe.grid.points
    for options in ({}, {"weights": random.random(151)}, {"window": Window(-4.0, 3.0)}):
        counted = vectors * options.get("weights", 1.0)
        if "window" in options:
            counted = counted * options["window"].mask(recipe.grid)
        told = counted.sum(axis=1) > 0.1 * vectors.sum(axis=1)
        assert told.sum() > 40
        plain = similarity(vectors[5], vectors, metric, **options)
        np.testing.assert_allclose(similarity(vectors[5], coded, metric, **options)[told], plain[told], atol=0.01)


@pytest.mark.parametrize("metric", ["cosine", "wasserstein"])
def test_a_code_of_a_curve_that_is_empty_in_the_window_is_like_nothing(metric: str) -> None:
    recipe = Recipe()
    below = np.exp(-0.5 * ((recipe.grid.energies - np.linspace(-6, -3, 40)[:, None]) / 0.3) ** 2)
    above = np.exp(-0.5 * ((recipe.grid.energies - 3.0) / 0.3) ** 2)
    coded = Curves(Coded.of(below / np.linalg.norm(below, axis=1, keepdims=True), recipe))
    assert similarity(above, coded, metric, window=Window(1.0, 5.0)).max() == 0.0
