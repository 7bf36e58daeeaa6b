"""Which elements are worth trying, and which ternaries chemistry lets one expect."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from dosmith import formulas
from dosmith.element_facts import valence_electrons
from dosmith.formulas import Composition
from dosmith.periodic_table import elements


def words(text: str) -> tuple[str, ...]:
    """A text cut at blanks."""
    return tuple(text.split())


ELEMENTS = words(
    "H Li Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag "
    "Cd In Sn Sb Te I Cs Ba Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi"
)
"""The elements that have the basis set DZVP-MOLOPT-SR-GTH, without the noble gases."""

_ANIONS = {"O": 2, "F": 1, "Cl": 1, "Br": 1, "I": 1, "S": 2, "Se": 2, "N": 3, "H": 1}
_BALANCED = frozenset(_ANIONS) - {"H"}  # hydrides of metals need not balance
_LARGE_CATIONS = words("Na K Rb Cs Ag Tl Mg Ca Sr Ba Cd Sn Pb Hg Sc Y In Bi")
_RADII = {("H", -1): 1.40, ("Sn", 2): 1.18}  # Angstrom; not in pymatgen's table
_TOLERANCE = (0.8, 1.1)  # Goldschmidt
_OCTAHEDRAL = 0.41  # least ratio of the radii of B and X

_HALF_FIRST = words("Li Na K Mg Ca Sr Ba Sc Y Ti Zr Hf V Nb Ta")
_HALF_SECOND = words("Be Mg Al Ga In Mn Fe Co Ni Cu Zn Ru Rh Pd Ag Cd Os Ir Pt Au")
_HALF_THIRD = words("N P As Sb Bi C Si Ge Sn Pb Al Ga In")
_HALF_ELECTRONS = (8, 18)

_FULL_DOUBLE = words("Li Mn Fe Co Ni Cu Ru Rh Pd Ag Ir Pt Au")
_FULL_FIRST = words("Li Mg Sc Y Ti Zr Hf V Nb Ta Cr Mn Fe Zn")
_FULL_SECOND = words("Al Ga In Si Ge Sn Pb As Sb Bi")

_METALS = words("Mg Al Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Y Zr Nb Mo Ru Rh Pd Ag Cd In Sn Hf Ta W Re Os Ir Pt Au")


def balance(composition: Composition) -> int:
    """Whether charges balance: 1 where they do, -1 where they do not, 0 of what holds none of N, O, F, S, Cl, Se, Br and I.

    Anions have their usual charges, everything else any that is common or that a crystal of the ICSD has (pymatgen's tables).

    >>> balance((("O", 2), ("Ti", 1))), balance((("O", 3), ("P", 1))), balance((("Ni", 1), ("Pt", 3)))
    (1, -1, 0)
    """
    charge = sum(count * _ANIONS[symbol] for symbol, count in composition if symbol in _BALANCED)
    if not charge:
        return 0
    sums = {0}
    for symbol, count in composition:
        if symbol not in _BALANCED:
            sums = {total + count * state for total in sums for state in _states(symbol)}
    return 1 if charge in sums else -1


@lru_cache(maxsize=128)
def _states(symbol: str) -> tuple[int, ...]:
    element = elements()[symbol]
    return tuple(sorted({*element.common, *element.icsd}))


def perovskites() -> Iterator[str]:
    """ABX3 whose charges balance and whose ionic radii fit a cubic perovskite."""
    cations = [(symbol, charge) for symbol in ELEMENTS for charge in _charges(symbol)]
    radii = {ion: _ionic_radius(*ion) for ion in [*cations, *((x, -charge) for x, charge in _ANIONS.items())]}
    for x, charge in _ANIONS.items():
        for a, b in itertools.permutations(cations, 2):
            if a[0] not in _LARGE_CATIONS or a[0] == b[0] or a[1] + b[1] != 3 * charge:
                continue
            large, small, anion = radii[a], radii[b], radii[x, -charge]
            tolerance = (large + anion) / (2**0.5 * (small + anion))
            if _TOLERANCE[0] <= tolerance <= _TOLERANCE[1] and small >= _OCTAHEDRAL * anion:
                yield _formula((a[0], 1), (b[0], 1), (x, 3))


def half_heuslers() -> Iterator[str]:
    """ABC with 8 or 18 valence electrons."""
    for three in itertools.product(_HALF_FIRST, _HALF_SECOND, _HALF_THIRD):
        if len(set(three)) == 3 and sum(valence_electrons(symbol) for symbol in three) in _HALF_ELECTRONS:
            yield _formula(*((symbol, 1) for symbol in three))


def full_heuslers() -> Iterator[str]:
    """A2BC of a late, an early and a main-group metal."""
    for a, b, c in itertools.product(_FULL_DOUBLE, _FULL_FIRST, _FULL_SECOND):
        if a != b:
            yield _formula((a, 2), (b, 1), (c, 1))


def tetragonal_alloys() -> Iterator[str]:
    """A2BC of any three metals."""
    for a in _METALS:
        for b, c in itertools.combinations([symbol for symbol in _METALS if symbol != a], 2):
            yield _formula((a, 2), (b, 1), (c, 1))


TERNARIES: dict[str, Callable[[], Iterator[str]]] = {
    "E2_1": perovskites,
    "C1_b": half_heuslers,
    "L2_1": full_heuslers,
    "P4/mmm AB2C": tetragonal_alloys,
}
"""Formulas by prototype."""


def _formula(*counts: tuple[str, int]) -> str:
    return formulas.write(formulas.reduce(counts))


def _charges(symbol: str) -> list[int]:
    element = elements()[symbol]
    return [charge for charge in element.common if charge > 0] if element.metal or symbol == "Ge" else []


def _ionic_radius(symbol: str, charge: int) -> float:
    """Shannon's, six neighbours, Angstrom."""
    if (symbol, charge) in _RADII:
        return _RADII[symbol, charge]
    from pymatgen.core.periodic_table import Species

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(Species(symbol, charge).ionic_radius or np.nan)
