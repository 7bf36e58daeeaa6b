"""Composition vectors (CV): CV(AmBn) = m EV_A ++ n EV_B, elements by atomic number (Bang et al. 2024, equation 1).

The squared distance of a point to a CV is a sum over the slots, so it never needs a table of all CVs:
|p - (m EV_A ++ n EV_B)|^2 = |p1 - m EV_A|^2 + |p2 - n EV_B|^2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dosmith.formulas import Composition
from dosmith.models.paper.element_vectors import ElementVectors

FloatArray = NDArray[np.float64]


def composition_vector(composition: Composition, elements: ElementVectors) -> FloatArray:
    """The CV of a composition, shape (number of its elements * EV length,).

    Raises:
        FormulaError: one of its elements has no vector.
    """
    return np.concatenate([count * elements.values[elements.index(symbol)] for symbol, count in composition])


def slot_costs(point: FloatArray, elements: ElementVectors, max_ratio: int) -> FloatArray:
    """Squared distance of each slot of a point to every choice for that slot.

    Args:
        point: a predicted CV, shape (slots * EV length,).
        elements: E element vectors.
        max_ratio: largest count of an element.

    Returns:
        shape (slots, E, max_ratio); entry [s, e, c - 1] is |p_s - c EV_e|^2. Their sum over the slots is the squared distance.
    """
    slots = point.reshape(-1, 1, 1, elements.length)
    choices = np.arange(1, max_ratio + 1)[:, None] * elements.values[:, None, :]  # (E, max_ratio, length)
    return np.asarray(((slots - choices) ** 2).sum(axis=-1))
