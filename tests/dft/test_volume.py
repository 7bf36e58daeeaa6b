"""The volume of lowest energy, by an engine whose energies are a known function of the volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from dosmith.dft.engine import Calculation
from dosmith.dft.volume import STEP, relaxed
from dosmith.errors import NotFoundError
from dosmith.records import Spectrum

ENERGIES = np.linspace(-10.0, 10.0, 401)
CRYSTAL = Structure(Lattice.hexagonal(2.9, 4.7), ["Ti", "Ti"], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])


class Spring:
    """Birch and Murnaghan's equation of state: volume (Angstrom^3/cell), bulk modulus (eV/Angstrom^3) and its derivative."""

    name = "spring"

    def __init__(self, volume: float, modulus: float = 0.7, derivative: float = 4.0) -> None:
        self.volume, self.modulus, self.derivative = volume, modulus, derivative
        self.computed: list[tuple[float, bool]] = []

    def compute(self, structure: Structure, *, spin: bool = False, report: object = None) -> Calculation:
        self.computed.append((structure.volume, spin))
        if callable(report):
            report("bands")
        x = (self.volume / structure.volume) ** (2 / 3)
        energy = 9 * self.volume * self.modulus / 16 * ((x - 1) ** 3 * self.derivative + (x - 1) ** 2 * (6 - 4 * x))
        spectrum = Spectrum(ENERGIES, np.ones((1, 401)), 0.0, broadening=0.1, gap=0.0)
        return Calculation(energy, spectrum, 0.0, 0.0, 8, 1.0, {"code": "spring 1"})


@given(ratio=st.floats(0.8, 1.25), derivative=st.floats(3, 6))
def test_is_found_within_one_percent_and_the_shape_is_kept(ratio: float, derivative: float) -> None:
    engine = Spring(CRYSTAL.volume * ratio, derivative=derivative)
    crystal, calculation = relaxed(CRYSTAL, engine)
    assert crystal.volume == pytest.approx(engine.volume, rel=0.01)
    assert crystal.lattice.c / crystal.lattice.a == pytest.approx(4.7 / 2.9)
    np.testing.assert_allclose(crystal.frac_coords, CRYSTAL.frac_coords)
    assert calculation.energy == pytest.approx(0.0, abs=1e-3)
    assert engine.computed[-1][0] == pytest.approx(crystal.volume)


def test_few_calculations_are_needed_and_each_is_told() -> None:
    engine, told = Spring(CRYSTAL.volume * np.exp(0.4 * STEP)), list[str]()
    _, calculation = relaxed(CRYSTAL, engine, spin=True, report=told.append)
    assert len(engine.computed) == 4
    assert all(spin for _, spin in engine.computed)
    assert [text.partition(",")[0] for text in told] == ["volume 1", "volume 2", "volume 3", "volume 4"]
    tried = calculation.provenance["energies_by_volume"]
    assert [volume for volume, _ in tried] == sorted(volume for volume, _ in tried)
    assert len(tried) == 4 and calculation.provenance["code"] == "spring 1"
    assert calculation.provenance["volume_per_atom"] == pytest.approx(engine.computed[-1][0] / 2)


def test_a_crystal_that_flies_apart_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no volume of lowest energy"):
        relaxed(CRYSTAL, Spring(CRYSTAL.volume * 100))
