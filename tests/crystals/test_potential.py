"""The potential: the search for the lowest energy on energies known by formula, and CHGNet's volumes of well-known crystals."""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

from dosmith.crystals import potential as module
from dosmith.crystals.potential import ELEMENTAL, INTERCHANGEABLE, Potential, Relaxed
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import MissingExtraError, NotFoundError

BULK = 5.0  # eV/atom
SHAPE = 3.0  # eV/atom


class Wells(Potential):
    """Each crystal in a well around a volume per atom and a ratio c/a; lower with more of the heavier element."""

    def __init__(self, volume: float = 14.0, ratio: float = 1.6) -> None:
        super().__init__()
        self.volume, self.ratio, self.calls = volume, ratio, 0

    def energy(self, structure: Structure) -> float:
        self.calls += 1
        size = math.log(structure.volume / len(structure) / self.volume)
        energy = BULK * size**2 - 0.01 * float(np.mean([site.specie.Z for site in structure]))
        angles = structure.lattice.angles
        if max(angles) == pytest.approx(120.0):
            energy += SHAPE * math.log(structure.lattice.c / structure.lattice.a / self.ratio) ** 2
        return energy


class TestSearch:
    @pytest.mark.parametrize("volume", [6.0, 11.0, 14.0, 16.6, 30.0])
    def test_a_cubic_crystal_is_brought_to_its_volume(self, volume: float) -> None:
        relaxed = Wells(volume).reference("Al")
        assert relaxed.volume == pytest.approx(volume, rel=1e-6)
        assert relaxed.energy == pytest.approx(-0.13, abs=1e-6)

    @pytest.mark.parametrize("ratio", [1.5, 1.62, 1.63, 1.9])
    def test_a_hexagonal_crystal_also_to_its_shape(self, ratio: float) -> None:
        relaxed = Wells(15.0, ratio).relaxed(PROTOTYPES["A3"], ["Mg"])
        assert relaxed.volume == pytest.approx(15.0, rel=1e-6)
        assert relaxed.structure.lattice.c / relaxed.structure.lattice.a == pytest.approx(ratio, rel=1e-6)

    def test_no_lowest_energy_is_one_line(self) -> None:
        class Downhill(Potential):
            def energy(self, structure: Structure) -> float:
                return float(structure.volume)

        with pytest.raises(NotFoundError, match="CHGNet finds no volume for Al") as refusal:
            Downhill().reference("Al")
        assert "\n" not in str(refusal.value)
        with pytest.raises(NotFoundError):
            Downhill().best(PROTOTYPES["B2"], [("Al", "Ni")])

    def test_few_energies_are_asked_for(self) -> None:
        wells = Wells(14.0)
        wells.elemental_volume("Ni"), wells.elemental_volume("Al")
        before = wells.calls
        wells.relaxed(PROTOTYPES["L1_2"], ("Ni", "Al"))
        assert wells.calls - before <= 8

    def test_elements_are_computed_once(self) -> None:
        wells = Wells()
        wells.elemental_energy("Pt")
        before = wells.calls
        wells.elemental_energy("Pt"), wells.reference("Pt"), wells.elemental_volume("Pt")
        assert wells.calls == before

    def test_the_start_is_no_larger_than_the_measured_volume_of_a_molecular_element(self) -> None:
        assert Wells(44.0).elemental_volume("H") == pytest.approx(18.96, abs=0.01)
        assert Wells(11.0).elemental_volume("H") == pytest.approx(11.0)


class TestAssignments:
    @pytest.mark.parametrize("name", [name for name in PROTOTYPES if name not in ELEMENTAL])
    def test_interchangeable_sites_are_those_that_give_the_same_crystal(self, name: str) -> None:
        kind = PROTOTYPES[name]
        elements = ("Al", "Ni", "Pt")[: len(kind.counts)]
        assert all(kind.counts["ABC".index(site)] == kind.counts["ABC".index(INTERCHANGEABLE[name][0])]
                   for site in INTERCHANGEABLE.get(name, ""))  # fmt: skip
        matcher = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.01, attempt_supercell=False)
        composition = tuple(zip(elements, kind.counts, strict=True))
        crystals: list[Structure] = []
        for assigned in kind.assignments(composition):
            crystal = kind.structure(assigned, 15.0)
            if not any(matcher.fit(crystal, other) for other in crystals):
                crystals.append(crystal)
        assert len(list(module._distinct(kind, kind.assignments(composition)))) == len(crystals)

    def test_the_lowest_of_all_assignments_is_found(self) -> None:
        class Oriented(Wells):
            def energy(self, structure: Structure) -> float:
                ends = structure[0].specie.symbol == "O"  # A of B8_1 on the chain
                return super().energy(structure) - ends

        kind = PROTOTYPES["B8_1"]
        for order in itertools.permutations(("Ni", "O")):
            best = Oriented().best(kind, [order, order[::-1]])
            assert best.structure[0].specie.symbol == "O"

    def test_an_assignment_without_a_volume_is_passed_over(self) -> None:
        class Half(Wells):
            def relaxed(self, prototype: object, elements: object) -> Relaxed:
                if elements == ("Ni", "O"):
                    raise NotFoundError("none")
                return super().relaxed(prototype, elements)  # type: ignore[arg-type]

        assert Half().best(PROTOTYPES["B8_1"], [("Ni", "O"), ("O", "Ni")]).structure[0].specie.symbol == "O"


