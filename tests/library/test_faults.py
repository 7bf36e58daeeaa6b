"""Each fault of benchmarks/faults.py once; docs/reliability.md holds the count of many."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import faults


@pytest.mark.parametrize("place", range(10))
def test_nothing_is_lost(place: int) -> None:
    _, inject, _ = faults.FAULTS[place]
    with faults.fresh_library() as folder:
        assert inject(folder, np.random.default_rng(1000 + place)) == 0


def test_a_loss_would_be_counted() -> None:
    with faults.fresh_library() as folder:
        faults.ParquetLibrary(folder).remove(["m00003", "m00030"])
        assert faults.check(folder) == 2
