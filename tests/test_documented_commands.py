"""Every command in the README and the docs works, or where that takes too long or too much, at least its options are there."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dosmith.cli import program
from dosmith.designer import open_dos_set

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = {
    "design Pt3Ni --atlas mine": "of an atlas that is filled; see tests/test_predicted.py",
    "design curve.csv --atlas mine --rank-by identity": "the same; see tests/atlas/test_proposing.py",
    "design mp-149": "the same",
    "model candidates": "predicts for hours; see tests/models/tight_binding/test_unfinished.py",
    "data generate": "hours of CHGNet; see tests/atlas/test_generating.py",
    "atlas add": "predicts, or asks the network; see tests/atlas",
    "atlas export": "of an atlas that is filled; see tests/atlas",
    "atlas info": "the same",
    "atlas list": "the same",
    "--install-completion": "changes the shell of whoever runs the tests; done below in another home",
    "--show-completion": "asks which shell it is in; done below for each",
    "compute": "minutes of CP2K; see tests/dft",
    "data build-open-set": "rebuilds the whole set; see tests/library",
    "data fetch": "asks the network; see tests/sources",
    "design curve.csv --library open --library mine --model model": "needs a trained model; see tests/models/tight_binding",
    "similar Pt3Ni --project Pt:d --library mine": "needs a library with projections; see tests/test_projected_targets.py",
    "design Pt3Ni --model my-model": "needs a trained model; see tests/models/tight_binding",
    "design curve.csv --model my-model": "needs a trained model; see tests/other_spectra",
    "crystals Pt3Co --aflow": "relaxes hundreds of crystals; see tests/crystals",
    "hydrogen": "minutes of CHGNet, hours of CP2K; see tests/verification",
    "predict BaTiO3 LiCl --model my-model": "needs a trained model; see tests/other_spectra",
    "show vasprun.xml.gz --project Pt:d": "needs a file with projections; see tests/test_projected_targets.py",
    "train": "minutes; see tests/models",
    "verify": "minutes of CP2K; see tests/verification",
    "web": "goes on until it is stopped; see tests/web",
}
"""Commands that are not run here, and why."""


def commands(page: Path) -> list[str]:
    """The dosmith commands that stand in the blocks of a page, a line each."""
    fenced, found = False, []
    for line in page.read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        match = re.match(r"(?:\$ )?dosmith (.+)" if fenced else r" {4}(?:\$ )?dosmith (.+)", line)
        if match:
            found += [shlex.join(shlex.split(part, comments=True)) for part in match[1].split("&& dosmith ")]
    return found


ALL = list(dict.fromkeys(command for page in PAGES for command in commands(page)))
ALL.sort(key=lambda command: not command.startswith("data add"))  # what the others look for


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of which the docs speak."""
    folder = tmp_path_factory.mktemp("commands")
    shutil.copy(ROOT / "tests" / "fixtures" / "vasprun-AlN.xml.gz", folder / "vasprun.xml.gz")
    shutil.copy(ROOT / "tests" / "fixtures" / "dos" / "espresso-si.dos.gz", folder / "silicon.dos")
    (folder / "results").mkdir()
    nickel = open_dos_set().material("Pt3Ni-L1_2")
    for name in ("curve.csv", "results/Pt3Ni.csv"):
        table = np.column_stack([nickel.spectrum.energies, nickel.spectrum.total])
        np.savetxt(folder / name, table, delimiter=",", header="# formula: Pt3Ni\n# efermi = 0 eV\nenergy_ev,dos", comments="")
    for name in ("structure.cif", "my-crystal.cif"):
        nickel.structure.to(filename=str(folder / name))
    return folder


def test_the_docs_hold_commands() -> None:
    assert len(ALL) > 40
    assert all(any(command.startswith(start) for command in ALL) for start in NOT_RUN)


@pytest.mark.parametrize("command", ALL)
def test_a_command_does_what_it_should(command: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "home"))
    if any(command.startswith(start) for start in NOT_RUN):
        parsed = get_command(program())
        arguments = shlex.split(command)
        while arguments and not arguments[0].startswith("-") and hasattr(parsed, "commands"):
            parsed = parsed.commands[arguments.pop(0)]
        if not hasattr(parsed, "commands"):
            with parsed.make_context(command, arguments):
                return  # else its line was an error of usage
        assert arguments[0] in {option for each in parsed.params for option in each.opts}
        return
    result = CliRunner().invoke(program(), shlex.split(command), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_within_sentences_exist_with_their_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for inline in re.findall(r"`(dosmith [^`]+)`", " ".join(text.split())):
        command, path = get_command(program()), ["dosmith"]
        words = shlex.split(inline, comments=True)[1:]
        options = {name for each in command.params for name in each.opts}
        while words and words[0] in getattr(command, "commands", {}):
            path.append(words.pop(0))
            command = command.commands[path[-1]]
            options |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        assert len(path) > 1 or words[0].startswith("-"), inline
        unknown = {word.split("=")[0] for word in words if word.startswith("--")} - options - {"--help"}
        assert not unknown, f"{inline}: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_of_make_extras_and_scripts_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z]+)", text))
    named |= set(re.findall(r"^    make ([a-z]+)", text, flags=re.M))
    assert named <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for names in re.findall(r"dosmith\[([a-z,]+)\]|'\.\[([a-z,]+)\]'", text):
        assert set((names[0] or names[1]).split(",")) <= set(extras)
    scripts = re.findall(r"(?:python|bash|sh) ((?:benchmarks|examples)/[a-z_]+\.(?:py|sh))", text)
    assert not [script for script in scripts if not (ROOT / script).exists()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_shown_and_completes(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = CliRunner().invoke(program(), ["--show-completion", shell], prog_name="dosmith")
    assert shown.exit_code == 0 and "_DOSMITH_COMPLETE" in shown.stdout
    variables = {"_DOSMITH_COMPLETE": f"complete_{shell}", "COMP_WORDS": "dosmith des", "COMP_CWORD": "1"}
    variables |= {"_TYPER_COMPLETE_ARGS": "dosmith des", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    variables |= {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "des"}
    assert "design" in CliRunner().invoke(program(), [], prog_name="dosmith", env=variables).stdout


def test_completion_is_installed_for_bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert CliRunner().invoke(program(), ["--install-completion", "bash"], prog_name="dosmith").exit_code == 0
    (script,) = re.findall(r"source '?([^'\n]+)", (tmp_path / ".bashrc").read_text())
    assert "_DOSMITH_COMPLETE" in Path(script).read_text()
