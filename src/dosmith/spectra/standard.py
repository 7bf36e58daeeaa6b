"""Any density of states -> the model's vector, by one fixed recipe.

Spins are summed; the energy zero is found (`zero.py`); the curve is brought to one Gaussian broadening, the part it
already carries counted in; its integral over the bin of each grid point becomes the point's value, so area is conserved;
what lies outside the window is cut; the rest is scaled to unit area (1/eV).

The work for a batch: the cumulative integral of each piecewise-linear curve is read at the borders of fine bins that
move with the curve's own zero, and one matrix product spreads the fine bins over the points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SpectrumError
from dosmith.library import Library
from dosmith.records import Spectrum
from dosmith.settings import SpectraSettings, ZeroRule
from dosmith.spectra.grid import EnergyGrid, Window
from dosmith.spectra.zero import WORDS, GapRule, ZeroChoice, energy_zeros

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

NARROWEST = 4.0
"""A curve must cover this much of the grid's window, eV."""
_BLOCK = 1 << 14
"""Values worked on at once: small enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes two standard vectors comparable. Every checkpoint carries the one it was trained with.

    Attributes:
        grid: of energies.
        broadening: Gaussian sigma of the vectors, eV, that of the source included.
        zero: rule for the energy zero.
        min_coverage: share of the window that a curve must cover; the rest counts as empty.
        gap: how a gap is read off a curve whose eigenvalues are not known.
    """

    grid: EnergyGrid = field(default_factory=EnergyGrid)
    broadening: float = 0.15
    zero: ZeroRule = "auto"
    min_coverage: float = 0.8
    gap: GapRule = field(default_factory=GapRule)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as a checkpoint keeps it."""
        return {
            "grid": self.grid.key,
            "broadening": self.broadening,
            "zero": self.zero,
            "min_coverage": self.min_coverage,
            "gap": asdict(self.gap),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that `as_dict` made; of one that an older version kept, what it lacks has the default.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
            SpectrumError: its grid is none.
        """
        grid, zero = EnergyGrid.from_key(values["grid"]), values["zero"]
        if zero not in WORDS:
            raise ValueError(f"there is no energy zero '{zero}'")
        return cls(grid, float(values["broadening"]), zero, float(values["min_coverage"]), GapRule(**values.get("gap", {})))

    @classmethod
    def from_settings(cls, settings: SpectraSettings) -> Recipe:
        """The recipe that the settings describe."""
        grid = EnergyGrid(settings.lower, settings.upper, settings.points)
        return cls(grid, settings.broadening, settings.zero, settings.min_coverage)


@dataclass(frozen=True, eq=False)
class StandardSpectrum:
    """A standard vector and what was done to get it.

    Attributes:
        values: 1/eV, unit area over the grid, shape (points,).
        recipe: how it was made.
        zero: the energy zero on the source's axis, eV.
        gap: read off the curve, eV; 0 for a metal.
        coverage: share of the window that the source covers.
        steps: what was done, one short sentence each.
        zero_from: where the energy zero comes from, in words.
        covered: the part of the grid that the source covers, when only that may be compared; None when all may.
        area: states within the window, in the source's unit; None where nobody counted.
    """

    values: FloatArray
    recipe: Recipe
    zero: float
    gap: float
    coverage: float
    steps: tuple[str, ...]
    zero_from: str = ""
    covered: Window | None = None
    area: float | None = None


