"""Band centre and density at the energy zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.spectra.shape import band_centres, densities_at_zero

ENERGIES = np.linspace(-7.5, 7.5, 151)


@given(centre=st.floats(-6, -1), width=st.floats(0.1, 0.3))
def test_the_centre_is_that_of_one_band(centre: float, width: float) -> None:
    curve = np.exp(-(((ENERGIES - centre) / width) ** 2) / 2)
    assert band_centres(ENERGIES, curve[None])[0] == pytest.approx(centre, abs=0.01)


def test_the_centre_knows_nothing_above_the_zero() -> None:
    below, above = np.where(ENERGIES <= 0, 1.0, 0.0), 1.0 * (ENERGIES > 0.01)
    found = band_centres(ENERGIES, np.stack([below, below + 5 * above, above]))
    assert found[:2] == pytest.approx([-3.75, -3.75]) and np.isnan(found[2])


@given(height=st.floats(0.01, 2))
def test_the_density_at_the_zero_is_that_of_a_curve_of_unit_area(height: float) -> None:
    assert densities_at_zero(ENERGIES, np.full((2, 151), height)) == pytest.approx(1 / (151 * 0.1))
