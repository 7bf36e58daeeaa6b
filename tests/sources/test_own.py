"""What `dosmith compute` writes comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest
from samples import parse, survives

from dosmith.errors import FileFormatError
from dosmith.library import ParquetLibrary
from dosmith.records import Spectrum
from dosmith.sources.own import own_csv
from dosmith.spectra.standard import standardise


@pytest.mark.parametrize("identifier", ["MgO-B1", "Pt3Ni-L1_2", "InSb-B3"])
def test_a_computed_table_comes_back_exactly(open_set: ParquetLibrary, identifier: str) -> None:
    spectrum = open_set.material(identifier).spectrum
    found = parse(own_csv(spectrum).encode())
    assert found.format == "dosmith dos.csv"
    for name in ("fermi", "broadening"):
        assert getattr(found.spectrum, name) == getattr(spectrum, name)
    assert found.spectrum.gap == pytest.approx(spectrum.gap, abs=1e-12)
    np.testing.assert_array_equal(found.spectrum.energies, spectrum.energies)
    np.testing.assert_array_equal(found.spectrum.densities, spectrum.densities)
    first, second = standardise(found.spectrum), standardise(spectrum)
    np.testing.assert_allclose(first.values, second.values, atol=1e-12)
    assert (first.zero, first.gap) == pytest.approx((second.zero, second.gap), abs=1e-12)


def test_spins_stay_apart() -> None:
    energies = np.linspace(-10, 10, 101)
    spectrum = Spectrum(energies, np.stack([np.exp(-(energies**2)), np.exp(-((energies - 1) ** 2))]), 0.25, broadening=0.1)
    found = parse(own_csv(spectrum).encode()).spectrum
    np.testing.assert_array_equal(found.densities, spectrum.densities)
    assert (found.fermi, found.gap) == (0.25, None)


def test_a_damaged_one_is_refused() -> None:
    text = own_csv(Spectrum(np.linspace(-10, 10, 101), np.ones(101), 0.0, broadening=0.1))
    for broken in (
        text[: len(text) // 2] + "x\n",
        text.replace("Fermi level 0.0 eV", ""),
        text.replace("energy_ev,dos", "a,b,c"),
    ):
        with pytest.raises(FileFormatError, match="is damaged"):
            parse(broken.encode())
    survives(text.encode()[:200])