def standardise(spectrum: Spectrum, recipe: Recipe | None = None, zero: ZeroChoice | None = None) -> StandardSpectrum:
    """One DOS as the model's vector.

    Args:
        spectrum: any.
        recipe: of the vector.
        zero: another energy zero than the recipe's: a rule, ``vbm`` for the valence-band top, or eV on the spectrum's axis.

    >>> energies = np.linspace(-10, 10, 401)
    >>> vector = standardise(Spectrum(energies, 2 * np.exp(-(energies**2)), fermi=0.0))
    >>> vector.values.shape, round(float(vector.values.sum() * vector.recipe.grid.step), 6)
    ((151,), 1.0)

    Raises:
        SpectrumError: the curve covers too little of the window, or is empty there.
    """
    recipe = recipe or Recipe()
    energies, fermi = spectrum.energies, np.array([spectrum.fermi])
    densities, broadening = spectrum.total[None, :], np.array([spectrum.broadening])
    stated, top = (np.array([np.nan if value is None else value]) for value in (spectrum.gap, spectrum.valence_top))
    rule: ZeroRule = "auto" if zero == "vbm" or isinstance(zero, float | int) else zero or recipe.zero
    zeros, gaps = energy_zeros(energies, densities, fermi, broadening, rule, gaps=stated, valence_tops=top, how=recipe.gap)
    if zero == "vbm" and gaps[0] == 0:
        raise SpectrumError("the curve has no gap at its Fermi level, so no valence-band top to start from; give --zero in eV")
    if isinstance(zero, float | int):
        if not energies[0] <= zero <= energies[-1]:
            raise SpectrumError(f"the energy zero {zero:g} eV lies outside the energies {energies[0]:g} ... {energies[-1]:g} eV")
        zeros = np.array([float(zero)])
    found, gap = float(zeros[0]), float(gaps[0])
    coverage = float(_coverage(energies, zeros, recipe.grid)[0])
    covered = _covered(energies, densities[0], found, spectrum.broadening, recipe)
    states = binned(*_to_the_edges(energies, densities, found, recipe.grid), zeros, broadening, recipe)
    values = _normalised(states, recipe.grid, covered)[0]
    area = _areas(states, recipe.grid, covered)[0]
    origin = _origin(spectrum, rule, found, gap, zero)
    return StandardSpectrum(
        values,
        recipe,
        found,
        gap,
        coverage,
        _steps(spectrum, recipe, origin, gap, coverage, covered),
        origin,
        covered,
        float(area),
    )


def spin_difference(spectrum: Spectrum, recipe: Recipe) -> FloatArray:
    """How much more of the model's vector is of spin up than of spin down, 1/eV, shape (points,); nothing where spins are summed.

    Raises:
        SpectrumError: as of `standardise`.
    """
    if not spectrum.spin_polarized:
        return np.zeros(recipe.grid.points)
    zeros, sigma = np.array([standardise(spectrum, recipe).zero]), spectrum.broadening
    up, down = binned(spectrum.energies, spectrum.densities, zeros.repeat(2), sigma, recipe)
    return np.asarray((up - down) / ((up + down).sum() * recipe.grid.step))


def standardise_batch(
    energies: FloatArray, densities: FloatArray, zeros: FloatArray, broadening: FloatArray | float, recipe: Recipe | None = None
) -> FloatArray:
    """Many curves on one source grid as vectors.

    Args:
        energies: eV, shape (N,), increasing, not necessarily even.
        densities: spin-summed, any unit, shape (B, N).
        zeros: energy zero of each on the axis of `energies`, eV, shape (B,).
        broadening: Gaussian sigma already in the curves, eV, scalar or shape (B,).
        recipe: what to make of them.

    Returns:
        1/eV, unit area, shape (B, points).

    Raises:
        SpectrumError: a curve covers less than `recipe.min_coverage` of the window, or is zero in it.
    """
    recipe = recipe or Recipe()
    covered = _coverage(energies, zeros, recipe.grid)
    if len(covered) and covered.min() < recipe.min_coverage - 1e-9:
        worst = int(np.argmin(covered))
        start, stop = energies[0] - zeros[worst], energies[-1] - zeros[worst]
        raise SpectrumError(
            f"the DOS reaches from {start:.2f} to {stop:.2f} eV around its energy zero; the model needs {recipe.grid.lower:g} to"
            f" {recipe.grid.upper:g} eV (at least {recipe.min_coverage:.0%} of it): compute or export a wider window"
        )
    return _normalised(binned(energies, densities, zeros, broadening, recipe), recipe.grid)


def _normalised(values: FloatArray, grid: EnergyGrid, covered: Window | None = None) -> FloatArray:
    """Vectors of unit area over the grid, or over the covered part of it, shape as given.

    Raises:
        SpectrumError: one of them is zero there.
    """
    if covered is not None:
        values = values * covered.mask(grid)
    area = _areas(values, grid)[:, None]
    if len(area) and area.min() <= 0:
        raise SpectrumError(
            f"the DOS is zero in the window {covered or f'{grid.lower:g}:{grid.upper:g}'} eV around its energy zero"
        )
    return np.asarray(values / area)


def _areas(values: FloatArray, grid: EnergyGrid, covered: Window | None = None) -> FloatArray:
    """Areas of curves over the grid, or over the covered part of it, shape (B,)."""
    return np.asarray((values if covered is None else values * covered.mask(grid)).sum(axis=1) * grid.step)


