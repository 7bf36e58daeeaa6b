"""Eigenvalues on a k-mesh -> Fermi level, gap and density of states. Plain arrays; knows no program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SMEARING = 0.02585
"""Temperature at which levels are filled to find the Fermi level (Fermi-Dirac, 300 K), eV."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Eigenvalues on the irreducible points of a mesh.

    Attributes:
        energies: eV, shape (spins, k-points, bands), ascending along the bands.
        weights: of the k-points, summing to 1, shape (k-points,).
        electrons: in the cell, those of the pseudopotentials' cores not counted.
    """

    energies: FloatArray
    weights: FloatArray
    electrons: int

    @property
    def _capacity(self) -> float:
        """Electrons in one level of one spin channel."""
        return 2.0 / len(self.energies)

    def electrons_below(self, energy: float) -> float:
        """Electrons in the cell with the Fermi level at `energy` (eV)."""
        return float(self._capacity * (self._filled(energy).sum(axis=(0, 2)) @ self.weights))

    def fermi(self) -> float:
        """The Fermi level, eV: where the electrons are all placed; the middle of the gap when there is one.

        Raises:
            ValueError: there are too few bands for the electrons.
        """
        return self._fermi

    @cached_property
    def _fermi(self) -> float:
        from scipy.optimize import brentq

        low, high = float(self.energies.min()) - 1.0, float(self.energies.max()) + 1.0
        if self.electrons_below(high) < self.electrons - 1e-6:
            raise ValueError("too few bands for the electrons")
        level = float(brentq(lambda energy: self.electrons_below(energy) - self.electrons, low, high, xtol=1e-8))
        valence, conduction = self._edges(level)
        return (valence + conduction) / 2 if conduction - valence > 10 * SMEARING else level

    def gap(self) -> float:
        """Distance of the lowest empty to the highest filled level, eV; 0 where bands cross the Fermi level."""
        level = self.fermi()
        valence, conduction = self._edges(level)
        filled = (self.energies <= level).sum(axis=2)
        crossing = bool((np.ptp(filled, axis=1) > 0).any())
        return 0.0 if crossing else max(conduction - valence, 0.0)

    def _filled(self, energy: float) -> FloatArray:
        """Occupations between 0 and 1, shape as `energies`."""
        from scipy.special import expit

        return np.asarray(expit((energy - self.energies) / SMEARING))

    def _edges(self, level: float) -> tuple[float, float]:
        below, above = self.energies[self.energies <= level], self.energies[self.energies > level]
        return float(below.max()), float(above.min()) if above.size else float("inf")

    def density(self, energies: FloatArray, sigma: float) -> FloatArray:
        """Density of states, every level a Gaussian.

        Args:
            energies: eV on the axis of the levels, evenly spaced, shape (N,).
            sigma: of the Gaussian, eV.

        Returns:
            states/eV/cell of each spin channel (of both together when there is one), shape (spins, N).
        """
        total = np.zeros((len(self.energies), len(energies)))
        norm = self._capacity / (sigma * (2 * np.pi) ** 0.5)
        near = (self.energies > energies[0] - 6 * sigma) & (self.energies < energies[-1] + 6 * sigma)
        for spin, (channel, chosen) in enumerate(zip(self.energies, near, strict=True)):
            points, bands = np.nonzero(chosen)
            for first in range(0, len(points), 2048):
                part = slice(first, first + 2048)
                offset = energies[None, :] - channel[points[part], bands[part]][:, None]
                total[spin] += norm * (self.weights[points[part]] @ np.exp(-0.5 * (offset / sigma) ** 2))
        return total

    def moment(self) -> float:
        """Spin moment of the cell, Bohr magnetons; 0 without spin polarisation."""
        if len(self.energies) == 1:
            return 0.0
        up, down = self._filled(self.fermi()).sum(axis=2) @ self.weights
        return float(up - down)
