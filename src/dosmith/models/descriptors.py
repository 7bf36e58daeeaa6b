"""What is known of the elements before anything is learned: where orbitals start, how large atoms are, what they are like."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import HARTREE
from dosmith.element_facts import group_of

FloatArray = NDArray[np.float64]

_P_ABOVE_S = 4.5  # eV, where no p orbital is filled
_D_ABOVE_S, _D_ABOVE_P = 4.0, 9.0  # eV, of empty d orbitals in groups 1 and 2, and in the p block
_D_ABOVE_S_OF_LANTHANIDES = 1.0  # eV; Y 1.1, Lu 1.4
GROUPS, PERIODS = 18, 7


def first_orbitals(symbols: Sequence[str]) -> FloatArray:
    """Energies of the valence s, p and d orbitals of free atoms, eV, shape (E, 3).

    From density-functional calculations (S. Kotochigova et al., Phys. Rev. A 55, 191 (1997), as in pymatgen); orbitals that are
    empty there are placed above the others.
    """
    from pymatgen.core.periodic_table import Element

    rows = []
    for symbol in symbols:
        element = Element(symbol)
        known, shell, group = element.atomic_orbitals or {}, element.row, group_of(symbol)
        s = HARTREE * float(known.get(f"{shell}s") or -0.2)
        p = HARTREE * float(known[f"{shell}p"]) if known.get(f"{shell}p") else s + _P_ABOVE_S
        if element.is_lanthanoid:  # with its 4f electrons in the core it is like Y and Lu, which have a d electron
            d = s + _D_ABOVE_S_OF_LANTHANIDES
        elif 3 <= group <= 12 and known.get(f"{shell - 1}d"):
            d = HARTREE * float(known[f"{shell - 1}d"])
        else:
            d = s + _D_ABOVE_S if group <= 2 else p + _D_ABOVE_P
        rows.append((s, p, d))
    return np.array(rows, dtype=np.float64)


def first_radii(symbols: Sequence[str]) -> FloatArray:
    """Radii of free atoms, Angstrom, shape (E,). Those of lanthanides are all alike but for their contraction: 2.2 ... 2.0."""
    from pymatgen.core.periodic_table import Element

    elements = [Element(symbol) for symbol in symbols]
    return np.array([2.2 - 0.015 * (e.Z - 57) if e.is_lanthanoid else _radius(e) for e in elements])


def _radius(element: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is not tabulated
        return float(element.atomic_radius_calculated or element.atomic_radius or 1.5)


def descriptors(symbols: Sequence[str]) -> FloatArray:
    """Group and period as one-hot vectors, electronegativity, radius: shape (E, 29)."""
    return np.array([_descriptors(symbol) for symbol in symbols]).reshape(len(symbols), GROUPS + PERIODS + 4)


@lru_cache(maxsize=128)
def _descriptors(symbol: str) -> FloatArray:
    from pymatgen.core.periodic_table import Element

    row = np.zeros(GROUPS + PERIODS + 4)
    element, group = Element(symbol), group_of(symbol)
    row[group - 1] = row[GROUPS + element.row - 1] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no electronegativity
        pauling = float(element.X)
    row[-4:] = (
        pauling / 2 if np.isfinite(pauling) else 0.0,
        group / GROUPS,
        element.row / 6,
        float(element.atomic_radius or 1.3) / 2,
    )
    row.flags.writeable = False
    return row
