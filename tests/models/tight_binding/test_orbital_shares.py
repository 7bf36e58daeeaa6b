"""Shares of orbitals are corrected by what is computed; the whole stays what it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.errors import ModelError
from dosmith.models.tight_binding.orbital_shares import OrbitalShares

GRID = np.linspace(-7.5, 7.5, 151)
LABELS = [(symbol, orbital) for symbol in ("Pt", "Al") for orbital in "spd"]


def crystal(generator: np.random.Generator) -> dict[tuple[str, str], np.ndarray]:
    centres, widths = generator.uniform(-4, 4, 6), generator.uniform(1, 4, 6)
    return {
        label: np.exp(-0.5 * ((GRID - centre) / width) ** 2) + 0.02
        for label, centre, width in zip(LABELS, centres, widths, strict=True)
    }


def missing_above(parts: dict[tuple[str, str], np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """As tight binding has it: of the d states of transition metals fewer and fewer the higher they are."""
    lacking = 1 / (1 + np.exp((GRID - 2) / 1.5))
    found = {label: curve * (lacking if label == ("Pt", "d") else 1.0) for label, curve in parts.items()}
    scale = sum(parts.values()) / sum(found.values())
    return {label: curve * scale for label, curve in found.items()}


def centre(curve: np.ndarray) -> float:
    return float((curve * GRID).sum() / curve.sum())


def test_states_that_a_basis_lacks_come_back_in_crystals_that_were_not_learned_from() -> None:
    generator = np.random.default_rng(0)
    computed = [crystal(generator) for _ in range(60)]
    shares = OrbitalShares.learn([missing_above(each) for each in computed[:40]], computed[:40], GRID)
    before = [abs(centre(missing_above(each)["Pt", "d"]) - centre(each["Pt", "d"])) for each in computed[40:]]
    after = [abs(centre(shares.corrected(missing_above(each))["Pt", "d"]) - centre(each["Pt", "d"])) for each in computed[40:]]
    assert np.mean(after) < 0.3 * np.mean(before) and np.mean(before) > 0.2


@given(st.integers(0, 2**32 - 1))
def test_the_whole_stays_what_it_is(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = crystal(generator), crystal(generator)
    found = OrbitalShares.learn([one], [other], GRID).corrected(other)
    np.testing.assert_allclose(sum(found.values()), sum(other.values()), rtol=1e-9)
    assert all((curve >= 0).all() for curve in found.values())


def test_what_is_right_already_is_left_alone_and_so_is_what_is_unknown() -> None:
    parts = crystal(np.random.default_rng(1))
    shares = OrbitalShares.learn([parts], [parts], GRID)
    unknown = parts | {("Ce", "f"): parts["Pt", "d"]}
    found = shares.corrected(unknown)
    np.testing.assert_allclose(found["Pt", "d"], parts["Pt", "d"], rtol=1e-6)
    np.testing.assert_allclose(found["Ce", "f"], parts["Pt", "d"], rtol=1e-6)


def test_what_is_read_is_what_was_written_and_damage_is_told_in_a_line() -> None:
    generator = np.random.default_rng(2)
    shares = OrbitalShares.learn([crystal(generator)], [crystal(generator)], GRID)
    again = OrbitalShares.read(shares.as_bytes(), len(GRID))
    assert again.factors.keys() == shares.factors.keys()
    assert all((again.factors[key] == each).all() for key, each in shares.factors.items())
    for content, points in ((shares.as_bytes()[:50], len(GRID)), (shares.as_bytes(), 100)):
        with pytest.raises(ModelError, match="shares of orbitals of the model are damaged"):
            OrbitalShares.read(content, points)
