"""The same question put a little differently: curves with noise, shifted, cut short, broader, or with another energy zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dosmith.benchmark.data import FloatArray
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe


@dataclass(frozen=True)
class Disturbance:
    """Something done to the test spectra alone; what was learned stays.

    Attributes:
        meaning: in words.
        apply: (vectors (M, points), grid, generator) -> the same shape, unit area again.
    """

    meaning: str
    apply: Callable[[FloatArray, EnergyGrid, np.random.Generator], FloatArray]


def noise(vectors: FloatArray, grid: EnergyGrid, generator: np.random.Generator, share: float) -> FloatArray:
    """Gaussian noise on every grid point, of a standard deviation that is a share of the curve's mean; never below zero."""
    deviation = share * vectors.mean(axis=1, keepdims=True)
    return _unit_area(np.maximum(vectors + deviation * generator.standard_normal(vectors.shape), 0.0), grid)


def shift(vectors: FloatArray, grid: EnergyGrid, energy: float) -> FloatArray:
    """The curve moved up in energy, eV; what comes in from below is empty."""
    energies = grid.energies
    return _unit_area(np.array([np.interp(energies - energy, energies, each, left=0.0, right=0.0) for each in vectors]), grid)


def crop(vectors: FloatArray, grid: EnergyGrid, lower: float, upper: float) -> FloatArray:
    """Only what lies between two energies, eV."""
    inside = (grid.energies >= lower - 1e-9) & (grid.energies <= upper + 1e-9)
    return _unit_area(np.where(inside, vectors, 0.0), grid)


def _unit_area(vectors: FloatArray, grid: EnergyGrid) -> FloatArray:
    area = vectors.sum(axis=1, keepdims=True) * grid.step
    return np.asarray(vectors / np.where(area > 0, area, 1.0))


DISTURBANCES: dict[str, Disturbance] = {
    "noise 5 %": Disturbance("noise of 5 % of the mean on every grid point", lambda v, g, r: noise(v, g, r, 0.05)),
    "noise 20 %": Disturbance("noise of 20 %", lambda v, g, r: noise(v, g, r, 0.2)),
    "shift 0.1 eV": Disturbance("shifted by 0.1 eV", lambda v, g, r: shift(v, g, 0.1)),
    "shift 0.5 eV": Disturbance("shifted by 0.5 eV", lambda v, g, r: shift(v, g, 0.5)),
    "-5 ... 5 eV": Disturbance("only -5 ... 5 eV", lambda v, g, r: crop(v, g, -5.0, 5.0)),
    "occupied only": Disturbance(
        "only what lies below the energy zero, as photoemission sees it", lambda v, g, r: crop(v, g, -7.5, 0.0)
    ),
}
"""What is done to test spectra, by name."""

RECIPES: dict[str, Callable[[Recipe], Recipe]] = {
    "broadening 0.1 eV": lambda recipe: replace(recipe, broadening=0.1, min_coverage=0.0),
    "broadening 0.3 eV": lambda recipe: replace(recipe, broadening=0.3, min_coverage=0.0),
    "zero at the Fermi level": lambda recipe: replace(recipe, zero="fermi", min_coverage=0.0),
}
"""Other recipes, for training and test alike, by name."""
