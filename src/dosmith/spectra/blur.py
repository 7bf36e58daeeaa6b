"""How broad a curve is, read off the curve itself.

A density of states has edges and kinks, so its Fourier transform falls about as 1/k. A Gaussian of width sigma multiplies it by
exp(-sigma^2 k^2 / 2), which at high k outweighs all else: of ln(k |F(k)|^2) the slope over k^2 is -sigma^2. Noise hides what is below it,
and a curve that was cut has edges of its own, so both make a curve seem sharper than it is, never broader.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_LOWEST = 1.0  # 1/eV, of what is looked at
_RANGE = 1e-6  # of the largest power, down to which it is followed
_NOISE = 30.0  # times the typical power at the highest k: below this there is noise
_FEWEST = 6  # points of the transform


def recognised_broadening(energies: FloatArray, density: FloatArray) -> float:
    """Gaussian sigma of a curve, eV; 0 where none can be told from its shape.

    >>> from math import erf
    >>> energies = np.linspace(-8, 8, 641)
    >>> edges = np.array([erf((x + 2) / 0.42) - erf((x - 1) / 0.42) for x in energies])  # a band, broadened by 0.3 eV
    >>> round(recognised_broadening(energies, edges), 1)
    0.3

    Args:
        energies: eV, rising, shape (N,).
        density: any unit, shape (N,).
    """
    steps = np.diff(energies)
    step = float(np.median(steps))
    even = np.arange(energies[0], energies[-1] + 1e-9, step)
    if len(even) < 4 * _FEWEST:
        return 0.0
    curve = np.interp(even, energies, density)
    transform = np.fft.rfft((curve - curve.mean()) * np.hanning(len(even)))
    waves, power = 2 * np.pi * np.fft.rfftfreq(len(even), step), np.abs(transform) ** 2
    if power.max() <= 0:
        return 0.0
    hull = np.maximum.accumulate(power[::-1])[::-1]  # zeros of the transform say nothing
    noise = _NOISE * float(np.median(power[-max(len(power) // 4, 1) :]))
    told = np.flatnonzero((waves > _LOWEST) & (hull > max(_RANGE * power.max(), noise)))
    if len(told) < _FEWEST:
        return 0.0
    heights = np.log(waves[told] * np.maximum(power[told], 1e-300))
    factors = np.stack([np.ones(len(told)), -(waves[told] ** 2)], axis=1)
    variance = float(np.linalg.lstsq(factors, heights, rcond=None)[0][1])
    return variance**0.5 if variance > 0 else 0.0
