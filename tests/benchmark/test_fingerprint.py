"""The benchmark's fingerprint: another for whatever alters an answer, the same for what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dosmith
from dosmith.benchmark.fingerprint import ANSWERS, CASES_ALONE, EXCEPTIONS, fingerprint, import_closure
from dosmith.crystals.survey import read_survey, write_survey
from dosmith.settings import Settings
from dosmith.shipped import shipped_folder

SOURCE = Path(dosmith.__file__).parent
BOTH = (
    "benchmark/outcomes", "benchmark/sensitivity", "constraints", "crystals/prototypes", "crystals/survey", "formulas", "library/store",
    "models/calibration", "models/descriptors", "models/paper/augmentation", "models/paper/kbest", "models/paper/network",
    "models/tight_binding/fitting", "models/tight_binding/network", "models/training", "ranking", "records", "spectra/grid", "spectra/similarity",
    "spectra/standard", "spectra/zero",
)  # fmt: skip
SHIPPED_ALONE = ("benchmark/cases", "designer", "known", "models/registry", "targets")
NEITHER = ("cli/answers", "report/html", "web/app", "dft/cp2k", "benchmark/page", "benchmark/metrics", "settings", "errors")


@pytest.fixture
def package(tmp_path) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path / "dosmith", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_changed_line_counts_where_answers_come_from_and_nowhere_else(open_set, package, monkeypatch) -> None:
    monkeypatch.setattr(
        "dosmith.benchmark.fingerprint.surveyed_pairs", lambda survey: []
    )  # takes a second, and is no part of this

    def both() -> tuple[str, str]:
        return tuple(fingerprint(open_set, Settings(), shipped, package) for shipped in (False, True))  # type: ignore[return-value]

    usual = both()
    assert usual == both() and usual[0] != usual[1]
    for names, expected in ((BOTH, (False, False)), (SHIPPED_ALONE, (True, False)), (NEITHER, (True, True))):
        for name in names:
            file = package / f"{name}.py"
            text = file.read_bytes()
            file.write_bytes(text + b"\nCHANGED = 1\n")
            found = both()
            file.write_bytes(text)
            assert tuple(was == now for was, now in zip(usual, found, strict=True)) == expected, name


def test_imports_within_functions_count_and_those_for_type_checking_do_not(package) -> None:
    (package / "first.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dosmith.third import x\ndef f():\n    from dosmith import second\n"
    )
    (package / "second.py").write_text("import numpy, dosmith.formulas\n")
    (package / "third.py").write_text("x = 1\n")
    found = import_closure(package, "dosmith.first", {"dosmith.errors"})
    assert {"dosmith.first", "dosmith.second", "dosmith.formulas"} <= found
    assert not {"dosmith.third", "dosmith.errors"} & found


def test_every_exception_is_imported_and_has_its_reason() -> None:
    whole = import_closure(SOURCE, ANSWERS)
    assert {*EXCEPTIONS, CASES_ALONE} <= whole
    assert all(len(reason) > 5 for reason in EXCEPTIONS.values())
    assert not whole & {"dosmith.cli", "dosmith.report", "dosmith.web"}


def test_no_module_that_answers_imports_by_a_name_made_at_run_time() -> None:
    """Such an import would not be seen. The registry of models imports by names that are written out, which are followed."""
    for module in import_closure(SOURCE, ANSWERS, EXCEPTIONS):
        file = SOURCE.parent.joinpath(*module.split("."))
        text = (file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).read_text(encoding="utf-8")
        registry = module == "dosmith.models.registry"
        assert registry or ("import_module" not in text and "__import__" not in text), module
    assert "dosmith.models.paper.model" in import_closure(SOURCE, "dosmith.models.registry")


def test_only_pairs_of_the_survey_count(open_set, tmp_path, monkeypatch) -> None:
    usual, crystals = fingerprint(open_set, Settings()), read_survey(shipped_folder("survey") / "crystals.parquet")
    for name, chosen in (
        ("alike", [each for each in crystals if len(each.elements) == 2]),
        ("other", [each for each in crystals if each.elements != ("Pt", "Ni")]),
    ):
        write_survey(tmp_path / name, chosen)
        monkeypatch.setattr("dosmith.benchmark.fingerprint.survey_file", lambda name=name: tmp_path / name)
        assert (fingerprint(open_set, Settings()) == usual) == (name == "alike")


def test_other_settings_are_another_benchmark(open_set) -> None:
    usual = Settings()
    other = usual.model_copy(update={"benchmark": usual.benchmark.model_copy(update={"seed": 1})})
    assert fingerprint(open_set, usual) != fingerprint(open_set, other)
    more = usual.model_copy(update={"benchmark": usual.benchmark.model_copy(update={"processes": 7})})
    assert fingerprint(open_set, usual) == fingerprint(open_set, more)
