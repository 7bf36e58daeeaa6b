"""Whose a spectrum is: the likelihood of errors that belong together."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.errors import ModelError
from dosmith.models.identity import Identity, best_by_composition, learn_identity, states_apart
from dosmith.spectra.code import Coded
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.similarity import unit
from dosmith.spectra.standard import Recipe

POINTS = 60
AXIS = np.linspace(-6, 6, POINTS)


def curves(centres: np.ndarray, widths: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((AXIS - centres[:, None]) / widths[:, None]) ** 2) + 0.02


@pytest.fixture(scope="module")
def erring() -> tuple[np.ndarray, np.ndarray, list]:
    """Peaks that a model puts too high or too low by up to half an eV, while it knows their widths: (expected, vectors, compositions)."""
    generator = np.random.default_rng(0)
    centres, widths = generator.uniform(-3, 3, 500), generator.uniform(0.5, 2, 500)
    expected = unit(curves(centres + generator.normal(0, 0.4, 500), widths))
    return expected, curves(centres, widths), [(("H", number + 1),) for number in range(500)]


def test_errors_that_belong_together_tell_more_than_similarity(erring) -> None:
    expected, vectors, compositions = erring
    half = slice(0, 250), slice(250, 500)
    learned = learn_identity(expected[half[0]], vectors[half[0]], compositions[half[0]])
    best, own = best_by_composition(learned, vectors[half[1]], expected[half[1]], compositions[half[1]])
    rank = (best >= np.take_along_axis(best, own[:, None], axis=1)).sum(axis=1)
    cosine = unit(vectors[half[1]]) @ expected[half[1]].T
    by_cosine = (cosine >= np.diag(cosine)[:, None]).sum(axis=1)
    assert (rank <= 5).mean() > (by_cosine <= 5).mean() + 0.05


def test_probabilities_are_the_shares_that_are_right(erring) -> None:
    expected, vectors, compositions = erring
    learned = learn_identity(expected[::2], vectors[::2], compositions[::2])
    best, own = best_by_composition(learned, vectors[1::2], expected[1::2], compositions[1::2])
    chances = np.array([learned.probabilities(row) for row in best])
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    right = chances.argmax(axis=1) == own
    assert chances.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.08)


def test_no_error_is_the_likeliest_and_norms_do_not_matter() -> None:
    identity = Identity(np.eye(4, dtype=np.float32) * 3, 5.0, 1.0)
    shapes = unit(np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]]))
    found = identity.log_likelihoods(np.array([2.0, 4.0, 6.0, 8.0]), shapes)
    np.testing.assert_allclose(found, -1.5 * ((shapes - shapes[0]) ** 2).sum(axis=1), atol=1e-6)
    scaled = identity.log_likelihoods(shapes[0], 0.7 * shapes, identity.quadratics(shapes), np.full(3, 0.7))
    np.testing.assert_allclose(scaled, found, atol=1e-6)
    chances = identity.probabilities(identity.evidence(found))
    assert chances[0] == chances.max() and chances.sum() == pytest.approx(1)


def test_of_a_part_of_the_points_the_errors_are_those_of_the_part() -> None:
    random = np.random.default_rng(3)
    mixed = random.normal(size=(6, 6))
    covariance = mixed @ mixed.T + np.eye(6)
    identity = Identity(np.linalg.inv(covariance).astype(np.float32), 10.0, 1.0)
    counted = np.array([True, True, False, True, False, False])
    part = identity.within(counted)
    shapes, target = random.random((4, 6)), random.random(6)
    errors = unit(target[counted]) - unit(shapes[:, counted])
    wanted = [-0.5 * error @ np.linalg.solve(covariance[np.ix_(counted, counted)], error) for error in errors]
    np.testing.assert_allclose(part.log_likelihoods(target, shapes, None, part.norms(shapes)), wanted, rtol=1e-4)
    other = target + np.where(counted, 0.0, 5.0)  # what does not count changes nothing
    np.testing.assert_allclose(part.log_likelihoods(other, shapes, None, part.norms(shapes)), wanted, rtol=1e-4)
    assert part.power < identity.power


def test_numbers_of_states_and_existence_count_as_they_should() -> None:
    """Student's t of the logarithm of their ratio, and the probability to exist, each on top of the error's own likelihood."""
    from scipy.stats import t as student

    identity = Identity(np.eye(4, dtype=np.float32), 5.0, 1.0, None, 0.05, 1.8)
    likely, apart = np.array([-3.0, -3.0, -3.0, -1.0]), np.array([0.0, 0.1, np.log(2), np.nan])
    plain, counted = identity.evidence(likely), identity.evidence(likely, apart)
    wanted = student.logpdf(np.array([0.0, 0.1, np.log(2), np.log(2)]) / 0.05, 1.8)
    np.testing.assert_allclose((counted - plain) - (counted - plain)[0], wanted - wanted[0], atol=1e-9)
    real = identity.evidence(likely, apart, np.array([0.9, 0.09, np.nan, 0.0]))
    np.testing.assert_allclose(np.exp(real - counted), [0.9, 0.09, 0.5, 1e-4], rtol=1e-6)
    np.testing.assert_array_equal(Identity(np.eye(4, dtype=np.float32), 5.0, 1.0).evidence(likely, apart), plain)
    assert Identity.read(identity.as_bytes(), identity.as_dict(), 4).as_dict() == identity.as_dict()


def test_how_far_numbers_of_states_are_apart_is_learned(erring) -> None:
    expected, vectors, compositions = erring
    apart = 0.06 * np.random.default_rng(5).standard_t(3.0, 500)
    learned = learn_identity(expected, vectors, compositions, np.append(apart[:-1], np.nan))
    assert learned.spread == pytest.approx(0.06, rel=0.15) and learned.freedom == pytest.approx(3.0, rel=0.4)
    assert learn_identity(expected, vectors, compositions).spread is None


def test_states_follow_from_the_electrons_of_the_elements() -> None:
    """Two elements of one and of six electrons: what is filled of the expected curve holds them."""
    grid, random = EnergyGrid(), np.random.default_rng(6)
    shares = random.integers(1, 5, (80, 2))
    compositions = [(("Li", int(a)), ("O", int(b))) for a, b in shares]
    vectors = random.random((80, grid.points)) + 0.1
    filled = vectors[:, grid.energies <= 1e-9].sum(axis=1) / vectors.sum(axis=1)
    states = (shares @ [1.0, 6.0]) / shares.sum(axis=1) / filled
    assert np.abs(states_apart(vectors, vectors, compositions, states, grid)).max() < 0.01
    other = vectors * np.where(grid.energies <= 1e-9, 1.3, 1.0)  # more of it is filled, so that fewer states hold the electrons
    assert (states_apart(other, vectors, compositions, states, grid) > 0.05).all()


def test_codes_are_as_likely_as_the_spectra_that_they_stand_for() -> None:
    recipe, random = Recipe(), np.random.default_rng(4)
    centres = random.uniform(-6, 6, (80, 3, 1))
    spectra = np.exp(-0.5 * ((recipe.grid.energies - centres) / 0.4) ** 2).sum(axis=1)
    coded = Coded.of(unit(spectra), recipe)
    identity = Identity((50 * np.eye(151)).astype(np.float32), 10.0, 1.0)
    for each in (identity, identity.within(recipe.grid.energies > -5)):
        plain = each.log_likelihoods(spectra[3], coded.spectra, None, each.norms(coded.spectra))
        np.testing.assert_allclose(each.log_likelihoods(spectra[3], coded, None, each.norms(coded)), plain, atol=0.3)


def test_what_is_kept_comes_back_and_damage_is_told() -> None:
    identity = Identity(np.arange(16, dtype=np.float32).reshape(4, 4), 5.0, 1.0)
    again = Identity.read(identity.as_bytes(), identity.as_dict(), 4)
    np.testing.assert_array_equal(again.precision, identity.precision)
    assert again.as_dict() == identity.as_dict()
    for content, facts, points in (
        (b"none", identity.as_dict(), 4),
        (identity.as_bytes(), {}, 4),
        (identity.as_bytes(), identity.as_dict(), 5),
    ):
        with pytest.raises(ModelError, match="damaged"):
            Identity.read(content, facts, points)
