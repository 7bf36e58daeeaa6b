"""Heights above the hull in the potential, and who judges crystals by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dosmith import formulas
from dosmith.crystals import hull as hull_module
from dosmith.crystals.hull import CONTRADICTED, Hull, contradicted, formation_energies, potential_hull
from dosmith.crystals.potential import Potential
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.relaxation import FORCE, relax
from dosmith.crystals.stability import Judge
from dosmith.crystals.survey import SurveyIndex, shipped_survey
from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.library.stability import SEVENNET
from dosmith.records import Material

ELEMENTS = {"Al": -3.0, "Ni": -5.0, "Pt": -6.0}
AB, A3B = formulas.parse("AlNi"), formulas.parse("AlNi3")


def crystal(prototype: str, elements: tuple[str, ...], formation: float) -> Surveyed:
    counts = PROTOTYPES[prototype].counts
    zero = sum(n * ELEMENTS[symbol] for symbol, n in zip(elements, counts, strict=True)) / sum(counts)
    return Surveyed(prototype, elements, 12.0, 1.0, zero + formation, formation)


SURVEY = SurveyIndex.of(
    [
        crystal("B2", ("Al", "Ni"), -0.6),
        crystal("B1", ("Al", "Ni"), 0.1),
        crystal("L1_2", ("Ni", "Al"), -0.2),
        crystal("B2", ("Al", "Pt"), -0.8),
        crystal("B2", ("Ni", "Pt"), -0.1),
    ]
)


class TestLowestMixture:
    @pytest.mark.parametrize("symbols", [("Al", "Ni"), ("Al", "Ni", "Pt"), ("Al", "Ni", "Pt", "O")])
    @pytest.mark.parametrize("many", [0, 10**9], ids=["linear programming", "all mixtures"])
    def test_is_that_of_pymatgens_phase_diagram(
        self, symbols: tuple[str, ...], many: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
        from pymatgen.core.composition import Composition

        monkeypatch.setattr(hull_module, "_MANY", many)
        rng = np.random.default_rng(len(symbols))
        counts = rng.integers(0, 4, (12, len(symbols)))
        known = [(formulas.reduce([(s, int(n)) for s, n in zip(symbols, row, strict=True) if n]), float(rng.normal(-0.2, 0.3)))
                 for row in counts if (row > 0).sum() > 1]  # fmt: skip
        entries = [PDEntry(Composition(symbol), 0.0) for symbol in symbols]
        entries += [PDEntry(Composition(dict(each)), energy * sum(n for _, n in each)) for each, energy in known]
        diagram, hull = PhaseDiagram(entries), Hull(known)
        for row in rng.integers(1, 5, (10, len(symbols))):
            asked = formulas.reduce([(s, int(n)) for s, n in zip(symbols, row, strict=True)])
            height = hull.height(asked, 0.5)
            assert height.above_hull == pytest.approx(0.5 - diagram.get_hull_energy_per_atom(Composition(dict(asked))), abs=1e-6)
            assert sum(height.rivals.values()) == pytest.approx(1.0, abs=1e-6)


class TestSurveyIndex:
    def test_knows_the_elements_that_formation_energies_are_counted_from(self) -> None:
        assert SURVEY.elemental_energies == pytest.approx(ELEMENTS)
        assert SURVEY.formation_energy(AB, -4.5) == pytest.approx(-0.5)
        assert SURVEY.formation_energy(formulas.parse("AlZr"), -4.5) is None


class TestHeight:
    def test_is_zero_on_the_hull_and_names_the_rivals(self) -> None:
        hull = potential_hull(SURVEY)
        assert hull.height(AB, -0.6).above_hull == pytest.approx(0.0, abs=1e-6)
        assert hull.height(AB, -0.6).rivals == {"NiAl": 1.0}
        assert hull.height(AB, 0.1).above_hull == pytest.approx(0.7)

    def test_is_the_same_when_only_the_height_is_asked_for(self) -> None:
        """Against pymatgen's diagrams, for pairs and ternaries of the survey."""
        survey = shipped_survey()
        hull = potential_hull(survey)
        chosen = [each for composition, each in survey.crystals.items() if len(composition) in (2, 3)]
        for place in np.random.default_rng(0).choice(len(chosen), 150, replace=False):
            crystal = chosen[place][-1]
            expected = hull.height(crystal.composition, crystal.formation_energy).above_hull
            assert hull.above(crystal.composition, crystal.formation_energy) == pytest.approx(expected, abs=1e-6)

    def test_counts_the_share_of_each_rival(self) -> None:
        # AlNi3 is half AlNi and half Ni by atoms: -0.3 eV/atom
        height = potential_hull(SURVEY).height(A3B, -0.2)
        assert height.above_hull == pytest.approx(0.1)
        assert height.rivals == pytest.approx({"NiAl": 0.5, "Ni": 0.5})

    def test_may_be_below_all_that_is_known(self) -> None:
        assert potential_hull(SURVEY).height(A3B, -0.5).above_hull == pytest.approx(-0.2)

    def test_of_a_ternary_stands_on_its_pairs(self) -> None:
        height = potential_hull(SURVEY).height(formulas.parse("AlNiPt"), -0.3)
        # of its pairs AlPt (2/3 of the atoms) with Ni is lowest: -0.533
        assert height.above_hull == pytest.approx(-0.3 + 0.8 * 2 / 3)
        assert set(height.rivals) == {"PtAl", "Ni"}

    def test_crystals_beside_the_survey_are_rivals_too(self) -> None:
        beside = SurveyedRows.of([*SURVEY.crystals.rows, crystal("D0_3", ("Ni", "Al"), -0.8)])
        wider = replace(SURVEY, beside=lambda: beside)
        assert potential_hull(wider).height(A3B, -0.2).above_hull == pytest.approx(0.6)
        assert wider.crystals is SURVEY.crystals and len(wider.rivals.rows) == len(SURVEY.crystals.rows) + 1

    def test_of_an_unknown_pair_stands_on_the_elements(self) -> None:
        height = potential_hull(SURVEY).height(formulas.parse("ZrCu"), 0.05)
        assert height.above_hull == pytest.approx(0.05)
        assert height.rivals == pytest.approx({"Zr": 0.5, "Cu": 0.5})


