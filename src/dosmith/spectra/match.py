"""What a match is: the same density of states, and the same gap.

The cosine of two whole curves hardly sees an empty range, so that a metal's DOS may seem like an insulator's. A match
therefore is both: a cosine above `MATCH`, and gaps of one class that agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import ConstraintError
from dosmith.spectra.similarity import MATCH
from dosmith.spectra.zero import GapRule

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

GAPPED = GapRule().smallest
"""eV; what has a narrower gap counts as a metal, as when the energy zero is found."""
NEAR, SHARE = 0.5, 0.25
"""Gaps agree within so many eV, or within this share of the target's."""


@dataclass(frozen=True)
class Gaps:
    """An interval of gaps that are wanted; metals have a gap of 0.

    Attributes:
        lower: eV.
        upper: eV, not itself in the interval.
    """

    lower: float
    upper: float

    @classmethod
    def like(cls, gap: float) -> Gaps:
        """The gaps that agree with a target's: of metals those of metals, else within 0.5 eV or 25 %.

        >>> Gaps.like(0.0), Gaps.like(4.0), Gaps.like(0.6)
        (Gaps(lower=0.0, upper=0.3), Gaps(lower=3.0, upper=5.0), Gaps(lower=0.3, upper=1.1))
        """
        if gap < GAPPED:
            return cls(0.0, GAPPED)
        near = max(NEAR, SHARE * gap)
        return cls(max(GAPPED, gap - near), gap + near)

    @classmethod
    def parse(cls, text: str) -> Gaps:
        """The interval of a text LOWER:UPPER, eV, either of which may be left out; of "metal" those of metals.

        >>> Gaps.parse("2:4"), Gaps.parse("1.5:").upper, Gaps.parse("metal")
        (Gaps(lower=2.0, upper=4.0), inf, Gaps(lower=0.0, upper=0.3))

        Raises:
            ConstraintError: it is none.
        """
        if text.strip() == "metal":
            return cls.like(0.0)
        lower, colon, upper = text.partition(":")
        try:
            found = cls(float(lower) if lower.strip() else 0.0, float(upper) if upper.strip() else np.inf)
        except ValueError:
            found = cls(np.nan, np.nan)
        if not colon or not 0 <= found.lower < found.upper:
            raise ConstraintError(f"'{text}' is no range of gaps; write LOWER:UPPER in eV, as in 2:4, 2: or :1, or 'metal'")
        return found

    @property
    def metallic(self) -> bool:
        """Whether they are those of metals."""
        return self.upper <= GAPPED

    @property
    def conditions(self) -> list[str]:
        """The same as conditions on the merit `gap`.

        >>> Gaps(2.0, 4.0).conditions, Gaps.like(0.0).conditions
        (['gap>=2.0', 'gap<4.0'], ['gap<0.3'])
        """
        lower = [f"gap>={self.lower}"] if self.lower > 0 else []
        return lower + ([f"gap<{self.upper}"] if np.isfinite(self.upper) else [])

    def hold(self, gaps: FloatArray) -> BoolArray:
        """Whether gaps (eV) lie in the interval, shape as given."""
        counted = np.where(gaps < GAPPED, 0.0, gaps)
        return np.asarray((counted >= self.lower) & (counted < self.upper))

    def __str__(self) -> str:
        return "metal" if self.metallic else f"{self.lower:g}:{'' if np.isinf(self.upper) else f'{self.upper:g}'}"


def matches(cosines: FloatArray, gaps: FloatArray, wanted: Gaps | None) -> BoolArray:
    """Which spectra match a target, shape (M,).

    Args:
        cosines: to the target, shape (M,).
        gaps: theirs, eV, shape (M,).
        wanted: gaps that agree with the target's; None where its gap is unknown or does not count.
    """
    alike = np.asarray(cosines > MATCH)
    return alike if wanted is None else alike & wanted.hold(gaps)


def pairs_match(cosines: FloatArray, targets: FloatArray, gaps: FloatArray) -> BoolArray:
    """Which of M spectra match which of T targets, shape (T, M).

    Args:
        cosines: shape (T, M).
        targets: gaps of the targets, eV, shape (T,).
        gaps: of the spectra, eV, shape (M,).
    """
    agree = np.stack([Gaps.like(gap).hold(gaps) for gap in targets.tolist()]) if len(targets) else np.zeros(cosines.shape, bool)
    return np.asarray((cosines > MATCH) & agree)
