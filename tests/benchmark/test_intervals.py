"""Intervals hold the truth as often as they say, also where systems share elements."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dosmith.benchmark.intervals import dyadic_interval, sharing
from dosmith.benchmark.metrics import mean_of, summarise

ELEMENTS = [f"E{number}" for number in range(40)]
PAIRS = list(itertools.combinations(range(len(ELEMENTS)), 2))


def drawn(generator: np.random.Generator, count: int, common: float) -> tuple[list[str], np.ndarray]:
    """Outcomes of pairs whose elements each bring a part of their own: the truth is a mean of zero."""
    chosen = [PAIRS[place] for place in generator.choice(len(PAIRS), count, replace=False)]
    own = generator.normal(0, common, len(ELEMENTS))
    values = np.array([own[first] + own[second] for first, second in chosen]) + generator.normal(0, 1, count)
    return [f"{ELEMENTS[first]}-{ELEMENTS[second]}" for first, second in chosen], values


def test_systems_share_elements_as_their_names_say() -> None:
    shared, elements = sharing(["Al-Ni", "Ni-Ti", "Pt-Zr", "Al-Pt"])
    assert elements == 5
    assert shared.tolist() == [[1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 1]]


@pytest.mark.parametrize("common", [0.0, 0.5, 1.0])
def test_the_interval_holds_the_truth_about_nineteen_times_in_twenty(common: float) -> None:
    generator, trials, held, independent = np.random.default_rng(1), 400, 0, 0
    for _ in range(trials):
        systems, values = drawn(generator, 300, common)
        low, high = dyadic_interval(values, np.ones(len(values)), systems)
        held += low <= 0 <= high
        independent += abs(values.mean()) <= 1.96 * values.std() / len(values) ** 0.5
    assert 0.91 <= held / trials <= 0.985
    if common == 1.0:
        assert independent / trials < 0.6  # what takes systems for independent is wrong nearly every other time


def test_of_shared_elements_the_interval_is_wider_than_the_bootstrap_and_without_them_about_as_wide() -> None:
    generator = np.random.default_rng(2)

    def widths(systems: list[str], values: np.ndarray) -> float:
        found = summarise({"x": values}, systems, {"x": mean_of("x", "x")}, 500)["x"]
        return (found["high"] - found["low"]) / (found["bootstrap"][1] - found["bootstrap"][0])

    assert widths(*drawn(generator, 300, 1.0)) > 1.8
    alone = [f"A{number}-B{number}" for number in range(300)]
    assert widths(alone, generator.normal(0, 1, 300)) == pytest.approx(1, abs=0.1)


def test_a_ratio_of_sums_is_held_too() -> None:
    """Where weights differ, the interval is that of the ratio, not of a mean of ratios."""
    generator, held = np.random.default_rng(3), 0
    for _ in range(300):
        systems, values = drawn(generator, 200, 0.5)
        weights = generator.uniform(0.5, 2.0, len(values))
        low, high = dyadic_interval(weights * (values + 1.0), weights, systems)
        held += low <= 1.0 <= high
    assert 0.91 <= held / 300 <= 0.985
