"""Grids and windows are values that check themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.errors import SpectrumError
from dosmith.spectra.grid import EnergyGrid, Window

tenths = st.integers(-150, 150).map(lambda tenth: tenth / 10)
grids = st.builds(
    lambda lower, width, points: EnergyGrid(lower, round(lower + width / 10, 1), points),
    tenths,
    st.integers(1, 300),
    st.integers(2, 400),
)


def test_the_default_grid_is_the_papers_with_a_level_at_the_zero() -> None:
    grid = EnergyGrid()
    assert (grid.lower, grid.upper, grid.points) == (-7.5, 7.5, 151)
    assert grid.step == pytest.approx(0.1)
    assert grid.energies[75] == pytest.approx(0.0, abs=1e-12)
    assert grid.key == "-7.5:7.5:151"


@given(grids)
def test_levels_are_even_and_stand_in_the_middle_of_their_bins(grid: EnergyGrid) -> None:
    assert grid.energies.shape == (grid.points,)
    assert grid.edges.shape == (grid.points + 1,)
    assert (grid.energies[0], grid.energies[-1]) == (grid.lower, grid.upper)
    np.testing.assert_allclose(np.diff(grid.energies), grid.step, rtol=1e-6)
    np.testing.assert_allclose((grid.edges[1:] + grid.edges[:-1]) / 2, grid.energies, atol=1e-9)
    np.testing.assert_allclose(np.diff(grid.edges), grid.step, rtol=1e-6)


@given(grids)
def test_a_grid_is_found_again_from_its_key(grid: EnergyGrid) -> None:
    assert EnergyGrid.from_key(grid.key) == grid


def test_grids_that_differ_have_different_keys() -> None:
    assert EnergyGrid(-7.1234567, 7.5, 151).key != EnergyGrid(-7.1234569, 7.5, 151).key


@pytest.mark.parametrize(
    ("lower", "upper", "points"), [(1, 1, 10), (2, 1, 10), (0, 1, 1), (0, 1, 0), (0, 1, -3), (np.nan, 1, 5), (0, np.nan, 5)]
)
def test_an_impossible_grid_is_refused(lower: float, upper: float, points: int) -> None:
    with pytest.raises(SpectrumError, match="lower < upper"):
        EnergyGrid(lower, upper, points)


def test_an_endless_grid_is_refused() -> None:
    with pytest.raises(SpectrumError):
        EnergyGrid.from_key("-inf:7.5:151")


@pytest.mark.parametrize("key", ["", "x", "-7.5:7.5", "a:b:c", "-7.5:7.5:151:1", "-7.5:7.5:15.5", "7:-7:5", "nan:1:5"])
def test_text_that_is_no_grid_is_refused(key: str) -> None:
    with pytest.raises(SpectrumError) as refusal:
        EnergyGrid.from_key(key)
    assert "\n" not in str(refusal.value)


@given(tenths, st.integers(1, 100))
def test_a_window_is_found_again_from_its_text(lower: float, width: int) -> None:
    window = Window(lower, round(lower + width / 10, 1))
    assert Window.parse(str(window)) == window


@pytest.mark.parametrize("text", ["", "2", "a:b", "1:2:3", "2:-6", "1:1", "nan:2", "-6-2"])
def test_text_that_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(SpectrumError, match="-6:2") as refusal:
        Window.parse(text)
    assert "\n" not in str(refusal.value)


@given(grids, tenths, st.integers(1, 300))
def test_a_window_selects_the_levels_between_its_ends(grid: EnergyGrid, lower: float, width: int) -> None:
    window = Window(lower, lower + width / 10)
    expected = [window.lower - 1e-9 <= level <= window.upper + 1e-9 for level in grid.energies]
    if sum(expected) < 2:
        with pytest.raises(SpectrumError, match="fewer than two"):
            window.mask(grid)
    else:
        assert window.mask(grid).tolist() == expected


def test_both_ends_of_a_window_count() -> None:
    assert np.count_nonzero(Window.parse("-6:2").mask(EnergyGrid())) == 81
