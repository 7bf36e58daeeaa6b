"""What is asked beside the target: what candidates must be, which states count, and what they are ranked by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.comparison import Comparison
from dosmith.constraints import Constraints
from dosmith.crystals.kinds import named
from dosmith.errors import ConstraintError, OptionError, did_you_mean
from dosmith.settings import DesignSettings
from dosmith.spectra.count import Count, Electrons, counted
from dosmith.spectra.grid import Window
from dosmith.spectra.match import GAPPED, Gaps
from dosmith.targets import Target, known_system

FloatArray = NDArray[np.float64]

IDENTITY = "identity"
"""Candidates may be ranked by the probability that the target is their DOS."""
RANKINGS = ("probability", "similarity")
"""What else `design` may rank by."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a target.

    Attributes:
        constraints: what candidates must be.
        crystal_system: of the candidates; any when None.
        metric: of the similarity.
        window: energies that count in it; all when None.
        weights: of each grid point in it, shape (points,); all alike when None.
        gaps: that are wanted in place of the target's own; None where that counts.
        rank_by: one of `RANKINGS`, or `IDENTITY`.
        variety: from 0 to 1, how early the best of other kinds come.
        count: whether numbers of states count in the likeness.
        real: whether the target is known to be of a material that exists, where it is asked whose DOS it is.
    """

    constraints: Constraints = field(default_factory=Constraints)
    crystal_system: str | None = None
    metric: str = "cosine"
    window: Window | None = None
    weights: FloatArray | None = None
    gaps: Gaps | None = None
    rank_by: str = "probability"
    variety: float = 0.0
    count: bool = False
    real: bool = False

    @classmethod
    def of(
        cls,
        settings: DesignSettings,
        *,
        crystal_system: str | None = None,
        metric: str | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        gap: Gaps | str | None = None,
        rank_by: str | None = None,
        variety: float | None = None,
        count: bool = False,
        real: bool = False,
        above_hull: float | None = None,
        price: float | None = None,
        keep: str | Iterable[str] | None = None,
        **constraints: Any,
    ) -> Question:
        """The question that someone means; arguments as in `Designer.design`, `constraints` as of `Constraints.of`.

        Raises:
            DosmithError: one of them is impossible; the message is one line and says which.
        """
        system = known_system(crystal_system)
        gaps = Gaps.parse(gap) if isinstance(gap, str) else gap
        by, much = rank_by or settings.rank_by, settings.variety if variety is None else variety
        if by not in (*RANKINGS, IDENTITY):
            raise ConstraintError(
                f"'{by}' is nothing to rank by; take one of {', '.join((*RANKINGS, IDENTITY))}{did_you_mean(by, (*RANKINGS, IDENTITY))}"
            )
        if not 0 <= much <= 1:
            raise ConstraintError(f"a variety of {much:g} is impossible; give a number from 0 to 1")
        bounds = [] if keep is None else [keep] if isinstance(keep, str) else list(keep)
        bounds += [f"{name}<={bound}" for name, bound in (("above_hull", above_hull), ("price", price)) if bound is not None]
        bounds += [] if gaps is None else gaps.conditions
        if (meant := constraints.get("prototype")) is not None:
            constraints["prototype"] = named(meant) or meant  # others may stand in a library of one's own
        made = Constraints.of(keep=bounds, **constraints)
        if real and by != IDENTITY:
            raise OptionError(
                "that the target's material is real counts in --rank-by identity alone; by probability whatever exists comes first"
            )
        return cls(made, system, metric or settings.metric, _window(window), weights, gaps, by, much, count, real)

    def compared(self, target: Target, electrons: Callable[[], Electrons] | None = None) -> Comparison:
        """How spectra are compared with a target.

        Args:
            target: asked for.
            electrons: tells what elements bring to spectra, where numbers of states count.

        Raises:
            OptionError: these cannot be compared.
        """
        standard = target.standard
        made = Comparison(
            standard.values,
            standard.recipe.grid,
            self.metric,
            self.window,
            self.weights,
            standard.covered,
            self.gaps,
            target.curve,
            "similarity" if self.rank_by == "similarity" else "probability",
            self.variety,
            None if electrons is None or not self.count else _count_of(target, electrons, self.rank_by == IDENTITY),
        )
        return made if self.gaps is not None else replace(made, gaps=_gaps_of(target, made))


def _count_of(target: Target, electrons: Callable[[], Electrons], of_cell: bool) -> Count:
    """The target's number of states; where it is asked whose they are, those of a primitive cell if nothing tells the atoms."""
    if target.part is not None or not target.curve:
        what = (
            "of whole curves alone: leave --project and --spin" if target.curve else "of curves, and there is none: name a target"
        )
        raise OptionError(f"numbers of states can be compared {what}, or --count out")
    area = target.standard.area if of_cell else None
    return counted(target.states, target.composition, target.standard.values, electrons(), area)


def _window(window: Window | str | tuple[float, float] | None) -> Window | None:
    if window is None or isinstance(window, Window):
        return window
    return Window.parse(window if isinstance(window, str) else ":".join(str(energy) for energy in window))


def _gaps_of(target: Target, comparison: Comparison) -> Gaps | None:
    """The gaps that agree with a target's; None where only some states count, or what counts of the curve does not reach across its gap."""
    gap, counted = target.standard.gap, comparison.counted
    if target.part is not None or (counted is not None and (counted.lower > 0 or counted.upper < max(gap, GAPPED))):
        return None
    return Gaps.like(gap)
