"""Prototypes: symmetry and contents of the AFLOW labels, and the crystals that pymatgen and the open DOS set hold."""

from __future__ import annotations

import math
import re
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY  # type: ignore[attr-defined]
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from dosmith.crystals.prototypes import PROTOTYPES, Prototype, prototype
from dosmith.errors import NotFoundError
from dosmith.library import ParquetLibrary
from dosmith.sources import open_set as batches

every_prototype = pytest.mark.parametrize("kind", PROTOTYPES.values(), ids=list(PROTOTYPES))
exact = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.01)


def crystal(kind: Prototype, volume_per_atom: float = 15.0) -> Structure:
    return kind.structure(("Al", "Ni", "Pt")[: len(kind.counts)], volume_per_atom)


def matcher_for(kind: Prototype) -> StructureMatcher:
    """Cubic crystals fit exactly; those with free axes and heights nearly."""
    return exact if kind.crystal_system == "cubic" else StructureMatcher()


def in_cell_of(stored: Structure, ideal: Structure) -> Structure:
    """The ideal crystal with the axes of a stored one, whose shape was relaxed."""
    return Structure(stored.lattice, ideal.species, ideal.frac_coords)


def symmetry(structure: Structure) -> SpacegroupAnalyzer:
    return SpacegroupAnalyzer(structure, symprec=1e-3)


class TestEveryPrototype:
    @every_prototype
    def test_has_the_space_group_of_its_label(self, kind: Prototype) -> None:
        found = symmetry(crystal(kind))
        assert found.get_space_group_number() == int(kind.aflow.split("_")[2])
        assert found.get_crystal_system() == kind.crystal_system
        assert kind.aflow.split("_")[1][0] == {"cubic": "c", "hexagonal": "h", "tetragonal": "t"}[kind.crystal_system]

    @every_prototype
    def test_is_primitive_and_of_the_pearson_symbol(self, kind: Prototype) -> None:
        structure = crystal(kind)
        assert len(symmetry(structure).find_primitive()) == len(structure)
        pearson = kind.aflow.split("_")[1]
        centred = {"P": 1, "I": 2, "F": 4}[pearson[1]]
        assert len(structure) * centred == int(pearson[2:])

    @every_prototype
    def test_has_the_stoichiometry_of_its_label(self, kind: Prototype) -> None:
        stated = [int(count or 1) for count in re.findall(r"[A-Z](\d*)", kind.aflow.split("_")[0])]
        divisor = np.gcd.reduce(kind.counts)
        assert sorted(count // divisor for count in kind.counts) == sorted(stated)
        assert sum(kind.counts) == len(kind.sites)
        assert {name for name, _ in kind.sites} == set("ABC"[: len(kind.counts)])
        assert crystal(kind).composition.as_dict() == dict(zip(("Al", "Ni", "Pt"), kind.counts, strict=False))

    @every_prototype
    def test_keeps_its_atoms_apart_in_a_right_handed_cell(self, kind: Prototype) -> None:
        structure = crystal(kind)
        distances = [neighbor.nn_distance for around in structure.get_all_neighbors(4.0) for neighbor in around]
        assert min(distances) > 1.4
        assert np.linalg.det(structure.lattice.matrix) > 0

    @every_prototype
    def test_takes_no_other_number_of_elements(self, kind: Prototype) -> None:
        count = len(kind.counts)
        for elements in (["Al", "Ni", "Pt", "Pd"][: count + 1], ["Al", "Ni"][: count - 1]):
            with pytest.raises(ValueError, match=f"takes {count} elements, not {len(elements)}"):
                kind.structure(elements, 15.0)

    @every_prototype
    def test_is_known_by_its_name_in_many_spellings(self, kind: Prototype) -> None:
        for name in (kind.name, kind.name.replace("_", ""), kind.name.lower(), kind.name.replace("_", "").lower()):
            assert prototype(name) is kind


@given(st.sampled_from(list(PROTOTYPES)), st.floats(1.0, 200.0))
def test_a_crystal_has_the_volume_asked_for(name: str, volume_per_atom: float) -> None:
    structure = crystal(PROTOTYPES[name], volume_per_atom)
    assert structure.volume / len(structure) == pytest.approx(volume_per_atom, rel=1e-9)


@given(st.permutations(["Al", "Ni", "Pt"]))
def test_elements_go_on_the_sites_in_the_order_given(elements: list[str]) -> None:
    a, b, c = elements
    assert prototype("L1_2").structure([a, b], 15.0).composition.as_dict() == {a: 3, b: 1}
    assert prototype("E2_1").structure([a, b, c], 15.0).composition.as_dict() == {a: 1, b: 1, c: 3}
    assert prototype("L2_1").structure([a, b, c], 15.0).composition.as_dict() == {a: 2, b: 1, c: 1}


@pytest.mark.parametrize("name", ["A1", "A3", "L1_2", "D0_19", "P4/mmm AB2C"])
def test_in_a_close_packed_crystal_twelve_atoms_touch_each(name: str) -> None:
    structure = crystal(PROTOTYPES[name])
    nearest = min(neighbor.nn_distance for around in structure.get_all_neighbors(4.0) for neighbor in around)
    assert [len(around) for around in structure.get_all_neighbors(1.02 * nearest)] == [12] * len(structure)


@pytest.mark.parametrize("name", ["C14", "C15"])
def test_the_atoms_of_a_laves_phase_have_the_ideal_radii(name: str) -> None:
    structure = crystal(PROTOTYPES[name])
    distances = structure.distance_matrix + 99 * np.eye(len(structure))
    of_a = np.array([site.species_string == "Al" for site in structure])
    small, large = distances[np.ix_(of_a, of_a)].min(), distances[np.ix_(~of_a, ~of_a)].min()
    assert large / small == pytest.approx(math.sqrt(3 / 2), rel=0.005)


def test_the_anions_of_a_perovskite_surround_the_second_element() -> None:
    perovskite = prototype("E2_1").structure(["Ba", "Ti", "O"], 13.0)
    (titanium,) = [site for site in perovskite if site.species_string == "Ti"]
    edge = perovskite.lattice.a
    around = perovskite.get_neighbors(titanium, 0.51 * edge)
    assert [site.species_string for site in around] == ["O"] * 6


def test_the_tetragonal_prototype_is_on_the_wyckoff_positions_of_its_label() -> None:
    kind = prototype("P4/mmm AB2C")
    places = {"a": (0, 0, 0), "b": (0, 0, 0.5), "c": (0.5, 0.5, 0), "d": (0.5, 0.5, 0.5), "e": (0, 0.5, 0.5), "f": (0, 0.5, 0)}
    letters = kind.aflow.split("_")[3:]
    stated = Structure.from_spacegroup("P4/mmm", Lattice.cubic(4.0), ["Ni", "Al", "Pt"], [places[letter] for letter in letters])
    assert exact.fit(crystal(kind, 16.0), stated)


@pytest.mark.parametrize("name", [name for name in PROTOTYPES if name != "P4/mmm AB2C"])  # pymatgen's list lacks it
def test_pymatgen_has_the_same_crystal_under_its_label(name: str) -> None:
    kind = PROTOTYPES[name]
    (known,) = [entry for entry in AFLOW_PROTOTYPE_LIBRARY if entry["tags"]["aflow"] == kind.aflow]
    assert known["tags"]["strukturbericht"] == name
    assert matcher_for(kind).fit_anonymous(crystal(kind), known["snl"].structure)


@pytest.mark.parametrize("name", ["L12", "l1_2", "L1_2", "l12"])
def test_l1_2_is_understood_with_and_without_its_subscript(name: str) -> None:
    assert prototype(name).name == "L1_2"


def test_an_unknown_name_is_one_line_that_lists_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="'A99' is not a prototype dosmith knows") as refusal:
        prototype("A99")
    assert "\n" not in str(refusal.value)
    assert all(name in str(refusal.value) for name in PROTOTYPES)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])))
