"""Which Fermi level a curve gets, and why: what the user says, what eigenvalues and electrons tell, what the file states.

A stated level can be another run's, or none at all (pw.x before 6.6 prints 0 for fixed occupations). So it is held against the
eigenvalues and the number of electrons wherever these are known, and replaced, with a note, where they contradict it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SpectrumError
from dosmith.records import FermiFrom

if TYPE_CHECKING:
    from dosmith.sources.curve import Curve

FloatArray = NDArray[np.float64]

_SMEARED = 0.05
"""A stated level this far beyond a band edge is still at it: smearing and printing move it, eV."""
_MISCOUNT = 0.01
"""A stated level is wrong when the states below it differ from the electrons by more than this share of them."""
_FEWEST = 0.05
"""... and by more than this number of electrons."""
_BEYOND = 0.1
"""A stated level this far from where the electrons end agrees with them: a density of few electrons says little, eV."""
_EMPTY = 0.002
"""Share of the highest density below which a curve is empty."""
_NEAR = 0.5
"""A gap this near a stated level, eV, is beside it,"""
_FEW = 0.1
"""... when fewer than this number of states, of the cell, lie between."""
_GAP = 0.3
"""Narrower gaps are not taken for the one that the electrons end in, eV."""


def placed(curve: Curve, fermi: float | None, electrons: float | None, notes: list[str]) -> tuple[float, FermiFrom]:
    """The Fermi level of a curve, eV, and where it comes from; what was decided is added to `notes`.

    Args:
        curve: as its reader left it.
        fermi: what the user gives, eV; goes before everything.
        electrons: what the user gives; goes before what the file says.

    Raises:
        SpectrumError: no Fermi level is known, or the curve does not hold that many states.
    """
    if fermi is not None:
        if curve.fermi is not None and fermi != curve.fermi:
            notes.append(f"the Fermi level given, {fermi:g} eV, replaces the file's {curve.fermi:g} eV")
        return fermi, "given"
    if electrons is not None:
        level = level_of_electrons(curve.energies, curve.densities, electrons, curve.integrated)
        notes.append(f"the lowest {electrons:g} electrons of the curve end at {level:.4g} eV: its Fermi level")
        return level, "electrons"
    if curve.fermi is not None:
        return _checked(curve, curve.fermi, notes)
    if curve.edges is not None:
        notes.append(f"the Fermi level is put in the middle between the eigenvalues, at {curve.edges.middle:.4g} eV")
        return curve.edges.middle, "eigenvalues"
    if curve.electrons is not None and (ends := _counted(curve)) is not None:
        level = (ends[0] + ends[1]) / 2
        notes.append(f"the file's {curve.electrons:g} electrons end at {level:.4g} eV: its Fermi level")
        return level, "electrons"
    if curve.assumed_fermi is not None:
        notes.append(f"no Fermi level is stated; it is taken to be at {curve.assumed_fermi:g} eV")
        return curve.assumed_fermi, "assumed"
    raise SpectrumError("no Fermi level is stated; give it with --fermi, or the number of electrons with --electrons")


def level_of_electrons(
    energies: FloatArray, densities: FloatArray, electrons: float, integrated: FloatArray | None = None
) -> float:
    """Where the states from the lowest energy on hold that many electrons, eV; the middle of the gap when it is one.

    Args:
        energies: eV, shape (N,), from below the lowest state that counts.
        densities: states/eV, shape (spins, N).
        electrons: how many the curve holds up to its Fermi level.
        integrated: states up to each energy as the source counts them, shape (N,); counted here when None.

    Raises:
        SpectrumError: the curve does not begin below its states, or holds fewer.
    """
    low, high = _end_of_electrons(energies, densities, electrons, integrated)
    return (low + high) / 2


def _end_of_electrons(
    energies: FloatArray, densities: FloatArray, electrons: float, integrated: FloatArray | None
) -> tuple[float, float]:
    """The energies between which the curve holds that many electrons, eV; the same one twice within a band."""
    density = densities.sum(axis=0)
    if density.shape != energies.shape or len(energies) < 2 or not np.isfinite(density).all() or not electrons > 0:
        raise SpectrumError(f"{electrons:g} electrons cannot be counted in this curve; check the number, or give --fermi")
    if integrated is not None:
        running = integrated
    elif density[0] > 0.01 * density.max():
        raise SpectrumError("electrons cannot be counted: the curve does not begin below its lowest states; give --fermi")
    else:
        running = np.concatenate([[0.0], np.cumsum(np.diff(energies) * (density[1:] + density[:-1]) / 2)])
    tolerance = (1e-3 if integrated is None else 1e-4) * electrons  # of the sum, and of files with few digits
    if running[-1] < electrons - tolerance:
        raise SpectrumError(f"the curve holds {running[-1]:.4g} states, not {electrons:g}; check the number, or give --fermi")
    reached = int(np.argmax(running >= electrons - tolerance))
    passed = np.flatnonzero(running > electrons + tolerance)
    last = int(passed[0]) if len(passed) else len(energies) - 1
    if last - reached > 1:
        return float(energies[reached]), float(energies[last - 1])
    first = max(reached - 1, 0)
    return (level := float(np.interp(electrons, running[first : last + 1], energies[first : last + 1]))), level


def unset_level(energies: FloatArray, densities: FloatArray) -> float | None:
    """The Fermi level of an insulator whose file states 0 because its program knew none: the middle of its gap, eV.

    A gap with a whole, even number of states below it is looked for.

    Returns:
        None where 0 eV lies in such a gap, or the curve has none, so that 0 may well be its level.

    Raises:
        SpectrumError: there are several such gaps.
    """
    density = densities.sum(axis=0)
    running = np.concatenate([[0.0], np.cumsum(np.diff(energies) * (density[1:] + density[:-1]) / 2)])
    filled = density > 0.002 * density.max()
    borders = np.flatnonzero(np.diff(filled.astype(np.int8)))
    found: list[tuple[float, float]] = []
    for left, right in pairwise(borders):
        states = float(running[right])
        if filled[left + 1] or energies[right] - energies[left] < _GAP or round(states / 2) < 1:
            continue
        if abs(states - 2 * round(states / 2)) < 0.02 + 0.005 * states:
            if energies[left] <= 0 <= energies[right + 1]:
                return None
            found.append((float(2 * round(states / 2)), float((energies[left] + energies[right + 1]) / 2)))
    if len(found) > 1:
        counts = ", ".join(f"{count:g} ({level:.2f} eV)" for count, level in found)
        raise SpectrumError(
            "its Fermi level of 0 eV is none: pw.x writes that for fixed occupations; give --electrons with the number in the cell;"
            f" gaps follow on {counts} of them"
        )
    return found[0][1] if found else None


def _checked(curve: Curve, stated: float, notes: list[str]) -> tuple[float, FermiFrom]:
    """The stated level, or what eigenvalues or electrons put in its place."""
    edges, electrons = curve.edges, curve.electrons
    if edges is not None and edges.gap > 0:
        if edges.valence - _SMEARED <= stated <= edges.conduction + _SMEARED:
            return stated, "stated"
        band = "valence" if stated < edges.valence else "conduction"
        notes.append(
            f"the stated Fermi level, {stated:.4g} eV, lies in the {band} band, as of a doped crystal or another run;"
            f" the eigenvalues fill the valence band up to {edges.valence:.4g} eV, so it is put in the gap"
        )
        return edges.middle, "eigenvalues"
    if electrons is None or (ends := _counted(curve)) is None:
        if (middle := _gap_beside(curve, stated)) is None:
            return stated, "stated"
        notes.append(f"the stated Fermi level, {stated:.4g} eV, is the edge of a band; it is put in the gap beside it")
        return middle, "stated"
    (low, high), below = ends, float(np.interp(stated, curve.energies, _running(curve)))
    level = (low + high) / 2
    few = abs(below - electrons) <= max(_MISCOUNT * electrons, _FEWEST) and high - low < _GAP
    beyond = _BEYOND + 2 * curve.broadening
    if few or low - beyond <= stated <= high + beyond:
        return stated, "stated"
    notes.append(
        f"below the stated Fermi level, {stated:.4g} eV, are {below:.4g} states, not {electrons:g}: it is another run's, or the crystal"
        f" is doped; the electrons end at {level:.4g} eV, which is taken"
    )
    return level, "electrons"


def _gap_beside(curve: Curve, stated: float) -> float | None:
    """The middle of a gap that hardly a state keeps from the stated level, eV: many programs give the highest occupied level.

    A half-filled narrow level has many states between it and the gap, a band on a coarse mesh has few.
    """
    energies, density = curve.energies, curve.densities.sum(axis=0)
    sound = energies.ndim == 1 and energies.shape == density.shape and len(energies) > 2 and np.isfinite(density).all()
    if not sound or not (np.diff(energies) >= 0).all():
        return None
    running = _running(curve)
    borders = np.flatnonzero(np.diff(np.concatenate([[False], density <= _EMPTY * density.max(), [False]]).astype(np.int8)))
    for first, last in zip(borders[::2], borders[1::2] - 1, strict=True):
        low, high = float(energies[first]), float(energies[last])
        if first == 0 or last == len(energies) - 1 or high - low < _GAP or low <= stated <= high:
            continue
        away = float(abs(np.interp(stated, energies, running) - running[first if stated < low else last]))
        if min(abs(stated - low), abs(stated - high)) < _NEAR and away < _FEW:
            return (low + high) / 2
    return None


def _running(curve: Curve) -> FloatArray:
    if curve.integrated is not None:
        return curve.integrated
    density = curve.densities.sum(axis=0)
    return np.concatenate([[0.0], np.cumsum(np.diff(curve.energies) * (density[1:] + density[:-1]) / 2)])


def _counted(curve: Curve) -> tuple[float, float] | None:
    """The energies between which the file's own electrons end, eV; None where they cannot be counted."""
    try:
        return _end_of_electrons(curve.energies, curve.densities, curve.electrons or 0.0, curve.integrated)
    except SpectrumError:
        return None
