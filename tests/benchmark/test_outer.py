"""The comparison with spectra of others: what is measured is what is said."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
outer = pytest.importorskip("outer")

ENERGIES = np.linspace(-4, 4, 128)
AXIS = np.linspace(-7.5, 7.5, 151)


def peaks(energies: np.ndarray, moved: float = 0.0) -> np.ndarray:
    return sum(np.exp(-0.5 * ((energies - moved - centre) / 0.5) ** 2) for centre in (-2.5, -0.5, 1.8))


def test_a_curve_that_is_moved_loses_what_the_best_shift_gives_back() -> None:
    theirs = peaks(ENERGIES)
    same, moved = (outer.compared(ENERGIES, theirs, AXIS, peaks(AXIS, by)) for by in (0.0, 0.4))
    assert same["cosine"] == pytest.approx(1, abs=2e-3) and same["shift"] == pytest.approx(0, abs=0.02)
    assert moved["cosine"] < 0.95 and moved["shifted"] == pytest.approx(1, abs=2e-3)
    assert moved["shift"] == pytest.approx(-0.4, abs=0.02)


def test_broadening_keeps_the_states_and_takes_what_is_negative_for_nothing() -> None:
    spike = np.zeros(128)
    spike[64], spike[30] = 10.0, -3.0
    found = outer.smoothed(ENERGIES, spike, 0.15)
    assert found.sum() == pytest.approx(10.0) and found.min() >= 0
    width = float(np.sqrt((found * (ENERGIES - ENERGIES[64]) ** 2).sum() / found.sum()))
    assert width == pytest.approx(0.15, rel=0.02)


def test_what_cannot_be_predicted_counts_in_no_mean() -> None:
    rows = [{"cosine": 0.95, "shifted": 0.97}, {"cosine": 0.85, "shifted": 0.95}, {"formula": "ThHg"}]
    assert outer.summary(rows) == pytest.approx([2, 0.9, 0.9, 0.5, 0.96])
    assert outer.summary(rows[2:]) is None
