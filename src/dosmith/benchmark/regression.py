"""Spectra predicted from what a composition or a crystal is, by regressions that anybody would try first. Need scikit-learn.

Whatever such a method has to choose, it chooses by chemical systems that it leaves out of its own training part. Told the prototype and
volume of a crystal, it knows as much of it as dosmith's own model does, and may propose the same crystals of the survey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.benchmark.baselines import Predictor, by_similarity, standing
from dosmith.benchmark.data import FloatArray, IntArray, Space, Spectra, proposable
from dosmith.crystals.surveyed import Surveyed
from dosmith.formulas import Composition
from dosmith.models.descriptors import descriptors
from dosmith.models.splits import Split
from dosmith.settings import ForwardSettings

WIDTHS, RIDGES = (0.25, 0.5, 1.0, 2.0), (1e-3, 1e-2, 1e-1)
"""Widths of the Gaussian kernel, in medians of the distances of training points, and ridges among which is chosen."""
NEIGHBOURS = (1, 2, 3, 5, 8)
"""Numbers of neighbours among which is chosen."""
INNER = 3
"""Parts of the training part that are left out in turn."""
_SLOTS = 3  # elements of a composition that are told apart
_AT_ONCE = 4096

Fit = Callable[[FloatArray, FloatArray], Callable[[FloatArray], FloatArray]]
"""(features (M, F), spectra (M, points)) -> (features (N, F) -> spectra (N, points))."""


@dataclass(frozen=True, eq=False)
class Crystals:
    """What a regression is told of N crystals or compositions.

    Attributes:
        compositions: theirs.
        prototypes: theirs, "" where unknown.
        volumes: Angstrom^3/atom, nan where unknown, shape (N,).
    """

    compositions: Sequence[Composition]
    prototypes: Sequence[str]
    volumes: FloatArray

    @classmethod
    def at(cls, spectra: Spectra, rows: IntArray) -> Crystals:
        """Those of some rows."""
        return cls(
            [spectra.compositions[row] for row in rows], [spectra.prototypes[row] or "" for row in rows], spectra.volumes[rows]
        )

    @classmethod
    def of_space(cls, space: Space) -> Crystals:
        """The compositions of a space, no crystals."""
        count = len(space)
        return cls([space.composition(place) for place in range(count)], [""] * count, np.full(count, np.nan))

    @classmethod
    def of_survey(cls, crystals: Sequence[Surveyed]) -> Crystals:
        """Those of a survey."""
        return cls(
            [each.composition for each in crystals],
            [each.prototype for each in crystals],
            np.array([each.volume for each in crystals], dtype=np.float64),
        )


@dataclass(frozen=True, eq=False)
class Features:
    """Numbers that describe a composition, and a crystal where prototypes are given.

    Attributes:
        symbols: elements with a fraction of their own.
        prototypes: with a number of their own; none for compositions.
    """

    symbols: tuple[str, ...]
    prototypes: tuple[str, ...] = ()

    def __call__(self, crystals: Crystals) -> FloatArray:
        """Fractions; mean, spread, least and most of the elements' descriptors; prototype, volume per atom; shape (N, F)."""
        table, place = _element_table(self.symbols)
        weights = np.zeros((len(crystals.compositions), len(self.symbols)))
        for row, composition in zip(weights, crystals.compositions, strict=True):
            for symbol, count in composition:
                row[place[symbol]] = count
        weights /= weights.sum(axis=1, keepdims=True)
        mean = weights @ table
        spread = np.sqrt(np.maximum(weights @ table**2 - mean**2, 0.0))
        ends = np.array([_ends(table, place, composition) for composition in crystals.compositions]).reshape(len(mean), -1)
        parts = [weights, mean, spread, ends]
        if self.prototypes:
            known = {name: number for number, name in enumerate(self.prototypes)}
            shape = np.zeros((len(mean), len(known)))
            for row, name in zip(shape, crystals.prototypes, strict=True):
                if name in known:
                    row[known[name]] = 1.0
            volume = np.nan_to_num(np.log(crystals.volumes / 15.0))[:, None]
            parts += [shape, 2 * volume]
        return np.concatenate(parts, axis=1)


