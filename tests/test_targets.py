"""Whatever a person can point at becomes a target, or one line says why not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from dosmith.errors import DosmithError, FormulaError, NotFoundError, SpectrumError
from dosmith.library import ParquetLibrary
from dosmith.records import Spectrum
from dosmith.spectra.standard import Recipe
from dosmith.targets import Reading, resolve_target

FIXTURE = Path(__file__).parent / "fixtures" / "vasprun-AlN.xml.gz"
RECIPE = Recipe()


@pytest.fixture(scope="module")
def platinum_nickel(open_set):
    return open_set.material("Pt3Ni-L1_2")


def test_every_form_of_one_dos_gives_one_vector(open_set, platinum_nickel, tmp_path):
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.electronic_structure.dos import CompleteDos, Dos

    spectrum = platinum_nickel.spectrum
    dos = Dos(0.0, spectrum.energies, {Spin.up: spectrum.total})
    complete = CompleteDos(platinum_nickel.structure, dos, {})
    table = tmp_path / "dos.csv"
    np.savetxt(table, np.c_[spectrum.energies, spectrum.total], delimiter=",", header="energy,dos", comments="")
    packed = tmp_path / "dos.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(complete.as_dict()).encode()))
    forms = ["Pt3Ni", "NiPt3", "Pt3Ni-L1_2", platinum_nickel, spectrum, dos, complete, table, str(table), packed]
    forms.append((spectrum.energies, spectrum.total))
    reference = resolve_target("Pt3Ni-L1_2", open_set, RECIPE).standard.values
    for form in forms:
        found = resolve_target(form, open_set, RECIPE, Reading(broadening=0.1))
        np.testing.assert_allclose(found.standard.values, reference, atol=2e-6, err_msg=str(form)[:60])
    assert resolve_target(complete, open_set, RECIPE).name == "Pt3Ni"
    assert resolve_target(packed, open_set, RECIPE).composition == platinum_nickel.composition


def test_vasprun_names_its_material_and_starts_at_the_valence_band_top(open_set):
    found = resolve_target(FIXTURE, open_set, RECIPE)
    assert found.name == "AlN"
    assert "vasprun" in found.source
    assert found.standard.gap == pytest.approx(4.15, abs=0.1)
    assert any("valence-band top" in step for step in found.standard.steps)


def test_of_polymorphs_the_lowest_in_energy_is_taken_and_the_rest_named(open_set):
    found = resolve_target("Pt", open_set, RECIPE)
    assert found.material_id == "Pt-A1"
    assert "its crystal is face-centred cubic, the lowest in energy of" in found.source
    assert "Pt-A3 (hexagonal close-packed)" in found.source and "Pt-A3" in found.as_dict()["polymorphs"]
    hexagonal = resolve_target("Pt-A3", open_set, RECIPE)
    assert hexagonal.polymorphs[0] == "Pt-A1" and "Pt-A3" not in hexagonal.polymorphs
    assert resolve_target((np.linspace(-9, 9, 181), np.ones(181)), open_set, RECIPE).polymorphs == ()
    assert resolve_target("Pt", open_set, RECIPE, Reading(crystal_system="hexagonal")).material_id == "Pt-A3"


def test_a_missing_crystal_system_of_the_target_is_said(open_set):
    found = resolve_target("Pt3Ni", open_set, RECIPE, Reading(crystal_system="hexagonal"))
    assert found.material_id == "Pt3Ni-L1_2"
    assert "no hexagonal DOS" in found.source


def test_fermi_level_by_hand(open_set, tmp_path):
    energies = np.linspace(0, 30, 601)
    density = np.exp(-((energies - 12) ** 2) / 8)
    table = tmp_path / "absolute.dat"
    np.savetxt(table, np.c_[energies, density])
    with pytest.raises(SpectrumError, match="--fermi"):
        resolve_target(table, open_set, RECIPE)
    by_hand = resolve_target(table, open_set, RECIPE, Reading(fermi=13.0))
    shifted = resolve_target((energies - 13.0, density), open_set, RECIPE)
    np.testing.assert_allclose(by_hand.standard.values, shifted.standard.values, atol=1e-12)
    turned = resolve_target((energies[::-1] - 13.0, density[::-1]), open_set, RECIPE)
    np.testing.assert_array_equal(turned.standard.values, shifted.standard.values)
    spectrum = resolve_target(Spectrum(energies, density, 1.0), open_set, RECIPE, Reading(fermi=13.0))
    np.testing.assert_allclose(spectrum.standard.values, shifted.standard.values, atol=1e-12)


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("Xq3", FormulaError, "Xq"),
        ("not a formula!", FormulaError, "not a formula"),
        ("", FormulaError, "not a formula"),
        ("Pt5Ni", NotFoundError, "has no DOS of Pt5Ni.*Pt3Ni-L1_2.*Give a file"),
        ("UO2", NotFoundError, "has no DOS of UO2.*Give a file"),
        ("nowhere/dos.csv", NotFoundError, "does not exist"),
        ("dos.csv", NotFoundError, "does not exist"),
        ("DOSCAR", NotFoundError, "does not exist"),
        (Path("Pt3Ni"), NotFoundError, "does not exist"),
        (42, DosmithError, "int is not a target"),
        ((np.linspace(-1.5, 1.5, 200), np.ones(200)), SpectrumError, "between -7.5 and 7.5 eV are needed"),
        ((np.linspace(-10, 10, 200), np.zeros(200)), SpectrumError, "zero everywhere"),
        ((np.append(np.linspace(-10, 5, 100), np.linspace(0, 10, 100)), np.ones(200)), SpectrumError, "increase"),
        ((np.linspace(-10, 10, 200), np.full(200, np.nan)), SpectrumError, "not numbers"),
        ((np.linspace(-10, 10, 200), -np.ones(200)), SpectrumError, "negative"),
    ],
)
def test_what_is_no_target_is_said_in_one_line(open_set, monkeypatch, tmp_path, target, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words) as caught:
        resolve_target(target, open_set, RECIPE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("zero", "place"),
    [(None, -2.109), ("auto", -2.109), ("vbm", -2.109), ("midgap", 0.0), ("fermi", 0.0), ("-1.5", -1.5), (0.25, 0.25)],
)
def test_the_energy_zero_of_choice(open_set: ParquetLibrary, zero: str | float | None, place: float) -> None:
    found = resolve_target("MgO", open_set, RECIPE, Reading(zero=zero))
    assert found.standard.zero == pytest.approx(place, abs=1e-3)
    assert found.as_dict()["energy_zero_from"] in found.standard.steps


@pytest.mark.parametrize(
    ("name", "zero", "message"), [("MgO", "top", "no energy zero"), ("Pt3Ni", "vbm", "no gap"), ("MgO", "30", "outside")]
)
def test_an_energy_zero_that_cannot_be(open_set: ParquetLibrary, name: str, zero: str, message: str) -> None:
    with pytest.raises(SpectrumError, match=message):
        resolve_target(name, open_set, RECIPE, Reading(zero=zero))


def test_a_formula_with_fractions_is_told_to_need_whole_counts(open_set: ParquetLibrary) -> None:
    with pytest.raises(FormulaError, match="whole-number counts"):
        resolve_target("Ni0.25Pt0.75", open_set, RECIPE)


def test_a_disordered_complete_dos_has_a_curve_and_no_formula(open_set: ParquetLibrary) -> None:
    from pymatgen.core import Lattice, Structure
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.electronic_structure.dos import CompleteDos, Dos

    energies = np.linspace(-10, 10, 401)
    dos = Dos(0.0, energies, {Spin.up: np.exp(-((energies + 2) ** 2))})
    shared = Structure(Lattice.cubic(3.8), [{"Pt": 0.75, "Ni": 0.25}], [[0, 0, 0]])
    found = resolve_target(CompleteDos(shared, dos, {}), open_set, RECIPE)
    assert found.composition is None and found.name == "target"


def test_arrays_get_their_level_from_the_electrons(open_set: ParquetLibrary) -> None:
    energies = np.linspace(-10, 20, 601)
    density = np.where(energies > -8, 1.0, 0.0)
    found = resolve_target((energies, density), open_set, RECIPE, Reading(electrons=10))
    assert found.standard.zero == pytest.approx(2.0, abs=0.05)


def test_a_curve_of_few_points_is_noted(open_set: ParquetLibrary) -> None:
    energies = np.linspace(-10, 10, 21)
    found = resolve_target((energies, np.exp(-(energies**2) / 20)), open_set, RECIPE)
    assert any("1 eV apart" in step for step in found.standard.steps)


def test_arrays_from_the_highest_energy_down_are_turned_round(open_set: ParquetLibrary) -> None:
    energies = np.linspace(-10, 10, 401)
    density = np.exp(-((energies + 2) ** 2))
    up, down = (resolve_target(pair, open_set, RECIPE) for pair in ((energies, density), (energies[::-1], density[::-1])))
    np.testing.assert_allclose(up.standard.values, down.standard.values, atol=1e-12)
