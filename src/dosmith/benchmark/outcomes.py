"""What became of each target: where its composition stood, what its candidates' DOS are like, what was picked blindly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dosmith.benchmark.baselines import Scores
from dosmith.benchmark.data import FloatArray, IntArray, Spectra
from dosmith.model.splits import Split

Answer = NDArray[np.float32]

PICKS = 5
"""Candidates that count, as in Bang et al. 2024."""
_BATCH = 256

COLUMNS = {
    "rank": "place of the target's own composition among all, from 1; one more than there are when it is never proposed",
    "system_rank": "place of the first composition of the same elements",
    "elements_1": "share of the target's elements in the first candidate",
    "elements_5": "share of the target's elements in the first five candidates",
    "coverage": "share of the first five candidates with a known DOS",
    "pattern": "mean cosine of those to the target; nan without any",
    "screen": "mean cosine of the five hidden materials that were picked; 0 for a pick that could not be made",
    "screen_09": "share of these picks with a cosine above 0.9",
    "screen_random": "the same mean for picks at random, that is over all hidden materials",
    "screen_random_09": "share above 0.9 of all hidden materials",
    "screen_best": "the same mean for the five best there are",
    "screen_best_09": "share above 0.9 of these",
    "design": "mean cosine of the first five candidates that are not the target's own composition and have a known DOS; nan without any",
    "design_09": "number of these with a cosine above 0.9, over the number with a known DOS; nan without any",
    "design_coverage": "share of these five with a known DOS",
}
"""What is noted of each target."""


def outcomes(spectra: Spectra, split: Split, scores: Scores, vectors: FloatArray | None = None) -> dict[str, FloatArray]:
    """Ask a fitted method for every test spectrum of a split.

    Args:
        spectra: the true ones.
        split: of which `test` is asked.
        scores: of the fitted method.
        vectors: what the method is shown in place of the test spectra, shape (test, levels).

    Returns:
        the columns of `COLUMNS`, one number for each test spectrum.
    """
    shown = spectra.vectors[split.test] if vectors is None else vectors
    columns: dict[str, list[FloatArray]] = {name: [] for name in COLUMNS}
    for start in range(0, len(split.test), _BATCH):
        part = slice(start, start + _BATCH)
        rows = split.test[part]
        answer = scores(rows, shown[part])
        found = _composition(spectra, rows, answer) | _patterns(spectra, rows, answer) | _screening(spectra, split, rows, answer)
        for name, values in found.items():
            columns[name].append(values)
    return {name: np.concatenate(values) if values else np.empty(0) for name, values in columns.items()}


def best(answer: Answer, count: int) -> IntArray:
    """The places of the best scores, best first, shape (targets, count); -1 where nothing more was proposed."""
    count = min(count, answer.shape[1])
    top = np.argpartition(-answer, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(answer, top, axis=1)
    order = np.lexsort((top, -values), axis=1)
    chosen = np.take_along_axis(top, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(values, order, axis=1)), chosen, -1)


def _composition(spectra: Spectra, rows: IntArray, answer: Answer) -> dict[str, FloatArray]:
    space, truth = spectra.space, spectra.places[rows]
    own = np.take_along_axis(answer, truth[:, None], axis=1)
    ahead = (answer >= own).sum(axis=1)  # ties count against, the composition itself counts as its place
    rank = np.where(np.isfinite(own[:, 0]), ahead, len(space) + 1)
    same = space.groups[None, :] == space.groups[truth][:, None]
    first = np.where(same, answer, -np.inf).max(axis=1, keepdims=True)
    system_rank = np.where(np.isfinite(first[:, 0]), (answer > first).sum(axis=1) + 1, len(space) + 1)
    top = best(answer, PICKS)
    shares = np.zeros((2, len(rows)))
    for target, (places, true) in enumerate(zip(top, space.members[truth], strict=True)):
        for which, count in enumerate((1, PICKS)):
            seen = space.members[places[:count][places[:count] >= 0]]
            shares[which, target] = np.isin(true, seen).mean()
    return {"rank": rank * 1.0, "system_rank": system_rank * 1.0, "elements_1": shares[0], "elements_5": shares[1]}


def _patterns(spectra: Spectra, rows: IntArray, answer: Answer) -> dict[str, FloatArray]:
    """Similarity of the candidates whose DOS is known: of all, as the paper counts, and without the target's own composition."""
    top = best(answer, PICKS + 1)
    found = {name: np.full(len(rows), np.nan) for name in ("coverage", "pattern", "design", "design_09", "design_coverage")}
    for target, (row, places) in enumerate(zip(rows, top, strict=True)):
        others = [place for place in places if place >= 0 and place != spectra.places[row]][:PICKS]
        for names, chosen in (
            (("pattern", "coverage", None), places[:PICKS]),
            (("design", "design_coverage", "design_09"), others),
        ):
            known = [spectra.known(int(place), spectra.crystal_systems[row]) for place in chosen if place >= 0]
            cosines = np.array([spectra.unit[k] @ spectra.unit[row] for k in known if k is not None])
            found[names[1]][target] = len(cosines) / PICKS
            if len(cosines):
                found[names[0]][target] = cosines.mean()
                if names[2]:
                    found[names[2]][target] = (cosines > 0.9).mean()
    return found


def _screening(spectra: Spectra, split: Split, rows: IntArray, answer: Answer) -> dict[str, FloatArray]:
    """Five of the hidden materials picked for each target, those of its own composition excluded; polymorphs by energy."""
    pool = split.test[np.lexsort((spectra.polymorphs[split.test],))]
    cosines = spectra.unit[rows] @ spectra.unit[pool].T
    own = spectra.places[rows][:, None] == spectra.places[pool][None, :]
    picks = best(np.where(own, -np.inf, answer[:, spectra.places[pool]]), PICKS)
    picked = np.where(picks >= 0, np.take_along_axis(cosines, np.maximum(picks, 0), axis=1), 0.0)
    others = (~own).sum(axis=1)
    ranked = -np.sort(-np.where(own, -np.inf, cosines), axis=1)[:, :PICKS]
    return {
        "screen": picked.mean(axis=1),
        "screen_09": (picked > 0.9).mean(axis=1),
        "screen_random": np.where(own, 0.0, cosines).sum(axis=1) / others,
        "screen_random_09": (np.where(own, 0.0, cosines) > 0.9).sum(axis=1) / others,
        "screen_best": ranked.mean(axis=1),
        "screen_best_09": (ranked > 0.9).mean(axis=1),
    }
