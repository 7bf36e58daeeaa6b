"""Fermi level, gap and density of states of levels whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.dft.levels import SMEARING, Levels

E = np.linspace(-20, 20, 4001)


def random_levels(seed: int, spins: int = 1, electrons: int = 6) -> Levels:
    generator = np.random.default_rng(seed)
    weights = generator.random(9)
    energies = np.sort(generator.uniform(-8, 8, (spins, 9, 12)), axis=2)
    return Levels(energies, weights / weights.sum(), electrons)


@given(st.integers(0, 10_000), st.sampled_from([1, 2]), st.integers(1, 20))
def test_the_fermi_level_holds_all_electrons(seed: int, spins: int, electrons: int) -> None:
    levels = random_levels(seed, spins, electrons)
    fermi = levels.fermi()
    # A level at the Fermi level may be partly filled; those 1 eV away are full or empty.
    assert levels.electrons_below(fermi - 1) <= electrons + 1e-6
    assert levels.electrons_below(fermi + 1) >= electrons - 1e-6
    density = levels.density(E, 0.1)
    assert density.shape == (spins, len(E))
    assert density.sum() * (E[1] - E[0]) == pytest.approx(24, rel=1e-6)  # two electrons in each of twelve bands


def test_the_integral_of_the_density_up_to_the_fermi_level_is_the_electrons() -> None:
    # A broad band on a dense mesh, as in a metal.
    k = np.linspace(-np.pi, np.pi, 2000, endpoint=False)
    levels = Levels((-3 * np.cos(k))[None, :, None], np.full(2000, 1 / 2000), 1)
    assert levels.fermi() == pytest.approx(0.0, abs=0.01)  # half-filled
    density = levels.density(E, 0.05)[0]
    assert density[levels.fermi() >= E].sum() * (E[1] - E[0]) == pytest.approx(1.0, abs=0.02)
    assert levels.gap() == 0
    middle = density[np.abs(E).argmin()]
    assert middle == pytest.approx(2 / (3 * np.pi), rel=0.02)  # tight binding in one dimension: 2 / (pi W sin k)


def test_an_insulator_has_its_fermi_level_in_the_middle_of_its_gap() -> None:
    bands = np.array([[-2.0, -1.0, 3.0], [-2.5, -0.5, 2.0]])[None]
    levels = Levels(bands, np.array([0.5, 0.5]), 4)
    assert levels.gap() == pytest.approx(2.5)
    assert levels.fermi() == pytest.approx(0.75)


def test_a_coarse_metal_has_no_gap() -> None:
    bands = np.array([[-1.0, 4.0], [1.0, 5.0]])[None]  # one electron pair for two points: the lower band is half filled
    assert Levels(bands, np.array([0.5, 0.5]), 1).gap() == 0


def test_a_ferromagnet_has_a_moment_and_a_polarised_nonmagnet_none() -> None:
    split = np.array([[[-2.0, -1.0]], [[1.0, 2.0]]])
    assert Levels(split, np.ones(1), 2).moment() == pytest.approx(2.0, abs=1e-6)
    same = np.array([[[-2.0, 1.0]], [[-2.0, 1.0]]])
    assert Levels(same, np.ones(1), 2).moment() == pytest.approx(0.0, abs=1e-6)
    assert random_levels(0).moment() == 0.0


def test_too_few_bands_are_noticed() -> None:
    with pytest.raises(ValueError, match="too few bands"):
        Levels(np.zeros((1, 1, 2)), np.ones(1), 5).fermi()


def test_shifting_all_levels_shifts_the_fermi_level() -> None:
    levels = random_levels(3)
    shifted = Levels(levels.energies + 1.7, levels.weights, levels.electrons)
    assert shifted.fermi() - levels.fermi() == pytest.approx(1.7, abs=1e-6)
    assert SMEARING < 0.05
