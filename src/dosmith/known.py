"""The spectra of a library as a model's recipe sees them, held ready to be compared with many targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from dosmith.comparison import Comparison, Judged
from dosmith.crystals.existence import Heights, HullEnergies, no_hull, shipped_facts
from dosmith.crystals.kinds import label_of
from dosmith.errors import ConstraintError, SpectrumError
from dosmith.formulas import Composition
from dosmith.kept import Arrays, kept
from dosmith.library import Library
from dosmith.library.stability import FORMATION
from dosmith.logistic import chance
from dosmith.ranking import BoolArray, Entries, Scored
from dosmith.spectra.count import Count, Electrons
from dosmith.spectra.descriptors import DESCRIPTORS, Descriptors, describe
from dosmith.spectra.grid import Window
from dosmith.spectra.match import Gaps
from dosmith.spectra.parts import Part, library_parts
from dosmith.spectra.shape import band_centres, densities_at_zero
from dosmith.spectra.similarity import MATCH, Curves
from dosmith.spectra.standard import Recipe, StandardSpectrum, standardise_library
from dosmith.symmetry import number_of
from dosmith.targets import Target

FloatArray = NDArray[np.float64]

_BORDER = 0.012
"""Scale of cosines within which it is open whether a known DOS matches; other codes change them by so much (docs/independent.md)."""


@dataclass(frozen=True, eq=False)
class KnownSpectra:
    """M spectra that the recipe can standardise; read on first use.

    Attributes:
        library: where they are.
        recipe: how they are standardised.
        part: elements, orbitals or spin that count, of those materials that tell them; all states of all materials when None.
        hull: of a potential, at compositions.
        hull_made_of: tells what changes that hull, see `kept`; None where nobody can say.
    """

    library: Library
    recipe: Recipe
    part: Part | None = None
    hull: Callable[[Sequence[Composition]], HullEnergies] = no_hull
    hull_made_of: Callable[[], Sequence[object] | None] = lambda: None

    @cached_property
    def _standard(self) -> Arrays:
        library = self.library.made_of if self.part is None else None
        return kept("known", library and [*library, self.recipe], self._standardised)

    def _standardised(self) -> Arrays:
        narrow: dict[int, Window] = {}
        areas: dict[int, float] = {}
        if self.part is None:
            rows, vectors = standardise_library(self.library, self.recipe, narrow, areas)
        else:
            rows, vectors = library_parts(self.library, self.recipe, self.part, narrow)
        return {
            "rows": rows,
            "vectors": vectors,
            "areas": np.array([areas.get(row, np.nan) for row in rows.tolist()]),
            "narrow": np.array(list(narrow), dtype=np.intp),
            "windows": np.array([[each.lower, each.upper] for each in narrow.values()]).reshape(-1, 2),
        }

    @cached_property
    def _narrow(self) -> dict[int, Window]:
        """The window of those rows that are known in a part only."""
        held = self._standard
        return {row: Window(*each) for row, each in zip(held["narrow"].tolist(), held["windows"].tolist(), strict=True)}

    @cached_property
    def states(self) -> FloatArray:
        """States per atom within the window as their sources have them, NaN where unknown, shape (M,)."""
        return np.asarray(self._standard["areas"] / self.library.sites[self.rows])

    @cached_property
    def electrons(self) -> Electrons:
        """What the elements bring to these spectra."""
        return Electrons.learned(self.entries.table, self.vectors, self.states, self.recipe.grid)

    def counted(self, count: Count) -> FloatArray:
        """Numbers of states as a target's are counted, NaN where unknown or in another unit, shape (M,)."""
        states = count.electrons.believed(self.entries.table, self.vectors, self.states)
        return count.of_cells(states, self.library.sites[self.rows])

    def _agreement(self, comparison: Comparison) -> FloatArray | float:
        """What numbers of states take from likenesses, shape (M,)."""
        if comparison.count is None:
            return 1.0
        states = self.counted(comparison.count)
        found = comparison.agreement(self.vectors, states)
        for row, window in self._narrow.items():
            place = slice(self.places[row], self.places[row] + 1)
            common = replace(comparison, covered=window, window=comparison.counted)
            found[place] = 0.0
            with suppress(SpectrumError):  # nothing in common
                found[place] = common.agreement(self.vectors[place], states[place])
        return found

    @property
    def rows(self) -> NDArray[np.intp]:
        """Their rows in the library, shape (M,)."""
        return self._standard["rows"]

    @property
    def vectors(self) -> FloatArray:
        """Standard vectors, 1/eV, shape (M, points)."""
        return self._standard["vectors"]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def entries(self) -> Entries:
        """Their compositions and crystals, and the merits that no target changes."""
        library, rows, energies = self.library, self.rows.tolist(), self.recipe.grid.energies
        return Entries(
            [library.compositions[row] for row in rows],
            [library.crystal_systems[row] for row in rows],
            [name and label_of(name) for name in map(library.prototypes.__getitem__, rows)],
            lambda: _space_groups(library, rows),
            {
                "formation_energy": lambda: self.formation_energies,
                "dft_formation_energy": lambda: library.stated("formation_energy")[self.rows],
                "dft_above_hull": lambda: library.stated("energy_above_hull")[self.rows],
                "above_hull": lambda: self.heights.above,
                "gap": lambda: self.gaps,
                "band_centre": lambda: band_centres(energies, self.vectors),
                "dos_at_fermi": lambda: densities_at_zero(energies, self.vectors),
            }
            | {name: partial(self._descriptor, name) for name in DESCRIPTORS},
        )

    def _descriptor(self, name: str) -> FloatArray:
        return np.array([np.nan if (value := getattr(each, name)) is None else value for each in self._described])

    @cached_property
    def _described(self) -> list[Descriptors]:
        """Of their bands and spins, as far as the library tells them."""
        element = None if self.part is None else self.part.element
        found, library = [Descriptors()] * len(self), self.library
        telling = set(library.projected()) | set(library.polarised())
        rows = [row for row in self.rows.tolist() if row in telling]
        for row, material in zip(rows, library.materials(rows), strict=True):
            with suppress(SpectrumError):  # it covers too little of the window
                found[self.places[row]] = describe(material, self.recipe, element)
        return found

    @cached_property
    def gaps(self) -> FloatArray:
        """Computed gaps, eV, 0 for metals, NaN where the source does not tell, shape (M,)."""
        values = [self.library.gaps[row] for row in self.rows.tolist()]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    @cached_property
    def formation_energies(self) -> FloatArray:
        """In the potential that heights are of, eV/atom, NaN where unknown, shape (M,)."""
        return np.asarray(self._energies["formation_energy"][self.rows])

    @cached_property
    def heights(self) -> Heights:
        """How high they lie above a hull."""
        held = dict(self._energies)
        del held["formation_energy"]
        return Heights(**held).at(self.rows)

    @cached_property
    def _energies(self) -> Arrays:
        library, hull = self.library.made_of, self.hull_made_of()
        made_of = None if library is None or hull is None else [*library, *hull, shipped_facts()]
        return kept("heights", made_of, self._heights)

    def _heights(self) -> Arrays:
        found = Heights.of_library(self.library, self.hull)
        formation = self.library.stated(FORMATION[self.hull([]).potential])
        return vars(found) | {"formation_energy": formation}

    def judged(self, comparison: Comparison, similarities: FloatArray) -> Judged:
        """What is thought of each spectrum as an answer to a target.

        A known DOS matches or does not; only within about 0.01 of the border do other settings of the calculation decide.

        Args:
            comparison: with the target.
            similarities: of shapes, as of `similarities`, shape (M,).
        """
        match = None
        if comparison.calibrated or not comparison.curve:
            alike = chance((similarities - MATCH) / _BORDER) if comparison.curve else np.ones(len(self))
            agree = (
                True if comparison.gaps is None else comparison.gaps.hold(self.gaps) | (np.isnan(self.gaps) & comparison.curve)
            )
            match = np.where(agree, alike, 0.0)
        told = similarities * self._agreement(comparison)
        return Judged(told, told if comparison.curve else np.ones(len(self)), match, self.heights.chances)

    @cached_property
    def places(self) -> dict[int, int]:
        """Row of the library -> place among the spectra."""
        return {int(row): place for place, row in enumerate(self.rows)}

    @cached_property
    def _curves(self) -> Curves:
        return Curves(self.vectors)

    def similarities(self, comparison: Comparison) -> FloatArray:
        """Of each spectrum to the target, shape (M,); of one that is known in a part only, in that part."""
        found, by_window = comparison(self._curves), dict[Window, list[int]]()
        for row, window in self._narrow.items():
            by_window.setdefault(window, []).append(self.places[row])
        for window, places in by_window.items():
            found[places] = 0.0
            with suppress(SpectrumError):  # nothing in common
                found[places] = replace(comparison, covered=window, window=comparison.counted)(self.vectors[places])
        return found

    def of_compositions(self, scores: FloatArray, fits: BoolArray) -> Scored:
        """The best score of each composition among the spectra that fit; shapes (M,)."""
        places = self.entries.best_of_each(scores, fits, len(self))
        return Scored(self.entries, places, scores[places])

    def vector(self, identifier: str) -> FloatArray | None:
        """The standard vector of a material of the library, 1/eV, shape (points,); None when it has none.

        Raises:
            NotFoundError: there is no such material.
        """
        place = self.places.get(self.library.row_of(identifier))
        return None if place is None else np.asarray(self.vectors[place])


