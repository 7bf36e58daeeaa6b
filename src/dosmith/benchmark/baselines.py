"""Answers that need no network: what any model has to beat.

A method is fitted on a split and then scores every composition of the space for each target: (rows, vectors) -> (len(rows), C),
higher is better, -inf for what it can never propose. `rows` says which of the spectra the targets are, so that a known spectrum
is not found by itself; the vectors may differ from the stored ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dosmith.benchmark.data import FloatArray, IntArray, Space, Spectra
from dosmith.crystals.surveyed import Surveyed
from dosmith.models.paper.element_vectors import centroid_dos
from dosmith.models.splits import Split
from dosmith.spectra.similarity import unit

Scores: TypeAlias = Callable[[IntArray, FloatArray], NDArray[np.float32]]
"""(rows of the targets, their vectors) -> scores of every composition, shape (len(rows), C)."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """Scores of a method that predicts spectra.

    Attributes:
        scores: as of any method.
        expected: rows of materials -> the spectra expected of them, of norm 1 or less, shape (len(rows), points).
        probability: (similarity of a target to an expected spectrum, length of that) -> probability of a match; None when it has none.
        identity: scores by the likelihood that the spectrum is a composition's, from what can tell; else None.
        by_material: whether materials are picked by their own expected spectra, and not by the scores of their compositions.
    """

    scores: Scores
    expected: Callable[[IntArray], FloatArray]
    probability: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    by_material: bool = False
    identity: Scores | None = None

    def __call__(self, rows: IntArray, vectors: FloatArray) -> NDArray[np.float32]:
        """Scores of every composition."""
        return self.scores(rows, vectors)


STEP_PENALTY = 0.01
"""Similarity that a substituted element costs for each period it moves."""


def random_composition(spectra: Spectra, split: Split) -> Scores:
    """Any composition, at random."""
    generator = np.random.default_rng([split.fold, 1])
    return lambda rows, vectors: generator.random((len(rows), len(spectra.space)), dtype=np.float32)


def retrieval(spectra: Spectra, split: Split) -> Scores:
    """The known materials whose DOS is nearest, the target itself excluded. Never proposes a composition it has not seen."""
    links = known_links(spectra, split)

    def scores(rows: IntArray, vectors: FloatArray) -> NDArray[np.float32]:
        return best_over_links(similarities(spectra, split, rows, vectors), *links, len(spectra.space))

    return scores


def substitution(spectra: Spectra, split: Split) -> Scores:
    """The nearest known materials, and those materials with elements replaced by others of the same group.

    A composition with a known spectrum scores as that; another as the best known spectrum it comes from by substitution, less
    `STEP_PENALTY` for each period that an element moves; what nothing leads to comes last, by its mixed centroids.
    """
    known, mixed = known_links(spectra, split), mixed_centroids(spectra, split)
    links = [
        (source, relative, STEP_PENALTY * moved)
        for source, place in enumerate(spectra.places[split.train])
        if place >= 0
        for relative, moved in _relatives(spectra.space, int(place))
    ]
    sources, places, penalties = np.array(links, dtype=np.float64).reshape(-1, 3).T
    derived = sources.astype(np.intp), places.astype(np.intp), penalties.astype(np.float32)

    def scores(rows: IntArray, vectors: FloatArray) -> NDArray[np.float32]:
        near = similarities(spectra, split, rows, vectors)
        found = best_over_links(near, *known, len(spectra.space))
        for others in (best_over_links(near, *derived, len(spectra.space)), mixed(rows, vectors) - 2.0):
            found = np.where(np.isfinite(found), found, others)
        return found

    return scores


def mixed_centroids(spectra: Spectra, split: Split) -> Predictor:
    """Each composition predicted as the mean of its elements' centroid DOS, weighted by count; the nearest predictions win.

    Never proposes an element that no training spectrum holds.
    """
    predicted = _mixed(spectra, split)
    impossible = np.where(predicted.any(axis=1), 0.0, -np.inf).astype(np.float32)
    return Predictor(
        lambda rows, vectors: np.asarray(unit(vectors).astype(np.float32) @ predicted.T + impossible),
        lambda rows: predicted[spectra.places[rows]].astype(np.float64),
    )


def mean_spectrum(spectra: Spectra, split: Split) -> Predictor:
    """The same answer whatever the target: the known materials nearest to the mean training spectrum, then mixed centroids nearest to it."""
    mean = unit(spectra.vectors[split.train].mean(axis=0))
    answer = (_mixed(spectra, split) @ mean.astype(np.float32)) - 2.0
    source, place, penalty = known_links(spectra, split)
    similarity = (spectra.unit[split.train] @ mean)[None, :].astype(np.float32)
    answer = np.maximum(answer, best_over_links(similarity, source, place, penalty, len(spectra.space))[0])
    return Predictor(
        lambda rows, vectors: np.tile(answer.astype(np.float32), (len(rows), 1)), lambda rows: np.tile(mean, (len(rows), 1))
    )


BASELINES: dict[str, Callable[[Spectra, Split], Scores]] = {
    "random": random_composition,
    "mean spectrum": mean_spectrum,
    "retrieval": retrieval,
    "substitution": substitution,
    "mixed centroids": mixed_centroids,
}
"""The nulls by name."""

CHANCE = "random"
"""The one that answers at random."""


def similarities(spectra: Spectra, split: Split, rows: IntArray, vectors: FloatArray) -> NDArray[np.float32]:
    """Cosine of each target to each training spectrum, shape (len(rows), training); -inf to itself."""
    found = (unit(vectors) @ spectra.unit[split.train].T).astype(np.float32)
    found[rows[:, None] == split.train[None, :]] = -np.inf
    return found


def known_links(spectra: Spectra, split: Split) -> tuple[IntArray, IntArray, NDArray[np.float32]]:
    """Links from training spectra (places in `split.train`) to their own places in the space, without a penalty."""
    source = np.flatnonzero(spectra.places[split.train] >= 0)
    return source, spectra.places[split.train][source], np.zeros(len(source), dtype=np.float32)


def by_similarity(
    spectra: Spectra, split: Split, expected: NDArray[np.float32], places: IntArray, penalties: NDArray[np.float32]
) -> Scores:
    """Compositions by their known spectra, or else by what is expected of their crystals, less a penalty.

    Args:
        spectra: the true ones.
        split: whose training rows are known.
        expected: of C crystals, of norm 1 or less, shape (C, points).
        places: of their compositions in the space, -1 outside it, shape (C,).
        penalties: shape (C,).
    """
    source = np.flatnonzero(places >= 0)
    links = source, places[source], penalties[source]
    known, size = known_links(spectra, split), len(spectra.space)

    def scores(rows: IntArray, vectors: FloatArray) -> NDArray[np.float32]:
        seen = best_over_links(similarities(spectra, split, rows, vectors), *known, size)
        similar = unit(vectors).astype(np.float32) @ expected.T
        return np.where(np.isfinite(seen), seen, best_over_links(similar, *links, size))

    return scores


def standing(spectra: Spectra, crystals: Sequence[Surveyed]) -> tuple[IntArray, NDArray[np.float32]]:
    """The place of each crystal's composition, -1 outside the space, and its formation energy if that is positive, eV/atom; shapes (C,)."""
    places = [spectra.space.place(crystal.composition) for crystal in crystals]
    heights = [max(crystal.formation_energy, 0.0) for crystal in crystals]
    return np.array(places, dtype=np.intp), np.array(heights, dtype=np.float32)


