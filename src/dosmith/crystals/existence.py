"""The probability that a crystal can be made, from its height above a convex hull and from what that height is worth.

A crystal *exists* here when it lies within `WITHIN` of the hull of everything that density-functional theory knows. Heights
come from the set's own calculations where these have rivals to compare with, else from a potential; what each
is worth is measured against the set's own calculations by `benchmarks/existence.py`, which writes `existence.json`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.plausible import balance
from dosmith.errors import NotFoundError
from dosmith.formulas import Composition
from dosmith.kept import stamp
from dosmith.library import Library
from dosmith.library.stability import CHGNET, FORMATION
from dosmith.logistic import chance
from dosmith.shipped import shipped_folder

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

WITHIN = 0.1
"""eV/atom above the hull up to which a crystal counts as one that can be made."""
FILE = "existence.json"
_FARTHEST = 0.5  # eV/atom; beyond it little was measured
_USUAL = 0.05  # eV/atom
_SOMETHING = 1e-3  # eV/atom; lower is on the hull
MADE = frozenset({"element", "textbook", "prototype"})
"""Purposes of calculations of crystals that are known from experiment; those with other ions in a known crystal's place ("real") may not be."""
_SURE = 0.99
"""The probability of what is known from experiment."""
_AT_MOST = 0.98
"""No height says more: of crystals on a potential's hull so many lie within `WITHIN` of the true one (docs/crystals.md)."""


@dataclass(frozen=True)
class Existence:
    """What heights above a hull are worth where a potential is there to help: logits of existing.

    Attributes:
        potential: by height in the potential: intercept, height, its root, three elements or more, charges that balance, charges
            that do not (see `plausible.balance`).
        dft: by height in the set's own calculations: intercept, height, one over 1 + rivals, height in the potential, its root,
            charges as above.
        facts: how this was measured, plain values.
    """

    potential: tuple[float, ...]
    dft: tuple[float, ...]
    facts: Mapping[str, object] = field(default_factory=dict)

    def by_potential(self, heights: FloatArray, sizes: IntArray, balances: IntArray) -> FloatArray:
        """Probabilities by heights in the potential; arguments as of `potential_factors`, shape (N,)."""
        return np.minimum(chance(potential_factors(heights, sizes, balances) @ np.array(self.potential)), _AT_MOST)

    def by_dft(self, heights: FloatArray, rivals: IntArray, potential: FloatArray, balances: IntArray) -> FloatArray:
        """Probabilities by heights in the set's own calculations; arguments as of `dft_factors`, shape (N,)."""
        return np.minimum(chance(dft_factors(heights, rivals, potential, balances) @ np.array(self.dft)), _AT_MOST)


def potential_factors(heights: FloatArray, sizes: IntArray, balances: IntArray) -> FloatArray:
    """Factors of `Existence.potential`, shape (N, 6).

    Args:
        heights: in the potential, eV/atom, NaN where unknown, shape (N,).
        sizes: numbers of elements, shape (N,).
        balances: of charges, shape (N,).
    """
    above = np.clip(heights, 0.0, _FARTHEST)
    factors = (np.ones_like(above), above, np.sqrt(above), sizes >= 3, balances > 0, balances < 0)
    return np.stack([np.asarray(factor, dtype=np.float64) for factor in factors], axis=1)


def dft_factors(heights: FloatArray, rivals: IntArray, potential: FloatArray, balances: IntArray) -> FloatArray:
    """Factors of `Existence.dft`, shape (N, 7); a height that the potential does not tell is taken for a usual one.

    Args:
        heights: in the set's own calculations, eV/atom, NaN where unknown, shape (N,).
        rivals: other compositions in that hull, shape (N,).
        potential: heights in the potential, eV/atom, NaN where unknown, shape (N,).
        balances: of charges, shape (N,).
    """
    above = np.clip(heights, 0.0, _FARTHEST)
    beside = np.clip(np.where(np.isnan(potential), _USUAL, potential), 0.0, 0.5)
    factors = (np.ones_like(above), above, 1 / (1.0 + rivals), beside, np.sqrt(beside), balances > 0, balances < 0)
    return np.stack([np.asarray(factor, dtype=np.float64) for factor in factors], axis=1)


class HullEnergies(NamedTuple):
    """The energies of a potential's hull at compositions.

    Attributes:
        energies: eV/atom, NaN where unknown, shape (compositions,).
        potential: that they are of.
    """

    energies: FloatArray
    potential: str


def shipped_facts() -> object:
    """What changes `shipped_existence`, see `kept`."""
    try:
        return stamp(shipped_folder("survey") / FILE)
    except NotFoundError:
        return None


