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

from dosmith.dft.cp2k import MIXING, SPIN_MIXING, Cp2k, find_command
from dosmith.dft.cp2k_input import Mixing, input_text
from dosmith.dft.cp2k_kinds import Kinds
from dosmith.dft.kpoints import Mesh
from dosmith.errors import EngineError
from dosmith.library import ParquetLibrary
from dosmith.settings import DftSettings
from fake_cp2k import script, tight_binding

FCC = Structure([[0, 2.02, 2.02], [2.02, 0, 2.02], [2.02, 2.02, 0]], ["Al"], [[0, 0, 0]])
SILICON = Structure([[0, 2.73, 2.73], [2.73, 0, 2.73], [2.73, 2.73, 0]], ["Si"] * 2, [[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]])
NICKEL_IRON = Structure(2.9 * np.eye(3), ["Fe", "Ni"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
COARSE = DftSettings(scf_spacing=0.9, dos_refinement=2, interpolation=2, cutoff=200)
needs_cp2k = pytest.mark.skipif(
    not any(map(shutil.which, ("cp2k.psmp", "cp2k.ssmp", "cp2k"))), reason="CP2K is not on PATH: apt install cp2k"
)


def s_band(count: int) -> np.ndarray:
    """The same s band on a mesh of `count` points along each axis, eV, ascending."""
    first, second, third = 2 * np.pi * np.indices((count, count, count)).reshape(3, -1) / count
    lattice = np.cos([first, second, third, first - second, second - third, third - first])
    return np.asarray(np.sort(-0.8 * lattice.sum(axis=0)))


def text_of(structure: Structure, settings: DftSettings, spin: bool, mixing: Mixing, mesh: Mesh, stage: str = "whole") -> str:
    return input_text(structure, settings, Kinds.of(structure, spin), spin, mixing, mesh, stage)


@given(st.floats(min_value=1, max_value=2000))
def test_grids_go_down_to_the_most_diffuse_gaussians(cutoff: float) -> None:
    text = text_of(FCC, DftSettings(cutoff=cutoff), False, MIXING[0], (3, 3, 3))
    grids, ratio = (float(re.findall(rf"{name} (\S+)", text)[0]) for name in ("NGRIDS", "PROGRESSION_FACTOR"))
    coarsest = cutoff / ratio ** (grids - 1)
    assert coarsest <= 3.001
    assert coarsest * ratio > 2.999 or grids == 1


def test_input_says_what_the_settings_say() -> None:
    settings = DftSettings(cutoff=250, rel_cutoff=35, eps_default=1e-8, smearing=2000)
    mixing = Mixing("BROYDEN", 0.15, 6, 2e-6, 40)
    text = text_of(FCC, settings, True, mixing, (3, 4, 5))
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
        "&KS_CSR_WRITE ON",
        "LSD",
        "MULTIPLICITY 2",
        "MAGNETIZATION 0",
        "Al 0.0000000000 0.0000000000 0.0000000000",
        "B 2.0200000000 0.0000000000 2.0200000000",
    ):
        assert f" {line}\n" in text
    plain = text_of(FCC, settings, False, mixing, (3, 4, 5))
    for word in ("LSD", "MULTIPLICITY", "MAGNETIZATION"):
        assert word not in plain
    for written in (text, plain):
        assert written.count("&END") == written.count("&") / 2
        weights = [float(line.split()[4]) for line in written.splitlines() if line.split()[0] == "KPOINT"]
        assert len(weights) == 31  # of 60 points in pairs k, -k, two their own partners
        assert sum(weights) == pytest.approx(1.0, abs=1e-8)


def test_a_run_of_two_stages_keeps_its_density_in_between() -> None:
    first, last, whole = (text_of(FCC, DftSettings(), True, MIXING[0], (2, 2, 2), stage) for stage in ("first", "last", "whole"))
    for word in ("RESTART ON", "SCF_GUESS RESTART", "KS_CSR_WRITE"):
        assert (word in first) == (word == "RESTART ON")
        assert (word in last) == (word != "RESTART ON")
        assert (word in whole) == (word == "KS_CSR_WRITE")


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
    assert result.provenance["protocol"] is None
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
def test_a_run_that_takes_its_first_step_for_the_last_has_not_converged(tmp_path: Path, spin: bool) -> None:
    result = Cp2k(COARSE, tight_binding(tmp_path, 4, hasty=1)).compute(FCC, spin=spin)
    assert result.provenance["mixing"] == str((SPIN_MIXING if spin else MIXING)[1])


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
    assert result.projections is not None
    s, p, d = (result.projections.of("Si", orbital)[0] for orbital in "spd")
    np.testing.assert_allclose(s + p + d, result.spectrum.total, atol=1e-2 * result.spectrum.total.max())
    low, high = (
        (s / (s + p + d))[(result.spectrum.energies > first) & (result.spectrum.energies < last)].mean()
        for first, last in ((-10, -9), (-3, -1))
    )
    assert low > 3 * high  # from s orbitals to p orbitals through the valence band
    polarised = Cp2k(COARSE).compute(SILICON, spin=True)
    assert polarised.spectrum.spin_polarized
    assert polarised.moment == pytest.approx(0.0, abs=1e-2)
    assert polarised.energy == pytest.approx(result.energy, abs=1e-3)
    np.testing.assert_allclose(polarised.spectrum.densities[0] * 2, result.spectrum.total, atol=0.05)


def test_projections_add_up_to_the_whole(tmp_path: Path) -> None:
    result = Cp2k(COARSE, tight_binding(tmp_path, 3)).compute(FCC, spin=True)
    assert result.projections is not None
    assert result.projections.labels == (("Al", "s"),)
    np.testing.assert_allclose(result.projections.of("Al"), result.spectrum.densities, atol=1e-12)


@needs_cp2k
@pytest.mark.dft
def test_a_lanthanide_has_its_4f_electrons_in_the_core() -> None:
    nitride = Structure([[0, 2.42, 2.42], [2.42, 0, 2.42], [2.42, 2.42, 0]], ["Er", "N"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    result = Cp2k(COARSE).compute(nitride)
    assert result.electrons == 11 + 5
    assert result.projections is not None
    valence = (result.spectrum.energies > -6) & (result.spectrum.energies < 0)
    nitrogen, erbium = (result.projections.of(symbol)[0, valence].sum() for symbol in ("N", "Er"))
    assert nitrogen > 1.5 * erbium  # N3- beside Er3+
    assert result.projections.of("Er", "f").max() < 0.2 * result.spectrum.total.max()  # no 4f bands


@needs_cp2k
@pytest.mark.dft
def test_sites_begin_and_stay_antiparallel() -> None:
    chain = Structure(
        np.diag([3.0, 3.0, 4.0]), ["Mn", "Mn"], [[0, 0, 0], [0.5, 0.5, 0.5]], site_properties={"magmom": [4.0, -4.0]}
    )
    settings = COARSE.model_copy(update={"hard_cutoff": 300.0})
    result = Cp2k(settings).compute(chain, spin=True)
    first, second = result.provenance["site_moments"]
    assert first > 2 and first == pytest.approx(-second, abs=0.2)
    assert result.moment == pytest.approx(0.0, abs=0.1)
    assert result.spectrum.spin_polarized


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
