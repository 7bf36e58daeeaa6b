"""Do element vectors know chemistry? The map of the elements (Bang et al. 2024, Fig. 2b) and the classes of band gaps (Table S1)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from dosmith.benchmark.data import FloatArray, IntArray, Spectra
from dosmith.benchmark.networks import element_vectors
from dosmith.errors import MissingExtraError
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.splits import SPLITS, Split
from dosmith.settings import Settings

FAMILIES = {
    "alkali metals": "Li Na K Rb Cs",
    "alkaline earth metals": "Be Mg Ca Sr Ba",
    "lanthanides": "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "3d transition metals": "Sc Ti V Cr Mn Fe Co Ni Cu Zn",
    "noble metals": "Ru Rh Pd Ag Os Ir Pt Au",
    "post-transition metals": "Al Ga In Sn Tl Pb Bi",
    "halogens": "F Cl Br I",
}
"""The seven families that the paper marks on its map."""

GAP_CLASSES = (0.2, 3.6)
"""Borders of the paper's classes, eV."""

_SHUFFLES = 2000


def family(symbol: str) -> str | None:
    """The family of an element, None for one in none of them."""
    return next((name for name, symbols in FAMILIES.items() if symbol in symbols.split()), None)


def element_map(spectra: Spectra, settings: Settings, elements: str) -> dict[str, Any]:
    """The element vectors of all spectra in two dimensions, and how often an element's nearest one is of its family.

    Returns:
        `symbols`, `x`, `y` (t-SNE, no unit), `agreement` of the elements that are in a family, the same of shuffled labels
        (`shuffled` and its 95 % range), `n`.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingExtraError("the map of the elements", "benchmark") from None
    import torch

    seed = settings.benchmark.seed
    torch.manual_seed(seed)
    every = np.arange(len(spectra))
    vectors = element_vectors(spectra, Split("in-sample", seed, every, every), settings.paper, elements)
    places = TSNE(perplexity=min(10, len(vectors.symbols) - 1), init="pca", random_state=seed).fit_transform(vectors.values)
    in_family = [row for row, symbol in enumerate(vectors.symbols) if family(symbol)]
    labels = np.array([family(vectors.symbols[row]) for row in in_family], dtype=str)
    neighbours = nearest(vectors.values[in_family])
    generator = np.random.default_rng(seed)
    shuffled = [agreement(generator.permutation(labels), neighbours) for _ in range(_SHUFFLES)]
    low, high = np.quantile(shuffled, [0.025, 0.975])
    return {
        "symbols": list(vectors.symbols),
        "x": [round(float(x), 3) for x in places[:, 0]],
        "y": [round(float(y), 3) for y in places[:, 1]],
        "agreement": agreement(labels, neighbours),
        "shuffled": {"mean": float(np.mean(shuffled)), "low": float(low), "high": float(high)},
        "n": len(in_family),
    }


def nearest(values: FloatArray) -> IntArray:
    """The nearest other row of each row, by Euclidean distance: shape (N, length) -> (N,)."""
    distances = np.linalg.norm(values[:, None, :] - values[None, :, :], axis=-1)
    np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.argmin(axis=1))


def agreement(labels: np.ndarray[Any, Any], neighbours: IntArray) -> float:
    """Share of rows whose neighbour has the same label."""
    return float((labels == labels[neighbours]).mean())


def gap_classes(spectra: Spectra, settings: Settings, elements: str) -> dict[str, Any]:
    """The class of the band gap from the composition vector by a small network, each formula tested when it was held out.

    Element vectors too are made from the training spectra of the fold alone.

    Returns:
        `rows` of the spectra, `right` (whether the class was found), `majority` (whether the commonest class of the training
        spectra was right), `classes` (the true one), lists of one length.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise MissingExtraError("the classes of band gaps", "benchmark") from None
    import torch

    stated = spectra.wanted & np.isfinite(spectra.gaps)
    classes = np.digitize(spectra.gaps, GAP_CLASSES)
    found: dict[str, list[int]] = {"rows": [], "right": [], "majority": [], "classes": []}
    options = settings.benchmark
    for split in SPLITS["formula"](spectra.compositions, stated, options.folds, options.seed):
        torch.manual_seed(split.fold)
        vectors = element_vectors(spectra, split, settings.paper, elements)
        known = [
            row
            for row in range(len(spectra))
            if stated[row] and {s for s, _ in spectra.compositions[row]} <= set(vectors.symbols)
        ]
        inputs = {row: composition_vector(spectra.compositions[row], vectors) for row in known}
        train = [row for row in split.train if row in inputs]
        commonest = np.bincount(classes[train], minlength=3).argmax()
        network = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=400, random_state=split.fold))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit([inputs[row] for row in train], classes[train])
        for row in split.test:
            guess = network.predict([inputs[row]])[0] if row in inputs else -1  # an element never seen: wrong
            found["rows"].append(int(row))
            found["right"].append(int(guess == classes[row]))
            found["majority"].append(int(commonest == classes[row]))
            found["classes"].append(int(classes[row]))
    return found
