"""Choosing among candidates: what speaks for and against each, filters, ranks, and the best compromises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.stability import Judge
from dosmith.designs import Design
from dosmith.element_facts import Supply
from dosmith.errors import ConstraintError, SpectrumError, did_you_mean
from dosmith.records import Candidate
from dosmith.spectra.descriptors import Descriptors, describe, of_curves

FloatArray = NDArray[np.float64]

BETTER_HIGH = frozenset({"similarity", "probability", "abundance", "gap", "spin_polarisation", "half_metallic_gap"})
"""Merits of which more is better when ranking; of all others less is."""
COMPROMISE = ("similarity", "above_hull", "price")
"""Merits among which the best compromises are sought."""
MARGIN = 8
"""Candidates examined for each that is wanted, when some are filtered out."""
_VALENCE = -7.5  # eV; from here to the energy zero grid points count in the band centre
_AT_FERMI = 0.15  # eV to each side
_EMPTY = 0.01  # of the mean density: less is a gap


@dataclass(frozen=True)
class Merits:
    """What speaks for and against a candidate; None where nothing is known.

    Attributes:
        formula: reduced.
        similarity: to the target.
        probability: that the predicted DOS has a cosine above 0.9 to the target's.
        formation_energy: CHGNet potential, eV/atom.
        above_hull: in the potential, among survey and library, eV/atom.
        dft_formation_energy: density-functional theory, eV/atom, of a crystal in the library.
        dft_above_hull: among the crystals of the library, eV/atom.
        price: of the elements, USD/kg, 2013.
        abundance: of the rarest element in the Earth's crust, mg/kg.
        production: Herfindahl-Hirschman index of production, 0 to 10,000.
        reserves: the same of reserves.
        gap: as computed, eV; of a predicted DOS the width of the empty range at the energy zero.
        band_centre: mean energy of the total DOS from -7.5 eV to the energy zero, eV: of late transition metals it follows
            the d-band centre, but s and p states count in it, and it is not projected.
        dos_at_fermi: mean DOS within 0.15 eV of the energy zero, of a curve of unit area, 1/eV.
        poisonous: elements, with blanks between.
        radioactive: elements, with blanks between.
        compromise: whether no other candidate is at least as good in similarity, stability and price, and better in one.
        d_band_centre: of the projected d states, of the element that was asked for or of all; see `spectra.descriptors`, eV.
        d_band_width: of the same, eV.
        d_band_filling: share of them below the energy zero.
        d_band_upper_edge: eV.
        d_band_skewness: no unit.
        d_band_kurtosis: no unit.
        p_band_centre: of the p states of the most electronegative element, eV.
        spin_polarisation: at the Fermi level, of a known DOS with spins apart.
        half_metallic_gap: of its one spin that has a gap, eV; 0 where there is none.
    """

    formula: str
    similarity: float | None
    probability: float | None
    formation_energy: float | None
    above_hull: float | None
    dft_formation_energy: float | None
    dft_above_hull: float | None
    price: float | None
    abundance: float | None
    production: float | None
    reserves: float | None
    gap: float | None
    band_centre: float | None
    dos_at_fermi: float | None
    poisonous: str
    radioactive: str
    compromise: bool = False
    d_band_centre: float | None = None
    d_band_width: float | None = None
    d_band_filling: float | None = None
    d_band_upper_edge: float | None = None
    d_band_skewness: float | None = None
    d_band_kurtosis: float | None = None
    p_band_centre: float | None = None
    spin_polarisation: float | None = None
    half_metallic_gap: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


NUMBERS = tuple(field.name for field in fields(Merits) if "float" in str(field.type))
"""Merits that are numbers: what can be filtered and ranked by."""


def merits(design: Design, judge: Judge) -> list[Merits]:
    """The merits of each candidate of a design, in order; the best compromises are marked."""
    found = []
    for candidate in design.candidates:
        judged = judge.composition(candidate.composition, candidate.crystal_system, candidate.prototype)
        crystal, supply = judged.crystal, Supply.of(candidate.composition)
        curve = curve_of(design, candidate)
        computed = crystal.computed if crystal else None
        gap = None if curve is None else gap_of(design.energies, curve)
        if candidate.structure_id is not None:
            gap = design.library.gaps[design.library.row_of(candidate.structure_id)]
        found.append(
            Merits(
                formula=candidate.formula,
                similarity=candidate.similarity,
                probability=candidate.probability,
                formation_energy=crystal.formation_energy if crystal else None,
                above_hull=judged.height.above_hull if judged.height else None,
                dft_formation_energy=computed.formation_energy if computed else None,
                dft_above_hull=computed.above_hull if computed else None,
                price=supply.price,
                abundance=supply.abundance,
                production=supply.production,
                reserves=supply.reserves,
                gap=gap,
                band_centre=None if curve is None else band_centre(design.energies, curve),
                dos_at_fermi=None if curve is None else dos_at_fermi(design.energies, curve),
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
    return of_curves(design.energies, proposal.parts, element) if proposal is not None and proposal.parts else Descriptors()


def band_centre(energies: FloatArray, curve: FloatArray) -> float | None:
    """Mean energy of the points from -7.5 eV to the energy zero, eV; None when there are none."""
    inside = (energies >= _VALENCE) & (energies <= 0)
    weight = float(curve[inside].sum())
    return float((energies * curve)[inside].sum() / weight) if weight > 0 else None


def dos_at_fermi(energies: FloatArray, curve: FloatArray) -> float:
    """Mean density within 0.15 eV of the energy zero, in the unit of the curve."""
    return float(curve[np.abs(energies) <= _AT_FERMI + 1e-9].mean())


def gap_of(energies: FloatArray, curve: FloatArray) -> float:
    """Width of the empty range at or just above the energy zero, eV; 0 where there is none. Broadening makes it too small."""
    empty = curve < _EMPTY * curve.mean()
    start = int(np.searchsorted(energies, -1e-9))
    while start < len(empty) and not empty[start] and energies[start] < 0.5:  # the broadened edge of the valence band
        start += 1
    stop = start
    while stop < len(empty) and empty[stop]:
        stop += 1
    return float(energies[stop - 1] - energies[start]) if stop > start else 0.0


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


_CONDITION = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Condition:
    """A bound on a merit; what is unknown does not fulfil it."""

    name: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that a text such as ``price<5000`` states.

        Raises:
            ConstraintError: it is none.
        """
        match = _CONDITION.fullmatch(text)
        if match is None or match[1] not in NUMBERS:
            raise ConstraintError(f"'{text}' is no condition; write one as price<5000 with one of {', '.join(NUMBERS)}")
        return cls(match[1], match[2], float(match[3]))

    def holds(self, each: Merits) -> bool:
        """Whether a candidate fulfils it."""
        value = getattr(each, self.name)
        return value is not None and _COMPARE[self.sign](float(value), self.bound)


