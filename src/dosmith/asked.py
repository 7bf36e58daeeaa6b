"""A question put to the spectra that are known: what they are worth as answers, and proposals as candidates beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dosmith.comparison import Comparison, Judged
from dosmith.constraints import Constraints
from dosmith.designs import Neighbour
from dosmith.formulas import Composition
from dosmith.known import KnownSpectra
from dosmith.models.interface import Proposal, Seen
from dosmith.ranking import BoolArray, in_order, told
from dosmith.records import Candidate
from dosmith.targets import Target

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Asked:
    """What M known spectra say to a question.

    Attributes:
        known: the spectra.
        comparison: with the target.
        crystal_system: that counts; any when None.
        counted: which count at all, shape (M,); all when None.
    """

    known: KnownSpectra
    comparison: Comparison
    crystal_system: str | None = None
    counted: BoolArray | None = None

    @property
    def similarities(self) -> FloatArray:
        """Of each to the target, shape (M,)."""
        return self.judged.similarity

    @cached_property
    def judged(self) -> Judged:
        """What is thought of each as an answer."""
        return self.known.judged(self.comparison, self.known.similarities(self.comparison))

    @cached_property
    def scores(self) -> FloatArray:
        """What each is ranked by, shape (M,)."""
        return self.judged.scores(self.comparison.by)

    def fits(self, constraints: Constraints) -> BoolArray:
        """Which satisfy the constraints, shape (M,)."""
        found = self.known.entries.fits(constraints, self.crystal_system, self.judged.merits)
        return found if self.counted is None else found & self.counted

    @cached_property
    def _of_system(self) -> BoolArray:
        """Which count and are of the crystal system, shape (M,)."""
        found = self.known.entries.fits(Constraints(), self.crystal_system)
        return found if self.counted is None else found & self.counted

    def elsewhere(self, constraints: Constraints, fits: BoolArray) -> set[Composition]:
        """Known compositions that do not fit: another crystal of theirs is no answer, unless a kind of crystal is asked for."""
        if constraints.prototype is not None or constraints.space_group is not None or fits.all():
            return set()
        compositions = self.known.entries.compositions
        there = np.flatnonzero(self._of_system & ~fits)
        return {compositions[place] for place in there.tolist()}

    def within(self) -> Seen:
        """Those that count and are of the crystal system."""
        places, count = np.flatnonzero(self._of_system), self.comparison.count
        compositions, vectors = [self.known.entries.compositions[place] for place in places.tolist()], self.known.vectors[places]
        apart = None if count is None else self.comparison.apart(vectors, self.known.counted(count)[places])
        return Seen(compositions, vectors, self.known.heights.chances[places], apart)

    def neighbours(self, target: Target, top: int) -> tuple[Neighbour, ...]:
        """The known materials with the most similar DOS, best first."""
        library, rows = self.known.library, self.known.rows
        places = in_order(self.similarities, self._of_system, top)
        return tuple(
            Neighbour(
                rank,
                library.ids[rows[place]],
                library.formulas[rows[place]],
                float(self.similarities[place]),
                self.comparison.metric,
                library.prototypes[rows[place]],
                library.crystal_systems[rows[place]],
                library.ids[rows[place]] == target.material_id,
            )
            for rank, place in enumerate(places, 1)
        )

    def candidate(self, rank: int, proposal: Proposal, in_training: bool, fits: BoolArray | None = None) -> Candidate:
        """A proposal as a candidate: by the known spectrum of its composition that ranks first, else by what is predicted.

        Args:
            rank: from 1.
            proposal: of a model or an atlas.
            in_training: whether the model was trained on a spectrum of it.
            fits: which known spectra satisfy what was asked for; a crystal that is proposed gives way to these alone. Shape (M,);
                all when None.
        """
        library, places = self.known.library, self.known.places
        rows = [row for row in library.rows_of(proposal.composition, self.crystal_system) if row in places]
        if fits is not None:
            fitting = [row for row in rows if fits[places[row]]]
            rows = fitting if fitting or proposal.crystal is not None else rows
        rows.sort(key=lambda row: -self.scores[places[row]])
        candidate = Candidate(
            rank=rank,
            composition=proposal.composition,
            distance=proposal.distance,
            in_training=in_training,
            known_dos=bool(rows),
            similarity=None,
            similarity_kind=None,
            metric=self.comparison.metric,
            identity=proposal.identity,
        )
        if rows:
            return self._known(candidate, rows)
        return candidate if proposal.crystal is None else _predicted(candidate, proposal)

    def _known(self, candidate: Candidate, rows: Sequence[int]) -> Candidate:
        library, heights, judged, place = self.known.library, self.known.heights, self.judged, self.known.places[rows[0]]
        height = told(heights.above[place])
        return replace(
            candidate,
            similarity=float(self.similarities[place]),
            similarity_kind="computed",
            structure_id=library.ids[rows[0]],
            structure_ids=tuple(library.ids[row] for row in rows),
            prototype=library.prototypes[rows[0]],
            crystal_system=library.crystal_systems[rows[0]],
            probability=None if judged.probability is None else told(judged.probability[place]),
            formation_energy=told(self.known.formation_energies[place]),
            gap=library.gaps[rows[0]],
            above_hull=height,
            hull_from="unknown" if height is None else "dft" if heights.dft[place] else "potential",
            hull_rivals=None if height is None else int(heights.rivals[place]),
            p_match=None if judged.p_match is None else float(judged.p_match[place]),
            p_exists=told(heights.chances[place]),
        )


def _predicted(candidate: Candidate, proposal: Proposal) -> Candidate:
    crystal, height = proposal.crystal, proposal.above_hull
    assert crystal is not None
    uncertain = proposal.p_match is None or proposal.p_exists is None
    return replace(
        candidate,
        similarity=proposal.similarity,
        similarity_kind="predicted",
        prototype=crystal.prototype,
        crystal_system=crystal.crystal_system,
        probability=None if uncertain else (proposal.p_match or 0.0) * (proposal.p_exists or 0.0),
        formation_energy=None if crystal.formation_energy is None else told(crystal.formation_energy),
        gap=proposal.gap,
        gap_spread=proposal.gap_spread,
        above_hull=height,
        hull_from="unknown" if height is None else "potential",
        hull_rivals=proposal.rivals,
        p_match=proposal.p_match,
        p_exists=proposal.p_exists,
        crystal_id=getattr(crystal, "id", None),
        crystal_from=getattr(crystal, "where", None),
    )
