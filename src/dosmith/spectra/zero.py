"""The energy zero: the valence-band top of a gapped material, the Fermi level of everything else.

A Fermi level inside a gap is arbitrary (each code puts it elsewhere), so spectra of insulators from two codes agree
only when both start at the valence-band top. Eigenvalues tell it best; without them it is read off the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SpectrumError
from dosmith.settings import ZeroRule

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

WORDS: dict[str, str] = {
    "auto": "valence-band top where there is a gap, Fermi level elsewhere",
    "midgap": "middle of the gap where there is one, Fermi level elsewhere",
    "fermi": "Fermi level",
}
"""What each rule does."""
ZeroChoice = ZeroRule | Literal["vbm"] | float
"""What a person may ask for: a rule, the valence-band top, or an energy on the source's axis, eV."""
_MANY_SPIKES = 6
"""Bands within 7.5 eV of the Fermi level, at least, of a curve that may be made of spikes."""
_BLOCK = 1 << 17
"""Values worked on at once: small enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class GapRule:
    """How a gap is read off a curve. It travels with a model's recipe, since it decides where vectors start.

    Attributes:
        empty: a grid point is empty when its density is below this share of the mean density within 7.5 eV of the Fermi level.
        reach: the gap may begin this far from the stated Fermi level, eV.
        valence_tail: a valence-band top smeared by a Gaussian sigma seems to lie this many sigma too high, at the density `empty`.
        conduction_tail: a conduction-band bottom seems to lie this many sigma too low; it rises slower, which makes up for it.
            Both are calibrated on the gapped entries of the open DOS set, whose eigenvalues are known (benchmarks/reading.py).
        smallest: materials with a narrower gap are taken for metals, eV: a k-mesh and a broadening cannot tell it from a pseudo-gap.
        deep: within a gap, the density falls below this share of `empty`, too,
        narrowing: and it stays there for at least this share of the gap. A semimetal's density, which rises from a point as E or
            E^2, stays there for a quarter or half of it.
        blur: sigmas of a known broadening that are added to what stays.
        inside: where the Fermi level lies in a band, a gap beside it counts only if less than this share of the band's states lies
            between the two; with more of them the band is partly filled, as a half-filled narrow level is.
        spikes: a gap is the mesh's, not the crystal's, where the curve falls apart into spikes as wide as its broadening and three
            other intervals between them reach this share of the gap.
    """

    empty: float = 0.02
    reach: float = 0.3
    valence_tail: float = 1.5
    conduction_tail: float = 0.0
    smallest: float = 0.3
    deep: float = 0.25
    narrowing: float = 0.52
    blur: float = 0.4
    inside: float = 0.2
    spikes: float = 0.6


DEFAULT = GapRule()


def energy_zeros(
    energies: FloatArray,
    densities: FloatArray,
    fermi: FloatArray,
    broadening: FloatArray,
    rule: ZeroRule = "auto",
    *,
    gaps: FloatArray | None = None,
    valence_tops: FloatArray | None = None,
    how: GapRule = DEFAULT,
) -> tuple[FloatArray, FloatArray]:
    """The energy zero and the gap of each curve.

    Args:
        energies: eV, shape (N,).
        densities: spin-summed, any unit, shape (B, N).
        fermi: Fermi levels on the axis of `energies`, eV, shape (B,).
        broadening: Gaussian sigma the curves carry, eV, shape (B,).
        rule: ``auto`` (the valence-band top where there is a gap), ``midgap`` (the middle of the gap) or ``fermi`` (always the Fermi level).
        gaps: those known from eigenvalues, eV, 0 for metals, NaN where unknown, shape (B,); they go before what the curve seems to say.
        valence_tops: known from eigenvalues, eV on the axis of `energies`, NaN where unknown, shape (B,).
        how: a gap is read off a curve.

    Returns:
        zeros, eV on the same axis, shape (B,); gaps, eV, 0 for metals, shape (B,).
    """
    stated = np.full(len(densities), np.nan) if gaps is None else gaps
    tops = np.full(len(densities), np.nan) if valence_tops is None else valence_tops
    zeros, found = fermi.copy(), np.where(np.isnan(stated), 0.0, stated)
    zeros = np.where((found > 0) & np.isfinite(tops), tops, zeros)
    unknown = np.flatnonzero(np.isnan(stated) | ((stated > 0) & np.isnan(tops)))
    for start in range(0, len(unknown), rows := max(1, _BLOCK // len(energies))):
        part = slice(start, start + rows)
        block = part if len(unknown) == len(densities) else unknown[part]  # a view where it can be one
        zeros[block], seen = _band_tops(energies, densities[block], fermi[block], broadening[block], how)
        found[block] = np.where(np.isnan(stated[block]), seen, stated[block])
    if rule == "fermi":
        return fermi.copy(), found
    return (zeros + found / 2 if rule == "midgap" else zeros), found


def zero_choice(text: str | float) -> ZeroChoice:
    """The energy zero that someone asks for.

    >>> zero_choice("midgap"), zero_choice("-1.5")
    ('midgap', -1.5)

    Raises:
        SpectrumError: it is none.
    """
    if isinstance(text, str) and text in (*WORDS, "vbm"):
        return cast("ZeroChoice", text)
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise SpectrumError(
            f"'{text}' is no energy zero; give auto, fermi, vbm (valence-band top), midgap, or an energy in eV on the curve's axis"
        )
    return value


def _band_tops(
    energies: FloatArray, densities: FloatArray, fermi: FloatArray, broadening: FloatArray, how: GapRule
) -> tuple[FloatArray, FloatArray]:
    """Valence-band top where there is a gap, Fermi level elsewhere, and the gaps; shapes (B,)."""
    near = np.abs(energies - fermi[:, None])
    inside = near <= 7.5
    threshold = how.empty * np.einsum("ij,ij->i", densities, inside) / np.maximum(np.count_nonzero(inside, axis=1), 1)
    filled = densities > threshold[:, None]

    # Start from the emptiest point near the stated Fermi level, the nearest of equals.
    reachable = near <= np.maximum(how.reach, near.min(axis=1, keepdims=True))
    row, point = np.nonzero(reachable)  # few of the points, so the rest is not looked at
    height = np.full(densities.shape, np.inf)
    height[row, point] = np.where(filled[row, point], densities[row, point], 0.0) + 1e-12 * near[row, point]
    start = np.argmin(height, axis=1)

    below, above = _borders(filled, start)
    gapped = (below >= 0) & ~filled[np.arange(len(densities)), start]  # a curve may end before the conduction band begins
    valence = _crossing(energies, densities, threshold, broadening > 0, np.maximum(below, 0), 1)
    conduction = _crossing(energies, densities, threshold, broadening > 0, np.minimum(above, len(energies) - 1), -1)
    tops, bottoms = valence - how.valence_tail * broadening, conduction + how.conduction_tail * broadening
    gaps = np.where(gapped, bottoms - tops, 0.0)
    gaps[gaps < how.smallest] = 0.0

    rows = np.flatnonzero(gaps > 0)
    doubtful = rows[
        _shallow(
            densities if len(rows) == len(densities) else densities[rows], how.deep * threshold[rows], below[rows], above[rows]
        )
    ]
    part = densities[doubtful], threshold[doubtful], broadening[doubtful], start[doubtful]
    gaps[doubtful[~_deep(energies, *part, conduction[doubtful] - valence[doubtful], how)]] = 0.0
    last = len(energies) - 1
    in_band = (fermi[rows] <= energies[below[rows]]) | (fermi[rows] >= energies[np.minimum(above[rows], last)])
    many = np.count_nonzero(np.diff(filled if len(rows) == len(filled) else filled[rows], axis=1), axis=1) > 2 * _MANY_SPIKES - 2
    for place in rows[in_band | many]:  # few
        edges = int(below[place]), int(above[place])
        if gaps[place] > 0 and (
            _partly_filled(energies, densities[place], filled[place], float(fermi[place]), edges, how)
            or _between_spikes(energies, filled[place], float(fermi[place]), edges, how)
        ):
            gaps[place] = 0.0
    return np.where(gaps > 0, tops, fermi), gaps


def _borders(filled: NDArray[np.bool_], start: IntArray) -> tuple[IntArray, IntArray]:
    """The last filled point up to `start` and the first from there on, shapes (B,); -1 and N where there is none."""
    count, index = filled.shape[1], np.arange(filled.shape[1])
    lower, upper = filled & (index <= start[:, None]), filled & (index >= start[:, None])
    below = np.where(lower.any(axis=1), count - 1 - np.argmax(lower[:, ::-1], axis=1), -1)
    return below, np.where(upper.any(axis=1), np.argmax(upper, axis=1), count)


def _shallow(densities: FloatArray, deeper: FloatArray, below: IntArray, above: IntArray) -> NDArray[np.bool_]:
    """Whether less than seven tenths of the points in each gap lie below the deeper threshold, so that it needs a close look, shape (B,)."""
    if len(densities) == 0:
        return np.zeros(0, dtype=np.bool_)
    first = np.arange(len(densities)) * densities.shape[1]
    ends = np.stack([first + below + 1, np.minimum(first + above, densities.size - 1)], axis=1).ravel()
    count = np.add.reduceat((densities <= deeper[:, None]).ravel(), ends, dtype=np.intp)[::2]
    return np.asarray(count < 0.7 * (above - below - 1))


def _deep(
    energies: FloatArray,
    densities: FloatArray,
    threshold: FloatArray,
    broadening: FloatArray,
    start: IntArray,
    width: FloatArray,
    how: GapRule,
) -> NDArray[np.bool_]:
    """Whether the density stays far below the threshold in much of each gap, whose width at the threshold is `width`, eV, shape (B,)."""
    if len(densities) == 0:
        return np.zeros(0, dtype=np.bool_)
    deeper = how.deep * threshold
    filled = densities > deeper[:, None]
    rows, last = np.arange(len(densities)), len(energies) - 1
    # The emptiest point of the gap is not always that near the Fermi level: look for it between the edges.
    below, above = _borders(densities > threshold[:, None], start)
    index = np.arange(len(energies))
    within = (index > below[:, None]) & (index < above[:, None])
    start = np.argmin(np.where(within, densities, np.inf), axis=1)
    below, above = _borders(filled, start)
    smeared = broadening > 0
    narrow = _crossing(energies, densities, deeper, smeared, np.minimum(above, last), -1) - _crossing(
        energies, densities, deeper, smeared, np.maximum(below, 0), 1
    )
    return np.asarray(~filled[rows, start] & (narrow + how.blur * broadening >= how.narrowing * width))


def _partly_filled(
    energies: FloatArray, density: FloatArray, filled: NDArray[np.bool_], fermi: float, edges: tuple[int, int], how: GapRule
) -> bool:
    """Whether the Fermi level lies in a band beside the gap with much of the band's states between the two."""
    below, above = edges
    if energies[below] < fermi < energies[min(above, len(energies) - 1)]:
        return False
    states, empty = density * np.gradient(energies), np.flatnonzero(~filled)
    if fermi <= energies[below]:
        first, last = int(max(empty[empty < below], default=-1)) + 1, below
        between = (energies > fermi) & (np.arange(len(energies)) <= below)
    else:
        first, last = above, int(min(empty[empty > above], default=len(energies))) - 1
        between = (energies < fermi) & (np.arange(len(energies)) >= above)
    return bool(states[between].sum() > how.inside * states[first : last + 1].sum())


