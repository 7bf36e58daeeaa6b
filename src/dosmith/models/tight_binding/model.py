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
from dosmith.constraints import Constraints
from dosmith.crystals.survey import Surveyed
from dosmith.errors import ConstraintError, ModelError
from dosmith.formulas import Composition
from dosmith.models.calibration import Calibration
from dosmith.models.paper.model import ANY
from dosmith.models.store import find_checkpoint, read_checked, read_spec
from dosmith.models.tight_binding.candidates import FILE, Candidates
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

HEIGHT_PENALTY = 0.1
"""Similarity that a crystal loses for each eV/atom that it lies above its elements."""
MAX_RATIO = 3
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
    def sizes(self) -> tuple[int, ...]:
        """How many elements its candidates have."""
        return tuple(self.spec["candidates"].get("sizes", (2,)))

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
    def compositions(self) -> tuple[Composition, ...]:
        """Of each candidate."""
        return tuple(crystal.composition for crystal in self.candidates.crystals)

    @cached_property
    def numbers(self) -> NDArray[np.intp]:
        """Of each candidate the place of its composition among the different ones, shape (C,)."""
        place: dict[Composition, int] = {}
        return np.array([place.setdefault(composition, len(place)) for composition in self.compositions], dtype=np.intp)

    @cached_property
    def elements(self) -> NDArray[np.intp]:
        """Atomic numbers of each candidate's elements, rising, then 0 where it has fewer than another, shape (C, largest size)."""
        found = np.zeros((len(self.compositions), max(self.sizes)), dtype=np.intp)
        for row, composition in zip(found, self.compositions, strict=True):
            row[: len(composition)] = [formulas.atomic_number(symbol) for symbol, _ in composition]
        return found

    @cached_property
    def _counts(self) -> NDArray[np.intp]:
        """Of each candidate, falling, then 0 as in `elements`, shape (C, largest size)."""
        found = np.zeros((len(self.compositions), max(self.sizes)), dtype=np.intp)
        for row, composition in zip(found, self.compositions, strict=True):
            row[: len(composition)] = sorted((count for _, count in composition), reverse=True)
        return found

    @cached_property
    def crystal_systems(self) -> tuple[str, ...]:
        """Of its candidates, by name."""
        return tuple(sorted(set(self._systems.tolist())))

    @cached_property
    def _systems(self) -> NDArray[np.str_]:
        return np.array([crystal.crystal_system for crystal in self.candidates.crystals], dtype=np.str_)

    @cached_property
    def _shapes(self) -> FloatArray:
        """The expected spectra with length 1, shape (C, levels)."""
        return self.candidates.expected.astype(np.float64) / self.candidates.lengths[:, None]

    def fits(self, constraints: Constraints, crystal_system: str | None = None) -> NDArray[np.bool_]:
        """Which candidates the constraints let pass, shape (C,).

        Raises:
            ModelError: it has no candidates of that crystal system.
        """
        if crystal_system is not None and crystal_system not in self.crystal_systems:
            systems = ", ".join(self.crystal_systems)
            raise ModelError(f"the model '{self.name}' has no {crystal_system} candidates; it has {systems} ones")
        permitted = np.zeros(formulas.HEAVIEST + 1, dtype=np.bool_)
        permitted[0] = True  # no element
        permitted[[number for number in range(1, len(permitted)) if constraints.permits(formulas.symbol_of(number))]] = True
        found = np.asarray(permitted[self.elements].all(axis=1))
        for symbol in constraints.required:
            found &= (self.elements == formulas.atomic_number(symbol)).any(axis=1)
        if constraints.n_elements is not None:
            found &= (self.elements > 0).sum(axis=1) == constraints.n_elements
        if constraints.ratio is not None:
            ratio = np.zeros(max(self._counts.shape[1], len(constraints.ratio)), dtype=np.intp)
            ratio[: len(constraints.ratio)] = sorted(constraints.ratio, reverse=True)
            wide = self._counts.shape[1]
            found &= (self._counts == ratio[:wide]).all(axis=1) & (not ratio[wide:].any())
        return found if crystal_system is None else found & (self._systems == crystal_system)

    def scores(self, target: FloatArray, alike: Alike | None = None) -> tuple[FloatArray, FloatArray]:
        """How like the target the candidates are to be expected.

        Args:
            target: standard vector, shape (levels,).
            alike: another similarity than the cosine of the whole curves.

        Returns:
            expected similarities, shape (C,); what candidates are ranked by: the same, less `HEIGHT_PENALTY` for a positive
            formation energy, shape (C,).
        """
        unit = (target / np.linalg.norm(target)).astype(np.float32)
        if alike is None:
            found = (self.candidates.expected @ unit).astype(np.float64)
        else:
            found = alike(self._shapes) * self.candidates.lengths
        return found, found - HEIGHT_PENALTY * self._heights

    @cached_property
    def _crystals_each(self) -> int:
        """Candidates of the composition that has most."""
        return int(np.bincount(self.numbers, minlength=1).max())

    def best(self, ranked: FloatArray, fits: NDArray[np.bool_], top: int) -> NDArray[np.intp]:
        """Places of the best candidate of each composition among those that fit, best first.

        Args:
            ranked: see `scores`, shape (C,).
            fits: which may be proposed, shape (C,).
            top: how many.
        """
        places = np.flatnonzero(fits)
        enough = top * self._crystals_each
        if enough < len(places):
            places = np.sort(places[np.argpartition(-ranked[places], enough)[:enough]])
        places = places[np.argsort(-ranked[places], kind="stable")]
        _, first = np.unique(self.numbers[places], return_index=True)
        return np.asarray(places[np.sort(first)[:top]])

    def probabilities(self, similarities: FloatArray) -> FloatArray:
        """That the DOS of each candidate matches, from the expected cosines of the whole curves, shape (C,)."""
        return self.calibration.probability(similarities, self.candidates.lengths.astype(np.float64))

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
        fits = self.fits(constraints, crystal_system)
        scores, ranked = self.scores(target, alike)
        sizes = self.sizes
        best: dict[Composition, tuple[float, int | None]] = {
            composition: (similarity, None)
            for composition, similarity in known.items()
            if len(composition) in sizes and constraints.admit(composition)
        }
        for place in self.best(ranked, fits, len(best) + top):  # more cannot come among the first
            best.setdefault(self.compositions[place], (float(ranked[place]), int(place)))
        if not best:
            raise ConstraintError(self._why_none(constraints))
        order = sorted(best.items(), key=lambda each: -each[1][0])[:top]
        probabilities = self.probabilities(scores) if alike is None else None
        return [self._proposal(composition, *found, scores, probabilities) for composition, found in order]

    def _proposal(
        self, composition: Composition, score: float, place: int | None, scores: FloatArray, probabilities: FloatArray | None
    ) -> Proposal:
        if place is None:
            return Proposal(composition, score)
        vector, half_width = self.curve(place)
        return Proposal(
            composition,
            float(scores[place]),
            self.candidates.crystals[place],
            None if probabilities is None else float(probabilities[place]),
            vector,
            half_width,
        )

    def curve(self, place: int) -> tuple[FloatArray, FloatArray]:
        """The spectrum that is expected of a candidate and the half-width of the band around it, 1/eV, shapes (levels,)."""
        vector = self.candidates.expected[place].astype(np.float64)
        vector /= vector.sum() * self.recipe.grid.step
        return vector, self.calibration.half_widths(vector)

    def _why_none(self, constraints: Constraints) -> str:
        if constraints.n_elements not in (None, *self.sizes):
            return (
                f"this model proposes compositions of {' or '.join(map(str, self.sizes))} elements, not {constraints.n_elements}"
            )
        unknown = sorted(constraints.required - set(self.spec["elements"]))
        if unknown:
            return f"the model does not know the required {' '.join(unknown)}; it knows {' '.join(self.spec['elements'])}"
        return "the constraints leave no composition among the model's candidates; allow more"