def test_without_chgnet_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chgnet.model.model", None)
    with pytest.raises(MissingExtraError, match="relax"):
        Potential().reference("Al")


@pytest.fixture(scope="module")
def chgnet() -> Potential:
    pytest.importorskip("chgnet")
    return Potential()


class TestSensible:
    @pytest.mark.parametrize(("scale", "sensible"), [(0.2, False), (0.6, True), (1.0, True), (1.9, True), (2.3, False)])
    def test_volumes_far_from_the_elements_are_left_out(self, scale: float, sensible: bool) -> None:
        wells = Wells()
        volume = wells.elemental_volume("Al") * scale
        relaxed = Relaxed(PROTOTYPES["A1"].structure(["Al"], volume), -1.0)
        assert wells.could_be(relaxed) is sensible

    def test_atoms_too_close_are_left_out(self) -> None:
        wells = Wells()
        crystal = PROTOTYPES["B2"].structure(["Al", "Ni"], 13.0)
        assert wells.could_be(Relaxed(crystal, -1.0))
        closer = Structure(crystal.lattice, crystal.species, [[0, 0, 0], [0.28, 0.28, 0.28]])
        assert not wells.could_be(Relaxed(closer, -1.0))


class TestChgnet:
    @pytest.mark.parametrize(("symbol", "volume"), [("Al", 16.5), ("Pt", 15.65), ("Cu", 11.97)])
    def test_close_packed_metals_have_their_pbe_volume(self, chgnet: Potential, symbol: str, volume: float) -> None:
        assert chgnet.relaxed(PROTOTYPES["A1"], [symbol]).volume == pytest.approx(volume, rel=0.03)

    def test_rock_salt_has_its_pbe_edge(self, chgnet: Potential) -> None:
        assert (8 * chgnet.relaxed(PROTOTYPES["B1"], ["Na", "Cl"]).volume) ** (1 / 3) == pytest.approx(5.69, rel=0.01)

    def test_magnesium_has_its_ratio_of_axes(self, chgnet: Potential) -> None:
        lattice = chgnet.relaxed(PROTOTYPES["A3"], ["Mg"]).structure.lattice
        assert lattice.c / lattice.a == pytest.approx(1.62, abs=0.03)

    @pytest.mark.parametrize(("symbol", "energy"), [("H", -3.36), ("N", -8.33), ("O", -4.90), ("Cl", -1.84)])
    def test_molecular_elements_are_as_low_as_their_molecules(self, chgnet: Potential, symbol: str, energy: float) -> None:
        assert chgnet.elemental_energy(symbol) == pytest.approx(energy, abs=0.12)

    def test_energies_are_those_of_its_own_interface(self, chgnet: Potential) -> None:
        structure = PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 14.6)
        expected = float(chgnet.model.predict_structure(structure, task="e")["e"])
        assert chgnet.energy(structure) == pytest.approx(expected, abs=1e-5)

    def test_crystals_seen_together_are_as_in_its_own_graphs(self, chgnet: Potential) -> None:
        found = [
            PROTOTYPES["B1"].structure(("Na", "Cl"), 22.4),  # bonds within 3 Angstrom: angles
            PROTOTYPES["A2"].structure(["Cs"], 110.0),  # none
            PROTOTYPES["A1"].structure(["Ar"], 3000.0),  # no neighbours at all
            PROTOTYPES["L2_1"].structure(("Co", "Mn", "Si"), 11.3),
            PROTOTYPES["E2_1"].structure(("Ba", "Ti", "O"), 12.8),
        ]
        found[-1].perturb(0.05, seed=1)
        seen = chgnet.views(found)
        assert seen[2] is None
        del seen[2], found[2]
        for structure, view in zip(found, seen, strict=True):
            expected = chgnet.model.predict_structure(structure, task="em", return_atom_feas=True)
            assert view is not None
            assert view.energy == pytest.approx(float(expected["e"]), abs=1e-5)
            assert view.moments == pytest.approx(expected["m"], abs=1e-5)
            assert view.embeddings[:, 3] == pytest.approx(expected["atom_fea"], abs=2e-5)

    def test_passes_hold_all_crystals_and_not_too_many_atoms(self) -> None:
        sizes = [60, 60, None, 60, 500, None, 3]
        parts = list(module._parts(sizes))
        assert [place for part in parts for place in part] == [0, 1, 3, 4, 6]
        assert all(len(part) == 1 or sum(sizes[place] or 0 for place in part) <= module._AT_ONCE for part in parts)

    def test_atoms_out_of_reach_are_one_line(self, chgnet: Potential) -> None:
        with pytest.raises(NotFoundError, match="too far apart") as refusal:
            chgnet.energy(PROTOTYPES["A1"].structure(["Ar"], 3000.0))
        assert "\n" not in str(refusal.value)

    def test_stable_compounds_form(self, chgnet: Potential) -> None:
        for name, elements in (("B1", ("Na", "Cl")), ("L1_2", ("Al", "Zr")), ("E2_1", ("Ba", "Ti", "O"))):
            assert chgnet.formation_energy(chgnet.relaxed(PROTOTYPES[name], elements)) < -0.3
