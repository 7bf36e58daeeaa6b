"""Height above a convex hull of formation energies; and that of a potential, from the survey and a library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.crystals.survey import SurveyIndex
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.library.stability import CHGNET, FORMATION

CONTRADICTED = 0.7
"""eV/atom by which a formation energy in the potential must miss that of density-functional theory to be no part of the hull."""


_NOTHING = 1e-6
"""Share of the atoms below which a crystal is no part of a mixture."""
_MANY = 3_000
"""Mixtures that are still compared one by one."""


@dataclass(frozen=True)
class Height:
    """A crystal among those it could fall apart into.

    Attributes:
        above_hull: eV/atom; below zero when it is lower than everything known.
        rivals: what is stable at its composition, by share of the atoms: {"Pt": 0.5, "PtCo": 0.5}.
    """

    above_hull: float
    rivals: dict[str, float]


class Hull:
    """A convex hull of formation energies, all at one level.

    Args:
        energies: composition (reduced) and formation energy, eV/atom; elements have none.
    """

    def __init__(self, energies: Iterable[tuple[Composition, float]] = ()) -> None:
        self._lowest: dict[frozenset[str], dict[Composition, float]] = {}
        for composition, energy in energies:
            self._add(composition, energy)

    def _add(self, composition: Composition, energy: float) -> None:
        if len(composition) > 1:
            known = self._lowest.setdefault(frozenset(symbol for symbol, _ in composition), {})
            known[composition] = min(energy, known.get(composition, energy))

    def height(self, composition: Composition, formation_energy: float) -> Height:
        """Where a crystal stands.

        Args:
            composition: reduced.
            formation_energy: eV/atom, at the level of the hull.
        """
        hull, parts = self._lowest_mixture(composition)
        return Height(formation_energy - hull, {formulas.write(part): share for part, share in parts.items()})

    def above(self, composition: Composition, formation_energy: float) -> float:
        """`above_hull` of `height`.

        Args:
            composition: reduced.
            formation_energy: eV/atom, at the level of the hull.
        """
        return formation_energy - self._lowest_mixture(composition)[0]

    def _lowest_mixture(self, composition: Composition) -> tuple[float, dict[Composition, float]]:
        """The lowest mixture of known crystals at a composition: its energy (eV/atom), and their shares of the atoms.

        It holds at most as many crystals as there are elements, so of few elements all mixtures are compared; of more, where they
        would be too many, it is found by linear programming.
        """
        symbols = [symbol for symbol, _ in composition]
        known, energies = zip(*self._known(symbols), strict=True)
        counts = np.array([[dict(each).get(symbol, 0) for symbol in symbols] for each in [composition, *known]], dtype=np.float64)
        point, *corners = counts / counts.sum(axis=1, keepdims=True)
        if math.comb(len(corners), len(symbols)) > _MANY:
            from scipy.optimize import linprog

            shares = linprog(np.array(energies), A_eq=np.array(corners).T, b_eq=point).x
            parts = {each: float(share) for each, share in zip(known, shares, strict=True) if share > _NOTHING}
            return float(shares @ energies), parts
        mixtures = _choices(len(corners), len(symbols))
        vectors = np.array(corners)[mixtures]
        possible = np.abs(np.linalg.det(vectors)) > 1e-9
        shares = np.linalg.solve(
            vectors[possible].transpose(0, 2, 1), np.broadcast_to(point[:, None], (possible.sum(), len(symbols), 1))
        )[..., 0]
        inside = (shares > -1e-9).all(axis=1)
        shares, mixtures = shares[inside], mixtures[possible][inside]
        mixed = (shares * np.array(energies)[mixtures]).sum(axis=1)
        best = int(mixed.argmin())
        parts = {
            known[place]: float(share) for place, share in zip(mixtures[best], shares[best], strict=True) if share > _NOTHING
        }
        return float(mixed[best]), parts

    def _known(self, symbols: Sequence[str]) -> Iterator[tuple[Composition, float]]:
        """Compositions and energies within a chemical system, the elements first."""
        yield from ((((symbol, 1),), 0.0) for symbol in symbols)
        for size in range(2, len(symbols) + 1):
            for part in combinations(symbols, size):
                yield from self._lowest.get(frozenset(part), {}).items()


@lru_cache(maxsize=64)
def _choices(count: int, size: int) -> NDArray[np.intp]:
    """Every choice of that many out of a number of things, shape (choices, size)."""
    return np.array(list(combinations(range(count), size)), dtype=np.intp)


def potential_hull(survey: SurveyIndex, library: Library | None = None) -> Hull:
    """The hull of all that is known in the potential that a survey's formation energies are of.

    Args:
        survey: crystals in the potential.
        library: whose materials may carry their energies in it in their provenance.
    """
    told = [] if library is None else formation_energies(library, survey)
    wrong = set() if library is None else contradicted(library, told)
    rows = survey.rivals.rows
    energies = [
        (composition, energy)
        for composition, energy, prototype in zip(
            rows.compositions, rows.formation_energies.tolist(), rows.prototypes, strict=True
        )
        if not (wrong and (composition, prototype) in wrong) and np.isfinite(energy)
    ]
    if library is not None:
        energies += [
            (composition, formation)
            for composition, prototype, formation in zip(library.compositions, library.prototypes, told, strict=True)
            if formation is not None and (composition, prototype) not in wrong
        ]
    return Hull(energies)


def formation_energies(library: Library, survey: SurveyIndex) -> list[float | None]:
    """Formation energies of a library's materials in the potential of a survey, eV/atom; None where unknown."""
    if (potential := survey.rivals.rows.potential) != CHGNET:
        return [facts.get(FORMATION[potential]) for facts in library.provenances]
    energies = (facts.get("potential_energy") for facts in library.provenances)
    return [
        None if energy is None else survey.formation_energy(composition, energy)
        for composition, energy in zip(library.compositions, energies, strict=True)
    ]


def contradicted(library: Library, told: Sequence[float | None]) -> set[tuple[Composition, str | None]]:
    """Crystals (composition, prototype) of a library whose formation energy in a potential density-functional theory refutes.

    Args:
        library: with `formation_energy` (eV/atom) in its provenances, where it was computed.
        told: of the potential, of each material.
    """
    computed = (facts.get("formation_energy") for facts in library.provenances)
    return {
        (composition, prototype)
        for composition, prototype, formation, true in zip(library.compositions, library.prototypes, told, computed, strict=True)
        if formation is not None and true is not None and abs(formation - true) > CONTRADICTED
    }