def standardise_library(
    library: Library,
    recipe: Recipe | None = None,
    narrow: dict[int, Window] | None = None,
    areas: dict[int, float] | None = None,
) -> tuple[IntArray, FloatArray]:
    """All of a library's DOS as vectors; those empty in the window are left out.

    Args:
        library: any.
        recipe: of the vectors.
        narrow: curves that cover less of the window than the recipe wants are left out without it; with it they are kept,
            and the part that each covers is added here by its row.
        areas: states of each cell within the window are added here by the row.

    Returns:
        rows of the library, shape (M,), in order; vectors, 1/eV, unit area, shape (M, points).
    """
    recipe = recipe or Recipe()
    rows, values = [np.empty(0, dtype=np.intp)], [np.empty((0, recipe.grid.points))]
    for block in library.spectra():
        zeros, _ = energy_zeros(
            block.energies,
            block.densities,
            block.fermi,
            block.broadening,
            recipe.zero,
            gaps=block.gaps,
            valence_tops=block.valence_tops,
            how=recipe.gap,
        )
        fits = _coverage(block.energies, zeros, recipe.grid) >= recipe.min_coverage - 1e-9
        for place in np.flatnonzero(~fits) if narrow is not None else ():
            with suppress(SpectrumError):
                covered = _covered(
                    block.energies, block.densities[place], float(zeros[place]), float(block.broadening[place]), recipe
                )
                one = slice(place, place + 1)
                vector = binned(block.energies, block.densities[one], zeros[one], block.broadening[one], recipe)
                values.append(_normalised(vector, recipe.grid, covered))
                rows.append(block.rows[one])
                if areas is not None:
                    areas[int(block.rows[place])] = float(_areas(vector, recipe.grid, covered)[0])
                if narrow is not None and covered is not None:
                    narrow[int(block.rows[place])] = covered
        rest = binned(block.energies, block.densities[fits], zeros[fits], block.broadening[fits], recipe)
        area = _areas(rest, recipe.grid)
        if areas is not None:
            areas |= zip(block.rows[fits].tolist(), area.tolist(), strict=True)
        rows.append(block.rows[fits][area > 0])
        values.append(rest[area > 0] / area[area > 0, None])
    order = np.argsort(np.concatenate(rows), kind="stable")
    return np.concatenate(rows)[order], np.concatenate(values)[order]


