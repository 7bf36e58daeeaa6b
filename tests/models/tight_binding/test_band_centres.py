"""Centres of bands are brought to where they are computed; the whole stays what it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.errors import ModelError
from dosmith.models.tight_binding.band_centres import BandCentres, Regression

GRID = np.linspace(-7.5, 7.5, 151)
Parts = dict[tuple[str, str], np.ndarray]
ALLOYS = [(metal, other) for metal in ("Pt", "Ag", "Ru", "Ni") for other in ("Al", "Mg", "Ti", "Cu", "Sc", "Ca", "Y", "Zr")]


def crystal(generator: np.random.Generator, symbols: tuple[str, ...]) -> Parts:
    return {
        (symbol, orbital): np.exp(-0.5 * ((GRID - generator.uniform(-4, 1)) / generator.uniform(1, 3)) ** 2) + 0.05
        for symbol in symbols
        for orbital in "spd"
    }


def too_low(parts: Parts, tilt: float = -0.12) -> Parts:
    """As tight binding has it: the d states lie lower than they should, the whole is right."""
    found = {label: curve * (np.exp(tilt * GRID) if label[1] == "d" else 1.0) for label, curve in parts.items()}
    scale = sum(parts.values()) / sum(found.values())
    return {label: curve * scale for label, curve in found.items()}


def centre(curve: np.ndarray) -> float:
    return float(np.trapezoid(curve * GRID, GRID) / np.trapezoid(curve, GRID))


def test_centres_move_to_where_they_are_computed_in_crystals_that_were_not_learned_from() -> None:
    generator = np.random.default_rng(0)
    species = [ALLOYS[number % len(ALLOYS)] for number in generator.permutation(96)]
    computed = [crystal(generator, each) for each in species]
    known, new = slice(64), slice(64, None)
    centres = BandCentres.learn([too_low(each) for each in computed[known]], computed[known], species[known], GRID)
    before, after = [], []
    for parts, symbols in zip(computed[new], species[new], strict=True):
        label = (symbols[0], "d")
        before.append(abs(centre(too_low(parts)[label]) - centre(parts[label])))
        after.append(abs(centre(centres.corrected(too_low(parts), symbols, GRID)[label]) - centre(parts[label])))
    assert np.mean(before) > 0.2 and np.mean(after) < 0.5 * np.mean(before)


@given(st.integers(0, 2**32 - 1))
def test_the_whole_stays_what_it_is_and_other_parts_are_not_tilted_by_themselves(seed: int) -> None:
    generator = np.random.default_rng(seed)
    learned = [crystal(generator, ("Pt", "O")) for _ in range(30)]
    centres = BandCentres.learn([too_low(each) for each in learned], learned, [("Pt", "O")] * 30, GRID)
    assert set(centres.shifts) == {"d", "p"}
    parts = crystal(generator, ("Pt", "O"))
    found = centres.corrected(parts, ("Pt", "O"), GRID)
    np.testing.assert_allclose(sum(found.values()), sum(parts.values()), rtol=1e-9)
    assert all((curve >= 0).all() for curve in found.values())
    np.testing.assert_allclose(found["Pt", "s"] / found["O", "s"], parts["Pt", "s"] / parts["O", "s"], rtol=1e-9)


def test_elements_without_such_a_band_are_left_alone_and_so_is_everything_when_little_is_known() -> None:
    generator = np.random.default_rng(1)
    learned = [crystal(generator, ("Pt", "Al")) for _ in range(30)]
    centres = BandCentres.learn(learned, learned, [("Pt", "Al")] * 30, GRID)
    parts = crystal(generator, ("Na", "Mg"))
    found = centres.corrected(parts, ("Na", "Mg"), GRID)
    assert all((found[label] == parts[label]).all() for label in parts)
    assert not BandCentres.learn(learned[:29], learned[:29], [("Pt", "Al")] * 29, GRID).shifts


def test_the_regression_is_the_mean_of_a_gaussian_process() -> None:
    """As scikit-learn has it."""
    gaussian = pytest.importorskip("sklearn.gaussian_process")
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    generator = np.random.default_rng(2)
    inputs, new = generator.normal(size=(40, 3)) * [1, 10, 0.1], generator.normal(size=(10, 3)) * [1, 10, 0.1]
    outputs = np.sin(inputs[:, 0]) + 0.1 * inputs[:, 1] + 2
    other = gaussian.GaussianProcessRegressor(kernels.RBF(1.2), alpha=0.08, optimizer=None)
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    other.fit((inputs - mean) / spread, outputs - outputs.mean())
    expected = other.predict((new - mean) / spread) + outputs.mean()
    np.testing.assert_allclose(Regression.learn(inputs, outputs)(new), expected, rtol=1e-8)


def test_what_is_read_is_what_was_written_and_damage_is_told_in_a_line() -> None:
    generator = np.random.default_rng(3)
    learned = [crystal(generator, ("Pt", "O")) for _ in range(30)]
    centres = BandCentres.learn([too_low(each) for each in learned], learned, [("Pt", "O")] * 30, GRID)
    again, parts = BandCentres.read(centres.as_bytes()), crystal(generator, ("Pt", "O"))
    one, other = (each.corrected(parts, ("Pt", "O"), GRID) for each in (centres, again))
    assert all((one[label] == other[label]).all() for label in parts)
    with pytest.raises(ModelError, match="band centres of the model are damaged"):
        BandCentres.read(centres.as_bytes()[:50])
