"""The one call that everything else serves: a target DOS in, ranked candidates out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from dosmith.ranking import Comparison, count_of, in_order
from dosmith.records import Candidate
from dosmith.settings import Settings, load_settings
from dosmith.shipped import shipped_folder
from dosmith.spectra.grid import Window
from dosmith.spectra.parts import Part
from dosmith.targets import Target, TargetLike, resolve_target

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

IDENTITY = "identity"
"""Candidates may be ranked by the probability that the target is their DOS."""

CRYSTAL_SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")


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
        self.known = KnownSpectra(self.library, self.model.recipe)
        self._parts: dict[Part, Designer] = {}
        self.atlases, self.shipped = tuple(atlases), shipped
        if self.atlases and not isinstance(self.model, TightBindingModel):
            raise ModelError(f"the model '{self.model.name}' predicts no crystals, so it proposes none of an atlas")

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

    def design(
        self,
        target: TargetLike | Target,
        *,
        top: int | None = None,
        crystal_system: str | None = None,
        elements: str | Iterable[str] | None = None,
        require: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        n_elements: int | None = None,
        ratio: str | tuple[int, ...] | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        metric: str | None = None,
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
        zero: str | float | None = None,
        project: str | None = None,
        spin: str | None = None,
        rank_by: str | None = None,
    ) -> Design:
        """Ranked compositions whose DOS should be like the target's.

        Args:
            target: formula, id, file, Spectrum, Material, pymatgen Dos, or (energies, densities).
            top: how many candidates.
            crystal_system: of the candidates: selects the network trained on it and the known DOS that count.
            elements: only these may take part.
            require: each of these must take part.
            exclude: none of these may.
            n_elements: how many elements a candidate has.
            ratio: its counts in any order, as in "3:1".
            window: energies that count in the similarity, "LOWER:UPPER" in eV. The model sees the whole curve.
            weights: of each grid point in the similarity, shape (points,).
            metric: cosine, tanimoto or wasserstein.
            fermi: Fermi level on the curve's own axis, eV, when the stated one is wrong or missing.
            electrons: the Fermi level is where the curve, counted from its lowest energy, holds this many; `fermi` goes before it.
            broadening: Gaussian sigma the curve already carries, eV.
            zero: another energy zero than the model's: auto, fermi, vbm (valence-band top), midgap, or eV on the curve's own axis.
            project: only these states of the target and of every candidate count: "Pt:d", "Pt" or "d".
            spin: "up", "down" or "both".
            rank_by: "identity" ranks by the probability that this is the composition whose DOS the target is, instead of what is like it.

        Returns:
            the answer.

        Raises:
            DosmithError: something given cannot be used; the message is one line and says what to do.
        """
        crystal_system = _known_system(crystal_system)
        constraints = Constraints.of(elements=elements, require=require, exclude=exclude, n_elements=n_elements, ratio=ratio)
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
            return self._designed(found, count, constraints, crystal_system, metric, window, weights, rank_by)
        if self.atlases:
            raise OptionError("an atlas holds whole spectra alone: leave --project and --spin, or --atlas out")
        if rank_by == IDENTITY:
            raise OptionError(
                "whose a DOS is can be told of a whole curve alone: leave --project and --spin, or --rank-by identity out"
            )
        asker = self._of_part(found.part)
        if asker.model is self.model:
            asker.model = self.model.of_part(found.part)
        return asker._designed(found, count, constraints, crystal_system, metric, window, weights, rank_by)

    def _of_part(self, part: Part) -> Designer:
        """The same designer for a part of each density of states; what it knows of it is made once."""
        if part not in self._parts:
            self._parts[part] = copy(self)
            self._parts[part].known = replace(self.known, part=part)
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
        rank_by: str | None,
    ) -> Design:
        asked = self._asked(found, crystal_system, metric, window, weights)
        if rank_by == IDENTITY and self.atlases:
            raise OptionError(
                "whose a DOS is can be told among the model's own crystals alone: leave --atlas or --rank-by identity out"
            )
        if rank_by == IDENTITY:
            proposals = self._identified(found, top, constraints, asked)
        elif rank_by is None:
            known = self.known.of_compositions(asked.scores, asked.fits)
            proposals = self._proposals(found.standard.values, top, constraints, known, crystal_system, asked.comparison)
        else:
            raise ConstraintError(f"'{rank_by}' is nothing that a design ranks by; take {IDENTITY}, or none")
        part = self.model.part_for(crystal_system)
        candidates = tuple(self._candidate(rank, each, asked, part) for rank, each in enumerate(proposals, 1))
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
                "rank_by": rank_by,
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
    ) -> Comparison:
        """How spectra are compared with a target; arguments as in `design`."""
        return Comparison(
            target.standard.values,
            self.model.recipe.grid,
            metric or self.settings.design.metric,
            _window(window),
            weights,
            target.standard.covered,
        )

    def _asked(
        self,
        target: Target,
        crystal_system: str | None,
        metric: str | None,
        window: Window | str | tuple[float, float] | None,
        weights: FloatArray | None,
    ) -> _Asked:
        comparison = self.compare(target, metric, window, weights)
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
        known: Mapping[Composition, float],
        crystal_system: str | None,
        comparison: Comparison,
    ) -> list[Proposal]:
        """What the model and the atlases propose, in one order."""
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

    def _candidate(self, rank: int, proposal: Proposal, asked: _Asked, part: str) -> Candidate:
        composition, scores, places = proposal.composition, asked.scores, self.known.places
        rows = [row for row in self.library.rows_of(composition, asked.crystal_system) if row in places]
        rows.sort(key=lambda row: -scores[places[row]])
        in_training = composition in self.model.trained_on(part)
        if not rows and proposal.crystal is not None:
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
                probability=proposal.probability,
                formation_energy=proposal.crystal.formation_energy,
                p_match=proposal.probability,
                identity=proposal.identity,
                crystal_id=getattr(proposal.crystal, "id", None),
                crystal_from=getattr(proposal.crystal, "where", None),
            )
        return Candidate(
            rank=rank,
            composition=composition,
            distance=proposal.distance,
            in_training=in_training,
            known_dos=bool(rows),
            similarity=float(scores[places[rows[0]]]) if rows else None,
            similarity_kind="computed" if rows else None,
            metric=asked.comparison.metric,
            structure_id=self.library.ids[rows[0]] if rows else None,
            structure_ids=tuple(self.library.ids[row] for row in rows),
            prototype=self.library.prototypes[rows[0]] if rows else None,
            crystal_system=self.library.crystal_systems[rows[0]] if rows else None,
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
    target: TargetLike, *, model: Model | str | Path | None = None, library: Library | None = None, **options: Any
) -> Design:
    """Ranked compositions whose DOS should be like the target's; options as in `Designer.design`.

    Examples:
        >>> answer = design("Pt3Ni", top=3, exclude=["Rh"])
        >>> [(each.formula, round(each.similarity, 2)) for each in answer.candidates]
        [('Pt3Ni', 1.0), ('Pt2IrNi', 0.99), ('Pt3Co', 0.98)]

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
