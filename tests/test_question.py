"""What is asked beside the target is checked once, and says how spectra are compared."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.errors import ConstraintError, ModelError
from dosmith.question import Question
from dosmith.settings import DesignSettings
from dosmith.spectra.grid import Window
from dosmith.spectra.match import Gaps
from dosmith.spectra.standard import Recipe, StandardSpectrum
from dosmith.targets import Target

SETTINGS = DesignSettings()


def target(gap: float, covered: Window | None = None) -> Target:
    points = Recipe().grid.points
    return Target("drawn", "drawn by hand", StandardSpectrum(np.ones(points), Recipe(), 0.0, gap, 1.0, (), covered=covered))


def test_what_is_left_out_comes_from_the_settings() -> None:
    asked = Question.of(SETTINGS)
    assert (asked.metric, asked.rank_by, asked.variety) == (SETTINGS.metric, SETTINGS.rank_by, SETTINGS.variety)
    assert asked.compared(target(0.0)).by == SETTINGS.rank_by


def test_bounds_are_conditions_of_the_constraints() -> None:
    asked = Question.of(SETTINGS, above_hull=0.1, price=50, gap="2:4", keep="abundance>1", exclude="Pt")
    assert {condition.name for condition in asked.constraints.conditions} == {"above_hull", "price", "gap", "abundance"}
    assert not asked.constraints.permits("Pt")


def test_a_wanted_gap_stands_in_place_of_the_targets_own() -> None:
    assert Question.of(SETTINGS).compared(target(4.0)).gaps == Gaps.like(4.0)
    assert Question.of(SETTINGS, gap="1:2").compared(target(4.0)).gaps == Gaps(1.0, 2.0)
    below = Question.of(SETTINGS, window="-5:-1").compared(target(4.0))  # says nothing of the gap
    assert below.gaps is None and below.window == Window(-5.0, -1.0)
    assert Question.of(SETTINGS).compared(target(4.0, Window(-7.5, 2.0))).gaps is None


@pytest.mark.parametrize(
    ("options", "words"),
    [({"rank_by": "beauty"}, "nothing to rank by"), ({"variety": 1.5}, "a variety of 1.5"), ({"gap": "4:2"}, "no range of gaps")],
)
def test_what_is_impossible_is_told(options, words) -> None:
    with pytest.raises(ConstraintError, match=words):
        Question.of(SETTINGS, **options)
    with pytest.raises(ModelError, match="not a crystal system"):
        Question.of(SETTINGS, crystal_system="cubical")
