"""The CP2K engine: its input, its output, what it makes of both, and one cheap entry of the open DOS set computed again."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from dosmith.dft.cp2k import (
    MIXING,
    SPIN_MIXING,
    Cp2k,
    Mixing,
    find_command,
    input_text,
    multiplicity,
    read_bands,
)
from dosmith.dft.engine import STARTING_MOMENTS
from dosmith.errors import EngineError
from dosmith.library import ParquetLibrary
from dosmith.settings import DftSettings
from fake_cp2k import script, tight_binding

FCC = Structure([[0, 2.02, 2.02], [2.02, 0, 2.02], [2.02, 2.02, 0]], ["Al"], [[0, 0, 0]])
SILICON = Structure([[0, 2.73, 2.73], [2.73, 0, 2.73], [2.73, 2.73, 0]], ["Si"] * 2, [[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]])
NICKEL_IRON = Structure(2.9 * np.eye(3), ["Fe", "Ni"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
COARSE = DftSettings(scf_spacing=0.9, dos_refinement=2, interpolation=2, cutoff=200)
VALENCE = {"H": 1, "O": 6, "Al": 3, "Si": 4, "Cr": 14, "Mn": 15, "Fe": 16, "Co": 17, "Ni": 18, "Cu": 11, "La": 11}
"""Electrons outside the cores of the GTH pseudopotentials."""

needs_cp2k = pytest.mark.skipif(
    not any(map(shutil.which, ("cp2k.psmp", "cp2k.ssmp", "cp2k"))), reason="CP2K is not on PATH: apt install cp2k"
)
BANDS = """# Set 1: 2 special points, 2 k-points, 2 bands
#  Special point 1          0.00000000     0.00000000     0.00000000  not specified
#  Point 1      Spin 1:     0.00000000     0.00000000     0.00000000       0.50000000
#   Band    Energy [eV]     Occupation
       1    -4.06746358     1.00000000
       2    20.01227035     1.00000000
#  Point 1      Spin 2:     0.00000000     0.00000000     0.00000000       0.50000000
#   Band    Energy [eV]     Occupation
       1    -3.00000000     1.00000000
       2    21.00000000     1.00000000
#  Point 2      Spin 1:     0.25000000     0.00000000     0.00000000       0.50000000
#   Band    Energy [eV]     Occupation
       1    -2.40204400     1.00000000
       2    10.57396930     1.00000000
#  Point 2      Spin 2:     0.25000000     0.00000000     0.00000000       0.50000000
#   Band    Energy [eV]     Occupation
       1    -1.00000000     1.00000000
       2    11.00000000     1.00000000
