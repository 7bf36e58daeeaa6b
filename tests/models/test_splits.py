"""Splits: nothing that would give an answer away is on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.formulas import Composition
from dosmith.models.splits import ELEMENTS_LEFT_OUT, SPLITS, Split

SYMBOLS = ("Li", "Al", "Ti", "Ni", "Cu", "Zr", "Pd", "Sn", "Pt", "Bi")
FOLDS = 3


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[Composition], np.ndarray]:
    """Compositions of one to three elements, with polymorphs, and which are wanted: the binaries."""
    groups = draw(
        st.lists(
            st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(1, 3)), min_size=1, max_size=3), min_size=8, max_size=40
        )
    )
    compositions = [formulas.reduce(group) for group in groups]
    return compositions, np.array([len(composition) == 2 for composition in compositions])


def folds(name: str, compositions: list[Composition], wanted: np.ndarray, seed: int = 0) -> list[Split]:
    return SPLITS[name](compositions, wanted, FOLDS, seed)


@pytest.mark.parametrize("name", ["formula", "system"])
@given(data=sets(), seed=st.integers(0, 9))
def test_every_wanted_spectrum_is_held_out_exactly_once(name: str, data: tuple[list[Composition], np.ndarray], seed: int) -> None:
    compositions, wanted = data
    tested = np.concatenate([split.test for split in folds(name, compositions, wanted, seed)])
    assert sorted(tested.tolist()) == np.flatnonzero(wanted).tolist()


@pytest.mark.parametrize(("name", "group"), [("formula", formulas.write), ("system", formulas.chemical_system)])
@given(data=sets(), seed=st.integers(0, 9))
def test_no_group_is_on_both_sides_and_the_rest_trains(name, group, data, seed: int) -> None:
    compositions, wanted = data
    for split in folds(name, compositions, wanted, seed):
        tested = {group(compositions[row]) for row in split.test}
        assert tested.isdisjoint(group(compositions[row]) for row in split.train)
        left = set(range(len(compositions))) - set(split.train.tolist())
        assert {group(compositions[row]) for row in left} == tested  # nothing is thrown away


@given(data=sets(), seed=st.integers(0, 9))
def test_a_left_out_element_is_seen_by_itself_or_not_at_all(data: tuple[list[Composition], np.ndarray], seed: int) -> None:
    compositions, wanted = data
    strict, relaxed = (folds(name, compositions, wanted, seed) for name in ("element-strict", "element-relaxed"))
    chosen = [symbol for split in strict for symbol in split.left_out]
    assert len(chosen) == len(set(chosen)) and all(len(split.left_out) <= ELEMENTS_LEFT_OUT for split in strict)
    for first, second in zip(strict, relaxed, strict=True):
        assert first.left_out == second.left_out
        np.testing.assert_array_equal(first.test, second.test)
        assert all(set(dict(compositions[row])).isdisjoint(first.left_out) for row in first.train)
        extra = set(second.train.tolist()) - set(first.train.tolist())
        assert all(len(compositions[row]) == 1 and compositions[row][0][0] in first.left_out for row in extra)
        holding = {row for row in np.flatnonzero(wanted) if not set(dict(compositions[row])).isdisjoint(first.left_out)}
        assert set(first.test.tolist()) == holding


@pytest.mark.parametrize("name", list(SPLITS))
def test_a_seed_gives_one_split_and_another_seed_another(name: str, open_set) -> None:
    compositions = [formulas.parse(formula) for formula in open_set.formulas]
    wanted = np.array([len(composition) == 2 for composition in compositions])

    def tests(seed: int) -> list[list[int]]:
        return [split.test.tolist() for split in SPLITS[name](compositions, wanted, 5, seed)]

    assert tests(0) == tests(0)
    assert (tests(0) == tests(1)) == (name == "in-sample")
    sizes = [len(test) for test in tests(0)]
    if name in ("formula", "system"):
        assert max(sizes) - min(sizes) < 0.05 * sum(sizes)
    assert all(sizes)


def test_in_sample_trains_on_what_it_tests(open_set) -> None:
    compositions = [formulas.parse(formula) for formula in open_set.formulas]
    wanted = np.array([len(composition) == 2 for composition in compositions])
    for split in SPLITS["in-sample"](compositions, wanted, 2, 0):
        assert set(split.test.tolist()) <= set(split.train.tolist()) and len(split.train) == len(compositions)
        assert split.test.tolist() == np.flatnonzero(wanted).tolist()