def test_any_other_text_is_not_found(text: str) -> None:
    assume(text.replace("_", "").lower() not in {name.replace("_", "").lower() for name in PROTOTYPES})
    with pytest.raises(NotFoundError):
        prototype(text)


class TestOpenSet:
    @pytest.mark.parametrize("name", [name for name, _ in batches.PROTOTYPES.values()])
    def test_stored_crystals_are_those_of_their_prototype(self, open_set: ParquetLibrary, name: str) -> None:
        kind = PROTOTYPES[name]
        ids = [id for id, stored in zip(open_set.ids, open_set.prototypes, strict=True) if stored == name]
        for id in ids[:: math.ceil(len(ids) / 6)]:
            material = open_set.material(id)
            assert material.crystal_system == kind.crystal_system
            assert material.provenance["aflow_label"] == kind.aflow
            stored = material.structure
            assert stored is not None
            assert len(stored) == len(kind.sites)
            volume = stored.volume / len(stored)
            fitting = [
                elements
                for elements in permutations(symbol for symbol, _ in material.composition)
                if matcher_for(kind).fit(in_cell_of(stored, kind.structure(elements, volume)), stored)
            ]
            assert fitting, id
            assert all(
                str(kind.structure(elements, volume).get_space_group_info(symprec=1e-3)[0]) == material.space_group
                for elements in fitting
            )

    def test_labels_are_those_of_the_batches(self) -> None:
        assert {name: PROTOTYPES[name].aflow for name, _ in batches.PROTOTYPES.values()} == dict(batches.PROTOTYPES.values())
