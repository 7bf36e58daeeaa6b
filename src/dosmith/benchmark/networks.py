"""The paper's network as a method of the benchmark, with DOS-based, published or no element vectors. Needs PyTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dosmith.benchmark.baselines import Scores
from dosmith.benchmark.data import FloatArray, IntArray, Space, Spectra
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.paper.element_vectors import ElementVectors
from dosmith.models.paper.model import PaperModel
from dosmith.models.paper.published_vectors import one_hot, published
from dosmith.models.splits import Split
from dosmith.settings import PaperSettings

DOS_BASED = "dos"
ONE_HOT = "one-hot"
FEWEST = 100
"""Training binaries from which a crystal system gets a network of its own, as in the shipped model."""


def inverse_network(
    spectra: Spectra, split: Split, paper: PaperSettings, elements: str = DOS_BASED, steps: int | None = None
) -> Scores:
    """Train element vectors and the inverse network on the training rows of a split.

    Args:
        spectra: all of them.
        split: of which `train` is learned from; its fold is the seed.
        paper: how to train; the seed in it is not used.
        elements: `DOS_BASED`, `ONE_HOT`, or a name of `vectors.published.PUBLISHED`.
        steps: minibatches in all, in place of the epochs in `paper`.

    Returns:
        scores: minus the squared distance of the predicted composition vector to each composition's; -inf for compositions of
        elements without a vector.
    """
    import torch

    from dosmith.models.paper.train import train_inverse

    torch.manual_seed(split.fold)
    vectors = element_vectors(spectra, split, paper, elements)
    rows = [row for row in split.train if spectra.wanted[row]]
    rows = [row for row in rows if all(symbol in vectors.symbols for symbol, _ in spectra.compositions[row])]
    targets = np.array([composition_vector(spectra.compositions[row], vectors) for row in rows])
    changes = {"seed": split.fold}
    if steps is not None:
        changes["epochs"] = max(round(steps * paper.batch / len(rows)), 1)
    network = train_inverse(spectra.vectors[rows], targets, paper.model_copy(update=changes), spectra.recipe)

    def scores(rows: IntArray, shown: FloatArray) -> NDArray[np.float32]:
        with torch.no_grad():
            points = network(torch.tensor(shown, dtype=torch.float32)).numpy()
        return -distances(points, vectors, spectra.space)

    return scores


def by_crystal_system(spectra: Spectra, split: Split, paper: PaperSettings, steps: int) -> Scores:
    """A network for each crystal system, trained on its crystals alone, as the paper does for cubic and hexagonal ones.

    Each learns from its own binaries; element vectors come from those and from all elemental crystals. Targets of a system with fewer than
    `FEWEST` training binaries are answered by a network for all.

    Args:
        spectra: all of them.
        split: of which `train` is learned from.
        paper: how to train.
        steps: minibatches of each network.
    """
    systems = np.array([system or "" for system in spectra.crystal_systems])
    alone = np.array([len(composition) == 1 for composition in spectra.compositions])
    asked = sorted(set(systems[split.test].tolist()))
    networks: dict[str, Scores] = {}
    for system in asked:
        own = split.train[(systems[split.train] == system) & spectra.wanted[split.train]]
        if len(own) >= FEWEST:
            rows = np.union1d(own, split.train[alone[split.train]])
            networks[system] = inverse_network(spectra, replace(split, train=rows), paper, steps=steps)
    rest = None if set(asked) <= set(networks) else inverse_network(spectra, split, paper, steps=steps)

    def scores(rows: IntArray, shown: FloatArray) -> NDArray[np.float32]:
        found = np.full((len(rows), len(spectra.space)), -np.inf, dtype=np.float32)
        for system in sorted(set(systems[rows].tolist())):
            answer = networks.get(system, rest)
            here = np.flatnonzero(systems[rows] == system)
            if answer is not None:
                found[here] = answer(rows[here], shown[here])
        return found

    return scores


def shipped(spectra: Spectra, checkpoint: PaperModel) -> Scores:
    """A trained model as it is; -inf for compositions of elements that it does not know."""
    return lambda rows, shown: (
        -distances(checkpoint.composition_vectors(shown).astype(np.float32), checkpoint.element_vectors, spectra.space)
    )


def element_vectors(spectra: Spectra, split: Split, paper: PaperSettings, elements: str) -> ElementVectors:
    """The element vectors of a kind, for the elements that the training rows hold."""
    compositions = [spectra.compositions[row] for row in split.train]
    if elements == DOS_BASED:
        from dosmith.models.paper.train import train_element_vectors

        return train_element_vectors(compositions, spectra.vectors[split.train], paper, spectra.recipe)[1]
    present = {symbol for composition in compositions for symbol, _ in composition}
    symbols = [symbol for symbol in spectra.space.symbols if symbol in present]
    return one_hot(symbols) if elements == ONE_HOT else published(elements, symbols)


def distances(points: NDArray[np.float32], vectors: ElementVectors, space: Space) -> NDArray[np.float32]:
    """Squared distance of predicted composition vectors to those of every composition of a space.

    Args:
        points: shape (M, n * EV length).
        vectors: of elements; inf stands where one is missing.
        space: of C compositions of n elements.

    Returns:
        shape (M, C).
    """
    n, choices = space.members.shape[1], int(space.counts.max())
    counts = np.arange(1, choices + 1, dtype=np.float32)
    values = vectors.values.astype(np.float32)
    norms = (values**2).sum(axis=1)[:, None] * counts**2  # (known elements, counts)
    known = [space.symbols.index(symbol) for symbol in vectors.symbols]
    total = np.zeros((len(points), len(space)), dtype=np.float32)
    for slot in range(n):
        point = points[:, slot * vectors.length : (slot + 1) * vectors.length]
        costs = np.full((len(points), len(space.symbols), choices), np.inf, dtype=np.float32)
        costs[:, known] = (point**2).sum(axis=1)[:, None, None] + norms - 2 * (point @ values.T)[:, :, None] * counts
        total += costs.reshape(len(points), -1)[:, space.members[:, slot] * choices + space.counts[:, slot] - 1]
    return total