class TestLibrary:
    def test_lowers_the_hull(self, make_material: Callable[..., Material]) -> None:
        material = make_material("AlNi3-L1_2", "AlNi3", prototype="L1_2", potential_energy=-4.5 - 0.45)
        height = potential_hull(SURVEY, MemoryLibrary([material])).height(A3B, -0.2)
        assert height.above_hull == pytest.approx(0.25)

    def test_counts_in_the_potential_that_the_survey_is_of(self, make_material: Callable[..., Material]) -> None:
        """A material's energy in CHGNet says nothing where formation energies are SevenNet's."""
        rows = [replace(each, potential=SEVENNET) for each in SURVEY.crystals.rows]
        survey = SurveyIndex.of(rows)
        assert survey.elemental_energies == {} and survey.formation_energy(AB, -4.5) is None
        for energy, above in ((None, 0.1), (-0.45, 0.25)):
            material = make_material(
                "AlNi3-L1_2", "AlNi3", prototype="L1_2", potential_energy=-9.0, sevennet_formation_energy=energy
            )
            assert potential_hull(survey, MemoryLibrary([material])).height(A3B, -0.2).above_hull == pytest.approx(above)

    @pytest.mark.parametrize("refuted", [True, False])
    def test_what_density_functional_theory_refutes_is_no_part_of_it(
        self, refuted: bool, make_material: Callable[..., Material]
    ) -> None:
        computed = -0.6 + (CONTRADICTED + 0.1 if refuted else 0.1)
        material = make_material("AlNi-B2", "AlNi", prototype="B2", potential_energy=-4.6, formation_energy=computed)
        library = MemoryLibrary([material])
        assert contradicted(library, formation_energies(library, SURVEY)) == ({(AB, "B2")} if refuted else set())
        # without AlNi its height is that above AlNi3 and Al
        height = potential_hull(SURVEY, library).height(AB, -0.6)
        assert height.above_hull == pytest.approx(-0.6 + 0.2 * 2 / 3 if refuted else 0.0, abs=1e-6)


