"""Numbers of states: the sum rule against computed spectra and against what a chemist counts."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.compositions import Compositions
from dosmith.errors import OptionError
from dosmith.known import KnownSpectra
from dosmith.library import ParquetLibrary
from dosmith.spectra.count import Electrons, agreement, counted
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

GRID = EnergyGrid(-7.5, 7.5, 151)
numbers = st.floats(0.1, 50)


@pytest.fixture(scope="module")
def known(open_set: ParquetLibrary) -> KnownSpectra:
    return KnownSpectra(open_set, Recipe())


@given(numbers, numbers, numbers)
def test_an_agreement_is_a_ratio_that_knows_no_unit_and_no_order(one: float, other: float, unit: float) -> None:
    (found,) = agreement(one, np.array([other]))
    assert 0 < found <= 1 and found == pytest.approx(min(one, other) / max(one, other))
    assert found == pytest.approx(agreement(other * unit, np.array([one * unit]))[0])


def test_what_is_unknown_does_not_agree() -> None:
    assert agreement(8.0, np.array([8.0, np.nan, 0.0])).tolist() == [1.0, 0.0, 0.0]


def test_the_sum_rule_finds_electrons_and_states_of_crystals_that_obey_it() -> None:
    """Shapes of any kind, of which the filled part holds one electron of sodium, ten of platinum and four of oxygen."""
    generator, brought = np.random.default_rng(3), {"Na": 1.0, "Pt": 10.0, "O": 4.0}
    texts = [
        f"{one}{n}{other}{m}" for one, other in (("Na", "O"), ("Na", "Pt"), ("Pt", "O")) for n in (1, 2, 3) for m in (1, 2, 5)
    ]
    table = Compositions.of([formulas.parse(text) for text in texts])
    vectors = generator.random((len(texts), GRID.points))
    filled = vectors[:, GRID.energies <= 0].sum(axis=1) / vectors.sum(axis=1)
    held = np.array([sum(brought[s] * n for s, n in each) / sum(n for _, n in each) for each in table])
    electrons = Electrons.learned(table, vectors, held / filled, GRID)
    for symbol, number in brought.items():
        assert electrons.of_element[formulas.atomic_number(symbol)] == pytest.approx(number, rel=0.02)
    np.testing.assert_allclose(electrons.states(table, 7.0 * vectors), held / filled, rtol=0.02)
    unknown = Compositions.of([formulas.parse("NaCl")])
    assert np.isnan(electrons.states(unknown, vectors[:1])).all()


def test_elements_bring_what_a_chemist_counts(known: KnownSpectra) -> None:
    """Outer electrons less those of the anions' s bands, which lie deeper than the window."""
    for symbol, number in {"Na": 1, "Mg": 2, "O": 4, "F": 5, "Cl": 5, "Cu": 11, "Pd": 10, "Pt": 10, "Fe": 8, "Ti": 4}.items():
        assert known.electrons.of_element[formulas.atomic_number(symbol)] == pytest.approx(number, abs=0.3), symbol


def test_numbers_of_states_of_chemical_systems_that_were_left_out(known: KnownSpectra) -> None:
    """Learned from three of four chemical systems, held against the computed numbers of the fourth."""
    table, vectors, states = known.entries.table, known.vectors, known.states
    names = ["-".join(sorted(symbol for symbol, _ in each)) for each in table]
    out = np.array([zlib.crc32(name.encode()) % 4 == 0 for name in names])
    electrons = Electrons.learned(table, vectors, np.where(out, np.nan, states), known.recipe.grid)
    agreed = np.minimum(electrons.states(table, vectors) / states, states / electrons.states(table, vectors))[out]
    gapped = known.gaps[out] > 0
    assert out.sum() > 500 and gapped.sum() > 50
    assert np.nanmedian(agreed) > 0.96 and np.nanmedian(agreed[gapped]) > 0.93


def test_a_curve_in_another_unit_is_told_by_its_electrons(known: KnownSpectra) -> None:
    place = known.places[known.library.row_of("MgO-B1")]
    one, vector = Compositions.of([formulas.parse("MgO")]), known.vectors[[place]]
    states = known.states[[place]]
    assert known.electrons.believed(one, vector, states) == states
    assert np.isnan(known.electrons.believed(one, vector, states / 10)).all()
    own, by_rule = (counted(each, one[0], vector[0], known.electrons) for each in (states[0], 1.0))
    assert own.wanted == pytest.approx(states[0]) and "source" in str(own)
    assert by_rule.wanted == pytest.approx(states[0], rel=0.1) and "electrons" in str(by_rule)
    with pytest.raises(OptionError, match="no absolute scale"):
        counted(None, None, vector[0], known.electrons)
