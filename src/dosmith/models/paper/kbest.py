"""The k best compositions under a separable cost, exactly, without a table.

A composition is a path: slot by slot, an element of higher atomic number than the one before, with the counts of one
coprime ratio. For each ratio the least cost of completing a path from every element is known beforehand (a minimum
from the last slot backwards), so the best path is read off, and every next best one deviates from a path already found
at one slot, by one place (Lawler 1972). A heap of such deviations gives compositions in order of cost; the work for
each is a few heap operations, however many compositions there are.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.constraints import Condition, Constraints
from dosmith.element_facts import Supply
from dosmith.errors import ConstraintError
from dosmith.formulas import Composition

FloatArray = NDArray[np.float64]
_EXAMINED = 10_000
"""Nearest compositions among which those are sought that fulfil conditions."""


def k_best(
    costs: FloatArray, symbols: Sequence[str], k: int, constraints: Constraints | None = None
) -> list[tuple[float, Composition]]:
    """The k compositions of least cost, in order.

    >>> costs = np.array([[[3.0], [1.0], [9.0]], [[9.0], [2.0], [0.0]]])  # two slots, three elements, counts of 1
    >>> k_best(costs, ["Ni", "Pd", "Pt"], 2)
    [(1.0, (('Pd', 1), ('Pt', 1))), (3.0, (('Ni', 1), ('Pt', 1)))]

    Args:
        costs: shape (slots, E, max_ratio); [s, e, c - 1] is the cost of count c of element e in slot s. Finite, any sign.
        symbols: the E elements, by atomic number.
        k: how many; fewer come when fewer exist.
        constraints: what the compositions must be.

    Returns:
        (cost, composition) pairs, least cost first.

    Raises:
        ConstraintError: no composition satisfies the constraints.
    """
    ordered = iterate_best(costs, symbols, constraints)
    if constraints is not None and constraints.conditions:
        near = list(itertools.islice(ordered, _EXAMINED))
        found = list(itertools.islice((each for each in near if _affordable(each[1], constraints.conditions)), k))
        if near and not found and k > 0:
            raise ConstraintError(
                f"{' and '.join(map(str, constraints.conditions))} leaves none of the {len(near):,} nearest compositions; allow more"
            )
    else:
        found = list(itertools.islice(ordered, k))
    if not found and k > 0:
        raise ConstraintError(_why_none(costs.shape, symbols, constraints or Constraints()))
    return found


def _affordable(composition: Composition, conditions: Sequence[Condition]) -> bool:
    """Whether a composition fulfils conditions on what its elements cost and how they are supplied; what is unknown does not."""
    supply = Supply.of(composition)
    values = [(condition, getattr(supply, condition.name)) for condition in conditions]
    return all(value is not None and condition.holds(value) for condition, value in values)


def iterate_best(
    costs: FloatArray, symbols: Sequence[str], constraints: Constraints | None = None
) -> Iterator[tuple[float, Composition]]:
    """All compositions in order of cost, one at a time."""
    constraints = constraints or Constraints()
    slots, _, max_ratio = costs.shape
    ratios = _ratios(slots, max_ratio, constraints)
    required = sorted(symbols.index(symbol) for symbol in constraints.required if symbol in symbols)
    reachable = len(required) == len(constraints.required) <= slots
    if not reachable or not ratios or constraints.n_elements not in (None, slots):
        return
    permitted = np.array([constraints.permits(symbol) for symbol in symbols])
    paths = _Paths(costs, np.array(ratios), permitted, required)
    for cost, ratio, elements in paths:
        yield cost, tuple((symbols[e], count) for e, count in zip(elements, ratios[ratio], strict=True))


class _Paths:
    """Paths of elements for every ratio, in order of cost: iterates over (cost, ratio index, element indices)."""

    def __init__(
        self, costs: FloatArray, ratios: NDArray[np.intp], permitted: NDArray[np.bool_], required: Sequence[int]
    ) -> None:
        self.slots = ratios.shape[1]
        count = len(permitted)
        # A path may not jump over a required element: from e it reaches up to the next required one.
        self.reach = np.full(count + 1, count)
        for element in reversed(required):
            self.reach[: element + 1] = element + 1
        own = np.stack([costs[slot][:, ratios[:, slot] - 1].T for slot in range(self.slots)], axis=1)  # (T, slots, E)
        own[:, :, ~permitted] = np.inf
        if required:
            own[:, -1, : required[-1]] = np.inf
        self.own = own
        self.total = self._completions(own)
        self.orders: dict[tuple[int, int, int], list[int]] = {}

    def _completions(self, own: FloatArray) -> FloatArray:
        """Least cost of a path's end that begins with element e in slot s, shape (T, slots, E)."""
        total = own.copy()
        for slot in range(self.slots - 2, -1, -1):
            after = np.full(own.shape[::2], np.inf)  # (T, E): the best of the next slot that e may go on to
            later = total[:, slot + 1]
            if self.reach[0] == own.shape[2]:
                after[:, :-1] = np.minimum.accumulate(later[:, :0:-1], axis=1)[:, ::-1]
            else:
                for element in range(own.shape[2] - 1):
                    after[:, element] = later[:, element + 1 : self.reach[element + 1]].min(axis=1, initial=np.inf)
            total[:, slot] += after
        return total

    def _order(self, ratio: int, slot: int, start: int) -> list[int]:
        """Elements that may fill the slot when `start` is the first allowed, those with the best completion first."""
        key = (ratio, slot, start)
        if key not in self.orders:
            best = self.total[ratio, slot, start : self.reach[start]]
            order = np.argsort(best, kind="stable")
            self.orders[key] = (order[: np.count_nonzero(np.isfinite(best))] + start).tolist()
        return self.orders[key]

    def __iter__(self) -> Iterator[tuple[float, int, tuple[int, ...]]]:
        # An entry is the best path with a given beginning: its cost, ratio, the beginning, and the place in the order
        # of its last free slot; ties are broken by ratio and elements, so that answers do not depend on the heap.
        heap: list[tuple[float, int, tuple[int, ...], int, float]] = []

        def push(ratio: int, beginning: tuple[int, ...], spent: float, place: int) -> None:
            slot, start = len(beginning), beginning[-1] + 1 if beginning else 0
            order = self._order(ratio, slot, start) if start < len(self.reach) - 1 else []
            if place < len(order):
                cost = spent + float(self.total[ratio, slot, order[place]])
                heapq.heappush(heap, (cost, ratio, beginning, place, spent))

        for ratio in range(len(self.own)):
            push(ratio, (), 0.0, 0)
        while heap:
            cost, ratio, elements, place, spent = heapq.heappop(heap)
            while True:  # complete the path, leaving its next deviation at every slot
                push(ratio, elements, spent, place + 1)
                slot, start = len(elements), elements[-1] + 1 if elements else 0
                element = self._order(ratio, slot, start)[place]
                spent += float(self.own[ratio, slot, element])
                elements += (element,)
                if len(elements) == self.slots:
                    break
                place = 0
            yield cost, ratio, elements