def chosen(
    design: Design, found: Sequence[Merits], conditions: Sequence[Condition], rank_by: str | None, top: int
) -> tuple[Design, list[Merits]]:
    """The design with the candidates that fulfil all conditions, in the wanted order, the first `top` of them.

    Args:
        design: with more candidates than wanted.
        found: their merits.
        conditions: all must hold.
        rank_by: a merit, best first; with a minus before it, worst first. None keeps the order of the design.
        top: how many are wanted.

    Raises:
        ConstraintError: there is no such merit, or no candidate fulfils the conditions.
    """
    places = [place for place, each in enumerate(found) if all(condition.holds(each) for condition in conditions)]
    if not places:
        raise ConstraintError(
            f"none of {len(found)} candidates fulfils {' and '.join(f'{c.name}{c.sign}{c.bound:g}' for c in conditions)};"
            " loosen a condition, or ask for more with --top"
        )
    if rank_by is not None:
        name = rank_by.removeprefix("-")
        if name not in NUMBERS:
            raise ConstraintError(
                f"'{name}' is nothing to rank by; take one of {', '.join(NUMBERS)}{did_you_mean(name, NUMBERS)}"
            )
        sign = (-1.0 if name in BETTER_HIGH else 1.0) * (-1.0 if rank_by.startswith("-") else 1.0)
        values = {place: getattr(found[place], name) for place in places}
        places.sort(key=lambda place: (values[place] is None, sign * (values[place] or 0.0)))
    places = places[:top]
    kept = [found[place] for place in places]
    best = compromises(kept)
    candidates = tuple(replace(design.candidates[place], rank=rank) for rank, place in enumerate(places, 1))
    return replace(design, candidates=candidates), [replace(each, compromise=number in best) for number, each in enumerate(kept)]
