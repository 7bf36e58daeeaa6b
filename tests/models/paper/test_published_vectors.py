"""Element vectors of others, and none."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.errors import SettingsError
from dosmith.models.paper.published_vectors import PUBLISHED, one_hot, published

METALS = ("Li", "Na", "K", "F", "Cl", "Br", "Pd", "Pt")


def test_one_hot_vectors_are_all_equally_far_apart() -> None:
    values = one_hot(METALS).values
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    assert np.unique(np.round(distances[~np.eye(len(METALS), dtype=bool)], 12)).size == 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_vectors_know_chemistry_and_have_unit_size(name: str) -> None:
    pytest.importorskip("elementembeddings", reason="ElementEmbeddings is not installed: pip install 'dosmith[benchmark]'")
    vectors = published(name, METALS)
    assert vectors.symbols == METALS
    assert np.mean(vectors.values**2) == pytest.approx(1.0)

    def distance(first: str, second: str) -> float:
        one, other = (vectors.values[METALS.index(symbol)] for symbol in (first, second))
        return 1.0 - float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))  # their lengths differ for other reasons

    assert distance("Na", "K") < distance("Na", "Pt")
    assert distance("Cl", "Br") < distance("Cl", "Pt")
    assert distance("Pd", "Pt") < distance("Pd", "F")


def test_an_unknown_set_of_vectors_is_named() -> None:
    with pytest.raises(SettingsError, match="skipatom"):
        published("alchemy", METALS)
