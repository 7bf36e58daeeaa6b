"""Molecules packed in lattices: whole, apart, as close as radii allow."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.dft.molecular import ANIONS, METALS, MOLECULES, molecular, packed
from dosmith.dft.order import TURNS
from dosmith.element_facts import valence_electrons


@pytest.fixture(scope="module")
def entries():
    pytest.importorskip("ase")
    return list(molecular())


def test_each_is_one_crystal_with_closed_shells(entries) -> None:
    assert len({entry.id for entry in entries}) == len(entries) == len(MOLECULES) + len(ANIONS) * len(METALS)
    for entry in entries:
        assert sum(valence_electrons(symbol) for symbol in entry.species) % 2 == 0, entry.id
        assert entry.spin is False and entry.purpose in TURNS and "packed" in entry.volume_from


@pytest.mark.parametrize(("name", "bond"), [("CO", 1.13), ("CS2", 1.55), ("CF4", 1.32)])
def test_molecules_keep_their_measured_bonds(entries, name: str, bond: float) -> None:
    """Bond lengths of the molecules in the gas (NIST): nothing is squeezed."""
    from dosmith import formulas

    (entry,) = [entry for entry in entries if entry.composition == formulas.parse(name)]
    nearest = [each.nn_distance for each in entry.structure.get_neighbors(entry.structure[0], 1.9)]
    assert nearest and nearest == pytest.approx([bond] * len(nearest), abs=0.03)


def test_molecules_stand_apart_and_no_further_than_they_must(entries) -> None:
    """Crystals are near the densities of true ones: 20 to 45 % of space is empty in those of molecules; ice has 32 Angstrom^3 a molecule."""
    volumes = {"".join(sorted(entry.species)): entry.structure.volume for entry in entries}
    assert volumes["HHO"] == pytest.approx(32, rel=0.25)  # ice Ih
    assert volumes["CClClClCl"] == pytest.approx(158, rel=0.25)  # M. T. Dove, J. Phys. C 19, 3325 (1986)
    smaller = packed(ANIONS["CN"], "Na"), packed(ANIONS["CN"], "Cs")
    assert smaller[0].volume < smaller[1].volume


def test_an_ion_has_the_metal_all_around() -> None:
    structure = packed(ANIONS["BH4"], "Na")
    sodium = next(site for site in structure if site.specie.symbol == "Na")
    near = [each for each in structure.get_neighbors(sodium, 4.5) if each.specie.symbol == "B"]
    assert len(near) == 6 and np.ptp([each.nn_distance for each in near]) < 1e-6
    assert 2 * near[0].nn_distance == pytest.approx(6.15, rel=0.12)  # sodium borohydride, measured
