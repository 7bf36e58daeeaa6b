"""Lists of eigenvalues at k-points, as programs write them: band edges, electrons, and a density of states of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dosmith.edges import BandEdges, edges_of_eigenvalues
from dosmith.errors import FileFormatError
from dosmith.sources.curve import Curve

FloatArray = NDArray[np.float64]

SIGMA, STEP = 0.1, 0.05
"""Gaussians that stand for the eigenvalues, and the distance of the energies they are given on, eV."""
MOST = 5_000_000
"""Eigenvalues that are taken from one file."""
_WIDEST = 5000.0  # eV
_PRINTED = 1e-3  # eV: levels and eigenvalues are printed with few digits, and the Fermi level is often the highest occupied one
_TAIL = 5.0  # sigma below the lowest eigenvalue, where a curve begins


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """Eigenvalues of one run.

    Attributes:
        channels: of each spin, eV, shape (spins, k-points, bands).
        weights: of the k-points, sum 1, shape (k-points,).
        holds: electrons in one band of one channel: 2 where spins are summed, else 1.

    Raises:
        FileFormatError: on construction, when they are no eigenvalues of a crystal.
    """

    channels: FloatArray
    weights: FloatArray
    holds: float

    def __post_init__(self) -> None:
        channels, weights = self.channels, self.weights
        sound = channels.ndim == 3 and len(channels) in (1, 2) and channels.size > 0 and weights.shape == channels.shape[1:2]
        if not sound or not np.isfinite(channels).all() or not np.isfinite(weights).all():
            raise FileFormatError("is damaged: its eigenvalues or the weights of its k-points are not complete; copy it again")
        if (weights < 0).any() or not weights.sum() > 0 or not np.ptp(channels) < _WIDEST:
            raise FileFormatError("is damaged: its eigenvalues or the weights of its k-points are impossible; copy it again")
        object.__setattr__(self, "channels", np.sort(channels, axis=2))
        object.__setattr__(self, "weights", weights / weights.sum())

    @classmethod
    def of(cls, channels: ArrayLike, weights: ArrayLike, holds: float | None = None) -> Eigenvalues:
        """From anything array-like; one channel holds two electrons in a band unless it is said otherwise.

        Raises:
            FileFormatError: they are ragged, or no eigenvalues of a crystal.
        """
        try:
            rows, shares = np.array(channels, dtype=np.float64), np.array(weights, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise FileFormatError("is damaged: its k-points have not all the same number of bands; copy it again") from None
        return cls(rows, shares, holds if holds is not None else (2.0 if len(rows) == 1 else 1.0))

    def electrons_below(self, level: float) -> float:
        """Electrons in the eigenvalues up to a level (eV)."""
        return float((self.channels <= level + _PRINTED).sum(axis=2) @ self.weights @ np.ones(len(self.channels)) * self.holds)

    def edges(self, level: float) -> BandEdges | None:
        """Band edges where the levels up to `level` (eV) are occupied; None where nothing can be told."""
        return edges_of_eigenvalues(list(self.channels), list((self.channels <= level + _PRINTED).sum(axis=2) @ self.weights))

    def edges_of(self, electrons: float) -> BandEdges | None:
        """Band edges of that many electrons where spins are summed, None where they are not or nothing can be told."""
        return edges_of_eigenvalues(list(self.channels), [electrons / self.holds]) if len(self.channels) == 1 else None

    def curve(self, kind: str, fermi: float | None, notes: Sequence[str] = ()) -> Curve:
        """A density of states in which each eigenvalue is a Gaussian, up to where the highest band begins.

        Args:
            kind: what the file is, the curve's format.
            fermi: Fermi level, eV.
            notes: what the reader decided before.
        """
        low = float(self.channels.min()) - _TAIL * SIGMA
        last = float(self.channels.max(axis=2).min())
        fine = STEP / 5
        count = int((float(self.channels.max()) - low + 10 * SIGMA) / fine) + 2
        weights = self.weights[:, None] * self.holds
        densities = [smeared(channel, np.broadcast_to(weights, channel.shape), low, fine, count) for channel in self.channels]
        kept = max(int((last - low) / fine) + 1, 2)
        energies = low + fine * np.arange(count, dtype=np.float64)
        points, bands = self.channels.shape[1:]
        said = f"{bands} bands at {points} k-points, each eigenvalue a Gaussian of {SIGMA:g} eV; the curve ends at {last:.4g} eV, below the last band"
        return Curve(
            kind, energies[:kept:5], np.stack(densities)[:, :kept:5], fermi, broadening=SIGMA,
            edges=None if fermi is None else self.edges(fermi), notes=[*notes, said],
        )  # fmt: skip


def smeared(levels: FloatArray, weights: FloatArray, low: float, step: float, count: int) -> FloatArray:
    """Gaussians of `SIGMA` about levels, states/eV, on `count` energies from `low` on, shape (count,).

    Args:
        levels: eV, all of them on the energies, any shape.
        weights: states of each, the same shape.
        low: first energy, eV.
        step: of the energies, several times less than `SIGMA`, eV.
        count: of the energies.
    """
    from scipy.ndimage import gaussian_filter1d

    place = (levels - low) / step
    lower = place.astype(np.intp)
    share = place - lower
    counts = np.bincount(lower.ravel(), (weights * (1 - share)).ravel(), count)
    counts += np.bincount(lower.ravel() + 1, (weights * share).ravel(), count)
    return np.asarray(gaussian_filter1d(counts, SIGMA / step, mode="constant", truncate=6) / step)
