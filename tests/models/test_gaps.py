"""From a model's gaps to the gaps that are to be expected."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.logistic import calibration_error, chance, learned
from dosmith.models.gaps import GapScale
from dosmith.spectra.match import GAPPED, Gaps


@pytest.fixture(scope="module")
def seen() -> tuple[np.ndarray, np.ndarray]:
    """A model's gaps, 1 eV too large and off by a little, and the true ones; half are metals."""
    generator = np.random.default_rng(0)
    overlap = generator.uniform(-3, 6, 4000)
    true = np.where(overlap < 0.3, 0.0, overlap)
    return overlap + 1 + generator.normal(0, 0.2, 4000), true


def test_gaps_are_put_right(seen: tuple[np.ndarray, np.ndarray]) -> None:
    scale = GapScale.learn(*seen)
    assert scale.right > 0.97 and scale.error < 0.25
    gaps, spreads = scale.expected(np.array([-2.0, 4.0]), np.array([0.1, 0.1]))
    assert gaps == pytest.approx([0.0, 3.0], abs=0.15)
    assert spreads[0] == 0 and 0.1 < spreads[1] < 0.6


def test_the_probability_of_a_gap_is_the_share_that_has_one(seen: tuple[np.ndarray, np.ndarray]) -> None:
    signed, true = seen
    scale = GapScale.learn(signed[::2], true[::2])
    for wanted in (Gaps.like(0.0), Gaps.like(3.0), Gaps.parse("2:"), Gaps.parse(":1")):
        said, happened = scale.hold(signed[1::2], wanted), wanted.hold(true[1::2]).astype(float)
        assert ((said >= 0) & (said <= 1)).all()
        assert calibration_error(said, happened) < 0.06
    whole = scale.hold(signed, Gaps(0.0, GAPPED)) + scale.hold(signed, Gaps(GAPPED, np.inf))
    assert whole == pytest.approx(1.0, abs=1e-6)


def test_without_gapped_crystals_nothing_fails() -> None:
    scale = GapScale.learn(np.array([-1.0, -2.0, -0.5]), np.zeros(3))
    assert (scale.hold(np.array([-1.0]), Gaps.like(0.0)) > 0.4).all()


def test_a_known_share_is_taken_out_of_what_is_learned() -> None:
    generator = np.random.default_rng(1)
    x, share = generator.normal(size=5000), generator.uniform(0.1, 0.9, 5000)
    happened = (generator.random(5000) < share * chance(1 + 2 * x)).astype(float)
    found = learned(np.stack([np.ones(5000), x], axis=1), happened, share)
    assert found == pytest.approx((1, 2), abs=0.25)
