from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from dosmith.designer import open_dos_set
from dosmith.errors import LibraryError
from dosmith.known import KnownSpectra
from dosmith.models.registry import open_model
from dosmith.spectra.code import LARGEST_ERROR, Basis
from dosmith.spectra.standard import Recipe

RECIPE = Recipe()


def test_codes_keep_what_the_shipped_model_expects_to_a_thousandth():
    model = open_model("dosmith")
    expected = model.atlas.candidates.expected
    basis = Basis.of(expected, model.recipe)
    codes = basis.encode(expected)
    assert basis.errors(expected, codes).max() < LARGEST_ERROR / 4
    library = open_dos_set()
    known = KnownSpectra(library, model.recipe)
    targets = np.array([known.vector(library.ids[row]) for row in range(0, 3000, 30)])
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    chosen = expected[::7].astype(np.float64)
    kept = basis.encode(chosen).astype(np.float64) / 2048 @ (basis.vectors @ targets.T)
    assert np.abs(kept - chosen @ targets.T).max() < LARGEST_ERROR


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-7, 7), st.floats(0.01, 1)), min_size=1, max_size=40))
def test_any_curve_of_the_recipes_broadening_is_kept_by_a_basis_that_never_saw_it(made):
    energies = RECIPE.grid.energies
    curve = sum(share * np.exp(-0.5 * ((energies - centre) / 0.3) ** 2) for centre, share in made)
    curve = (curve / np.linalg.norm(curve))[None]
    basis = Basis.of(np.empty((0, len(energies))), RECIPE)
    assert basis.errors(curve, basis.encode(curve)).max() < LARGEST_ERROR


def test_a_basis_is_orthonormal_and_survives_its_file():
    centres = np.random.default_rng(5).uniform(-7, 7, (500, 3, 1))
    basis = Basis.of(np.exp(-0.5 * ((RECIPE.grid.energies - centres) / 0.2) ** 2).sum(axis=1), RECIPE)
    np.testing.assert_allclose(basis.vectors @ basis.vectors.T, np.eye(basis.size), atol=1e-5)
    again = Basis.read(basis.as_bytes(), RECIPE)
    assert again.digest == basis.digest
    with pytest.raises(LibraryError, match="basis of its codes is damaged"):
        Basis.read(b"no tensors", RECIPE)
    with pytest.raises(LibraryError, match="another grid"):
        Basis.read(basis.as_bytes(), Recipe.from_dict(RECIPE.as_dict() | {"grid": "-5:5:101"}))
