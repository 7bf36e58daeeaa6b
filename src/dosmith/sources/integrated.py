"""A density of states and the running count of states beside it, as VASP prints both: where the density stands, and which of the two holds.

VASP's Gaussian, Fermi and Methfessel-Paxton densities are differences of the running count, density[k] = (count[k] - count[k-1]) / step,
so each belongs half a step below the energy it is printed at. The tetrahedron method gives the density at the energy itself.
Where levels are narrower than the step, a density misses them while the count does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError

FloatArray = NDArray[np.float64]

_MISSED = 0.05
"""Density and count disagree when they differ by more than this share of the electrons."""


@dataclass(frozen=True, eq=False)
class Counted:
    """A density of states with its running count.

    Attributes:
        energies: eV, shape (N,).
        densities: states/eV, shape (spins, N).
        count: states up to each energy, spins summed, shape (N,); None when the source has no usable one.
        notes: what was decided.
    """

    energies: FloatArray
    densities: FloatArray
    count: FloatArray | None
    notes: tuple[str, ...]


def settle(
    energies: FloatArray, densities: FloatArray, counts: FloatArray, fermi: float = np.nan, electrons: float | None = None
) -> Counted:
    """The density where it belongs, by the two columns themselves.

    Args:
        energies: eV, evenly spaced but for rounding, shape (N,).
        densities: states/eV, NaN where the file has no number, shape (spins, N).
        counts: states of each spin up to each energy, shape (spins, N).
        fermi: the stated Fermi level, eV; NaN when there is none.
        electrons: in the cell; None when the source does not say.

    Raises:
        FileFormatError: a density is no number, and the count does not tell it.
    """
    if len(energies) < 3 or not np.isfinite(energies).all():
        return Counted(energies, densities, None, ())
    step = float(energies[-1] - energies[0]) / (len(energies) - 1)
    known = bool(step > 0 and np.isfinite(counts).all() and (counts[:, -1] > counts[:, 0]).all())
    if step > 0:
        densities, notes = _filled(energies, densities, counts if known else None, step)
    else:
        notes = []
    if not known:
        return Counted(energies, densities, None, tuple(notes))
    risen = counts - counts[:, :1]
    sums = step * (np.cumsum(densities, axis=1) - densities[:, :1])  # the first density may hold all states below
    points = sums + step * (densities[:, :1] - densities) / 2  # the trapezoidal rule
    in_bins, at_points = float(np.abs(sums - risen).mean()), float(np.abs(points - risen).mean())
    nearer = np.abs((sums if in_bins < at_points else points) - risen).sum(axis=0)
    most = _held(energies, counts.sum(axis=0), fermi)
    missed = float(nearer[energies <= (fermi + 8 if np.isfinite(fermi) else np.inf)].max(initial=0.0)) > _MISSED * most
    if missed and not _density_counts_better(energies, counts.sum(axis=0), points.sum(axis=0), fermi, electrons):
        notes.append(
            f"the density adds up to {_at(energies, points.sum(axis=0), fermi):.4g} states up to the Fermi level, the integrated column"
            f" to {_at(energies, risen.sum(axis=0), fermi):.4g}: levels are narrower than the steps; the curve is made from that column"
        )
        return _of_bins(energies, np.diff(counts, axis=1) / step, counts, step, notes)
    if missed:
        notes.append("the integrated column does not hold the electrons that the density does; the density is used")
        return Counted(energies, densities, None, tuple(notes))
    if in_bins < 0.5 * at_points:
        notes.append(f"each density is the mean over the {step:.3g} eV below its energy; it stands in their middle")
        return _of_bins(energies, densities[:, 1:], counts, step, notes)
    return Counted(energies, densities, counts.sum(axis=0), tuple(notes))


def rescaled(found: Counted, fermi: float, electrons: float) -> Counted:
    """The curve of a relaxation, which VASP divides by the number of its steps, brought back to whole states.

    Only a curve that holds fewer states in all than there are electrons is changed.
    """
    held = found.count
    if held is None or held[-1] >= 0.98 * electrons or held[0] > 0.02 * held[-1] or not _at(found.energies, held, fermi) > 0:
        return found
    factor = electrons / _at(found.energies, held, fermi)
    factor = float(round(factor)) if abs(factor - round(factor)) < 0.02 * factor else factor
    note = (
        f"the curve holds {1 / factor:.3g} of the states, as after a relaxation in steps; it is scaled to {electrons:g} electrons"
    )
    return Counted(found.energies, found.densities * factor, held * factor, (*found.notes, note))


def _of_bins(energies: FloatArray, densities: FloatArray, counts: FloatArray, step: float, notes: list[str]) -> Counted:
    """Means over the steps, at the middles of the steps."""
    even = np.linspace(energies[0], energies[-1], len(energies))  # of energies that are printed with few decimals
    borders = even if np.abs(even - energies).max() < 2e-3 else energies
    total = counts.sum(axis=0)
    return Counted(borders[1:] - step / 2, densities, (total[1:] + total[:-1]) / 2, tuple(notes))


def _filled(energies: FloatArray, densities: FloatArray, counts: FloatArray | None, step: float) -> tuple[FloatArray, list[str]]:
    """Densities that are no number, from the rise of the count."""
    missing = ~np.isfinite(densities)
    if not missing.any():
        return densities, []
    spins, places = np.nonzero(missing)
    at = f"{energies[places[0]]:g} eV"
    if counts is None or len(set(places.tolist())) > 0.05 * len(energies):
        raise FileFormatError(
            f"has no number for the density at {at} (VASP prints stars when it is too large); compute the DOS again with a larger SIGMA"
        )
    densities = densities.copy()
    for spin, place in zip(spins.tolist(), places.tolist(), strict=True):
        first, last = max(place - 1, 0), min(place + 1, len(energies) - 1)
        densities[spin, place] = (counts[spin, last] - counts[spin, first]) / (step * (last - first))
    return densities, [f"the density at {at} is not printed; it is taken from the integrated column"]


def _at(energies: FloatArray, count: FloatArray, fermi: float) -> float:
    """The count at the Fermi level; at the end when none is known."""
    return float(np.interp(fermi if np.isfinite(fermi) else np.inf, energies, count))


def _held(energies: FloatArray, count: FloatArray, fermi: float) -> float:
    """Electrons that the count holds, at least a hundredth of all its states."""
    return max(_at(energies, count, fermi), 0.01 * float(count[-1]))


def _density_counts_better(
    energies: FloatArray, count: FloatArray, integral: FloatArray, fermi: float, electrons: float | None
) -> bool:
    """Whether the electrons end at the Fermi level by the density, and not by the count."""
    if electrons is None or not np.isfinite(fermi):
        return False
    by_count = abs(_at(energies, count, fermi) - electrons)
    by_density = abs(_at(energies, integral + count[0], fermi) - electrons)
    return by_count > _MISSED * electrons and by_density < by_count / 2
