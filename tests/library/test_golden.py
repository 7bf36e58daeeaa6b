"""Libraries that released versions wrote open for good, and go on growing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dosmith.library import ParquetLibrary, schema
from dosmith.records import Material, Spectrum
from golden import FOLDER, materials


@pytest.mark.parametrize("version", range(1, schema.VERSION + 1))
def test_a_library_of_every_schema_version_opens_and_grows(version: int, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(FOLDER / f"library-{version}", folder)  # one is missing? python tests/golden.py
    library = ParquetLibrary(folder)
    assert library.damaged == () and library.name == "golden"
    for expected in materials(version):
        found = library.material(expected.id)
        for name in ("composition", "crystal_system", "prototype", "space_group", "species", "provenance"):
            assert getattr(found, name) == getattr(expected, name), name
        for name in ("lattice", "frac_coords"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        for name in ("fermi", "broadening", "gap", "notes"):
            assert getattr(found.spectrum, name) == getattr(expected.spectrum, name), name
        assert found.spectrum.valence_top == (expected.spectrum.valence_top if version > 1 else None)
        np.testing.assert_allclose(found.spectrum.energies, expected.spectrum.energies, atol=1e-12)
        np.testing.assert_array_equal(found.spectrum.densities, expected.spectrum.densities)
        assert (found.projections is None) == (expected.projections is None)
        if found.projections and expected.projections:
            assert found.projections.labels == expected.projections.labels
            np.testing.assert_allclose(found.projections.densities, expected.projections.densities, atol=1e-9)
    energies = np.linspace(-5, 5, 50)
    library.add([Material("new", (("Al", 1),), Spectrum(energies, np.ones(50), 0.0))])
    grown = ParquetLibrary(folder)
    assert set(grown.ids) == {each.id for each in materials()} | {"new"} and grown.damaged == ()
    assert sum(len(block.rows) for block in grown.spectra()) == 4
