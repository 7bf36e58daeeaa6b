"""Magnets: of two starts the lower is taken, and the other is named."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.dft.engine import Calculation, Report
from dosmith.dft.starts import lowest
from dosmith.errors import EngineError
from dosmith.records import Spectrum

IRON = Structure(2.8 * np.eye(3), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
ENERGIES = np.linspace(-5, 5, 41)


class Engine:
    """Has an energy with spin and one without; None fails."""

    name = "engine"

    def __init__(self, polarised: float | None, plain: float | None, moments: list[float]) -> None:
        self.energies = {True: polarised, False: plain}
        self.moments = moments
        self.asked: list[bool] = []

    def compute(self, structure: Structure, *, spin: bool = False, report: Report | None = None) -> Calculation:
        self.asked.append(spin)
        energy = self.energies[spin]
        if energy is None:
            raise EngineError("no convergence")
        facts = {"site_moments": self.moments} if spin else {}
        curve = np.ones((2 if spin else 1, 41))
        return Calculation(energy, Spectrum(ENERGIES, curve, 0.0), 0.0, sum(self.moments) if spin else 0.0, 16, 1.0, facts)


def test_a_magnet_stays_one_where_that_is_lower() -> None:
    found = lowest(IRON, Engine(-10.0, -9.0, [2.2, 2.2]), True)
    assert (found.energy, found.moment) == (-10.0, 4.4)
    assert found.provenance["other_start"] == "non-magnetic, 0.5000 eV/atom higher"
    assert found.seconds == 2.0


def test_an_antiferromagnet_counts_as_a_magnet() -> None:
    assert lowest(IRON, Engine(-10.0, -9.0, [2.2, -2.2]), True).provenance["site_moments"] == [2.2, -2.2]


def test_a_moment_that_costs_energy_is_given_up() -> None:
    found = lowest(IRON, Engine(-9.0, -10.0, [2.2, 2.2]), True)
    assert (found.energy, found.spectrum.spin_polarized) == (-10.0, False)
    assert found.provenance["other_start"].startswith("spin-polarised, 0.5")


def test_without_moments_one_start_is_enough() -> None:
    engine = Engine(-9.0, -10.0, [0.01, -0.01])
    assert lowest(IRON, engine, True).energy == -9.0
    assert engine.asked == [True]


def test_without_spin_nothing_is_compared() -> None:
    engine = Engine(-11.0, -10.0, [2.2, 2.2])
    assert lowest(IRON, engine, False).energy == -10.0
    assert engine.asked == [False]


def test_the_comparison_may_fail_the_magnet_may_not() -> None:
    found = lowest(IRON, Engine(-10.0, None, [2.2, 2.2]), True)
    assert found.provenance["other_start"] == "non-magnetic: no convergence"
    with pytest.raises(EngineError):
        lowest(IRON, Engine(None, -10.0, [2.2, 2.2]), True)
