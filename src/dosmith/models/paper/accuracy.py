"""How often a model's candidates hold the true composition, and how sure that number is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.formulas import Composition
from dosmith.models.interface import ANY
from dosmith.models.paper.composition_vectors import slot_costs
from dosmith.models.paper.kbest import k_best
from dosmith.models.paper.model import PaperModel

FloatArray = NDArray[np.float64]


def evaluate(
    checkpoint: PaperModel, vectors: FloatArray, compositions: Sequence[Composition], top: int, network: str = ANY
) -> tuple[NDArray[np.intp], FloatArray]:
    """Where each spectrum's own composition stands among the model's candidates, and how near the first candidate is.

    Args:
        checkpoint: the model.
        vectors: standard vectors, shape (M, points).
        compositions: the true ones, M of them.
        top: how many candidates to look through.
        network: which of the model's networks.

    Returns:
        ranks from 1, top + 1 when it is not among them, shape (M,); distances of the first candidate, shape (M,).
    """
    elements = checkpoint.element_vectors
    ranks = np.full(len(vectors), top + 1, dtype=np.intp)
    nearest = np.empty(len(vectors))
    for row, (point, truth) in enumerate(zip(checkpoint.composition_vectors(vectors, network), compositions, strict=True)):
        best = k_best(slot_costs(point, elements, checkpoint.max_ratio), elements.symbols, top)
        nearest[row] = best[0][0] ** 0.5
        found = [composition for _, composition in best]
        if truth in found:
            ranks[row] = found.index(truth) + 1
    return ranks, nearest


def share_with_interval(hits: NDArray[np.bool_]) -> tuple[float, float, float]:
    """The share of hits with its 95 % Wilson interval: (mean, low, high). Unlike a bootstrap it keeps a width at 0 and 1."""
    count, mean, z = len(hits), float(hits.mean()), 1.959964
    centre = (mean + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (mean * (1 - mean) / count + z**2 / (4 * count**2)) ** 0.5
    return mean, max(centre - half, 0.0), min(centre + half, 1.0)
