"""Real crystals by ion substitution: charges balance, what was tried is not tried again, the plan grows broad."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from dosmith import formulas
from dosmith.crystals.ions import Seed, candidates, charges
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft import substitution
from dosmith.dft.plan import read_plan
from dosmith.dft.substitution import REPLACEABLE, extend, record_path
from dosmith.errors import FileFormatError

SALT = PROTOTYPES["B1"].structure(["Na", "Cl"], 22.0)
PEROVSKITE = PROTOTYPES["E2_1"].structure(["Sr", "Ti", "O"], 12.0)
SEEDS = [
    Seed("B1", SALT, {"Na": Species("Na", 1), "Cl": Species("Cl", -1)}),
    Seed("E2_1", PEROVSKITE, {"Sr": Species("Sr", 2), "Ti": Species("Ti", 4), "O": Species("O", -2)}),
]


class Potential:
    """Likes every crystal but those of lithium, and expects no moments."""

    def could_be(self, relaxed: object) -> bool:
        return True

    def formation_energy(self, relaxed: object) -> float:
        structure = relaxed.structure  # type: ignore[attr-defined]
        return 0.5 if "Li" in structure.composition.get_el_amt_dict() else -1.0


@pytest.fixture
def potential(monkeypatch: pytest.MonkeyPatch) -> Potential:
    def relax(structure: Structure, potential: object, steps: int) -> SimpleNamespace:
        return SimpleNamespace(structure=structure, energy=-4.0)

    monkeypatch.setattr(substitution, "relax", relax)
    monkeypatch.setattr(substitution, "_moments", lambda structure, potential: None)
    return Potential()


def test_charges_are_those_of_chemistry() -> None:
    assert charges(PEROVSKITE) == {"Sr": Species("Sr", 2), "Ti": Species("Ti", 4), "O": Species("O", -2)}
    assert charges(PROTOTYPES["A1"].structure(["Cu"], 12.0)) is None
    assert charges(PROTOTYPES["L1_2"].structure(["Pt", "Ni"], 14.0)) is None


def test_every_candidate_is_neutral_and_comes_once() -> None:
    found = candidates(SEEDS, REPLACEABLE)
    assert len({each.id for each in found}) == len(found) > 50
    for each in found:
        counts = SEEDS[each.seed].structure.composition.get_el_amt_dict()
        assert sum(counts[symbol] * float(ion.oxi_state or 0) for symbol, ion in each.ions) == 0
        assert len({ion.element for _, ion in each.ions}) == len(each.ions)
    names = {each.id for each in found}
    assert {"KBr-B1", "BaTiO3-E2_1", "SrZrO3-E2_1"} <= names
    likelihoods = [each.likelihood for each in found]
    assert likelihoods == sorted(likelihoods, reverse=True)


def test_the_plan_grows_broad_and_is_saved(tmp_path: Path, potential: Potential) -> None:
    told: list[str] = []
    plan = tmp_path / "plan.parquet"
    entries = extend(plan, 12, potential, lambda text, count: told.append(text), seeds=SEEDS)  # type: ignore[arg-type]
    assert len(told) == 12
    assert {entry.id for entry in read_plan(plan)} == {entry.id for entry in entries}
    assert {entry.prototype for entry in entries} == {"B1", "E2_1"}
    assert len({symbol for entry in entries for symbol in entry.species}) >= 12
    for entry in entries:
        assert entry.purpose == "real"
        assert entry.potential_formation_energy == -1.0
        assert entry.composition == formulas.reduce((symbol, 1) for symbol in entry.species)


def test_what_was_tried_is_not_tried_again(tmp_path: Path, potential: Potential) -> None:
    plan = tmp_path / "plan.parquet"
    known = {each.id for each in candidates(SEEDS, REPLACEABLE)[:3]}
    extend(plan, 5, potential, seeds=SEEDS, known=known)  # type: ignore[arg-type]
    first = json.loads(record_path(plan).read_text())
    extend(plan, 5, potential, seeds=SEEDS, known=known)  # type: ignore[arg-type]
    second = json.loads(record_path(plan).read_text())
    assert first.items() <= second.items()
    assert (len(first), len(second)) == (5, 10)
    assert not known & set(second)


def test_what_is_above_its_elements_is_tried_and_left_out(tmp_path: Path, potential: Potential) -> None:
    seed = Seed("B1", PROTOTYPES["B1"].structure(["Li", "F"], 8.0), {"Li": Species("Li", 1), "F": Species("F", -1)})
    plan = tmp_path / "plan.parquet"
    entries = extend(plan, 500, potential, seeds=[seed])  # type: ignore[arg-type]
    tried = json.loads(record_path(plan).read_text())
    assert tried["LiF-B1"] == "0.50 eV/atom above its elements"
    assert entries and all("Li" not in entry.species for entry in entries)


def test_larger_ions_make_a_larger_cell(tmp_path: Path, potential: Potential) -> None:
    entries = {entry.id: entry for entry in extend(tmp_path / "plan.parquet", 200, potential, seeds=SEEDS[:1])}  # type: ignore[arg-type]
    volumes = {name: abs(np.linalg.det(entries[name].lattice)) for name in ("NaCl-B1", "KI-B1")}
    assert volumes["KI-B1"] > 1.3 * volumes["NaCl-B1"]


def test_a_damaged_record_is_one_line(tmp_path: Path, potential: Potential) -> None:
    plan = tmp_path / "plan.parquet"
    record_path(plan).write_text("[1")
    with pytest.raises(FileFormatError, match="not the record of a plan"):
        extend(plan, 1, potential, seeds=SEEDS)  # type: ignore[arg-type]
