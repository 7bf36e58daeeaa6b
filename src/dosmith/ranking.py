"""One ranking and one mask of constraints, over arrays: whatever is ordered by its similarity to a target is ordered here.

The designer, the drawing board, `similar`, every model and the benchmark call it, so that they cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.compositions import Compositions
from dosmith.constraints import Constraints
from dosmith.element_facts import Supply
from dosmith.errors import ConstraintError, did_you_mean
from dosmith.formulas import Composition

FloatArray = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
SUPPLY = ("price", "abundance", "production", "reserves", "supply_risk")
"""Merits of a composition alone; those of `Supply`."""
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
_STRIDE = 32
"""Of many scores, one in so many tells about where the best begin."""


@dataclass(frozen=True, eq=False)
class Entries:
    """What is ranked, N compositions with their crystal systems, as arrays on which constraints become a mask.

    Attributes:
        compositions: reduced; the same one may come several times.
        crystal_systems: None where unknown.
        prototypes: None where unknown; none at all where nobody asks for them.
        space_groups: number of each by place, 0 where unknown, made when asked for.
        columns: merits that are known before any target is, each made when asked for, shape (N,), NaN where unknown.
    """

    compositions: Sequence[Composition]
    crystal_systems: Sequence[str | None]
    prototypes: Sequence[str | None] = ()
    space_groups: Callable[[], Sequence[int] | IntArray] | None = None
    columns: Mapping[str, Callable[[], FloatArray]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.compositions)

    @cached_property
    def table(self) -> Compositions:
        """The compositions as arrays."""
        return Compositions.of(self.compositions)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many elements the compositions have, rising."""
        return tuple(np.unique(self.table.sizes).tolist())

    @property
    def elements(self) -> IntArray:
        """Atomic numbers of each, rising, then 0 where it has fewer elements than another, shape (N, largest size)."""
        return self.table.elements

    @cached_property
    def counts(self) -> IntArray:
        """Counts of the elements of each, falling, then 0 as in `elements`, shape (N, largest size)."""
        return np.asarray(-np.sort(-self.table.counts, axis=1))

    @property
    def groups(self) -> IntArray:
        """Numbers that are equal where compositions are, shape (N,)."""
        return self.table.groups

    @cached_property
    def firsts(self) -> IntArray:
        """Place of the first entry of each one's composition, shape (N,)."""
        _, first, group = np.unique(self.groups, return_index=True, return_inverse=True)
        return np.asarray(first[group])

    @cached_property
    def first_of(self) -> dict[Composition, int]:
        """The same by composition."""
        return {self.compositions[place]: place for place in np.unique(self.firsts).tolist()}

    @cached_property
    def _systems(self) -> NDArray[np.str_]:
        return np.array([system or "" for system in self.crystal_systems], dtype=np.str_)

    def column(self, name: str) -> FloatArray | None:
        """A merit of each that does not depend on the target, shape (N,), NaN where unknown; None when there is none of that name."""
        if name in SUPPLY:
            return self._supply[name]
        return self.columns[name]() if name in self.columns else None

    @cached_property
    def _supply(self) -> dict[str, FloatArray]:
        """What the elements mean for those who want to make a composition, once for each."""
        first, group = np.unique(self.firsts, return_inverse=True)
        known = [Supply.of(self.compositions[place]) for place in first.tolist()]
        told = [[np.nan if (value := getattr(each, name)) is None else value for name in SUPPLY] for each in known]
        table = np.array(told, dtype=np.float64).reshape(-1, len(SUPPLY))[group]
        return {name: table[:, place] for place, name in enumerate(SUPPLY)}

    @cached_property
    def group_numbers(self) -> IntArray:
        """Space groups, 0 where unknown, shape (N,)."""
        return np.zeros(len(self), dtype=np.intp) if self.space_groups is None else np.array(self.space_groups(), dtype=np.intp)

    @cached_property
    def _names(self) -> NDArray[np.str_]:
        return np.array([plain_name(name or "") for name in self.prototypes or [None] * len(self)], dtype=np.str_)

    def fits(
        self, constraints: Constraints, crystal_system: str | None = None, merits: Mapping[str, Floats] | None = None
    ) -> BoolArray:
        """Which satisfy the constraints, shape (N,).

        Args:
            constraints: on elements, counts, crystals and merits.
            crystal_system: that it must have; any when None.
            merits: those that depend on the target, by name, shapes (N,), NaN where unknown.
        """
        found = np.ones(len(self), dtype=np.bool_)
        if constraints.forbidden or constraints.allowed is not None:
            symbols = map(formulas.symbol_of, range(1, formulas.HEAVIEST + 1))
            permitted = np.array([True, *map(constraints.permits, symbols)])  # 0 stands for no element
            found &= permitted[self.elements].all(axis=1)
        for symbol in constraints.required:
            found &= (self.elements == formulas.atomic_number(symbol)).any(axis=1)
        if constraints.n_elements is not None:
            found &= self.table.sizes == constraints.n_elements
        if constraints.ratio is not None:
            width = self.counts.shape[1]
            ratio = np.zeros(max(width, len(constraints.ratio)), dtype=np.intp)
            ratio[: len(constraints.ratio)] = sorted(constraints.ratio, reverse=True)
            found &= (self.counts == ratio[:width]).all(axis=1) & (not ratio[width:].any())
        if constraints.composition is not None:
            found &= np.isin(np.arange(len(self)), self.table.rows_of(constraints.composition))
        if constraints.space_group is not None:
            found &= self.group_numbers == constraints.space_group
        if constraints.prototype is not None:
            found &= self._names == plain_name(constraints.prototype)
        for condition in constraints.conditions:
            values = (merits or {}).get(condition.name)
            values = self.column(condition.name) if values is None else values
            found &= False if values is None else np.asarray(condition.holds(values))
        return found if crystal_system is None else found & (self._systems == crystal_system)

    def why_none(
        self, constraints: Constraints, crystal_system: str | None = None, merits: Mapping[str, Floats] | None = None
    ) -> str:
        """Which constraint leaves nothing, in words; arguments as of `fits`."""
        left, told = self.fits(Constraints(), crystal_system), []
        for option, alone in constraints.alone():
            fits = self.fits(alone, crystal_system, merits)
            if not fits.any():
                near = (
                    ""
                    if alone.prototype is None
                    else did_you_mean(alone.prototype, {each for each in self.prototypes or () if each})
                )
                return f"{option} alone leaves none of {len(self):,} candidates{near}"
            told.append(f"{option} leaves {int(fits.sum()):,}")
            left &= fits
            if not left.any():
                return f"{' and '.join(told)} of {len(self):,} candidates, but no candidate satisfies {'both' if len(told) == 2 else 'all of these'}"
        return "the constraints leave nothing"

    def best_of_each(self, scores: FloatArray, fits: BoolArray, top: int) -> IntArray:
        """Places of the best entry of each composition among those that fit, best first.

        Args:
            scores: shape (N,), higher is better.
            fits: which may be taken, shape (N,).
            top: how many compositions.
        """
        every = np.flatnonzero(fits)
        enough, of_these = 3 * top, scores[every]
        while True:
            places = every
            if enough < len(every):  # a few more than are wanted, and all that are as good as the last of them
                places = every[of_these >= score_at(of_these, enough)]
            places = places[np.argsort(-scores[places], kind="stable")]
            _, first = np.unique(self.groups[places], return_index=True)
            if len(first) >= top or len(places) == len(every):
                return np.asarray(places[np.sort(first)[:top]])
            enough *= 4

    def best_of_others(
        self, scores: FloatArray, fits: BoolArray, top: int, known: Container[Composition]
    ) -> list[tuple[Composition, float, int]]:
        """Composition, score and place of the best entry of each composition that is not known, best first; arguments as of `best_of_each`."""
        asked = top + top // 2 + 2  # most of the best are not known
        while True:
            places = self.best_of_each(scores, fits, asked)
            best = zip(map(self.compositions.__getitem__, places.tolist()), scores[places].tolist(), places.tolist(), strict=True)
            found = list(islice((each for each in best if each[0] not in known), top))
            if len(found) == top or len(places) < asked:
                return found
            asked *= 4


