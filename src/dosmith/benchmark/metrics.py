"""From what became of each target to numbers with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dosmith.benchmark.data import FloatArray
from dosmith.benchmark.intervals import dyadic_interval

Columns: TypeAlias = Mapping[str, FloatArray]
"""Columns of outcomes by name; see `outcomes.COLUMNS`."""


@dataclass(frozen=True)
class Metric:
    """A ratio of two sums over targets; with ones below, a mean.

    Attributes:
        meaning: in words.
        above: what is summed above the line, one number for each target.
        below: what is summed below it.
        held_out: whether it has a meaning only where the test spectra were hidden.
    """

    meaning: str
    above: Callable[[Columns], FloatArray]
    below: Callable[[Columns], FloatArray]
    held_out: bool = False


def mean_of(column: str, meaning: str, held_out: bool = False) -> Metric:
    """The mean of a column over all targets."""
    return _mean(meaning, lambda columns: columns[column], held_out)


def _mean(meaning: str, value: Callable[[Columns], FloatArray], held_out: bool = False) -> Metric:
    return Metric(meaning, value, lambda columns: np.ones(len(next(iter(columns.values())))), held_out)


def _known(meaning: str, name: str) -> Metric:
    """A metric over the targets for which there is a value."""
    return Metric(
        meaning,
        lambda columns: np.nan_to_num(columns[name]),
        lambda columns: np.isfinite(columns[name]) * 1.0,
    )


def _predicted(meaning: str, value: Callable[[Columns], FloatArray]) -> Metric:
    """A metric over the targets whose own DOS is predicted."""
    return Metric(
        meaning,
        lambda columns: np.nan_to_num(value(columns)),
        lambda columns: np.isfinite(columns["predicted"]) * 1.0,
        held_out=True,
    )


def _within(column: str, top: int) -> Callable[[Columns], FloatArray]:
    return lambda columns: (columns[column] <= top).astype(np.float64)


def _exceeds(column: str, threshold: float) -> Callable[[Columns], FloatArray]:
    return lambda columns: (np.nan_to_num(columns[column]) > threshold).astype(np.float64)


def _closed(meaning: str, picked: str) -> Metric:
    """How much of the way from random picks to the best there are."""
    above = "_09" if picked.endswith("_09") else ""
    return Metric(
        meaning,
        lambda columns: columns[picked] - columns[f"screen_random{above}"],
        lambda columns: columns[f"screen_best{above}"] - columns[f"screen_random{above}"],
        held_out=True,
    )


METRICS: dict[str, Metric] = {
    "top_1": _mean("own composition first", _within("rank", 1)),
    "top_5": _mean("own composition among the first 5 (the paper's composition accuracy)", _within("rank", 5)),
    "top_50": _mean("own composition among the first 50", _within("rank", 50)),
    "mrr": _mean("mean of 1 / rank of the own composition", lambda columns: np.reciprocal(columns["rank"])),
    "system_1": _mean("own elements, in any ratio, first", _within("system_rank", 1)),
    "system_5": _mean("own elements, in any ratio, among the first 5 sets", _within("system_rank", 5)),
    "elements_1": mean_of("elements_1", "share of the own elements in the first candidate"),
    "elements_5": mean_of("elements_5", "share of the own elements in the first 5 candidates"),
    "pattern_07": _mean(
        "mean cosine of the first 5 candidates' known DOS above 0.7 (the paper's DOS-pattern accuracy)", _exceeds("pattern", 0.7)
    ),
    "pattern_09": _mean("the same above 0.9", _exceeds("pattern", 0.9)),
    "pattern": _known("mean cosine of the first 5 candidates' known DOS, where any is known", "pattern"),
    "coverage": mean_of("coverage", "share of the first 5 candidates with a known DOS"),
    "screen": mean_of("screen", "blind screening: mean true cosine of five picks", held_out=True),
    "screen_09": mean_of("screen_09", "blind screening: share of picks above 0.9", held_out=True),
    "screen_match": mean_of("screen_match", "blind screening: share of picks that match in DOS and gap", held_out=True),
    "screen_made": mean_of(
        "screen_made", "blind screening: share of picks that match and lie within 0.1 eV/atom of the hull", held_out=True
    ),
    "screen_closed": _closed("blind screening: share of the way from random picks to the best, by mean cosine", "screen"),
    "screen_closed_09": _closed("blind screening: the same by the share above 0.9", "screen_09"),
    "screen_untold_09": mean_of(
        "screen_untold_09", "the same, picked by composition alone: no method is told a crystal", held_out=True
    ),
    "screen_untold_closed": _closed("the same share of the way, picked by composition alone", "screen_untold"),
    "design": _known("design, own composition excluded: mean cosine of the first 5 with a known DOS", "design"),
    "design_09": _known("design: share of those above 0.9", "design_09"),
    "design_coverage": mean_of("design_coverage", "design: share of the first 5 with a known DOS"),
    "predicted": _predicted(
        "forward: mean cosine of a crystal's predicted DOS to the computed one", lambda columns: columns["predicted"]
    ),
    "predicted_09": _predicted("forward: share of these above 0.9", _exceeds("predicted", 0.9)),
    "predicted_r2": Metric(
        "forward: R^2 of spectra of length 1",
        lambda columns: np.nan_to_num(columns["predicted_spread"] - columns["predicted_error"]),
        lambda columns: np.nan_to_num(columns["predicted_spread"]),
        held_out=True,
    ),
}
"""The metrics by name."""

TITLES = {
    "top_1": "top 1",
    "top_5": "top 5",
    "top_50": "top 50",
    "mrr": "MRR",
    "system_1": "system, top 1",
    "system_5": "system, top 5",
    "elements_1": "elements, first",
    "elements_5": "elements, top 5",
    "pattern_07": "pattern > 0.7",
    "pattern_09": "pattern > 0.9",
    "pattern": "pattern: cosine",
    "coverage": "coverage",
    "screen": "picks: cosine",
    "screen_09": "picks > 0.9",
    "screen_match": "picks that match",
    "screen_made": "match and exist",
    "screen_closed": "picks: closed",
    "screen_closed_09": "picks > 0.9: closed",
    "screen_untold_09": "untold picks > 0.9",
    "screen_untold_closed": "untold picks: closed",
    "design": "design: cosine",
    "design_09": "design > 0.9",
    "design_coverage": "design: coverage",
    "predicted": "forward: cosine",
    "predicted_09": "forward > 0.9",
    "predicted_r2": "forward: R²",
}
"""What stands over a column, by metric."""

BY_GROUP = (
    "screen_closed",
    "screen_match",
    "screen_made",
    "screen_untold_closed",
    "screen_untold_09",
    "design_09",
    "top_5",
    "predicted",
    "predicted_09",
)
"""Metrics that are told of each kind of target."""

BINS = 10
"""Bins of probabilities from 0 to 1."""

ORACLE: dict[str, Metric] = {
    "screen": mean_of("screen_best", "of the best there are", held_out=True),
    "screen_09": mean_of("screen_best_09", "of the best there are", held_out=True),
}
"""What blind screening could reach at most."""


def summarise(
    columns: Columns, systems: Sequence[str], metrics: Mapping[str, Metric], resamples: int, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Mean and 95 % interval of each metric: `low` and `high` know that chemical systems share elements, `bootstrap` does not.

    Compounds of one system are no independent witnesses, so whole systems count, and are drawn, with all that belongs to them.

    Args:
        columns: outcomes, one row for each target and seed.
        systems: chemical system of each row.
        metrics: which.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        mean, low, high and bootstrap of each metric by name; None without a single target that counts.
    """
    names, group = np.unique(np.array(systems, dtype=str), return_inverse=True)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples) if len(names) else None
    found: dict[str, dict[str, Any]] = {}
    for name, metric in metrics.items():
        values, weights = metric.above(columns), metric.below(columns)
        above = np.bincount(group, weights=values, minlength=len(names))
        below = np.bincount(group, weights=weights, minlength=len(names))
        if draws is None or below.sum() == 0:
            found[name] = {"mean": None, "low": None, "high": None, "bootstrap": None}
            continue
        drawn = draws @ below
        resampled = (draws @ above)[drawn > 0] / drawn[drawn > 0]
        low, high = dyadic_interval(above.astype(np.float64), below.astype(np.float64), names.tolist())
        if set(np.unique(weights)) <= {0.0, 1.0}:  # a mean lies among its values
            low, high = max(low, float(values[weights > 0].min())), min(high, float(values[weights > 0].max()))
        found[name] = {
            "mean": float(above.sum() / below.sum()),
            "low": low,
            "high": high,
            "bootstrap": [float(border) for border in np.quantile(resampled, [0.025, 0.975])],
        }
    return found


