"""How long the forward networks train."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.settings import ForwardSettings

pytestmark = pytest.mark.training


@given(st.integers(1, 100_000))
def test_a_large_set_takes_no_more_steps_than_allowed(crystals: int) -> None:
    from dosmith.models.tight_binding.fitting import epochs_of

    settings = ForwardSettings()
    epochs = epochs_of(crystals, settings)
    assert 1 <= epochs <= settings.epochs
    assert epochs == 1 or (epochs - 0.5) * crystals / settings.batch <= settings.steps


def test_a_small_set_is_seen_as_often_as_allowed() -> None:
    from dosmith.models.tight_binding.fitting import epochs_of

    assert epochs_of(200, ForwardSettings(epochs=25, steps=3600, batch=8)) == 25
    assert epochs_of(2400, ForwardSettings(epochs=25, steps=3600, batch=8)) == 12
