"""The CP2K engine: its input, its output, and one cheap entry of the open DOS set computed again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.dft.cp2k import Cp2k, find_command, input_text, read_bands
from dosmith.errors import EngineError
from dosmith.library import ParquetLibrary
from dosmith.settings import DftSettings

FCC = Structure([[0, 2.02, 2.02], [2.02, 0, 2.02], [2.02, 2.02, 0]], ["Al"], [[0, 0, 0]])
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


def test_bands_are_read_by_spin_and_point() -> None:
    energies = read_bands(BANDS, 2)
    assert energies.shape == (2, 2, 2)
    np.testing.assert_allclose(energies[0], [[-4.06746358, 20.01227035], [-2.402044, 10.5739693]])
    np.testing.assert_allclose(energies[1, :, 0], [-3.0, -1.0])


@pytest.mark.parametrize("text", ["", BANDS[:400], "nonsense"])
def test_incomplete_bands_are_refused(text: str) -> None:
    with pytest.raises(EngineError, match="no complete band structure"):
        read_bands(text, 2)


def test_input_says_what_the_settings_say() -> None:
    settings = DftSettings(cutoff=250, mixing=0.1, smearing=2000)
    text = input_text(FCC, settings, True, (3, 4, 5), np.array([[0.0, 0.25, 0.5]]))
    for line in (
        "CUTOFF [Ry] 250",
        "ALPHA 0.1",
        "ELECTRONIC_TEMPERATURE [K] 2000",
        "SCHEME MONKHORST-PACK 3 4 5",
        "SPECIAL_POINT 0.0000000000 0.2500000000 0.5000000000",
        "LSD",
        "MAGNETIZATION 1",
        "Al 0.0000000000 0.0000000000 0.0000000000",
    ):
        assert f" {line}\n" in text
    plain = input_text(FCC, settings, False, (3, 4, 5), np.zeros((1, 3)))
    assert "LSD" not in plain
    assert "MAGNETIZATION" not in plain
    assert text.count("&END") == text.count("&") / 2


def test_a_missing_program_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="not on PATH"):
        find_command()


def test_a_program_that_fails_is_one_line(tmp_path: Path) -> None:
    fake = tmp_path / "cp2k"
    fake.write_text("#!/bin/sh\necho ' *  ___  something is wrong  *'\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(EngineError, match="something is wrong") as caught:
        Cp2k(command=str(fake)).compute(FCC, scf_mesh=(1, 1, 1), dos_mesh=(1, 1, 1))
    assert "\n" not in str(caught.value)


@needs_cp2k
@pytest.mark.dft
def test_an_entry_computed_again_is_itself(open_set: ParquetLibrary) -> None:
    stored = open_set.material("Al-A1")
    facts = stored.provenance
    reports: list[str] = []
    result = Cp2k().compute(
        stored.structure,
        scf_mesh=tuple(facts["k_points_scf"]),
        dos_mesh=tuple(facts["k_points_dos"]),
        report=reports.append,
    )
    mine, theirs = result.spectrum.total, stored.spectrum.total
    assert mine @ theirs / np.linalg.norm(mine) / np.linalg.norm(theirs) > 0.999
    assert result.energy == pytest.approx(facts["total_energy_ev"], abs=1e-3)
    assert result.fermi == pytest.approx(facts["fermi_ev"], abs=0.02)
    assert (result.electrons, result.gap, result.moment) == (3, 0.0, 0.0)
    assert result.provenance["code"].startswith("CP2K 2")
    assert sum("self-consistent step" in text for text in reports) > 3


@needs_cp2k
@pytest.mark.dft
def test_a_gapped_crystal_has_its_gap() -> None:
    coarse = DftSettings(scf_spacing=0.9, dos_spacing=0.9, cutoff=200, rel_cutoff=30, eps_scf=1e-5)
    silicon = Structure([[0, 2.73, 2.73], [2.73, 0, 2.73], [2.73, 2.73, 0]], ["Si"] * 2, [[0, 0, 0], [0.25, 0.25, 0.25]])
    result = Cp2k(coarse).compute(silicon)
    assert 0.4 < result.gap < 1.5
    assert result.provenance["spin_treatment"] == "non-magnetic"
    polarised = Cp2k(coarse).compute(silicon, spin=True)
    assert polarised.spectrum.spin_polarized
    assert polarised.moment == pytest.approx(0.0, abs=1e-2)
    assert polarised.energy == pytest.approx(result.energy, abs=2e-2)
    np.testing.assert_allclose(polarised.spectrum.densities[0] * 2, result.spectrum.total, atol=0.05)


@needs_cp2k
@pytest.mark.dft
def test_an_element_without_a_basis_is_one_line() -> None:
    uranium = Structure([[0, 2, 2], [2, 0, 2], [2, 2, 0]], ["U"], [[0, 0, 0]])
    with pytest.raises(EngineError, match="CP2K stopped") as caught:
        Cp2k().compute(uranium, scf_mesh=(1, 1, 1), dos_mesh=(1, 1, 1))
    assert "\n" not in str(caught.value)
