"""Exact search: the crystals whose expected spectra are most like a target, without looking at all of every code.

A code is its first coordinates h and a rest r. For a target with coordinates (a, b), the similarity h.a + r.b is at most h.a + |r||b|
(Cauchy and Schwarz). One product over the first coordinates and |r| gives this bound for all crystals; the true similarity of the most
promising ones gives a score that the answer must reach; whatever is bound below that score cannot be in the answer, and of the others
the rest is read. The answer is that of a scan over all codes, whatever they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.atlas.index import HEAD, BoolArray, FloatArray, Index
from dosmith.spectra.code import STEPS, Basis

IntArray = NDArray[np.intp]

_BLOCK = 512
"""Crystals of which the most promising is tried first."""
_SLACK = 2e-5
"""What single precision may take from a bound."""
_AT_ONCE = 65536


@dataclass(frozen=True, eq=False)
class Found:
    """Crystals in order, the best first.

    Attributes:
        rows: of the atlas.
        similarities: to the target.
        scores: what they are ordered by.
        read: of how many crystals the whole code was read.
    """

    rows: IntArray
    similarities: NDArray[np.float64]
    scores: NDArray[np.float64]
    read: int


def similarities(index: Index, basis: Basis, target: NDArray[np.float64], rows: IntArray | None = None) -> NDArray[np.float64]:
    """Expected similarities of crystals to a target, all or those of some rows, as their codes have them, shape (N,).

    Args:
        index: of the atlas.
        basis: of its codes.
        target: standard vector, shape (points,).
        rows: which; all when None.
    """
    wanted = basis.coordinates(target)
    first, rest = wanted[:HEAD], wanted[HEAD:] / STEPS
    count = len(index) if rows is None else len(rows)
    found = np.empty(count, dtype=np.float64)
    for start in range(0, count, _AT_ONCE):
        part: slice | IntArray = slice(start, start + _AT_ONCE) if rows is None else rows[start : start + _AT_ONCE]
        head, tail = index.head[part, :HEAD], index.tail[part]
        found[start : start + _AT_ONCE] = head.astype(np.float64) @ first + tail.astype(np.float64) @ rest
    return found


def search(
    index: Index,
    basis: Basis,
    target: NDArray[np.float64],
    top: int,
    fits: BoolArray | None = None,
    bonus: FloatArray | None = None,
) -> Found:
    """The crystals with the highest score, of equal ones the first.

    Args:
        index: of the atlas.
        basis: of its codes.
        target: standard vector, shape (points,).
        top: how many.
        fits: which may be taken, shape (N,); all when None.
        bonus: added to the similarity of each, shape (N,); none when None.
    """
    wanted = basis.coordinates(target)
    reach = np.append(wanted[:HEAD], np.linalg.norm(wanted[HEAD:])).astype(np.float32)
    bounds = index.head @ reach
    if bonus is not None:
        bounds += bonus
    if fits is not None:
        bounds[~fits] = -np.inf
    least = _least(index, basis, target, bounds, top, bonus)
    rows = np.flatnonzero(bounds >= least - _SLACK) if np.isfinite(least) else np.flatnonzero(np.isfinite(bounds))
    alike = similarities(index, basis, target, rows)
    scores = alike if bonus is None else alike + bonus[rows]
    chosen = np.flatnonzero(scores >= np.partition(scores, -top)[-top]) if len(rows) > top else np.arange(len(rows))
    order = chosen[np.argsort(-scores[chosen], kind="stable")][:top]
    return Found(rows[order], alike[order], scores[order], len(rows))


def _least(
    index: Index, basis: Basis, target: NDArray[np.float64], bounds: FloatArray, top: int, bonus: FloatArray | None
) -> float:
    """A score that at least `top` crystals reach; minus infinity when too few may be taken."""
    whole = len(bounds) // _BLOCK * _BLOCK
    tried = bounds[:whole].reshape(-1, _BLOCK).argmax(axis=1) + np.arange(0, whole, _BLOCK)
    tried = np.concatenate([tried, np.arange(whole, len(bounds))]) if len(tried) < 4 * top else tried
    tried = tried[np.isfinite(bounds[tried])]
    if len(tried) < top:
        return float("-inf")
    if len(tried) > 4 * top:
        tried = tried[np.argpartition(-bounds[tried], 4 * top)[: 4 * top]]
    scores = similarities(index, basis, target, tried)
    if bonus is not None:
        scores = scores + bonus[tried]
    return float(np.partition(scores, -top)[-top])


def best_of_each(
    index: Index,
    basis: Basis,
    target: NDArray[np.float64],
    top: int,
    fits: BoolArray | None = None,
    bonus: FloatArray | None = None,
) -> Found:
    """The best crystal of each formula, in order of scores; arguments as of `search`."""
    asked = 4 * top
    while True:
        found = search(index, basis, target, asked, fits, bonus)
        _, first = np.unique(index.groups[found.rows], return_index=True)
        if len(first) >= top or len(found.rows) < asked:
            kept = np.sort(first)[:top]
            return Found(found.rows[kept], found.similarities[kept], found.scores[kept], found.read)
        asked *= 4
