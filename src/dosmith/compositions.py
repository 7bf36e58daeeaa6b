"""Many compositions as arrays, so that tens of thousands of them cost nothing; those that are asked for become tuples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.formulas import Composition

IntArray = NDArray[np.intp]


class Compositions(Sequence[Composition]):
    """N reduced compositions.

    Args:
        elements: atomic numbers of each, rising, then 0 where it has fewer elements than another, shape (N, largest size).
        counts: how many atoms of each of these elements, reduced, 0 where there is none, same shape.

    Examples:
        >>> some = Compositions.of([formulas.parse("Pt3Ni"), formulas.parse("BaTiO3"), formulas.parse("NiPt3")])
        >>> some[1], some.places(some).tolist()
        ((('O', 3), ('Ti', 1), ('Ba', 1)), [2, 1, 2])
    """

    def __init__(self, elements: IntArray, counts: IntArray) -> None:
        self.elements, self.counts = elements, counts
        self._made: dict[int, Composition] = {}

    @classmethod
    def of(cls, compositions: Iterable[Composition]) -> Compositions:
        """The same as arrays."""
        if isinstance(compositions, Compositions):
            return compositions
        held = list(compositions)
        elements, counts = np.zeros((2, len(held), max(map(len, held), default=1)), dtype=np.intp)
        for row, composition in enumerate(held):
            for place, (symbol, count) in enumerate(composition):
                elements[row, place], counts[row, place] = formulas.atomic_number(symbol), count
        return cls(elements, counts)

    @classmethod
    def reduced(cls, elements: IntArray, counts: IntArray) -> Compositions:
        """Compositions of elements in any order, no element twice in one, and counts in any unit; 0 where there is none.

        >>> Compositions.reduced(np.array([[78, 28, 0]]), np.array([[6, 2, 0]]))[0]
        (('Ni', 1), ('Pt', 3))
        """
        order = np.argsort(np.where(elements > 0, elements, formulas.HEAVIEST + 1), axis=1, kind="stable")
        divisors = np.maximum(np.gcd.reduce(counts, axis=1, keepdims=True), 1) if len(counts) else 1
        return cls(np.take_along_axis(elements, order, axis=1), np.take_along_axis(counts // divisors, order, axis=1))

    def __len__(self) -> int:
        return len(self.elements)

    @overload
    def __getitem__(self, place: int) -> Composition: ...
    @overload
    def __getitem__(self, place: slice) -> Compositions: ...
    def __getitem__(self, place: int | slice) -> Composition | Compositions:
        if isinstance(place, slice):
            return Compositions(self.elements[place], self.counts[place])
        if place not in self._made:
            self._made[place] = _composition(self.elements[place].tolist(), self.counts[place].tolist())
        return self._made[place]

    def __iter__(self) -> Iterator[Composition]:
        return map(_composition, self.elements.tolist(), self.counts.tolist())

    def taken(self, places: IntArray) -> Compositions:
        """Some of them, in this order."""
        return Compositions(self.elements[places], self.counts[places])

    @cached_property
    def sizes(self) -> IntArray:
        """How many elements each has, shape (N,)."""
        return np.asarray((self.elements > 0).sum(axis=1), dtype=np.intp)

    @cached_property
    def groups(self) -> IntArray:
        """Numbers that are equal where compositions are, shape (N,)."""
        return numbered(np.hstack([self.elements, self.counts]))

    def rows_of(self, composition: Composition) -> IntArray:
        """Places of a composition here, rising."""
        width = self.elements.shape[1]
        if len(composition) > width:
            return np.zeros(0, dtype=np.intp)
        places = np.arange(len(self))
        for place in range(width):
            symbol, count = composition[place] if place < len(composition) else ("", 0)
            number = formulas.atomic_number(symbol) if symbol else 0
            places = places[(self.elements[places, place] == number) & (self.counts[places, place] == count)]
        return places

    def places(self, others: Sequence[Composition]) -> IntArray:
        """The last place of each of some others here, -1 of one that is not, shape (others,)."""
        sought = Compositions.of(others)
        width = max(self.elements.shape[1], sought.elements.shape[1])
        both = [np.hstack([_wide(each.elements, width), _wide(each.counts, width)]) for each in (self, sought)]
        groups = numbered(np.concatenate(both))
        different, which = np.unique(groups[len(self) :], return_inverse=True)  # few, so that the many here need no order
        place = np.searchsorted(different, groups[: len(self)])
        there = np.flatnonzero(np.append(different, -1)[place] == groups[: len(self)])
        last = np.full(len(different), -1, dtype=np.intp)
        last[place[there]] = there
        return np.asarray(last[which])


def _composition(elements: Iterable[int], counts: Iterable[int]) -> Composition:
    return tuple((formulas.symbol_of(element), count) for element, count in zip(elements, counts, strict=True) if element)


def _wide(columns: IntArray, width: int) -> IntArray:
    return np.pad(columns, ((0, 0), (0, width - columns.shape[1])))


def numbered(rows: IntArray) -> IntArray:
    """Equal rows get equal numbers, others others, shape (N, columns) -> (N,); entries are not negative."""
    found = np.zeros(len(rows), dtype=np.intp)
    for column in rows.T:
        radix = int(column.max(initial=0)) + 1
        if int(found.max(initial=0)) >= np.iinfo(np.intp).max // radix:  # so few rows need no such numbers
            found = np.unique(found, return_inverse=True)[1]
        found = found * radix + column
    return found
