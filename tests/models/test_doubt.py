"""Curves of another kind are told by their shape, and probabilities come back to what is true."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from dosmith.errors import ModelError
from dosmith.models.doubt import Doubt, learned_cost, usual
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.standard import Recipe, standardise_library

RECIPE = Recipe()


@pytest.fixture(scope="module")
def vectors(open_set) -> np.ndarray:
    return standardise_library(open_set, RECIPE)[1][::8]


def test_what_is_broad_or_strange_exceeds_the_usual_and_the_rest_does_not(vectors) -> None:
    doubt = usual(vectors[::2], vectors[1::2], RECIPE)
    excess = np.array([doubt.excess(each, RECIPE) for each in vectors[1::2]])
    assert (excess > 0).any(axis=1).mean() < 0.05
    broad = np.array([doubt.excess(each, RECIPE) for each in gaussian_filter1d(vectors[1::20], 4, axis=1)])
    assert (broad[:, 0] > 0.05).mean() > 0.95
    noise = np.random.default_rng(0).uniform(size=(20, RECIPE.grid.points))
    assert all(doubt.excess(each, RECIPE)[1] > 0.1 for each in noise)
    assert doubt.remarks((0.0, 0.0)) == [] and len(doubt.remarks((0.3, 0.5))) == 2


def test_the_cost_brings_promises_to_what_happens() -> None:
    generator = np.random.default_rng(0)
    excess = np.full(400, 0.2)
    true = generator.uniform(0.05, 0.6, (400, 10))
    promised = true + 0.3  # too much
    matches = generator.uniform(size=true.shape) < true
    cost = learned_cost(list(promised), list(matches.astype(float)), excess)
    doubt = Doubt(np.zeros(4, np.float32), np.zeros((1, 4), np.float32), 0.2, 0.1, blur=cost)
    after = doubt.widened(promised, (0.2, 0.0))
    assert after.mean() == pytest.approx(true.mean(), abs=0.03)
    np.testing.assert_array_equal(doubt.widened(promised, (0.0, 0.0)), promised)


def test_what_is_kept_comes_back_and_damage_is_told(vectors) -> None:
    doubt = usual(vectors, vectors, RECIPE)
    again = Doubt.read(doubt.as_bytes(), doubt.as_dict(), RECIPE.grid.points)
    assert again.as_dict() == doubt.as_dict() and np.array_equal(again.components, doubt.components)
    for content, facts, points in (
        (b"", doubt.as_dict(), 151),
        (doubt.as_bytes(), {}, 151),
        (doubt.as_bytes(), doubt.as_dict(), 7),
    ):
        with pytest.raises(ModelError, match="damaged"):
            Doubt.read(content, facts, points)


def test_the_shipped_model_says_of_a_broad_curve_that_it_is_one(open_set) -> None:
    model = TightBindingModel.open("dosmith")
    rows, vectors = standardise_library(open_set, model.recipe)
    own = vectors[list(rows).index(open_set.row_of("Pt3Ni-L1_2"))]
    assert model.doubts(own) == []
    broad = gaussian_filter1d(own, 5.0)
    assert any("broadened" in each for each in model.doubts(broad))
    similarities = model.atlas.similarities(broad)
    doubted, plain = model.atlas.probabilities(similarities, target=broad), model.atlas.probabilities(similarities)
    assert doubted.max() < plain.max()
