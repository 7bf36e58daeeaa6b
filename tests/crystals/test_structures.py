"""The crystals that a composition may have: where they come from, their order, their symmetry, their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

from dosmith import formulas
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.potential import Potential
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.structures import Polymorph, structures, write_structures
from dosmith.crystals.survey import SurveyIndex, shipped_survey
from dosmith.errors import DosmithError, NotFoundError
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.symmetry import system_of

PT3CO = formulas.parse("Pt3Co")


def of(formula: str, library: ParquetLibrary, **wanted: str) -> list[Polymorph]:
    return structures(formulas.parse(formula), library, shipped_survey(), None, **wanted)  # type: ignore[arg-type]


class TestKnown:
    def test_lowest_first_and_each_prototype_once(self, open_set: ParquetLibrary) -> None:
        for formula in ("Pt3Ni", "PtMn2", "AuCu", "BaTiO3", "Pd"):
            found = of(formula, open_set)
            energies = [each.energy for each in found if each.energy is not None]
            assert energies == sorted(energies)
            assert len({each.prototype for each in found}) == len(found)

    def test_the_library_comes_before_the_survey(self, open_set: ParquetLibrary) -> None:
        found = {each.prototype: each for each in of("Pt3Ni", open_set)}
        assert found["L1_2"].source == "library"
        assert found["L1_2"].structure == open_set.material("Pt3Ni-L1_2").structure
        assert found["L1_2"].computed is not None
        assert found["D0_3"].source == "survey"

    def test_of_a_crystal_system(self, open_set: ParquetLibrary) -> None:
        everything = of("Pt3Co", open_set)
        for system in ("cubic", "hexagonal"):
            found = of("Pt3Co", open_set, crystal_system=system)
            assert found
            assert [each.id for each in found] == [each.id for each in everything if each.crystal_system == system]

    def test_of_a_prototype(self, open_set: ParquetLibrary) -> None:
        assert [each.prototype for each in of("Pt3Co", open_set, prototype_name="d019")] == ["D0_19"]

    @pytest.mark.parametrize("wanted", [{"crystal_system": "monoclinic"}, {"prototype_name": "B1"}, {"prototype_name": "X"}])
    def test_none_is_one_line(self, open_set: ParquetLibrary, wanted: dict[str, str]) -> None:
        with pytest.raises(NotFoundError) as caught:
            of("Pt3Co", open_set, **wanted)
        assert "\n" not in str(caught.value)

    def test_formation_energies_of_library_and_survey_have_the_same_zero(self, open_set: ParquetLibrary) -> None:
        survey = shipped_survey()
        compared = 0
        for row in range(0, len(open_set), 10):
            energy = open_set.provenances[row].get("potential_energy")
            composition = formulas.parse(open_set.formulas[row])
            for each in survey.crystals.get(composition, ()):
                if energy is not None and each.prototype == open_set.prototypes[row] and abs(each.energy - energy) < 1e-3:
                    assert survey.formation_energy(composition, energy) == pytest.approx(each.formation_energy, abs=5e-3)
                    compared += 1
        assert compared > 20


class TestSpaceGroup:
    @pytest.mark.parametrize("formula", ["PtCo", "Pt2Co", "Pt3Co", "PtCo2", "NaCl", "TiB2"])
    def test_is_that_of_the_prototype(self, open_set: ParquetLibrary, formula: str) -> None:
        for each in of(formula, open_set):
            assert each.as_expected is True
            assert each.prototype is not None
            assert each.crystal_system == kind_of(each.prototype).crystal_system

    def test_of_a_distorted_crystal_is_not(self) -> None:
        sheared = PROTOTYPES["L1_2"].structure(["Pt", "Co"], 14.6)
        sheared.translate_sites([0], [0.03, 0.02, 0.01])
        assert Polymorph("x", sheared, "L1_2", "file").as_expected is False

    def test_numbers_know_their_systems(self) -> None:
        expected = {1: "triclinic", 14: "monoclinic", 62: "orthorhombic", 123: "tetragonal", 166: "trigonal", 194: "hexagonal"}
        assert {number: system_of(number) for number in expected} == expected
        assert system_of(225) == "cubic"


class TestPotential:
    def test_gives_what_nobody_knows(self) -> None:
        pytest.importorskip("chgnet")
        found = structures(
            formulas.parse("AuCu"), MemoryLibrary([]), SurveyIndex.of(), Potential(), prototype_name="B2", crystal_system="cubic"
        )
        (known,) = (each for each in shipped_survey().crystals[formulas.parse("AuCu")] if each.prototype == "B2")
        assert [each.source for each in found] == ["prototype"]
        assert found[0].formation_energy == pytest.approx(known.formation_energy, abs=2e-3)
        assert found[0].structure.volume / 2 == pytest.approx(known.volume, rel=1e-2)


class TestFiles:
    def test_hold_the_same_crystal_in_three_formats(self, open_set: ParquetLibrary, tmp_path: Path) -> None:
        found = of("Pt3Co", open_set, crystal_system="cubic")
        files = write_structures(found, tmp_path / "out")
        assert sorted(file.name for file in (tmp_path / "out").glob("[!.]*")) == sorted(file.name for file in files)
        matcher = StructureMatcher(scale=False)
        for each in found:
            for ending in ("cif", "vasp"):
                assert matcher.fit(Structure.from_file(tmp_path / "out" / f"{each.id}.{ending}"), each.structure)

    def test_extended_xyz_is_read_by_ase(self, open_set: ParquetLibrary, tmp_path: Path) -> None:
        io = pytest.importorskip("ase.io")
        found = of("Pt3Co", open_set)
        write_structures(found, tmp_path)
        frames = io.read(tmp_path / "crystals.extxyz", ":")
        assert len(frames) == len(found)
        for atoms, each in zip(frames, found, strict=True):
            np.testing.assert_allclose(atoms.cell[:], each.structure.lattice.matrix, atol=1e-6)
            np.testing.assert_allclose(atoms.positions, each.structure.cart_coords, atol=1e-6)
            assert atoms.get_potential_energy() == pytest.approx(each.energy * len(atoms), abs=1e-4)

    def test_a_folder_that_cannot_be_made_is_one_line(self, open_set: ParquetLibrary, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DosmithError, match="--out"):
            write_structures(of("Pt3Co", open_set), tmp_path / "file" / "out")
