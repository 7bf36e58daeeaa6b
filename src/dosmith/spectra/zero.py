"""The energy zero: the valence-band top of a gapped material, the Fermi level of everything else.

A Fermi level inside a gap is arbitrary (each code puts it elsewhere), so spectra of insulators from two codes agree
only when both start at the valence-band top. The gap is read off the curve, since a stated one may be a meshing artefact
and a stated Fermi level may be wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dosmith.settings import ZeroRule

FloatArray = NDArray[np.float64]

WORDS: dict[str, str] = {
    "auto": "valence-band top where there is a gap, Fermi level elsewhere",
    "midgap": "middle of the gap where there is one, Fermi level elsewhere",
    "fermi": "Fermi level",
}
"""What each rule does."""
EMPTY = 0.02
"""A level is empty when its density is below this share of the mean density within 7.5 eV of the Fermi level."""
REACH = 0.3
"""The gap may begin this far from the stated Fermi level, eV."""
TAIL = 0.9
"""A band edge smeared by a Gaussian sigma seems to stand out this many sigma into the gap, at the density `EMPTY`.
Calibrated on the gapped entries of the open DOS set, whose gaps are known from eigenvalues."""
SMALLEST_GAP = 0.3
"""Materials with a narrower gap are taken for metals, eV: a k-mesh and a broadening cannot tell it from a pseudo-gap."""
_BLOCK = 1 << 17
"""Values worked on at once: small enough to stay in the processor's cache."""


def energy_zeros(
    energies: FloatArray, densities: FloatArray, fermi: FloatArray, broadening: FloatArray, rule: ZeroRule = "auto"
) -> tuple[FloatArray, FloatArray]:
    """The energy zero and the gap of each curve.

    Args:
        energies: eV, shape (N,).
        densities: spin-summed, any unit, shape (B, N).
        fermi: Fermi levels on the axis of `energies`, eV, shape (B,).
        broadening: Gaussian sigma the curves carry, eV, shape (B,).
        rule: ``auto`` (the valence-band top where there is a gap), ``midgap`` (the middle of the gap) or ``fermi`` (always the Fermi level).

    Returns:
        zeros, eV on the same axis, shape (B,); gaps, eV, 0 for metals, shape (B,).
    """
    zeros, gaps = np.empty(len(densities)), np.empty(len(densities))
    rows = max(1, _BLOCK // len(energies))
    for start in range(0, len(densities), rows):
        block = slice(start, start + rows)
        zeros[block], gaps[block] = _band_tops(energies, densities[block], fermi[block], broadening[block])
    if rule == "fermi":
        return fermi.copy(), gaps
    return (zeros + gaps / 2 if rule == "midgap" else zeros), gaps


def _band_tops(
    energies: FloatArray, densities: FloatArray, fermi: FloatArray, broadening: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Valence-band top where there is a gap, Fermi level elsewhere, and the gaps; shapes (B,)."""
    count = len(energies)
    rows = np.arange(len(densities))
    near = np.abs(energies - fermi[:, None])
    inside = near <= 7.5
    threshold = EMPTY * np.einsum("ij,ij->i", densities, inside) / np.maximum(np.count_nonzero(inside, axis=1), 1)
    filled = densities > threshold[:, None]

    # Start from the emptiest level near the stated Fermi level, the nearest of equals.
    reachable = near <= np.maximum(REACH, near.min(axis=1, keepdims=True))
    row, level = np.nonzero(reachable)  # few of the levels, so the rest is not looked at
    height = np.full(densities.shape, np.inf)
    height[row, level] = np.where(filled[row, level], densities[row, level], 0.0) + 1e-12 * near[row, level]
    start = np.argmin(height, axis=1)

    index = np.arange(count)
    lower, upper = filled & (index <= start[:, None]), filled & (index >= start[:, None])
    below = np.where(lower.any(axis=1), count - 1 - np.argmax(lower[:, ::-1], axis=1), -1)
    above = np.where(upper.any(axis=1), np.argmax(upper, axis=1), count)
    gapped = (below >= 0) & ~filled[rows, start]  # a curve may end before the conduction band begins
    valence = _crossing(energies, densities, threshold, rows, broadening > 0, np.maximum(below, 0), 1)
    conduction = _crossing(energies, densities, threshold, rows, broadening > 0, np.minimum(above, count - 1), -1)
    tail = TAIL * broadening
    gaps = np.where(gapped, conduction - valence + 2 * tail, 0.0)
    gaps[gaps < SMALLEST_GAP] = 0.0
    return np.where(gaps > 0, valence - tail, fermi), gaps


def _crossing(
    energies: FloatArray,
    densities: FloatArray,
    threshold: FloatArray,
    rows: NDArray[np.intp],
    smeared: NDArray[np.bool_],
    level: NDArray[np.intp],
    towards: int,
) -> FloatArray:
    """Where each curve falls through its threshold between a filled level and the empty neighbour, eV, shape (B,).

    A smeared edge falls about exponentially; taken so, its place hardly depends on how the levels lie.
    """
    neighbour = np.clip(level + towards, 0, len(energies) - 1)
    high, low = densities[rows, level], densities[rows, neighbour]
    with np.errstate(all="ignore"):  # of curves without a gap, or without anything
        even = (high - threshold) / (high - low)
        share = np.where(smeared & (low > 0), np.log(high / threshold) / np.log(high / low), even)
    share = np.clip(np.where(high > low, share, 0.0), 0.0, 1.0)
    return np.asarray(energies[level] + share * (energies[neighbour] - energies[level]))