def _between_spikes(energies: FloatArray, filled: NDArray[np.bool_], fermi: float, edges: tuple[int, int], how: GapRule) -> bool:
    """Whether the gap is one of many intervals between spikes of one width: eigenvalues of a coarse mesh, not bands."""
    changes = np.flatnonzero(np.diff(filled.astype(np.int8)))
    changes = changes[np.abs(energies[changes] - fermi) <= 7.5]
    borders = (energies[changes] + energies[changes + 1]) / 2
    widths = np.diff(borders)
    is_band = filled[changes[:-1] + 1] if len(changes) else np.zeros(0, dtype=np.bool_)
    bands, empty = widths[is_band], widths[~is_band]
    if len(bands) < _MANY_SPIKES or np.median(bands) > 2 * bands.min():
        return False
    gap = energies[min(edges[1], len(energies) - 1)] - energies[edges[0]]
    return int((empty >= how.spikes * gap).sum()) > 3  # the gap and three others


def _crossing(
    energies: FloatArray,
    densities: FloatArray,
    threshold: FloatArray,
    smeared: NDArray[np.bool_],
    level: NDArray[np.intp],
    towards: int,
) -> FloatArray:
    """Where each curve falls through its threshold between a filled level and the empty neighbour, eV, shape (B,).

    A smeared edge falls about exponentially; taken so, its place hardly depends on how the levels lie.
    """
    neighbour = np.clip(level + towards, 0, len(energies) - 1)
    rows = np.arange(len(densities))
    high, low = densities[rows, level], densities[rows, neighbour]
    with np.errstate(all="ignore"):  # of curves without a gap, or without anything
        even = (high - threshold) / (high - low)
        share = np.where(smeared & (low > 0), np.log(high / threshold) / np.log(high / low), even)
    share = np.clip(np.where(high > low, share, 0.0), 0.0, 1.0)
    return np.asarray(energies[level] + share * (energies[neighbour] - energies[level]))
