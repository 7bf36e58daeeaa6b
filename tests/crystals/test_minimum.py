"""The minimum of a dear function: where it is, and how often the function is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.crystals.minimum import minimum
from dosmith.errors import NotFoundError


@given(centre=st.floats(-0.9, 0.9), curvature=st.floats(0.1, 10), depth=st.floats(-5, 5))
def test_a_parabola_is_found_exactly(centre: float, curvature: float, depth: float) -> None:
    asked: list[float] = []

    def parabola(x: float) -> float:
        asked.append(x)
        return curvature * (x - centre) ** 2 + depth

    place, value = minimum(parabola, 0.0, 0.1)
    assert place == pytest.approx(centre, abs=1e-4)
    assert value == pytest.approx(depth, abs=1e-6)
    assert asked[-1] == place
    assert len(asked) <= 5 + abs(centre) / 0.1


def test_a_slope_without_end_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no volume of lowest energy"):
        minimum(lambda x: -x, 0.0, 0.1)
