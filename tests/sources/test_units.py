"""Units of energy, as headers, comments and axis labels name them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import UP, E, noted, parse, table

from dosmith.constants import HARTREE, RYDBERG
from dosmith.errors import FileFormatError
from dosmith.sources import units


@pytest.mark.parametrize(
    ("text", "ev"),
    [
        ("Energy (eV)", 1.0),
        ("E [EV]", 1.0),
        ("energy (ry)  dos (states/ry)", RYDBERG),
        ("Energy unit: Ry, relative to Fermi level. DOS in states/Ry", RYDBERG),
        ("E_Ry DOS", RYDBERG),
        ("# energies are in Rydbergs", RYDBERG),
        ('XAXIS LABEL "ENERGY (HARTREE)"', HARTREE),
        ("energy(Ha)     DOS  integrated DOS", HARTREE),
        ("E - E_F (Hartree)", HARTREE),
        ("Energy/meV", 1e-3),
        ("E (mRy)", 1e-3 * RYDBERG),
        ("E (mHa)", 1e-3 * HARTREE),
        ("Units are eV and states/eV", 1.0),
    ],
)
def test_units_of_an_electronic_energy(text: str, ev: float) -> None:
    unit = units.of_energies([text])
    assert unit is not None and unit.size == pytest.approx(ev)


@pytest.mark.parametrize(
    "text",
    [
        "E (K)",
        "energy in Kelvin",
        "E (cm-1)",
        "E [cm^{-1}]",
        "Frequency (THz)",
        "frequency [GHz]",
        "energy (a.u.)",
        "E (MeV)",
        "E (kJ/mol)",
    ],
)
def test_units_of_nothing_that_is_read(text: str) -> None:
    unit = units.of_energies([text])
    assert unit is not None
    with pytest.raises(FileFormatError, match="gives energies in"):
        _ = unit.size


@pytest.mark.parametrize(
    "text",
    [
        "Energy DOS", "total energy = -15.3 Ry", "energy cutoff 40 Ry", "ecut 40 Ry", "the energy of the K-point", "Fermi energy (Ry) = 0.3",
        "DOS (states/Ry)", "energy range -20 eV to 10 eV", "Kpoints 8 8 8", "Energy, Ha2O",
    ],
)  # fmt: skip
def test_what_names_no_unit_of_the_energies(text: str) -> None:
    assert units.of_energies([text]) is None


def test_the_unit_of_the_density_is_its_own() -> None:
    found = parse(table(E, UP, head="# E (eV)  DOS (states/Ha)\n"))
    np.testing.assert_allclose(found.spectrum.total, UP / HARTREE, rtol=1e-5)
    np.testing.assert_allclose(found.spectrum.energies, E)
    with pytest.raises(FileFormatError, match="a density per Ry and does not say the unit of its energies"):
        parse(table(E, UP, head="# Energy  DOS (states/Ry)\n"))
    with pytest.raises(FileFormatError, match="names two units for its energies, eV and Ry"):
        parse(table(E, UP, head="# Energy unit: eV\n# energies in Ry\n"))


@given(st.sampled_from([("Ry", RYDBERG), ("RY", RYDBERG), ("hartree", HARTREE), ("meV", 1e-3)]), st.floats(-0.3, 0.3))
def test_a_curve_in_another_unit_is_the_same_curve(unit: tuple[str, float], level: float) -> None:
    name, size = unit
    text = table(E / size, UP * size, head=f"# Efermi = {level / size:.6f} {name}\n# Energy ({name})  DOS (states/{name})\n")
    found = parse(text)
    assert noted(found, f"in {name} in the file")
    np.testing.assert_allclose(found.spectrum.energies, E, atol=2e-5 * abs(E).max())
    np.testing.assert_allclose(found.spectrum.total, UP, rtol=1e-4)
    assert found.spectrum.fermi == pytest.approx(level, abs=1e-4)


def test_a_fermi_level_without_a_unit_has_that_of_the_energies() -> None:
    found = parse(table(E / RYDBERG, UP, head="# Efermi = 0.1\n# Energy (Ry)  DOS\n"))
    assert found.spectrum.fermi == pytest.approx(0.1 * RYDBERG)
    with pytest.raises(FileFormatError, match="gives energies in THz"):
        parse(table(E, UP, head="# Efermi = 0.1 THz\n# Energy  DOS\n"))
