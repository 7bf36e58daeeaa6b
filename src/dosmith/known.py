"""The spectra of a library as a model's recipe sees them, held ready to be compared with many targets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SpectrumError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.ranking import BoolArray, Comparison, Entries
from dosmith.spectra.grid import Window
from dosmith.spectra.parts import Part, library_parts
from dosmith.spectra.similarity import Curves
from dosmith.spectra.standard import Recipe, standardise_library

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KnownSpectra:
    """M spectra that the recipe can standardise; read on first use.

    Attributes:
        library: where they are.
        recipe: how they are standardised.
        part: elements, orbitals or spin that count, of those materials that tell them; all states of all materials when None.
    """

    library: Library
    recipe: Recipe
    part: Part | None = None

    @cached_property
    def _standard(self) -> tuple[NDArray[np.intp], FloatArray, dict[int, Window]]:
        narrow: dict[int, Window] = {}
        if self.part is None:
            rows, vectors = standardise_library(self.library, self.recipe, narrow)
        else:
            rows, vectors = library_parts(self.library, self.recipe, self.part, narrow)
        return rows, vectors, narrow

    @property
    def rows(self) -> NDArray[np.intp]:
        """Their rows in the library, shape (M,)."""
        return self._standard[0]

    @property
    def vectors(self) -> FloatArray:
        """Standard vectors, 1/eV, shape (M, points)."""
        return self._standard[1]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def entries(self) -> Entries:
        """Their compositions and crystal systems."""
        library, rows = self.library, self.rows.tolist()
        return Entries([library.compositions[row] for row in rows], [library.crystal_systems[row] for row in rows])

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
        for row, window in self._standard[2].items():
            by_window.setdefault(window, []).append(self.places[row])
        for window, places in by_window.items():
            found[places] = 0.0
            with suppress(SpectrumError):  # nothing in common
                found[places] = replace(comparison, covered=window, window=comparison.counted)(self.vectors[places])
        return found

    def of_compositions(self, scores: FloatArray, fits: BoolArray) -> dict[Composition, float]:
        """The best score of each composition among the spectra that fit; shapes (M,)."""
        found: dict[Composition, float] = {}
        for place in np.flatnonzero(fits).tolist():
            composition, score = self.entries.compositions[place], float(scores[place])
            if score > found.get(composition, -np.inf):
                found[composition] = score
        return found

    def vector(self, identifier: str) -> FloatArray | None:
        """The standard vector of a material of the library, 1/eV, shape (points,); None when it has none.

        Raises:
            NotFoundError: there is no such material.
        """
        place = self.places.get(self.library.row_of(identifier))
        return None if place is None else np.asarray(self.vectors[place])
