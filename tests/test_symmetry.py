"""Symmetry with stated tolerances: crystals that pymatgen's angle of 5 degrees takes for cubic, and every prototype."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from pymatgen.symmetry.groups import SpaceGroup

from dosmith import symmetry
from dosmith.crystals.find import from_file
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.recognise import recognise

SOURCE = Path(symmetry.__file__).parent


def prototype(name: str, volume: float = 15.0) -> Structure:
    kind = PROTOTYPES[name]
    return kind.structure(["Ni", "Al", "Zr"][: len(kind.counts)], volume)


def body_centred(ratio: float) -> Structure:
    return Structure(Lattice.tetragonal(2.87, 2.87 * ratio), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def read(text: str) -> Structure:
    return Structure.from_str(text, fmt="cif")


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_prototype_has_the_space_group_of_its_label(name: str) -> None:
    assert symmetry.space_group(prototype(name))[1] == int(PROTOTYPES[name].aflow.split("_")[2])


@settings(deadline=None, max_examples=30)
@given(st.floats(1.005, 1.4))
def test_a_body_centred_crystal_that_is_longer_along_one_axis_is_tetragonal(ratio: float) -> None:
    crystal = body_centred(ratio)
    assert symmetry.space_group(crystal) == ("I4/mmm", 139)
    found = recognise(crystal.lattice.matrix, ["Fe", "Fe"], crystal.frac_coords)
    assert found is not None and found.crystal_system == "tetragonal"
    cell = symmetry.conventional(crystal)
    assert cell.lattice.c / cell.lattice.a == pytest.approx(ratio)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_the_conventional_cell_is_pymatgens_for_half_the_time(name: str) -> None:
    crystal = prototype(name)
    cell, group = symmetry.conventional_with_group(crystal)
    whole = SpacegroupAnalyzer(crystal, symmetry.ALIKE, -1.0).get_conventional_standard_structure()
    assert cell.species == whole.species and group == symmetry.space_group(crystal)
    np.testing.assert_allclose(cell.lattice.matrix, whole.lattice.matrix, atol=1e-9)
    np.testing.assert_allclose(cell.frac_coords, whole.frac_coords, atol=1e-9)


def test_no_symmetry_is_no_error() -> None:
    overlapping = Structure(Lattice.cubic(4.0), ["Fe", "Fe"], [[0, 0, 0], [0, 0, 1e-9]])
    cell, group = symmetry.conventional_with_group(overlapping)
    assert group == ("P1", 1) and cell == overlapping


@settings(deadline=None, max_examples=30)
@given(st.floats(0.95, 1.4), st.floats(0.95, 1.2))
def test_a_cif_holds_the_crystal_that_was_given(first: float, second: float) -> None:
    crystal = Structure(Lattice.orthorhombic(2.87, 2.87 * first, 2.87 * second), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    again = read(symmetry.cif(crystal))
    assert again.volume == pytest.approx(crystal.volume, rel=1e-3)
    assert sorted(again.lattice.abc) == pytest.approx(sorted(crystal.lattice.abc), rel=1e-3)
    assert len(again) == 2


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_cif_states_its_space_group_and_one_of_equivalent_atoms(name: str) -> None:
    crystal = prototype(name)
    text = symmetry.cif(crystal)
    again = read(text)
    number = int(re.findall(r"_Int_Tables_number +(\d+)", text)[0])
    assert symmetry.space_group(again)[1] == number == symmetry.space_group(crystal)[1]
    assert again.volume / len(again) == pytest.approx(15.0)
    assert again.composition.reduced_composition == crystal.composition.reduced_composition
    assert text.count("\n  ") == len(SpaceGroup.from_int_number(number).symmetry_ops) + len(
        set(spglib.get_symmetry_dataset((again.lattice.matrix, again.frac_coords, again.atomic_numbers)).equivalent_atoms)
    )
    assert StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1).fit(crystal, again)


def test_overlapping_atoms_and_no_symmetry_are_written_as_they_are() -> None:
    crystal = Structure(Lattice.from_parameters(3, 4, 5, 80, 85, 95), ["Na", "Cl"], [[0.1, 0.2, 0.3], [0.55, 0.5, 0.7]])
    for odd in (crystal, Structure(Lattice.cubic(3), ["Na", "Na"], [[0, 0, 0], [0, 0, 0]])):
        text = symmetry.cif(odd)
        assert "'P 1'" in text or symmetry.space_group(odd)[1] == 2
    assert np.allclose(read(symmetry.cif(crystal)).lattice.abc, crystal.lattice.abc, atol=1e-6)


def test_a_disordered_crystal_keeps_its_shares() -> None:
    alloy = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.8), [{"Ni": 0.25, "Pt": 0.75}], [[0, 0, 0]])
    again = read(symmetry.cif(alloy))
    assert len(again) == 4 and again.composition.almost_equals(alloy.composition)
    assert symmetry.space_group(alloy) == ("Fm-3m", 225) and len(symmetry.primitive(alloy)) == 1


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_supercell_is_reduced_and_a_primitive_cell_stays_as_it_is(name: str) -> None:
    crystal = prototype(name)
    same = symmetry.primitive(crystal)
    assert np.array_equal(same.lattice.matrix, crystal.lattice.matrix) and np.array_equal(same.frac_coords, crystal.frac_coords)
    less = symmetry.primitive(crystal * (2, 1, 2))
    assert len(less) == len(crystal) and less.volume == pytest.approx(crystal.volume)


def test_a_cell_with_small_shifts_is_not_averaged_away() -> None:
    """A dimerised chain: pymatgen's own reduction joins what is less than 0.25 A apart."""
    chain = Structure(Lattice.tetragonal(5.0, 5.0), ["Na", "Na"], [[0, 0, 0.02], [0, 0, 0.48]])
    assert len(symmetry.primitive(chain)) == 2 and len(chain.get_primitive_structure()) == 1


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(sorted(PROTOTYPES)), st.tuples(*[st.floats(0.01, 0.99)] * 3))
def test_an_orbit_has_as_many_places_as_its_stabiliser_leaves(name: str, place: tuple[float, float, float]) -> None:
    crystal = symmetry.conventional(prototype(name))
    group = symmetry.operations(crystal)
    for where in (np.array(place), crystal.frac_coords[0]):
        special = symmetry.special(crystal.lattice, where, group)
        rotations, translations = group
        kept = symmetry.same(crystal.lattice, rotations @ special + translations, special)
        assert len(symmetry.orbit(crystal.lattice, special, group)) * kept.sum() == len(rotations)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_the_label_of_a_prototype_is_that_of_the_library(name: str) -> None:
    parts = PROTOTYPES[name].aflow.split("_")
    found = symmetry.aflow_label(prototype(name)).partition(":")[0].split("_")
    assert found[1:3] == parts[1:3]  # Pearson symbol and space group; letters of equivalent settings differ


