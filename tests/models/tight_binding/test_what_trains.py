"""Which crystals of a library train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dosmith.library import MemoryLibrary
from dosmith.records import Spectrum
from dosmith.settings import ForwardSettings
from dosmith.sources.open_set import FIRST_BASIS
from dosmith.spectra.standard import Recipe, spin_difference, standardise

pytestmark = pytest.mark.training


def test_spectra_of_the_damaged_basis_do_not_train(open_set) -> None:
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.models.tight_binding.train import prepare_library

    right = replace(open_set.material("Cu-A1"), projections=None)
    wrong = replace(right, id="wrong", provenance=dict(right.provenance) | {"settings": FIRST_BASIS})
    spins = Spectrum(right.spectrum.energies, np.tile(right.spectrum.total / 2, (2, 1)), right.spectrum.fermi)
    magnet = replace(right, id="magnet", spectrum=spins)
    library = MemoryLibrary([right, wrong, magnet], "three")
    found = prepare_library(library, np.arange(3), ForwardSettings())
    assert {library.ids[row] for row in found} == {"Cu-A1", "magnet"}
    assert {library.ids[row]: atoms.magnetic for row, atoms in found.items()} == {"Cu-A1": False, "magnet": True}


def test_the_spins_of_a_vector_add_up_to_it() -> None:
    energies = np.linspace(-10, 10, 401)
    up, down = (np.exp(-0.5 * (energies - centre) ** 2) for centre in (-1.5, 0.5))
    spectrum, recipe = Spectrum(energies, np.stack([2 * up, down]), 0.0), Recipe()
    whole, more = standardise(spectrum, recipe).values, spin_difference(spectrum, recipe)
    assert (np.abs(more) <= whole + 1e-9).all()
    only_up = standardise(Spectrum(energies, up, 0.0, gap=0.0), recipe).values
    np.testing.assert_allclose((whole + more) / 2, only_up * (whole + more).sum() / 2 / only_up.sum(), atol=1e-9)
    assert not spin_difference(Spectrum(energies, up, 0.0), recipe).any()
