"""The survey: what a row says is the crystal that was found, and what was done is never done again."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from pymatgen.core.structure import Structure

from dosmith import formulas
from dosmith.crystals import survey as module
from dosmith.crystals.plausible import ELEMENTS
from dosmith.crystals.potential import Potential, Relaxed
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.survey import COUNTS, SKIPPED, read_survey, steps, survey, surveyed
from dosmith.crystals.surveyed import Surveyed
from dosmith.errors import FileFormatError, NotFoundError


class Rubber(Potential):
    """Every crystal has its elements' mean volume and a preferred shape; energies follow from who stands where."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def energy(self, structure: Structure) -> float:
        self.asked += 1
        volume = structure.volume / len(structure)
        wanted = float(np.mean([10 + site.specie.Z / 10 for site in structure]))
        energy = 5 * np.log(volume / wanted) ** 2 - 0.01 * structure[0].specie.Z
        if max(structure.lattice.angles) == pytest.approx(120.0):
            energy += 2 * np.log(structure.lattice.c / structure.lattice.a / 1.5) ** 2
        return float(energy)

    def elemental_volume(self, symbol: str) -> float:
        return 14.0

    def elemental_energy(self, symbol: str) -> float:
        return 0.0


def test_a_row_gives_the_crystal_back() -> None:
    potential = Rubber()
    found = surveyed(steps(["Ni", "Al"])["Al-Ni"], potential)
    tried = {(each.prototype, each.composition) for each in found}
    wanted = [name for name in PROTOTYPES if name not in SKIPPED and PROTOTYPES[name].assignments((("Al", 1), ("Ni", 1)))]
    assert {name for name, composition in tried if composition == (("Al", 1), ("Ni", 1))} == set(wanted)
    assert len({composition for _, composition in tried}) == len(COUNTS)
    for each in found:
        prototype = PROTOTYPES[each.prototype]
        best = potential.best(prototype, prototype.assignments(each.composition))
        assert potential.energy(each.structure) == pytest.approx(best.energy, abs=1e-6)
        np.testing.assert_allclose(each.structure.lattice.matrix, best.structure.lattice.matrix, rtol=1e-6)
        assert [site.specie for site in each.structure] == [site.specie for site in best.structure]


def test_a_crystal_that_could_not_be_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rubber, "could_be", lambda self, relaxed: relaxed.structure.composition.reduced_formula != "AlNi")
    assert (("Al", 1), ("Ni", 1)) not in {each.composition for each in surveyed(steps(["Ni", "Al"])["Al-Ni"], Rubber())}


