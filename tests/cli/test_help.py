"""Defaults that help and pages state are those of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dosmith.cli import program
from dosmith.cli.atlas import MOST_ELEMENTS
from dosmith.models.calibration import BAND
from dosmith.settings import Settings
from dosmith.spectra.similarity import MATCH

ROOT = Path(__file__).parents[2]
SETTINGS = Settings()
SPECTRA, PAPER, FORWARD = SETTINGS.spectra, SETTINGS.paper, SETTINGS.forward
STATED = {
    "--top": f"{SETTINGS.design.top}",
    "--metric": SETTINGS.design.metric,
    "--seed": f"{PAPER.seed}",
    "--max-elements": f"{MOST_ELEMENTS}",
    "--epochs": f"dosmith {FORWARD.epochs}, paper {PAPER.epochs}",
}
PAGES = {
    "docs/spectra.md": (
        f"Gaussian sigma of {SPECTRA.broadening:g} eV",
        f"cover {SPECTRA.min_coverage:.0%} of the window".replace("%", " %"),
        f"from {SPECTRA.lower:g} to {SPECTRA.upper:g} eV",
    ),
    "docs/formats.md": (f"up to {SETTINGS.files.max_mebibytes} MiB unpacked",),
    "docs/concepts.md": (f"from {SPECTRA.lower:g} to {SPECTRA.upper:g} eV", f"above {MATCH:g} counts as the same DOS"),
    "docs/drawing-board.md": (f"holds {BAND:.0%} of the points".replace("%", " %"),),
    "docs/forward.md": (
        f"holds {BAND:.0%} of the points".replace("%", " %"),
        f"as far as {FORWARD.broadening:g} eV of broadening can tell",
    ),
    "docs/model.md": (
        f"less {FORWARD.height_penalty:g} for each eV/atom",
        f"outer layers of {PAPER.hidden}",
        f"{PAPER.latent} latent values",
        f"{PAPER.autoencoder_epochs:,} full-batch epochs",
        f"{PAPER.kernels} kernels of {PAPER.kernel_size}",
        f"batches of {PAPER.batch}; {PAPER.epochs} epochs ({PAPER.system_epochs} for the further ones)",
        f"first {1 - PAPER.plain_share:.0%} of the epochs".replace("%", " %"),
        f"shifted ({PAPER.shift:g} eV), stretched ({100 * PAPER.stretch:g} %) and modulated ({100 * PAPER.modulation:g} %)",
    ),
}


def options(command: Any, name: str = "dosmith") -> Iterator[tuple[str, str, str]]:
    """Command, option and help of all options."""
    for each in getattr(command, "commands", {}).values():
        yield from options(each, f"{name} {each.name}")
    for parameter in command.params:
        if help_ := getattr(parameter, "help", None):
            yield name, next(text for text in parameter.opts if text.startswith("--") or len(parameter.opts) == 1), help_


def test_help_states_the_settings_defaults() -> None:
    found = {(command, option): stated[1] for command, option, text in options(typer.main.get_command(program()))
             if (stated := re.search(r"\[default: (.*)\]", text))}  # fmt: skip
    assert {option for _, option in found} >= STATED.keys()
    assert SETTINGS.other_spectra.seed == FORWARD.seed == PAPER.seed
    for (command, option), stated in found.items():
        if option in STATED or re.search(r"\d", stated):
            assert stated == STATED[option], f"{command} {option}"


@pytest.mark.parametrize("page", PAGES)
def test_pages_state_the_settings_defaults(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for words in PAGES[page]:
        assert words in text


def test_the_readme_and_the_pages_of_settings_name_sections_that_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for section, key in re.findall(r"DOSMITH_([A-Z]+(?:_[A-Z]+)*?)__([A-Z_]+)", text):
            assert hasattr(getattr(SETTINGS, section.lower()), key.lower()), f"{page.name}: {section}__{key}"
        for section, key in re.findall(r"`([a-z_]+)\.([a-z_]+)`", text):
            if section in Settings.model_fields and key != "py":
                assert hasattr(getattr(SETTINGS, section), key), f"{page.name}: {section}.{key}"
