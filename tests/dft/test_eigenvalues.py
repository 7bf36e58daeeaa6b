"""Fermi level, energies, gap and density of states of levels whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.constants import BOLTZMANN
from dosmith.dft.eigenvalues import ROOM, FloatArray, MeshEigenvalues

E = np.linspace(-20, 20, 4001)
METAL = MeshEigenvalues((np.arange(20_000) + 0.5)[None, :, None] / 2000 - 5, 1)
"""A flat band of 10 eV, half filled: 0.2 states/eV."""

seeds = st.integers(0, 10_000)
spin_channels = st.sampled_from([1, 2])


def random_levels(seed: int, spins: int = 1, electrons: int = 6, temperature: float = ROOM) -> MeshEigenvalues:
    energies = np.random.default_rng(seed).uniform(-8, 8, (spins, 9, 12))
    return MeshEigenvalues(np.sort(energies, axis=2), electrons, temperature)


def insulator(seed: int, gap: float, spins: int = 1) -> MeshEigenvalues:
    """Four of eleven bands filled, the highest level at 1 eV."""
    generator = np.random.default_rng(seed)
    valence = 1 - np.sort(generator.uniform(0, 6, (spins, 9, 4)), axis=2)[:, :, ::-1]
    conduction = 1 + gap + np.sort(generator.uniform(0, 6, (spins, 9, 7)), axis=2)
    valence[0, 3, -1], conduction[-1, 5, 0] = 1, 1 + gap
    return MeshEigenvalues(np.concatenate([valence, conduction], axis=2), 8)


def occupations(levels: MeshEigenvalues) -> FloatArray:
    """Fermi-Dirac, of a metal."""
    above = (levels.energies - levels.fermi) / (BOLTZMANN * levels.temperature)
    return np.asarray(1 / (1 + np.exp(np.clip(above, -700, 700))))


def of_one_cell(levels: MeshEigenvalues, per_level: FloatArray) -> float:
    spins, points, _ = levels.energies.shape
    return float(2 * per_level.sum() / spins / points)


@given(seeds, spin_channels, st.integers(1, 20), st.floats(100, 5000))
def test_the_fermi_level_of_a_metal_holds_its_electrons(seed: int, spins: int, electrons: int, temperature: float) -> None:
    levels = random_levels(seed, spins, electrons, temperature)
    assert levels.gap == 0
    assert of_one_cell(levels, occupations(levels)) == pytest.approx(electrons, abs=1e-5)


@given(seeds, st.integers(1, 24))
def test_a_hot_gas_holds_its_electrons(seed: int, electrons: int) -> None:
    levels = random_levels(seed, electrons=min(electrons, 23), temperature=50_000)
    assert of_one_cell(levels, occupations(levels)) == pytest.approx(levels.electrons, abs=1e-5)


@given(seeds, spin_channels, st.integers(4, 20), st.floats(100, 5000))
def test_energies_are_those_of_the_filling(seed: int, spins: int, electrons: int, temperature: float) -> None:
    levels = random_levels(seed, spins, electrons, temperature)
    filled = np.clip(occupations(levels), 1e-300, 1 - 1e-16)
    entropy = -filled * np.log(filled) - (1 - filled) * np.log(1 - filled)
    assert levels.band_energy == pytest.approx(of_one_cell(levels, filled * levels.energies), abs=1e-5)
    assert levels.entropy_energy == pytest.approx(of_one_cell(levels, entropy) * BOLTZMANN * temperature, abs=1e-5)


@pytest.mark.parametrize("temperature", [300.0, 1500.0, 5000.0])
def test_a_metal_follows_the_sommerfeld_expansion(temperature: float) -> None:
    levels = replace(METAL, temperature=temperature)
    heat = np.pi**2 / 3 * (BOLTZMANN * temperature) ** 2 * 0.2
    assert levels.fermi == pytest.approx(0.0, abs=1e-6)
    assert levels.entropy_energy == pytest.approx(heat, rel=1e-3)
    assert levels.band_energy == pytest.approx(-2.5 + heat / 2, abs=2e-5)
    assert levels.band_energy - levels.entropy_energy / 2 == pytest.approx(-2.5, abs=2e-5)  # free of temperature


@given(seeds, spin_channels, st.floats(0.02, 1.0))
def test_the_density_is_the_sum_of_the_gaussians(seed: int, spins: int, sigma: float) -> None:
    levels, energies = random_levels(seed, spins), np.linspace(-5, 6, 221)
    density = levels.density(energies, sigma)
    assert density.shape == (spins, 221)
    offsets = (energies - levels.energies.reshape(spins, -1, 1)) / sigma
    direct = np.exp(-(offsets**2) / 2).sum(axis=1) / (sigma * np.sqrt(2 * np.pi)) * 2 / spins / 9
    assert np.abs(density - direct).max() < 1e-3 * direct.max()


@given(seeds, spin_channels, st.integers(1, 24))
def test_the_integral_of_the_density_is_two_electrons_a_band(seed: int, spins: int, electrons: int) -> None:
    density = random_levels(seed, spins, electrons).density(E, 0.1)
    assert density.sum() * (E[1] - E[0]) == pytest.approx(24, rel=1e-6)


def test_levels_outside_the_window_reach_into_it_with_their_tails_only() -> None:
    levels = MeshEigenvalues(np.array([[[-9.0, -0.2, 0.3, 1.15, 9.0]]]), 4)
    density = levels.density(np.linspace(0, 1, 101), 0.1)[0]
    assert density[0] == pytest.approx(2 * np.exp(-2) / (0.1 * np.sqrt(2 * np.pi)) + density[60], rel=2e-3)
    assert density[-1] == pytest.approx(2 * np.exp(-1.125) / (0.1 * np.sqrt(2 * np.pi)), rel=2e-3)


def test_the_integral_of_the_density_up_to_the_fermi_level_is_the_electrons() -> None:
    # A broad band on a dense mesh, as in a metal.
    k = np.linspace(-np.pi, np.pi, 2000, endpoint=False)
    levels = MeshEigenvalues((-3 * np.cos(k))[None, :, None], 1)
    assert levels.fermi == pytest.approx(0.0, abs=0.01)  # half filled
    density = levels.density(E, 0.05)[0]
    assert density[levels.fermi >= E].sum() * (E[1] - E[0]) == pytest.approx(1.0, abs=0.02)
    assert levels.gap == 0
    middle = density[np.abs(E).argmin()]
    assert middle == pytest.approx(2 / (3 * np.pi), rel=0.02)  # tight binding in one dimension: 2 / (pi W sin k)


@given(seeds, st.floats(0.02, 12), spin_channels)
def test_an_insulator_has_its_fermi_level_in_the_middle_of_its_gap_and_no_entropy(seed: int, gap: float, spins: int) -> None:
    levels = insulator(seed, gap, spins)
    assert levels.gap == pytest.approx(gap)
    assert levels.fermi == pytest.approx(1 + gap / 2)
    cold = replace(levels, temperature=100 * gap)  # 1/116 of the gap
    assert cold.entropy_energy == pytest.approx(0.0, abs=1e-9)
    assert cold.band_energy == pytest.approx(of_one_cell(levels, levels.energies[:, :, :4]), abs=1e-9)
    assert cold.moment == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("temperature", [300.0, 1500.0])
def test_the_bands_of_an_insulator_are_full_however_wide_its_gap(temperature: float) -> None:
    for gap in BOLTZMANN * temperature * np.arange(60, 160):
        levels = replace(insulator(0, gap), temperature=temperature)
        assert levels.entropy_energy == pytest.approx(0.0, abs=1e-9), gap
        assert levels.band_energy == pytest.approx(of_one_cell(levels, levels.energies[:, :, :4]), abs=1e-9), gap


def test_a_semimetal_has_no_gap_though_each_point_has_one() -> None:
    levels = MeshEigenvalues(np.array([[[-2.0, 1.0], [-1.0, 2.0], [0.5, 3.0], [-3.0, 0.0]]]), 2)
    assert levels.gap == 0
    assert 0.0 < levels.fermi < 0.5


@pytest.mark.parametrize(
    ("energies", "electrons", "lower", "upper"),
    [
        ([[-1.0, 9.0], [1.0, 9.0]], 1, -0.9, 0.9),  # an electron for two points: the lower band is half filled
        ([[-4.0, 9.0], [4.0, 9.0]], 1, -3.9, 3.9),
        ([[-6.0, 20.0], [1.0, 20.0], [6.0, 20.0]], 1, 1.0, 1.0),  # half of the middle level
        ([[-6.0, 7.0], [1.0, 8.0], [6.0, 20.0]], 3, 7.0, 8.0),  # half of the fifth
        ([[-3.0, 9.0], [2.0, 9.0], [2.0, 9.0]], 1, 2 - BOLTZMANN * ROOM * np.log(3), 2.0),  # a quarter of two
    ],
)
def test_a_coarse_metal_has_no_gap_however_far_apart_its_levels(
    energies: list[list[float]], electrons: int, lower: float, upper: float
) -> None:
    levels = MeshEigenvalues(np.array([energies]), electrons)
    assert levels.gap == 0
    assert lower - 1e-6 <= levels.fermi <= upper + 1e-6
    assert of_one_cell(levels, occupations(levels)) == pytest.approx(electrons, abs=1e-5)
    assert levels.band_energy == pytest.approx(of_one_cell(levels, occupations(levels) * levels.energies), abs=1e-5)


@pytest.mark.parametrize("spacing", [0.1, 4.0])
@pytest.mark.parametrize("points", [1, 2, 3])
@pytest.mark.parametrize("electrons", [1, 3])
def test_an_odd_electron_in_flat_bands_makes_a_metal(points: int, electrons: int, spacing: float) -> None:
    bands = spacing * np.arange(6) - 2.0
    levels = MeshEigenvalues(np.tile(bands, (1, points, 1)), electrons)
    assert levels.gap == 0
    assert of_one_cell(levels, occupations(levels)) == pytest.approx(electrons, abs=1e-5)


def test_a_narrow_band_filled_to_a_quarter_makes_a_metal() -> None:
    levels = MeshEigenvalues(np.array([[[-5.0, 0.0, 0.02], [-5.0, 0.01, 0.03]]]), 3, 1500)
    assert levels.gap == 0
    assert of_one_cell(levels, occupations(levels)) == pytest.approx(3, abs=1e-5)


@given(seeds, st.integers(1, 23))
def test_a_ferromagnet_has_a_moment_and_a_polarised_nonmagnet_none(seed: int, electrons: int) -> None:
    plain = random_levels(seed, 1, electrons)
    same = replace(plain, energies=np.repeat(plain.energies, 2, axis=0))
    assert plain.moment == 0.0
    assert same.moment == pytest.approx(0.0, abs=1e-9)
    for name in ("fermi", "gap", "band_energy", "entropy_energy"):
        assert getattr(same, name) == pytest.approx(getattr(plain, name), abs=1e-5)
    split = replace(plain, energies=np.concatenate([plain.energies, plain.energies + 20]))  # all spins up that the bands hold
    assert split.moment == pytest.approx(min(electrons, 24 - electrons), abs=1e-3)


def test_the_moment_of_a_half_metal_is_whole() -> None:
    up, down = np.array([[-3.0, -1.0, 4.0], [-3.5, 0.0, 5.0], [-3.5, 1.0, 5.0]]), np.array([[-2.0, 2.5, 5.0]] * 3)
    levels = MeshEigenvalues(np.array([up, down]), 3)
    assert levels.gap == pytest.approx(1.5)  # from the top of the up channel to the bottom of the down one
    assert levels.moment == pytest.approx(1.0, abs=1e-9)
    assert replace(levels, electrons=2).moment == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("spins", [1, 2])
def test_too_few_bands_are_noticed(spins: int) -> None:
    with pytest.raises(ValueError, match="too few bands"):
        MeshEigenvalues(np.zeros((spins, 1, 2)), 5)


@given(seeds, st.floats(-30, 30), spin_channels)
def test_shifting_all_levels_shifts_the_fermi_level_and_the_density(seed: int, shift: float, spins: int) -> None:
    for levels in (random_levels(seed, spins), insulator(seed, 2.0, spins)):
        shifted = replace(levels, energies=levels.energies + shift)
        assert shifted.fermi - levels.fermi == pytest.approx(shift, abs=1e-6)
        assert shifted.gap == pytest.approx(levels.gap, abs=1e-9)
        assert shifted.entropy_energy == pytest.approx(levels.entropy_energy, abs=1e-6)
        assert shifted.band_energy - levels.band_energy == pytest.approx(shift * levels.electrons, abs=1e-6)
        window = levels.fermi + np.linspace(-4, 4, 81)
        np.testing.assert_allclose(shifted.density(window + shift, 0.2), levels.density(window, 0.2), atol=5e-3)
