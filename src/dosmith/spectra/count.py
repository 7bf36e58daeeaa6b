"""How many states a crystal has per atom within the window, and how that enters a likeness.

Spectra are compared at unit area, so a similarity is one of shapes. Where numbers are compared too, it is multiplied by the smaller
number of states per atom over the larger: a candidate with half as many states per atom is half as like.

The number of a spectrum that was merely predicted follows from a sum rule: the part of its shape below the energy zero holds the electrons
that the atoms bring to it. How many each element brings (10 of platinum, 6 less 2 deep ones of oxygen) is learned from computed spectra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.compositions import Compositions
from dosmith.errors import OptionError
from dosmith.spectra.code import Coded
from dosmith.spectra.grid import EnergyGrid

FloatArray = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_RIDGE = 1e-2
_ANOTHER_UNIT = 2.0
"""Factor between a stated number of states and that of the sum rule from which the curve is in another unit than states/eV/cell."""


def agreement(wanted: float, states: FloatArray) -> FloatArray:
    """The smaller number of states over the larger, 0 where it is unknown, shape as of `states`.

    >>> agreement(8.0, np.array([8.0, 4.0, 16.0, np.nan])).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    larger = np.maximum(states, wanted)
    found = np.divide(np.minimum(states, wanted), larger, out=np.zeros_like(larger), where=larger > 0)
    return np.asarray(np.nan_to_num(found))


@dataclass(frozen=True, eq=False)
class Electrons:
    """What elements bring to the states below the energy zero within the window.

    Attributes:
        of_element: electrons of an atom, by atomic number, NaN where no spectrum tells, shape (118 + 1,).
        grid: energies of the spectra.
    """

    of_element: FloatArray
    grid: EnergyGrid

    @classmethod
    def learned(cls, compositions: Compositions, vectors: FloatArray, states: FloatArray, grid: EnergyGrid) -> Electrons:
        """By least squares from computed spectra.

        Args:
            compositions: of M crystals.
            vectors: their spectra, shape (M, points).
            states: states per atom within the window, NaN where unknown, shape (M,).
            grid: energies of the vectors.
        """
        known = np.isfinite(states)
        shares = _shares(compositions)[known]
        held = states[known] * _filled(vectors[known], grid)
        found = np.linalg.solve(shares.T @ shares + _RIDGE * np.eye(shares.shape[1]), shares.T @ held)
        return cls(np.where(shares.any(axis=0), np.maximum(found, 0.0), np.nan), grid)

    def states(self, compositions: Compositions, vectors: Floats | Coded) -> FloatArray:
        """States per atom within the window by the sum rule, NaN where an element is unknown or nothing is filled, shape (M,).

        Args:
            compositions: of M crystals.
            vectors: shapes of their spectra, in any unit, shape (M, points), or as codes.
        """
        shares, filled = _shares(compositions), _filled(vectors, self.grid)
        held = shares @ np.nan_to_num(self.of_element)
        held[(shares[:, np.isnan(self.of_element)] > 0).any(axis=1)] = np.nan
        return np.asarray(np.divide(held, filled, out=np.full(len(held), np.nan), where=filled > 1e-3))

    def believed(self, compositions: Compositions, vectors: FloatArray, states: FloatArray) -> FloatArray:
        """Stated numbers of states per atom, NaN where the sum rule shows that they are in another unit; shapes as in `states`."""
        by_rule = self.states(compositions, vectors)
        apart = np.abs(np.log(np.where(states > 0, states, np.nan) / by_rule))
        return np.where(np.nan_to_num(apart) <= np.log(_ANOTHER_UNIT), states, np.nan)


@dataclass(frozen=True, eq=False)
class Count:
    """The number that a likeness counts.

    Attributes:
        wanted: the target's states per atom within the window, or those of its primitive cell.
        electrons: what tells the numbers of predicted spectra.
        origin: where the target's comes from, in words.
        per_cell: whether they are those of a primitive cell, of which nobody knows how many atoms it has.
    """

    wanted: float
    electrons: Electrons
    origin: str = "as its source has them"
    per_cell: bool = False

    def __str__(self) -> str:
        return f"{self.wanted:.2f} states per {'primitive cell' if self.per_cell else 'atom'}, {self.origin}"

    def of_cells(self, states: FloatArray, sites: NDArray[np.number]) -> FloatArray:
        """States per atom as this counts them, with the atoms in each crystal's primitive cell, shape (M,)."""
        return np.asarray(states * sites if self.per_cell else states)


def counted(
    states: float | None,
    composition: formulas.Composition | None,
    vector: FloatArray,
    electrons: Electrons,
    of_cell: float | None = None,
) -> Count:
    """The number of a target.

    Args:
        states: per atom within the window, as its source states them; None where it does not.
        composition: None where it is unknown.
        vector: standard vector, shape (points,).
        electrons: of the elements.
        of_cell: states within the window in the curve's own unit: what counts where nothing tells the atoms; None where that is to be refused.

    Raises:
        OptionError: nothing tells it.
    """
    stated = np.nan if states is None else states
    if composition is not None:
        table = Compositions.of([composition])
        stated = float(electrons.believed(table, vector[None], np.array([stated]))[0])
        if np.isnan(stated) and np.isfinite(by_rule := float(electrons.states(table, vector[None])[0])):
            return Count(by_rule, electrons, "by the electrons of its elements")
    if not stated > 0 and composition is None and of_cell is not None and of_cell > 0:
        return Count(of_cell, electrons, "if the curve is in states/eV of a primitive cell", per_cell=True)
    if not stated > 0:
        raise OptionError(
            "the target has no absolute scale, since nothing tells which and how many atoms its curve is of: give a formula, an id"
            " or a file with its crystal, or leave --count out (--rank-by identity --count takes a curve in states/eV of a primitive cell)"
        )
    return Count(stated, electrons)


def _shares(compositions: Compositions) -> FloatArray:
    """The share of each element in the atoms, by atomic number, shape (M, 118 + 1)."""
    found = np.zeros((len(compositions), formulas.HEAVIEST + 1))
    np.put_along_axis(found, compositions.elements, compositions.counts.astype(np.float64), axis=1)
    found[:, 0] = 0.0  # no element
    return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1.0))


def _filled(vectors: Floats | Coded, grid: EnergyGrid) -> FloatArray:
    """The share of states below the energy zero, shape (M,)."""
    held, whole = (np.asarray(vectors @ mask, dtype=np.float64) for mask in ((grid.energies <= 1e-9) * 1.0, np.ones(grid.points)))
    return np.asarray(np.divide(held, whole, out=np.zeros(len(whole)), where=whole > 0))
