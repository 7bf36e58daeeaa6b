"""Planning: what is kept and in which order, that a killed run goes on as if it had not been, and chemistry's lists."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from dosmith import formulas
from dosmith.crystals.potential import ELEMENTAL, NAME, Potential
from dosmith.crystals.prototypes import PROTOTYPES, Prototype
from dosmith.dft import planning
from dosmith.dft.cp2k_kinds import Kinds
from dosmith.dft.plan import Entry, read_plan, write_plan
from dosmith.dft.planning import Step, extend, found, pair_entries, record_path, steps
from dosmith.errors import FileFormatError


class Springs(Potential):
    """A bond as long as its atoms' radii, stronger between unlike elements; summed over neighbours with a smooth end."""

    def __init__(self, affinity: float = 0.3) -> None:
        super().__init__()
        self.affinity = affinity  # eV of each unlike bond more

    def energy(self, structure: Structure) -> float:
        radii = np.array([float(site.specie.atomic_radius) for site in structure])
        kinds = np.array([site.specie.Z for site in structure])
        one, other, _, distance = structure.get_neighbor_list(2.6 * float(radii.max()))
        scaled = distance / (radii[one] + radii[other])
        strength = 0.5 + self.affinity * (kinds[one] != kinds[other])
        end = np.clip(1.25 - scaled, 0, None) ** 2
        return float(np.sum(strength * ((1 / scaled) ** 12 * 0.05 - end * 4))) / len(structure)


def ids(plan: list[Entry]) -> list[str]:
    return [entry.id for entry in plan]


def entry_at(counts: tuple[int, int], height: float, prototype: str = "A1") -> Entry:
    species = ("Al",) * counts[0] + ("Ni",) * counts[1]
    return Entry(prototype, species, np.eye(3) * 5, np.zeros((len(species), 3)), 0.0, height, NAME)


@pytest.fixture(scope="module")
def springs() -> Springs:
    return Springs()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "ELEMENTS", ("Al", "Ni", "Cu", "Pt"))
    monkeypatch.setattr(planning, "NAMED", ("Pt3Ni", "Pd"))
    monkeypatch.setattr(planning, "PER_KIND", 3)
    monkeypatch.setattr(planning, "PAIRS_PER_ROUND", 2)


class TestHull:
    @given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.floats(-3, 3)), min_size=1, max_size=12))
    def test_heights_are_those_of_a_phase_diagram(self, points: list[tuple[int, int, float]]) -> None:
        from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
        from pymatgen.core.composition import Composition

        entries = {}
        for a, b, height in points:
            entry = entry_at((a, b), height)
            entries.setdefault(entry.id, entry)
        above = planning._above_hull(entries.values())
        pd = {id: PDEntry(Composition(dict(e.composition)), planning._formation(e) * sum(n for _, n in e.composition))
              for id, e in entries.items()}  # fmt: skip
        diagram = PhaseDiagram([PDEntry("Al", 0), PDEntry("Ni", 0), *pd.values()])
        for id, height in above.items():
            assert height == pytest.approx(diagram.get_e_above_hull(pd[id]), abs=1e-6)

    def test_no_entries_have_no_heights(self) -> None:
        assert planning._above_hull([]) == {}


