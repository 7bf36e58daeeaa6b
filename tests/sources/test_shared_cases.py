"""Small files that were read wrong once (fixtures/cases): what each means, by the model curve that it was made from."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

from dosmith.constants import HARTREE, RYDBERG
from dosmith.errors import FileFormatError, SpectrumError
from dosmith.records import Spectrum
from dosmith.sources.files import FileDos, read_dos

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
METAL = ((2, -8.0, 0.5), (9, -2.0, 0.5), (3, 0.2, 1.0), (8, 5.0, 1.5))
INSULATOR = ((2, -16.0, 0.3), (6, -6.2, 0.7), (10, -2.8, 0.5), (6, 4.0, 0.8), (4, 8.0, 1.0))
Bands = tuple[tuple[float, float, float], ...]


def model(energies: np.ndarray, bands: Bands) -> np.ndarray:
    return sum(n * np.exp(-(((energies - c) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi)) for n, c, s in bands)


def electrons(bands: Bands) -> float:
    return float(sum(n * (1 + erf(-c / (s * np.sqrt(2)))) / 2 for n, c, s in bands))


def read(name: str, **options: float) -> FileDos:
    return read_dos(CASES / f"{name}.gz", **options)  # type: ignore[arg-type]


def assert_model(spectrum: Spectrum, bands: Bands) -> None:
    """The curve is the model's from its Fermi level, in states/eV."""
    expected = model(spectrum.energies - spectrum.fermi, bands)
    peak = expected.max()
    assert np.abs(spectrum.total - expected).max() < 0.02 * peak
    below = spectrum.energies <= spectrum.fermi
    counted = np.trapezoid(spectrum.total[below], spectrum.energies[below])
    assert counted == pytest.approx(electrons(bands), rel=0.02)


@pytest.mark.parametrize(
    ("name", "kind", "spins"),
    [
        ("run_DOS", "ABINIT _DOS", 1),
        ("TDOS.OUT", "Elk or exciting TDOS.OUT", 1),
        ("TDOS-spin.OUT", "Elk or exciting TDOS.OUT", 2),
        ("dos.xml", "exciting dos.xml", 1),
        ("x.DOSS", "CRYSTAL DOSS", 1),
        ("x.DOS.Gaussian", "OpenMX DOS", 2),
        ("KS_DOS_total.dat", "FHI-aims total DOS", 1),
    ],
)
def test_metals_in_hartree_and_in_electronvolt(name: str, kind: str, spins: int) -> None:
    dos = read(name)
    assert (dos.format, len(dos.spectrum.densities)) == (kind, spins)
    assert dos.spectrum.fermi == 0.0
    assert_model(dos.spectrum, METAL)
    if spins == 2:
        np.testing.assert_allclose(*dos.spectrum.densities, atol=1e-5)


def test_siesta_counts_from_its_own_zero() -> None:
    dos = read("x.PDOS.xml")
    assert dos.spectrum.fermi == -3.66
    assert_model(dos.spectrum, INSULATOR)
    with pytest.raises(SpectrumError, match=r"no Fermi level is stated; .*--electrons"):
        read("NaCl.DOS")  # zero is inside, and means nothing
    assert_model(read("NaCl.DOS", fermi=-3.66).spectrum, INSULATOR)
    assert read("NaCl.DOS", electrons=18).spectrum.fermi == pytest.approx(-3.0, abs=1.0)


def test_quantum_espresso_noncollinear_has_its_total_in_the_second_column() -> None:
    assert_model(read("noncollinear.pdos_tot", fermi=0.0).spectrum, METAL)


@pytest.mark.parametrize("name", ["Cu-mp.dos", "mp-dips.csv"])
def test_dips_of_smearing_count_as_zero(name: str) -> None:
    spectrum = read(name).spectrum
    assert spectrum.densities.min() == 0.0
    assert any("dips of Methfessel-Paxton or cold smearing" in note for note in spectrum.notes)


def test_older_cp2k_has_one_column_of_energies_for_both_spins() -> None:
    dos = read("old-spin-1.dos")
    assert dos.format == "CP2K dos"
    np.testing.assert_allclose(*dos.spectrum.densities)
    expected = model(dos.spectrum.energies, METAL)
    overlap = (dos.spectrum.total @ expected) / np.sqrt((dos.spectrum.total @ dos.spectrum.total) * (expected @ expected))
    assert overlap > 0.995
    assert abs(dos.spectrum.fermi) < 0.2
    below = dos.spectrum.energies <= dos.spectrum.fermi
    assert np.trapezoid(dos.spectrum.total[below], dos.spectrum.energies[below]) == pytest.approx(electrons(METAL), rel=0.05)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Si.phdos", r"phonon states, not an electronic one.*matdyn\.x"),
        ("Fe_l_proj_dos_spin_up.dat", "a part of a density of states .*give the total"),
        ("CrO2.dos2evup", "holds one spin alone; put CrO2.dos2evdn beside it"),
        ("x.dos1evup", "no column total-DOS: what it calls total are the states of single atoms"),
        ("x.bands", "truncated: 2 k-points announced, 1 found"),
        ("kelvin.dat", "energies in K; convert them to eV"),
        ("cm-1.dat", "energies in cm-1, as phonons are"),
        ("thz.csv", "energies in THz, as phonons are"),
    ],
)
def test_what_is_no_density_of_states_of_a_crystal(name: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        read(name)
    assert "\n" not in str(caught.value)


def test_both_spins_of_wien2k_are_found_beside_each_other(tmp_path: Path) -> None:
    up = gzip.decompress((CASES / "CrO2.dos2evup.gz").read_bytes())
    (tmp_path / "CrO2.dos2evup").write_bytes(up)
    (tmp_path / "CrO2.dos2evdn").write_bytes(up)
    for name in ("CrO2.dos2evup", "CrO2.dos2evdn"):
        spectrum = read_dos(tmp_path / name).spectrum
        assert spectrum.densities.shape == (2, 640)
        assert_model(spectrum, METAL)


@pytest.mark.parametrize("name", ["ry-lowercase.dat", "ry-in-comment.dat"])
def test_rydberg_is_not_electronvolt(name: str) -> None:
    spectrum = read(name).spectrum
    assert any("converted to eV" in note for note in spectrum.notes)
    assert spectrum.energies[0] == pytest.approx(-15 * RYDBERG)
    assert spectrum.total[0] == pytest.approx(0.2 / RYDBERG)


def test_a_fermi_level_in_rydberg() -> None:
    assert read("efermi-ry.dat").spectrum.fermi == pytest.approx(0.4042 * HARTREE / 2)


def test_decimal_commas_in_quotes_between_commas() -> None:
    spectrum = read("decimalcomma-quoted.csv").spectrum
    assert spectrum.energies[0] == -10.0 and spectrum.total[0] == 0.2001


def test_two_blocks_are_two_spins() -> None:
    spectrum = read("p4vasp-blocks.dat").spectrum
    assert spectrum.densities.shape == (2, 401)
    assert spectrum.energies[[0, -1]].tolist() == [-10.0, 10.0]
