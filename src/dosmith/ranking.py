"""One ranking and one mask of constraints, over arrays: whatever is ordered by its similarity to a target is ordered here.

The designer, the drawing board, `similar`, every model and the benchmark call it, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.constraints import Constraints
from dosmith.errors import ConstraintError
from dosmith.formulas import Composition
from dosmith.spectra.grid import EnergyGrid, Window
from dosmith.spectra.similarity import Curves, similarity

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Comparison:
    """How spectra are compared with one target.

    Attributes:
        target: standard vector, shape (points,).
        grid: its energies.
        metric: a name in `spectra.similarity.METRICS`.
        window: energies that count; all when None.
        weights: of each grid point, shape (points,); all alike when None.
        covered: energies in which the target is known; all when None.
    """

    target: FloatArray
    grid: EnergyGrid
    metric: str = "cosine"
    window: Window | None = None
    weights: FloatArray | None = None
    covered: Window | None = None

    @property
    def counted(self) -> Window | None:
        """The energies that count, in which the target is known; all when None.

        Raises:
            SpectrumError: the target is known in none of those that count.
        """
        if self.window is None or self.covered is None:
            return self.window or self.covered
        return Window(max(self.window.lower, self.covered.lower), min(self.window.upper, self.covered.upper))

    @property
    def calibrated(self) -> bool:
        """Whether probabilities of a match may be told: of the cosine, unweighted."""
        return self.metric == "cosine" and self.weights is None

    @property
    def whole(self) -> bool:
        """Whether it is the cosine of the whole curves, of all energies alike."""
        return self.calibrated and self.counted is None

    def __call__(self, vectors: FloatArray | Curves) -> FloatArray:
        """Similarity of vectors, shape (M, points), to the target, shape (M,); errors as of `similarity`."""
        return similarity(self.target, vectors, self.metric, grid=self.grid, window=self.counted, weights=self.weights)


@dataclass(frozen=True, eq=False)
class Entries:
    """What is ranked, N compositions with their crystal systems, as arrays on which constraints become a mask.

    Attributes:
        compositions: reduced; the same one may come several times.
        crystal_systems: None where unknown.
    """

    compositions: Sequence[Composition]
    crystal_systems: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.compositions)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many elements the compositions have, rising."""
        return tuple(sorted(set(map(len, self.compositions))))

    @cached_property
    def elements(self) -> IntArray:
        """Atomic numbers of each, rising, then 0 where it has fewer elements than another, shape (N, largest size)."""
        found = self._empty
        for row, composition in zip(found, self.compositions, strict=True):
            row[: len(composition)] = [formulas.atomic_number(symbol) for symbol, _ in composition]
        return found

    @cached_property
    def counts(self) -> IntArray:
        """Counts of the elements of each, falling, then 0 as in `elements`, shape (N, largest size)."""
        found = self._empty
        for row, composition in zip(found, self.compositions, strict=True):
            row[: len(composition)] = sorted((count for _, count in composition), reverse=True)
        return found

    @cached_property
    def groups(self) -> IntArray:
        """The number of each entry's composition among the different ones, in order of appearance, shape (N,)."""
        place: dict[Composition, int] = {}
        return np.array([place.setdefault(composition, len(place)) for composition in self.compositions], dtype=np.intp)

    @cached_property
    def _largest_group(self) -> int:
        return int(np.bincount(self.groups, minlength=1).max())

    @cached_property
    def _systems(self) -> NDArray[np.str_]:
        return np.array([system or "" for system in self.crystal_systems], dtype=np.str_)

    @property
    def _empty(self) -> IntArray:
        return np.zeros((len(self), max(self.sizes, default=1)), dtype=np.intp)

    def fits(self, constraints: Constraints, crystal_system: str | None = None) -> BoolArray:
        """Which satisfy the constraints, shape (N,).

        Args:
            constraints: on elements and counts.
            crystal_system: that it must have; any when None.
        """
        permitted = np.zeros(formulas.HEAVIEST + 1, dtype=np.bool_)
        permitted[0] = True  # no element
        permitted[[number for number in range(1, len(permitted)) if constraints.permits(formulas.symbol_of(number))]] = True
        found = np.asarray(permitted[self.elements].all(axis=1))
        for symbol in constraints.required:
            found &= (self.elements == formulas.atomic_number(symbol)).any(axis=1)
        if constraints.n_elements is not None:
            found &= (self.elements > 0).sum(axis=1) == constraints.n_elements
        if constraints.ratio is not None:
            width = self.counts.shape[1]
            ratio = np.zeros(max(width, len(constraints.ratio)), dtype=np.intp)
            ratio[: len(constraints.ratio)] = sorted(constraints.ratio, reverse=True)
            found &= (self.counts == ratio[:width]).all(axis=1) & (not ratio[width:].any())
        return found if crystal_system is None else found & (self._systems == crystal_system)

    def best_of_each(self, scores: FloatArray, fits: BoolArray, top: int) -> IntArray:
        """Places of the best entry of each composition among those that fit, best first.

        Args:
            scores: shape (N,), higher is better.
            fits: which may be taken, shape (N,).
            top: how many compositions.
        """
        places = np.flatnonzero(fits)
        enough = top * self._largest_group
        if enough < len(places):
            places = np.sort(places[np.argpartition(-scores[places], enough)[:enough]])
        places = places[np.argsort(-scores[places], kind="stable")]
        _, first = np.unique(self.groups[places], return_index=True)
        return np.asarray(places[np.sort(first)[:top]])


