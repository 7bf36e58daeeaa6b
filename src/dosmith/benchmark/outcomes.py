"""What became of each target: where its composition stood, what its candidates' DOS are like, what was picked blindly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.benchmark.baselines import Predictor, Scores
from dosmith.benchmark.data import FloatArray, IntArray, Spectra
from dosmith.crystals.existence import WITHIN
from dosmith.models.splits import Split
from dosmith.ranking import best
from dosmith.spectra.match import GAPPED, Gaps
from dosmith.spectra.similarity import MATCH, unit

Answer = NDArray[np.floating[Any]]

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
    "screen_match": "share of these picks that match: a cosine above 0.9, and both metals or gaps that agree",
    "screen_made": "share that match and lie within 0.1 eV/atom of the hull; a pick whose height is unknown does not count",
    "screen_untold": "the same mean where a method picks by composition alone, told nothing of the hidden crystals",
    "screen_untold_09": "share of those picks above 0.9",
    "screen_random": "the same mean for picks at random, that is over all hidden materials",
    "screen_random_09": "share above 0.9 of all hidden materials",
    "screen_random_match": "share that match, DOS and gap, of all hidden materials",
    "screen_random_made": "share that match and lie within 0.1 eV/atom of the hull of all hidden materials",
    "screen_best": "the same mean for the five best there are",
    "screen_best_09": "share above 0.9 of these",
    "design": "mean cosine of the first five candidates that are not the target's own composition and have a known DOS; nan without any",
    "design_09": "number of these with a cosine above 0.9, over the number with a known DOS; nan without any",
    "design_coverage": "share of these five with a known DOS",
    "predicted": "cosine of the DOS that is predicted for the target's own crystal to the computed one; nan from what predicts none",
    "predicted_error": "squared distance of these two, of norm 1",
    "predicted_spread": "the same for the mean spectrum of those tested",
}
"""What is noted of each target."""


def outcomes(spectra: Spectra, split: Split, scores: Scores, vectors: FloatArray | None = None) -> dict[str, FloatArray]:
    """Ask a fitted method for every test spectrum of a split.

    Args:
        spectra: the true ones.
        split: of which `test` is asked.
        scores: of the fitted method.
        vectors: what the method is shown in place of the test spectra, shape (test, points).

    Returns:
        the columns of `COLUMNS`, one number for each test spectrum.
    """
    shown = spectra.vectors[split.test] if vectors is None else vectors
    columns: dict[str, list[FloatArray]] = {name: [] for name in COLUMNS}
    pool = split.test[np.lexsort((spectra.polymorphs[split.test],))]
    expected = scores.expected(pool) if isinstance(scores, Predictor) and scores.by_material else None
    for start in range(0, len(split.test), _BATCH):
        part = slice(start, start + _BATCH)
        rows = split.test[part]
        answer = scores(rows, shown[part])
        untold = answer[:, spectra.places[pool]]
        told = untold if expected is None else unit(shown[part]) @ expected.T
        found = _composition(spectra, rows, answer) | _patterns(spectra, rows, answer)
        found |= _screening(spectra, rows, pool, told, untold)
        for name, values in (found | _prediction(spectra, split, rows, scores)).items():
            columns[name].append(values)
    return {name: np.concatenate(values) if values else np.empty(0) for name, values in columns.items()}


def matches(spectra: Spectra, split: Split, scores: Predictor) -> dict[str, list[float]]:
    """The probabilities given to the five picks of each target, whether they were matches, and whether the target has a gap."""
    assert scores.probability is not None
    rows, expected = split.test, scores.expected(split.test)
    similarity = spectra.unit[rows] @ expected.T
    probability = scores.probability(similarity, np.linalg.norm(expected, axis=1))
    own = spectra.places[rows][:, None] == spectra.places[rows][None, :]
    picks = best(np.where(own, -np.inf, similarity), PICKS)
    made = picks >= 0
    matched = spectra.unit[rows] @ spectra.unit[rows].T > MATCH
    return {
        "probability": np.take_along_axis(probability, picks, axis=1)[made].round(6).tolist(),
        "match": np.take_along_axis(matched, picks, axis=1)[made].astype(float).tolist(),
        "gapped": np.broadcast_to(spectra.gaps[rows][:, None] >= GAPPED, made.shape)[made].astype(float).tolist(),
    }


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
                    found[names[2]][target] = (cosines > MATCH).mean()
    return found


def _prediction(spectra: Spectra, split: Split, rows: IntArray, scores: Scores) -> dict[str, FloatArray]:
    """How the DOS of the targets' own crystals are predicted."""
    if not isinstance(scores, Predictor):
        return {name: np.full(len(rows), np.nan) for name in ("predicted", "predicted_error", "predicted_spread")}
    expected = scores.expected(rows)
    norms = np.linalg.norm(expected, axis=1, keepdims=True)
    guess, true = expected / np.where(norms > 0, norms, 1.0), spectra.unit[rows]
    return {
        "predicted": (guess * true).sum(axis=1),
        "predicted_error": ((guess - true) ** 2).sum(axis=1),
        "predicted_spread": ((true - spectra.unit[split.test].mean(axis=0)) ** 2).sum(axis=1),
    }


def _screening(spectra: Spectra, rows: IntArray, pool: IntArray, told: Answer, untold: Answer) -> dict[str, FloatArray]:
    """Five of the hidden materials picked for each target, those of its own composition excluded; polymorphs by energy.

    Args:
        spectra: the true ones.
        rows: of the targets.
        pool: rows of the hidden materials.
        told: score of each for each target, by all that the method is told of it, shape (len(rows), len(pool)).
        untold: the same by its composition alone.
    """
    cosines = spectra.unit[rows] @ spectra.unit[pool].T
    own = spectra.places[rows][:, None] == spectra.places[pool][None, :]
    agree = np.array([Gaps.like(gap).hold(spectra.gaps[pool]) for gap in np.nan_to_num(spectra.gaps[rows])])
    match = (cosines > MATCH) & agree & ~np.isnan(spectra.gaps[rows])[:, None]
    made = match & (np.nan_to_num(spectra.heights[pool], nan=np.inf) <= WITHIN)
    found: dict[str, FloatArray] = {}
    for name, scores in (("screen", told), ("screen_untold", untold)):
        picks = best(np.where(own, -np.inf, scores), PICKS)
        picked = np.where(picks >= 0, np.take_along_axis(cosines, np.maximum(picks, 0), axis=1), 0.0)
        found |= {name: picked.mean(axis=1), f"{name}_09": (picked > MATCH).mean(axis=1)}
        if name == "screen":
            there = picks >= 0
            for held, which in (("screen_match", match), ("screen_made", made)):
                found[held] = (np.take_along_axis(which, np.maximum(picks, 0), axis=1) & there).mean(axis=1)
    others = (~own).sum(axis=1)
    ranked = -np.sort(-np.where(own, -np.inf, cosines), axis=1)[:, :PICKS]
    return found | {
        "screen_random": np.where(own, 0.0, cosines).sum(axis=1) / others,
        "screen_random_09": (np.where(own, 0.0, cosines) > MATCH).sum(axis=1) / others,
        "screen_random_match": (match & ~own).sum(axis=1) / others,
        "screen_random_made": (made & ~own).sum(axis=1) / others,
        "screen_best": ranked.mean(axis=1),
        "screen_best_09": (ranked > MATCH).mean(axis=1),
    }
