"""Many compositions as arrays are the compositions that they were made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.compositions import Compositions, numbered

SYMBOLS = st.sampled_from(["H", "Ni", "Pt", "O", "Ti", "Lr"])
COMPOSITIONS = st.lists(st.dictionaries(SYMBOLS, st.integers(1, 500), min_size=1, max_size=5).map(formulas.reduce), max_size=8)


@given(COMPOSITIONS)
def test_arrays_give_the_compositions_back(held) -> None:
    table = Compositions.of(held)
    assert (list(table), [table[place] for place in range(len(held))], list(table[1:])) == (held, held, held[1:])
    assert table.sizes.tolist() == [len(each) for each in held]
    assert Compositions.of(table) is table


@given(COMPOSITIONS, COMPOSITIONS)
def test_a_composition_is_found_where_it_stands(held, others) -> None:
    table = Compositions.of(held)
    last = {composition: place for place, composition in enumerate(held)}
    assert table.places(others).tolist() == [last.get(each, -1) for each in others]
    for each in [*held, *others]:
        assert table.rows_of(each).tolist() == [place for place, composition in enumerate(held) if composition == each]
    same = table.groups[:, None] == table.groups[None, :]
    assert same.tolist() == [[one == other for other in held] for one in held]


@given(st.lists(st.permutations(["Ni", "Pt", "O"]), min_size=1), st.integers(1, 9))
def test_any_order_and_unit_is_reduced(orders, unit) -> None:
    counts = {"Ni": 2 * unit, "Pt": 6 * unit, "O": 4 * unit}
    elements = np.array([[formulas.atomic_number(symbol) for symbol in order] for order in orders])
    found = Compositions.reduced(elements, np.array([[counts[symbol] for symbol in order] for order in orders]))
    assert set(found) == {formulas.parse("NiPt3O2")}


def test_numbers_stay_exact_where_rows_are_wide() -> None:
    rows = np.random.default_rng(0).integers(0, 2**20, (50, 12))
    rows[10] = rows[20]
    found = numbered(rows)
    assert found[10] == found[20] and len(set(found.tolist())) == 49