def binned(
    energies: FloatArray, densities: FloatArray, zeros: FloatArray, broadening: FloatArray | float, recipe: Recipe
) -> FloatArray:
    """Broadened mean densities over the bins of the points, in the unit of `densities`, shape (B, points)."""
    values = np.empty((len(densities), recipe.grid.points))
    sigmas = np.broadcast_to(np.asarray(broadening, dtype=np.float64), (len(densities),))
    for sigma in set(sigmas.tolist()):
        members = np.flatnonzero(sigmas == sigma)
        edges, spread = _spreading(recipe.grid, max(recipe.broadening**2 - float(sigma) ** 2, 0.0) ** 0.5)
        for start in range(0, len(members), rows := max(1, _BLOCK // len(energies))):
            block = members[start : start + rows]
            values[block] = _bin_integrals(energies, densities[block], zeros[block], edges) @ spread
    return values


def _covered(energies: FloatArray, density: FloatArray, zero: float, broadening: float, recipe: Recipe) -> Window | None:
    """The part of the grid in which a curve may be compared; None when that is all of it.

    A curve that covers most of the window and ends where it is zero has no states beyond. Of another that ends within the window
    nothing is known beyond, and little within one and a half sigma of the broadening that is added, nor of a point whose bin it fills in part.

    Raises:
        SpectrumError: it covers too little.
    """
    grid = recipe.grid
    start, stop = float(energies[0] - zero), float(energies[-1] - zero)
    covered = (min(stop, grid.upper) - max(start, grid.lower)) / (grid.upper - grid.lower)
    enough = covered >= recipe.min_coverage - 1e-9
    little = 1e-3 * float(density.max())
    cut = [start > grid.lower + 1e-6, stop < grid.upper - 1e-6]
    if enough:
        cut = [each and value > little for each, value in zip(cut, (density[0], density[-1]), strict=True)]
    if not any(cut):
        return None
    if not enough and (min(stop, grid.upper) - max(start, grid.lower) < NARROWEST - 1e-6 or max(-start, stop) < 1.0):
        raise SpectrumError(
            f"the DOS reaches from {start:.2f} to {stop:.2f} eV around its energy zero; {NARROWEST:g} eV or more between"
            f" {grid.lower:g} and {grid.upper:g} eV are needed: compute or export a wider window"
        )
    margin = max(1.5 * math.sqrt(max(recipe.broadening**2 - broadening**2, 0.0)), grid.step / 2 - 1e-6)
    return Window(start + margin if cut[0] else grid.lower, stop - margin if cut[1] else grid.upper)


def _to_the_edges(energies: FloatArray, densities: FloatArray, zero: float, grid: EnergyGrid) -> tuple[FloatArray, FloatArray]:
    """A curve that ends at the first or last point of the grid, as those on the grid itself do, goes on level to the edge of that point's bin.

    Shapes (E,), (1, E) -> (E + 0 ... 2,), (1, E + 0 ... 2).
    """
    half = grid.step / 2
    first, last = grid.lower - (energies[0] - zero), (energies[-1] - zero) - grid.upper
    sides = [-1e-6 <= beyond < half - 1e-6 for beyond in (first, last)]
    before, behind = ([zero + grid.lower - half] if sides[0] else []), ([zero + grid.upper + half] if sides[1] else [])
    return np.concatenate([before, energies, behind]), np.pad(densities, ((0, 0), (len(before), len(behind))), mode="edge")


def _coverage(energies: FloatArray, zeros: FloatArray, grid: EnergyGrid) -> FloatArray:
    """Share of the grid's window that the source covers, shape (B,)."""
    start = np.maximum(energies[0] - zeros, grid.lower)
    stop = np.minimum(energies[-1] - zeros, grid.upper)
    return np.asarray(np.maximum(stop - start, 0.0) / (grid.upper - grid.lower))


@lru_cache(maxsize=32)
def _spreading(grid: EnergyGrid, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Edges of the fine bins, eV, shape (F + 1,), and the share of each bin's content that a Gaussian of `sigma`
    puts on each grid point, per eV, shape (F, points). Without a sigma to add the fine bins are the points' own."""
    if sigma < grid.step / 8:  # less than the points can show
        return grid.edges, np.eye(grid.points) / grid.step
    fine = min(grid.step, sigma) / 2
    fine = grid.step / math.ceil(grid.step / fine)  # an even division of the spacing of the grid
    margin = math.ceil(5 * sigma / fine) * fine
    count = round((grid.edges[-1] - grid.edges[0] + 2 * margin) / fine)
    edges = np.linspace(grid.edges[0] - margin, grid.edges[-1] + margin, count + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    width = math.sqrt(max(sigma**2 - fine**2 / 12, 0.0))  # a bin is itself a smoothing, of variance fine^2 / 12
    erf = np.frompyfunc(math.erf, 1, 1)
    distances = (grid.edges[None, :] - centres[:, None]) / (width * math.sqrt(2))
    cumulative = np.asarray(erf(distances), dtype=np.float64) / 2
    spread = np.diff(cumulative, axis=1) / grid.step
    return edges, np.ascontiguousarray(spread)


def _bin_integrals(energies: FloatArray, densities: FloatArray, zeros: FloatArray, edges: FloatArray) -> FloatArray:
    """Integral of each piecewise-linear curve over bins that start from its zero, shape (B, len(edges) - 1)."""
    steps = np.diff(energies)
    cumulative = np.zeros_like(densities)
    np.cumsum((densities[:, 1:] + densities[:, :-1]) * (steps / 2), axis=1, out=cumulative[:, 1:])
    place = np.clip(edges + zeros[:, None], energies[0], energies[-1])
    if np.ptp(steps) < 1e-6 * steps[0]:
        cell = ((place - energies[0]) * ((len(steps)) / (energies[-1] - energies[0]))).astype(np.intp)
    else:
        cell = np.searchsorted(energies, place, side="right") - 1
    cell = np.clip(cell, 0, len(steps) - 1)
    offset = np.clip(place - energies[cell], 0.0, steps[cell])
    curvature = offset**2 / (2 * steps[cell])
    flat = cell + np.arange(len(densities))[:, None] * len(energies)
    left, right = densities.ravel()[flat], densities.ravel()[flat + 1]
    return np.diff(cumulative.ravel()[flat] + left * (offset - curvature) + right * curvature, axis=1)


_LEVELS = {
    "stated": "in the source",
    "given": "as given",
    "eigenvalues": "by its eigenvalues",
    "electrons": "where its electrons end",
    "assumed": "assumed, since the source states none",
}
"""Where a Fermi level comes from, in words."""
_DOPED_GAP, _DOPED_REACH = 0.5, 1.5
"""A gap at least this wide, that begins at most this far from a metal's Fermi level, is worth a remark, eV."""
_COARSE = 0.2
"""Steps wider than this make a curve coarse, eV."""


def _origin(spectrum: Spectrum, rule: ZeroRule, zero: float, gap: float, asked: ZeroChoice | None) -> str:
    """Where the energy zero comes from."""
    if isinstance(asked, float | int):
        return f"energy zero at {zero:.3f} eV, as asked for"
    known = spectrum.gap is not None
    if gap == 0:
        kind = "metal by its eigenvalues" if known else "metal (no gap above 0.3 eV at the Fermi level)"
    else:
        kind = f"gap of {gap:.2f} eV by eigenvalues" if known else f"gap of about {gap:.2f} eV"
    if rule == "fermi" or gap == 0:
        return f"{kind}: energy zero at the Fermi level, {zero:.3f} eV {_LEVELS[spectrum.fermi_from]}"
    place = "middle of the gap" if rule == "midgap" else "valence-band top"
    return f"{kind}: energy zero at the {place}, {zero - spectrum.fermi:+.2f} eV from the source's Fermi level"


def _remarks(spectrum: Spectrum, recipe: Recipe, gap: float) -> list[str]:
    """What is odd about a curve."""
    energies, total, found = spectrum.energies, spectrum.total, []
    step = float(np.median(np.diff(energies)))
    if step > _COARSE:
        found.append(
            f"its energies are {step:.2g} eV apart, so the curve is coarse: with steps of 0.05 eV it would show all there is"
        )
    if gap > 0 or recipe.zero == "fermi":
        return found
    near = np.abs(energies - spectrum.fermi) <= 7.5
    empty = total <= recipe.gap.empty * float(total[near].mean()) if near.any() else np.zeros(len(total), dtype=np.bool_)
    borders = np.flatnonzero(np.diff(empty.astype(np.int8)))
    for left, right in pairwise(borders):
        low, high = float(energies[left]), float(energies[right + 1])
        if not empty[left + 1] or high - low < _DOPED_GAP or low <= spectrum.fermi <= high:
            continue
        away = low - spectrum.fermi if low > spectrum.fermi else spectrum.fermi - high
        if away <= _DOPED_REACH:
            side = "below" if low > spectrum.fermi else "above"
            found.append(
                f"the Fermi level lies in a band, {away:.2f} eV {side} a gap of {high - low:.1f} eV: a doped crystal, or a metal; if it is"
                " neither, the level is wrong: give --fermi or --electrons"
            )
    return found


def _steps(
    spectrum: Spectrum, recipe: Recipe, origin: str, gap: float, coverage: float, covered: Window | None
) -> tuple[str, ...]:
    steps = [*spectrum.notes, *_remarks(spectrum, recipe, gap)]
    if spectrum.spin_polarized:
        steps.append("spin up and down summed")
    steps.append(origin)
    if spectrum.broadening >= recipe.broadening:
        steps.append(f"already broadened by {spectrum.broadening:g} eV (the model's is {recipe.broadening:g} eV): left as it is")
    else:
        carried = f", {spectrum.broadening:.3g} eV of it in the source" if spectrum.broadening else ""
        steps.append(f"Gaussian broadening to sigma = {recipe.broadening:g} eV{carried}")
    grid = recipe.grid
    steps.append(
        f"resampled to {grid.points} points in {grid.lower:g} ... {grid.upper:g} eV, area conserved, then scaled to unit area"
    )
    if covered is not None:
        steps.append(
            f"the source covers {coverage:.0%} of this window: only {covered.lower:.2f} ... {covered.upper:.2f} eV are compared, the rest"
            " of the curve is unknown"
        )
    elif coverage < 0.999:
        steps.append(f"the source covers {coverage:.0%} of this window and ends where it is zero; the rest is taken as empty")
    return tuple(steps)
