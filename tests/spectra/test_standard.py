"""The standard vector: area, position and width of what it shows are the source's, whatever grid and units the source has."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dosmith.errors import SpectrumError
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.records import Material, Spectrum
from dosmith.settings import SpectraSettings
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe, standardise, standardise_batch, standardise_library

E = np.linspace(-12.0, 12.0, 961)
FERMI = Recipe(zero="fermi")
Dos = Callable[..., np.ndarray]
peak_lists = st.lists(st.tuples(st.floats(-6, 6), st.floats(0.2, 5), st.floats(0.15, 2)), min_size=1, max_size=4)


def analytic(peaks: Sequence[tuple[float, float, float]], sigma: float, grid: EnergyGrid) -> np.ndarray:
    """Gaussian peaks, further broadened by sigma: their exact integrals over the bins, scaled to unit area."""
    bins = np.zeros(grid.points)
    for centre, area, width in peaks:
        total = math.hypot(width, sigma) * math.sqrt(2)
        bins += area * np.diff([math.erf((edge - centre) / total) / 2 for edge in grid.edges])
    return bins / (bins.sum() * grid.step)


def exact_bins(energies: np.ndarray, density: np.ndarray, grid: EnergyGrid) -> np.ndarray:
    """Integrals over the bins of the piecewise-linear curve, by cutting it at every bin edge."""
    cuts = np.union1d(energies, grid.edges)
    heights = np.interp(cuts, energies, density, left=0.0, right=0.0)
    areas = np.diff(cuts) * (heights[1:] + heights[:-1]) / 2
    middles = (cuts[1:] + cuts[:-1]) / 2
    return np.histogram(middles, grid.edges, weights=areas)[0]


@given(peaks=peak_lists, background=st.floats(0, 1))
def test_a_standard_vector_has_unit_area_and_is_nowhere_negative(gaussian_dos: Dos, peaks: list, background: float) -> None:
    standard = standardise(Spectrum.from_arrays(E, gaussian_dos(E, peaks, background)))
    assert standard.values.shape == (151,)
    assert standard.values.min() >= 0
    assert standard.values.sum() * standard.recipe.grid.step == pytest.approx(1, abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), grid=st.sampled_from([EnergyGrid(), EnergyGrid(-5, 4, 37), EnergyGrid(-7.5, 7.5, 1001)]))
def test_the_area_of_each_bin_is_the_curves_own_integral(seed: int, grid: EnergyGrid) -> None:
    random = np.random.default_rng(seed)
    energies = np.sort(random.uniform(-9, 9, 300))
    energies[[0, -1]] = -9, 9
    density = random.exponential(size=300)
    recipe = Recipe(grid, broadening=0.1, zero="fermi")
    values = standardise(Spectrum.from_arrays(energies, density, broadening=0.1), recipe).values  # nothing to add
    bins = exact_bins(energies, density, grid)
    np.testing.assert_allclose(values * grid.step, bins / bins.sum(), rtol=1e-9, atol=1e-12)


def test_broadening_moves_no_area_between_well_separated_bands(block_dos: Dos) -> None:
    density = block_dos(E, [(-5, -3, 3.0), (1, 2, 2.0)])
    values = standardise(Spectrum.from_arrays(E, density), FERMI).values
    lower, grid = EnergyGrid().energies < -1, EnergyGrid()
    areas = exact_bins(E, density, grid)
    assert values[lower].sum() * grid.step == pytest.approx(areas[lower].sum() / areas.sum(), abs=1e-6)


@given(peaks=peak_lists, broadening=st.floats(0.05, 0.5))
@settings(max_examples=25)
def test_gaussian_peaks_become_what_the_formula_says(gaussian_dos: Dos, peaks: list, broadening: float) -> None:
    recipe = Recipe(broadening=broadening, zero="fermi")
    energies = np.linspace(-20.0, 20.0, 4001)
    values = standardise(Spectrum.from_arrays(energies, gaussian_dos(energies, peaks)), recipe).values
    np.testing.assert_allclose(values, analytic(peaks, broadening, recipe.grid), atol=2e-3 * values.max())


@given(peaks=peak_lists, carried=st.floats(0.02, 0.14))
@settings(max_examples=25)
def test_the_broadening_a_source_already_carries_is_counted_in(gaussian_dos: Dos, peaks: list, carried: float) -> None:
    energies = np.linspace(-20.0, 20.0, 4001)
    smeared = [(centre, area, math.hypot(width, carried)) for centre, area, width in peaks]
    sharp = standardise(Spectrum.from_arrays(energies, gaussian_dos(energies, peaks)), FERMI).values
    source = Spectrum.from_arrays(energies, gaussian_dos(energies, smeared), broadening=carried)
    values = standardise(source, FERMI).values
    np.testing.assert_allclose(values, sharp, atol=2e-3 * values.max())
    np.testing.assert_allclose(values, analytic(peaks, 0.15, FERMI.grid), atol=2e-3 * values.max())


def test_a_source_that_is_already_wider_is_left_as_it_is(gaussian_dos: Dos) -> None:
    density = gaussian_dos(E, [(-2, 5, 0.4)], 0.2)
    standard = standardise(Spectrum.from_arrays(E, density, broadening=0.4), FERMI)
    bins = exact_bins(E, density, FERMI.grid)
    np.testing.assert_allclose(standard.values, bins / bins.sum() / FERMI.grid.step, rtol=1e-9)
    assert any("left as it is" in step for step in standard.steps)


def test_states_just_outside_the_window_leak_in_as_far_as_the_broadening(gaussian_dos: Dos) -> None:
    peaks = [(7.7, 5.0, 0.1), (-2.0, 5.0, 0.5)]
    values = standardise(Spectrum.from_arrays(E, gaussian_dos(E, peaks)), FERMI).values
    np.testing.assert_allclose(values, analytic(peaks, 0.15, FERMI.grid), atol=2e-3 * values.max())
    assert values[-1] > 0.05


def test_a_hair_of_broadening_to_add_costs_no_memory() -> None:
    script = (
        "import resource, numpy as np; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from dosmith.records import Spectrum; from dosmith.spectra.standard import standardise\n"
        "standardise(Spectrum.from_arrays(np.linspace(-10, 10, 401), np.ones(401), broadening=0.15 * (1 - 1e-9)))\n"
    )
    environment = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.splitlines()[-1]


@given(peaks=peak_lists, shift=st.floats(-200, 200), fermi=st.floats(-2, 2))
def test_a_rigid_shift_of_energies_and_fermi_level_changes_nothing(
    gaussian_dos: Dos, peaks: list, shift: float, fermi: float
) -> None:
    density = gaussian_dos(E, peaks, background=0.4)
    here = standardise(Spectrum.from_arrays(E, density, fermi))
    there = standardise(Spectrum.from_arrays(E + shift, density, fermi + shift))
    np.testing.assert_allclose(there.values, here.values, atol=1e-9)
    assert there.zero - shift == pytest.approx(here.zero, abs=1e-9)


@given(gap=st.floats(0.6, 4), shift=st.floats(-200, 200), place=st.floats(0.02, 0.98), other=st.floats(0.02, 0.98))
@settings(max_examples=40)
def test_the_fermi_level_within_a_gap_does_not_matter(
    block_dos: Dos, gap: float, shift: float, place: float, other: float
) -> None:
    density = block_dos(E, [(-6, 0, 1.5), (gap, gap + 5, 1.0)])
    here = standardise(Spectrum.from_arrays(E, density, place * gap))
    there = standardise(Spectrum.from_arrays(E + shift, density, other * gap + shift))
    np.testing.assert_allclose(there.values, here.values, atol=2e-3)
    assert there.gap == pytest.approx(here.gap, abs=2e-3)
    assert here.zero == pytest.approx(0, abs=0.03)


@given(peaks=peak_lists, scale=st.floats(1e-6, 1e6))
def test_the_unit_of_the_densities_does_not_matter(gaussian_dos: Dos, peaks: list, scale: float) -> None:
    density = gaussian_dos(E, peaks, background=0.1)
    here, there = (standardise(Spectrum.from_arrays(E, factor * density)).values for factor in (1.0, scale))
    np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-12)


@given(up=peak_lists, down=peak_lists)
def test_spin_up_and_down_are_summed(gaussian_dos: Dos, up: list, down: list) -> None:
    channels = [gaussian_dos(E, up, 0.1), gaussian_dos(E, down, 0.1)]
    apart = standardise(Spectrum.from_arrays(E, channels))
    together = standardise(Spectrum.from_arrays(E, channels[0] + channels[1]))
    np.testing.assert_allclose(apart.values, together.values, rtol=1e-12, atol=1e-15)
    assert "spin up and down summed" in apart.steps
    assert "spin up and down summed" not in together.steps


@given(peaks=peak_lists)
def test_a_finer_source_grid_changes_little(gaussian_dos: Dos, peaks: list) -> None:
    fine, coarse = np.linspace(-12.0, 12.0, 2401), np.linspace(-12.0, 12.0, 481)
    first = standardise(Spectrum.from_arrays(fine, gaussian_dos(fine, peaks)), FERMI).values
    second = standardise(Spectrum.from_arrays(coarse, gaussian_dos(coarse, peaks)), FERMI).values
    assert np.abs(first - second).sum() * FERMI.grid.step < 0.01


@given(seed=st.integers(0, 2**32 - 1), peaks=peak_lists)
def test_levels_added_on_the_curve_itself_change_nothing(gaussian_dos: Dos, seed: int, peaks: list) -> None:
    density = gaussian_dos(E, peaks, background=0.3)
    extra = np.random.default_rng(seed).uniform(-12, 12, 50)
    uneven = np.union1d(E, extra)
    even = standardise(Spectrum.from_arrays(E, density), FERMI).values
    same = standardise(Spectrum.from_arrays(uneven, np.interp(uneven, E, density)), FERMI).values
    np.testing.assert_allclose(same, even, atol=1e-9)


def test_a_batch_gives_what_each_gives_alone(gaussian_dos: Dos, block_dos: Dos) -> None:
    random = np.random.default_rng(2)
    coarse = np.linspace(-9.0, 9.0, 361)
    spectra = []
    for index in range(60):
        energies = (E, coarse)[index % 2]
        peaks = list(zip(random.uniform(-5, 5, 3), random.uniform(1, 4, 3), random.uniform(0.2, 2, 3), strict=True))
        density = block_dos(energies, [(-6, -1, 1), (1, 5, 1)]) if index % 5 == 0 else gaussian_dos(energies, peaks, 0.3)
        fermi, broadening = random.uniform(-0.5, 0.5), float(random.choice([0.0, 0.1, 0.15, 0.3]))
        spectra.append(Spectrum.from_arrays(energies, density, fermi, broadening=broadening))
    materials = [Material(f"m{index}", (("Pt", 1),), spectrum) for index, spectrum in enumerate(spectra)]
    rows, together = standardise_library(MemoryLibrary(materials))
    assert rows.tolist() == list(range(60))
    for spectrum, values in zip(spectra, together, strict=True):  # a library keeps densities in single precision
        np.testing.assert_allclose(values, standardise(spectrum).values, rtol=1e-5, atol=1e-7)


def test_nothing_in_gives_nothing_out() -> None:
    assert standardise_batch(E, np.empty((0, len(E))), np.empty(0), 0.1).shape == (0, 151)
    rows, values = standardise_library(MemoryLibrary([]))
    assert (rows.shape, values.shape) == ((0,), (0, 151))


@pytest.mark.parametrize("reach", [1.0, 1.9])
def test_a_curve_too_narrow_is_refused_with_what_it_has_and_what_is_needed(reach: float) -> None:
    narrow = np.linspace(5 - reach, 5 + reach, 100)
    with pytest.raises(SpectrumError, match=rf"from -{reach:.2f} to {reach:.2f} eV.*4 eV or more.*wider window") as refusal:
        standardise(Spectrum.from_arrays(narrow, np.ones(100), 5.0))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("lower", "upper"), [(-4.0, 4.0), (-2.0, 2.0), (-6.5, 1.0), (-1.0, 3.0), (-7.4, 5.0)])
def test_of_a_narrow_curve_only_what_it_covers_is_compared(gaussian_dos: Dos, lower: float, upper: float) -> None:
    energies = np.linspace(-10, 10, 2001)
    density = gaussian_dos(energies, [(-3, 2.0, 1.2), (0.5, 3.0, 2.0), (4, 1.0, 1.0)], 0.3)
    part = (energies >= lower) & (energies <= upper)
    whole = standardise(Spectrum.from_arrays(energies, density), FERMI)
    found = standardise(Spectrum.from_arrays(energies[part], density[part]), FERMI)
    grid = found.recipe.grid
    assert found.coverage == pytest.approx((upper - lower) / 15)
    assert found.covered is not None and lower < found.covered.lower < lower + 0.3 and upper - 0.3 < found.covered.upper < upper
    inside = found.covered.mask(grid)
    assert found.values.sum() * grid.step == pytest.approx(1) and (found.values[~inside] == 0).all()
    np.testing.assert_allclose(
        found.values[inside] / found.values[inside].sum(), whole.values[inside] / whole.values[inside].sum(), rtol=0.08
    )
    assert any("only" in step and "are compared" in step for step in found.steps)


def test_the_share_of_the_window_that_a_recipe_wants_may_be_less() -> None:
    narrow = Spectrum.from_arrays(np.linspace(-1, 1, 50), np.ones(50))
    assert standardise(narrow, Recipe(min_coverage=0.1)).coverage == pytest.approx(2 / 15)


def test_a_curve_without_states_in_the_window_is_refused(block_dos: Dos) -> None:
    wide = np.linspace(-40.0, 40.0, 1601)
    with pytest.raises(SpectrumError, match="zero in the window"):
        standardise(Spectrum.from_arrays(wide, block_dos(wide, [(20, 30, 1.0)])), FERMI)


def test_a_curve_that_ends_where_it_is_zero_has_no_states_beyond() -> None:
    energies = np.linspace(-7.5, 5.5, 261)
    standard = standardise(Spectrum.from_arrays(energies, np.where(energies < 5.3, 1.0, 0.0)))
    assert standard.coverage == pytest.approx(13 / 15)
    assert any("87%" in step and "empty" in step for step in standard.steps)
    assert standard.values[EnergyGrid().energies > 6.5].max() < 1e-12 and standard.covered is None
    full = standardise(Spectrum.from_arrays(E, np.ones(len(E))))
    assert full.coverage == 1
    assert not any("covers" in step for step in full.steps)


def test_steps_tell_the_zero_and_the_sources_notes(block_dos: Dos) -> None:
    density = block_dos(E, [(-6, -1, 1.0), (1, 5, 1.0)])
    spectrum = Spectrum.from_arrays(E, density, 0.5, notes=("Fermi level taken as zero",))
    gapped, by_fermi = standardise(spectrum), standardise(spectrum, FERMI)
    assert "Fermi level taken as zero" in gapped.steps
    assert any("valence-band top" in step and "-1.48 eV" in step for step in gapped.steps)
    assert any("energy zero at the Fermi level, 0.500 eV" in step for step in by_fermi.steps)
    assert (by_fermi.zero, by_fermi.gap) == (0.5, gapped.gap)
    metal = standardise(Spectrum.from_arrays(E, np.ones(len(E)), 0.5))
    assert any("metal" in step for step in metal.steps)
    assert (metal.zero, metal.gap) == (0.5, 0.0)


def test_the_recipe_of_the_settings_is_the_default_recipe() -> None:
    assert Recipe.from_settings(SpectraSettings()) == Recipe()
    other = Recipe.from_settings(SpectraSettings(lower=-5, upper=5, points=101, broadening=0.2, zero="fermi", min_coverage=0.5))
    assert other == Recipe(EnergyGrid(-5, 5, 101), 0.2, "fermi", 0.5)


def test_a_library_is_standardised_row_by_row_and_narrow_curves_are_left_out(
    tiny_materials: list[Material], make_material: Callable[..., Material]
) -> None:
    narrow = make_material("narrow", "Cu", energies=np.linspace(-3.0, 3.0, 121))
    uneven = make_material("uneven", "Ag", energies=np.sort(np.random.default_rng(1).uniform(-9, 9, 400)))
    library = MemoryLibrary([tiny_materials[0], narrow, uneven, *tiny_materials[1:]])
    rows, values = standardise_library(library)
    assert rows.tolist() == [row for row in range(len(library)) if row != 1]
    for row, vector in zip(rows, values, strict=True):
        np.testing.assert_allclose(vector, standardise(library.material(library.ids[row]).spectrum).values, atol=1e-6)


def test_a_material_without_states_in_the_window_does_not_spoil_its_library(
    tiny_materials: list[Material], block_dos: Dos
) -> None:
    wide = np.linspace(-40.0, 40.0, 1601)
    empty = Material("empty", (("Xe", 1),), Spectrum.from_arrays(wide, block_dos(wide, [(20, 30, 1.0)])))
    rows, _ = standardise_library(MemoryLibrary([*tiny_materials, empty]))
    assert rows.tolist() == list(range(len(tiny_materials)))


def test_the_open_set_is_standardised_whole(open_set: ParquetLibrary) -> None:
    rows, values = standardise_library(open_set)
    assert len(rows) > 0.99 * len(open_set)
    for row in set(range(len(open_set))) - set(rows.tolist()):  # rare gases whose gap fills the window
        assert standardise(open_set.material(open_set.ids[row]).spectrum).coverage < Recipe().min_coverage
    np.testing.assert_allclose(values.sum(axis=1) * 0.1, 1, rtol=1e-12)
    assert values.min() >= 0
    place = {open_set.ids[row]: place for place, row in enumerate(rows)}
    np.testing.assert_allclose(
        values[place["Pt3Ni-L1_2"]], standardise(open_set.material("Pt3Ni-L1_2").spectrum).values, atol=1e-9
    )
    platinum = values[place["Pt-A1"]]
    below = EnergyGrid().energies <= 0
    assert platinum[below].sum() * 0.1 > 0.7  # the d band of platinum is almost full


@pytest.mark.parametrize(("lower", "upper"), [(-7.5, 7.5), (-5.0, 5.0), (-4.0, 4.0), (-6.03, 2.04)])
def test_a_curve_on_the_grid_is_itself_wherever_it_ends(lower: float, upper: float) -> None:
    """No point is held to be lower since its bin reaches beyond the end of the curve."""
    recipe = Recipe()
    energies = recipe.grid.energies
    values = 1.0 + 0.3 * np.sin(energies)
    kept = (energies >= lower - 1e-9) & (energies <= upper + 1e-9)
    spectrum = Spectrum(energies[kept], values[kept], fermi=0.0, broadening=recipe.broadening)
    found = standardise(spectrum, recipe, zero=0.0)
    inside = np.ones(len(energies), dtype=bool) if found.covered is None else found.covered.mask(recipe.grid)
    assert inside.sum() >= kept.sum() - 2
    np.testing.assert_allclose(
        found.values[inside] / found.values[inside].sum(), values[inside] / values[inside].sum(), rtol=4e-3
    )
