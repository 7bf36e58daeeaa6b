"""Eigenvalues on a k-mesh -> Fermi level, band energy, gap and density of states. Plain arrays; knows no program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import BOLTZMANN

FloatArray = NDArray[np.float64]

ROOM = 300.0
"""Temperature at which eigenvalues are filled to find the Fermi level (Fermi-Dirac), K."""


@dataclass(frozen=True, eq=False)
class MeshEigenvalues:
    """Eigenvalues on the points of a mesh, all points of the same weight.

    Attributes:
        energies: eV, shape (spins, k-points, bands), ascending along the bands.
        electrons: in the cell, those of the pseudopotentials' cores not counted.
        temperature: of the Fermi-Dirac filling, K.

    Raises:
        ValueError: on construction, when there are too few bands for the electrons.
    """

    energies: FloatArray
    electrons: int
    temperature: float = ROOM

    def __post_init__(self) -> None:
        if 2 * self.energies.shape[2] < self.electrons:
            raise ValueError("too few bands for the electrons")

    @property
    def _share(self) -> float:
        """Electrons that one eigenvalue holds, of the whole cell's."""
        return float(2.0 / (len(self.energies) * self.energies.shape[1]))

    @property
    def _width(self) -> float:
        return BOLTZMANN * self.temperature

    @cached_property
    def fermi(self) -> float:
        """The Fermi level, eV: where the electrons are all placed; the middle of the gap when there is one."""
        valence, conduction = self._edges
        return float((valence + conduction) / 2 if self.gap > 0 else self._chemical_potential)

    @cached_property
    def _chemical_potential(self) -> float:
        from scipy.optimize import brentq
        from scipy.special import expit

        highest = self._pairs / 2  # eigenvalues to fill
        values = self.energies.ravel()
        guess = self._edges[0]
        reach = 40 * self._width + 2.0
        near = values[np.abs(values - guess) < 2 * reach]
        full = int((values <= guess - 2 * reach).sum())

        def excess(energy: float) -> float:
            return float(full + expit((energy - near) / self._width).sum() - highest)

        if excess(guess + reach) <= 0:  # no empty eigenvalue in reach: anywhere above the filled ones will do
            return guess + reach
        return float(brentq(excess, guess - reach, guess + reach, xtol=1e-9))

    @cached_property
    def gap(self) -> float:
        """Distance of the lowest empty to the highest filled eigenvalue, eV; 0 where bands cross the Fermi level."""
        valence, conduction = self._edges
        filled = (self.energies <= valence).sum(axis=2)
        return 0.0 if (np.ptp(filled, axis=1) > 0).any() else float(conduction - valence)

    @property
    def band_energy(self) -> float:
        """Sum of the filled eigenvalues, eV per cell."""
        return float((self._filled * self.energies).sum() * self._share)

    @property
    def entropy_energy(self) -> float:
        """Temperature times the entropy of the filling, eV per cell."""
        from scipy.special import entr

        filled = self._filled
        return float((entr(filled) + entr(1 - filled)).sum() * self._share * self._width)

    @property
    def moment(self) -> float:
        """Spin moment of the cell, Bohr magnetons; 0 without spin polarisation."""
        if len(self.energies) == 1:
            return 0.0
        up, down = self._filled.sum(axis=(1, 2)) * self._share
        return float(up - down)

    def density(self, energies: FloatArray, sigma: float) -> FloatArray:
        """Density of states, every eigenvalue a Gaussian.

        Args:
            energies: eV on the axis of the eigenvalues, evenly spaced, shape (N,).
            sigma: of the Gaussian, eV.

        Returns:
            states/eV/cell of each spin channel (of both together when there is one), shape (spins, N).
        """
        return np.stack([_smooth(channel.ravel(), None, energies, sigma) * self._share for channel in self.energies])

    @cached_property
    def _filled(self) -> FloatArray:
        """Occupations between 0 and 1, shape as `energies`."""
        from scipy.special import expit

        return np.asarray(expit((self._chemical_potential - self.energies) / self._width))

    @property
    def _pairs(self) -> int:
        """Twice the number of eigenvalues to fill."""
        return int(self.electrons * len(self.energies) * self.energies.shape[1])

    @cached_property
    def _edges(self) -> tuple[float, float]:
        """The highest filled and the lowest empty eigenvalue at zero temperature, eV; the same one when it is half filled."""
        last, next_ = (self._pairs + 1) // 2 - 1, min(self._pairs // 2, self.energies.size - 1)
        ordered = np.partition(self.energies, (last, next_), axis=None)
        return float(ordered[last]), float(ordered[next_])


def shares(eigenvalues: FloatArray, weights: FloatArray, energies: FloatArray, sigma: float) -> FloatArray:
    """What part of a density of states each projection has, every eigenvalue a Gaussian.

    Args:
        eigenvalues: eV, shape (spins, k-points, bands).
        weights: of the projections, not negative, shape (spins, k-points, bands, projections).
        energies: eV, evenly spaced, shape (N,).
        sigma: of the Gaussian, eV.

    Returns:
        between 0 and 1, in sum one, or zero where there is no eigenvalue near; shape (spins, projections, N).
    """
    spins, count = len(eigenvalues), weights.shape[-1]
    parts = np.empty((spins, count, len(energies)))
    for spin, number in np.ndindex(spins, count):
        parts[spin, number] = _smooth(eigenvalues[spin].ravel(), weights[spin, ..., number].ravel(), energies, sigma)
    whole = parts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(parts, whole, out=np.zeros_like(parts), where=whole > 1e-12 * whole.max(initial=0.0)))


def _smooth(eigenvalues: FloatArray, weights: FloatArray | None, energies: FloatArray, sigma: float) -> FloatArray:
    """The sum of Gaussians at eigenvalues (eV, shape (M,)), of weight one or as given, at evenly spaced energies; 1/eV, shape (N,)."""
    from scipy.ndimage import gaussian_filter1d

    step = (energies[-1] - energies[0]) / (len(energies) - 1)
    fineness = max(1, int(np.ceil(20 * step / sigma)))  # bins of at most sigma / 20, each eigenvalue shared by two
    bin_width, margin = step / fineness, int(np.ceil(8 * sigma / step))
    first, count = energies[0] - margin * step, (len(energies) - 1 + 2 * margin) * fineness + 1
    place = (eigenvalues - first) / bin_width
    inside = (place >= 0) & (place < count - 1)
    place = place[inside]
    weight = 1.0 if weights is None else weights[inside]
    lower = place.astype(np.intp)
    part = place - lower
    counts = np.bincount(lower, (1 - part) * weight, count) + np.bincount(lower + 1, part * weight, count)
    smooth = gaussian_filter1d(counts, sigma / bin_width, mode="constant", truncate=8)
    return np.asarray(smooth[margin * fineness : count - margin * fineness : fineness] / bin_width)
