"""Height above a convex hull of formation energies; and that of the CHGNet potential, from the survey and a library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.crystals.survey import SurveyIndex
from dosmith.formulas import Composition
from dosmith.library import Library

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram


CONTRADICTED = 0.7
"""eV/atom by which a formation energy in the potential must miss that of density-functional theory to be no part of the hull."""


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
        self._diagrams: dict[frozenset[str], PhaseDiagram] = {}
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
        formula = _entry(composition, 0.0).composition
        diagram = self._diagram(frozenset(symbol for symbol, _ in composition))
        hull = float(diagram.get_hull_energy_per_atom(formula))
        parts = {entry: float(share) for entry, share in diagram.get_decomposition(formula).items() if share > 1e-6}
        rivals = {formulas.write(formulas.reduce(_counts(entry.composition))): share for entry, share in parts.items()}
        return Height(formation_energy - hull, rivals)

    def above(self, composition: Composition, formation_energy: float) -> float:
        """`above_hull` of `height` for few elements, sooner: the lowest of all mixtures of as many crystals.

        Args:
            composition: reduced.
            formation_energy: eV/atom, at the level of the hull.
        """
        symbols = [symbol for symbol, _ in composition]
        known, energies = zip(*self._known(symbols), strict=True)
        counts = np.array([[dict(each).get(symbol, 0) for symbol in symbols] for each in [composition, *known]], dtype=np.float64)
        point, *corners = counts / counts.sum(axis=1, keepdims=True)
        mixtures = _choices(len(corners), len(symbols))
        vectors = np.array(corners)[mixtures]
        possible = np.abs(np.linalg.det(vectors)) > 1e-9
        shares = np.linalg.solve(
            vectors[possible].transpose(0, 2, 1), np.broadcast_to(point[:, None], (possible.sum(), len(symbols), 1))
        )
        inside = (shares > -1e-9).all(axis=(1, 2))
        mixed = (shares[inside, :, 0] * np.array(energies)[mixtures[possible][inside]]).sum(axis=1)
        return formation_energy - float(mixed.min())

    def _known(self, symbols: Sequence[str]) -> Iterator[tuple[Composition, float]]:
        """Compositions and energies within a chemical system, the elements first."""
        yield from ((((symbol, 1),), 0.0) for symbol in symbols)
        for size in range(2, len(symbols) + 1):
            for part in combinations(symbols, size):
                yield from self._lowest.get(frozenset(part), {}).items()

    def _diagram(self, system: frozenset[str]) -> PhaseDiagram:
        from pymatgen.analysis.phase_diagram import PhaseDiagram

        if system not in self._diagrams:
            entries = [_entry(*known) for known in self._known(sorted(system))]
            self._diagrams[system] = PhaseDiagram(entries)
        return self._diagrams[system]


@lru_cache(maxsize=64)
def _choices(count: int, size: int) -> NDArray[np.intp]:
    """Every choice of that many out of a number of things, shape (choices, size)."""
    return np.array(list(combinations(range(count), size)), dtype=np.intp)


def potential_hull(survey: SurveyIndex, library: Library | None = None) -> Hull:
    """The hull of all that is known in the potential.

    Args:
        survey: crystals in the potential.
        library: whose materials may carry `potential_energy` (eV/atom) in their provenance.
    """
    wrong = set() if library is None else contradicted(library, survey)
    energies = [
        (composition, crystal.formation_energy)
        for composition, crystals in survey.crystals.items()
        for crystal in crystals
        if (composition, crystal.prototype) not in wrong
    ]
    if library is not None:
        for formula, prototype, facts in zip(library.formulas, library.prototypes, library.provenances, strict=True):
            composition, energy = formulas.parse(formula), facts.get("potential_energy")
            formation = None if energy is None else survey.formation_energy(composition, energy)
            if formation is not None and (composition, prototype) not in wrong:
                energies.append((composition, formation))
    return Hull(energies)


def contradicted(library: Library, survey: SurveyIndex) -> set[tuple[Composition, str | None]]:
    """Crystals (composition, prototype) of a library whose formation energy in the potential density-functional theory refutes."""
    wrong = set()
    for formula, prototype, facts in zip(library.formulas, library.prototypes, library.provenances, strict=True):
        energy, computed = facts.get("potential_energy"), facts.get("formation_energy")
        if energy is not None and computed is not None:
            formation = survey.formation_energy(formulas.parse(formula), energy)
            if formation is not None and abs(formation - computed) > CONTRADICTED:
                wrong.add((formulas.parse(formula), prototype))
    return wrong


def _entry(composition: Composition, energy: float) -> Any:
    from pymatgen.analysis.phase_diagram import PDEntry
    from pymatgen.core.composition import Composition as Formula

    return PDEntry(Formula(dict(composition)), energy * sum(count for _, count in composition))


def _counts(formula: Any) -> list[tuple[str, int]]:
    return [(element.symbol, round(count)) for element, count in formula.items()]
