"""Which spectra train and which test. A split keeps everything that would give an answer away on one side.

Rows are places in a list of compositions, M of them. Polymorphs never straddle a held-out split, since the least that is
ever held out is a reduced formula with all its crystals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.formulas import Composition

IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """One way to part the spectra.

    Attributes:
        name: of its kind, a key of `SPLITS`.
        fold: which of the kind, from 0; also the seed of what is trained on it.
        train: rows that anything may be learned from, in order.
        test: rows that are asked for, in order.
        left_out: elements that are left out, by atomic number.
    """

    name: str
    fold: int
    train: IntArray
    test: IntArray
    left_out: tuple[str, ...] = ()


def in_sample(compositions: Sequence[Composition], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    """Everything trains, everything wanted is tested, as in Bang et al. 2024: `folds` times, for as many seeds."""
    every = np.arange(len(compositions))
    return [Split("in-sample", fold, every, np.flatnonzero(wanted)) for fold in range(folds)]


def held_out_formula(compositions: Sequence[Composition], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    """Each wanted reduced formula is tested in one fold, with all its polymorphs, and trains in the others."""
    return _grouped("formula", [formulas.write(composition) for composition in compositions], wanted, folds, seed)


def held_out_system(compositions: Sequence[Composition], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    """Each wanted chemical system is tested in one fold, with all its compounds, and trains in the others."""
    return _grouped("system", [formulas.chemical_system(composition) for composition in compositions], wanted, folds, seed)


def left_out_strict(compositions: Sequence[Composition], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    """Elements of which nothing at all is seen: the wanted rows that hold one are tested, no row with one trains."""
    return _left_out("element-strict", compositions, wanted, folds, seed)


def left_out_relaxed(compositions: Sequence[Composition], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    """Elements that are seen only by themselves: as `left_out_strict`, but their elemental crystals train."""
    return _left_out("element-relaxed", compositions, wanted, folds, seed)


ELEMENTS_LEFT_OUT = 3
"""Left out together in one fold, so that some fifteen elements are tested by five trainings while each still sees nearly everything."""

SPLITS: dict[str, Callable[[Sequence[Composition], NDArray[np.bool_], int, int], list[Split]]] = {
    "in-sample": in_sample,
    "formula": held_out_formula,
    "system": held_out_system,
    "element-relaxed": left_out_relaxed,
    "element-strict": left_out_strict,
}
"""The splits by name: (compositions, wanted rows as a mask, folds, seed) -> folds."""


def _grouped(name: str, groups: Sequence[str], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    """Groups dealt to folds in random order, each to the fold with the fewest wanted rows so far."""
    sizes: dict[str, int] = {}
    for group, counts in zip(groups, wanted, strict=True):
        if counts:
            sizes[group] = sizes.get(group, 0) + 1
    names = sorted(sizes)
    load = np.zeros(folds, dtype=int)
    fold_of: dict[str, int] = {}
    for place in np.random.default_rng(seed).permutation(len(names)):
        fold_of[names[place]] = int(np.argmin(load))
        load[fold_of[names[place]]] += sizes[names[place]]
    folded = np.array([fold_of.get(group, -1) for group in groups])
    return [Split(name, fold, np.flatnonzero(folded != fold), np.flatnonzero((folded == fold) & wanted)) for fold in range(folds)]


def _left_out(name: str, compositions: Sequence[Composition], wanted: NDArray[np.bool_], folds: int, seed: int) -> list[Split]:
    present: dict[str, int] = {}
    for composition, counts in zip(compositions, wanted, strict=True):
        for symbol, _ in composition:
            present[symbol] = present.get(symbol, 0) + int(counts)
    symbols = sorted((symbol for symbol, count in present.items() if count), key=formulas.atomic_number)
    order = [symbols[place] for place in np.random.default_rng(seed).permutation(len(symbols))]
    splits = []
    for fold in range(folds):
        chosen = order[fold * ELEMENTS_LEFT_OUT : (fold + 1) * ELEMENTS_LEFT_OUT]
        holds = np.array([any(symbol in chosen for symbol, _ in composition) for composition in compositions])
        alone = np.array([len(composition) == 1 for composition in compositions])
        train = ~holds | (alone if name == "element-relaxed" else False)
        splits.append(
            Split(
                name,
                fold,
                np.flatnonzero(train),
                np.flatnonzero(holds & wanted & ~alone),
                tuple(sorted(chosen, key=formulas.atomic_number)),
            )
        )
    return splits
