"""Element vectors (EV): one row of numbers for each element, and the centroid DOS they are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import FormulaError
from dosmith.formulas import Composition

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ElementVectors:
    """Element vectors in order of atomic number.

    Attributes:
        symbols: E element symbols, by atomic number.
        values: shape (E, length), no unit.
    """

    symbols: tuple[str, ...]
    values: FloatArray

    @property
    def length(self) -> int:
        """Numbers in one element vector."""
        return int(self.values.shape[1])

    def index(self, symbol: str) -> int:
        """The row of an element.

        Raises:
            FormulaError: there is no vector for it.
        """
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise FormulaError(f"the model has no vector for {symbol}; it knows {' '.join(self.symbols)}") from None


def centroid_dos(compositions: Sequence[Composition], vectors: FloatArray) -> ElementVectors:
    """The mean standard DOS of all materials that hold an element (Bang et al. 2024, Fig. 2a).

    Args:
        compositions: M of them.
        vectors: standard DOS, 1/eV, shape (M, points).

    Returns:
        one row of `points` values for each element that occurs.
    """
    members: dict[str, list[int]] = {}
    for row, composition in enumerate(compositions):
        for symbol, _ in composition:
            members.setdefault(symbol, []).append(row)
    symbols = tuple(sorted(members, key=formulas.atomic_number))
    return ElementVectors(symbols, np.array([vectors[members[symbol]].mean(axis=0) for symbol in symbols]))
