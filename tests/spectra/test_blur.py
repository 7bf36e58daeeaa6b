"""The broadening of a curve, read off the curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from dosmith.records import Spectrum
from dosmith.spectra.blur import recognised_broadening
from dosmith.targets import Reading, resolve_target

ENERGIES = np.arange(-10, 10.001, 0.05)


def bands(sigma: float, seed: int = 0, energies: np.ndarray = ENERGIES) -> np.ndarray:
    """Bands with sharp edges at random places, broadened exactly."""
    generator = np.random.default_rng(seed)
    lower = generator.uniform(-8, 6, 6)
    upper, heights = lower + generator.uniform(0.5, 3, 6), generator.uniform(0.5, 2, 6)
    scaled = [(energies[:, None] - edge) / (sigma * np.sqrt(2)) for edge in (lower, upper)]
    return ((erf(scaled[0]) - erf(scaled[1])) / 2) @ heights


@given(sigma=st.floats(0.15, 0.5), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_the_broadening_of_bands_is_found(sigma: float, seed: int) -> None:
    assert recognised_broadening(ENERGIES, bands(sigma, seed)) == pytest.approx(sigma, rel=0.35, abs=0.02)


def test_unit_scale_and_steps_do_not_matter_and_noise_makes_it_no_broader() -> None:
    plain = recognised_broadening(ENERGIES, bands(0.3))
    assert recognised_broadening(ENERGIES, 1e-3 * bands(0.3)) == pytest.approx(plain)
    coarse = ENERGIES[::2]
    assert recognised_broadening(coarse, bands(0.3, energies=coarse)) == pytest.approx(plain, rel=0.1)
    noise = np.random.default_rng(0).normal(0, 0.02, len(ENERGIES))
    assert recognised_broadening(ENERGIES, bands(0.3) + noise) < 1.3 * plain


def test_what_says_nothing_is_no_broadening() -> None:
    assert recognised_broadening(ENERGIES, np.zeros(len(ENERGIES))) == 0
    assert recognised_broadening(ENERGIES[:8], bands(0.3)[:8]) == 0
    assert recognised_broadening(ENERGIES, np.random.default_rng(0).uniform(size=len(ENERGIES))) < 0.1


def test_an_open_curve_is_recognised_and_one_that_states_its_broadening_is_believed(open_set) -> None:
    material = open_set.material("Pt3Ni-L1_2")
    spectrum = material.spectrum
    from scipy.ndimage import gaussian_filter1d

    step = spectrum.energies[1] - spectrum.energies[0]
    broader = gaussian_filter1d(spectrum.total, (0.3**2 - spectrum.broadening**2) ** 0.5 / step, mode="constant")
    from dosmith.spectra.standard import Recipe

    silent = Spectrum(spectrum.energies, broader, spectrum.fermi)
    found = resolve_target(silent, open_set, Recipe())
    assert any("looks broadened by about 0.3" in step or "looks broadened by about 0.2" in step for step in found.standard.steps)
    stated = resolve_target(Spectrum(spectrum.energies, broader, spectrum.fermi, broadening=0.3), open_set, Recipe())
    assert not any("looks broadened" in step for step in stated.standard.steps)
    given_ = resolve_target(silent, open_set, Recipe(), Reading(broadening=0.3))
    np.testing.assert_allclose(given_.standard.values, stated.standard.values)
    cosine = found.standard.values @ stated.standard.values
    assert cosine / np.linalg.norm(found.standard.values) / np.linalg.norm(stated.standard.values) > 0.999
