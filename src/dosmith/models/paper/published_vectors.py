"""Element vectors that others published, and none at all: what the DOS-based ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import MissingExtraError, SettingsError
from dosmith.models.paper.element_vectors import ElementVectors

PUBLISHED = ("skipatom", "mat2vec")
"""SkipAtom: from crystal structures (Antunes et al., npj Comput. Mater. 8, 44 (2022)); mat2vec: from abstracts of
papers (Tshitoyan et al., Nature 571, 95 (2019)). Both 200 long."""


def one_hot(symbols: Sequence[str]) -> ElementVectors:
    """A unit vector for each element: no chemistry at all. As long as there are symbols."""
    return ElementVectors(tuple(symbols), np.eye(len(symbols)))


def published(name: str, symbols: Sequence[str]) -> ElementVectors:
    """Published vectors of the given elements, those without one left out; scaled to a mean square of 1 over all numbers.

    Raises:
        SettingsError: there is no such set.
        MissingExtraError: ElementEmbeddings is not installed.
    """
    if name not in PUBLISHED:
        raise SettingsError(f"there are no element vectors '{name}'; choose from {', '.join(PUBLISHED)}")
    table = _table(name)
    known = tuple(symbol for symbol in symbols if symbol in table)
    values = np.array([table[symbol] for symbol in known])
    return ElementVectors(known, values / np.sqrt((values**2).mean()))


@lru_cache(maxsize=len(PUBLISHED))
def _table(name: str) -> dict[str, NDArray[np.float64]]:
    try:
        from elementembeddings.core import Embedding
    except ImportError:
        raise MissingExtraError("comparing with published element vectors", "benchmark") from None
    return {symbol: np.asarray(vector, dtype=np.float64) for symbol, vector in Embedding.load_data(name).embeddings.items()}
