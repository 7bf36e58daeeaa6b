"""Choosing among candidates: what speaks for and against each, filters, ranks, and the best compromises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dosmith.constraints import MERITS
from dosmith.crystals.stability import Judge
from dosmith.designs import Design
from dosmith.element_facts import Supply
from dosmith.errors import ConstraintError, SpectrumError, did_you_mean
from dosmith.question import IDENTITY
from dosmith.records import Candidate
from dosmith.spectra.descriptors import Descriptors, describe, of_curves
from dosmith.spectra.shape import band_centres, densities_at_zero

FloatArray = NDArray[np.float64]

BETTER_HIGH = frozenset(
    {"similarity", "probability", "p_match", "p_exists", "abundance", "gap", "spin_polarisation", "half_metallic_gap"}
)
"""Merits of which more is better when ranking; of all others less is."""
COMPROMISE = ("similarity", "above_hull", "price")
"""Merits among which the best compromises are sought."""
MARGIN = 8
"""Candidates examined for each that is wanted, where they are ranked anew."""


@dataclass(frozen=True)
class PlainMerits:
    """What speaks for and against a candidate, as far as no projections are needed; None where nothing is known.

    Attributes:
        formula: reduced.
        similarity: to the target.
        probability: that it matches the target, in its DOS and its gap, and exists.
        p_match: that it matches.
        p_exists: that it lies within 0.1 eV/atom of the hull.
        formation_energy: of the candidate, else CHGNet's, eV/atom.
        above_hull: from the best source there is, as of the candidate, eV/atom.
        dft_formation_energy: density-functional theory, eV/atom, of a crystal in the library.
        dft_above_hull: among the crystals of the library, eV/atom.
        price: of the elements, USD/kg, 2013.
        abundance: of the rarest element in the Earth's crust, mg/kg.
        production: Herfindahl-Hirschman index of production, 0 to 10,000.
        reserves: the same of reserves.
        supply_risk: how easily the supply of the elements may fail, from 0 to 100; see `element_facts`.
        gap: as computed, or as expected of a predicted crystal, eV.
        band_centre: mean energy of the total DOS from -7.5 eV to the energy zero, eV: of late transition metals it follows
            the d-band centre, but s and p states count in it, and it is not projected.
        dos_at_fermi: mean DOS within 0.15 eV of the energy zero, of a curve of unit area, 1/eV.
        poisonous: elements, with blanks between.
        radioactive: elements, with blanks between.
        compromise: whether no other candidate is at least as good in similarity, stability and price, and better in one.
    """

    formula: str
    similarity: float | None
    probability: float | None
    p_match: float | None
    p_exists: float | None
    formation_energy: float | None
    above_hull: float | None
    dft_formation_energy: float | None
    dft_above_hull: float | None
    price: float | None
    abundance: float | None
    production: float | None
    reserves: float | None
    supply_risk: float | None
    gap: float | None
    band_centre: float | None
    dos_at_fermi: float | None
    poisonous: str
    radioactive: str
    compromise: bool = False


@dataclass(frozen=True)
class Merits(Descriptors, PlainMerits):  # a dataclass has the fields of its last base first
    """What speaks for and against a candidate, the descriptors of its bands and spins last; None where nothing is known."""


def merits(design: Design, judge: Judge) -> list[Merits]:
    """The merits of each candidate of a design, in order; the best compromises are marked."""
    found = []
    for candidate in design.candidates:
        judged = judge.composition(candidate.composition, candidate.crystal_system, candidate.prototype)
        crystal, supply = judged.crystal, Supply.of(candidate.composition)
        curve = curve_of(design, candidate)
        centre, at_zero = (None, None) if curve is None else _shape(design.energies, curve)
        computed = crystal.computed if crystal else None
        found.append(
            Merits(
                formula=candidate.formula,
                similarity=candidate.similarity,
                probability=candidate.probability,
                p_match=candidate.p_match,
                p_exists=candidate.p_exists,
                formation_energy=crystal.formation_energy
                if crystal and candidate.formation_energy is None
                else candidate.formation_energy,
                above_hull=candidate.above_hull,
                dft_formation_energy=computed.formation_energy if computed else None,
                dft_above_hull=computed.above_hull if computed else None,
                price=supply.price,
                abundance=supply.abundance,
                production=supply.production,
                reserves=supply.reserves,
                supply_risk=supply.supply_risk,
                gap=candidate.gap,
                band_centre=centre,
                dos_at_fermi=at_zero,
                **descriptors_of(design, candidate).as_dict(),
                poisonous=" ".join(supply.poisonous),
                radioactive=" ".join(supply.radioactive),
            )
        )
    best = compromises(found)
    return [replace(each, compromise=number in best) for number, each in enumerate(found)]


def curve_of(design: Design, candidate: Candidate) -> FloatArray | None:
    """The known or else predicted standard DOS of a candidate, 1/eV, shape (points,)."""
    if candidate.structure_id is not None:
        return np.asarray(design.curves[candidate.structure_id])
    proposal = design.predicted.get(candidate.formula)
    return None if proposal is None or proposal.vector is None else np.asarray(proposal.vector)


def descriptors_of(design: Design, candidate: Candidate) -> Descriptors:
    """Of the known or else predicted projections of a candidate; of a known one that is spin-polarised its spins too."""
    element = None if design.target.part is None else design.target.part.element
    if candidate.structure_id is not None:
        try:
            return describe(design.library.material(candidate.structure_id), design.target.standard.recipe, element)
        except SpectrumError:  # it covers too little of the window
            return Descriptors()
    proposal = design.predicted.get(candidate.formula)
    if proposal is None:
        return Descriptors()
    bands = of_curves(design.energies, proposal.parts, element) if proposal.parts else Descriptors()
    return replace(bands, half_metallic_gap=proposal.half_metallic_gap)


def _shape(energies: FloatArray, curve: FloatArray) -> tuple[float | None, float]:
    """Band centre (eV; None where no states are) and density at the energy zero, 1/eV."""
    centre = float(band_centres(energies, curve[None])[0])
    return None if np.isnan(centre) else centre, float(densities_at_zero(energies, curve[None])[0])


def compromises(found: Sequence[Merits], by: Sequence[str] = COMPROMISE) -> set[int]:
    """Places of those that no other one beats: the Pareto front. What lacks one of the merits takes no part."""
    signs = [1.0 if name in BETTER_HIGH else -1.0 for name in by]
    complete = {
        place: np.array([sign * round(float(getattr(each, name)), 3) for name, sign in zip(by, signs, strict=True)])
        for place, each in enumerate(found)
        if all(getattr(each, name) is not None for name in by)
    }
    return {
        place
        for place, own in complete.items()
        if not any((other >= own).all() and (other > own).any() for other in complete.values())
    }


def chosen(design: Design, found: Sequence[Merits], rank_by: str | None, top: int) -> tuple[Design, list[Merits]]:
    """The design with its candidates in the wanted order, the first `top` of them.

    Args:
        design: with more candidates than wanted.
        found: their merits.
        rank_by: a merit, best first; with a minus before it, worst first. None keeps the order of the design.
        top: how many are wanted.

    Raises:
        ConstraintError: there is no such merit.
    """
    places = list(range(len(found)))
    if rank_by is not None:
        name = rank_by.removeprefix("-")
        if name not in MERITS:
            words = (*MERITS, IDENTITY)
            raise ConstraintError(f"'{name}' is nothing to rank by; take one of {', '.join(words)}{did_you_mean(name, words)}")
        sign = (-1.0 if name in BETTER_HIGH else 1.0) * (-1.0 if rank_by.startswith("-") else 1.0)
        values = [getattr(each, name) for each in found]
        places.sort(key=lambda place: (values[place] is None, sign * (values[place] or 0.0)))
    places = places[:top]
    kept = [found[place] for place in places]
    best = compromises(kept)
    candidates = tuple(replace(design.candidates[place], rank=rank) for rank, place in enumerate(places, 1))
    return replace(design, candidates=candidates), [replace(each, compromise=number in best) for number, each in enumerate(kept)]
