"""Numbers that say what a density of states is like, of many curves at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_VALENCE = -7.5  # eV; from here to the energy zero grid points count in the band centre
_AT_ZERO = 0.15  # eV to each side


def band_centres(energies: FloatArray, curves: NDArray[np.floating[Any]]) -> FloatArray:
    """Mean energy of the states from -7.5 eV to the energy zero, eV, shape (M,); NaN where there are none.

    Args:
        energies: eV from the energy zero, shape (points,).
        curves: in any unit, shape (M, points).
    """
    inside = (energies >= _VALENCE) & (energies <= 0)
    weights = curves[:, inside].sum(axis=1)
    return np.asarray(curves[:, inside] @ energies[inside] / np.where(weights > 0, weights, np.nan))


def densities_at_zero(energies: FloatArray, curves: NDArray[np.floating[Any]]) -> FloatArray:
    """Mean density within 0.15 eV of the energy zero, of curves scaled to unit area, 1/eV, shape (M,); arguments as of `band_centres`."""
    areas = curves.sum(axis=1) * (energies[1] - energies[0])
    return np.asarray(curves[:, np.abs(energies) <= _AT_ZERO + 1e-9].mean(axis=1) / areas)
