"""From errors on chemistry that was not seen to bands and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.spectra.similarity import MATCH, unit
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

BAND = 0.68
"""Share of the grid points that a band is to hold."""
_LISTED = 50  # best candidates of each target from which probabilities are learned
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

    def half_widths(self, vectors: FloatArray) -> FloatArray:
        """Half-widths of the bands around predicted standard vectors, 1/eV, shape as given."""
        return self.width * (vectors + self.floor)

    def probability(self, similarity: FloatArray, norm: FloatArray) -> FloatArray:
        """The probability that a material matches.

        Args:
            similarity: inner product of a target of norm 1 and the expected spectrum.
            norm: of the expected spectrum; shapes that broadcast.
        """
        logit = self.intercept + self.slope * similarity + self.certainty * norm
        return np.asarray(1 / (1 + np.exp(-logit)))

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def calibrate(
    expected: FloatArray, vectors: FloatArray, systems: Sequence[str], recipe: Recipe, kinds: Sequence[str] = ()
) -> Calibration:
    """The calibration of predictions for chemistry that was held out.

    Args:
        expected: spectra that were predicted without having been seen, as in `Prediction.expected`, shape (M, points).
        vectors: the computed ones, 1/eV, shape (M, points).
        systems: chemical system of each; a target is never matched with its own.
        recipe: of the vectors.
        kinds: of crystal, of each; none when they do not matter.
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

    similarity, match = true @ expected.T, true @ true.T > MATCH
    names = np.unique(np.array(systems, dtype=str), return_inverse=True)[1]
    similarity[names[:, None] == names[None, :]] = -np.inf
    listed = np.argsort(-similarity, axis=1)[:, : min(_LISTED, len(true))]
    chosen = np.take_along_axis(similarity, listed, axis=1)
    kept = np.isfinite(chosen)
    factors = np.stack([np.ones(kept.sum()), chosen[kept], np.broadcast_to(norms[listed], listed.shape)[kept]], axis=1)
    intercept, slope, certainty = _logistic(factors, np.take_along_axis(match, listed, axis=1)[kept].astype(np.float64))
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
    )


def _accuracy(cosines: FloatArray) -> list[float]:
    return [len(cosines), float(cosines.mean()), float((cosines > MATCH).mean())]


def _logistic(factors: FloatArray, happened: FloatArray) -> tuple[float, ...]:
    """Coefficients of a logistic regression, lightly pulled to zero so that they exist whatever happened."""
    from scipy.optimize import minimize

    def loss(coefficients: FloatArray) -> tuple[float, FloatArray]:
        logit = factors @ coefficients
        value = np.logaddexp(0, logit).sum() - happened @ logit + 0.5e-3 * (coefficients @ coefficients)
        gradient = factors.T @ (1 / (1 + np.exp(-logit)) - happened) + 1e-3 * coefficients
        return float(value), gradient

    found = minimize(loss, np.zeros(factors.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return tuple(float(value) for value in found.x)
