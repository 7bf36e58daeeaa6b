"""A forward model that trains in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dosmith.crystals.survey import read_survey, write_survey
from dosmith.library import MemoryLibrary
from dosmith.settings import ForwardSettings, Settings
from dosmith.shipped import shipped_folder

CHOSEN = {"Pt", "Pd", "Ni", "Al", "Zr", "Ti", "Cu", "Rh", "Ag", "O", "Mg"}


@pytest.fixture(scope="session")
def alloys(open_set) -> MemoryLibrary:
    """Crystals of a few elements."""
    rows = [row for row, composition in enumerate(open_set.compositions) if {symbol for symbol, _ in composition} <= CHOSEN]
    step = -(-len(rows) // 60)
    return MemoryLibrary([open_set.material(open_set.ids[row]) for row in rows[::step]], "a few alloys")


@pytest.fixture(scope="session")
def quick() -> Settings:
    return Settings(forward=ForwardSettings(members=2, epochs=15, plain_epochs=20, density=5))


@pytest.fixture(scope="session")
def small_survey(tmp_path_factory) -> Path:
    """Of the included survey what a few elements make."""
    elements = {"Pt", "Ni", "Al", "Cu", "Pd"}
    chosen = [each for each in read_survey(shipped_folder("survey") / "crystals.parquet") if set(each.elements) <= elements]
    path = tmp_path_factory.mktemp("survey") / "crystals.parquet"
    write_survey(path, chosen, set())
    return path


@pytest.fixture(scope="session")
def trained(alloys, quick, small_survey, tmp_path_factory):
    """The model, its folder, and what was told of its training."""
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.models.tight_binding.train import train_forward

    told: list[tuple[str, int, int, float]] = []
    folder = tmp_path_factory.mktemp("forward") / "small"
    model = train_forward(alloys, folder, quick, lambda *report: told.append(report), "small", small_survey)
    return model.ensemble, folder, told
