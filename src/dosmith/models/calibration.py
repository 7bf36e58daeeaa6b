"""From errors on chemistry that was not seen to bands and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.logistic import chance, learned
from dosmith.models.gaps import GapScale
from dosmith.spectra.grid import Window
from dosmith.spectra.match import GAPPED, Gaps, pairs_match
from dosmith.spectra.similarity import MATCH, unit
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

BAND = 0.68
"""Share of the grid points that a band is to hold."""
_LISTED = 50  # best candidates of each target from which probabilities are learned
WINDOWS = tuple(
    Window(lower, upper)
    for lower in (-7.5, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0)
    for upper in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5)
    if upper - lower >= 2.0 and upper - lower < 15.0
)
"""Parts of a curve for which matches are calibrated, eV from the energy zero."""
_ROUNDS, _FIRST = 3, 5.0  # rounds of learning a match, and the slope that begins
_NEAR = 1.6  # eV, both ends together: half the distance of neighbouring windows, a little more
_FLOOR = 0.25  # of the mean density, added to what a band's width is proportional to


@dataclass(frozen=True)
class Calibration:
    """What is to be expected of predictions for new chemistry.

    Attributes:
        count: crystals it is learned from.
        cosine: mean cosine of a prediction to the computed DOS.
        above: share of predictions with a cosine above `MATCH`.
        determination: R^2 over all grid points of spectra of norm 1, against the mean spectrum.
        intercept: of the logit of a match.
        slope: of the logit, by expected similarity.
        certainty: of the logit, by the norm of the expected spectrum.
        width: half-width of a band over density and floor.
        floor: 1/eV.
        kinds: of each kind of crystal the number, the mean cosine and the share above `MATCH`.
        classes: the same of classes of crystals, such as gapped ones, which may overlap.
        windows: of windows LOWER:UPPER (eV) that a target may be known in, intercept, slope and certainty of the logit of a match
            in that window; similarities are then the cosine in the window times the norm of the expected spectrum.
        gaps: what the model's gaps are worth; None where it was not asked for them.
        matches: of targets that are a metal's ("metal") or have a gap ("gapped"), intercept, slope and certainty of the logit of a match
            where the gaps agree.
    """

    count: int
    cosine: float
    above: float
    determination: float
    intercept: float
    slope: float
    certainty: float
    width: float
    floor: float
    kinds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    windows: Mapping[str, Sequence[float]] = field(default_factory=dict)
    gaps: GapScale | None = None
    matches: Mapping[str, Sequence[float]] = field(default_factory=dict)
    classes: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """The calibration of `as_dict`."""
        gaps = values.get("gaps")
        return cls(**{**values, "gaps": None if gaps is None else GapScale(**gaps)})

    def window_like(self, window: Window) -> Window | None:
        """The calibrated window nearest to one that a target is known in; None when none is near."""
        known = [Window.parse(key) for key in self.windows]
        if not known:
            return None
        apart = [abs(each.lower - window.lower) + abs(each.upper - window.upper) for each in known]
        place = int(np.argmin(apart))
        return known[place] if apart[place] <= _NEAR else None

    def half_widths(self, vectors: FloatArray) -> FloatArray:
        """Half-widths of the bands around predicted standard vectors, 1/eV, shape as given."""
        return self.width * (vectors + self.floor)

    def probability(self, similarity: FloatArray, norm: NDArray[np.floating[Any]], window: Window | None = None) -> FloatArray:
        """The probability that a material matches: within the whole grid, or within a window of `window_like`.

        Args:
            similarity: inner product of a target of norm 1 and the expected spectrum.
            norm: of the expected spectrum; shapes that broadcast.
        """
        intercept, slope, certainty = (
            (self.intercept, self.slope, self.certainty) if window is None else self.windows[str(window)]
        )
        logit = intercept + slope * similarity + certainty * norm
        return chance(np.asarray(logit))

    def match(self, similarity: FloatArray, norm: NDArray[np.floating[Any]], agreement: FloatArray, wanted: Gaps) -> FloatArray:
        """The probability that a material matches in its whole DOS and its gap, shape as the arguments'.

        Args:
            similarity, norm: as of `probability`.
            agreement: the probability that its gap is one of those wanted.
            wanted: gaps that agree with the target's.
        """
        kind = "metal" if wanted.metallic else "gapped"
        intercept, slope, certainty = self.matches.get(kind, (self.intercept, self.slope, self.certainty))
        return np.asarray(agreement * chance(np.asarray(intercept + slope * similarity + certainty * norm)))

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def calibrate(
    expected: FloatArray,
    vectors: FloatArray,
    systems: Sequence[str],
    recipe: Recipe,
    kinds: Sequence[str] = (),
    gaps: FloatArray | None = None,
    signed: FloatArray | None = None,
    classes: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Calibration:
    """The calibration of predictions for chemistry that was held out.

    Args:
        expected: spectra that were predicted without having been seen, as in `Prediction.expected`, shape (M, points).
        vectors: the computed ones, 1/eV, shape (M, points).
        systems: chemical system of each; a target is never matched with its own.
        recipe: of the vectors.
        kinds: of crystal, of each; none when they do not matter.
        gaps: computed ones, eV, shape (M,); None when nothing is to be learned of gaps.
        signed: those by the eigenvalues of the member that had not seen it, eV, shape (M,).
        classes: which crystals belong to each class, shapes (M,).
    """
    true = unit(vectors)
    norms = np.linalg.norm(expected, axis=1)
    cosines = (expected * true).sum(axis=1) / norms
    guess = expected / norms[:, None]
    residual = ((guess - true) ** 2).sum()
    spread = ((true - true.mean(axis=0)) ** 2).sum()

    predicted = expected / (expected.sum(axis=1, keepdims=True) * recipe.grid.step)
    floor = _FLOOR * float(vectors.mean())
    width = float(np.quantile(np.abs(vectors - predicted) / (predicted + floor), BAND))

    names = np.unique(np.array(systems, dtype=str), return_inverse=True)[1]
    intercept, slope, certainty = _matches(true @ expected.T, true @ true.T > MATCH, norms, names[:, None] == names[None, :])
    scale, matches = None, dict[str, list[float]]()
    if gaps is not None and signed is not None:
        scale, matches = calibrate_gaps(expected, vectors, systems, gaps, signed)
    return Calibration(
        len(true),
        float(cosines.mean()),
        float((cosines > MATCH).mean()),
        float(1 - residual / spread),
        intercept,
        slope,
        certainty,
        width,
        floor,
        {kind: _accuracy(cosines[np.array(kinds) == kind]) for kind in sorted(set(kinds))},
        calibrate_windows(expected, vectors, systems, recipe),
        scale,
        matches,
        accuracies(cosines, classes or {}),
    )


def accuracies(cosines: FloatArray, classes: Mapping[str, NDArray[np.bool_]]) -> dict[str, list[float]]:
    """Number, mean cosine and share above `MATCH` of each class that has a crystal; cosines and members of shape (M,)."""
    return {name: _accuracy(cosines[members]) for name, members in classes.items() if members.any()}


def calibrate_gaps(
    expected: FloatArray, vectors: FloatArray, systems: Sequence[str], gaps: FloatArray, signed: FloatArray
) -> tuple[GapScale, dict[str, list[float]]]:
    """What gaps are worth, and the logits of a match of DOS and gap, of metals and of gapped targets; arguments as of `calibrate`."""
    scale, true = GapScale.learn(signed, gaps), unit(vectors)
    names = np.unique(np.array(systems, dtype=str), return_inverse=True)[1]
    norms, gapped, found = np.linalg.norm(expected, axis=1), gaps >= GAPPED, {}
    for kind, rows in (("metal", np.flatnonzero(~gapped)), ("gapped", np.flatnonzero(gapped))):
        similarity = true[rows] @ expected.T
        match = pairs_match(true[rows] @ true.T, gaps[rows], gaps)
        agree = np.stack([scale.hold(signed, Gaps.like(gap)) for gap in gaps[rows].tolist()]) if len(rows) else similarity
        factors = np.stack([np.ones_like(similarity), similarity, np.broadcast_to(norms, similarity.shape)], axis=-1)
        same = names[rows][:, None] == names[None, :]
        weights: tuple[float, ...] = (0.0, _FIRST, 0.0)
        for _ in range(_ROUNDS):  # learned from those that would be listed by what was learned before
            order = np.where(same, -1.0, agree * chance(factors @ np.array(weights)))
            listed = np.argsort(-order, axis=1)[:, :_LISTED]
            kept = ~np.take_along_axis(same, listed, axis=1)
            if kept.any():
                chosen = np.take_along_axis(factors, listed[..., None], axis=1)[kept]
                happened = np.take_along_axis(match, listed, axis=1)[kept].astype(np.float64)
                weights = learned(chosen, happened, np.take_along_axis(agree, listed, axis=1)[kept])
        found[kind] = list(weights)
    return scale, found


def calibrate_windows(
    expected: FloatArray, vectors: FloatArray, systems: Sequence[str], recipe: Recipe, windows: Sequence[Window] = WINDOWS
) -> dict[str, list[float]]:
    """The logit of a match in each window, by the same held-out predictions; other arguments as of `calibrate`."""
    names = np.unique(np.array(systems, dtype=str), return_inverse=True)[1]
    found = {}
    for window in windows:
        similarity, match, norms, same = pairs_in_window(expected, vectors, names, window, recipe)
        found[str(window)] = list(_matches(similarity, match, norms, same))
    return found


def pairs_in_window(
    expected: FloatArray, vectors: FloatArray, names: NDArray[np.intp], window: Window, recipe: Recipe
) -> tuple[FloatArray, NDArray[np.bool_], FloatArray, NDArray[np.bool_]]:
    """Every computed spectrum as a target, every prediction as a candidate, within a window.

    Args:
        expected: held-out predictions, as in `calibrate`, shape (M, points).
        vectors: the computed ones, 1/eV, shape (M, points).
        names: number of the chemical system of each, shape (M,).
        window: that counts.
        recipe: of the vectors.

    Returns:
        of those K with states in the window, expected similarities, whether the computed spectra match, both of shape (K, K);
        norms of the predictions, shape (K,); whether two are of one chemical system, shape (K, K).
    """
    inside = window.mask(recipe.grid)
    known = np.flatnonzero((vectors[:, inside] > 0).any(axis=1))
    theirs, ours, norms = vectors[np.ix_(known, inside)], expected[np.ix_(known, inside)], np.linalg.norm(expected[known], axis=1)
    sizes = np.linalg.norm(ours, axis=1)
    true = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    shapes = ours / np.where(sizes > 0, sizes, np.inf)[:, None]
    return (true @ shapes.T) * norms, true @ true.T > MATCH, norms, names[known][:, None] == names[known][None, :]


def _matches(similarity: FloatArray, match: NDArray[np.bool_], norms: FloatArray, same: NDArray[np.bool_]) -> tuple[float, ...]:
    """Intercept, slope and certainty of the logit of a match, from the best candidates of each target; shapes as in `pairs_in_window`."""
    similarity = np.where(same, -np.inf, similarity)
    count = min(_LISTED, len(norms))
    listed = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    chosen = np.take_along_axis(similarity, listed, axis=1)
    kept = np.isfinite(chosen)
    factors = np.stack([np.ones(kept.sum()), chosen[kept], np.broadcast_to(norms[listed], listed.shape)[kept]], axis=1)
    return learned(factors, np.take_along_axis(match, listed, axis=1)[kept].astype(np.float64))


def _accuracy(cosines: FloatArray) -> list[float]:
    return [len(cosines), float(cosines.mean()), float((cosines > MATCH).mean())]