def calibration(parts: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """How far probabilities are from the shares of what happened.

    Args:
        parts: `probability` and `match` (0 or 1) of each pick, and, where that is told, whether its target is `gapped`, by fold.

    Returns:
        `error`: the mean distance over `BINS` equal bins, each counted by its picks (ECE); `probability` and `share` over all; `n`;
        `bins`: the same three for each bin that is not empty; `by_class`: all of it for targets with a gap and for metals apart.
    """
    names = [name for name in ("probability", "match", "gapped") if all(name in part for part in parts)]
    probability, match, *told = (np.concatenate([np.asarray(part[name], dtype=np.float64) for part in parts]) for name in names)
    classes = {name: gapped == value for gapped in told for name, value in (("gapped", 1), ("metal", 0))}
    apart = {name: _calibration(probability[here], match[here]) for name, here in classes.items() if here.any()}
    return _calibration(probability, match) | {"by_class": apart}


def _calibration(probability: FloatArray, match: FloatArray) -> dict[str, Any]:
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = [
        {"probability": float(probability[here].mean()), "share": float(match[here].mean()), "n": int(here.sum())}
        for here in (place == number for number in range(BINS))
        if here.any()
    ]
    error = sum(each["n"] * abs(each["probability"] - each["share"]) for each in bins) / len(match)
    return {
        "error": error,
        "probability": float(probability.mean()),
        "share": float(match.mean()),
        "n": len(match),
        "bins": bins,
    }
