"""Probabilities that are learned: logistic regression, and how far what it says is from what happens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_PULL, _LEAST = 1e-3, 1e-12
BINS = 10


def chance(logit: FloatArray) -> FloatArray:
    """The probability of a logit, shape as given."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def learned(factors: FloatArray, happened: FloatArray, share: FloatArray | None = None) -> tuple[float, ...]:
    """Coefficients of a logistic regression, lightly pulled to zero so that they exist whatever happened.

    Args:
        factors: of each case, shape (N, F); a column of ones gives an intercept.
        happened: 1 where it did, else 0, shape (N,).
        share: a probability that is known and that the logistic one is multiplied by, shape (N,); 1 when None.

    Returns:
        F numbers.
    """
    from scipy.optimize import minimize

    known = np.ones(len(happened)) if share is None else share

    def loss(coefficients: FloatArray) -> tuple[float, FloatArray]:
        ours = chance(factors @ coefficients)
        whole = np.clip(known * ours, _LEAST, 1 - _LEAST)
        value = -(happened * np.log(whole) + (1 - happened) * np.log(1 - whole)).sum()
        slope = ((1 - happened) / (1 - whole) - happened / whole) * known * ours * (1 - ours)
        return float(value + 0.5 * _PULL * (coefficients @ coefficients)), factors.T @ slope + _PULL * coefficients

    found = minimize(loss, np.zeros(factors.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return tuple(float(value) for value in found.x)


def calibration_error(probabilities: FloatArray, happened: FloatArray, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of probability and share that happened, over bins of equal width.

    >>> calibration_error(np.array([0.25, 0.25, 0.75, 0.75]), np.array([0.0, 1.0, 1.0, 1.0]))
    0.25
    """
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    apart = np.bincount(place, weights=probabilities - happened, minlength=bins)
    return float(np.abs(apart).sum() / max(len(probabilities), 1))