class TestPair:
    @pytest.fixture
    def everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(planning, "NEAR_HULL", 1e3)

    @pytest.mark.usefixtures("everything")
    def test_both_sides_of_each_stoichiometry_in_both_systems(self, springs: Springs) -> None:
        entries = pair_entries(("Al", "Ni"), springs, random.Random(0))
        kept = {(formulas.write(entry.composition), entry.crystal_system) for entry in entries}
        for formula in ("AlNi", "Al2Ni", "Ni2Al", "Al3Ni", "Ni3Al"):
            written = formulas.write(formulas.parse(formula))
            assert (written, "cubic") in kept and (written, "hexagonal") in kept
        assert len(entries) == 10 == len(set(ids(entries)))

    @pytest.mark.usefixtures("everything")
    def test_each_is_the_lowest_of_its_system(self, springs: Springs) -> None:
        for entry in pair_entries(("Al", "Ni"), springs, random.Random(0)):
            rivals = [name for name, kind in PROTOTYPES.items() if kind.crystal_system == entry.crystal_system and name != "C14"]
            all_of_it = planning._candidates(entry.composition, rivals, springs)
            assert planning._formation(entry) <= min(map(planning._formation, all_of_it)) + 1e-9

    def test_entries_carry_the_potentials_facts(self, springs: Springs) -> None:
        for entry in pair_entries(("Al", "Ni"), springs, random.Random(0)):
            assert entry.volume_from == NAME
            assert entry.potential_energy == pytest.approx(springs.energy(entry.structure), abs=1e-9)
            symbols = [springs.elemental_energy(symbol) for symbol in entry.species]
            assert entry.potential_formation_energy == pytest.approx(entry.potential_energy - np.mean(symbols))
            assert sorted(Counter(entry.species).values()) == sorted(PROTOTYPES[entry.prototype].counts)

    def test_the_far_ones_are_a_share_and_never_beyond_the_limit(self) -> None:
        chance = random.Random(0)
        kept = sum(planning._worth(0.3, planning.NEAR_HULL, chance) for _ in range(5000))
        assert kept / 5000 == pytest.approx(0.1, abs=0.02)
        assert all(planning._worth(0.1, planning.NEAR_HULL, chance) for _ in range(100))
        assert not any(planning._worth(0.51, planning.NEAR_HULL, chance) for _ in range(500))

    def test_elements_that_repel_leave_only_the_chosen_share(self) -> None:
        attracted = pair_entries(("Al", "Ni"), Springs(0.3), random.Random(1))
        repelled = pair_entries(("Al", "Ni"), Springs(-0.4), random.Random(1))
        assert len(repelled) < len(attracted)

    def test_the_large_laves_phase_is_tried_near_the_hull_and_kept_only_when_lowest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def plan(c15: float, c14: float) -> tuple[list[str], list[str]]:
            tried: list[str] = []

            def fake(composition: formulas.Composition, names: object, potential: Potential) -> list[Entry]:
                counts = dict(composition).get("Al", 0), dict(composition).get("Ni", 0)
                if sorted(counts) != [1, 2]:
                    return [entry_at(counts, -1.0, "L1_2")] if names is not planning.LARGE and 1 in counts else []
                if names is planning.LARGE:
                    tried.append("C14")
                    return [entry_at(counts, c14, "C14")]
                return [entry_at(counts, c15, "C15"), entry_at(counts, c15 + 0.01, "C32")]

            monkeypatch.setattr(planning, "_candidates", fake)
            return tried, ids(pair_entries(("Al", "Ni"), Springs(), random.Random(0)))

        tried, kept = plan(-1.0, -1.05)
        assert tried == ["C14"] * 2 and "Al2Ni-C14" in kept and "Al2Ni-C32" not in kept and "Al2Ni-C15" in kept
        tried, kept = plan(-1.0, -0.999)
        assert tried == ["C14"] * 2 and not any(id.endswith("C14") for id in kept) and "Al2Ni-C32" in kept
        tried, _ = plan(-0.5, -2.0)
        assert tried == []


