"""Heights above a hull, and the probability that a crystal exists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.crystals.existence import Heights, HullEnergies, rivals_of, shipped_existence
from dosmith.crystals.plausible import balance
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.library.stability import CHGNET, FORMATION, SEVENNET

EXISTENCE = {name: shipped_existence(name) for name in FORMATION}


class Known(Library):
    """As much of a library as heights need."""

    def __init__(self, compositions: list, provenances: list) -> None:
        vars(self).update(compositions=compositions, provenances=provenances)

    def __len__(self) -> int:
        return len(self.compositions)


@given(
    low=st.floats(0, 1),
    high=st.floats(0, 1),
    size=st.integers(2, 3),
    charges=st.integers(-1, 1),
    potential=st.sampled_from(list(FORMATION)),
)
def test_what_lies_higher_exists_less_likely(low: float, high: float, size: int, charges: int, potential: str) -> None:
    existence = EXISTENCE[potential]
    assert existence is not None
    low, high = sorted((low, high))
    sizes, balances = np.array([size, size]), np.array([charges, charges])
    below, above = existence.by_potential(np.array([low, high]), sizes, balances)
    assert below >= above - 1e-9
    below, above = existence.by_dft(np.array([low, high]), np.array([2, 2]), np.array([0.0, 0.0]), balances)
    assert below >= above - 1e-9


def test_charges_that_do_not_balance_speak_against_a_crystal() -> None:
    assert [balance(formulas.parse(text)) for text in ("MgO", "PO3", "CuCl", "SiO2", "Pt3Ni", "PbTe", "KMgCl3")] == [
        1,
        -1,
        1,
        1,
        0,
        0,
        1,
    ]
    for existence in EXISTENCE.values():
        assert existence is not None
        good, bad = existence.by_potential(np.zeros(2), np.array([2, 2]), np.array([1, -1]))
        assert good > 0.9 and good > bad + 0.03


def test_the_better_potential_tells_more() -> None:
    """A height of 0.3 eV/atom in the one whose errors are smaller says more surely that a crystal is none."""
    chgnet, sevennet = EXISTENCE[CHGNET], EXISTENCE[SEVENNET]
    assert chgnet is not None and sevennet is not None
    arguments = (np.array([0.0, 0.3]), np.array([2, 2]), np.array([0, 0]))
    near, far = sevennet.by_potential(*arguments)
    near_, far_ = chgnet.by_potential(*arguments)
    assert near - far > near_ - far_


def test_no_height_is_surer_than_an_experiment() -> None:
    for existence in EXISTENCE.values():
        assert existence is not None
        said = existence.by_potential(np.zeros(3), np.array([2, 3, 3]), np.array([1, 1, 0]))
        computed = existence.by_dft(np.zeros(3), np.array([9, 9, 9]), np.zeros(3), np.array([1, 1, 0]))
        assert max(said.max(), computed.max()) < 0.99


def test_rivals_are_other_compositions_of_the_same_elements() -> None:
    compositions = [formulas.parse(text) for text in ("Pt3Ni", "Pt3Ni", "PtNi", "Pt2NiCo", "Pt", "Pt", "Al")]
    assert rivals_of(compositions, range(len(compositions))) == [1, 1, 1, 2, 1, 1, 0]
    assert rivals_of(compositions, [0, 6]) == [0, 0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(("potential", "name"), FORMATION.items())
def test_a_hull_without_rivals_is_none_and_the_potential_speaks(potential: str, name: str) -> None:
    rows = [
        ("MgO", {"formation_energy": -2.5, "energy_above_hull": 0.0, name: -3.0}),  # alone
        ("PtNi", {"formation_energy": -0.1, "energy_above_hull": 0.02, name: -0.1}),
        ("Pt3Ni", {"formation_energy": -0.06, "energy_above_hull": -0.001}),
        ("SiO2", {"formation_energy": 1.0, "energy_above_hull": 3.6}),  # alone, but above something
        ("GaN", {}),
        ("NaCl", {"purpose": "textbook"}),
        ("NaF", {"purpose": "real"}),  # other ions in a real crystal: nobody says that it exists
    ]
    library = Known([formulas.parse(name) for name, _ in rows], [facts for _, facts in rows])
    known = {formulas.parse("MgO"): -3.01}

    def hull(some: Sequence[Composition]) -> HullEnergies:
        return HullEnergies(np.array([known.get(each, np.nan) for each in some]), potential)

    found = Heights.of_library(library, hull)
    assert found.dft.tolist() == [False, True, True, True, False, False, False]
    assert found.above[:4] == pytest.approx([0.01, 0.02, 0.0, 3.6])
    assert np.isnan(found.above[4:]).all() and np.nanmin(found.above) >= 0
    assert found.chances[0] > 0.6 and found.chances[3] < 0.05 and np.isnan(found.chances[4]) and found.chances[5] == 0.99
    assert np.isnan(found.chances[6])
