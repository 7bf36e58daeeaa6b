"""The density of states that CP2K writes: histograms (`*.dos`) and lists of orbitals (`*.pdos`), in atomic units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError
from dosmith.sources.curve import Curve
from dosmith.sources.tables import take_apart

FloatArray = NDArray[np.float64]

HARTREE = 27.211386245988
"""eV, CODATA 2018."""
SIGMA, STEP = 0.1, 0.05
"""Gaussians that stand for the orbitals of a `*.pdos` file, and the distance of the energies they are given on, eV."""

_NUMBER = r"[+-]?\d+\.\d+"
_DOS = re.compile(r"^\s*#\s*DOS at iteration step", re.MULTILINE)
_PDOS = re.compile(r"^\s*#\s*Projected DOS for .*iteration step", re.MULTILINE)
_FERMI = re.compile(rf"E[_(]Fermi[^=]*=\s*(?P<value>{_NUMBER})")


def looks_like_cp2k(head: Sequence[str]) -> bool:
    """Whether a file that begins with these lines is CP2K's."""
    opening = "\n".join(head[:3])[:2000]
    return bool(_DOS.search(opening) or _PDOS.search(opening))


def read_cp2k(lines: Iterable[str]) -> Curve:
    """The DOS of a `*.dos` or `*.pdos` file. A `*.pdos` lists every orbital of one spin, whatever atoms it is projected on.

    Raises:
        FileFormatError: the columns are not CP2K's.
    """
    columns, remarks, _ = take_apart(lines)
    stated = next((found for remark in remarks if (found := _FERMI.search(remark))), None)
    fermi = None if stated is None else float(stated["value"]) * HARTREE
    projected = any(_PDOS.search(f"#{remark}") for remark in remarks)
    return _orbitals(columns, fermi) if projected else _histogram(columns, fermi)


def _histogram(columns: FloatArray, fermi: float | None) -> Curve:
    """Rows of energy in the middle of a bin, share of all orbitals in it, electrons in it; twice when spins are apart."""
    if len(columns) not in (3, 6) or columns.shape[1] < 2:
        raise FileFormatError("is damaged: a *.dos of CP2K has 3 columns, or 6 with spin; copy it again")
    width = float(columns[0, -1] - columns[0, 0]) / (columns.shape[1] - 1) * HARTREE
    shares, electrons = columns[1::3], columns[2::3]
    filled = shares > 0
    if not width > 0 or not filled.any() or not electrons.max() > 0:
        raise FileFormatError("is damaged: its energies do not increase, or no orbital is occupied; copy the *.dos again")
    states = shares * float((electrons[filled] / shares[filled]).max())  # a full bin holds as many electrons as states
    energies = columns[0] * HARTREE
    notes = [f"a histogram of bins of {width:.3g} eV"]
    if fermi is None:
        fermi = _level_of(energies, states.sum(axis=0), electrons.sum(axis=0))
        notes.append(f"the Fermi level, {fermi:.3f} eV, is where the file's {electrons.sum():.4g} electrons end")
    energies = np.concatenate([energies[:1] - width, energies])  # a curve begins below its first bin
    states = np.pad(states, ((0, 0), (1, 0)))
    return Curve("CP2K dos", energies, states / width, fermi, notes=notes)


def _orbitals(columns: FloatArray, fermi: float | None) -> Curve:
    """Rows of number, eigenvalue, occupation, projections: each orbital becomes a Gaussian."""
    if len(columns) < 4 or columns.shape[1] < 2 or not np.isfinite(columns[1:3]).all():
        raise FileFormatError("is damaged: a *.pdos of CP2K lists orbitals with eigenvalue and occupation; copy it again")
    levels, occupations = columns[1] * HARTREE, columns[2]
    first, last = float(levels.min()) - 5 * SIGMA, float(levels.max())
    if not (last - first) / STEP < 1e5:
        raise FileFormatError("is damaged: its eigenvalues lie over 5,000 eV apart; copy the *.pdos again")
    energies = np.arange(first, last, STEP)
    states = 2.0 if occupations.max() > 1.001 else 1.0
    density = np.zeros(len(energies))
    for level in levels:
        density += np.exp(-(((energies - level) / SIGMA) ** 2) / 2)
    density *= states / (SIGMA * np.sqrt(2 * np.pi))
    notes = [
        f"{len(levels)} orbitals of the Gamma point, each a Gaussian of {SIGMA:g} eV; the curve ends at the last one",
    ]
    if states == 1.0:
        notes.append("one spin alone is in the file; it counts as the whole DOS")
    return Curve("CP2K pdos", energies, density[None], fermi, broadening=SIGMA, notes=notes)


def _level_of(energies: FloatArray, states: FloatArray, electrons: FloatArray) -> float:
    """The middle between the last bin that is at least half full and the next that is less, eV."""
    with_states = np.flatnonzero(states > 0)
    half_full = np.flatnonzero(electrons >= states / 2)
    last = int(half_full[np.isin(half_full, with_states)][-1])  # there is one: the fullest bin sets the scale
    emptier = with_states[with_states > last]
    return float((energies[last] + energies[emptier[0] if len(emptier) else last]) / 2)
