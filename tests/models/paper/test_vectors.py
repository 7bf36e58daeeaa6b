"""Element vectors and composition vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.errors import FormulaError
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.models.paper.composition_vectors import composition_vector, slot_costs
from dosmith.models.paper.element_vectors import ElementVectors, centroid_dos
from dosmith.spectra.standard import standardise_library

SYMBOLS = ("Al", "Ti", "Ni", "Zr", "Pt")
LENGTH = 4


def elements_of(seed: int) -> ElementVectors:
    return ElementVectors(SYMBOLS, np.random.default_rng(seed).normal(size=(len(SYMBOLS), LENGTH)))


def test_a_centroid_is_the_mean_over_the_materials_that_hold_the_element() -> None:
    compositions = [formulas.parse(formula) for formula in ("Pt3Ni", "Ni", "Al3Zr", "NiAl")]
    vectors = np.array([[1.0, 0.0], [0.0, 4.0], [7.0, 7.0], [2.0, 2.0]])
    centroids = centroid_dos(compositions, vectors)
    assert centroids.symbols == ("Al", "Ni", "Zr", "Pt")
    np.testing.assert_allclose(centroids.values, [[4.5, 4.5], [1.0, 2.0], [7.0, 7.0], [1.0, 0.0]])
    assert centroids.length == 2


@given(st.lists(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=6), min_size=1, max_size=12), st.integers(0, 99))
def test_counts_do_not_weigh_in_a_centroid(atoms: list[list[str]], seed: int) -> None:
    compositions = [formulas.reduce([(symbol, 1) for symbol in symbols]) for symbols in atoms]
    vectors = np.random.default_rng(seed).random((len(compositions), 3))
    centroids = centroid_dos(compositions, vectors)
    assert set(centroids.symbols) == {symbol for symbols in atoms for symbol in symbols}
    for symbol, centroid in zip(centroids.symbols, centroids.values, strict=True):
        members = [vector for vector, symbols in zip(vectors, atoms, strict=True) if symbol in symbols]
        np.testing.assert_allclose(centroid, np.mean(members, axis=0))


def test_centroids_of_a_library_are_standard_dos_themselves(tiny_library: MemoryLibrary) -> None:
    rows, values = standardise_library(tiny_library)
    centroids = centroid_dos([formulas.parse(tiny_library.formulas[row]) for row in rows], values)
    assert centroids.symbols == ("N", "O", "Al", "Ti", "Ni", "Zr", "Ba", "Pt")
    np.testing.assert_allclose(centroids.values.sum(axis=1) * 0.1, 1)
    np.testing.assert_allclose(centroids.values[centroids.index("N")], values[tiny_library.row_of("AlN-B3")])


def test_centroids_of_the_open_set_know_all_its_elements(open_set: ParquetLibrary) -> None:
    rows, values = standardise_library(open_set)
    compositions = [formulas.parse(open_set.formulas[row]) for row in rows]
    centroids = centroid_dos(compositions, values)
    numbers = [formulas.atomic_number(symbol) for symbol in centroids.symbols]
    assert len(numbers) == len({symbol for composition in compositions for symbol, _ in composition}) >= 62
    assert numbers == sorted(numbers)
    energies = np.linspace(-7.5, 7.5, 151)
    d_states = (energies > -6) & (energies < 0)
    share = centroids.values[:, d_states].sum(axis=1) * 0.1
    assert (
        share[centroids.index("Pt")] > share[centroids.index("Zr")]
    )  # a late transition metal's d band is filled, an early one's empty


def test_a_composition_vector_joins_multiples_in_order_of_atomic_number() -> None:
    elements = ElementVectors(("Ni", "Pt"), np.array([[1.0, 2.0], [10.0, 20.0]]))
    np.testing.assert_array_equal(composition_vector(formulas.parse("Pt3Ni"), elements), [1, 2, 30, 60])
    np.testing.assert_array_equal(composition_vector(formulas.parse("Ni2Pt"), elements), [2, 4, 10, 20])
    np.testing.assert_array_equal(composition_vector(formulas.parse("Ni2Pt2"), elements), [1, 2, 10, 20])
    np.testing.assert_array_equal(composition_vector(formulas.parse("Pt"), elements), [10, 20])


@given(
    counts=st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_slot_costs_add_up_to_the_squared_distance(counts: dict[str, int], seed: int) -> None:
    composition, elements = formulas.reduce(counts), elements_of(seed)
    point = np.random.default_rng(seed + 1).normal(size=len(composition) * LENGTH) * 3
    costs = slot_costs(point, elements, 5)
    assert costs.shape == (len(composition), len(SYMBOLS), 5)
    added = sum(costs[slot, elements.index(symbol), count - 1] for slot, (symbol, count) in enumerate(composition))
    squared = np.sum((point - composition_vector(composition, elements)) ** 2)
    assert added == pytest.approx(squared, rel=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_composition_costs_nothing_at_its_own_vector(seed: int) -> None:
    elements = elements_of(seed)
    costs = slot_costs(composition_vector(formulas.parse("Pt3Ni"), elements), elements, 3)
    assert costs[0, elements.index("Ni"), 0] == pytest.approx(0, abs=1e-20)
    assert costs[1, elements.index("Pt"), 2] == pytest.approx(0, abs=1e-20)
    assert np.count_nonzero(costs < 1e-12) == 2


def test_an_element_without_a_vector_is_named_with_those_that_have_one() -> None:
    with pytest.raises(FormulaError, match="no vector for W; it knows Al Ti Ni Zr Pt"):
        composition_vector(formulas.parse("PtW"), elements_of(0))
