"""How long the forward networks train, and what counts how much."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.settings import ForwardSettings
from dosmith.spectra.similarity import unit

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


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=300), st.integers(1, 200), st.floats(1, 10))
def test_rarer_kinds_count_more_up_to_a_limit(kinds: list[str], usual: int, heaviest: float) -> None:
    from dosmith.models.tight_binding.ensemble import weights_of

    weights = weights_of(kinds, ForwardSettings(usual=usual, heaviest=heaviest))
    assert weights.mean() == pytest.approx(1) and weights.max() <= heaviest * weights.min() * (1 + 1e-9)
    by_count = sorted((kinds.count(kind), weight) for kind, weight in zip(kinds, weights, strict=True))
    assert all(first >= second - 1e-9 for (_, first), (_, second) in pairwise(by_count))


def test_a_crystal_that_counts_more_is_fitted_better() -> None:
    import torch

    from dosmith.models.tight_binding.fitting import fit_plain, plain_spectra

    settings = ForwardSettings(plain_epochs=60, plain_hidden=4, plain_dropout=0.0, plain_batch=4)
    generator = np.random.default_rng(0)
    features = [torch.tensor(generator.normal(size=(2, 3)), dtype=torch.float32) for _ in range(12)]
    targets = unit(generator.random((12, 11)) ** 4)

    def errors(weights: np.ndarray | None) -> np.ndarray:
        found = plain_spectra(fit_plain(features, targets, settings, 0, None, weights), features).detach().numpy()
        return ((found - targets) ** 2).sum(axis=1)

    heavy = np.where(np.arange(12) < 3, 3.7, 0.1)
    np.testing.assert_array_equal(errors(np.ones(12)), errors(None))
    assert errors(heavy)[:3].mean() < errors(None)[:3].mean() and errors(heavy)[3:].mean() > errors(None)[3:].mean()
