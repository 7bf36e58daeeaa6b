"""The ranking while a curve is drawn: everything that does not depend on the curve is laid out in arrays beforehand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.comparison import Comparison, Judged
from dosmith.compositions import Compositions
from dosmith.constraints import Condition, Constraints
from dosmith.crystals.hull import Hull
from dosmith.crystals.prototypes import crystal_id
from dosmith.designer import Designer
from dosmith.designs import ALIKE
from dosmith.element_facts import prices_of
from dosmith.errors import ConstraintError, DosmithError, ModelError, OptionError, SpectrumError
from dosmith.models.tight_binding.atlas import Atlas
from dosmith.models.tight_binding.model import SURE, TightBindingModel
from dosmith.ranking import in_order, told
from dosmith.spectra.descriptors import Band, describe, of_curves
from dosmith.spectra.match import Gaps
from dosmith.spectra.parts import Part
from dosmith.spectra.standard import StandardSpectrum
from dosmith.spectra.zero import energy_zeros
from dosmith.targets import Target
from dosmith.web.materials import Materials
from dosmith.web.messages import Answer, BandOf, Curve, Heat, Kind, Query, Row, part_of, plain, wanted_gaps

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_TOGETHER = 32  # d bands that are read at once
_EVEN = 0.5
"""Probability below which a crystal is said to have another gap than is wanted."""


class Live:
    """Answers to drawn curves.

    Args:
        designer: a library and a model.
        here: ids of the library that were computed on this board.
        silent: why nothing is predicted; None where something is.
    """

    def __init__(self, designer: Designer, here: frozenset[str] = frozenset(), silent: str | None = None) -> None:
        self.designer, self.here, self.silent = designer, here, silent
        self.recipe = designer.model.recipe
        self._open = lru_cache(maxsize=64)(self._uncomputed)  # the same while a curve is dragged
        self._height = lru_cache(maxsize=None)(self._above_hull)
        self._known_d_bands: dict[str, float | None] = {}
        self._new_d_band = lru_cache(maxsize=None)(self._new_d_band_of)
        self._of_part = lru_cache(maxsize=8)(self._for_part)
        self._telling: tuple[list[str], frozenset[int]] | None = None

    def _for_part(self, part: Part) -> Live:
        try:
            return Live(self.designer.for_part(part), self.here)
        except (OptionError, SpectrumError) as error:
            why = "The model predicts no such states." if isinstance(error, OptionError) else _sentence(error)
            return Live(self.designer.known_of_part(part), self.here, why)

    def target(self, query: Query, name: str = "drawn", source: str = "drawn by hand") -> Target:
        """The drawn curve as a target, scaled to unit area; its energies are the model's own.

        Raises:
            SpectrumError: it has another number of points, or is zero everywhere.
        """
        grid, values = self.recipe.grid, np.array(query.values, dtype=np.float64)
        if values.shape != (grid.points,):
            raise SpectrumError(f"a drawn curve has {grid.points} points, not {len(values)}")
        area = float(values.sum() * grid.step)
        if area < 1e-9:
            raise SpectrumError("the curve is empty; draw something")
        _, gap = self._zero(values)
        part = part_of(query.part)
        step = f"taken as drawn on {grid.points} points in {grid.lower:g} ... {grid.upper:g} eV, scaled to unit area"
        return Target(
            name, source, StandardSpectrum(values / area, self.recipe, 0.0, 0.0 if part else gap, 1.0, (step,)), part=part
        )

    def answer(self, query: Query) -> Answer:
        """What has this DOS.

        Raises:
            SpectrumError: the curve, window or weights cannot be used.
            ConstraintError, FormulaError: the constraints are none.
        """
        start = time.perf_counter()
        target = self.target(query)
        asker = self if target.part is None else self._of_part(target.part)
        wanted = wanted_gaps(query.gap)
        constraints = Constraints.of(
            elements=query.elements,
            require=query.require,
            exclude=query.exclude,
            ratio=query.ratio,
            n_elements=query.n_elements,
            keep=_bounds(query, wanted),
        )
        known = asker._known(target, query, constraints)
        new, heat, others, notes = asker._new(target, query, constraints)
        if not known:
            notes.append("No known material satisfies the constraints.")
        elif (known[0].similarity or 0) < ALIKE:
            notes.append(f"No known DOS is much like this curve: the best similarity is {known[0].similarity:.2f}.")
        zero, gap = (0.0, 0.0) if target.part else self._zero(target.standard.values)
        band = None if target.part is None else Band.of(self.recipe.grid.energies, target.standard.values)
        milliseconds = 1000 * (time.perf_counter() - start)
        alike = Gaps.like(gap)
        return Answer(
            known=known,
            new=new,
            heat=heat,
            notes=notes,
            gap=gap,
            alike=(round(alike.lower, 3), round(alike.upper, 3)),
            other_gaps=others,
            zero=zero,
            band=None
            if band is None
            else BandOf(centre=band.centre, width=band.width, filling=band.filling, upper_edge=band.upper_edge),
            milliseconds=round(milliseconds, 2),
        )

    def compare(self, target: Target, query: Query) -> Comparison:
        """How spectra are compared with the target, as the query wants it."""
        weights = None if query.weights is None else np.array(query.weights, dtype=np.float64)
        return self.designer.compare(target, query.metric, query.window, weights, wanted_gaps(query.gap))

    def _zero(self, values: FloatArray) -> tuple[float, float]:
        """Where the energy zero should be, and the gap, eV."""
        sigma = self.recipe.broadening
        how = self.recipe.gap
        beyond = np.array([how.valence_tail * sigma])  # where the smeared edge of an insulator's valence band seems to be
        zeros, gaps = energy_zeros(self.recipe.grid.energies, values[None], beyond, np.array([sigma]), self.recipe.zero, how=how)
        gap = float(gaps[0])
        return float(zeros[0]) if gap else 0.0, gap

    # What is known.

    def _known(self, target: Target, query: Query, constraints: Constraints) -> list[Row]:
        known = self.designer.known
        comparison = self.compare(target, query)
        scores = known.similarities(comparison)
        judged = known.judged(comparison, scores)
        places = in_order(scores, known.entries.fits(constraints, query.crystal_system, judged.merits), query.top)
        return [self._known_row(place, judged) for place in places.tolist()]

    def _known_row(self, place: int, judged: Judged) -> Row:
        library, known = self.designer.library, self.designer.known
        row = int(known.rows[place])
        return Row(
            kind="known",
            id=library.ids[row],
            formula=library.formulas[row],
            similarity=float(judged.similarity[place]),
            probability=None if judged.probability is None else told(judged.probability[place]),
            prototype=library.prototypes[row],
            crystal_system=library.crystal_systems[row],
            above_hull=told(known.heights.above[place]),
            price=prices_of([library.compositions[row]])[0],
            gap=told(known.gaps[place]),
            here=library.ids[row] in self.here,
            d_band_centre=self._known_d_band(row) if self.d_bands else None,
        )

    def curve_of_part(self, part: Part, kind: Kind, identifier: str) -> Curve:
        """A part of a material's DOS on the board's energies; errors as of `Materials.curve`."""
        return self._of_part(part)._materials.curve(kind, identifier)

    @cached_property
    def _materials(self) -> Materials:
        return Materials(self.designer)

    @cached_property
    def d_bands(self) -> bool:
        """Whether library or model tells d-band centres."""
        model = self.designer.model
        parts = model.candidate_parts if isinstance(model, TightBindingModel) else None
        return parts is not None or bool(self._with_d_bands)

    @property
    def _with_d_bands(self) -> frozenset[int]:
        """Rows of the library that tell a d band: only these are read for one; anew when materials came or went."""
        library = self.designer.library
        if self._telling is None or self._telling[0] is not library.ids:
            self._telling = library.ids, frozenset(library.projected(orbital="d"))
        return self._telling[1]

    def _known_d_band(self, row: int) -> float | None:
        if row not in self._with_d_bands:
            return None
        identifier = self.designer.library.ids[row]
        if identifier not in self._known_d_bands:
            self.lay_out_d_bands([row])
        return self._known_d_bands[identifier]

    def d_bands_to_lay_out(self) -> list[list[int]]:
        """Rows of the library whose d bands no answer has needed yet, a few together: a look at one costs as much as at its neighbours."""
        ids = self.designer.library.ids
        rows = [row for row in sorted(self._with_d_bands) if ids[row] not in self._known_d_bands] if self.d_bands else []
        return [rows[start : start + _TOGETHER] for start in range(0, len(rows), _TOGETHER)]

    def lay_out_d_bands(self, rows: Sequence[int]) -> None:
        """Read the d-band centres of known materials, before they are shown."""
        for material in self.designer.library.materials(rows):
            self._known_d_bands[material.id] = describe(material, self.recipe).d_band_centre

    def _new_d_band_of(self, place: int) -> float | None:
        model = self.designer.model
        if not isinstance(model, TightBindingModel) or model.candidate_parts is None:
            return None
        parts = model.candidate_parts.of_crystal(place, model.wholes_at(np.array([place]))[0])
        return of_curves(self.recipe.grid.energies, parts).d_band_centre

    # What is predicted.

    @cached_property
    def _hull(self) -> Hull:
        """The hull of all candidates; its diagrams are made when asked for."""
        energies = zip(self._atlas.entries.compositions, self._atlas.formation_energies.tolist(), strict=True)
        return Hull((composition, energy) for composition, energy in energies if not np.isnan(energy))

    def _above_hull(self, place: int) -> float:
        """Height of a candidate above the hull of its elements, eV/atom."""
        height, formation = float(self._atlas.heights.above[place]), float(self._atlas.formation_energies[place])
        if np.isnan(height) and not np.isnan(formation):
            return self._hull.above(self._atlas.entries.compositions[place], formation)
        return height

    @cached_property
    def _atlas(self) -> Atlas:
        assert self.designer.model.atlas is not None
        return self.designer.model.atlas

    @cached_property
    def _computed(self) -> dict[str | None, BoolArray]:
        """By crystal system, None for any: candidates whose composition has a known DOS in it, shape (C,)."""
        library, candidates = self.designer.library, self._atlas.crystals.compositions
        known, systems = Compositions.of(library.compositions), np.array(library.crystal_systems, dtype=object)
        found: dict[str | None, BoolArray] = {None: known.places(candidates) >= 0}
        for system in set(library.crystal_systems) - {None}:
            found[system] = known.taken(np.flatnonzero(systems == system)).places(candidates) >= 0
        return found

    def _uncomputed(self, constraints: Constraints, system: str | None) -> BoolArray:
        """Candidates that the constraints let pass and that the library does not hold, shape (C,)."""
        fits = self._atlas.entries.fits(constraints, system)
        return fits & ~self._computed.get(system, np.zeros(len(fits), dtype=np.bool_))

    def _new(self, target: Target, query: Query, constraints: Constraints) -> tuple[list[Row], Heat, int, list[str]]:
        """Rows, heat of the elements, how many rows probably have another gap than is wanted, and what a reader must know."""
        if self.silent is not None:
            return [], Heat(kind="probability", values={}), 0, [self.silent]
        if self.designer.model.atlas is None:
            return self._named(target, query)
        atlas, comparison = self._atlas, self.compare(target, query)
        judged = atlas.judged(comparison)
        chances = judged.chances
        values = judged.similarity if chances is None else chances
        if query.crystal_system is not None and query.crystal_system not in atlas.crystal_systems:
            systems = ", ".join(atlas.crystal_systems)
            told = f"The model '{self.designer.model.name}' has no {query.crystal_system} candidates; it has {systems} ones."
            return [], Heat(kind="probability", values={}), 0, [told]
        # An element's own place in the table says what it would bring, allowed or not.
        around = replace(constraints, allowed=None, forbidden=frozenset())
        heat = self._heat(values, self._open(around, query.crystal_system), chances is not None)
        fits = self._open(constraints, query.crystal_system)
        places = atlas.entries.best_of_each(judged.scores(comparison.by), fits, query.top)
        rows = [self._new_row(place, judged) for place in places.tolist()]
        agree = None if comparison.gaps is None else atlas.match_chances(judged.similarity, replace(comparison, curve=False))
        others = 0 if agree is None else int((agree[places] < _EVEN).sum())
        notes = []
        if not rows:
            notes.append(self._why_none(constraints, query.crystal_system))
        elif judged.p_match is not None and (surest := max(float(judged.p_match[place]) for place in places.tolist())) < SURE:
            notes.append(
                f"No predicted crystal is a likely match: the likeliest has a probability of {surest:.0%}.".replace("%", " %")
            )
        return rows, heat, others, notes

    def _why_none(self, constraints: Constraints, system: str | None) -> str:
        if constraints.n_elements not in (None, *self.designer.model.sizes):
            sizes = " or ".join(map(str, self.designer.model.sizes))
            return f"dosmith predicts crystals of {sizes} elements only."
        for _, alone in constraints.alone():
            if alone.conditions and not self._open(alone, system).any():
                return f"No predicted crystal has {_in_words(alone.conditions[0])}."
        return "No predicted crystal satisfies all constraints together; allow more."

    @cached_property
    def _holders(self) -> tuple[NDArray[np.intp], NDArray[np.intp], list[str]]:
        """Candidates in order of an element in them; where each element begins among them; the elements."""
        elements = self._atlas.entries.elements
        order = np.argsort(elements.T.ravel(), kind="stable")
        numbers, starts = np.unique(elements.T.ravel()[order], return_index=True)
        names = [formulas.symbol_of(int(number)) if number else "" for number in numbers]  # 0 is no element
        return order % len(elements), starts, names

    def _heat(self, values: FloatArray, fits: BoolArray, whole: bool) -> Heat:
        holders, starts, names = self._holders
        told = np.where(fits, values, 0.0).astype(np.float32)
        best = np.maximum.reduceat(np.take(told, holders, mode="clip"), starts) if len(holders) else np.empty(0)
        found = {name: round(value, 4) for name, value in zip(names, best.tolist(), strict=False) if name and value > 0}
        return Heat(kind="probability" if whole else "similarity", values=found)

    def _new_row(self, place: int, judged: Judged) -> Row:
        crystal, composition = self._atlas.crystals[place], self._atlas.entries.compositions[place]
        formula = formulas.write(composition)
        return Row(
            kind="new",
            id=crystal_id(composition, crystal.prototype),
            formula=formula,
            similarity=float(judged.similarity[place]),
            probability=None if judged.probability is None else told(judged.probability[place]),
            prototype=crystal.prototype,
            crystal_system=crystal.crystal_system,
            above_hull=self._height(place),
            price=prices_of([composition])[0],
            gap=told(self._atlas.gaps[place]),
            gap_spread=told(self._atlas.gap_spreads[place]),
            d_band_centre=self._new_d_band(place) if self.d_bands else None,
        )

    def _named(self, target: Target, query: Query) -> tuple[list[Row], Heat, int, list[str]]:
        """The same from a model that knows compositions only."""
        heat = Heat(kind="probability", values={})
        try:
            wanted = plain(query.model_dump()) | {"top": min(query.top * 8, 400)}
            candidates = self.designer.design(target, **wanted).candidates
        except (ConstraintError, ModelError, OptionError) as error:
            return [], heat, 0, [_sentence(error)]
        rows = [
            Row(
                kind="new",
                id=candidate.formula,
                formula=candidate.formula,
                similarity=None,
                probability=None,
                prototype=None,
                crystal_system=query.crystal_system,
                above_hull=None,
                price=prices_of([candidate.composition])[0],
                gap=None,
            )
            for candidate in candidates
            if not candidate.known_dos
        ]
        return rows[: query.top], heat, 0, []


def _bounds(query: Query, wanted: Gaps | None) -> list[str]:
    """The bounds of a query as conditions, as `Designer.design` has them."""
    named = (("above_hull", query.above_hull), ("price", query.price))
    return [f"{name}<={bound}" for name, bound in named if bound is not None] + ([] if wanted is None else wanted.conditions)


def _sentence(error: DosmithError) -> str:
    return f"{str(error)[:1].upper()}{str(error)[1:]}."


def _in_words(condition: Condition) -> str:
    bound = f"{condition.bound:g}"
    return {
        "gap": f"a gap {'of at least' if condition.sign == '>=' else 'below'} {bound} eV",
        "above_hull": f"a height above the hull of at most {bound} eV/atom",
        "price": f"a price of at most {bound} USD/kg",
    }[condition.name]
