"""Numbers and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.benchmark.metrics import METRICS, ORACLE, mean_of, summarise
from dosmith.benchmark.outcomes import COLUMNS


def columns(**changes: list[float]) -> dict[str, np.ndarray]:
    count = len(next(iter(changes.values())))
    made = {name: np.zeros(count) for name in COLUMNS} | {"rank": np.full(count, 9.0), "system_rank": np.full(count, 9.0)}
    return made | {name: np.array(values, dtype=float) for name, values in changes.items()}


def value(metric: str, **changes: list[float]) -> float | None:
    systems = [str(place) for place in range(len(next(iter(changes.values()))))]
    found: float | None = summarise(columns(**changes), systems, METRICS | ORACLE, 100)[metric]["mean"]
    return found


def test_metrics_are_what_they_say() -> None:
    ranks = [1.0, 4.0, 50.0, 51.0]
    assert value("top_1", rank=ranks) == 0.25
    assert value("top_5", rank=ranks) == 0.5
    assert value("top_50", rank=ranks) == 0.75
    assert value("mrr", rank=[1.0, 4.0]) == pytest.approx(0.625)
    assert value("pattern_07", pattern=[0.69, 0.71, np.nan, 0.95]) == 0.5  # nothing known counts as wrong
    assert value("pattern_09", pattern=[0.69, 0.71, np.nan, 0.95]) == 0.25
    assert value("pattern", pattern=[0.6, 0.8, np.nan]) == pytest.approx(0.7)
    assert value("design", design=[np.nan, np.nan]) is None


def test_the_gap_closed_goes_from_random_picks_to_the_best() -> None:
    scale = {"screen_random": [0.5, 0.6], "screen_best": [0.9, 0.8]}
    assert METRICS["screen_closed"].held_out
    for picked, closed in (([0.5, 0.6], 0.0), ([0.9, 0.8], 1.0), ([0.7, 0.7], 0.5), ([0.4, 0.6], -1 / 6)):
        screened = columns(screen=picked, **scale)
        found = summarise(screened, ["a", "b"], {"screen_closed": METRICS["screen_closed"]}, 100)
        assert found["screen_closed"]["mean"] == pytest.approx(closed)


@given(st.lists(st.booleans(), min_size=5, max_size=60), st.integers(0, 5))
def test_an_interval_holds_its_mean_and_stays_in_bounds(hits: list[bool], seed: int) -> None:
    ranks = [1.0 if hit else 99.0 for hit in hits]
    systems = [str(place) for place in range(len(hits))]
    found = summarise(columns(rank=ranks), systems, {"top_1": METRICS["top_1"]}, 200, seed)["top_1"]
    assert found["mean"] == pytest.approx(np.mean(hits))
    assert 0.0 <= found["low"] <= found["mean"] + 1e-9 and found["mean"] - 1e-9 <= found["high"] <= 1.0


def test_compounds_of_one_system_are_no_independent_witnesses() -> None:
    generator = np.random.default_rng(0)
    each = generator.random(40) < 0.5
    ranks = np.where(np.repeat(each, 10), 1.0, 9.0)  # ten compounds of each system share its fate
    together = summarise(columns(rank=list(ranks)), list(np.repeat(np.arange(40), 10).astype(str)), METRICS, 2000)["top_1"]
    apart = summarise(columns(rank=list(ranks)), [str(place) for place in range(400)], METRICS, 2000)["top_1"]
    assert together["mean"] == apart["mean"]
    assert together["high"] - together["low"] > 2.5 * (apart["high"] - apart["low"])  # about the square root of ten


def test_the_interval_is_the_usual_one_for_independent_targets() -> None:
    generator = np.random.default_rng(1)
    hits = generator.random(400) < 0.3
    found = summarise(columns(rank=list(np.where(hits, 1.0, 9.0))), [str(p) for p in range(400)], METRICS, 4000)["top_1"]
    half = 1.96 * (hits.mean() * (1 - hits.mean()) / 400) ** 0.5
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.08)


def test_a_seed_gives_one_interval() -> None:
    ranks = [1.0, 9.0] * 20
    systems = [str(place) for place in range(40)]
    first, again, other = (summarise(columns(rank=ranks), systems, METRICS, 300, seed)["top_1"] for seed in (0, 0, 1))
    assert first == again and first != other
    assert mean_of("screen", "x").meaning == "x"
