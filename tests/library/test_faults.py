"""Each fault of benchmarks/faults.py once; docs/reliability.md holds the count of many."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("place", range(10))
def test_nothing_is_lost(faults: ModuleType, place: int) -> None:
    _, inject, _ = faults.FAULTS[place]
    with faults.fresh_library() as folder:
        assert inject(folder, np.random.default_rng(1000 + place)) == 0


def test_a_loss_would_be_counted(faults: ModuleType) -> None:
    with faults.fresh_library() as folder:
        faults.ParquetLibrary(folder).remove(["m00003", "m00030"])
        assert faults.check(folder) == 2