def test_it_goes_on_where_it_stopped(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    symbols, told = ["Ni", "Al", "Cu"], []
    whole = survey(tmp_path / "whole.parquet", symbols, potential=Rubber(), progress=lambda *report: told.append(report))
    assert told == [("Al-Ni", 1, 4), ("Al-Cu", 2, 4), ("Ni-Cu", 3, 4), ("P4/mmm AB2C Al-Ni", 4, 4)]

    class Stopped(Exception):
        pass

    def stop(step, potential):
        if step == steps(symbols)["Ni-Cu"]:
            raise Stopped
        return surveyed(step, potential)

    monkeypatch.setattr(module, "_SAVED_EVERY", 1)
    monkeypatch.setattr(module, "surveyed", stop)
    with pytest.raises(Stopped):
        survey(tmp_path / "parts.parquet", symbols, potential=Rubber())
    monkeypatch.setattr(module, "surveyed", surveyed)
    again = Rubber()
    survey(tmp_path / "parts.parquet", symbols, potential=again)
    assert read_survey(tmp_path / "parts.parquet") == read_survey(tmp_path / "whole.parquet")
    assert len(whole) == len(read_survey(tmp_path / "whole.parquet"))
    idle = Rubber()
    survey(tmp_path / "parts.parquet", symbols, potential=idle)
    assert again.asked > 0 and idle.asked == 0


def trials(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is tried from now on: prototype and formula."""
    found: list[tuple[str, str]] = []

    def noted(step, potential):
        found.extend((name, formulas.write(composition)) for composition, names in step for name in names)
        return surveyed(step, potential)

    monkeypatch.setattr(module, "surveyed", noted)
    return found


def test_a_prototype_that_comes_later_is_tried_and_nothing_else(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = survey(tmp_path / "whole.parquet", ["Ni", "Al"], potential=Rubber())
    monkeypatch.setattr(module, "SKIPPED", (*SKIPPED, "B2", "L1_2"))
    before = survey(tmp_path / "parts.parquet", ["Ni", "Al"], potential=Rubber())
    assert not {"B2", "L1_2"} & {each.prototype for each in before}
    monkeypatch.setattr(module, "SKIPPED", SKIPPED)
    tried = trials(monkeypatch)
    after = survey(tmp_path / "parts.parquet", ["Ni", "Al"], potential=Rubber())
    assert sorted(tried) == [("B2", "NiAl"), ("L1_2", "Al3Ni"), ("L1_2", "Ni3Al")]
    assert len(after) == len(whole)
    once, twice = (read_survey(tmp_path / name) for name in ("whole.parquet", "parts.parquet"))
    assert sorted(once, key=repr) == sorted(twice, key=repr)  # crystals of one energy stand in the order in which they were found


def test_a_ternary_of_an_element_that_comes_later_is_tried(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    survey(tmp_path / "survey.parquet", ["O", "Ti", "Ba"], potential=Rubber())
    tried = trials(monkeypatch)
    survey(tmp_path / "survey.parquet", ["O", "Ti", "Ba", "Sr"], potential=Rubber())
    assert ("E2_1", "SrTiO3") in tried and ("E2_1", "BaTiO3") not in tried


def test_what_gave_no_crystal_is_not_tried_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rubber, "could_be", lambda self, relaxed: relaxed.structure.composition.reduced_formula != "AlNi")
    path = tmp_path / "survey.parquet"
    survey(path, ["Ni", "Al"], potential=Rubber())
    tried = trials(monkeypatch)
    survey(path, ["Ni", "Al"], potential=Rubber())
    assert tried == []
    monkeypatch.setattr(module, "shipped_folder", lambda name: tmp_path)
    path.rename(tmp_path / "crystals.parquet")
    module.shipped_survey.cache_clear()
    try:
        found = module.shipped_survey()
        assert formulas.parse("AlNi") not in found.crystals and "B2" in found.tried(formulas.parse("AlNi"))
        assert found.tried(formulas.parse("AlNi3")) >= {"L1_2", "D0_3"}
        assert found.tried(formulas.parse("CuNi3")) == set()
    finally:
        module.shipped_survey.cache_clear()


def test_an_older_survey_which_names_only_its_pairs_is_resumed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "survey.parquet"
    survey(path, ["Ni", "Al"], potential=Rubber())
    found = read_survey(path)
    table = pq.read_table(path).replace_schema_metadata({b"pairs": b'["Al-Ni"]', b"potential": b"CHGNet"})
    pq.write_table(table.slice(0, len(found) - 1), path)
    (missing,) = set(found) - set(read_survey(path))
    tried = trials(monkeypatch)
    again = survey(path, ["Ni", "Al", "Cu"], potential=Rubber())
    assert [each for each in tried if "Cu" not in each[1]] == [(missing.prototype, formulas.write(missing.composition))]
    assert {(each.prototype, each.elements) for each in found} <= {(each.prototype, each.elements) for each in again}


def test_the_shipped_survey_is_whole() -> None:
    found = module.shipped_survey()
    assert not any(module._untried(step, found.tried) for step in steps(ELEMENTS).values())


def test_ternaries_are_those_that_chemistry_expects() -> None:
    symbols = ["Ba", "Ti", "O", "Sr", "Pt", "Ni", "Co", "Mn", "Si"]
    wanted = steps(symbols)
    pairs = [name for name in wanted if " " not in name]
    assert len(pairs) == len(symbols) * (len(symbols) - 1) // 2
    tried = {formulas.write(composition) for name in set(wanted) - set(pairs) for composition, _ in wanted[name]}
    assert {formulas.write(formulas.parse(each)) for each in ("BaTiO3", "SrTiO3", "Co2MnSi")} <= tried
    assert ((("O", 3), ("Ti", 1), ("Ba", 1)), ["E2_1"]) in wanted["E2_1 O-Ti"]
    found = surveyed(wanted["E2_1 O-Ti"], Rubber())
    assert {each.elements for each in found} <= {("Ba", "Ti", "O"), ("Sr", "Ti", "O"), ("Ti", "Ba", "O"), ("Ti", "Sr", "O")}
    for each in found:
        assert len(each.structure) == 5 and each.structure.get_space_group_info()[1] == 221


def test_what_is_no_survey_is_refused(tmp_path) -> None:
    with pytest.raises(NotFoundError, match="data survey"):
        read_survey(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no survey")
    with pytest.raises(FileFormatError, match="not a survey"):
        read_survey(tmp_path / "text.parquet")


def test_the_shape_is_that_of_the_relaxed_crystal() -> None:
    prototype = PROTOTYPES["C32"]
    relaxed = Relaxed(prototype.stretched(1.1).structure(["B", "Mg"], 9.0), -1.0)
    assert Surveyed.of(prototype, relaxed, 0.0).stretch == pytest.approx(1.1)
    assert Surveyed.of(prototype, relaxed, 0.0).elements == ("B", "Mg")
