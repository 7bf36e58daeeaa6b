"""How alike two standard vectors are: cosine, Tanimoto, Wasserstein; within a window, with weights.

All take one target of shape (points,) and many others of shape (M, points), and return shape (M,), 1 for identical
curves. Weights multiply both curves point by point (cosine, Tanimoto: inside the inner product, so a weight counts once).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SettingsError, SpectrumError, did_you_mean
from dosmith.spectra.code import Coded
from dosmith.spectra.grid import EnergyGrid, Window

FloatArray = NDArray[np.float64]

MATCH = 0.9
"""Two densities of states match when their cosine is above this."""
_BLOCK = 1024
_NOISE = 0.02
"""Of a curve's norm or area: where so little of it counts, a code tells nothing of its shape."""


class Curves:
    """Curves to be compared with many targets: what depends on them and on the weights alone is worked out once.

    Args:
        vectors: shape (M, points), or as codes.
    """

    def __init__(self, vectors: NDArray[np.floating[Any]] | Coded) -> None:
        self._held = vectors
        self._norms, self._sums = lru_cache(maxsize=2)(self._squared), lru_cache(maxsize=2)(self._summed)

    @property
    def vectors(self) -> NDArray[np.floating[Any]]:
        """The curves, shape (M, points)."""
        return self._held.spectra if isinstance(self._held, Coded) else self._held

    @property
    def points(self) -> int:
        """Of each curve."""
        return int((self._held.basis.vectors if isinstance(self._held, Coded) else self._held).shape[1])

    @property
    def every(self) -> int:
        """How many points apart cumulative sums are taken: those of codes, which are many and smooth, at every third point."""
        return 3 if isinstance(self._held, Coded) else 1

    def products(self, curve: FloatArray) -> FloatArray:
        """Inner products with a curve, shape (points,) -> (M,)."""
        if isinstance(self._held, Coded):
            return (self._held @ curve).astype(np.float64)
        return np.asarray(self._held @ curve)

    def norms(self, weight: FloatArray) -> FloatArray:
        """Weighted sums of squares, shape (M,)."""
        return self._norms(weight.tobytes())

    def sums(self, weight: FloatArray) -> NDArray[np.floating[Any]]:
        """Weighted cumulative sums up to 1, nan for curves that are zero wherever they count, at points `every` apart, shape (M, S)."""
        return self._sums(weight.tobytes())

    def _squared(self, weight: bytes) -> FloatArray:
        if isinstance(self._held, Coded):
            values = np.frombuffer(weight)
            found, whole = self._held.squares(np.diag(values)), self._held.squares()
            return np.where(found > _NOISE**2 * values.max() * whole, found, 0.0)
        return np.asarray(np.einsum("ij,ij,j->i", self._held, self._held, np.frombuffer(weight)))

    def _summed(self, weight: bytes) -> NDArray[np.floating[Any]]:
        if isinstance(self._held, Coded):
            values = np.frombuffer(weight)
            found = self._held.turned((np.triu(np.ones((self.points, self.points))) * values[:, None])[:, :: self.every])
            areas, whole = self._held @ values, self._held @ np.ones(self.points)
            found /= np.where(areas > _NOISE * values.max() * whole, areas, np.nan)[:, None]
            return found
        found = np.cumsum(self._held * np.frombuffer(weight), axis=1, dtype=np.float64)
        areas = found[:, -1].copy()
        found /= np.where(areas > 0, areas, np.nan)[:, None]
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
    if target.shape != (grid.points,) or curves.points != grid.points:
        raise SpectrumError(f"vectors of {target.shape[-1]} and {curves.points} points do not fit the grid {grid.key}")
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
    return np.asarray(others.products(mine) / np.sqrt(np.where(norms > 0, norms, np.inf) * float(target @ mine)))


def _tanimoto(target: FloatArray, others: Curves, weight: FloatArray, step: float) -> FloatArray:
    """Kuban et al., Sci. Data 9, 646 (2022), on the curve as pymatgen's DOS fingerprint does: a.b / (a.a + b.b - a.b)."""
    mine = weight * target
    product = others.products(mine)
    return np.asarray(product / (others.norms(weight) + float(target @ mine) - product))


def _wasserstein(target: FloatArray, others: Curves, weight: FloatArray, step: float) -> FloatArray:
    """1 / (1 + W), W the first Wasserstein distance in eV: the mean energy by which states must move.

    In one dimension that is the area between the two curves' cumulative sums.
    """
    sums = others.sums(weight)
    mine = (np.cumsum(target * weight) / float(target @ weight)).astype(sums.dtype)[:: others.every]
    moved, apart, ones = (
        np.empty(len(sums), sums.dtype),
        np.empty((_BLOCK, len(mine)), sums.dtype),
        np.ones(len(mine), sums.dtype),
    )
    for start in range(0, len(sums), _BLOCK):  # so few that they stay in the processor's cache
        some = sums[start : start + _BLOCK]
        between = np.subtract(some, mine, out=apart[: len(some)])
        np.matmul(np.abs(between, out=between), ones, out=moved[start : start + _BLOCK])
    moved = moved.astype(np.float64) * step * others.every
    return np.where(np.isnan(moved), 0.0, 1.0 / (1.0 + moved))


METRICS: dict[str, Callable[[FloatArray, Curves, FloatArray, float], FloatArray]] = {
    "cosine": _cosine,
    "tanimoto": _tanimoto,
    "wasserstein": _wasserstein,
}
"""The similarities by name."""
