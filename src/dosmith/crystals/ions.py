"""Known crystals with other ions on their sites, as data mining lets one expect.

An ion is replaced by others as the Inorganic Crystal Structure Database has them in each other's place (G. Hautier et al., Inorg. Chem. 50, 656
(2011), in pymatgen); charges must balance again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith import formulas
from dosmith.crystals.prototypes import crystal_id

if TYPE_CHECKING:
    from pymatgen.core.periodic_table import Species
    from pymatgen.core.structure import Structure

LIKELY = 3e-3
"""Least probability of an ion in another's place."""
OTHERS = 10
"""Ions tried in the place of each, likeliest first."""


@dataclass(frozen=True, eq=False)
class Seed:
    """A known crystal with charges.

    Attributes:
        prototype: its name.
        structure: primitive.
        ions: the species of each element.
    """

    prototype: str
    structure: Structure
    ions: dict[str, Species]


@dataclass(frozen=True)
class Candidate:
    """A seed with other ions.

    Attributes:
        id: formula and prototype.
        seed: its number.
        ions: what stands in the place of each element of the seed.
        likelihood: logarithm of the product of the probabilities.
    """

    id: str
    seed: int
    ions: tuple[tuple[str, Species], ...]
    likelihood: float


def charges(structure: Structure) -> dict[str, Species] | None:
    """The ion of each element; None where charges do not balance with whole numbers, one for each element."""
    from pymatgen.core.periodic_table import Species

    if len(structure.composition) < 2:
        return None
    guesses = structure.composition.oxi_state_guesses(max_sites=-1)
    if not guesses or not all(float(charge).is_integer() and charge for charge in guesses[0].values()):
        return None
    return {symbol: Species(symbol, int(charge)) for symbol, charge in guesses[0].items()}


def candidates(
    seeds: Sequence[Seed], elements: frozenset[str], likely: float = LIKELY, others_tried: int = OTHERS, most: int | None = None
) -> list[Candidate]:
    """All substitutions of all seeds with balanced charge, each crystal once, likeliest first.

    Args:
        seeds: known crystals.
        elements: that may take part.
        likely: least probability of an ion in another's place.
        others_tried: ions tried in the place of each.
        most: of one seed, the likeliest; all when None.
    """
    from pymatgen.core.structure_prediction.substitution_probability import SubstitutionProbability

    probability = SubstitutionProbability()  # type: ignore[no-untyped-call]
    species = [ion for ion in probability.species if ion.element.symbol in elements]
    others: dict[Species, list[tuple[Species, float]]] = {}
    best: dict[str, Candidate] = {}
    for number, seed in enumerate(seeds):
        for ion in seed.ions.values():
            if ion not in others:
                found = [(other, _probability(probability, ion, other)) for other in species]
                chosen = sorted((pair for pair in found if pair[1] >= likely), key=lambda pair: -pair[1])[:others_tried]
                others[ion] = chosen if any(other == ion for other, _ in chosen) else [(ion, 1.0), *chosen]
        counts = {symbol: int(count) for symbol, count in seed.structure.composition.get_el_amt_dict().items()}
        symbols = list(seed.ions)
        choices = [others[seed.ions[symbol]] for symbol in symbols]
        charge, logarithm = np.zeros(()), np.zeros(())
        for symbol, choice in zip(symbols, choices, strict=True):
            charge = charge[..., None] + counts[symbol] * np.array([float(ion.oxi_state or 0) for ion, _ in choice])
            logarithm = logarithm[..., None] + np.log([share for _, share in choice])
        places = np.argwhere(charge == 0)
        order = np.argsort(-logarithm[tuple(places.T)], kind="stable")[:most]
        for place in places[order].tolist():
            chosen_ions = [choice[at][0] for choice, at in zip(choices, place, strict=True)]
            put_in = [ion.element.symbol for ion in chosen_ions]
            if len(set(put_in)) < len(put_in) or not elements.issuperset(put_in):
                continue
            composition = formulas.reduce(zip(put_in, (counts[symbol] for symbol in symbols), strict=True))
            identifier = crystal_id(composition, seed.prototype)
            likelihood = sum(math.log(choice[at][1]) for choice, at in zip(choices, place, strict=True))
            if identifier not in best or likelihood > best[identifier].likelihood:
                best[identifier] = Candidate(identifier, number, tuple(zip(symbols, chosen_ions, strict=True)), likelihood)
    return sorted(best.values(), key=lambda candidate: (-candidate.likelihood, candidate.id))


def _probability(probability: Any, first: Species, second: Species) -> float:
    return float(probability.cond_prob(second, first)) if first in probability.species else 0.0
