"""What a person gets who asks for a DOS."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dosmith.errors import DosmithError, ModelError
from dosmith.models.tight_binding.predict import predict
from dosmith.report.predictions import write_predictions

pytestmark = pytest.mark.training


def test_formula_id_file_and_structure_are_one(trained, alloys, tmp_path) -> None:
    model, _, _ = trained
    identifier = "Pt3Ni-L1_2" if "Pt3Ni-L1_2" in alloys else alloys.ids[-1]
    material = alloys.material(identifier)
    file = tmp_path / "crystal.cif"
    file.write_text(material.structure.to(fmt="cif"))
    found = predict([identifier, str(file), material.structure], alloys, model)
    assert {each.formula for each in found} == {material.formula}
    for other in found[1:]:
        np.testing.assert_allclose(other.values, found[0].values, atol=2e-3)
    assert found[0].as_dict()["kind"] == "predicted"
    documented = (Path(__file__).parents[3] / "docs" / "json.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in documented for key in found[0].as_dict())


def test_a_formula_nobody_computed_gets_the_lowest_prototype(trained, alloys) -> None:
    from dosmith.crystals.potential import Potential
    from dosmith.crystals.prototypes import PROTOTYPES

    model, _, _ = trained
    assert not alloys.rows_of((("Rh", 3), ("Ag", 1)))
    found = predict(["Rh3Ag"], alloys, model)[0]
    potential = Potential()
    fits = [each for each in PROTOTYPES.values() if each.assignments((("Rh", 3), ("Ag", 1)))]
    energies = [potential.best(each, each.assignments((("Rh", 3), ("Ag", 1)))).energy for each in fits]
    assert potential.energy(found.structure) == pytest.approx(min(energies), abs=1e-3)
    named = predict(["Rh3Ag"], alloys, model, prototype="L1_2")[0]
    assert named.space_group == "Pm-3m"


def test_output_can_be_read_again(trained, alloys, tmp_path) -> None:
    from pymatgen.core.structure import Structure

    model, _, _ = trained
    first = alloys.ids[0]
    found = predict([first, first], alloys, model)
    files = write_predictions(found, tmp_path / "out")
    formula = found[0].formula
    assert [file.name for file in files] == [f"{formula}.csv", f"{formula}.cif", f"{formula}-2.csv", f"{formula}-2.cif"]
    rows = list(csv.DictReader(files[0].open()))
    np.testing.assert_allclose([float(row["dos_per_ev"]) for row in rows], found[0].values, rtol=1e-4, atol=1e-8)
    assert all(float(row["lower"]) <= float(row["dos_per_ev"]) <= float(row["upper"]) for row in rows)
    assert Structure.from_file(files[1]).composition.reduced_formula == found[0].structure.composition.reduced_formula


def test_what_cannot_be_predicted_is_told(trained, alloys, tmp_path) -> None:
    model, _, _ = trained
    with pytest.raises(ModelError, match="does not know"):
        predict(["WC"], alloys, model)
    with pytest.raises(DosmithError, match="no file"):
        predict([str(tmp_path / "none.cif")], alloys, model)
    (tmp_path / "blocked").write_text("")
    with pytest.raises(DosmithError, match="cannot write"):
        write_predictions(predict([alloys.ids[0]], alloys, model), tmp_path / "blocked")


def answer(*arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DOSMITH_")} | {"COLUMNS": "100"}
    command = [sys.executable, "-m", "dosmith", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_command_line(trained, tmp_path) -> None:
    _, folder, _ = trained
    found = json.loads(answer("predict", "Cu", "Ni-A1", "--model", str(folder), "--format", "json"))
    assert [each["formula"] for each in found] == ["Cu", "Ni"]
    assert len(found[0]["energies_ev"]) == len(found[0]["dos_per_ev"]) == 151
    table = answer("predict", "Cu", "Ni", "Pt", "Al", "--model", str(folder), "--out", str(tmp_path / "out"))
    assert "Predicted DOS, not computed" in table and (tmp_path / "out" / "Pt.csv").is_file()
    curve = answer("predict", "Cu", "--model", str(folder))
    assert "predicted, not computed" in curve and "energy from the energy zero" in curve
    rows = answer("predict", "Cu", "Ni", "--model", str(folder), "--format", "csv").splitlines()
    columns = rows[0].split(",")
    assert columns[:5] == ["name", "energy_ev", "dos_per_ev", "lower", "upper"] and len(rows) == 303
    assert {"Cu_d_per_ev", "Ni_d_per_ev"} <= set(columns) and all(row.count(",") == len(columns) - 1 for row in rows)
    information = answer("model", "info", str(folder))
    assert "Held-out chemical systems" in information