class TestShipped:
    @pytest.mark.parametrize("formula", ["Pt3Ni", "BaTiO3", "AlNi", "NaCl", "MgO"])
    def test_compounds_that_exist_are_near_the_hull(self, open_set: ParquetLibrary, formula: str) -> None:
        judged = Judge(open_set, shipped_survey()).composition(formulas.parse(formula))
        assert judged.crystal is not None and judged.crystal.formation_energy is not None and judged.height is not None
        assert judged.crystal.formation_energy < 0
        assert judged.height.above_hull < 0.05

    @pytest.mark.parametrize("formula", ["AuCo2", "NaFe", "WAg3"])
    def test_pairs_that_do_not_mix_are_above_it(self, open_set: ParquetLibrary, formula: str) -> None:
        judged = Judge(open_set, shipped_survey()).composition(formulas.parse(formula))
        assert judged.height is not None and judged.height.above_hull > 0.02


class TestJudge:
    def test_one_that_fails_does_not_stop_the_others(self, open_set: ParquetLibrary) -> None:
        told: list[tuple[str, int, int]] = []
        names = ["Pt3Ni", "Zz", "nothing.cif", "Pt3Ni-L1_2"]
        judged = list(Judge(open_set, shipped_survey()).each(names, progress=lambda *words: told.append(words)))
        assert [each.name for each in judged] == names
        assert told == [(name, number, 4) for number, name in enumerate(names, 1)]
        assert [each.height is None for each in judged] == [False, True, True, False]
        assert "no element" in judged[1].trouble or "not an element" in judged[1].trouble
        assert "no file" in judged[2].trouble
        assert judged[0].as_dict()["formation_energy"] == judged[3].as_dict()["formation_energy"]

    def test_a_file_is_relaxed(self, open_set: ParquetLibrary, tmp_path: Path) -> None:
        pytest.importorskip("chgnet")
        known = Judge(open_set, shipped_survey()).composition(formulas.parse("Pt3Co"), prototype="L1_2")
        assert known.crystal is not None and known.crystal.formation_energy is not None
        strained = known.crystal.structure.copy()
        strained.apply_strain(0.03)
        strained.to(str(tmp_path / "strained.cif"))
        (judged,) = Judge(open_set, shipped_survey(), Potential()).each([str(tmp_path / "strained.cif")])
        assert judged.crystal is not None and judged.trouble == ""
        assert judged.crystal.formation_energy == pytest.approx(known.crystal.formation_energy, abs=3e-3)
        assert judged.crystal.structure.volume == pytest.approx(known.crystal.structure.volume, rel=0.02)


class TestRelaxation:
    def test_comes_to_rest_lower_and_keeps_symmetry(self) -> None:
        pytest.importorskip("chgnet")
        potential = Potential()
        start = PROTOTYPES["L1_2"].structure(["Pt", "Ni"], 16.0)
        steps: list[str] = []
        found = relax(start, potential, steps.append)
        assert found.settled and found.gained > 0 and steps
        assert found.energy == pytest.approx(potential.energy(found.structure), abs=1e-4)
        assert found.structure.get_space_group_info(symprec=1e-2)[1] == 221
        assert FORCE <= 0.05

    def test_without_the_cell_keeps_it(self) -> None:
        pytest.importorskip("chgnet")
        start = PROTOTYPES["B2"].structure(["Al", "Ni"], 12.0)
        start.translate_sites([1], [0.05, 0, 0])
        found = relax(start, Potential(), cell=False)
        assert found.structure.volume == pytest.approx(start.volume)
        assert found.gained > 0