def kernel_ridge(width: float, ridge: float) -> Fit:
    """Kernel ridge regression with a Gaussian kernel on features that are centred and scaled."""

    def fit(features: FloatArray, spectra: FloatArray) -> Callable[[FloatArray], FloatArray]:
        from sklearn.kernel_ridge import KernelRidge
        from sklearn.metrics.pairwise import euclidean_distances
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(features)
        some = scaler.transform(features[:: max(1, len(features) // 500)])
        median = float(np.median(euclidean_distances(some, squared=True)))
        mean = spectra.mean(axis=0)
        model = make_pipeline(scaler, KernelRidge(kernel="rbf", gamma=1 / (2 * width**2 * max(median, 1e-9)), alpha=ridge))
        model.fit(features, spectra - mean)

        def predict(others: FloatArray) -> FloatArray:
            parts = [model.predict(others[start : start + _AT_ONCE]) + mean for start in range(0, len(others), _AT_ONCE)]
            return _sound(np.concatenate(parts) if parts else np.zeros((0, len(mean))))

        return predict

    return fit


def neighbours(count: int, prototypes: int) -> Fit:
    """The mean of the nearest known spectra, nearer ones more, first of all those of the same prototype.

    Args:
        count: how many.
        prototypes: which of the last features but the volume say the prototype.
    """

    def fit(features: FloatArray, spectra: FloatArray) -> Callable[[FloatArray], FloatArray]:
        from sklearn.neighbors import NearestNeighbors

        scale = features.std(axis=0) + 1e-9
        kind = slice(features.shape[1] - prototypes - 1, features.shape[1] - 1)
        scaled = features / scale
        scaled[:, kind] = 1e3 * features[:, kind]  # another prototype is farther than any element
        nearest = NearestNeighbors(n_neighbors=min(count, len(features))).fit(scaled)

        def predict(others: FloatArray) -> FloatArray:
            asked = others / scale
            asked[:, kind] = 1e3 * others[:, kind]
            distance, place = nearest.kneighbors(asked)
            weight = np.exp(-(distance - distance[:, :1])) / len(place.T)
            return _sound(np.einsum("nk,nkp->np", weight, spectra[place]))

        return predict

    return fit


def ridge_of_compositions(spectra: Spectra, split: Split) -> Predictor:
    """Kernel ridge regression from element descriptors and fractions; a composition has one spectrum, whatever its crystal."""
    features = Features(_symbols(spectra))
    fit = _chosen(spectra, split, features, [kernel_ridge(width, ridge) for width in WIDTHS for ridge in RIDGES])
    expected = fit(features(Crystals.of_space(spectra.space))).astype(np.float32)
    expected[~_known_elements(spectra, split)] = 0.0
    nowhere = np.zeros(len(expected), dtype=np.float32)
    scores = by_similarity(spectra, split, expected, np.arange(len(expected)), nowhere)
    return Predictor(scores, lambda rows: expected[spectra.places[rows]].astype(np.float64))


def ridge_of_crystals(spectra: Spectra, split: Split) -> Predictor:
    """The same told prototype and volume."""
    features = Features(_symbols(spectra), _prototypes(spectra, split))
    return _of_crystals(spectra, split, features, [kernel_ridge(width, ridge) for width in WIDTHS for ridge in RIDGES])


def nearest_in_prototype(spectra: Spectra, split: Split) -> Predictor:
    """The nearest known crystals of the same prototype."""
    features = Features(_symbols(spectra), _prototypes(spectra, split))
    return _of_crystals(spectra, split, features, [neighbours(count, len(features.prototypes)) for count in NEIGHBOURS])


def _of_crystals(spectra: Spectra, split: Split, features: Features, candidates: Sequence[Fit]) -> Predictor:
    """A regression of crystals as a method: compositions score as their best crystal of the survey, as dosmith's own do."""
    fit = _chosen(spectra, split, features, candidates)
    possible = {symbol for row in split.train for symbol, _ in spectra.compositions[row]}
    crystals = [each for each in proposable() if possible >= set(each.elements)]
    expected = fit(features(Crystals.of_survey(crystals))).astype(np.float32)
    places, heights = standing(spectra, crystals)
    return Predictor(
        by_similarity(spectra, split, expected, places, ForwardSettings().height_penalty * heights),
        lambda rows: fit(features(Crystals.at(spectra, rows))),
        by_material=True,
    )


def _chosen(spectra: Spectra, split: Split, features: Features, candidates: Sequence[Fit]) -> Callable[[FloatArray], FloatArray]:
    """The one of several regressions that predicts best what is left out of the training part, fitted to all of that."""
    rows = split.train
    told, true = features(Crystals.at(spectra, rows)), spectra.unit[rows]
    systems = np.unique([formulas.chemical_system(spectra.compositions[row]) for row in rows], return_inverse=True)[1]
    best = 0
    if systems.max(initial=0) + 1 >= 2 * INNER:
        from sklearn.model_selection import GroupKFold

        found = np.zeros(len(candidates))
        for inner, left in GroupKFold(INNER).split(told, groups=systems):
            for number, fit in enumerate(candidates):
                found[number] += float((fit(told[inner], true[inner])(told[left]) * true[left]).sum())
        best = int(found.argmax())
    return candidates[best](told, true)


def _sound(spectra: FloatArray) -> FloatArray:
    """Densities of norm 1 and not negative; zeros where nothing is left."""
    found = np.maximum(spectra, 0.0)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(norms > 0, norms, 1.0))


def _symbols(spectra: Spectra) -> tuple[str, ...]:
    return spectra.space.symbols


def _prototypes(spectra: Spectra, split: Split) -> tuple[str, ...]:
    return tuple(sorted({spectra.prototypes[row] or "" for row in split.train}))


def _known_elements(spectra: Spectra, split: Split) -> NDArray[np.bool_]:
    """Compositions all of whose elements some training spectrum holds, shape (C,)."""
    seen = {symbol for row in split.train for symbol, _ in spectra.compositions[row]}
    known = np.array([symbol in seen for symbol in spectra.space.symbols])
    return np.asarray(known[spectra.space.members].all(axis=1))


@lru_cache(maxsize=8)
def _element_table(symbols: tuple[str, ...]) -> tuple[FloatArray, dict[str, int]]:
    return descriptors(symbols), {symbol: place for place, symbol in enumerate(symbols)}


def _ends(table: FloatArray, place: dict[str, int], composition: Composition) -> FloatArray:
    """Descriptors of the elements, the most frequent first, of equal ones the less electronegative, shape (slots, descriptors)."""
    order = sorted(composition, key=lambda each: (-each[1], table[place[each[0]], -4], each[0]))
    found = np.zeros((_SLOTS, table.shape[1]))
    for row, (symbol, _) in zip(found, order, strict=False):
        row[:] = table[place[symbol]]
    return found


REGRESSIONS: dict[str, Callable[[Spectra, Split], Predictor]] = {
    "kernel ridge, composition": ridge_of_compositions,
    "kernel ridge, crystal": ridge_of_crystals,
    "neighbours in prototype": nearest_in_prototype,
}
"""The regressions by name."""
