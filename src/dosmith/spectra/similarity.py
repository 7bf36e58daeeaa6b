"""How alike two standard vectors are: cosine, Tanimoto, Wasserstein; within a window, with weights.

All take one target of shape (points,) and many others of shape (M, points), and return shape (M,), 1 for identical
curves. Weights multiply both curves point by point (cosine, Tanimoto: inside the inner product, so a weight counts once).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SettingsError, SpectrumError, did_you_mean
from dosmith.spectra.grid import EnergyGrid, Window

FloatArray = NDArray[np.float64]

MATCH = 0.9
"""Two densities of states match when their cosine is above this."""


class Curves:
    """Curves to be compared with many targets: what depends on them and on the weights alone is worked out once.

    Args:
        vectors: shape (M, points).
    """

    def __init__(self, vectors: FloatArray) -> None:
        self.vectors = vectors
        self._norms, self._sums = lru_cache(maxsize=2)(self._squared), lru_cache(maxsize=2)(self._summed)

    def norms(self, weight: FloatArray) -> FloatArray:
        """Weighted sums of squares, shape (M,)."""
        return self._norms(weight.tobytes())

    def sums(self, weight: FloatArray) -> FloatArray:
        """Weighted cumulative sums up to 1, nan for curves that are zero wherever they count, shape (M, points)."""
        return self._sums(weight.tobytes())

    def _squared(self, weight: bytes) -> FloatArray:
        return np.asarray(np.einsum("ij,ij,j->i", self.vectors, self.vectors, np.frombuffer(weight)))

    def _summed(self, weight: bytes) -> FloatArray:
        found = np.cumsum(self.vectors * np.frombuffer(weight), axis=1, dtype=np.float64)
        areas = found[:, -1:].copy()
        found /= np.where(areas > 0, areas, np.nan)
        return found


def similarity(
    target: FloatArray,
    others: FloatArray | Curves,
    metric: str = "cosine",
    *,
    grid: EnergyGrid | None = None,
    window: Window | None = None,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Similarity of the target to each of the others.

    >>> grid = EnergyGrid(-1.0, 1.0, 3)
    >>> similarity(np.array([0.0, 3.0, 4.0]), np.array([[0.0, 6.0, 8.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), grid=grid)
    array([1. , 0. , 0.6])

    Args:
        target: shape (points,).
        others: shape (M, points), or (points,) for one; `Curves` where they are compared with many targets.
        metric: a name in `METRICS`.
        grid: the points' energies.
        window: points outside do not count.
        weights: not negative, one for each grid point, shape (points,).

    Returns:
        shape (M,).

    Raises:
        SettingsError: there is no such metric.
        SpectrumError: shapes or weights do not fit, or the target is empty where it counts.
    """
    if metric not in METRICS:
        raise SettingsError(f"there is no similarity '{metric}'; choose from {', '.join(METRICS)}{did_you_mean(metric, METRICS)}")
    grid = grid or EnergyGrid()
    curves = others if isinstance(others, Curves) else Curves(np.atleast_2d(others))
    if target.shape != (grid.points,) or curves.vectors.shape[1] != grid.points:
        raise SpectrumError(f"vectors of {target.shape[-1]} and {curves.vectors.shape[1]} points do not fit the grid {grid.key}")
    try:
        weight = np.ones(grid.points) if weights is None else np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        weight = np.empty(0)
    if weight.shape != (grid.points,) or not np.isfinite(weight).all() or weight.min() < 0:
        raise SpectrumError(f"weights must be {grid.points} finite numbers of 0 or more, one for each grid point")
    if window is not None:
        weight = weight * window.mask(grid)
    if not (target * weight).any():
        raise SpectrumError("the target is zero wherever the window and weights let it count")
    found = METRICS[metric](target, curves, weight, grid.step)
    return np.minimum(found, 1.0)  # rounding may bring a little more


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors scaled to norm 1, so that their inner products are cosine similarities; shape as given.

    >>> unit(np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[0.6, 0.8],
           [0. , 1. ]])
    """
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _cosine(target: FloatArray, others: Curves, weight: FloatArray, step: float) -> FloatArray:
    """Bang et al. 2024, equation 2."""
    norms, mine = others.norms(weight), weight * target
    return np.asarray(others.vectors @ mine / np.sqrt(np.where(norms > 0, norms, np.inf) * float(target @ mine)))


def _tanimoto(target: FloatArray, others: Curves, weight: FloatArray, step: float) -> FloatArray:
    """Kuban et al., Sci. Data 9, 646 (2022), on the curve as pymatgen's DOS fingerprint does: a.b / (a.a + b.b - a.b)."""
    mine = weight * target
    product = others.vectors @ mine
    return np.asarray(product / (others.norms(weight) + float(target @ mine) - product))


def _wasserstein(target: FloatArray, others: Curves, weight: FloatArray, step: float) -> FloatArray:
    """1 / (1 + W), W the first Wasserstein distance in eV: the mean energy by which states must move.

    In one dimension that is the area between the two curves' cumulative sums.
    """
    from scipy.spatial.distance import cdist

    mine = np.cumsum(target * weight) / float(target @ weight)
    moved = cdist(mine[None], others.sums(weight), "cityblock")[0] * step
    return np.where(np.isnan(moved), 0.0, 1.0 / (1.0 + moved))


METRICS: dict[str, Callable[[FloatArray, Curves, FloatArray, float], FloatArray]] = {
    "cosine": _cosine,
    "tanimoto": _tanimoto,
    "wasserstein": _wasserstein,
}
"""The similarities by name."""
