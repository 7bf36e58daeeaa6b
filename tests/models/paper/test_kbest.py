"""The exact search equals brute force, whatever the costs and constraints."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.constraints import Constraints
from dosmith.errors import ConstraintError, DosmithError, FormulaError
from dosmith.models.paper.kbest import iterate_best, k_best

SYMBOLS = [formulas.symbol_of(number) for number in range(1, 10)]


def brute_force(costs, constraints):
    """Every composition that the constraints permit, by trying all: {composition: cost}."""
    slots, elements, max_ratio = costs.shape
    found = {}
    for chosen in itertools.combinations(range(elements), slots):
        symbols = {SYMBOLS[e] for e in chosen}
        if not constraints.required <= symbols or not all(constraints.permits(s) for s in symbols):
            continue
        for counts in itertools.product(range(1, max_ratio + 1), repeat=slots):
            if math.gcd(*counts) != 1:
                continue
            if constraints.ratio is not None and tuple(sorted(counts)) != constraints.ratio:
                continue
            composition = tuple((SYMBOLS[e], c) for e, c in zip(chosen, counts, strict=True))
            found[composition] = sum(costs[s, e, c - 1] for s, (e, c) in enumerate(zip(chosen, counts, strict=True)))
    return found


@st.composite
def searches(draw):
    slots = draw(st.integers(1, 4))
    elements = draw(st.integers(slots, len(SYMBOLS)))
    max_ratio = draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Rounded costs make ties; negative ones are log-probabilities.
    costs = generator.normal(size=(slots, elements, max_ratio)).round(draw(st.sampled_from([1, 6])))
    symbols = SYMBOLS[:elements]
    required = draw(st.sets(st.sampled_from(symbols), max_size=2))
    forbidden = draw(st.sets(st.sampled_from(symbols), max_size=3)) - required
    allowed = draw(st.none() | st.sets(st.sampled_from(symbols), min_size=slots))
    ratio = draw(st.none() | st.tuples(*[st.integers(1, max_ratio)] * slots))
    constraints = Constraints(
        None if allowed is None else frozenset(allowed) | frozenset(required),
        frozenset(required),
        frozenset(forbidden),
        None if ratio is None else tuple(sorted(ratio)),
    )
    return costs, symbols, constraints


@settings(max_examples=150, deadline=None)
@given(searches())
def test_all_compositions_come_in_order_of_cost_each_once(search):
    costs, symbols, constraints = search
    expected = brute_force(costs, constraints)
    found = list(iterate_best(costs, symbols, constraints))
    assert len({composition for _, composition in found}) == len(found)
    assert {composition for _, composition in found} == set(expected)
    values = np.array([cost for cost, _ in found])
    np.testing.assert_allclose(values, sorted(expected.values()), atol=1e-9)
    np.testing.assert_allclose(values, [expected[composition] for _, composition in found], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(searches(), st.integers(1, 30))
def test_k_best_is_the_beginning_of_the_whole_list(search, k):
    costs, symbols, constraints = search
    whole = list(iterate_best(costs, symbols, constraints))
    if whole:
        assert k_best(costs, symbols, k, constraints) == whole[:k]
    else:
        with pytest.raises(ConstraintError):
            k_best(costs, symbols, k, constraints)


def test_quaternaries_of_all_elements_agree_with_a_bound():
    # 10^9 compositions: too many to try all, but no slot can beat its own minimum, and the best must reach the
    # sum of minima when these are laid where the order of elements permits them.
    symbols = [formulas.symbol_of(number) for number in range(1, 84)]
    costs = np.random.default_rng(3).random((4, 83, 3)) + 1
    for slot, element in enumerate((5, 20, 40, 70)):
        costs[slot, element, slot % 2] = 0.5
    (cost, composition), *rest = k_best(costs, symbols, 100)
    assert cost == pytest.approx(2.0)
    assert composition == tuple((symbols[e], slot % 2 + 1) for slot, e in enumerate((5, 20, 40, 70)))
    assert [c for c, _ in rest] == sorted(c for c, _ in rest)


def test_results_do_not_depend_on_run():
    costs = np.zeros((2, 9, 3))  # everything ties
    assert k_best(costs, SYMBOLS, 50) == k_best(costs.copy(), list(SYMBOLS), 50)


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        (Constraints(allowed=frozenset({"H"})), "too few"),
        (Constraints(required=frozenset({"U"})), "does not know the required U"),
        (Constraints(required=frozenset({"H", "He", "Li"})), "3 elements are required"),
        (Constraints(ratio=(1, 4)), "no composition has the ratio 4:1"),
        (Constraints(ratio=(1, 9)), "no composition has the ratio 9:1"),
        (Constraints(n_elements=3), "proposes compositions of 2 elements, not 3"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(constraints, words):
    with pytest.raises(ConstraintError, match=words) as caught:
        k_best(np.ones((2, 9, 3)), SYMBOLS, 5, constraints)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"elements": ["Xx"]}, FormulaError),
        ({"require": ["Pt"], "exclude": ["Pt"]}, ConstraintError),
        ({"elements": ["Ni"], "require": ["Pt"]}, ConstraintError),
        ({"ratio": "3-1"}, ConstraintError),
        ({"ratio": "3:0"}, ConstraintError),
        ({"ratio": 3}, ConstraintError),
        ({"ratio": "3:1", "n_elements": 3}, ConstraintError),
    ],
)
def test_contradictions_are_refused(options, error):
    with pytest.raises(error) as caught:
        Constraints.of(**options)
    assert isinstance(caught.value, DosmithError)
    assert "\n" not in str(caught.value)


def test_constraints_tell_what_was_set():
    constraints = Constraints.of(elements=["Pt", "Ni", "Co"], exclude=["Co"], ratio="1:3", n_elements=2)
    assert constraints.as_dict() == {
        "elements": ["Co", "Ni", "Pt"],
        "require": [],
        "exclude": ["Co"],
        "ratio": "3:1",
        "n_elements": 2,
        "formula": None,
        "space_group": None,
        "prototype": None,
        "keep": [],
    }


def test_symbols_may_be_written_as_on_the_command_line_and_ratios_unreduced():
    written = Constraints.of(elements="Pt, Ni Co", exclude="Co", require=None, ratio="6:2")
    assert written == Constraints.of(elements=["Pt", "Ni", "Co"], exclude=["Co"], ratio=(1, 3))