def no_hull(compositions: Sequence[Composition]) -> HullEnergies:
    """Where no hull is known."""
    return HullEnergies(np.full(len(compositions), np.nan), CHGNET)


@lru_cache(maxsize=2)
def shipped_existence(potential: str = CHGNET) -> Existence | None:
    """What was measured for a potential, as it comes with dosmith; None where an installation lacks it."""
    try:
        found = json.loads((shipped_folder("survey") / FILE).read_text(encoding="utf-8"))[potential]
        return Existence(tuple(found["potential"]), tuple(found["dft"]), found["facts"])
    except (NotFoundError, OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, eq=False)
class Heights:
    """How high N crystals lie above a hull.

    Attributes:
        above: eV/atom, never below 0, NaN where unknown, shape (N,).
        rivals: other compositions in the hull that hold no element besides, shape (N,).
        dft: whether the height is from density-functional theory, else from the potential, shape (N,).
        chances: the probabilities that the crystals exist, NaN where unknown, shape (N,).
    """

    above: FloatArray
    rivals: IntArray
    dft: NDArray[np.bool_]
    chances: FloatArray

    def at(self, rows: IntArray) -> Heights:
        """Those of some of the crystals."""
        return Heights(self.above[rows], self.rivals[rows], self.dft[rows], self.chances[rows])

    @classmethod
    def in_potential(
        cls, above: FloatArray, rivals: IntArray, sizes: IntArray, balances: IntArray, existence: Existence | None
    ) -> Heights:
        """Heights in the potential; arguments as of `potential_factors`, shapes (N,)."""
        chances = np.full(len(above), np.nan) if existence is None else existence.by_potential(above, sizes, balances)
        return cls(np.maximum(above, 0.0), rivals, np.zeros(len(above), dtype=np.bool_), chances)

    @classmethod
    def of_library(
        cls,
        library: Library,
        hull: Callable[[Sequence[Composition]], HullEnergies],
        worth: Callable[[str], Existence | None] = shipped_existence,
    ) -> Heights:
        """The heights of all materials of a library.

        A height in its own hull counts where there are rivals, or where it is above something; else that in the potential, if it is
        known. What is in the library since it is known from experiment exists.

        Args:
            library: with `formation_energy`, `energy_above_hull`, and what `FORMATION` names in its provenances, where known.
            hull: of a potential, at compositions.
            worth: what heights in a potential are worth.
        """
        compositions, above = library.compositions, library.stated("energy_above_hull")
        energies, name = hull(compositions)
        potential, existence = library.stated(FORMATION[name]) - energies, worth(name)
        computed = np.flatnonzero(~np.isnan(library.stated("formation_energy")))
        rivals = np.array(rivals_of(compositions, computed.tolist()), dtype=np.intp)
        dft = np.isfinite(above) & ((rivals > 0) | (above > _SOMETHING))
        chances = np.full(len(library), np.nan)
        if existence is not None:
            sizes = np.array([len(composition) for composition in compositions], dtype=np.intp)
            balances = np.array([balance(composition) for composition in compositions], dtype=np.intp)
            by_potential = existence.by_potential(potential, sizes, balances)
            chances = np.where(dft, existence.by_dft(above, rivals, potential, balances), by_potential)
            made = np.array([each.get("purpose") in MADE for each in library.provenances], dtype=np.bool_)
            chances[made & ~(above > WITHIN)] = _SURE
        return cls(np.maximum(np.where(dft, above, potential), 0.0), rivals, dft, chances)


def rivals_of(compositions: Sequence[Composition], computed: Sequence[int]) -> list[int]:
    """How many other compositions, of those computed, could compete with each: they hold no element besides.

    Of an element it is how many other crystals of it were computed.

    Args:
        compositions: N of them.
        computed: rows of those with an energy.
    """
    of_system: dict[frozenset[str], set[Composition]] = {}
    crystals: dict[Composition, int] = {}
    for row in computed:
        composition = compositions[row]
        of_system.setdefault(frozenset(symbol for symbol, _ in composition), set()).add(composition)
        crystals[composition] = crystals.get(composition, 0) + 1
    known: dict[Composition, int] = {}
    for composition in set(compositions):
        symbols = sorted(symbol for symbol, _ in composition)
        if len(symbols) == 1:
            known[composition] = max(crystals.get(composition, 0) - 1, 0)
            continue
        parts = (frozenset(part) for size in range(2, len(symbols) + 1) for part in itertools.combinations(symbols, size))
        known[composition] = sum(len(of_system.get(part, ())) for part in parts) - (composition in crystals)
    return [known[composition] for composition in compositions]
