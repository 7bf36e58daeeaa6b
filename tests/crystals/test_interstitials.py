"""Interstitial sites of crystals whose sites every textbook knows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from dosmith.crystals.interstitials import interstitial_sites, with_atom
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.verification.hydrogen import conventional


def cell(prototype: str, *elements: str, volume: float = 15.0) -> Structure:
    return conventional(PROTOTYPES[prototype].structure(elements, volume))


TEXTBOOK = [
    (("A1", "Pd"), {("octahedral Pd6", 4), ("tetrahedral Pd4", 8)}),
    (("A2", "Fe"), {("octahedral Fe6", 6), ("tetrahedral Fe4", 12)}),
    (("A3", "Ti"), {("octahedral Ti6", 2), ("tetrahedral Ti4", 4)}),
    (("L1_2", "Mo", "Co"), {("octahedral Mo6", 1), ("octahedral Mo4Co2", 3), ("tetrahedral Mo3Co", 8)}),
    (("B2", "Ti", "Fe"), {("octahedral Ti4Fe2", 3), ("octahedral Fe4Ti2", 3), ("tetrahedral Ti2Fe2", 12)}),
]


@pytest.mark.parametrize(("crystal", "expected"), TEXTBOOK)
def test_sites_are_those_of_the_textbook(crystal: tuple[str, ...], expected: set[tuple[str, int]]) -> None:
    assert {(site.name, site.multiplicity) for site in interstitial_sites(cell(*crystal))} == expected


def test_distances_are_those_of_geometry() -> None:
    fcc = cell("A1", "Pd")
    edge = fcc.lattice.a
    octahedral, tetrahedral = interstitial_sites(fcc)
    assert octahedral.distance == pytest.approx(edge / 2)
    assert tetrahedral.distance == pytest.approx(edge * math.sqrt(3) / 4)


def test_a_shift_and_a_rotation_change_nothing() -> None:
    crystal = cell("L1_2", "Mo", "Co")
    moved = crystal.copy()
    moved.translate_sites(range(len(moved)), [0.13, 0.27, 0.41])
    moved = Structure(moved.lattice.matrix @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), moved.species, moved.frac_coords)
    expected = [(site.name, site.multiplicity, round(site.distance, 4)) for site in interstitial_sites(crystal)]
    assert [(site.name, site.multiplicity, round(site.distance, 4)) for site in interstitial_sites(moved)] == expected


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_noise_does_not_change_which_of_equivalent_sites_stands_for_them(seed: int) -> None:
    crystal = cell("L1_2", "Mo", "Co")
    noisy = crystal.copy()
    noisy.perturb(1e-5)
    generator = np.random.default_rng(seed)
    noisy.scale_lattice(crystal.volume * generator.uniform(0.999, 1.001))
    order = generator.permutation(len(noisy)).tolist()
    noisy = Structure.from_sites([noisy[place] for place in order])

    def named(structure: Structure) -> set[tuple[str, tuple[float, ...]]]:
        return {(site.name, tuple(np.round(site.frac_coords, 2) % 1.0)) for site in interstitial_sites(structure)}

    assert named(noisy) == named(crystal)


@pytest.mark.parametrize("repeats", [1, 2])
def test_an_atom_on_a_site_has_the_sites_neighbours(repeats: int) -> None:
    crystal = cell("L1_2", "Mo", "Co")
    for site in interstitial_sites(crystal):
        filled = with_atom(crystal, site, "H", repeats)
        assert len(filled) == len(crystal) * repeats**3 + 1
        around = filled.get_neighbors(filled[-1], site.distance + 0.05)
        counts = {symbol: sum(each.specie.symbol == symbol for each in around) for symbol in ("Mo", "Co")}
        expected = {"Mo6": (6, 0), "Mo4Co2": (4, 2), "Mo3Co": (3, 1)}[site.environment]
        assert (counts["Mo"], counts["Co"]) == expected
