"""Prototypes filled with elements: which suit a composition, at which volume; without a relaxation.

Of the prototypes with the right counts those come first whose own crystal is most like the one that is asked for: by the radii of the
elements on its sites, by their electronegativities, and by electrons per atom (the rules of Hume-Rothery and of Laves; A. R. Miedema,
J. Less-Common Met. 32, 117 (1973)). The volume is the one at which bonds are as long as those of the elements are
(pymatgen's DLS predictor: I.-H. Chu et al., Comput. Mater. Sci. 146, 184 (2018)).
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.aflow import aflow_prototypes
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.potential import ELEMENTAL, Potential, Relaxed, measured_volume
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.survey import shipped_survey
from dosmith.element_facts import valence_electrons
from dosmith.errors import NotFoundError
from dosmith.formulas import Composition

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

ATOMS = 24
"""In the primitive cell of a prototype, at most."""
_START = 15.0  # Angstrom^3/atom
_NONMETALS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})
_NEAR = 2.4  # cube roots of the volume per atom
KNOWN = {
    **{"A1": ("Cu",), "A2": ("W",), "A3": ("Mg",), "A4": ("Si",), "B1": ("Na", "Cl"), "B2": ("Cs", "Cl"), "B3": ("Zn", "S")},
    **{"B4": ("Zn", "S"), "B_h": ("W", "C"), "B8_1": ("Ni", "As"), "C1": ("F", "Ca"), "C15": ("Cu", "Mg"), "C32": ("B", "Al")},
    **{"C14": ("Zn", "Mg"), "L1_2": ("Cu", "Au"), "D0_3": ("Fe", "Al"), "D0_9": ("O", "Re"), "A15": ("Cr", "Si")},
    **{"D0_19": ("Ni", "Sn"), "E2_1": ("Sr", "Ti", "O"), "C1_b": ("Ti", "Ni", "Sn"), "L2_1": ("Cu", "Mn", "Al")},
}
"""The crystals that dosmith's prototypes are known from, elements on sites A, B, C."""
_WEIGHTS = (8.0, 2.0, 0.4)
"""Of relative radii, electronegativities and electrons per atom in the difference of two fillings."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """A prototype with the crystal that it is known from.

    Attributes:
        name: Strukturbericht symbol, or AFLOW label.
        counts: of the atoms on its kinds of sites.
        known: the elements on these in crystals that have it; empty where none is given.
    """

    name: str
    counts: tuple[int, ...]
    known: tuple[str, ...] = ()

    @property
    def space_group(self) -> int:
        """Its number."""
        return kind_of(self.name).space_group

    def structure(self, elements: Sequence[str], volume: float = _START) -> Structure:
        """The crystal with these elements, at a volume in Angstrom^3/atom."""
        return kind_of(self.name).structure(elements, volume)


@lru_cache(maxsize=1)
def patterns(atoms: int = ATOMS) -> tuple[Pattern, ...]:
    """Dosmith's prototypes and those of AFLOW with up to so many atoms; what both have comes once, as dosmith's."""
    own = [Pattern(each.name, each.counts, KNOWN.get(each.name, ())) for each in PROTOTYPES.values()]
    names = {each.aflow for each in PROTOTYPES.values()}
    found = []
    for each in aflow_prototypes().values():
        if each.name not in names and len(each.species) <= 4 * atoms and len(each.original) <= atoms:
            found.append(Pattern(each.name, each.counts, each.symbols))
    return (*own, *found)


def originals(composition: Composition) -> list[tuple[str, Structure]]:
    """The crystals of a composition that AFLOW's prototypes were read off, as they are known; by label."""
    found = []
    for name, each in aflow_prototypes().items():
        if formulas.reduce(zip(each.symbols, each.counts, strict=True)) == composition:
            found.append((name, each.original))
    return found


def fillings(composition: Composition, most: int | None = None) -> list[tuple[Pattern, tuple[str, ...]]]:
    """Prototypes with the elements of a composition on their sites, the likeliest first.

    Args:
        composition: reduced.
        most: how many at most; all when None.
    """
    found: list[tuple[float, Pattern, tuple[str, ...]]] = []
    total = sum(count for _, count in composition)
    for pattern in patterns():
        if (pattern.name in ELEMENTAL or len(pattern.counts) == 1) != (len(composition) == 1):
            continue
        scale, rest = divmod(sum(pattern.counts), total)
        wanted = {symbol: count * scale for symbol, count in composition}
        if rest or sorted(wanted.values()) != sorted(pattern.counts):
            continue
        for order in itertools.permutations(wanted):
            if all(wanted[symbol] == count for symbol, count in zip(order, pattern.counts, strict=True)):
                found.append((unlikeness(pattern, [[symbol] for symbol in order]).item(), pattern, order))
    found.sort(key=lambda each: each[0])
    return [(pattern, order) for _, pattern, order in found[:most]]


def unlikeness(pattern: Pattern, choices: Sequence[Sequence[str]]) -> FloatArray:
    """How unlike the pattern's own crystal fillings are; small numbers are likely. Patterns without one count as middling.

    Args:
        pattern: that is filled.
        choices: elements to choose from for each kind of site.

    Returns:
        one number for each choice, an axis for each kind of site.
    """
    shape = tuple(map(len, choices))
    if not pattern.known:
        return np.ones(shape)
    kinds = len(choices)
    shares = np.array(pattern.counts) / sum(pattern.counts)
    found = np.zeros(shape)
    facts: tuple[Callable[[str], float], ...] = (_size, _electronegativity, _electrons)
    for weight, fact in zip(_WEIGHTS, facts, strict=True):
        own = np.array([fact(symbol) for symbol in pattern.known])
        axes = [
            np.reshape([fact(s) for s in each], [-1 if n == k else 1 for k in range(kinds)]) for n, each in enumerate(choices)
        ]
        mean = np.zeros(shape) + sum(share * values for share, values in zip(shares, axes, strict=True))
        if fact is _electrons:
            found += weight * np.abs(mean - shares @ own)
            continue
        for values, known in zip(axes, own, strict=True):
            found += weight / kinds * np.abs(values - mean - (known - shares @ own))
    return found


