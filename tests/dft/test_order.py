"""The order of a plan: nothing lost or doubled, kinds in turns, the cheap first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dosmith.dft.order import TURNS, cost, interleaved
from dosmith.dft.plan import Entry

SYMBOLS = ("Al", "Cu", "Au", "Pb", "K", "Fe")


def entry(symbol: str, prototype: str, purpose: str, sites: int = 1) -> Entry:
    return Entry(prototype, (symbol,) * sites, 3 * np.eye(3), np.zeros((sites, 3)), purpose=purpose)


entries = st.lists(
    st.builds(
        entry, st.sampled_from(SYMBOLS), st.sampled_from(["A1", "A2", "A3"]), st.sampled_from(list(TURNS)), st.integers(1, 4)
    )
)


@given(entries)
def test_every_crystal_comes_once(plan: list[Entry]) -> None:
    found = [each.id for each in interleaved(plan)]
    assert sorted(found) == sorted({each.id for each in plan})


@given(entries)
def test_a_crystal_comes_for_the_purpose_named_first(plan: list[Entry]) -> None:
    purposes = list(TURNS)
    for found in interleaved(plan):
        assert found.purpose == min((each.purpose for each in plan if each.id == found.id), key=purposes.index)


def test_purposes_come_in_turns() -> None:
    plan = [entry(symbol, name, "textbook") for symbol in SYMBOLS[:5] for name in ("A1", "A2", "A3")]
    plan += [entry(symbol, name, "real") for symbol in SYMBOLS[:5] for name in ("B1", "B2", "B3")]
    first = [each.purpose for each in interleaved(plan)][:9]
    assert first.count("textbook") == TURNS["textbook"]
    assert first.count("real") == TURNS["real"]


def test_prototypes_come_in_turns_and_the_cheap_first() -> None:
    plan = [entry(symbol, name, "real") for symbol in ("Pb", "K") for name in ("A1", "A2")] + [entry("Cu", "A1", "real", 4)]
    assert [each.prototype for each in interleaved(plan)][:2] == ["A1", "A2"]
    assert [each.id for each in interleaved(plan)][-1] == "Cu-A1"


def test_magnets_and_large_cells_cost_more() -> None:
    assert cost(entry("Fe", "A2", "")) > 3 * cost(entry("Cu", "A1", ""))
    assert cost(entry("Pb", "A1", "", 4)) > 4 * cost(entry("Pb", "A1", ""))


def test_magnets_that_everyone_asks_for_come_early() -> None:
    oxides = [Entry("B1", (symbol, "O"), 3 * np.eye(3), np.zeros((2, 3)), purpose="textbook") for symbol in ("Fe", "Mn", "Cu")]
    assert [each.id for each in interleaved(oxides)] == ["MnO-B1", "CuO-B1", "FeO-B1"]
