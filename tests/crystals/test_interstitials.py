"""Interstitial sites of crystals whose sites every textbook knows."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from dosmith.crystals.interstitials import interstitial_sites, with_atom
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import DosmithError
from dosmith.symmetry import conventional, operations, orbit, space_group


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


A = 2.95
CELLS = {
    "primitive face-centred": (PROTOTYPES["A1"].structure(["Pd"], 15.0), {("octahedral Pd6", 1), ("tetrahedral Pd4", 2)}),
    "primitive body-centred": (PROTOTYPES["A2"].structure(["Fe"], 12.0), {("octahedral Fe6", 3), ("tetrahedral Fe4", 6)}),
    "wide body-centred": (cell("A2", "Cs", volume=115.7), {("octahedral Cs6", 6), ("tetrahedral Cs4", 12)}),
    "long hexagonal": (
        Structure(Lattice.hexagonal(2.66, 4.95), ["Zn", "Zn"], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]),
        {("octahedral Zn6", 2), ("tetrahedral Zn4", 4)},
    ),
    "L1_0": (
        Structure(Lattice.tetragonal(2.72, 3.71), ["Fe", "Pt"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        {("octahedral Fe4Pt2", 1), ("octahedral Pt4Fe2", 1), ("tetrahedral Fe2Pt2", 4)},
    ),
    "indium": (
        Structure(Lattice.tetragonal(3.25, 4.95), ["In", "In"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        {("octahedral In6", 2), ("tetrahedral In4", 4)},
    ),
    "martensite": (
        Structure(Lattice.tetragonal(2.87, 3.0), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        {("octahedral Fe6", 2), ("octahedral Fe6", 4), ("tetrahedral Fe4", 8), ("tetrahedral Fe4", 4)},
    ),
    "P4/mmm A2BC": (
        PROTOTYPES["P4/mmm AB2C"].stretched(1.05).structure(["Pt", "Ni", "Co"], 14.0),
        {("octahedral Pt4Ni2", 1), ("octahedral Pt4Co2", 1), ("octahedral Co2Ni2Pt2", 2), ("tetrahedral Pt2CoNi", 8)},
    ),
    "C15": (cell("C15", "Cr", "Ti"), {("tetrahedral Ti2Cr2", 96), ("tetrahedral Cr3Ti", 32), ("tetrahedral Cr4", 8)}),
    "strained": (
        Structure(Lattice.tetragonal(3.89, 3.93), ["Pd"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
        {("octahedral Pd6", 4), ("tetrahedral Pd4", 8)},
    ),
    "supercell": (cell("A1", "Pd") * (3, 2, 2), {("octahedral Pd6", 48), ("tetrahedral Pd4", 96)}),
}


@pytest.mark.parametrize("name", CELLS)
def test_sites_do_not_hang_on_the_cell_or_its_shape(name: str) -> None:
    crystal, expected = CELLS[name]
    assert {(site.name, site.multiplicity) for site in interstitial_sites(crystal)} == expected


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.07])
@pytest.mark.parametrize("name", PROTOTYPES)
def test_atoms_on_all_equivalent_sites_keep_the_space_group(name: str, ratio: float) -> None:
    kind = PROTOTYPES[name]
    if kind.crystal_system != "cubic":
        kind = kind.stretched(ratio)
    crystal = conventional(kind.structure(["Ni", "Al", "Zr"][: len(kind.counts)], 15.0))
    for site in interstitial_sites(crystal):
        filled = crystal.copy()
        for place in orbit(crystal.lattice, site.frac_coords, operations(crystal)):
            filled.append("H", place)
        dataset = spglib.get_symmetry_dataset((filled.lattice.matrix, filled.frac_coords, filled.atomic_numbers), 1e-3, -1.0)
        assert dataset.number == space_group(crystal)[1]
        assert len(filled) - len(crystal) == site.multiplicity
        assert len(set(dataset.equivalent_atoms[len(crystal) :].tolist())) == 1


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_atoms_that_are_a_little_displaced_have_as_many_sites(seed: int) -> None:
    crystal = cell("A1", "Pd") * (2, 1, 1)
    shifts = np.random.default_rng(seed).normal(0, 0.02, (len(crystal), 3))
    moved = Structure(crystal.lattice, crystal.species, crystal.cart_coords + shifts, coords_are_cartesian=True)
    counts = Counter[str]()
    for site in interstitial_sites(moved):
        counts[site.name] += site.multiplicity
    assert counts == {"octahedral Pd6": 8, "tetrahedral Pd4": 16}


def test_a_disordered_crystal_is_refused_in_words() -> None:
    alloy = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.8), [{"Ni": 0.25, "Pt": 0.75}], [[0, 0, 0]])
    with pytest.raises(DosmithError, match="disordered"):
        interstitial_sites(alloy)


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
