"""Who proposes candidates: a model, and atlases of crystals beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith import formulas
from dosmith.asked import Asked
from dosmith.constraints import Constraints
from dosmith.errors import ConstraintError, ModelError, OptionError
from dosmith.known import KnownSpectra
from dosmith.models.interface import Model, Proposal
from dosmith.models.tight_binding.model import LISTED, TightBindingModel
from dosmith.ranking import BoolArray
from dosmith.records import Candidate
from dosmith.targets import Target

if TYPE_CHECKING:
    from dosmith.atlas import Atlas


@dataclass(frozen=True, eq=False)
class Proposers:
    """A model and atlases.

    Attributes:
        model: that proposes its own crystals or compositions, and predicted the crystals of the atlases.
        atlases: that propose theirs.
        shipped: whether the model's own are proposed.
    """

    model: Model
    atlases: Sequence[Atlas]
    shipped: bool

    def identified(self, target: Target, top: int, constraints: Constraints, asked: Asked, real: bool) -> list[Proposal]:
        """Compositions by the probability that the target is their DOS.

        Raises:
            OptionError: another measure than the cosine is asked for.
        """
        if not asked.comparison.calibrated:
            raise OptionError(
                "whose a DOS is goes by errors of the curve as it is: leave --metric and weights out, or --rank-by identity"
            )
        values, system = target.standard.values, asked.crystal_system
        options: dict[str, Any] = {
            "known": asked.within(),
            "crystal_system": system,
            "comparison": asked.comparison,
            "real": real,
        }
        if self.atlases:
            from dosmith.atlas.proposing import identify

            assert isinstance(self.model, TightBindingModel)
            options["own"] = self.shipped
            options["others"] = [
                each
                for atlas in self.atlases
                for each in identify(atlas, self.model, values, max(top, LISTED), constraints, system, asked.comparison, real)
            ]
        return self.model.identify(values, top, constraints, **options)

    def proposals(self, target: Target, top: int, constraints: Constraints, asked: Asked, fits: BoolArray) -> list[Proposal]:
        """What the model and the atlases propose, in one order: with atlases, whose crystals have no hull, that of similarity.

        Args:
            target: asked for.
            top: how many at most.
            constraints: that all satisfy.
            asked: what is known of the known ones as answers.
            fits: which of these satisfy the constraints, shape (M,).
        """
        comparison, values, system = asked.comparison, target.standard.values, asked.crystal_system
        if self.atlases:
            comparison = replace(comparison, by="similarity", variety=0.0)
        known = asked.known.of_compositions(asked.judged.scores(comparison.by), fits)
        unwanted = dict.fromkeys(asked.elsewhere(constraints, fits), -np.inf)
        options: dict[str, Any] = {
            "known": {**unwanted, **known} if unwanted else known,
            "crystal_system": system,
            "comparison": comparison,
        }
        if not self.atlases:
            return self.model.propose(values, top, constraints, **options)
        from dosmith.atlas.proposing import propose, together

        assert isinstance(self.model, TightBindingModel)
        groups: list[Sequence[Proposal]] = [
            propose(atlas, self.model, values, top, constraints, system, comparison, options["known"]) for atlas in self.atlases
        ]
        if not self.shipped:
            groups.append([Proposal(each) for each in sorted(known, key=lambda each: -known[each])[:top]])
        else:
            try:
                groups.append(self.model.propose(values, top, constraints, **options))
            except (ConstraintError, ModelError):  # none of its own; an atlas may have some
                if not any(groups):
                    raise
        if not any(groups):
            raise ConstraintError(f"the constraints leave {self._none_of_atlases}; allow more, or add --atlas shipped")
        return together(groups, known, self.model.settings.height_penalty, top)

    def known_ones(self, known: KnownSpectra) -> BoolArray | None:
        """Which known spectra count: where the atlases alone propose, those of their crystals, by formula and space group, shape (M,); all when None."""
        if self.shipped or not self.atlases:
            return None
        entries = known.entries
        written, groups = [formulas.write(each) for each in entries.compositions], entries.group_numbers
        return np.asarray(np.any([atlas.index.holds(written, groups) for atlas in self.atlases], axis=0))

    def of_atlas(self, candidate: Candidate, known: KnownSpectra) -> Candidate:
        """A candidate whose DOS is known, with the crystal of the atlases that it is of, where they hold it."""
        if candidate.structure_id is None or not self.atlases:
            return candidate
        group = int(known.entries.group_numbers[known.places[known.library.row_of(candidate.structure_id)]])
        for atlas in self.atlases:
            rows = atlas.index.rows_with("formula", candidate.formula)
            same = rows[atlas.index.numbers("space_group")[rows] == group]
            if len(same):
                crystal = atlas.crystals(same[:1])[0]
                return replace(candidate, crystal_id=crystal.id, crystal_from=crystal.where)
        return candidate

    @property
    def _none_of_atlases(self) -> str:
        return f"none of the {sum(map(len, self.atlases)):,} crystals of {' and '.join(each.name for each in self.atlases)}"
