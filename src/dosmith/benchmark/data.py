"""What the benchmark asks about: spectra with their compositions, and the space of compositions that answers come from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.crystals.survey import read_survey
from dosmith.crystals.surveyed import Surveyed
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.models.tight_binding.candidates import lowest
from dosmith.shipped import shipped_folder
from dosmith.spectra.similarity import unit
from dosmith.spectra.standard import Recipe, standardise_library

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Space:
    """Every composition of a number of elements with coprime counts up to a largest one. C of them, numbered from 0.

    Attributes:
        symbols: E elements by atomic number.
        members: places of each composition's elements among the symbols, rising, shape (C, n).
        counts: their counts, shape (C, n).
    """

    symbols: tuple[str, ...]
    members: IntArray
    counts: IntArray

    @classmethod
    def of(cls, symbols: tuple[str, ...], n_elements: int = 2, max_ratio: int = 3) -> Space:
        """The space over some elements, ratio by ratio."""
        groups = np.array(list(itertools.combinations(range(len(symbols)), n_elements)), dtype=np.intp).reshape(-1, n_elements)
        ratios = [c for c in itertools.product(range(1, max_ratio + 1), repeat=n_elements) if math.gcd(*c) == 1]
        return cls(
            symbols,
            np.tile(groups, (len(ratios), 1)),
            np.repeat(np.array(ratios, dtype=np.intp), len(groups), axis=0),
        )

    def __len__(self) -> int:
        return len(self.members)

    def composition(self, place: int) -> Composition:
        """The composition at a place."""
        return tuple(
            (self.symbols[member], int(count)) for member, count in zip(self.members[place], self.counts[place], strict=True)
        )

    @cached_property
    def _places(self) -> dict[Composition, int]:
        return {self.composition(place): place for place in range(len(self))}

    def place(self, composition: Composition) -> int:
        """The place of a composition, -1 when it has none."""
        return self._places.get(composition, -1)

    @cached_property
    def groups(self) -> IntArray:
        """A number for each composition's set of elements, the same for all its ratios, shape (C,)."""
        return np.unique(self.members, axis=0, return_inverse=True)[1].reshape(-1)


@dataclass(frozen=True, eq=False)
class Spectra:
    """The spectra of a library as the benchmark sees them, M of them.

    Attributes:
        ids: of the materials.
        compositions: of the materials.
        crystal_systems: of the materials, None where unknown.
        prototypes: of the materials, None where unknown.
        volumes: Angstrom^3/atom, nan where unknown, shape (M,).
        gaps: eV as the source states them, nan where it does not, shape (M,).
        moments: magnetic moments of the cells, Bohr magnetons, 0 where the source states none, shape (M,).
        heights: energies above the hull, eV/atom, nan where unknown, shape (M,).
        polymorphs: place of each among those of its composition, 0 the lowest in energy, shape (M,).
        vectors: standard vectors, 1/eV, shape (M, points).
        recipe: of the vectors.
        space: of the answers.
    """

    ids: tuple[str, ...]
    compositions: tuple[Composition, ...]
    crystal_systems: tuple[str | None, ...]
    prototypes: tuple[str | None, ...]
    volumes: FloatArray
    gaps: FloatArray
    moments: FloatArray
    heights: FloatArray
    polymorphs: IntArray
    vectors: FloatArray
    recipe: Recipe
    space: Space

    @classmethod
    def of(cls, library: Library, recipe: Recipe | None = None, n_elements: int = 2, max_ratio: int = 3) -> Spectra:
        """All spectra of a library that its recipe can standardise; the space is over all elements in them."""
        recipe = recipe or Recipe()
        rows, vectors = standardise_library(library, recipe)
        compositions = tuple(formulas.parse(library.formulas[row]) for row in rows)
        symbols = sorted({symbol for composition in compositions for symbol, _ in composition}, key=formulas.atomic_number)
        polymorphs = {row: place for c in set(compositions) for place, row in enumerate(library.rows_of(c))}
        facts = [library.provenances[row] for row in rows]
        return cls(
            tuple(library.ids[row] for row in rows),
            compositions,
            tuple(library.crystal_systems[row] for row in rows),
            tuple(library.prototypes[row] for row in rows),
            library.volumes[rows],
            _numbers([library.gaps[row] for row in rows]),
            np.abs(np.nan_to_num(_numbers([fact.get("magnetic_moment") for fact in facts]))),
            _numbers([fact.get("energy_above_hull") for fact in facts]),
            np.array([polymorphs[row] for row in rows], dtype=np.intp),
            vectors,
            recipe,
            Space.of(tuple(symbols), n_elements, max_ratio),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def like(self, other: Spectra) -> Spectra:
        """The same materials in the order of another, which must all be here."""
        row = {identifier: place for place, identifier in enumerate(self.ids)}
        return replace(other, vectors=self.vectors[[row[identifier] for identifier in other.ids]], recipe=self.recipe)

    @cached_property
    def places(self) -> IntArray:
        """Where each composition stands in the space, -1 for one outside it, shape (M,)."""
        return np.array([self.space.place(composition) for composition in self.compositions], dtype=np.intp)

    @property
    def wanted(self) -> BoolArray:
        """Rows that can be asked for: those in the space, shape (M,)."""
        return self.places >= 0

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """The chemical system of each row."""
        return tuple(formulas.chemical_system(composition) for composition in self.compositions)

    @cached_property
    def unit(self) -> FloatArray:
        """The vectors scaled to norm 1: inner products are cosine similarities, shape (M, points)."""
        return unit(self.vectors)

    @cached_property
    def rows_at(self) -> dict[int, list[int]]:
        """The rows at each place of the space that has any, lowest energy first."""
        rows: dict[int, list[int]] = {}
        for row in np.flatnonzero(self.wanted):
            rows.setdefault(int(self.places[row]), []).append(int(row))
        return {place: sorted(found, key=lambda row: self.polymorphs[row]) for place, found in rows.items()}

    def known(self, place: int, crystal_system: str | None) -> int | None:
        """The row that stands for a composition: its polymorph of lowest energy in that crystal system, else of all; None without one."""
        rows = self.rows_at.get(place, [])
        return next((row for row in rows if self.crystal_systems[row] == crystal_system), rows[0] if rows else None)


def _numbers(values: Iterable[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def surveyed_pairs(survey: str | Path) -> list[Surveyed]:
    """The crystals of a survey that have two elements: no other can be asked for."""
    return [crystal for crystal in read_survey(survey) if len(crystal.elements) == 2]


def survey_file() -> Path:
    """The included survey of crystals.

    Raises:
        NotFoundError: this installation does not hold it.
    """
    return shipped_folder("survey") / "crystals.parquet"


@lru_cache(maxsize=1)
def proposable() -> tuple[Surveyed, ...]:
    """What dosmith's own model may propose in the benchmark: of each pair's compositions the lowest crystal in each crystal system."""
    crystals = surveyed_pairs(survey_file())
    return tuple(lowest(crystals, {symbol for each in crystals for symbol in each.elements}))
