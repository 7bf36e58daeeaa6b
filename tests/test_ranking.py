"""The arithmetic of ranking, against sorting everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.constraints import Constraints
from dosmith.ranking import Entries, Scored, in_order, score_at

FORMULAS = [formulas.parse(text) for text in ("Pt3Ni", "Ni", "PtNi", "Pt3Ni", "MgO", "Ni", "Pt3Ni", "BaTiO3")]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5_000), st.integers(1, 5_000), st.integers(1, 6))
def test_the_score_that_so_many_reach_is_that_of_the_sorted(seed: int, count: int, rank: int, digits: int) -> None:
    scores = np.round(np.random.default_rng(seed).normal(size=count), digits)  # with equal ones
    scores[: count // 3] = -np.inf
    rank = min(rank, count)
    assert score_at(scores, rank) == np.sort(scores)[::-1][rank - 1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3_000), st.integers(1, 300))
def test_the_best_in_order_are_the_first_of_all_in_order(seed: int, count: int, top: int) -> None:
    generator = np.random.default_rng(seed)
    scores, fits = np.round(generator.normal(size=count), 2), generator.random(count) < 0.7
    places = np.flatnonzero(fits)
    assert in_order(scores, fits, top).tolist() == places[np.argsort(-scores[places], kind="stable")][:top].tolist()


def test_scores_by_composition_are_as_in_a_dictionary() -> None:
    entries = Entries(FORMULAS, [None] * len(FORMULAS))
    scores = np.array([0.1, 0.5, 0.7, 0.9, 0.2, 0.4, 0.3, 0.8])
    fits = entries.fits(Constraints.of(exclude=["Ba"]))
    places = entries.best_of_each(scores, fits, len(entries))
    found = Scored(entries, places, scores[places])
    expected = {formulas.parse(text): score for text, score in (("Pt3Ni", 0.9), ("PtNi", 0.7), ("Ni", 0.5), ("MgO", 0.2))}
    assert dict(found) == expected and list(found) == list(expected) and len(found) == 4
    assert list(found.ranked()) == list(expected.items())
    assert all(each in found for each in expected) and FORMULAS[-1] not in found and formulas.parse("Cu") not in found
    with pytest.raises(KeyError):
        found[FORMULAS[-1]]
