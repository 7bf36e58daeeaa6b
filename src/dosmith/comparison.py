"""How spectra are compared with one target, and what is thought of them as answers to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dosmith.spectra.code import Coded
from dosmith.spectra.count import Count, agreement
from dosmith.spectra.grid import EnergyGrid, Window
from dosmith.spectra.match import Gaps
from dosmith.spectra.similarity import Curves, similarity

FloatArray = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]


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
        gaps: those that agree with the target's; None where its gap is unknown or does not count.
        curve: whether the curve counts; without it the gap alone does.
        by: what is ranked by: the probability that a candidate matches and exists, or the similarity.
        variety: how much the best of each kind come first; see `varied`.
        count: the target's number of states, where that counts in the likeness; None where shapes alone do.
    """

    target: FloatArray
    grid: EnergyGrid
    metric: str = "cosine"
    window: Window | None = None
    weights: FloatArray | None = None
    covered: Window | None = None
    gaps: Gaps | None = None
    curve: bool = True
    by: Literal["probability", "similarity"] = "probability"
    variety: float = 0.0
    count: Count | None = None

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

    def agreement(self, vectors: Floats | Coded, states: FloatArray) -> FloatArray:
        """What numbers of states take from likenesses, as a factor, shape (M,); see `spectra.count`.

        Args:
            vectors: in any unit, shape (M, points), or as codes.
            states: as the target's are counted, within the whole window, NaN where unknown, shape (M,).
        """
        return np.ones(len(states)) if self.count is None else agreement(*self._states_that_count(self.count, vectors, states))

    def apart(self, vectors: Floats | Coded, states: FloatArray) -> FloatArray | None:
        """Logarithms of the target's number of states over those of others, NaN where unknown, shape (M,); arguments as of `agreement`.

        None where numbers of states do not count.
        """
        if self.count is None:
            return None
        wanted, theirs = self._states_that_count(self.count, vectors, states)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(wanted / np.where(theirs > 0, theirs, np.nan)))

    def _states_that_count(self, count: Count, vectors: Floats | Coded, states: FloatArray) -> tuple[float, FloatArray]:
        """The target's and the others' states at the energies that count."""
        mask = np.ones(self.grid.points) if self.counted is None else self.counted.mask(self.grid).astype(np.float64)
        inside, whole = (np.asarray(vectors @ each, dtype=np.float64) for each in (mask, np.ones(self.grid.points)))
        theirs = states * np.divide(inside, whole, out=np.zeros(len(states)), where=whole > 0)
        return count.wanted * float(self.target @ mask / self.target.sum()), theirs


@dataclass(frozen=True, eq=False)
class Judged:
    """What is thought of N entries as answers to one target.

    Attributes:
        similarity: to the target, known or to be expected, times the agreement of numbers of states where these count, shape (N,).
        likeness: what they are ranked by where probabilities do not count: similarities, less a penalty for what is predicted far
            above its elements, shape (N,).
        p_match: the probabilities that they match, shape (N,); None where these are not calibrated.
        p_exists: the probabilities that they exist, NaN where unknown, shape (N,).
        p_class: the probabilities that they are metals, or have a gap, as the target; None where that does not matter, shape (N,).
    """

    similarity: FloatArray
    likeness: FloatArray
    p_match: FloatArray | None
    p_exists: Floats
    p_class: FloatArray | None = None

    @cached_property
    def probability(self) -> FloatArray | None:
        """That they match and exist, NaN where unknown, shape (N,); None where nothing is calibrated."""
        return None if self.p_match is None else self.p_match * self.p_exists

    @cached_property
    def chances(self) -> FloatArray | None:
        """The same, where nobody knows whether an entry exists as if that were even, shape (N,)."""
        return None if self.p_match is None else self.p_match * np.where(np.isnan(self.p_exists), _EVEN, self.p_exists)

    @property
    def merits(self) -> dict[str, Floats]:
        """Those that depend on the target, by name."""
        found: dict[str, Floats] = {"similarity": self.similarity, "p_exists": self.p_exists}
        if self.p_match is not None and self.probability is not None:
            found |= {"p_match": self.p_match, "probability": self.probability}
        return found

    def scores(self, by: str) -> FloatArray:
        """What entries are ranked by, shape (N,).

        Args:
            by: "probability": that they match and exist, times the fourth power of the likeness, so that of two which hold the more
                similar comes first, and the square of the probability of the class, so that what may be a metal comes late where a gap is
                wanted; an entry of which nobody knows whether it exists counts as if that were even. "similarity": the
                likeness alone, as always where nothing is calibrated.
        """
        if by == "similarity" or self.chances is None:
            return self.likeness
        sure = 1.0 if self.p_class is None else self.p_class**2
        squared = np.square(np.clip(self.likeness, 0.0, 1.0))
        return np.asarray((self.chances * squared * squared + 1e-6 * self.likeness) * sure)


_EVEN = 0.5