def test_a_tetragonal_crystal_has_the_label_of_one() -> None:
    assert symmetry.aflow_label(body_centred(1.045)).startswith("A_tI2_139_a")


@pytest.mark.parametrize("divisions", [(3, 3, 3), (4, 4, 2)])
def test_the_points_of_a_mesh_stand_for_all_of_it(divisions: tuple[int, int, int]) -> None:
    crystal = body_centred(1.045)
    mapping, grid = symmetry.irreducible_mesh(crystal.lattice.matrix, crystal.frac_coords, [1, 1], divisions)
    assert len(mapping) == len(grid) == np.prod(divisions)
    assert len({tuple(point % np.array(divisions)) for point in grid}) == len(grid)
    assert len(set(mapping.tolist())) < len(grid)
    overlapping = symmetry.irreducible_mesh(crystal.lattice.matrix, np.zeros((2, 3)), [1, 1], divisions)
    assert len(overlapping[0]) == len(grid)


def test_a_file_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "Fe.cif"
    file.write_text(body_centred(1.045).to(fmt="cif"))
    cell = from_file(file)
    assert cell.volume / len(cell) == pytest.approx(2.87**3 * 1.045 / 2)
    assert symmetry.conventional(read(symmetry.cif(cell))).lattice.abc == pytest.approx((2.87, 2.87, 2.87 * 1.045))


def test_no_other_module_calls_spglib_or_what_hides_it() -> None:
    hidden = re.compile(r"import spglib|SpacegroupAnalyzer|get_space_group_info|symprec|get_primitive_structure")
    others = [file for file in SOURCE.rglob("*.py") if file.name != "symmetry.py" and hidden.search(file.read_text())]
    assert others == []