class TestSteps:
    def test_are_the_same_for_a_seed_and_each_comes_once(self) -> None:
        work = list(steps(3))
        assert work == list(steps(3)) != list(steps(4))
        assert len({step.key for step in work}) == len(work)

    def test_hold_everything_in_its_order(self) -> None:
        work = list(steps())
        kinds = [step.kind for step in work]
        assert kinds == sorted(kinds, key=lambda kind: {"named": 0, "molecule": 1, "element": 2}.get(kind, 3))
        assert Counter(kinds) == {
            "named": len(planning.NAMED),
            "molecule": 7,
            "element": 63,
            "pair": 63 * 62 // 2,
        } | dict.fromkeys(planning.TERNARIES, 300)
        middle = work[kinds.index("pair") : kinds.index("pair") + 700]
        assert {step.kind for step in middle} == {"pair", *planning.TERNARIES}
        assert [step.kind for step in middle[:6]] == ["pair", *planning.TERNARIES, "pair"]

    def test_molecules_are_entries_of_their_own(self, tmp_path: Path) -> None:
        entries = [found(Step("molecule", symbol), Springs(), random.Random(0))[0] for symbol in ("H", "O")]
        write_plan(entries, tmp_path / "plan.parquet")
        hydrogen, oxygen = read_plan(tmp_path / "plan.parquet")
        assert ids([hydrogen, oxygen]) == ["H-molecule", "O-molecule"]
        assert (hydrogen.spin, oxygen.spin) == (False, True)
        assert hydrogen.crystal_system is None
        assert hydrogen.structure.get_distance(0, 1) == pytest.approx(0.75)
        assert Kinds.of(oxygen.structure, True).multiplicity == 3

    def test_named_ones_are_found_in_all_their_prototypes(self) -> None:
        springs = Springs()
        assert {entry.prototype for entry in found(Step("named", "Pt3Ni"), springs, random.Random(0))} <= {
            "L1_2", "D0_3", "D0_9", "A15", "D0_19"
        }  # fmt: skip
        assert "Pt3Ni-L1_2" in ids(found(Step("named", "Pt3Ni"), springs, random.Random(0)))
        elements = found(Step("element", "Al"), springs, random.Random(0))
        assert set(ids(elements)) <= {f"Al-{name}" for name in ELEMENTAL} and len(elements) > 2
        heights = [planning._formation(entry) for entry in elements]
        assert heights == sorted(heights)

    @pytest.mark.parametrize(
        ("kind", "formula"), [("E2_1", "BaTiO3"), ("C1_b", "TiNiSn"), ("L2_1", "Cu2MnAl"), ("P4/mmm AB2C", "Rh2CoPd")]
    )
    @pytest.mark.parametrize(("height", "share"), [(-0.1, 1.0), (0.0, 1.0), (0.3, 0.1), (0.6, 0.0), (None, 0.0)])
    def test_a_ternary_that_forms_is_kept(
        self, monkeypatch: pytest.MonkeyPatch, kind: str, formula: str, height: float | None, share: float
    ) -> None:
        def fake(prototype: Prototype, composition: formulas.Composition, potential: Potential) -> Entry | None:
            assert prototype.name == kind and composition == formulas.parse(formula)
            return None if height is None else entry_at((1, 1), height)

        monkeypatch.setattr(planning, "candidate", fake)
        kept = [len(found(Step(kind, formula), Springs(), random.Random(seed))) for seed in range(400)]
        assert np.mean(kept) == pytest.approx(share, abs=0.05)

    def test_every_formula_is_of_the_set_and_fits_its_prototype(self) -> None:
        for step in steps():
            if step.kind not in ("element", "pair"):
                composition = formulas.parse(step.what)
                assert {symbol for symbol, _ in composition} <= set(planning.ELEMENTS)
                assert any(kind.assignments(composition) for kind in PROTOTYPES.values())
            if step.kind in planning.TERNARIES:
                assert PROTOTYPES[step.kind].assignments(composition)