"""


def s_band(count: int) -> np.ndarray:
    """The same s band on a mesh of `count` points along each axis, eV, ascending."""
    first, second, third = 2 * np.pi * np.indices((count, count, count)).reshape(3, -1) / count
    lattice = np.cos([first, second, third, first - second, second - third, third - first])
    return np.asarray(np.sort(-0.8 * lattice.sum(axis=0)))


def test_bands_are_read_by_spin_and_point() -> None:
    energies = read_bands(BANDS, 2)
    assert energies.shape == (2, 2, 2)
    np.testing.assert_allclose(energies[0], [[-4.06746358, 20.01227035], [-2.402044, 10.5739693]])
    np.testing.assert_allclose(energies[1, :, 0], [-3.0, -1.0])


@pytest.mark.parametrize("text", ["", BANDS[:400], "nonsense"])
def test_incomplete_bands_are_refused(text: str) -> None:
    with pytest.raises(EngineError, match="no complete band structure"):
        read_bands(text, 2)


@given(st.floats(min_value=1, max_value=2000))
def test_grids_go_down_to_the_most_diffuse_gaussians(cutoff: float) -> None:
    text = input_text(FCC, DftSettings(cutoff=cutoff), False, MIXING[0], (3, 3, 3), None)
    grids, ratio = (float(re.findall(rf"{name} (\S+)", text)[0]) for name in ("NGRIDS", "PROGRESSION_FACTOR"))
    coarsest = cutoff / ratio ** (grids - 1)
    assert coarsest <= 3.001
    assert coarsest * ratio > 2.999 or grids == 1


def test_input_says_what_the_settings_say() -> None:
    settings = DftSettings(cutoff=250, rel_cutoff=35, eps_default=1e-8, smearing=2000)
    mixing = Mixing("BROYDEN", 0.15, 6, 2e-6, 40)
    text = input_text(FCC, settings, True, mixing, (3, 4, 5), np.array([[0.0, 0.25, 0.5]]))
    for line in (
        "CUTOFF [Ry] 250",
        "REL_CUTOFF [Ry] 35",
        "EPS_DEFAULT 1e-08",
        "ELECTRONIC_TEMPERATURE [K] 2000",
        "METHOD BROYDEN_MIXING",
        "ALPHA 0.15",
        "NBUFFER 6",
        "EPS_SCF 2e-06",
        "MAX_SCF 40",
        "SPECIAL_POINT 0.0000000000 0.2500000000 0.5000000000",
        "LSD",
        "MULTIPLICITY 2",
        "MAGNETIZATION 0",
        "Al 0.0000000000 0.0000000000 0.0000000000",
        "B 2.0200000000 0.0000000000 2.0200000000",
    ):
        assert f" {line}\n" in text
    plain = input_text(FCC, settings, False, mixing, (3, 4, 5), np.zeros((1, 3)))
    for word in ("LSD", "MULTIPLICITY", "MAGNETIZATION"):
        assert word not in plain
    for written in (text, plain):
        assert written.count("&END") == written.count("&") / 2
        weights = [float(line.split()[4]) for line in written.splitlines() if line.split()[0] == "KPOINT"]
        assert len(weights) == 31  # of 60 points in pairs k, -k, two their own partners
        assert sum(weights) == pytest.approx(1.0, abs=1e-8)


def test_a_run_without_bands_keeps_its_density_for_the_next() -> None:
    first = input_text(FCC, DftSettings(), True, MIXING[0], (2, 2, 2), None)
    second = input_text(FCC, DftSettings(), True, MIXING[0], (2, 2, 2), np.zeros((1, 3)), restart=True)
    for word in ("RESTART ON", "SCF_GUESS RESTART", "BAND_STRUCTURE"):
        assert (word in first) == (word == "RESTART ON")
        assert (word in second) == (word != "RESTART ON")


def test_each_element_starts_with_its_own_moment() -> None:
    text = input_text(NICKEL_IRON, DftSettings(), True, MIXING[0], (1, 1, 1), np.zeros((1, 3)))
    kinds = {part.split()[0]: part for part in text.split("&KIND ")[1:]}
    assert set(kinds) == {"Fe", "Ni"}
    assert "MAGNETIZATION 3\n" in kinds["Fe"]
    assert "MAGNETIZATION 1\n" in kinds["Ni"]
    assert " MULTIPLICITY 5\n" in text


@given(st.lists(st.sampled_from(sorted(VALENCE)), min_size=1, max_size=6))
def test_unpaired_electrons_have_the_parity_of_all(symbols: list[str]) -> None:
    crystal = Structure(8 * np.eye(3), symbols, [[index / 6, 0, 0] for index in range(len(symbols))])
    unpaired = multiplicity(crystal) - 1
    moment = sum(STARTING_MOMENTS.get(symbol, 0) for symbol in symbols)
    assert (unpaired - sum(VALENCE[symbol] for symbol in symbols)) % 2 == 0
    assert moment <= unpaired <= moment + 1


def test_a_start_stated_at_the_sites_comes_before_that_of_the_element() -> None:
    crystal = Structure(3 * np.eye(3), ["Fe", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]], site_properties={"magmom": [1.0, 2.0]})
    assert multiplicity(crystal) == 5  # three unpaired electrons and an even number of all
    text = input_text(crystal, DftSettings(), True, SPIN_MIXING[0], (3, 3, 3), None)
    assert re.findall(r"MAGNETIZATION (\S+)", text) == ["1", "2"]


def test_a_missing_program_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="not on PATH"):
        find_command()


@pytest.mark.parametrize("smearing", [500.0, 1500.0, 4000.0])
def test_the_energy_of_a_metal_is_that_of_a_cold_crystal_on_a_fine_mesh(tmp_path: Path, smearing: float) -> None:
    settings = DftSettings(smearing=smearing, scf_spacing=0.7)
    result = Cp2k(settings, tight_binding(tmp_path, 3)).compute(FCC)
    band = s_band(96)
    half = len(band) // 2
    assert result.energy == pytest.approx(100 + 2 * -9.0 + 2 * band[:half].sum() / len(band), abs=5e-4)
    assert result.fermi == pytest.approx(band[half], abs=2e-3)
    assert (result.gap, result.electrons, result.moment) == (0.0, 3, 0.0)
    assert result.provenance["k_points_scf"] == [4, 4, 4]
    assert result.provenance["k_points_dos"] == [12, 12, 12]
    assert result.provenance["scf_steps"] == 2
    assert result.provenance["code"] == "CP2K 2023.1"
    assert DftSettings(**result.provenance["settings"]) == settings
    below = result.spectrum.energies <= 0
    assert result.spectrum.total[below].sum() * settings.step == pytest.approx(3, abs=0.05)
    assert result.spectrum.total.sum() * settings.step == pytest.approx(6, abs=0.01)  # all three bands
    # The density of states at the Fermi level, from the levels within 0.1 eV.
    near = (np.abs(band - band[half]) < 0.1).sum() * 2 / len(band) / 0.2
    assert result.spectrum.total[below][-1] == pytest.approx(near, rel=0.05)


def test_the_energy_of_an_insulator_is_that_of_its_full_bands(tmp_path: Path) -> None:
    result = Cp2k(DftSettings(), tight_binding(tmp_path, 4)).compute(FCC)
    assert result.energy == pytest.approx(100 + 2 * -9.0, abs=1e-4)  # the mean of the s band is zero
    assert result.gap == pytest.approx(1.6, abs=1e-3)  # from X at 1.6 eV to Gamma at -4.8 + 8 eV
    assert result.fermi == pytest.approx(2.4, abs=1e-3)


@pytest.mark.parametrize("electrons", [3, 4])
def test_a_polarised_run_of_a_nonmagnet_is_the_plain_one(tmp_path: Path, electrons: int) -> None:
    engine = Cp2k(COARSE, tight_binding(tmp_path, electrons))
    plain, polarised = engine.compute(FCC), engine.compute(FCC, spin=True)
    assert polarised.provenance["spin_treatment"] == "collinear"
    assert polarised.energy == pytest.approx(plain.energy, abs=1e-6)
    assert polarised.electrons == electrons
    assert polarised.moment == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(polarised.spectrum.densities, np.repeat(plain.spectrum.densities / 2, 2, axis=0), atol=1e-4)


@pytest.mark.parametrize("spin", [False, True])
def test_each_way_of_mixing_is_tried_in_turn(tmp_path: Path, spin: bool) -> None:
    ways = SPIN_MIXING if spin else MIXING
    reports: list[str] = []
    engine = Cp2k(COARSE, tight_binding(tmp_path, 4, converges=len(ways)))
    result = engine.compute(FCC, spin=spin, report=reports.append)
    assert result.provenance["mixing"] == str(ways[-1])
    calls = ["start"] * len(ways) + ["restart"] * spin
    assert (tmp_path / "calls").read_text().split() == calls
    failures = [text for text in reports if "no convergence" in text]
    assert len(failures) == len(ways) - 1
    assert all(str(way) in text for way, text in zip(ways, failures, strict=False))
    assert sum("self-consistent step" in text for text in reports) == 2 * len(calls)
    assert result.provenance["scf_steps"] == (4 if spin else 2)


def test_a_polarised_run_that_does_not_settle_is_begun_anew(tmp_path: Path) -> None:
    reports: list[str] = []
    result = Cp2k(COARSE, tight_binding(tmp_path, 4, settles=2)).compute(FCC, spin=True, report=reports.append)
    assert result.provenance["mixing"] == str(SPIN_MIXING[1])
    assert (tmp_path / "calls").read_text().split() == ["start", "restart"] * 2
    assert [text for text in reports if "no self-consistency" in text] == [f"{SPIN_MIXING[0]} led to no self-consistency"]
    with pytest.raises(EngineError, match="did not converge Al"):
        Cp2k(COARSE, tight_binding(tmp_path, 4, settles=99)).compute(FCC, spin=True)


@pytest.mark.parametrize("spin", [False, True])
@pytest.mark.parametrize("status", [0, 1])  # up to 2023.2 CP2K warns, since 2024.1 it stops
def test_a_crystal_that_never_converges_is_one_line(tmp_path: Path, status: int, spin: bool) -> None:
    ways = SPIN_MIXING if spin else MIXING
    calls = tmp_path / "calls"
    box = " *  \\\\___/  SCF run NOT converged. To continue the calculation regardless, set IGNORE_CONVERGENCE_FAILURE.  *"
    program = script(tmp_path, f"#!/bin/sh\necho call >> {calls}\necho '{box}'\nexit {status}\n")
    with pytest.raises(EngineError, match="did not converge Al") as caught:
        Cp2k(COARSE, program).compute(FCC, spin=spin)
    assert "\n" not in str(caught.value)
    assert all(str(way) in str(caught.value) for way in ways)
    assert calls.read_text().split() == ["call"] * len(ways)


def test_a_program_that_fails_is_one_line(tmp_path: Path) -> None:
    program = script(tmp_path, "#!/bin/sh\necho ' *  ___  something is wrong  *'\nexit 1\n")
    with pytest.raises(EngineError, match="something is wrong") as caught:
        Cp2k(COARSE, program).compute(FCC)
    assert "\n" not in str(caught.value)


def test_an_interrupted_calculation_stops_its_program(tmp_path: Path) -> None:
    step = "     1 NoMix/Diag. 0.30E+00    0.3     0.87023696        -2.2000339493 -2.20E+00"
    program = script(tmp_path, f"#!/bin/sh\necho $$ > {tmp_path / 'pid'}\necho '{step}'\nexec sleep 600\n")

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt(text)

    with pytest.raises(KeyboardInterrupt, match=r"self-consistent step 1, change 8\.7e-01"):
        Cp2k(COARSE, program).compute(FCC, report=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@needs_cp2k
@pytest.mark.dft
def test_an_entry_computed_again_is_itself(open_set: ParquetLibrary) -> None:
    stored = open_set.material("Al-A1")
    assert stored.structure is not None
    reports: list[str] = []
    result = Cp2k().compute(stored.structure, report=reports.append)
    mine, theirs = result.spectrum.total, stored.spectrum.total
    similarity = mine @ theirs / np.linalg.norm(mine) / np.linalg.norm(theirs)
    assert similarity > 0.999
    assert (result.electrons, result.gap, result.moment) == (3, 0.0, 0.0)
    assert result.provenance["code"].startswith("CP2K 2")
    assert sum("self-consistent step" in text for text in reports) > 3
    facts = stored.provenance
    energy = facts.get("dft_energy_per_atom", facts["energy_per_atom"])
    assert result.energy / len(stored.structure) == pytest.approx(energy, abs=1e-3)


@needs_cp2k
@pytest.mark.dft
def test_a_gapped_crystal_has_its_gap() -> None:
    result = Cp2k(COARSE).compute(SILICON)
    assert 0.5 < result.gap < 0.8  # 0.6 eV with PBE
    assert result.electrons == 8
    assert result.provenance["spin_treatment"] == "non-magnetic"
    polarised = Cp2k(COARSE).compute(SILICON, spin=True)
    assert polarised.spectrum.spin_polarized
    assert polarised.moment == pytest.approx(0.0, abs=1e-2)
    assert polarised.energy == pytest.approx(result.energy, abs=1e-3)
    np.testing.assert_allclose(polarised.spectrum.densities[0] * 2, result.spectrum.total, atol=0.05)


@needs_cp2k
@pytest.mark.dft
def test_the_energy_hardly_depends_on_the_smearing() -> None:
    cold, warm = (Cp2k(DftSettings(smearing=kelvin)).compute(FCC).energy for kelvin in (500, 3000))
    assert warm == pytest.approx(cold, abs=2e-4)  # the free energies differ by 30 meV


@needs_cp2k
@pytest.mark.dft
def test_an_element_without_a_basis_is_one_line() -> None:
    uranium = Structure([[0, 2, 2], [2, 0, 2], [2, 2, 0]], ["U"], [[0, 0, 0]])
    with pytest.raises(EngineError, match="CP2K stopped") as caught:
        Cp2k(COARSE).compute(uranium)
    assert "\n" not in str(caught.value)
