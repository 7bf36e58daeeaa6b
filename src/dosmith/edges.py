"""Where the valence band ends and the conduction band begins, out of eigenvalues: the surest source of gap and energy zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_WHOLE = 0.02
"""A number of occupied bands this close to a whole one is whole: occupations are printed with few digits."""


@dataclass(frozen=True, slots=True)
class BandEdges:
    """The highest occupied and the lowest unoccupied eigenvalue of all k-points and spins.

    Attributes:
        valence: top of the valence band, eV.
        conduction: bottom of the conduction band, eV; not above `valence` in a metal.
    """

    valence: float
    conduction: float

    @property
    def gap(self) -> float:
        """The band gap, eV; 0 for a metal."""
        return max(self.conduction - self.valence, 0.0)

    @property
    def middle(self) -> float:
        """The middle of the gap, eV."""
        return (self.valence + self.conduction) / 2


def edges_of_eigenvalues(channels: Sequence[ArrayLike], occupied: Sequence[float]) -> BandEdges | None:
    """Band edges by counting bands: an insulator has the same number of occupied bands at every k-point.

    A metal's bands cross, so its highest occupied eigenvalue lies above its lowest unoccupied one; a number of occupied bands
    that is not whole means a metal, too, with the band that holds the rest partly filled.

    Args:
        channels: eigenvalues of each spin channel, eV, shape (k-points, bands), in any order along the bands.
        occupied: how many bands of each channel hold electrons, the mean of all k-points.

    Returns:
        the edges; None where a channel has no empty band, or none of them an occupied one, so that nothing can be told.
    """
    tops, bottoms = [], []
    for channel, number in zip(channels, occupied, strict=True):
        bands = np.sort(np.atleast_2d(np.asarray(channel, dtype=np.float64)), axis=1)
        whole = round(number) if abs(number - round(number)) < _WHOLE else None
        filled, full = (whole, whole) if whole is not None else (math.ceil(number), math.floor(number))
        if full >= bands.shape[1] or filled > bands.shape[1] or not np.isfinite(bands).all():
            return None
        bottoms.append(float(bands[:, full].min()))
        if filled > 0:
            tops.append(float(bands[:, filled - 1].max()))
    return BandEdges(max(tops), min(bottoms)) if tops else None
