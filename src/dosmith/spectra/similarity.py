"""How alike two standard vectors are: cosine, Tanimoto, Wasserstein; within a window, with weights.

All take one target of shape (points,) and many others of shape (M, points), and return shape (M,), 1 for identical
curves. Weights multiply both curves point by point (cosine, Tanimoto: inside the inner product, so a weight counts once).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SettingsError, SpectrumError, did_you_mean
from dosmith.spectra.grid import EnergyGrid, Window

FloatArray = NDArray[np.float64]

MATCH = 0.9
"""Two densities of states match when their cosine is above this."""
_ROWS = 256  # worked on together


def similarity(
    target: FloatArray,
    others: FloatArray,
    metric: str = "cosine",
    *,
    grid: EnergyGrid | None = None,
    window: Window | None = None,
    weights: FloatArray | None = None,
    squares: FloatArray | None = None,
) -> FloatArray:
    """Similarity of the target to each of the others.

    >>> grid = EnergyGrid(-1.0, 1.0, 3)
    >>> similarity(np.array([0.0, 3.0, 4.0]), np.array([[0.0, 6.0, 8.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), grid=grid)
    array([1. , 0. , 0.6])

    Args:
        target: shape (points,).
        others: shape (M, points), or (points,) for one.
        metric: a name in `METRICS`.
        grid: the points' energies.
        window: points outside do not count.
        weights: not negative, one for each grid point, shape (points,).
        squares: sum of squares of each of the others, shape (M,), if they are known; spares half the time where neither
            window nor weights are given, and is not used where they are.

    Returns:
        shape (M,).

    Raises:
        SettingsError: there is no such metric.
        SpectrumError: shapes or weights do not fit, or the target is empty where it counts.
    """
    if metric not in METRICS:
        raise SettingsError(f"there is no similarity '{metric}'; choose from {', '.join(METRICS)}{did_you_mean(metric, METRICS)}")
    grid = grid or EnergyGrid()
    others = np.atleast_2d(others)
    if target.shape != (grid.points,) or others.shape[1] != grid.points:
        raise SpectrumError(f"vectors of {target.shape[-1]} and {others.shape[1]} points do not fit the grid {grid.key}")
    try:
        weight = np.ones(grid.points) if weights is None else np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        weight = np.empty(0)
    if weight.shape != (grid.points,) or not np.isfinite(weight).all() or weight.min() < 0:
        raise SpectrumError(f"weights must be {grid.points} finite numbers of 0 or more, one for each grid point")
    if window is not None or weights is not None:
        squares = None
    if window is not None:
        weight = weight * window.mask(grid)
    if not (target * weight).any():
        raise SpectrumError("the target is zero wherever the window and weights let it count")
    found = METRICS[metric](target, others, weight, grid.step, squares)
    return np.minimum(found, 1.0)  # rounding may bring a little more


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors scaled to norm 1, so that their inner products are cosine similarities; shape as given.

    >>> unit(np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[0.6, 0.8],
           [0. , 1. ]])
    """
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _inner_products(
    target: FloatArray, others: FloatArray, weight: FloatArray, squares: FloatArray | None
) -> tuple[FloatArray, FloatArray, float]:
    product = others @ (weight * target)
    norms = np.einsum("ij,ij,j->i", others, others, weight) if squares is None else squares
    return product, norms, float(target @ (weight * target))


def _cosine(target: FloatArray, others: FloatArray, weight: FloatArray, step: float, squares: FloatArray | None) -> FloatArray:
    """Bang et al. 2024, equation 2."""
    product, norms, norm = _inner_products(target, others, weight, squares)
    return np.asarray(product / np.sqrt(np.where(norms > 0, norms, np.inf) * norm))


def _tanimoto(target: FloatArray, others: FloatArray, weight: FloatArray, step: float, squares: FloatArray | None) -> FloatArray:
    """Kuban et al., Sci. Data 9, 646 (2022), on the curve as pymatgen's DOS fingerprint does: a.b / (a.a + b.b - a.b)."""
    product, norms, norm = _inner_products(target, others, weight, squares)
    return np.asarray(product / (norms + norm - product))


def _wasserstein(
    target: FloatArray, others: FloatArray, weight: FloatArray, step: float, squares: FloatArray | None
) -> FloatArray:
    """1 / (1 + W), W the first Wasserstein distance in eV: the mean energy by which states must move.

    In one dimension that is the area between the two curves' cumulative sums.
    """
    mine = np.cumsum(target * weight) / float(target @ weight)
    plain, moved = bool((weight == 1).all()), np.empty(len(others))
    sums = np.empty((min(_ROWS, len(others)), len(target)))
    for start in range(0, len(others), _ROWS):  # so few rows at a time that they stay in the processor's cache
        rows = others[start : start + _ROWS]
        part = sums[: len(rows)]
        np.cumsum(rows if plain else rows * weight, axis=1, out=part, dtype=np.float64)
        areas = part[:, -1:].copy()
        part /= np.where(areas > 0, areas, np.inf)
        part -= mine
        np.abs(part, out=part)
        moved[start : start + _ROWS] = np.where(areas[:, 0] > 0, part.sum(axis=1), np.inf)
    return np.asarray(1.0 / (1.0 + moved * step))


METRICS: dict[str, Callable[[FloatArray, FloatArray, FloatArray, float, FloatArray | None], FloatArray]] = {
    "cosine": _cosine,
    "tanimoto": _tanimoto,
    "wasserstein": _wasserstein,
}
"""The similarities by name."""
