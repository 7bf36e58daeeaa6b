"""Prototypes filled with elements: which suit a composition, at which volume; without a relaxation.

Of the prototypes with the right counts those come first whose own crystal is most like the one that is asked for: by the radii of the
elements on its sites, by their electronegativities, and by electrons per atom (the rules of Hume-Rothery and of Laves; A. R. Miedema,
J. Less-Common Met. 32, 117 (1973)). The volume is the one at which bonds are as long as those of the elements are
(pymatgen's DLS predictor: I.-H. Chu et al., Comput. Mater. Sci. 146, 184 (2018)), corrected by what the survey's crystals have.
"""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.aflow import aflow_prototypes
from dosmith.crystals.potential import ELEMENTAL, Potential, Relaxed
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.element_facts import valence_electrons
from dosmith.errors import NotFoundError
from dosmith.formulas import Composition

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

ATOMS = 24
"""In the primitive cell of a prototype, at most."""
_START = 15.0  # Angstrom^3/atom; the predictor begins there
_LEARNED = 1500  # crystals of the survey by which the predictor is corrected
_RIDGE = 0.1
_TRUST = 0.5  # in the correction: the survey's crystals are close-packed more often than others
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

    def structure(self, elements: Sequence[str], volume: float = _START) -> Structure:
        """The crystal with these elements, at a volume in Angstrom^3/atom."""
        if self.name in PROTOTYPES:
            return PROTOTYPES[self.name].structure(elements, volume)
        return aflow_prototypes()[self.name].structure(elements, volume)


@lru_cache(maxsize=1)
def patterns(atoms: int = ATOMS) -> tuple[Pattern, ...]:
    """Dosmith's prototypes and those of AFLOW with up to so many atoms; what both have comes once, as dosmith's."""
    own = [Pattern(each.name, each.counts) for each in PROTOTYPES.values()]
    names = {each.aflow for each in PROTOTYPES.values()}
    found = []
    for each in aflow_prototypes().values():
        if each.name not in names and len(each.original) <= atoms:
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
                found.append((unlikeness(pattern, order), pattern, order))
    found.sort(key=lambda each: each[0])
    return [(pattern, order) for _, pattern, order in found[:most]]


def unlikeness(pattern: Pattern, elements: Sequence[str]) -> float:
    """How unlike the pattern's own crystal a filling is; small numbers are likely. Patterns without one count as middling."""
    if not pattern.known:
        return 1.0
    here, there = (_view(tuple(each), pattern.counts) for each in (elements, pattern.known))
    return float(np.abs(here - there) @ _spread(len(elements)))


def nearest(symbol: str, symbols: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The elements most like one, by radius, electronegativity and valence electrons."""

    def apart(other: str) -> float:
        size = abs(float(np.log(_radius(other) / _radius(symbol))))
        pull = abs(_electronegativity(other) - _electronegativity(symbol))
        electrons = abs(valence_electrons(other) - valence_electrons(symbol))
        return _WEIGHTS[0] * size + _WEIGHTS[1] * pull + _WEIGHTS[2] * electrons

    return tuple(sorted(symbols, key=apart)[:most])


@cache
def _spread(count: int) -> FloatArray:
    return np.array([_WEIGHTS[0] / count] * count + [_WEIGHTS[1] / count] * count + [_WEIGHTS[2]])


@lru_cache(maxsize=65536)
def _view(elements: tuple[str, ...], counts: tuple[int, ...]) -> FloatArray:
    """Logarithms of radii against their mean, electronegativities against theirs, electrons per atom."""
    radii = np.log([_radius(each) for each in elements])
    pull = np.array([_electronegativity(each) for each in elements])
    share = np.array(counts) / sum(counts)
    electrons = share @ [valence_electrons(each) for each in elements]
    return np.concatenate([radii - share @ radii, pull - share @ pull, [electrons]])


@lru_cache(maxsize=128)
def _radius(symbol: str) -> float:
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float((element.metallic_radius if element.is_metal else None) or element.atomic_radius or 1.5)


@lru_cache(maxsize=128)
def _electronegativity(symbol: str) -> float:
    from pymatgen.core.periodic_table import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = Element(symbol).X
    return 2.5 if value != value else float(value)


@lru_cache(maxsize=1)
def _predictor() -> Any:
    from pymatgen.core.structure_prediction.volume_predictor import DLSVolumePredictor

    return DLSVolumePredictor()  # type: ignore[no-untyped-call]


def volume_of(structure: Structure) -> float:
    """The volume that a crystal should have, Angstrom^3/atom, whatever it has: as a rule within a fourth of the measured one.

    Raises:
        NotFoundError: nothing is known of the bonds of its elements.
    """
    composition = formulas.reduce((site.specie.symbol, 1) for site in structure)
    return _bonded_volume(structure) * float(np.exp(_TRUST * (_features(composition) @ _correction())))


@lru_cache(maxsize=1)
def _correction() -> FloatArray:
    """What the survey's crystals, at rest in the potential, say of the predictor's volumes: coefficients of `_features` for their logarithm."""
    from dosmith.crystals.survey import shipped_survey

    stable = [each for found in shipped_survey().crystals.values() for each in found if each.formation_energy < 0]
    chosen = np.random.default_rng(0).permutation(len(stable))[:_LEARNED]
    rows, ratios = [], []
    for each in (stable[place] for place in chosen):
        with contextlib.suppress(NotFoundError):
            ratios.append(np.log(each.volume / _bonded_volume(each.structure)))
            rows.append(_features(each.composition))
    if not rows:  # an installation without survey
        return np.zeros(len(_features((("Na", 1), ("Cl", 1)))))
    matrix = np.array(rows)
    return np.asarray(np.linalg.solve(matrix.T @ matrix + _RIDGE * np.eye(matrix.shape[1]), matrix.T @ np.array(ratios)))


@lru_cache(maxsize=65536)
def _features(composition: Composition) -> FloatArray:
    """Shares of the elements by atomic number, the same times the spread of electronegativities, this spread and its square."""
    total = sum(count for _, count in composition)
    shares, pull = np.zeros(formulas.HEAVIEST + 1), np.zeros(formulas.HEAVIEST + 1)
    for symbol, count in composition:
        place = formulas.atomic_number(symbol)
        shares[place], pull[place] = count / total, _electronegativity(symbol)
    spread = float(np.sqrt(shares @ (pull - shares @ pull) ** 2))
    return np.concatenate([shares, shares * spread, [spread, spread**2]])


def _bonded_volume(structure: Structure) -> float:
    """The predictor's own volume; errors as of `volume_of`."""
    scaled = structure.copy()
    scaled.scale_lattice(_START * len(structure))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(_predictor().predict(scaled)) / len(structure)
    except (ValueError, KeyError, ZeroDivisionError) as error:
        raise NotFoundError(f"no volume can be told of {structure.composition.reduced_formula} ({error})") from None


def filled(composition: Composition, potential: Potential, most: int = 8) -> Iterator[tuple[str, Structure, float]]:
    """Crystals that a composition may have, with their prototype and energy in the potential, eV/atom; those that cannot be are left out.

    Args:
        composition: reduced.
        potential: one evaluation for each.
        most: prototypes tried.
    """
    for pattern, elements in fillings(composition, most):
        try:
            made = pattern.structure(elements)
            made.scale_lattice(volume_of(made) * len(made))
            energy = potential.energy(made)
            if potential.could_be(Relaxed(made, energy)):
                yield pattern.name, symmetry.primitive(made), energy
        except NotFoundError:
            continue
