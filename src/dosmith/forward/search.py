"""Answering a target from what the forward model expects of its candidates. Needs no PyTorch: everything was expected beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.crystals.survey import Surveyed
from dosmith.errors import ConstraintError, ModelError
from dosmith.formulas import Composition
from dosmith.forward.calibration import Calibration
from dosmith.forward.candidates import FILE, Candidates
from dosmith.model.checkpoint import ANY, find_checkpoint, read_checked, read_spec
from dosmith.search.constraints import Constraints
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

HEIGHT_PENALTY = 0.1
"""Similarity that a crystal loses for each eV/atom that it lies above its elements."""
N_ELEMENTS, MAX_RATIO = 2, 3
"""Of the survey's compositions."""

Alike = Callable[[FloatArray], FloatArray]
"""Spectra, shape (C, levels) -> their similarity to a target, shape (C,)."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A composition that is proposed.

    Attributes:
        composition: reduced.
        similarity: to the target: as computed where its DOS is known, else to be expected.
        crystal: whose DOS is expected to be that like; None where it is known.
        probability: that the DOS of this crystal matches; None where it is known, or where only a part of the curve counts.
        vector: its predicted standard vector, 1/eV, shape (levels,); None where it is known.
        half_width: of the band around it, 1/eV.
    """

    composition: Composition
    similarity: float
    crystal: Surveyed | None = None
    probability: float | None = None
    vector: FloatArray | None = None
    half_width: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class ForwardSearch:
    """The candidates of a forward model, held ready for many targets.

    Attributes:
        folder: of the model.
        spec: the contents of its checkpoint.json.
    """

    folder: Path
    spec: Mapping[str, Any]

    n_elements = N_ELEMENTS
    max_ratio = MAX_RATIO
    networks = (ANY,)

    @classmethod
    def open(cls, name: str | Path) -> ForwardSearch:
        """The forward model in a folder, or the shipped one of that name.

        Raises:
            NotFoundError: there is none.
            ModelError: it is damaged, or has no candidates.
        """
        folder = find_checkpoint(name)
        spec = read_spec(folder)
        if FILE not in spec.get("sha256", {}):
            raise ModelError(f"the model in {folder} has no candidates to propose; train it with a survey (dosmith data survey)")
        search = cls(folder, spec)
        try:
            _ = search.recipe, search.calibration, search.spec["elements"], search.spec["formulas"]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the model in {folder} is damaged: {error}") from None
        return search

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.spec["name"])

    @cached_property
    def recipe(self) -> Recipe:
        """How spectra are standardised for it."""
        recipe = self.spec["recipe"]
        return Recipe(EnergyGrid.from_key(recipe["grid"]), recipe["broadening"], recipe["zero"], recipe["min_coverage"])

    @cached_property
    def calibration(self) -> Calibration:
        """What its errors on new chemistry are like."""
        return Calibration(**self.spec["calibration"])

    @cached_property
    def candidates(self) -> Candidates:
        """Read on first use."""
        return Candidates.read(read_checked(self.folder, FILE, self.spec))

    def trained_on(self, network: str = ANY) -> frozenset[Composition]:
        """The compositions whose spectra it saw."""
        return self._formulas

    @cached_property
    def _formulas(self) -> frozenset[Composition]:
        return frozenset(map(formulas.parse, self.spec["formulas"]))

    @cached_property
    def _heights(self) -> FloatArray:
        return np.array([max(crystal.formation_energy, 0.0) for crystal in self.candidates.crystals])

    @cached_property
    def _compositions(self) -> list[Composition]:
        return [crystal.composition for crystal in self.candidates.crystals]

    def propose(
        self,
        target: FloatArray,
        known: Mapping[Composition, float],
        top: int,
        constraints: Constraints | None = None,
        crystal_system: str | None = None,
        alike: Alike | None = None,
    ) -> list[Proposal]:
        """The best compositions for a target, best first.

        A composition with a known DOS counts as that; another as its best crystal: its expected similarity, less
        `HEIGHT_PENALTY` for a positive formation energy.

        Args:
            target: standard vector, shape (levels,).
            known: similarity of the compositions whose DOS is known.
            top: how many.
            constraints: what the compositions must be.
            crystal_system: of the crystals.
            alike: another similarity than the cosine of the whole curves.

        Raises:
            ConstraintError: no composition satisfies the constraints.
            ModelError: it has no candidates of that crystal system.
        """
        constraints = constraints or Constraints()
        systems = {crystal.crystal_system for crystal in self.candidates.crystals}
        if crystal_system not in (None, *systems):
            raise ModelError(
                f"the model '{self.name}' has no {crystal_system} candidates; it has {', '.join(sorted(systems))} ones"
            )
        expected, lengths = self.candidates.expected, self.candidates.lengths
        cosines = (expected @ (target / np.linalg.norm(target)).astype(np.float32)).astype(np.float64)
        scores = cosines if alike is None else alike((expected / lengths[:, None]).astype(np.float64)) * lengths
        ranked = scores - HEIGHT_PENALTY * self._heights
        best: dict[Composition, tuple[float, int | None]] = {
            composition: (similarity, None) for composition, similarity in known.items() if self._fits(composition, constraints)
        }
        wanted = len(best) + top  # more cannot come among the first
        for place in np.argsort(-ranked):
            composition = self._compositions[place]
            if composition in best or crystal_system not in (None, self.candidates.crystals[place].crystal_system):
                continue
            if self._fits(composition, constraints):
                best[composition] = float(ranked[place]), int(place)
                if len(best) == wanted:
                    break
        if not best:
            raise ConstraintError(self._why_none(constraints))
        order = sorted(best.items(), key=lambda each: -each[1][0])[:top]
        return [self._proposal(composition, *found, scores, cosines, alike is None) for composition, found in order]

    def _proposal(
        self, composition: Composition, score: float, place: int | None, scores: FloatArray, cosines: FloatArray, whole: bool
    ) -> Proposal:
        if place is None:
            return Proposal(composition, score)
        length = self.candidates.lengths[place]
        vector = self.candidates.expected[place].astype(np.float64)
        vector /= vector.sum() * self.recipe.grid.step
        return Proposal(
            composition,
            float(scores[place]),
            self.candidates.crystals[place],
            float(self.calibration.probability(cosines[place], length)) if whole else None,
            vector,
            self.calibration.half_widths(vector),
        )

    @staticmethod
    def _fits(composition: Composition, constraints: Constraints) -> bool:
        symbols = {symbol for symbol, _ in composition}
        counts = tuple(sorted(count for _, count in composition))
        return (
            len(composition) == N_ELEMENTS
            and constraints.n_elements in (None, N_ELEMENTS)
            and constraints.required <= symbols
            and all(map(constraints.permits, symbols))
            and constraints.ratio in (None, counts)
        )

    def _why_none(self, constraints: Constraints) -> str:
        if constraints.n_elements not in (None, N_ELEMENTS):
            return f"this model proposes compositions of {N_ELEMENTS} elements, not {constraints.n_elements}"
        unknown = sorted(constraints.required - set(self.spec["elements"]))
        if unknown:
            return f"the model does not know the required {' '.join(unknown)}; it knows {' '.join(self.spec['elements'])}"
        return "the constraints leave no composition among the model's candidates; allow more"