def nearest(symbol: str, symbols: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The elements most like one, by radius, electronegativity and valence electrons."""

    def apart(other: str) -> float:
        size = abs(float(np.log(_radius(other) / _radius(symbol))))
        pull = abs(_electronegativity(other) - _electronegativity(symbol))
        electrons = abs(valence_electrons(other) - valence_electrons(symbol))
        return _WEIGHTS[0] * size + _WEIGHTS[1] * pull + _WEIGHTS[2] * electrons

    return tuple(sorted(symbols, key=apart)[:most])


def _size(symbol: str) -> float:
    return float(np.log(_radius(symbol)))


def _electrons(symbol: str) -> float:
    return float(valence_electrons(symbol))


@lru_cache(maxsize=128)
def _radius(symbol: str) -> float:
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if element.is_noble_gas:
            return float(element.van_der_waals_radius)
        return float((element.metallic_radius if element.is_metal else None) or element.atomic_radius or 1.5)


@lru_cache(maxsize=128)
def _electronegativity(symbol: str) -> float:
    from pymatgen.core.periodic_table import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = Element(symbol).X
    return 2.5 if value != value else float(value)


def volume_of(pattern: Pattern, elements: Sequence[str]) -> float:
    """The volume that a prototype should have with these elements, Angstrom^3/atom: that of a known crystal, changed as bond lengths are.

    The known crystal is the survey's with the same elements or the likest that it has, else the one that the prototype was read off. What
    touches first decides, by the data-mined radii of I.-H. Chu et al., Comput. Mater. Sci. 146, 184 (2018).

    >>> round(volume_of(next(each for each in patterns() if each.name == "B1"), ("Na", "Cl")))
    23
    """
    size = touching(pattern, elements)
    if (found := _like(pattern, elements)) is None:
        return size**3
    like, volume = found
    larger = (size / touching(pattern, like)) ** 3
    if not _NONMETALS.intersection(
        (*elements, *like)
    ):  # those of metals also change as in the elements (Zen's law): between the two
        larger = (larger * _atoms(pattern, elements) / _atoms(pattern, like)) ** 0.5
    return volume * larger


def _atoms(pattern: Pattern, elements: Sequence[str]) -> float:
    return sum(count * measured_volume(symbol) for symbol, count in zip(elements, pattern.counts, strict=True))


def touching(pattern: Pattern, elements: Sequence[str]) -> float:
    """The cube root of the volume per atom at which the first atoms touch, Angstrom."""
    pulls = np.array([_electronegativity(symbol) for symbol in elements])
    shares = np.array(pattern.counts) / sum(pattern.counts)
    spread = float(np.sqrt(max(shares @ pulls**2 - (shares @ pulls) ** 2, 0.0)))
    radii = np.array([start + change * spread for start, change in map(_bond_radius, elements)])
    return float(((radii[:, None] + radii) / contacts(pattern)).max())


@cache
def contacts(pattern: Pattern) -> FloatArray:
    """Least distances between the atoms of every two kinds of sites at 1 Angstrom^3/atom, shape (kinds, kinds); inf where none are near."""
    kinds = ("H", "He", "Li", "Be", "B")[: len(pattern.counts)]
    structure = pattern.structure(kinds, 1.0)
    first, second, _, lengths = structure.get_neighbor_list(_NEAR, exclude_self=True)
    kind = np.array([kinds.index(site.specie.symbol) for site in structure])
    found = np.full((len(kinds), len(kinds)), np.inf)
    np.minimum.at(found, (kind[first], kind[second]), lengths)
    found.flags.writeable = False
    return found


def _like(pattern: Pattern, elements: Sequence[str]) -> tuple[tuple[str, ...], float] | None:
    """Elements with which the volume of a prototype is known, Angstrom^3/atom."""
    if pattern.name not in PROTOTYPES:
        original = aflow_prototypes()[pattern.name].original
        return pattern.known, original.volume / len(original)
    crystals = shipped_survey().crystals
    surveyed = tuple(sorted(crystals.elemental_energies))
    for like in (
        (tuple(elements), tuple(s if s in surveyed else nearest(s, surveyed, 1)[0] for s in elements)) if surveyed else ()
    ):
        if (volume := crystals.volumes.get((pattern.name, like))) is not None:
            return like, volume
    return None


@lru_cache(maxsize=128)
def _bond_radius(symbol: str) -> tuple[float, float]:
    """Angstrom, and how much of it changes with the spread of electronegativities in the crystal."""
    from pymatgen.core.structure_prediction.volume_predictor import bond_params

    known = bond_params.get(symbol)
    if known is None or known["r"] <= 0:  # argon's was fitted to nothing
        return _radius(symbol), 0.0
    return float(known["r"]), float(known["k"])


def filled(composition: Composition, potential: Potential, most: int = 8) -> Iterator[tuple[str, Structure, float]]:
    """Crystals that a composition may have, with their prototype and energy in the potential, eV/atom; those that cannot be are left out.

    Args:
        composition: reduced.
        potential: one evaluation for each.
        most: prototypes tried.
    """
    for pattern, elements in fillings(composition, most):
        try:
            made = pattern.structure(elements, volume_of(pattern, elements))
            energy = potential.energy(made)
            if potential.could_be(Relaxed(made, energy)):
                yield pattern.name, symmetry.primitive(made), energy
        except NotFoundError:
            continue
