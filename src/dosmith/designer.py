"""The one call that everything else serves: a target DOS in, ranked candidates out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atlas import Atlas
from dosmith.atlas.proposing import propose, together
from dosmith.constraints import Constraints
from dosmith.designs import Design, Neighbour, caveats
from dosmith.errors import ConstraintError, FormulaError, ModelError, NotFoundError, OptionError, did_you_mean
from dosmith.formulas import Composition
from dosmith.known import KnownSpectra
from dosmith.library import Library, ParquetLibrary
from dosmith.models.interface import Model, Predicted, Proposal
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.predicted import known_id, predicted_target
from dosmith.ranking import Comparison, Judged, count_of, in_order
from dosmith.records import Candidate
from dosmith.settings import Settings, load_settings
from dosmith.shipped import shipped_folder
from dosmith.spectra.grid import Window
from dosmith.spectra.match import GAPPED, Gaps
from dosmith.spectra.parts import Part
from dosmith.spectra.standard import StandardSpectrum
from dosmith.targets import Target, TargetLike, resolve_target

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

IDENTITY = "identity"
"""Candidates may be ranked by the probability that the target is their DOS."""

CRYSTAL_SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")
RANKINGS = ("probability", "similarity")
"""What `design` may rank by, beside `IDENTITY`."""


class Designer:
    """A library and a model, held ready for many targets.

    Args:
        library: where known DOS come from; the open DOS set when None.
        model: an opened model of densities of states, its folder, or the name of a shipped one; `settings.design.model` when None.
        settings: from file and environment when None.
        atlases: crystals that are proposed from beside the model's own, and targets by their ids.
        shipped: whether the model's own crystals are proposed.

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
    ) -> None:
        self.settings = settings or load_settings()
        self.library = open_dos_set() if library is None else library
        self.model = open_model(model or self.settings.design.model) if isinstance(model, str | Path | None) else model
        self._known: tuple[list[str], KnownSpectra] | None = None
        self._part: Part | None = None
        self._hull = self._hull_energies  # of the whole model, also where a part of each density counts
        self._parts: dict[Part, Designer] = {}
        self.atlases, self.shipped = tuple(atlases), shipped
        if self.atlases and not isinstance(self.model, TightBindingModel):
            raise ModelError(f"the model '{self.model.name}' predicts no crystals, so it proposes none of an atlas")

    @property
    def known(self) -> KnownSpectra:
        """The spectra of the library; read anew after materials have come or gone, so that what was verified counts at once."""
        ids = self.library.ids
        if self._known is None or self._known[0] is not ids:
            self._known = ids, KnownSpectra(self.library, self.model.recipe, self._part, self._hull)
        return self._known[1]

    def _hull_energies(self, compositions: Sequence[Composition]) -> FloatArray:
        atlas = self.model.atlas
        return np.full(len(compositions), np.nan) if atlas is None else atlas.hull_energies(compositions)

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
        """The target that someone means; see `resolve_target`, and `Part.parse` for `project` and `spin`."""
        if isinstance(target, Target):
            return target
        system, part = _known_system(crystal_system), Part.parse(project, spin)

        def resolved(target: TargetLike) -> Target:
            return resolve_target(
                target,
                self.library,
                self.model.recipe,
                crystal_system=system,
                fermi=fermi,
                electrons=electrons,
                broadening=broadening,
                zero=zero,
                files=self.settings.files,
                part=part,
                with_parts=with_parts,
            )

        try:
            return resolved(target)
        except (NotFoundError, FormulaError):
            if not isinstance(target, str):
                raise
            if (known := known_id(target, self.library, system)) is not None:
                return resolved(known)
            if any(each is not None for each in (fermi, electrons, zero, part)):  # what no prediction honours
                raise
            found = predicted_target(target, self.model, self.atlases, system)
            if found is None:
                raise
            return found

    def gap_target(self, gap: Gaps | str) -> Target:
        """A target of which only the gap counts; its curve, the mean of the known ones with such a gap, merely shows what these are like.

        Raises:
            ConstraintError: it is no range of gaps, or no known material has such a gap.
        """
        wanted = Gaps.parse(gap) if isinstance(gap, str) else gap
        with_it = np.flatnonzero(wanted.hold(np.nan_to_num(self.known.gaps, nan=-1.0)))
        if not len(with_it):
            raise ConstraintError(f"no known material has a gap of {wanted} eV, so there is nothing to go by; give a wider range")
        values, step = (
            self.known.vectors[with_it].mean(axis=0),
            f"no curve was given: drawn is the mean of {len(with_it):,} known ones with such a gap",
        )
        inside = float(np.median(self.known.gaps[with_it]))
        recipe = self.model.recipe
        standard = StandardSpectrum(values / (values.sum() * recipe.grid.step), recipe, 0.0, inside, 1.0, (step,))
        return Target("metals" if wanted.metallic else f"gap {wanted} eV", "a gap alone, no curve", standard, curve=False)

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
        crystal_system = _known_system(crystal_system)
        wanted = Gaps.parse(gap) if isinstance(gap, str) else gap
        self.model.refuse(
            name
            for name, value in (
                ("formula", formula),
                ("space_group", space_group),
                ("prototype", prototype),
                ("gap", wanted),
                ("above_hull", above_hull),
                ("price", price),
                ("variety", variety),
            )
            if value is not None
        )
        bounds = [] if keep is None else [keep] if isinstance(keep, str) else list(keep)
        bounds += [f"above_hull<={above_hull}"] if above_hull is not None else []
        bounds += [f"price<={price}"] if price is not None else []
        bounds += [] if wanted is None else _bounds(wanted)
        constraints = Constraints.of(
            elements=elements,
            require=require,
            exclude=exclude,
            n_elements=n_elements,
            ratio=ratio,
            formula=formula,
            space_group=space_group,
            prototype=prototype,
            keep=bounds,
        )
        if target is None:
            if wanted is None:
                raise OptionError("there is no target; give a formula, an id, a file or arrays, or a gap alone, as in gap='2:4'")
            target = self.gap_target(wanted)
        found = self.target(
            target,
            crystal_system=crystal_system,
            fermi=fermi,
            electrons=electrons,
            broadening=broadening,
            zero=zero,
            project=project,
            spin=spin,
        )
        count = count_of(self.settings.design.top if top is None else top)
        if found.part is None:
            return self._designed(found, count, constraints, crystal_system, metric, window, weights, wanted, rank_by, variety)
        if self.atlases:
            raise OptionError("an atlas holds whole spectra alone: leave --project and --spin, or --atlas out")
        if rank_by == IDENTITY:
            raise OptionError(
                "whose a DOS is can be told of a whole curve alone: leave --project and --spin, or --rank-by identity out"
            )
        asker = self._of_part(found.part)
        if asker.model is self.model:
            asker.model = self.model.of_part(found.part)
        return asker._designed(found, count, constraints, crystal_system, metric, window, weights, wanted, rank_by, variety)

    def _of_part(self, part: Part) -> Designer:
        """The same designer for a part of each density of states; what it knows of it is made once."""
        if part not in self._parts:
            self._parts[part] = copy(self)
            self._parts[part]._part, self._parts[part]._known = part, None
        return self._parts[part]

    def _designed(
        self,
        found: Target,
        top: int,
        constraints: Constraints,
        crystal_system: str | None,
        metric: str | None,
        window: Window | str | tuple[float, float] | None,
        weights: FloatArray | None,
        wanted: Gaps | None,
        rank_by: str | None,
        variety: float | None,
    ) -> Design:
        by = None if rank_by == IDENTITY else rank_by
        asked = self._asked(found, crystal_system, metric, window, weights, wanted, by, variety)
        judged = self.known.judged(asked.comparison, asked.scores)
        scores = judged.scores(asked.comparison.by)
        if rank_by == IDENTITY and self.atlases:
            raise OptionError(
                "whose a DOS is can be told among the model's own crystals alone: leave --atlas or --rank-by identity out"
            )
        if rank_by == IDENTITY:
            proposals = self._identified(found, top, constraints, asked)
        else:
            proposals = self._proposals(found.standard.values, top, constraints, judged, crystal_system, asked.comparison)
        part = self.model.part_for(crystal_system)
        candidates = tuple(self._candidate(rank, each, asked, judged, scores, part) for rank, each in enumerate(proposals, 1))
        similar = self._neighbours(found, asked, 5)
        ids = {c.structure_id for c in candidates if c.structure_id} | {n.id for n in similar}
        recipe, comparison = self.model.recipe, asked.comparison
        return Design(
            target=found,
            candidates=candidates,
            similar=similar,
            settings=constraints.as_dict()
            | {
                "top": top,
                "crystal_system": crystal_system,
                "window": None if comparison.window is None else [comparison.window.lower, comparison.window.upper],
                "metric": comparison.metric,
                "gap": None if wanted is None else str(wanted),
                "rank_by": IDENTITY if rank_by == IDENTITY else comparison.by,
                "variety": comparison.variety,
                "grid": recipe.grid.key,
                "broadening_ev": recipe.broadening,
                "zero": recipe.zero,
            },
            model=self.model.facts() | {"network": part},
            caveats=caveats(found, self.model, part, proposals, similar, self.library),
            energies=recipe.grid.energies,
            curves={name: vector for name in sorted(ids) if (vector := self.known.vector(name)) is not None},
            library=self.library,
            predicted={formulas.write(each.composition): each for each in proposals if each.crystal is not None},
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
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
        zero: str | float | None = None,
        project: str | None = None,
        spin: str | None = None,
    ) -> tuple[Neighbour, ...]:
        """The known materials with the most similar DOS, best first. Arguments and errors as in `design`."""
        crystal_system = _known_system(crystal_system)
        found = self.target(
            target,
            crystal_system=crystal_system,
            fermi=fermi,
            electrons=electrons,
            broadening=broadening,
            zero=zero,
            project=project,
            spin=spin,
        )
        asker = self if found.part is None else self._of_part(found.part)
        if found.part is not None and not len(asker.known):
            raise NotFoundError(
                f"{self.library.name} tells {found.part} states of no material; fetch or compute some with projections"
            )
        return asker._neighbours(found, asker._asked(found, crystal_system, metric, window, weights), count_of(top))

    def compare(
        self,
        target: Target,
        metric: str | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        gap: Gaps | None = None,
        rank_by: str | None = None,
        variety: float | None = None,
    ) -> Comparison:
        """How spectra are compared with a target; arguments as in `design`."""
        options = self.settings.design
        by, much = rank_by or options.rank_by, options.variety if variety is None else variety
        if by not in RANKINGS:
            raise ConstraintError(
                f"'{by}' is nothing to rank by; take one of {', '.join((*RANKINGS, IDENTITY))}{did_you_mean(by, (*RANKINGS, IDENTITY))}"
            )
        if not 0 <= much <= 1:
            raise ConstraintError(f"a variety of {much:g} is impossible; give a number from 0 to 1")
        made = Comparison(
            target.standard.values,
            self.model.recipe.grid,
            metric or self.settings.design.metric,
            _window(window),
            weights,
            target.standard.covered,
            gap,
            target.curve,
            "similarity" if by == "similarity" else "probability",
            much,
        )
        return made if gap is not None else replace(made, gaps=_gaps_of(target, made))

    def _asked(
        self,
        target: Target,
        crystal_system: str | None,
        metric: str | None,
        window: Window | str | tuple[float, float] | None,
        weights: FloatArray | None,
        gap: Gaps | None = None,
        rank_by: str | None = None,
        variety: float | None = None,
    ) -> _Asked:
        comparison = self.compare(target, metric, window, weights, gap, rank_by, variety)
        fits = self.known.entries.fits(Constraints(), crystal_system)
        return _Asked(crystal_system, comparison, self.known.similarities(comparison), fits)

    def _identified(self, target: Target, top: int, constraints: Constraints, asked: _Asked) -> list[Proposal]:
        """Compositions by the probability that the target is their DOS.

        Raises:
            OptionError: only a part of the curve is known, or counts.
        """
        if not asked.comparison.whole:
            raise OptionError(
                "whose a DOS is can be told of a whole curve alone, by its cosine: leave --window, --metric and weights out, and give"
                f" a curve that covers {self.model.recipe.grid.lower:g} to {self.model.recipe.grid.upper:g} eV"
            )
        places = np.flatnonzero(asked.fits)
        known = [self.known.entries.compositions[place] for place in places.tolist()], self.known.vectors[places]
        return self.model.identify(target.standard.values, top, constraints, known=known, crystal_system=asked.crystal_system)

    def _proposals(
        self,
        values: FloatArray,
        top: int,
        constraints: Constraints,
        judged: Judged,
        crystal_system: str | None,
        comparison: Comparison,
    ) -> list[Proposal]:
        """What the model and the atlases propose, in one order: with atlases, whose crystals have no hull, that of similarity."""
        fits = self.known.entries.fits(constraints, crystal_system, judged.merits)
        if self.atlases:
            comparison = replace(comparison, by="similarity", variety=0.0)
        known = self.known.of_compositions(judged.scores(comparison.by), fits)
        options: dict[str, Any] = {"known": known, "crystal_system": crystal_system, "comparison": comparison}
        if not self.atlases:
            return self.model.propose(values, top, constraints, **options)
        assert isinstance(self.model, TightBindingModel)
        groups: list[Sequence[Proposal]] = [
            propose(atlas, self.model, values, top, constraints, crystal_system, comparison) for atlas in self.atlases
        ]
        try:
            own = self.model.propose(values, top, constraints, **options)
            groups.append(own if self.shipped else [each for each in own if each.crystal is None])
        except (ConstraintError, ModelError):  # none of its own; an atlas may have some
            if not any(groups):
                raise
        return together(groups, known, self.model.settings.height_penalty, top)

    def _candidate(
        self, rank: int, proposal: Proposal, asked: _Asked, judged: Judged, scores: FloatArray, part: str
    ) -> Candidate:
        composition, places = proposal.composition, self.known.places
        rows = [row for row in self.library.rows_of(composition, asked.crystal_system) if row in places]
        rows.sort(key=lambda row: -scores[places[row]])
        in_training = composition in self.model.trained_on(part)
        if not rows and proposal.crystal is not None:
            height = proposal.above_hull
            return Candidate(
                rank=rank,
                composition=composition,
                distance=proposal.distance,
                in_training=in_training,
                known_dos=False,
                similarity=proposal.similarity,
                similarity_kind="predicted",
                metric=asked.comparison.metric,
                prototype=proposal.crystal.prototype,
                crystal_system=proposal.crystal.crystal_system,
                probability=None
                if proposal.p_match is None or proposal.p_exists is None
                else proposal.p_match * proposal.p_exists,
                formation_energy=proposal.crystal.formation_energy,
                gap=proposal.gap,
                gap_spread=proposal.gap_spread,
                above_hull=height,
                hull_from="unknown" if height is None else "potential",
                hull_rivals=proposal.rivals,
                p_match=proposal.p_match,
                p_exists=proposal.p_exists,
                identity=proposal.identity,
                crystal_id=getattr(proposal.crystal, "id", None),
                crystal_from=getattr(proposal.crystal, "where", None),
            )
        candidate = Candidate(
            rank=rank,
            composition=composition,
            distance=proposal.distance,
            in_training=in_training,
            known_dos=bool(rows),
            similarity=None,
            similarity_kind=None,
            metric=asked.comparison.metric,
        )
        if not rows:
            return candidate
        place, heights = places[rows[0]], self.known.heights
        height = _told(heights.above[place])
        return replace(
            candidate,
            similarity=float(asked.scores[place]),
            similarity_kind="computed",
            structure_id=self.library.ids[rows[0]],
            structure_ids=tuple(self.library.ids[row] for row in rows),
            prototype=self.library.prototypes[rows[0]],
            crystal_system=self.library.crystal_systems[rows[0]],
            probability=None if judged.probability is None else _told(judged.probability[place]),
            gap=self.library.gaps[rows[0]],
            above_hull=height,
            hull_from="unknown" if height is None else "dft" if heights.dft[place] else "potential",
            hull_rivals=None if height is None else int(heights.rivals[place]),
            p_match=None if judged.p_match is None else float(judged.p_match[place]),
            p_exists=_told(heights.chances[place]),
            identity=proposal.identity,
        )

    def _neighbours(self, target: Target, asked: _Asked, top: int) -> tuple[Neighbour, ...]:
        library, rows = self.library, self.known.rows
        return tuple(
            Neighbour(
                rank,
                library.ids[rows[place]],
                library.formulas[rows[place]],
                float(asked.scores[place]),
                asked.comparison.metric,
                library.prototypes[rows[place]],
                library.crystal_systems[rows[place]],
                library.ids[rows[place]] == target.material_id,
            )
            for rank, place in enumerate(in_order(asked.scores, asked.fits, top), 1)
        )


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question, and what the known spectra say to it: their similarities and which are of the crystal system, shapes (M,)."""

    crystal_system: str | None
    comparison: Comparison
    scores: FloatArray
    fits: NDArray[np.bool_]


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
        [('Pt3Ni', 1.0), ('Pt2CoNi', 0.97), ('Pt2PdAu', 0.98)]

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
        [('Pt3Ni-L1_2', 1.0), ('Pt3Pd-L1_2', 0.98)]
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


def _known_system(crystal_system: str | None) -> str | None:
    if crystal_system is None:
        return None
    system = str(crystal_system).lower()
    if system not in CRYSTAL_SYSTEMS:
        raise ModelError(
            f"'{crystal_system}' is not a crystal system; they are {', '.join(CRYSTAL_SYSTEMS)}{did_you_mean(system, CRYSTAL_SYSTEMS)}"
        )
    return system


def _window(window: Window | str | tuple[float, float] | None) -> Window | None:
    if window is None or isinstance(window, Window):
        return window
    return Window.parse(window if isinstance(window, str) else ":".join(str(energy) for energy in window))


def _gaps_of(target: Target, comparison: Comparison) -> Gaps | None:
    """The gaps that agree with a target's; None where only some states count, or what counts of the curve does not reach across its gap."""
    gap, counted = target.standard.gap, comparison.counted
    if target.part is not None or (counted is not None and (counted.lower > 0 or counted.upper < max(gap, GAPPED))):
        return None
    return Gaps.like(gap)


def _bounds(wanted: Gaps) -> list[str]:
    """Gaps as conditions."""
    lower = [f"gap>={wanted.lower}"] if wanted.lower > 0 else []
    return lower + ([f"gap<{wanted.upper}"] if np.isfinite(wanted.upper) else [])


def _told(value: float) -> float | None:
    """A number; None for NaN, which is unknown."""
    return None if np.isnan(value) else float(value)