def _ratios(slots: int, max_ratio: int, constraints: Constraints) -> list[tuple[int, ...]]:
    """Coprime counts for the slots, each composition once."""
    return [
        counts
        for counts in itertools.product(range(1, max_ratio + 1), repeat=slots)
        if math.gcd(*counts) == 1 and (constraints.ratio is None or tuple(sorted(counts)) == constraints.ratio)
    ]


def _why_none(shape: tuple[int, ...], symbols: Sequence[str], constraints: Constraints) -> str:
    slots, _, max_ratio = shape
    if constraints.n_elements not in (None, slots):
        return f"this model proposes compositions of {slots} elements, not {constraints.n_elements}"
    unknown = sorted(constraints.required - set(symbols))
    if unknown:
        return f"the model does not know the required {' '.join(unknown)}; it knows {' '.join(symbols)}"
    if len(constraints.required) > slots:
        return f"{len(constraints.required)} elements are required, but the model's compositions have {slots}"
    if not _ratios(slots, max_ratio, constraints):
        return f"no composition has the ratio {constraints.ratio_text}: the model's have {slots} coprime counts from 1 to {max_ratio}"
    left = [symbol for symbol in symbols if constraints.permits(symbol)]
    return (
        f"the constraints leave {len(left)} of the model's elements ({' '.join(left) or 'none'}), too few for {slots}; allow more"
    )
