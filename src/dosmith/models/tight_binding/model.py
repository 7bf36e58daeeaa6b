"""The tight binding that learns, as a model: it proposes from the spectra that it predicted of many crystals beforehand.

Needs no PyTorch but to predict the DOS of a crystal that is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from math import gcd
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dosmith.comparison import Comparison, Judged
from dosmith.constraints import Constraints
from dosmith.crystals.kinds import kind_of as prototype_called
from dosmith.errors import ConstraintError, ModelError, OptionError
from dosmith.formulas import Composition
from dosmith.kept import kept, stamp
from dosmith.models.calibration import Calibration
from dosmith.models.doubt import FILE as DOUBT
from dosmith.models.doubt import Doubt
from dosmith.models.identity import FILE as IDENTITY
from dosmith.models.identity import Identity
from dosmith.models.interface import ANY, COMPOSITIONS, CRYSTALS, CURVES, Model, Predicted, Proposal, Seen, Summary
from dosmith.models.store import read_checked
from dosmith.models.tight_binding.atlas import EMPTY, Atlas
from dosmith.models.tight_binding.candidate_parts import FILE as PARTS
from dosmith.models.tight_binding.candidate_parts import SPIN_FILE as SPINS
from dosmith.models.tight_binding.candidate_parts import CandidateParts, atlas_of_part
from dosmith.models.tight_binding.candidates import FILE, Candidates
from dosmith.ranking import Scored, kind_of, merged, told, varied
from dosmith.settings import ForwardSettings
from dosmith.spectra.similarity import MATCH
from dosmith.spectra.standard import Recipe

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.library import Library
    from dosmith.models.tight_binding.ensemble import ForwardModel
    from dosmith.spectra.parts import Part

FloatArray = NDArray[np.float64]

_BEFORE = {
    "part_weight": 0.0,
    "usual": 100,
    "heaviest": 1.0,
    "reach": 2.4,
    "pair_code": 16,
    "pair_hidden": 32,
    "orbital_unit": 4.0,
    "orbital_change": 2.0,
    "strength_change": 0.3,
    "radius_change": 0.1,
    "range_change": 0.3,
    "range_limit": 0.4,
    "pair_limit": 0.5,
    "closest": -0.7,
    "farthest": 2.0,
    "filling_width": 0.05,
    "unfilled": 0.02,
    "plain_weight_decay": 1e-4,
    "error_weight": 0.5,
    "largest_gradient": 1.0,
    "warm_up": 0.15,
    "height_penalty": 0.1,
    "zero": "filling",
    "smallest_gap": 0.3,
    "gap_softness": 0.05,
    "shift_change": 0.0,
    "spin": False,
    "exchange": 0.9,
    "smallest_moment": 0.2,
    "f_levels": False,
}
"""Settings of models that were trained before these were settings, whatever the defaults are by now."""
_GONE = frozenset({"group"})
"""What models may state that is no setting any more and changes no answer."""
LISTED = 2000
"""Compositions among which likelihoods are shared out; all others are far too unlikely."""
_EXAMINED = 400
"""Candidates among which variety is looked for, at least."""
SURE = 0.5
"""Probability below which the likeliest predicted match is called unsure."""


@dataclass(frozen=True, eq=False)
class TightBindingModel(Model):
    """From a crystal to its DOS, and so from a DOS to the crystals that should have it."""

    kind: ClassVar[str] = "forward"
    described: ClassVar[str] = "of the DOS of crystals"
    denial: ClassVar[str] = "does not predict a DOS"
    keys: ClassVar[frozenset[str]] = frozenset(
        {"name", "dosmith_version", "library", "recipe", "settings", "elements", "formulas", "calibration", "sha256"}
    )
    essentials: ClassVar[tuple[str, ...]] = ("recipe", "settings", "calibration", "elements")
    honours: ClassVar[frozenset[str]] = COMPOSITIONS | CRYSTALS | CURVES

    @property
    def sizes(self) -> tuple[int, ...]:
        """See `Model.sizes`."""
        return tuple(self._candidates.get("sizes", (2,)))

    @property
    def _candidates(self) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = self.spec.get("candidates", {})
        return facts

    @cached_property
    def ratios(self) -> tuple[tuple[int, ...], ...]:
        """See `Model.ratios`."""
        crystals = self.atlas.crystals
        there = np.flatnonzero(np.bincount(crystals.prototype, minlength=len(crystals.names))).tolist()
        counts = [sorted(prototype_called(crystals.names[place]).counts, reverse=True) for place in there]
        found = {tuple(count // gcd(*each) for count in each) for each in counts}
        return tuple(sorted(found, key=lambda each: (len(each), each)))

    @cached_property
    def recipe(self) -> Recipe:
        """See `Model.recipe`."""
        return Recipe.from_dict(self.spec["recipe"])

    @property
    def axis(self) -> FloatArray:
        """See `Model.axis`."""
        return self.recipe.grid.energies

    @cached_property
    def settings(self) -> ForwardSettings:
        """How it was trained, and what it needs to answer as it did then."""
        return ForwardSettings(**(_BEFORE | {name: value for name, value in self.spec["settings"].items() if name not in _GONE}))

    @cached_property
    def calibration(self) -> Calibration:
        """What its errors on new chemistry are like."""
        return Calibration.from_dict(self.spec["calibration"])

    @cached_property
    def atlas(self) -> Atlas:
        """The crystals that it may propose.

        Raises:
            ModelError: it has none, or they are damaged.
        """
        if FILE not in self.spec["sha256"]:
            raise ModelError(
                f"the model in {self.folder} has no candidates to propose; train it with a survey (dosmith data survey)"
            )
        made_of = (self.spec["sha256"][FILE], stamp(self.folder / FILE), self.recipe)
        held = kept(
            "candidates", made_of, lambda: Candidates.read(read_checked(self.folder, FILE, self.spec), self.recipe).as_arrays()
        )
        return Atlas(
            Candidates.of_arrays(held, self.recipe),
            self.recipe,
            self.calibration,
            self.settings.height_penalty,
            self.identity,
            self.doubt,
            self._bands if PARTS in self.spec["sha256"] else None,
            made_of,
        )

    def _bands(self, element: str | None = None) -> dict[str, FloatArray]:
        """The descriptors of its candidates' bands, shapes (C,)."""
        assert self.candidate_parts is not None
        return self.candidate_parts.descriptors(self.recipe.grid.energies, self.wholes_at, len(self.atlas), element)

    @cached_property
    def identity(self) -> Identity | None:
        """How likely its errors are; None when that was not learned.

        Raises:
            ModelError: it is damaged.
        """
        facts = self.spec.get("identity")
        if facts is None:
            return None
        return Identity.read(read_checked(self.folder, IDENTITY, self.spec), facts, self.recipe.grid.points)

    @cached_property
    def doubt(self) -> Doubt | None:
        """What it costs a curve to be unlike the training spectra; None when that was not learned.

        Raises:
            ModelError: it is damaged.
        """
        facts = self.spec.get("doubt")
        return None if facts is None else Doubt.read(read_checked(self.folder, DOUBT, self.spec), facts, self.recipe.grid.points)

    def doubts(self, target: FloatArray) -> list[str]:
        """See `Model.doubts`."""
        return [] if self.doubt is None else self.doubt.remarks(self.doubt.excess(target, self.recipe))

    @cached_property
    def ensemble(self) -> ForwardModel:
        """The networks, which predict the DOS of any crystal.

        Raises:
            MissingExtraError: PyTorch is not installed.
            ModelError: the weights are damaged.
        """
        from dosmith.models.tight_binding.checkpoint import ensemble_of

        return ensemble_of(self)

    def propose(
        self,
        target: FloatArray,
        top: int,
        constraints: Constraints | None = None,
        *,
        known: Mapping[Composition, float] | None = None,
        crystal_system: str | None = None,
        comparison: Comparison | None = None,
    ) -> list[Proposal]:
        """See `Model.propose`. A known composition counts as that, another as its best crystal."""
        constraints, atlas = constraints or Constraints(), self.atlas
        self._check_system(crystal_system)
        asked = comparison or Comparison(self.on_axis(target), self.recipe.grid)
        self.on_axis(asked.target)
        judged = atlas.judged(asked)
        scores, fits = judged.scores(asked.by), atlas.entries.fits(constraints, crystal_system, judged.merits)
        count, sizes = max(_EXAMINED, 4 * top) if asked.variety else top, set(self.sizes)
        ranked = known.ranked() if isinstance(known, Scored) else sorted((known or {}).items(), key=itemgetter(1), reverse=True)
        usable = (each for each in ranked if each[1] > -np.inf and len(each[0]) in sizes and constraints.admit(each[0]))
        predicted = atlas.entries.best_of_others(scores, fits, count, known or {})
        best = [(composition, score, None) for composition, score in islice(usable, count)]
        found = sorted([*best, *predicted], key=itemgetter(1), reverse=True)[:count]
        if not found:
            raise ConstraintError(self._why_none(constraints, crystal_system, judged.merits))
        if asked.variety:
            order = varied([score for _, score, _ in found], (kind_of(each) for each, _, _ in found), asked.variety)
            found = [found[place] for place in order[:top]]
        return [Proposal(composition) if place is None else self._predicted(place, judged) for composition, _, place in found]

    def identify(
        self,
        target: FloatArray,
        top: int,
        constraints: Constraints | None = None,
        *,
        known: Seen | None = None,
        crystal_system: str | None = None,
        comparison: Comparison | None = None,
        real: bool = False,
        others: Sequence[tuple[float, Proposal]] = (),
        own: bool = True,
    ) -> list[Proposal]:
        """See `Model.identify`. A known composition counts as its best spectrum, another as its best crystal.

        Args:
            target: see there, as the others.
            others: crystals that are not the model's, each with its evidence, see `Identity.evidence`.
            own: whether the model's crystals count.
        """
        constraints, atlas = constraints or Constraints(), self.atlas
        if atlas.identity is None:
            raise OptionError(f"the model '{self.name}' has not learned how likely its errors are; leave --rank-by identity out")
        self._check_system(crystal_system)
        asked = comparison or Comparison(self.on_axis(target), self.recipe.grid)
        errors, count = atlas.errors_within(asked.counted), asked.count
        predicted = [(each.composition, evidence, -number) for number, (evidence, each) in enumerate(others, 1)]
        if own:
            apart = None if count is None else asked.apart(atlas.candidates.spectra, atlas.states(count))
            likely = atlas.log_likelihoods(self.on_axis(target), asked.counted)
            likely = errors.evidence(likely, apart, atlas.heights.chances if real else None)
            places = atlas.entries.best_of_each(likely, atlas.entries.fits(constraints, crystal_system), max(top, LISTED))
            predicted += [(atlas.entries.compositions[place], float(likely[place]), int(place)) for place in places]
        predicted.sort(key=itemgetter(1), reverse=True)
        usable: dict[Composition, float] = {}
        if known is not None:
            sizes = errors.norms(known.vectors)
            told = errors.log_likelihoods(target, known.vectors.astype(np.float32), None, sizes)
            told[sizes <= EMPTY * np.linalg.norm(known.vectors, axis=1)] = -np.inf
            told = errors.evidence(told, known.apart, known.chances if real else None)
            for composition, each in zip(known.compositions, told.tolist(), strict=True):
                if constraints.admit(composition):
                    usable[composition] = max(each, usable.get(composition, -np.inf))
        found = merged(usable, predicted, len(usable) + len(predicted))
        if not found:
            raise ConstraintError(self._why_none(constraints, crystal_system, {}))
        likelihood = errors.probabilities(np.array([each for _, each, _ in found]))
        judged = atlas.judged(Comparison(target, self.recipe.grid, covered=asked.counted))
        proposals = [
            Proposal(composition) if place is None else others[-place - 1][1] if place < 0 else self._predicted(place, judged)
            for composition, _, place in found[:top]
        ]
        return [replace(each, identity=float(share)) for each, share in zip(proposals, likelihood, strict=False)]

    def _check_system(self, crystal_system: str | None) -> None:
        if crystal_system is not None and crystal_system not in self.atlas.crystal_systems:
            systems = ", ".join(self.atlas.crystal_systems)
            raise ModelError(f"the model '{self.name}' has no {crystal_system} candidates; it has {systems} ones")

    def _predicted(self, place: int, judged: Judged) -> Proposal:
        atlas = self.atlas
        vector, half_width = atlas.curve(place)
        gap = atlas.gaps[place]
        return Proposal(
            atlas.entries.compositions[place],
            float(judged.similarity[place]),
            crystal=atlas.crystals[place],
            p_match=None if judged.p_match is None else float(judged.p_match[place]),
            p_exists=told(judged.p_exists[place]),
            gap=told(gap),
            gap_spread=told(atlas.gap_spreads[place]),
            above_hull=told(atlas.heights.above[place]),
            rivals=None if np.isnan(atlas.heights.above[place]) else int(atlas.heights.rivals[place]),
            vector=vector,
            half_width=half_width,
            parts=self._parts_of(place),
            half_metallic_gap=told(atlas.half_metallic_gaps[place]),
        )

    def _parts_of(self, place: int) -> Mapping[tuple[str, str], FloatArray]:
        """The projections that it expects of a candidate."""
        parts = self.candidate_parts
        return {} if parts is None else parts.of_crystal(place, self.wholes_at(np.array([place]))[0])

    def wholes_at(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """The expected spectra of all states of some of its candidates, of norm 1 or less, shape (places, points)."""
        return self.atlas.candidates.at(places)

    def _why_none(
        self, constraints: Constraints, crystal_system: str | None, merits: Mapping[str, NDArray[np.floating[Any]]]
    ) -> str:
        if constraints.n_elements not in (None, *self.sizes):
            return (
                f"this model proposes compositions of {' or '.join(map(str, self.sizes))} elements, not {constraints.n_elements}"
            )
        unknown = sorted(constraints.required - set(self.elements))
        if unknown:
            return f"the model does not know the required {' '.join(unknown)}; it knows {' '.join(self.elements)}"
        why = self.atlas.entries.why_none(constraints, crystal_system, merits)
        return f"the constraints leave no composition among the model's candidates: {why}; allow more"

    def remarks(self, proposals: Sequence[Proposal], part: str) -> list[str]:
        """See `Model.remarks`."""
        surest = max((each.p_match for each in proposals if each.p_match is not None), default=None)
        if surest is None or surest >= SURE:
            return []
        return [f"No confident match among what is predicted: the likeliest has a probability of {surest:.2f} to have this DOS."]

    def parts(self) -> dict[str, Any]:
        """See `Model.parts`."""
        return {ANY: {"spectra": self.spec["library"]["count"], "held_out": self.spec["calibration"]}}

    def summary(self) -> Summary:
        """See `Model.summary`."""
        found, members, library = self.calibration, self.spec["settings"]["members"], self.spec["library"]
        return Summary(
            f"(from a crystal to its DOS): trained on {library['name']} ({library['count']:,} spectra),"
            f" {len(self.elements)} elements, {members} members",
            f"Held-out chemical systems, {found.count:,} crystals in {members} folds, each by the one member that did not see it",
            (),
            (
                ("mean cosine to the computed DOS", f"{found.cosine:.3f}"),
                (f"share with a cosine above {MATCH:g}", f"{found.above:.3f}"),
                ("R^2 against the mean spectrum", f"{found.determination:.3f}"),
            ),
            (("quantity", "value"), *((key, str(value)) for key, value in self.spec["calibration"].items())),
        )

    def predict(self, what: Sequence[str | Structure], library: Library, prototype: str | None = None) -> Sequence[Predicted]:
        """See `Model.predict`."""
        from dosmith.models.tight_binding.predict import predict

        return predict(what, library, self.ensemble, prototype)

    @cached_property
    def candidate_parts(self) -> CandidateParts | None:
        """The projections that it expects of its candidates; None where they were not predicted.

        Raises:
            FileFormatError: they are damaged.
        """
        return self._kept_parts(PARTS)

    @cached_property
    def candidate_spins(self) -> CandidateParts | None:
        """The spins that it expects of its magnetic candidates; None where they were not predicted.

        Raises:
            FileFormatError: they are damaged.
        """
        return self._kept_parts(SPINS)

    def _kept_parts(self, file: str) -> CandidateParts | None:
        if file not in self.spec["sha256"]:
            return None
        made_of = self.spec["sha256"][file], stamp(self.folder / file)
        read = partial(read_checked, self.folder, file, self.spec)
        return CandidateParts.of_arrays(kept(Path(file).stem, made_of, lambda: CandidateParts.read(read()).as_arrays()))

    def of_part(self, part: Part) -> Model:
        """See `Model.of_part`. Elements and orbitals are not told apart by spin."""
        told = self.candidate_parts if part.spin is None else None if part.projected else self.candidate_spins
        if told is None:
            return super().of_part(part)
        atlas, places = atlas_of_part(self.atlas, told, part)
        found = _OfPart(self.folder, self.spec, self.wholes_at(places), part.spin is not None)
        parts = None if self.candidate_parts is None else self.candidate_parts.taken(places)
        # In the place of the cached properties.
        atlas = replace(atlas, bands=None if parts is None else partial(found._bands, part.element))
        found.__dict__.update(atlas=atlas, candidate_parts=parts)
        return found


@dataclass(frozen=True, eq=False)
class _OfPart(TightBindingModel):
    """The same for a part of each density of states, and the candidates that have it.

    Attributes:
        whole: expected spectra of all states of these candidates, shape (C, points).
        of_spin: whether the part is a spin.
    """

    whole: NDArray[np.float32]
    of_spin: bool = False

    def wholes_at(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `TightBindingModel.wholes_at`."""
        return self.whole[places]

    def remarks(self, proposals: Sequence[Proposal], part: str) -> list[str]:
        """See `Model.remarks`; and which candidates take part."""
        known = self.spec.get("spins" if self.of_spin else "projected") or {}
        own = super().remarks(proposals, part)
        if self.of_spin:
            low = "" if known.get("above_hull") is None else f" up to {known['above_hull']:g} eV/atom above the hull"
            return [
                *own,
                f"Spins are predicted of the {known['crystals']:,} candidates{low} that are magnetic, each as a ferromagnet; no others are looked at.",
            ]
        if known.get("above_hull") is None:
            return own
        return [
            *own,
            f"Elements and orbitals are predicted of the {known['crystals']:,} candidates up to {known['above_hull']:g} eV/atom above the hull;"
            " no others are looked at.",
        ]
