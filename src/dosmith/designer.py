"""The one call that everything else serves: a target DOS in, ranked candidates out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.asked import Asked
from dosmith.comparison import Comparison
from dosmith.crystals.existence import HullEnergies, no_hull
from dosmith.designs import Design, Neighbour, caveats
from dosmith.errors import FormulaError, ModelError, NotFoundError, OptionError
from dosmith.formulas import Composition
from dosmith.known import KnownSpectra, gap_target
from dosmith.library import Library, ParquetLibrary
from dosmith.models.interface import Model, Predicted
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.predicted import known_id, predicted_part, predicted_target
from dosmith.proposers import Proposers
from dosmith.question import IDENTITY, Question
from dosmith.ranking import count_of
from dosmith.settings import Settings, load_settings
from dosmith.shipped import shipped_folder
from dosmith.spectra.count import Electrons
from dosmith.spectra.grid import Window
from dosmith.spectra.match import Gaps
from dosmith.spectra.parts import NoProjectionsError, Part
from dosmith.targets import Reading, Target, TargetLike, resolve_target

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.atlas import Atlas

FloatArray = NDArray[np.float64]


class Designer:
    """A library and a model, held ready for many targets.

    Args:
        library: where known DOS come from; the open DOS set when None.
        model: an opened model of densities of states, its folder, or the name of a shipped one; `settings.design.model` when None.
        settings: from file and environment when None.
        atlases: crystals that are proposed from beside the model's own, and targets by their ids.
        shipped: whether the model's own crystals are proposed.
        elsewhere: opens further atlases, where targets are looked up by their ids.

    Raises:
        ModelError: the model is of other spectra, or predicts no crystals and so proposes none of an atlas.
    """

    def __init__(
        self,
        library: Library | None = None,
        model: Model | str | Path | None = None,
        settings: Settings | None = None,
        atlases: Sequence[Atlas] = (),
        shipped: bool = True,
        elsewhere: Callable[[], Sequence[Atlas]] | None = None,
    ) -> None:
        self.settings = settings or load_settings()
        self.library = open_dos_set() if library is None else library
        self.model = open_model(model or self.settings.design.model) if isinstance(model, str | Path | None) else model
        self._recipe = self.model.recipe  # a model of other spectra has none, and says so
        self._known: tuple[list[str], KnownSpectra] | None = None
        self._part: Part | None = None
        # Of the whole model, also where a part of each density counts.
        self._hull, self._hull_of = self._hull_energies, self._hull_made_of
        self._parts: dict[Part, Designer] = {}
        self._electrons: Electrons | None = None
        self.atlases, self.shipped, self.elsewhere = tuple(atlases), shipped, elsewhere
        if self.atlases and not isinstance(self.model, TightBindingModel):
            raise ModelError(f"the model '{self.model.name}' predicts no crystals, so it proposes none of an atlas")

    @property
    def known(self) -> KnownSpectra:
        """The spectra of the library; read anew after materials have come or gone, so that what was verified counts at once."""
        ids = self.library.ids
        if self._known is None or self._known[0] is not ids:
            self._known = ids, KnownSpectra(self.library, self._recipe, self._part, self._hull, self._hull_of)
        return self._known[1]

    def electrons(self) -> Electrons:
        """What elements bring to spectra: learned from the open DOS set, whose numbers of states are known, whatever the library."""
        if self._electrons is None:
            open_set = isinstance(self.library, ParquetLibrary) and self.library.folder == shipped_folder("open-dos")
            known = self.known if open_set and self._part is None else KnownSpectra(open_dos_set(), self._recipe)
            self._electrons = known.electrons
        return self._electrons

    def _hull_energies(self, compositions: Sequence[Composition]) -> HullEnergies:
        atlas = self.model.atlas
        return no_hull(compositions) if atlas is None else atlas.hull_energies(compositions)

    def _hull_made_of(self) -> Sequence[object] | None:
        atlas = self.model.atlas
        return None if atlas is None else atlas.made_of

    def target(
        self,
        target: TargetLike | Target,
        *,
        crystal_system: str | None = None,
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
        zero: str | float | None = None,
        project: str | None = None,
        spin: str | None = None,
        with_parts: bool = False,
    ) -> Target:
        """The target that someone means; see `Reading` for the options, and `Part.parse` for `project` and `spin`."""
        reading = Reading.of(crystal_system, fermi, electrons, broadening, zero, project, spin)
        return self.read(target, reading, with_parts=with_parts)

    def read(self, target: TargetLike | Target, reading: Reading, *, with_parts: bool = False) -> Target:
        """The target that someone means, read in a certain way: what is known, else what the model predicts."""
        if isinstance(target, Target):
            return target

        def resolved(target: TargetLike) -> Target:
            recipe, files = self.model.recipe, self.settings.files
            return resolve_target(target, self.library, recipe, reading, files=files, with_parts=with_parts)

        try:
            return resolved(target)
        except NoProjectionsError:
            found = self._predicted_part(target, reading)
            if found is None:
                raise
            return found
        except (NotFoundError, FormulaError):
            if not isinstance(target, str):
                raise
            if (known := known_id(target, self.library, reading.crystal_system)) is not None:
                return resolved(known)
            if not reading.of_prediction:
                raise
            found = predicted_target(target, self.model, self.atlases, reading.crystal_system, self.elsewhere, reading.part)
            if found is None:
                raise
            return found

    def _predicted_part(self, target: TargetLike, reading: Reading) -> Target | None:
        """A part of a known target of which nobody computed the projections, by those that the model predicts of its crystal."""
        assert reading.part is not None
        whole = self.read(target, replace(reading, part=None))
        structure = None if whole.material_id is None else self.library.material(whole.material_id).structure
        return None if structure is None else predicted_part(whole, reading.part, structure, self.model)

    def gap_target(self, gap: Gaps | str) -> Target:
        """A target of which only the gap counts; see `known.gap_target`.

        Raises:
            ConstraintError: it is no range of gaps, or no known material has such a gap.
        """
        return gap_target(self.known, Gaps.parse(gap) if isinstance(gap, str) else gap)

    def design(
        self,
        target: TargetLike | Target | None = None,
        *,
        top: int | None = None,
        crystal_system: str | None = None,
        elements: str | Iterable[str] | None = None,
        require: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        n_elements: int | None = None,
        ratio: str | tuple[int, ...] | None = None,
        formula: str | None = None,
        space_group: str | int | None = None,
        prototype: str | None = None,
        gap: Gaps | str | None = None,
        above_hull: float | None = None,
        price: float | None = None,
        keep: str | Iterable[str] | None = None,
        rank_by: str | None = None,
        variety: float | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        metric: str | None = None,
        count: bool = False,
        real: bool = False,
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
        zero: str | float | None = None,
        project: str | None = None,
        spin: str | None = None,
    ) -> Design:
        """Ranked compositions whose DOS should be like the target's.

        Args:
            target: formula, id, file, Spectrum, Material, pymatgen Dos, or (energies, densities); may be left out with `gap`.
            top: how many candidates.
            crystal_system: of the candidates: selects the network trained on it and the known DOS that count.
            elements: only these may take part.
            require: each of these must take part.
            exclude: none of these may.
            n_elements: how many elements a candidate has.
            ratio: its counts in any order, as in "3:1".
            formula: "A2BC" with letters for any elements, or the very composition.
            space_group: of its crystal, number or Hermann-Mauguin symbol.
            prototype: of its crystal, such as "L1_2".
            gap: "LOWER:UPPER" in eV, or "metal": in place of the target's own gap.
            above_hull: at most so many eV/atom above the hull.
            price: of its elements, at most so many USD/kg.
            keep: conditions on merits, such as "abundance>1".
            rank_by: "probability", of matching and existing, "similarity", or "identity": the probability that this is the composition whose DOS
                the target is; `settings.design.rank_by` when None.
            variety: from 0 to 1, how early the best of other kinds come; `settings.design.variety` when None.
            window: energies that count in the similarity, "LOWER:UPPER" in eV. The model sees the whole curve.
            weights: of each grid point in the similarity, shape (points,).
            metric: cosine, tanimoto or wasserstein.
            count: numbers of states count too: similarities are multiplied by the smaller number of states per atom over the larger; ranked by
                identity, compositions are less likely the further theirs is from the target's, for which a curve in states/eV of a
                primitive cell will do.
            real: ranked by identity: the target is of a material that exists, so what probably does not exist is less likely.
            fermi: Fermi level on the curve's own axis, eV, when the stated one is wrong or missing.
            electrons: the Fermi level is where the curve, counted from its lowest energy, holds this many; `fermi` goes before it.
            broadening: Gaussian sigma the curve already carries, eV.
            zero: another energy zero than the model's: auto, fermi, vbm (valence-band top), midgap, or eV on the curve's own axis.
            project: only these states of the target and of every candidate count: "Pt:d", "Pt" or "d".
            spin: "up", "down" or "both".

        Returns:
            the answer.

        Raises:
            DosmithError: something given cannot be used; the message is one line and says what to do.
        """
        self.model.refuse(
            name
            for name, value in (
                ("formula", formula),
                ("space_group", space_group),
                ("prototype", prototype),
                ("gap", gap),
                ("above_hull", above_hull),
                ("price", price),
                ("variety", variety),
                ("count", count or None),
                ("real", real or None),
            )
            if value is not None
        )
        question = Question.of(
            self.settings.design,
            crystal_system=crystal_system,
            metric=metric,
            window=window,
            weights=weights,
            gap=gap,
            rank_by=rank_by,
            variety=variety,
            count=count,
            real=real,
            above_hull=above_hull,
            price=price,
            keep=keep,
            elements=elements,
            require=require,
            exclude=exclude,
            n_elements=n_elements,
            ratio=ratio,
            formula=formula,
            space_group=space_group,
            prototype=prototype,
        )
        if target is None:
            if question.gaps is None:
                raise OptionError("there is no target; give a formula, an id, a file or arrays, or a gap alone, as in gap='2:4'")
            target = gap_target(self.known, question.gaps)
        found = self.read(target, Reading.of(crystal_system, fermi, electrons, broadening, zero, project, spin))
        many = count_of(self.settings.design.top if top is None else top)
        if count and self.atlases and question.rank_by != IDENTITY:
            raise OptionError(
                "similarities count the states of the model's own crystals alone: leave --atlas or --count out, or ask --rank-by identity"
            )
        if found.part is None:
            return self._designed(found, many, question)
        if self.atlases:
            raise OptionError("an atlas holds whole spectra alone: leave --project and --spin, or --atlas out")
        if question.rank_by == IDENTITY:
            raise OptionError(
                "whose a DOS is can be told of a whole curve alone: leave --project and --spin, or --rank-by identity out"
            )
        return self.for_part(found.part)._designed(found, many, question)

    def for_part(self, part: Part) -> Designer:
        """The designer whose known and predicted spectra are a part of each density of states.

        Raises:
            OptionError: the model predicts no parts.
            SpectrumError: none of its candidates has this one.
        """
        asker = self.known_of_part(part)
        if asker.model is self.model:
            asker.model = self.model.of_part(part)
        return asker

    def known_of_part(self, part: Part) -> Designer:
        """The same for the known spectra alone; what it knows of them is made once."""
        if part not in self._parts:
            self._parts[part] = copy(self)
            self._parts[part]._part, self._parts[part]._known = part, None
        return self._parts[part]

    def _designed(self, found: Target, top: int, question: Question) -> Design:
        proposers = Proposers(self.model, self.atlases, self.shipped)
        compared = question.compared(found, self.electrons)
        asked = Asked(self.known, compared, question.crystal_system, proposers.known_ones(self.known))
        constraints, comparison, recipe = question.constraints, asked.comparison, self.model.recipe
        part = self.model.part_for(question.crystal_system)
        fits = asked.fits(constraints)
        if question.rank_by == IDENTITY:
            proposals = proposers.identified(found, top, constraints, asked, question.real)
            asked = replace(asked, comparison=replace(comparison, count=None))  # similarities stay those of shapes
        else:
            proposals = proposers.proposals(found, top, constraints, asked, fits)
        trained = self.model.trained_on(part)
        candidates = tuple(
            proposers.of_atlas(asked.candidate(rank, each, each.composition in trained, fits), self.known)
            for rank, each in enumerate(proposals, 1)
        )
        similar = (asked if asked.counted is None else replace(asked, counted=None)).neighbours(found, 5)
        ids = {c.structure_id for c in candidates if c.structure_id} | {n.id for n in similar}
        return Design(
            target=found,
            candidates=candidates,
            similar=similar,
            settings=constraints.as_dict()
            | {
                "top": top,
                "crystal_system": question.crystal_system,
                "window": None if comparison.window is None else [comparison.window.lower, comparison.window.upper],
                "metric": comparison.metric,
                "count": question.count,
                "real": question.real,
                "gap": None if question.gaps is None else str(question.gaps),
                "rank_by": question.rank_by,
                "variety": comparison.variety,
                "grid": recipe.grid.key,
                "broadening_ev": recipe.broadening,
                "zero": recipe.zero,
            },
            model=self.model.facts() | {"network": part},
            caveats=caveats(
                found,
                self.model,
                part,
                proposals,
                similar,
                self.library,
                comparison.count,
                question.rank_by == IDENTITY,
                question.real,
            ),
            energies=recipe.grid.energies,
            curves={name: vector for name in sorted(ids) if (vector := self.known.vector(name)) is not None},
            library=self.library,
            predicted={formulas.write(each.composition): each for each in proposals if each.vector is not None},
        )

    def similar(
        self,
        target: TargetLike | Target,
        *,
        top: int = 10,
        crystal_system: str | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        metric: str | None = None,
        count: bool = False,
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
        zero: str | float | None = None,
        project: str | None = None,
        spin: str | None = None,
    ) -> tuple[Neighbour, ...]:
        """The known materials with the most similar DOS, best first. Arguments and errors as in `design`."""
        question = Question.of(
            self.settings.design, crystal_system=crystal_system, metric=metric, window=window, weights=weights, count=count
        )
        found = self.read(target, Reading.of(crystal_system, fermi, electrons, broadening, zero, project, spin))
        asker = self if found.part is None else self.known_of_part(found.part)
        if found.part is not None and not len(asker.known):
            raise NotFoundError(
                f"{self.library.name} tells {found.part} states of no material; fetch or compute some with projections"
            )
        comparison = question.compared(found, self.electrons)
        return Asked(asker.known, comparison, question.crystal_system).neighbours(found, count_of(top))

    def compare(
        self,
        target: Target,
        metric: str | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        gap: Gaps | None = None,
        count: bool = False,
    ) -> Comparison:
        """How spectra are compared with a target; arguments as in `design`."""
        question = Question.of(self.settings.design, metric=metric, window=window, weights=weights, gap=gap, count=count)
        return question.compared(target, self.electrons)


def open_dos_set() -> ParquetLibrary:
    """The open DOS set that comes with dosmith."""
    return ParquetLibrary(shipped_folder("open-dos"))


@lru_cache(maxsize=1)
def default_designer() -> Designer:
    """The open DOS set and the model of the settings, opened once."""
    return Designer()


def design(
    target: TargetLike | None = None, *, model: Model | str | Path | None = None, library: Library | None = None, **options: Any
) -> Design:
    """Ranked compositions whose DOS should be like the target's; options as in `Designer.design`.

    Examples:
        >>> answer = design("Pt3Ni", top=3, exclude=["Rh"])
        >>> [(each.formula, round(each.similarity, 2)) for each in answer.candidates]
        [('Pt3Ni', 1.0), ('Pt2CoPd', 0.99), ('CoPt', 0.98)]

    Raises:
        DosmithError: something given cannot be used; the message is one line and says what to do.
    """
    return _designer(model, library).design(target, **options)


def similar(
    target: TargetLike, *, model: Model | str | Path | None = None, library: Library | None = None, **options: Any
) -> tuple[Neighbour, ...]:
    """The known materials with the most similar DOS; options as in `Designer.similar`.

    Examples:
        >>> [(each.id, round(each.similarity, 2)) for each in similar("Pt3Ni", top=2)]
        [('Pt3Ni-L1_2', 1.0), ('Pt3Co-L1_2', 0.98)]
    """
    return _designer(model, library).similar(target, **options)


def predict(
    what: str | Structure | Sequence[str | Structure],
    *,
    model: Model | str | Path | None = None,
    library: Library | None = None,
    prototype: str | None = None,
) -> Sequence[Predicted]:
    """The spectra that a model expects of crystals, known or not, without computing them. Needs dosmith[relax] for a DOS.

    Args:
        what: formulas, ids in the library, structure files or pymatgen Structures; one or many.
        model: that predicts; `settings.design.model` when None.
        library: where formulas and ids are looked up; the open DOS set when None.
        prototype: crystal of all formulas, as Strukturbericht symbol.

    Returns:
        one `PredictedDos` for each, with energies (eV), values and half-width of a 68 % band (1/eV).

    Raises:
        DosmithError: one of them is no crystal, or the model does not know an element; the message is one line.

    Examples:
        >>> predict("Pt3Ni", prototype="L1_2")[0].space_group  # doctest: +SKIP
        'Pm-3m'
    """
    opened = open_model(model or load_settings().design.model) if isinstance(model, str | Path | None) else model
    asked: Sequence[str | Structure] = what if isinstance(what, list | tuple) else [what]  # type: ignore[list-item]
    return opened.predict(asked, open_dos_set() if library is None else library, prototype)


def _designer(model: Model | str | Path | None, library: Library | None) -> Designer:
    return default_designer() if model is None and library is None else Designer(library, model)