def gap_target(known: KnownSpectra, wanted: Gaps) -> Target:
    """A target of which only the gap counts; its curve, the mean of the known ones with such a gap, merely shows what these are like.

    Raises:
        ConstraintError: no known material has such a gap.
    """
    with_it = np.flatnonzero(wanted.hold(np.nan_to_num(known.gaps, nan=-1.0)))
    if not len(with_it):
        raise ConstraintError(f"no known material has a gap of {wanted} eV, so there is nothing to go by; give a wider range")
    values = known.vectors[with_it].mean(axis=0)
    step = f"no curve was given: drawn is the mean of {len(with_it):,} known ones with such a gap"
    inside = float(np.median(known.gaps[with_it]))
    standard = StandardSpectrum(values / (values.sum() * known.recipe.grid.step), known.recipe, 0.0, inside, 1.0, (step,))
    return Target("metals" if wanted.metallic else f"gap {wanted} eV", "a gap alone, no curve", standard, curve=False)


def _space_groups(library: Library, rows: Sequence[int]) -> list[int]:
    """Numbers of the space groups at some rows: of AFLOW labels such as A_cF4_225_a, else of their symbols; 0 when there is neither."""
    symbols, found = library.space_groups, []
    for row in rows:
        parts = str(library.provenances[row].get("aflow_label") or "").split("_")
        told = parts[2] if len(parts) > 2 and parts[2].isdigit() else symbols[row] or ""
        found.append(number_of(told) or 0)
    return found
