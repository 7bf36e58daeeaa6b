"""A forward model that trains in seconds."""

from __future__ import annotations

import pytest

from dosmith.library import MemoryLibrary
from dosmith.settings import ForwardSettings, Settings

CHOSEN = {"Pt", "Pd", "Ni", "Al", "Zr", "Ti", "Cu", "Rh", "Ag", "O", "Mg"}


@pytest.fixture(scope="session")
def alloys(open_set) -> MemoryLibrary:
    """Crystals of a few elements."""
    rows = [row for row in range(len(open_set)) if {*open_set.material(open_set.ids[row]).species} <= CHOSEN]
    return MemoryLibrary([open_set.material(open_set.ids[row]) for row in rows][:60], "a few alloys")


@pytest.fixture(scope="session")
def quick() -> Settings:
    return Settings(forward=ForwardSettings(members=2, epochs=15, plain_epochs=20, density=5))


@pytest.fixture(scope="session")
def trained(alloys, quick, tmp_path_factory):
    """The model, its folder, and what was told of its training."""
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.forward.from_library import train_forward

    told: list[tuple[str, int, int, float]] = []
    folder = tmp_path_factory.mktemp("forward") / "small"
    return train_forward(alloys, folder, quick, lambda *report: told.append(report), "small"), folder, told
