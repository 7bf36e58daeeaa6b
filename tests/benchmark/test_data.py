"""The space of answers and the spectra that are asked for."""

from __future__ import annotations

from itertools import pairwise
from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.benchmark.data import Space, Spectra
from dosmith.models.paper.card import candidates_in_all
from dosmith.spectra.similarity import unit
from dosmith.spectra.standard import Recipe

SYMBOLS = ("Li", "Al", "Ni", "Zr", "Pt", "Bi")


@given(st.integers(2, 6), st.integers(1, 3), st.integers(1, 4))
def test_the_space_holds_every_reduced_composition_once(elements: int, n_elements: int, max_ratio: int) -> None:
    if n_elements > elements:
        return
    space = Space.of(SYMBOLS[:elements], n_elements, max_ratio)
    found = [space.composition(place) for place in range(len(space))]
    assert len(set(found)) == len(found) == candidates_in_all(elements, n_elements, max_ratio)
    for place, composition in enumerate(found):
        assert formulas.reduce(composition) == composition and gcd(*(count for _, count in composition)) == 1
        assert space.place(composition) == place
    assert space.place((("He", 1),)) == -1


def test_all_ratios_of_the_same_elements_are_one_group() -> None:
    space = Space.of(SYMBOLS)
    for place in range(len(space)):
        same = np.flatnonzero(space.groups == space.groups[place])
        assert len(same) == 7  # coprime ratios up to three
        assert len({tuple(space.members[other]) for other in same}) == 1


@pytest.fixture(scope="module")
def spectra(open_set) -> Spectra:
    return Spectra.of(open_set)


def test_spectra_are_those_of_the_library(spectra: Spectra, open_set) -> None:
    kept = set(spectra.ids)  # all but rare gases whose gap fills the window
    assert spectra.ids == tuple(identifier for identifier in open_set.ids if identifier in kept)
    assert all(open_set.material(identifier).spectrum.gap > 10 for identifier in set(open_set.ids) - kept)
    formulas_of = dict(zip(open_set.ids, open_set.formulas, strict=True))
    wanted = [row for row, identifier in enumerate(spectra.ids) if _is_wanted(formulas_of[identifier])]
    assert np.flatnonzero(spectra.wanted).tolist() == wanted
    for row in wanted[:50]:
        assert spectra.space.composition(int(spectra.places[row])) == spectra.compositions[row]
    np.testing.assert_allclose(np.linalg.norm(spectra.unit, axis=1), 1.0)
    np.testing.assert_allclose(spectra.unit[3], unit(spectra.vectors[3]))


def test_a_composition_stands_for_its_polymorph_of_lowest_energy(spectra: Spectra, open_set) -> None:
    many = [place for place, rows in spectra.rows_at.items() if len({spectra.crystal_systems[row] for row in rows}) > 1]
    assert many
    for place in many:
        composition = spectra.space.composition(place)
        best = open_set.ids[open_set.rows_of(composition)[0]]
        assert spectra.ids[spectra.known(place, None)] == best
        for system in {spectra.crystal_systems[row] for row in spectra.rows_at[place]}:
            assert spectra.ids[spectra.known(place, system)] == open_set.ids[open_set.rows_of(composition, system)[0]]
        if not open_set.rows_of(composition, "triclinic"):
            assert spectra.ids[spectra.known(place, "triclinic")] == best
        assert all(spectra.polymorphs[a] < spectra.polymorphs[b] for a, b in pairwise(spectra.rows_at[place]))
    empty = next(place for place in range(len(spectra.space)) if place not in spectra.rows_at)
    assert spectra.known(empty, None) is None


def test_another_recipe_can_be_laid_beside_the_usual_one(spectra: Spectra, open_set) -> None:
    other = Spectra.of(open_set, Recipe(broadening=0.3, min_coverage=0.0)).like(spectra)
    assert other.ids == spectra.ids and other.recipe.broadening == 0.3
    cosines = (other.unit * spectra.unit).sum(axis=1)
    assert cosines.min() > 0.3 and 0.9 < np.median(cosines) < 0.9999  # the same curves, broader


def _is_wanted(formula: str) -> bool:
    composition = formulas.parse(formula)
    return len(composition) == 2 and max(count for _, count in composition) <= 3
