"""A model of other spectra: learns a law, predicts what it has not seen, finds it, and is saved safely."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dosmith import formulas
from dosmith.constraints import Constraints
from dosmith.errors import ConstraintError, FileFormatError, ModelError, NotFoundError
from dosmith.models.composition.features import Parts
from dosmith.models.composition.model import CompositionModel, read_curve
from dosmith.models.composition.table import SpectraTable
from dosmith.settings import OtherSpectraSettings, Settings

pytestmark = pytest.mark.training
KSE = formulas.parse("K2Se")


@pytest.fixture(scope="module")
def model(table_file, tmp_path_factory) -> CompositionModel:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    from dosmith.models.composition.train import train_other_spectra

    settings = Settings(other_spectra=OtherSpectraSettings(members=3, hidden=64, epochs=60, dropout=0.05))
    folder = tmp_path_factory.mktemp("models") / "law"
    return train_other_spectra(SpectraTable.read(table_file), folder, settings, name="law")


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_what_it_says_of_itself_is_for_chemistry_it_has_not_seen(model) -> None:
    found = model.spec["held_out"]
    assert found["count"] == len(model.known) == 213
    assert found["cosine"] > 0.9 > found["mean_cosine"] and found["determination"] > 0.7


def test_it_predicts_and_finds_a_chemical_system_that_it_never_saw(model, law) -> None:
    target = law(KSE)
    assert cosine(model.expected([KSE])[0], target) > 0.95
    best = model.propose(target, 3)
    assert KSE in [match.composition for match in best]
    assert len(best) == 3
    assert best[0].similarity >= best[1].similarity >= best[2].similarity
    assert next(match for match in best if match.composition == KSE).known is None


def test_a_known_spectrum_is_found_as_it_is_unless_it_is_not_to_count(model) -> None:
    target, called = model.target("NaCl")
    assert called.startswith("NaCl")
    first = model.propose(target, 1)[0]
    assert formulas.write(first.composition) == "NaCl" and first.similarity == pytest.approx(1.0)
    again = model.propose(target, 200, without=[first.known])
    nacl = next(match for match in again if match.composition == first.composition)
    assert nacl.known is None and nacl.similarity < 1.0


def test_constraints_hold(model) -> None:
    target = model.target("NaCl")[0]
    found = model.propose(target, 20, Constraints.of(require="Br", exclude="Na", ratio="2:1"))
    assert found and all({"Br"} < {s for s, _ in m.composition} and "Na" not in dict(m.composition) for m in found)
    assert all(sorted(n for _, n in m.composition) == [1, 2] for m in found)
    with pytest.raises(ConstraintError):
        model.propose(target, 5, Constraints.of(elements="Fe,Co"))


def test_a_curve_in_a_file_is_a_target(model, law, axis, tmp_path) -> None:
    file = tmp_path / "curve.csv"
    file.write_text("# energy; value\n" + "\n".join(f"{x};{y}" for x, y in zip(axis, law(KSE), strict=True)))
    curve, name = model.target(str(file))
    assert curve == pytest.approx(law(KSE)) and name == "curve.csv"
    (tmp_path / "none.csv").write_text("nothing here")
    with pytest.raises(FileFormatError):
        read_curve(tmp_path / "none.csv")
    with pytest.raises(NotFoundError):
        model.target("FeO")


def test_an_element_that_it_does_not_know_is_named(model) -> None:
    with pytest.raises(ModelError, match="does not know Fe"):
        model.expected([formulas.parse("FeO")])


def test_features_do_not_depend_on_what_else_is_asked() -> None:
    alone, together = Parts.of([KSE]), Parts.of([formulas.parse("BaTiO3"), KSE])
    assert together.features[3:] == pytest.approx(alone.features)
    assert together.total(np.ones((5, 2))) == pytest.approx(1.0)


def test_a_damaged_model_is_refused(model, tmp_path) -> None:
    for file in ("network.onnx", "known.parquet"):
        folder = tmp_path / file
        folder.mkdir()
        for part in model.folder.iterdir():
            (folder / part.name).write_bytes(part.read_bytes())
        (folder / file).write_bytes((folder / file).read_bytes()[:-1])
        with pytest.raises(ModelError, match="not what was saved"):
            CompositionModel.open(folder).propose(np.ones(81), 1)
    with pytest.raises(ModelError, match="not of other spectra"):
        CompositionModel.open("paper")


def test_the_commands(model, table_file, tmp_path) -> None:
    def run(*words: str) -> str:
        found = subprocess.run([sys.executable, "-m", "dosmith", *words], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout

    folder = str(model.folder)
    answer = json.loads(run("design", "NaCl", "--model", folder, "--top", "4", "--exclude", "Li", "--format", "json"))
    assert [each["rank"] for each in answer["candidates"]] == [1, 2, 3, 4]
    assert answer["candidates"][0] == {
        "rank": 1, "formula": "NaCl", "similarity": pytest.approx(1.0), "similarity_kind": "computed", "id": answer["candidates"][0]["id"]
    }  # fmt: skip
    assert "NaCl" in run("design", "NaCl", "--model", folder)
    assert (
        run("design", "NaCl", "--model", folder, "--format", "csv").splitlines()[0]
        == "rank,formula,similarity,similarity_kind,id"
    )
    assert len(run("predict", "K2Se", "--model", folder, "--format", "csv").splitlines()) == 82
    assert json.loads(run("predict", "K2Se", "RbF", "--model", folder, "--format", "json"))[1]["formula"] == "RbF"
    assert "213 spectra" in run("model", "info", folder)
    out = tmp_path / "trained"
    said = run("train", "--spectra", str(table_file), "--out", str(out), "--epochs", "1")
    assert "Held-out chemical systems" in said and (out / "card.md").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("design", "NaCl", "--crystal-system", "cubic", "--metric", "nonsense", "--stability"),
            "--crystal-system and --metric and --stability",
        ),
        (("design", "NaCl", "--out", "here"), "cannot honour --out"),
        (("design", "NaCl", "--library", "/nonexistent"), "--library"),
        (("design", "NaCl", "--rank-by", "price", "--keep", "price<5"), "--keep and --rank-by"),
        (("design", "NaCl", "--window", "-2:2", "--fermi", "1"), "--fermi and --window"),
        (("design", "NaCl", "--top", "0"), "one or more"),
        (("similar", "NaCl"), "no densities of states"),
        (("show", "NaCl"), "no densities of states"),
        (("predict", "NaCl", "--prototype", "B1"), "--prototype"),
        (("predict", "NaCl", "--library", "mine"), "--library"),
    ],
)
def test_what_it_cannot_honour_is_refused_and_nothing_is_written(model, tmp_path, words, told) -> None:
    command = [sys.executable, "-m", "dosmith", *words, "--model", str(model.folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert found.returncode == 2 and not found.stdout, found.stdout
    assert told in found.stderr and len(found.stderr.splitlines()) == 1 and "damaged" not in found.stderr
    assert not list(tmp_path.iterdir())


def test_the_model_of_the_settings_is_asked_as_one_that_is_named(model, tmp_path) -> None:
    environment = os.environ | {"DOSMITH_DESIGN__MODEL": str(model.folder)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dosmith", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert json.loads(run("design", "NaCl", "--top", "2", "--format", "json").stdout)["candidates"][0]["formula"] == "NaCl"
    refused = run("show", "NaCl")
    assert refused.returncode == 2 and "no densities of states" in refused.stderr


def test_predictions_are_written_to_a_folder(model, tmp_path) -> None:
    command = [sys.executable, "-m", "dosmith", "predict", "K2Se", "RbF", "--model", str(model.folder), "--out", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert {file.name for file in tmp_path.glob("[!.]*")} == {"K2Se.csv", "RbF.csv"}
    assert (tmp_path / "RbF.csv").read_text(encoding="utf-8").splitlines()[0] == "axis,spectrum"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--spectra", "t.parquet", "--model", "nonsense"), "leave --model out"),
        (("--spectra", "t.parquet", "--library", "open"), "leave --library out"),
        (("--model", "nonsense"), "choose dosmith or paper"),
        (("--model", "paper", "--survey", "s.parquet"), "--survey does not apply"),
    ],
)
def test_training_refuses_what_does_not_apply(table_file, tmp_path, words, told) -> None:
    (tmp_path / "t.parquet").write_bytes(table_file.read_bytes())
    command = [sys.executable, "-m", "dosmith", "train", *words, "--out", "made"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert found.returncode == 2 and told in found.stderr, found.stderr
    assert not (tmp_path / "made").exists()
