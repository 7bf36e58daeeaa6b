"""A match is the DOS and the gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.errors import ConstraintError
from dosmith.spectra.match import GAPPED, Gaps, matches, pairs_match


def test_a_metal_never_matches_an_insulator_however_alike_their_curves_are() -> None:
    cosines, gaps = np.array([0.99, 0.95, 0.89]), np.array([0.0, 4.3, 4.2])
    assert matches(cosines, gaps, Gaps.like(4.2)).tolist() == [False, True, False]
    assert matches(cosines, gaps, Gaps.like(0.0)).tolist() == [True, False, False]
    assert matches(cosines, gaps, None).tolist() == [True, True, False]


@given(target=st.floats(0, 12), gap=st.floats(0, 12))
def test_gaps_agree_within_half_an_ev_or_a_quarter(target: float, gap: float) -> None:
    agree = bool(Gaps.like(target).hold(np.array([gap]))[0])
    if (target < GAPPED) != (gap < GAPPED):
        assert not agree
    elif target < GAPPED:
        assert agree
    elif abs(abs(target - gap) - max(0.5, 0.25 * target)) > 1e-9:
        assert agree == (abs(target - gap) < max(0.5, 0.25 * target))
    assert pairs_match(np.ones((1, 1)), np.array([target]), np.array([gap]))[0, 0] == agree


@pytest.mark.parametrize("text", ["2", "4:2", "a:b", "-1:2", "", "1:1"])
def test_what_is_no_range_of_gaps_is_refused(text: str) -> None:
    with pytest.raises(ConstraintError, match="range of gaps"):
        Gaps.parse(text)


def test_ranges_are_read_and_written() -> None:
    assert [str(Gaps.parse(text)) for text in ("2:4", "1.5:", ":1", "metal")] == ["2:4", "1.5:", "0:1", "metal"]
    assert Gaps.parse(":1").hold(np.array([0.0, 0.1, 0.9, 1.0])).tolist() == [True, True, True, False]