class Scored(Mapping[Composition, float]):
    """Compositions of entries with their scores, best first; each becomes a tuple when it is asked for.

    Args:
        entries: N of them.
        places: of those that have a score, one for each composition, best first, shape (M,).
        scores: theirs, falling, shape (M,).
    """

    def __init__(self, entries: Entries, places: IntArray, scores: FloatArray) -> None:
        self._entries, self._places, self._scores = entries, places, scores
        self._of_each = np.full(len(entries), np.nan)
        self._of_each[entries.firsts[places]] = scores

    def __contains__(self, composition: object) -> bool:
        place = self._entries.first_of.get(composition)  # type: ignore[call-overload]
        return place is not None and self._of_each[place] == self._of_each[place]

    def __getitem__(self, composition: Composition) -> float:
        if composition not in self:
            raise KeyError(composition)
        return float(self._of_each[self._entries.first_of[composition]])

    def __iter__(self) -> Iterator[Composition]:
        return map(self._entries.compositions.__getitem__, self._places.tolist())

    def __len__(self) -> int:
        return len(self._places)

    def ranked(self) -> Iterator[tuple[Composition, float]]:
        """Compositions and scores, best first."""
        return zip(self, self._scores.tolist(), strict=True)


def score_at(scores: Floats, rank: int) -> float:
    """The score that so many reach, shape (N,), from 1 to N.

    >>> score_at(np.array([0.2, 0.9, 0.5]), 2)
    0.5
    """
    sample = scores[::_STRIDE]
    among = 2 * (rank // _STRIDE) + _STRIDE
    if among < len(sample):  # what one in many tells spares most of them
        above = scores[scores >= np.partition(sample, -among)[-among]]
        if len(above) >= rank:
            scores = above
    return float(np.partition(scores, -rank)[-rank])


def plain_name(name: str) -> str:
    """A prototype's name as it is compared with another: L12 is L1_2."""
    return name.replace("_", "").replace(" ", "").replace("-", "").lower()


def count_of(top: object) -> int:
    """How many are wanted, as a number.

    Raises:
        ConstraintError: it is not a whole number of 1 or more.
    """
    if isinstance(top, bool) or not isinstance(top, Integral) or top < 1:
        raise ConstraintError(f"top is {top!r}; ask for a whole number of candidates, one or more")
    return int(top)


def best(scores: Floats, count: int) -> IntArray:
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


FAMILIES = (
    "H",
    "Li Na K Rb Cs",
    "Be Mg Ca Sr Ba",
    "Sc Y La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "Ti Zr Hf V Nb Ta",
    "Cr Mo W Mn Tc Re",
    "Fe Co Ni Ru Rh Pd Os Ir Pt",
    "Cu Ag Au",
    "Zn Cd Hg",
    "B Al Ga In Tl",
    "C Si Ge Sn Pb",
    "N P As Sb Bi",
    "O S Se Te",
    "F Cl Br I",
)
"""Elements that stand for each other in a kind of chemistry."""
_FAMILY = {symbol: number for number, symbols in enumerate(FAMILIES) for symbol in symbols.split()}


@lru_cache(maxsize=2**16)
def kind_of(composition: Composition) -> Hashable:
    """The kind of a material: how many elements of which families it has, and how many atoms of each family. Pt2RhNi and Pd2IrCo are of one kind.

    >>> kind_of((("Ni", 1), ("Pt", 3))) == kind_of((("Co", 1), ("Pd", 3)))
    True
    >>> kind_of((("O", 1), ("Mg", 1))) == kind_of((("S", 1), ("Ca", 1))) != kind_of((("Cl", 1), ("Na", 1)))
    True
    """
    return frozenset(Counter(_FAMILY.get(symbol, symbol) for symbol, count in composition for _ in range(count)).items()), len(
        composition
    )


def varied(scores: Sequence[float], kinds: Iterable[Hashable], variety: float) -> list[int]:
    """Places in an order that shows the best of each kind early, shape (N,).

    The second of a kind counts 1 - variety times its score, the third that squared: what is chosen next is always the best that is left
    with each kind's scores lowered by how many of it stand there already. 0 keeps the order of the scores; 1 shows the best of all
    kinds first.

    Args:
        scores: none below zero, falling, shape (N,).
        kinds: of each.
        variety: from 0 to 1.
    """
    seen: dict[Hashable, int] = {}
    lowered = []
    for score, kind in zip(scores, kinds, strict=True):
        seen[kind] = seen.get(kind, 0) + 1
        lowered.append((max(score, 0.0) * (1 - variety) ** (seen[kind] - 1), -seen[kind]))
    return sorted(range(len(lowered)), key=lowered.__getitem__, reverse=True)


def in_order(scores: FloatArray, fits: BoolArray, top: int) -> IntArray:
    """Places of the best scores among those that fit, best first, of equal ones the first, shape (top or fewer,)."""
    places = np.flatnonzero(fits)
    if top < len(places):
        places = places[scores[places] >= score_at(scores[places], top)]
    return np.asarray(places[np.argsort(-scores[places], kind="stable")[:top]])


def penalised(similarities: FloatArray, formation_energies: FloatArray, penalty: float) -> FloatArray:
    """Similarities less a penalty for each eV/atom that a crystal lies above its elements, shape as given.

    Args:
        similarities: of predicted crystals to the target.
        formation_energies: theirs, eV/atom; unknown ones cost nothing.
        penalty: for each eV/atom.
    """
    return np.asarray(similarities - penalty * np.maximum(np.nan_to_num(formation_energies), 0.0))


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
    order = sorted(found.items(), key=lambda each: each[1][0], reverse=True)[:top]
    return [(composition, score, place) for composition, (score, place) in order]


def told(value: float) -> float | None:
    """A number; None for NaN, which is unknown."""
    return None if np.isnan(value) else float(value)
