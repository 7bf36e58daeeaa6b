from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from dosmith import symmetry
from dosmith.atlas import adding
from dosmith.atlas.expecting import Expectation
from dosmith.cli import program
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import DosmithError

POINTS = 151


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    curve = np.full(POINTS, POINTS**-0.5, dtype=np.float32)
    plain = adding.add

    def add(*arguments):
        return plain(*arguments, predict=lambda cells, model: [Expectation(curve, 0.0, -1.0, -0.1) for _ in cells])

    monkeypatch.setattr(adding, "add", add)

    def invoke(*words):
        found = CliRunner().invoke(program(), list(words))
        if isinstance(found.exception, DosmithError):
            return str(found.exception)
        assert found.exit_code == 0, found.output
        return found.output

    return invoke


def test_an_atlas_from_beginning_to_end(run, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "mp-22862.cif").write_text(symmetry.cif(PROTOTYPES["B1"].structure(("Na", "Cl"), 22.0)))
    (tmp_path / "in" / "broken.cif").write_text("data_nothing\n")
    assert "no atlas 'mine' yet" in run("atlas", "list")
    told = run("atlas", "add", "in")
    assert "skipped broken.cif: is no crystal" in " ".join(told.split())
    assert "1 added, 0 there already, 0 the same as another, 1 skipped; 1 crystals in" in " ".join(told.split())
    assert "0 added, 1 there already" in " ".join(run("atlas", "add", "in").split())
    (row,) = json.loads(run("atlas", "list", "--format", "json"))
    assert (row["id"], row["formula"], row["prototype"], row["source"]) == ("mp-22862", "NaCl", "B1", "materials-project")
    assert json.loads(run("atlas", "info", "--format", "json"))["crystals"] == 1
    assert "1 materials-project" in run("atlas", "info")
    assert len(json.loads(run("atlas", "list", "--prototype", "rock salt", "--format", "json"))) == 1
    assert "mine holds no crystal of the prototype 'B3'" in run("atlas", "list", "--prototype", "zincblende")
    for form in ("extxyz", "jsonl", "csv"):
        assert "1 crystals" in run("atlas", "export", f"all.{form}")
        assert "mp-22862" in (tmp_path / f"all.{form}").read_text()
    assert "0 added, 0 there already, 0 the same as another" not in run("atlas", "add", "all.extxyz", "--atlas", "other")
    assert len(json.loads(run("atlas", "list", "--atlas", "other", "--format", "json"))) == 1
    assert "ends in no form" in run("atlas", "export", "all.doc")
    assert "1 removed; 0 crystals" in run("atlas", "remove", "mp-22862")


def test_options_that_do_not_apply_are_refused(run):
    assert "name files or folders" in run("atlas", "add")
    assert "--filter is a filter of OPTIMADE" in run("atlas", "add", "a.cif", "--filter", "x")
    assert "--elements is for the Materials Project; give --mp" in run("atlas", "add", "a.cif", "--elements", "Ni")
    assert "--max-elements and --key are for" in run("atlas", "add", "a.cif", "--max-elements", "2", "--key", "x")
    assert "no address of an OPTIMADE provider" in run("atlas", "add", "--optimade", "file:///etc/passwd")
