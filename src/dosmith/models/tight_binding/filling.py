"""What eigenvalues make: a curve, a Fermi level, the edges of a gap, an energy zero. Needs PyTorch.

C crystals stand below one another, each with its M eigenvalues; those that a crystal does not have weigh nothing and lie at `NOWHERE`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float64]

NOWHERE = 1e4
"""Energy of eigenvalues that are none, eV."""
ODD = -9.0
"""eV; stands for the gap of a cell with an odd number of electrons, whose highest occupied band is half full."""
_HALVINGS = 28


def broadened(energies: Tensor, weights: Tensor, grid: Tensor, broadening: float) -> Tensor:
    """Gaussians of height 1 about all eigenvalues, summed, shape (C, G).

    An eigenvalue is dealt to four bins as a cubic spline, and the bins are widened by the Gaussian that is missing: as smooth as
    a Gaussian for each of them, to 3 parts in 10,000, for a fraction of the work.

    Args:
        energies: the eigenvalues, eV, shape (C, M).
        weights: of them, shape (C, M).
        grid: even energies, eV, shape (G,).
        broadening: Gaussian sigma, eV.
    """
    bins, kernel = _widening(float(grid[0]), float(grid[-1]), len(grid), broadening)
    index, spline, _ = _dealt(energies, bins)
    held = torch.zeros(len(energies), len(bins), dtype=energies.dtype)
    held = held.scatter_add(1, index.flatten(1), (weights[..., None] * spline).flatten(1))
    return held @ torch.as_tensor(kernel, dtype=energies.dtype)


def gathered(energies: Tensor, curves: Tensor, grid: Tensor, broadening: float) -> tuple[Tensor, Tensor]:
    """What a level at each energy would add to the overlap with each of P curves, and how that changes with its energy, 1/eV.

    The inner product of a curve with `broadened` is the weighted sum of the first over all levels.

    Args:
        energies: the levels, eV, any shape.
        curves: shape (P, G).
        grid: even energies, eV, shape (G,).
        broadening: Gaussian sigma, eV.

    Returns:
        two tensors of shape (P, *energies.shape).
    """
    bins, kernel = _widening(float(grid[0]), float(grid[-1]), len(grid), broadening)
    index, spline, slope = _dealt(energies, bins)
    overlaps = curves @ torch.as_tensor(kernel, dtype=curves.dtype).T
    there = overlaps[:, index]
    return (there * spline).sum(dim=-1), (there * slope).sum(dim=-1)


def _dealt(energies: Tensor, bins: FloatArray) -> tuple[Tensor, Tensor, Tensor]:
    """The four bins of each level, its shares in them, and how these change with its energy, 1/eV."""
    size = bins[1] - bins[0]
    # What lies farther out is kept in the last bins, which do not reach the grid.
    place = ((energies - bins[0]) / size).clamp(1, len(bins) - 3)
    left = place.detach().floor()
    t = place - left
    spline = torch.stack([(1 - t) ** 3, (3 * t - 6) * t**2 + 4, ((3 - 3 * t) * t + 3) * t + 1, t**3], dim=-1) / 6
    slope = torch.stack([-((1 - t) ** 2), (3 * t - 4) * t, (2 - 3 * t) * t + 1, t**2], dim=-1) / (2 * size)
    return left.long()[..., None] + torch.arange(-1, 3), spline, slope


@lru_cache(maxsize=8)
def _widening(first: float, last: float, count: int, broadening: float) -> tuple[FloatArray, FloatArray]:
    """Centres of bins that reach beyond a grid, shape (F,), and what one eigenvalue in each gives on the grid, shape (F, count)."""
    step = (last - first) / (count - 1)
    parts = math.ceil(2 * step / broadening)  # bins no larger than half of sigma
    size, margin = step / parts, math.ceil(5.5 * broadening * parts / step)
    bins = first + size * np.arange(-margin, (count - 1) * parts + margin + 1, dtype=np.float64)
    variance = broadening**2 - size**2 / 3  # a cubic spline has that of a third of a bin's square
    distances = bins[:, None] - np.linspace(first, last, count)
    return bins, np.exp(-0.5 * distances**2 / variance) * broadening / math.sqrt(variance)


def fermi_level(energies: Tensor, weights: Tensor, electrons: Tensor, width: float) -> Tensor:
    """The energy up to which the eigenvalues, with two electrons each, hold so many, shape (C,); its gradient is that of the exact one.

    Args:
        energies: the eigenvalues, eV, shape (C, M).
        weights: of them, shape (C, M).
        electrons: of the cells, shape (C,).
        width: of the Fermi distribution, eV.
    """
    with torch.no_grad():
        there = weights > 0
        low = torch.where(there, energies, torch.inf).amin(dim=1) - 1
        high = torch.where(there, energies, -torch.inf).amax(dim=1) + 1
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            held = 2 * (weights * torch.sigmoid((middle[:, None] - energies) / width)).sum(dim=1)
            low, high = torch.where(held < electrons, middle, low), torch.where(held < electrons, high, middle)
        middle = (low + high) / 2
        filling = torch.sigmoid((middle[:, None] - energies) / width)
        slope = weights * filling * (1 - filling)
        share = slope / slope.sum(dim=1, keepdim=True).clamp_min(1e-9)
    followed = (share * energies).sum(dim=1)
    return middle + followed - followed.detach()


def band_edges(bands: Sequence[Tensor], fermi: Tensor) -> tuple[Tensor, Tensor]:
    """Valence-band tops and gaps, eV, shapes (C,); where a band crosses the Fermi level, that level and 0.

    Args:
        bands: eigenvalues of each crystal, eV, shapes (spins, K, bands).
        fermi: Fermi levels, eV, shape (C,).
    """
    tops, gaps = [], []
    for each, level in zip(bands, fermi, strict=True):
        below = each < level
        filled = below.sum(dim=2)
        if bool((filled == filled[:, :1]).all()) and 0 < int(below.sum()) < below.numel():
            top, bottom = each[below].max(), each[~below].min()
            tops.append(top)
            gaps.append(bottom - top)
        else:
            tops.append(level)
            gaps.append(torch.zeros_like(level))
    return torch.stack(tops), torch.stack(gaps)


def signed_gaps(bands: Sequence[Tensor], electrons: Tensor) -> Tensor:
    """From the highest occupied to the lowest empty eigenvalue over all points, eV, shape (C,).

    Each band holds two electrons, or one where spins are told apart, and at each point the lowest bands are filled. Below zero these overlap
    with the others by so much and the crystal is a metal: how far it is from having a gap.

    Args:
        bands: eigenvalues of each crystal, eV, shapes (spins, K, bands).
        electrons: of the cells, shape (C,).
    """
    found = torch.full((len(bands),), ODD)
    for place, (each, count) in enumerate(zip(bands, electrons.tolist(), strict=True)):
        states = each.transpose(0, 1).flatten(1)
        states = states.sort(dim=1).values if len(each) > 1 else states  # one spin's are in order
        filled, rest = divmod(round(count) * len(each), 2)
        if not rest and 0 < filled < states.shape[1]:
            found[place] = states[:, filled].min() - states[:, filled - 1].max()
    return found.clamp_min(ODD)


def energy_zero(tops: Tensor, gaps: Tensor, fermi: Tensor, smallest: float, softness: float) -> Tensor:
    """The valence-band top of gapped crystals and the Fermi level of metals, as `spectra.zero` has it, shape (C,), eV.

    Args:
        tops: valence-band tops, eV, shape (C,).
        gaps: eV, 0 for metals, shape (C,).
        fermi: Fermi levels, eV, shape (C,).
        smallest: gap from which on a crystal is gapped, eV.
        softness: of that border, eV, so that the zero moves without a jump.
    """
    gapped = torch.where(gaps > 0, torch.sigmoid((gaps.detach() - smallest) / softness), 0.0)
    return gapped * tops + (1 - gapped) * fermi