def count_of(top: object) -> int:
    """How many are wanted, as a number.

    Raises:
        ConstraintError: it is not a whole number of 1 or more.
    """
    if isinstance(top, bool) or not isinstance(top, Integral) or top < 1:
        raise ConstraintError(f"top is {top!r}; ask for a whole number of candidates, one or more")
    return int(top)


def best(scores: NDArray[np.floating[Any]], count: int) -> IntArray:
    """Places of the best scores along the last axis, best first, of equal ones the first.

    Args:
        scores: shape (..., N), higher is better; what is not finite can never be taken.
        count: how many.

    Returns:
        shape (..., min(count, N)); -1 where nothing more may be taken.
    """
    count = min(count, scores.shape[-1])
    if count == 0:
        return np.empty((*scores.shape[:-1], 0), dtype=np.intp)
    top = np.argpartition(-scores, count - 1, axis=-1)[..., :count]
    values = np.take_along_axis(scores, top, axis=-1)
    order = np.lexsort((top, -values), axis=-1)
    chosen = np.take_along_axis(top, order, axis=-1)
    return np.where(np.isfinite(np.take_along_axis(values, order, axis=-1)), chosen, -1)


def in_order(scores: FloatArray, fits: BoolArray, top: int) -> IntArray:
    """Places of the best scores among those that fit, best first, of equal ones the first, shape (top or fewer,)."""
    places = np.flatnonzero(fits)
    return np.asarray(places[np.argsort(-scores[places], kind="stable")[:top]])


def penalised(similarities: FloatArray, formation_energies: FloatArray, penalty: float) -> FloatArray:
    """Similarities less a penalty for each eV/atom that a crystal lies above its elements, shape as given.

    Args:
        similarities: of predicted crystals to the target.
        formation_energies: theirs, eV/atom.
        penalty: for each eV/atom.
    """
    return np.asarray(similarities - penalty * np.maximum(formation_energies, 0.0))


def merged(
    known: Mapping[Composition, float], predicted: Sequence[tuple[Composition, float, int]], top: int
) -> list[tuple[Composition, float, int | None]]:
    """Known and predicted compositions in one order, best first; what is known counts as that.

    Args:
        known: score of each composition whose spectrum is known.
        predicted: composition, score and place of predicted ones, best first.
        top: how many.

    Returns:
        composition, score, and place where it is predicted.
    """
    found: dict[Composition, tuple[float, int | None]] = {composition: (score, None) for composition, score in known.items()}
    for composition, score, place in predicted:
        found.setdefault(composition, (score, place))
    order = sorted(found.items(), key=lambda each: -each[1][0])[:top]
    return [(composition, score, place) for composition, (score, place) in order]