def best_over_links(
    similarities: NDArray[np.float32], source: IntArray, place: IntArray, penalty: NDArray[np.float32], size: int
) -> NDArray[np.float32]:
    """The best of all links into each place, shape (targets, size); -inf where none leads."""
    scores = np.full((len(similarities), size), -np.inf, dtype=np.float32)
    if len(source):
        order = np.argsort(place, kind="stable")
        places, starts = np.unique(place[order], return_index=True)
        values = similarities[:, source[order]] - penalty[order]
        scores[:, places] = np.maximum.reduceat(values, starts, axis=1)
    return scores


def _relatives(space: Space, place: int) -> list[tuple[int, int]]:
    """Places of the compositions with each element kept or replaced by one of its group, counts kept, and the periods moved in all."""

    choices = [_group(space.symbols, int(member)) for member in space.members[place]]
    counts = space.counts[place].tolist()
    found = []
    for chosen in product(*choices):
        moved = sum(periods for _, periods in chosen)
        pairs = sorted(zip((member for member, _ in chosen), counts, strict=True))
        if moved and len({member for member, _ in pairs}) == len(pairs):
            relative = space.place(tuple((space.symbols[member], count) for member, count in pairs))
            found.append((relative, moved))
    return found


@lru_cache(maxsize=256)
def _group(symbols: tuple[str, ...], member: int) -> list[tuple[int, int]]:
    """The elements of one's group, itself included, and how many periods away each is."""
    from pymatgen.core.periodic_table import Element

    own = Element(symbols[member])
    same = [(other, Element(symbol)) for other, symbol in enumerate(symbols) if Element(symbol).group == own.group]
    return [(other, abs(element.row - own.row)) for other, element in same]


def _mixed(spectra: Spectra, split: Split) -> NDArray[np.float32]:
    """Count-weighted mean of the elements' centroid DOS for each composition, of norm 1; zeros where an element has none."""
    centroids = centroid_dos([spectra.compositions[row] for row in split.train], spectra.vectors[split.train])
    space = spectra.space
    values = np.zeros((len(space.symbols), spectra.vectors.shape[1]))
    for symbol, value in zip(centroids.symbols, centroids.values, strict=True):
        values[space.symbols.index(symbol)] = value
    known = np.array([symbol in centroids.symbols for symbol in space.symbols])
    shares = space.counts / space.counts.sum(axis=1, keepdims=True)
    mixed = (values[space.members] * shares[:, :, None]).sum(axis=1)
    mixed[~known[space.members].all(axis=1)] = 0.0
    norms = np.linalg.norm(mixed, axis=1, keepdims=True)
    return np.asarray(mixed / np.where(norms > 0, norms, 1.0), dtype=np.float32)