@pytest.mark.usefixtures("small")
class TestExtend:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "new" / "plan.parquet"

    def test_makes_a_plan_in_order(self, path: Path, springs: Springs) -> None:
        told: list[tuple[str, int]] = []
        plan = extend(path, potential=springs, progress=lambda step, count: told.append((step, count)))
        assert ids(read_plan(path)) == ids(plan) and len(set(ids(plan))) == len(plan)
        assert [step for step, _ in told] == [step.key for step in steps()]
        assert told[-1][1] == len(plan)
        assert plan[0].id.startswith("Pt3Ni")
        assert sorted(path.parent.iterdir()) == sorted([path, record_path(path)])

    def test_goes_on_as_if_it_had_never_stopped(self, path: Path, tmp_path: Path, springs: Springs) -> None:
        whole = extend(tmp_path / "whole.parquet", potential=springs)
        counts = [len(extend(path, pairs, potential=springs)) for pairs in (0, 1, 2, None)]
        assert counts == sorted(counts) and counts[1] > counts[0]
        assert ids(read_plan(path)) == ids(whole)
        assert (tmp_path / "whole.parquet").read_bytes() == path.read_bytes()

    @pytest.mark.parametrize("calls", [1, 3, 8, 14])
    def test_a_kill_between_steps_or_within_one_loses_only_that_step(
        self, path: Path, tmp_path: Path, springs: Springs, monkeypatch: pytest.MonkeyPatch, calls: int
    ) -> None:
        whole = extend(tmp_path / "whole.parquet", potential=springs)
        write, left = planning.write_text, [calls]

        def killed(place: Path, text: str) -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt  # the plan is written, the record is not
            write(place, text)

        monkeypatch.setattr(planning, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            extend(path, potential=springs)
        monkeypatch.setattr(planning, "write_text", write)
        assert ids(extend(path, potential=springs)) == ids(whole)

    def test_finished_work_is_not_done_again(self, path: Path, springs: Springs, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = extend(path, potential=springs)
        monkeypatch.setattr(planning, "found", lambda *_: pytest.fail("done again"))
        assert ids(extend(path, potential=springs)) == ids(plan)

    def test_a_prototype_that_comes_later_is_tried(self, path: Path, springs: Springs, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = dict(PROTOTYPES)
        later = whole.pop("B2")
        monkeypatch.setattr(planning, "PROTOTYPES", whole)
        first = extend(path, potential=springs)
        monkeypatch.setattr(planning, "PROTOTYPES", whole | {"B2": later})
        told: list[str] = []
        extend(path, potential=springs, progress=lambda step, count: told.append(step))
        assert {step.split()[0] for step in told} == {"named", "pair"}
        assert set(ids(first)) <= set(ids(read_plan(path)))
        assert extend(path, potential=springs, progress=lambda step, count: pytest.fail("done again"))

    def test_a_record_of_before_says_which_steps_are_finished(self, path: Path, springs: Springs) -> None:
        plan = extend(path, potential=springs)
        record_path(path).write_text(json.dumps({"seed": 0, "finished": [step.key for step in steps()]}))
        assert ids(extend(path, potential=springs, progress=lambda step, count: pytest.fail("done again"))) == ids(plan)

    def test_a_plan_from_elsewhere_is_gone_on_with(self, path: Path, springs: Springs) -> None:
        from dosmith.dft.plan import write_plan

        write_plan([entry_at((1, 0), 0.0, "A1"), entry_at((3, 1), 0.1, "L1_2")], path)
        plan = extend(path, 0, potential=springs)
        assert ids(plan)[:2] == ["Al-A1", "Al3Ni-L1_2"] and len(plan) > 2

    def test_a_removed_plan_is_begun_again(self, path: Path, springs: Springs) -> None:
        first = extend(path, 1, potential=springs)
        path.unlink()
        assert ids(extend(path, 1, potential=springs)) == ids(first)

    def test_another_seed_is_refused_in_one_line(self, path: Path, springs: Springs) -> None:
        extend(path, 0, potential=springs)
        with pytest.raises(FileFormatError, match="begun with seed 0") as refusal:
            extend(path, 0, seed=1, potential=springs)
        assert "\n" not in str(refusal.value)

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"seed": 0}', '{"seed": "x", "finished": []}', '{"seed": 0, "finished": 3}']
    )
    def test_a_damaged_record_is_told_in_one_line(self, path: Path, springs: Springs, text: str) -> None:
        extend(path, 0, potential=springs)
        record_path(path).write_text(text)
        with pytest.raises(FileFormatError, match="is not the record of a plan") as refusal:
            extend(path, 0, potential=springs)
        assert "\n" not in str(refusal.value)


def test_chgnet_plans_a_pair() -> None:
    pytest.importorskip("chgnet")
    kept = ids(pair_entries(("Na", "Cl"), Potential(), random.Random(0)))
    assert kept[0] == "NaCl-B1"
