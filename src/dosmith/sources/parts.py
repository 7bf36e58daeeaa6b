"""The densities of single atoms and orbitals, gathered by element and orbital until they stand beside the whole one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dosmith import formulas
from dosmith.errors import FileFormatError
from dosmith.records import ORBITALS, Projections, Spectrum

FloatArray = NDArray[np.float64]

_LETTER = re.compile(rf"(?:\d\s*)?([{ORBITALS}])(?![a-z]*tot)")


@dataclass
class Parts:
    """Densities on one axis of energies.

    Attributes:
        energies: eV on the axis of the file, shape (N,).
        sums: of each element and orbital, states/eV, shape (spins, N).
    """

    energies: FloatArray
    sums: dict[tuple[str, str], FloatArray] = field(default_factory=dict)

    def add(self, element: str, orbital: str, densities: ArrayLike) -> None:
        """One more density of an element and an orbital, shape (spins, N) or (N,).

        Raises:
            FileFormatError: it is on other energies, or of another number of spins, than those before.
        """
        rows = np.atleast_2d(np.array(densities, dtype=np.float64))
        before = self.sums.get((element, orbital))
        if rows.shape[1:] != self.energies.shape or (before is not None and before.shape != rows.shape):
            raise FileFormatError("has projections of different lengths or spins; copy the files of one run again")
        self.sums[element, orbital] = rows if before is None else before + rows

    def beside(self, whole: Spectrum) -> Projections:
        """The projections on the energies of the whole density.

        Raises:
            FileFormatError: there are none, or they are not those of this density.
        """
        if not self.sums:
            raise FileFormatError("holds no projections on elements and orbitals")
        if len({rows.shape for rows in self.sums.values()}) != 1:
            raise FileFormatError("has projections of one spin and of two; copy the files of one run again")
        labels = sorted(self.sums, key=lambda label: (formulas.atomic_number(label[0]), ORBITALS.index(label[1])))
        densities = np.stack([self.sums[label] for label in labels], axis=1)
        energies, order = self.energies, np.argsort(self.energies, kind="stable")
        if not np.isfinite(densities).all() or not np.isfinite(energies).all():
            raise FileFormatError("has projections that are not numbers; copy the file again")
        energies, densities = energies[order], np.maximum(densities[..., order], 0.0)
        if densities.shape[0] == 1 and whole.spin_polarized:
            raise FileFormatError("has projections without spin beside a total with spin up and down")
        if densities.shape[0] == 2 and not whole.spin_polarized:
            densities = densities.sum(axis=0, keepdims=True)
        first = _place(energies, whole.energies)
        if first is not None:
            densities = densities[..., first : first + len(whole.energies)]
        else:
            axis = whole.energies
            densities = np.apply_along_axis(lambda row: np.interp(axis, energies, row, left=0.0, right=0.0), 2, densities)
        return Projections(tuple(labels), densities)


def orbital_of(name: str) -> str:
    """The letter of an orbital, whatever a program calls it: `dx2-y2`, `x2-y2`, `3d_xy`, `f-3`, `py`.

    >>> [orbital_of(name) for name in ("s", "py", "x2-y2", "3d_xy", "f_3")]
    ['s', 'p', 'd', 'd', 'f']

    Raises:
        FileFormatError: it names none.
    """
    plain = name.strip().lower()
    if plain.startswith("x2"):
        return "d"
    found = _LETTER.match(plain)
    if found is None:
        raise FileFormatError(f"projects on an orbital '{name.strip()[:20]}' that is not known")
    return found[1]


def _place(energies: FloatArray, others: FloatArray) -> int | None:
    """From which energy on both are one grid, None where they are not; VASP prints densities up to half a step too high."""
    if len(others) > len(energies) or len(others) < 2:
        return None
    step = float(others[-1] - others[0]) / (len(others) - 1)
    first = max(math.ceil(float(others[0] - energies[0]) / step - 0.01), 0)
    part = energies[first : first + len(others)]
    return first if len(part) == len(others) and np.abs(part - others).max() <= 0.51 * step + 1e-3 else None
