"""What a network receives of the elements of a composition, before anything is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith.formulas import Composition
from dosmith.models.descriptors import descriptors

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
ELECTRONEGATIVITY = -4
"""Its column in the descriptors."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The elements of C compositions, P in all.

    Attributes:
        features: of each element in its composition, shape (P, F).
        shares: of the atoms of its composition, shape (P,).
        owners: which composition it is of, rising, shape (P,).
        count: of compositions.
    """

    features: FloatArray
    shares: FloatArray
    owners: IntArray
    count: int

    @classmethod
    def of(cls, compositions: Sequence[Composition]) -> Parts:
        """Features of each element: what it is like, then the mean and spread over the composition, its least and its most electronegative element, the share."""
        rows, shares, owners = [], [], []
        for place, composition in enumerate(compositions):
            own = np.array([_descriptor(symbol) for symbol, _ in composition])
            share = np.array([count for _, count in composition], dtype=np.float64)
            share /= share.sum()
            mean = share @ own
            ends = own[[own[:, ELECTRONEGATIVITY].argmin(), own[:, ELECTRONEGATIVITY].argmax()]].ravel()
            common = np.concatenate([mean, np.sqrt(share @ (own - mean) ** 2), ends])
            rows.append(np.hstack([own, np.tile(common, (len(own), 1)), share[:, None]]))
            shares.append(share)
            owners.append(np.full(len(own), place))
        return cls(np.concatenate(rows), np.concatenate(shares), np.concatenate(owners), len(compositions))

    def total(self, contributions: FloatArray) -> FloatArray:
        """Contributions of the elements, shape (P, L), weighted by their shares and summed, shape (C, L)."""
        starts = np.searchsorted(self.owners, np.arange(self.count))
        return np.asarray(np.add.reduceat(contributions * self.shares[:, None], starts, axis=0))


@lru_cache(maxsize=128)
def _descriptor(symbol: str) -> FloatArray:
    found: FloatArray = descriptors([symbol])[0]
    return found
