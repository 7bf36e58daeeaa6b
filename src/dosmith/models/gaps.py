"""From gaps by the eigenvalues of a model to the gaps that are to be expected, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.logistic import chance, learned
from dosmith.spectra.match import GAPPED, Gaps

FloatArray = NDArray[np.float64]

_LOWEST = -2.0  # eV; whether bands overlap by this or by more tells nothing further


@dataclass(frozen=True)
class GapScale:
    """What a model's gaps are worth on chemistry that it has not seen.

    Attributes:
        gapped: logit of having a gap at all, of `GAPPED` or more: intercept, and slope by the model's gap (eV, below zero where bands overlap).
        line: the gap that is to be expected of what has one: intercept (eV) and slope by the model's gap.
        width: scale of the logistic distribution of gaps about it: intercept (eV) and slope by the gap expected.
        error: mean absolute error of the gaps expected of gapped crystals, eV.
        right: share of the crystals of which it is told right whether they are gapped.
        count: crystals that it is learned from, and gapped ones among them.
    """

    gapped: Sequence[float]
    line: Sequence[float]
    width: Sequence[float]
    error: float
    right: float
    count: Sequence[int]

    @classmethod
    def learn(cls, signed: FloatArray, true: FloatArray) -> GapScale:
        """From gaps of crystals that the model has not seen.

        Args:
            signed: the model's, eV, below zero where bands overlap, shape (M,).
            true: the computed ones, eV, 0 for metals, shape (M,).
        """
        ours, has = np.maximum(signed, _LOWEST), true >= GAPPED
        gapped = learned(np.stack([np.ones_like(ours), ours], axis=1), has.astype(np.float64))
        if has.sum() < 3:
            return cls(
                gapped,
                (0.0, 1.0),
                (0.3, 0.1),
                0.0,
                float((chance(gapped[0] + gapped[1] * ours) > 0.5).mean()),
                (len(true), int(has.sum())),
            )
        x = np.stack([np.ones(has.sum()), np.maximum(ours[has], 0.0)], axis=1)
        line = np.linalg.lstsq(x, true[has], rcond=None)[0]
        for _ in range(5):  # least absolute deviations, so that a few that are far off do not decide
            weights = 1 / np.maximum(np.abs(x @ line - true[has]), 0.05)
            line = np.linalg.lstsq(x * np.sqrt(weights)[:, None], true[has] * np.sqrt(weights), rcond=None)[0]
        middle = x @ line
        off = np.abs(middle - true[has])
        width = np.linalg.lstsq(np.stack([np.ones_like(middle), middle], axis=1), off, rcond=None)[0]
        scale = np.array([max(width[0], 0.05), max(width[1], 0.0)]) / (
            2 * np.log(2)
        )  # mean absolute deviation of a logistic distribution
        error = float(off.mean())
        right = float(((chance(gapped[0] + gapped[1] * ours) > 0.5) == has).mean())
        return cls(gapped, line.tolist(), scale.tolist(), error, right, (len(true), int(has.sum())))

    def chances(self, signed: FloatArray) -> FloatArray:
        """The probabilities of having a gap, shape as given."""
        return chance(self.gapped[0] + self.gapped[1] * np.maximum(signed, _LOWEST))

    def expected(self, signed: FloatArray, spreads: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The gaps expected, eV, 0 where a metal is likelier, and their standard deviations, shapes as given.

        Args:
            signed: the model's gaps, eV.
            spreads: standard deviations among its members, eV.
        """
        has = self.chances(signed) > 0.5
        gaps = np.where(has, np.maximum(self._middle(signed), GAPPED), 0.0)
        return gaps, np.where(has, np.hypot(self._scale(signed) * np.pi / np.sqrt(3), spreads), 0.0)

    def hold(self, signed: FloatArray, wanted: Gaps) -> FloatArray:
        """The probabilities that the gaps lie in an interval, shape as given."""
        has = self.chances(signed)
        middle, scale = self._middle(signed), self._scale(signed)
        least = chance((GAPPED - middle) / scale)

        def below(gap: float) -> FloatArray:
            share = np.ones_like(middle) if np.isinf(gap) else chance((max(gap, GAPPED) - middle) / scale)
            return np.asarray((share - least) / np.maximum(1 - least, 1e-6))

        inside = np.clip(below(wanted.upper) - below(wanted.lower), 0.0, 1.0) * has
        return np.asarray(inside + (1 - has if wanted.lower <= 0 else 0.0))

    def _middle(self, signed: FloatArray) -> FloatArray:
        return np.asarray(self.line[0] + self.line[1] * np.maximum(signed, 0.0))

    def _scale(self, signed: FloatArray) -> FloatArray:
        return np.asarray(self.width[0] + self.width[1] * np.maximum(self._middle(signed), 0.0))
