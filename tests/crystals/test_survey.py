"""The survey: what a row says is the crystal that was found, and what was done is never done again."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith import formulas
from dosmith.crystals import survey as module
from dosmith.crystals.potential import Potential, Relaxed
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.survey import COUNTS, SKIPPED, Surveyed, read_survey, steps, survey, surveyed
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
