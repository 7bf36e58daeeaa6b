"""Whole runs of ABINIT and Elk (fixtures/runs): the programs' own curves against those of the eigenvalues in the same run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from known import RUNS, iron, silicon, unpacked
from layouts import dftb_bands, optados, rows, siesta_dos, vasp_eigenval, wien2k
from samples import noted

from dosmith.errors import FileFormatError
from dosmith.records import Spectrum
from dosmith.sources import abinit, elk, espresso, vasp
from dosmith.sources.beside import crystal_of
from dosmith.sources.eigenvalues import Eigenvalues
from dosmith.sources.files import read_dos
from dosmith.spectra.standard import Recipe, standardise


def electrons(spectrum: Spectrum) -> float:
    below = spectrum.energies <= spectrum.fermi
    return float(np.trapezoid(spectrum.total[below], spectrum.energies[below]))


def overlap(spectrum: Spectrum, levels: Eigenvalues, fermi: float) -> float:
    """Cosine of both curves, each broadened by 0.5 eV, within what both cover."""
    axis = np.arange(-25.0, 10.0, 0.05)
    shape = np.exp(-((np.arange(-2.0, 2.025, 0.05) / 0.5) ** 2) / 2)
    own = levels.curve("own", fermi)
    end = min(own.energies[-1] - fermi, spectrum.energies[-1] - spectrum.fermi, axis[-1]) - 1.5
    rows = []
    for energies, total, zero in (
        (spectrum.energies, spectrum.total, spectrum.fermi),
        (own.energies, own.densities.sum(axis=0), fermi),
    ):
        even = np.interp(axis, energies - zero, total, left=0.0, right=0.0)
        rows.append(np.convolve(even, shape, mode="same")[axis < end])
    first, second = rows
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


@pytest.mark.parametrize(
    ("run", "name", "spins", "count", "gap", "broadening"),
    [
        ("abinit-si", "sio_DS2_DOS", 1, 8, 0.439, 0.0),
        ("abinit-al", "alo_DOS", 1, 3, 0.0, 0.0),
        ("abinit-fe", "feo_DOS", 2, 8, 0.0, 0.1924),
        ("elk-si", "TDOS.OUT", 1, 8, 0.520, 0.0),
        ("espresso-c", "c.dos", 1, 8, 3.792, 0.0),
        ("elk-fe", "TDOS.OUT", 2, 8, 0.0, 0.0),
    ],
)
def test_runs_agree_with_their_eigenvalues(run: str, name: str, spins: int, count: int, gap: float, broadening: float) -> None:
    dos = read_dos(RUNS / run / f"{name}.gz")
    spectrum = dos.spectrum
    assert len(spectrum.densities) == spins
    assert electrons(spectrum) == pytest.approx(count, rel=0.02)
    assert spectrum.gap == pytest.approx(gap, abs=1e-3) and noted(dos, "band edges come from the eigenvalues in")
    assert spectrum.broadening == pytest.approx(broadening, abs=1e-3)
    if run.startswith("espresso"):
        levels, _, _ = espresso.read_eigenvalues(unpacked(RUNS / run / "c.xml.gz"))
        fermi = spectrum.fermi
    elif run.startswith("abinit"):
        levels, _ = abinit.read_eig(unpacked(RUNS / run / f"{name.replace('DOS', 'EIG')}.gz").decode())
        fermi = spectrum.fermi
    else:
        levels, fermi = elk.read_eigenvalues(
            *(unpacked(RUNS / run / f"{part}.OUT.gz").decode() for part in ("EIGVAL", "KPOINTS", "EFERMI"))
        )
    assert overlap(spectrum, levels, fermi) > 0.97


def test_a_fermi_level_at_the_top_of_the_valence_band_is_no_metal(tmp_path: Path) -> None:
    (tmp_path / "c.dos").write_bytes(
        unpacked(RUNS / "espresso-c" / "c.dos.gz")
    )  # without its XML: EFermi is the highest occupied level
    dos = read_dos(tmp_path / "c.dos")
    assert noted(dos, "the edge of a band")
    standard = standardise(dos.spectrum, Recipe())
    assert standard.gap == pytest.approx(3.79, abs=0.4)
    assert standard.zero == pytest.approx(14.394, abs=0.2)


def test_the_moment_of_iron() -> None:
    spectrum = read_dos(RUNS / "abinit-fe" / "feo_DOS.gz").spectrum
    below = spectrum.energies <= spectrum.fermi
    up, down = (np.trapezoid(row[below], spectrum.energies[below]) for row in spectrum.densities)
    assert up - down == pytest.approx(0.627, abs=0.02)  # Bohr magnetons, as the run states


def test_the_crystal_of_elk_lies_beside() -> None:
    path = RUNS / "elk-si" / "TDOS.OUT.gz"
    crystal = crystal_of(path, read_dos(path))
    assert crystal is not None and crystal.file == "GEOMETRY.OUT.gz" and crystal.species == ("Si", "Si")
    assert abs(np.linalg.det(crystal.lattice)) == pytest.approx(2 * (5.13 * 0.529177) ** 3, rel=1e-4)


def test_the_crystal_of_abinit_stands_in_its_output() -> None:
    path = RUNS / "abinit-si" / "sio_DS2_DOS.gz"
    crystal = crystal_of(path, read_dos(path))
    assert crystal is not None and crystal.file == "si.abo.gz" and crystal.species == ("Si", "Si")
    assert abs(np.linalg.det(crystal.lattice)) == pytest.approx((10.18 * 0.529177) ** 3 / 4, rel=1e-4)
    np.testing.assert_allclose(crystal.frac_coords, [[0, 0, 0], [0.25, 0.25, 0.25]], atol=1e-9)


XV = """  0.0 5.13 5.13  0 0 0
  5.13 0.0 5.13  0 0 0
  5.13 5.13 0.0  0 0 0
  2
  1 14  0.0 0.0 0.0   0 0 0
  1 14  2.565 2.565 2.565  0 0 0
"""
CELL = """%BLOCK LATTICE_CART
ang ! unit
  0.0 2.71468 2.71468
  2.71468 0.0 2.71468
  2.71468 2.71468 0.0
%ENDBLOCK LATTICE_CART
%block positions_frac
Si 0 0 0
Si:2 0.25 0.25 0.25  # comment
%endblock positions_frac
KPOINTS_MP_GRID 4 4 4
"""
ABC = """%block lattice_abc
bohr
5.13 5.13 5.13
90 90 90
%endblock lattice_abc
%block positions_abs
Si 0 0 0
%endblock positions_abs
"""


@pytest.mark.parametrize(
    ("curve", "name", "text", "sites", "volume"),
    [
        ("x.DOS", "x.XV", XV, 2, 2 * 5.13**3 * 0.529177**3),
        ("x.adaptive.dat", "x-out.cell", CELL, 2, 2 * 2.71468**3),
        ("x.adaptive.dat", "x.cell", ABC, 1, 5.13**3 * 0.529177**3),
    ],
)
def test_crystals_of_siesta_and_castep_lie_beside(
    tmp_path: Path, curve: str, name: str, text: str, sites: int, volume: float
) -> None:
    (tmp_path / curve).write_bytes((siesta_dos if curve == "x.DOS" else optados)(silicon()))
    (tmp_path / name).write_text(text)
    crystal = crystal_of(tmp_path / curve, read_dos(tmp_path / curve, fermi=6.73 if curve == "x.DOS" else 0.0))
    assert crystal is not None and crystal.file == name and crystal.species == ("Si",) * sites
    assert abs(np.linalg.det(crystal.lattice)) == pytest.approx(volume, rel=1e-4)
    (tmp_path / name).write_text(text.replace("0.25", "x").replace("5.13", "five"))
    assert crystal_of(tmp_path / curve, read_dos(tmp_path / curve, fermi=6.73 if curve == "x.DOS" else 0.0)) is None


@pytest.mark.parametrize(("curve", "name", "form"), [("x.dos1ev", "x.struct", "struct"), ("band.out", "geo_end.gen", "gen")])
def test_crystals_that_ase_reads(tmp_path: Path, curve: str, name: str, form: str) -> None:
    ase = pytest.importorskip("ase")
    run = silicon()
    atoms = ase.Atoms(run.species, cell=run.lattice, scaled_positions=run.places, pbc=True)
    atoms.write(tmp_path / name, format=form)
    (tmp_path / curve).write_bytes(wien2k(run, 0) if curve == "x.dos1ev" else dftb_bands(run))
    crystal = crystal_of(tmp_path / curve, read_dos(tmp_path / curve))
    assert crystal is not None and crystal.file == name and crystal.species == ("Si", "Si")
    assert abs(np.linalg.det(crystal.lattice)) == pytest.approx(abs(np.linalg.det(run.lattice)), rel=1e-4)


def test_a_doscar_takes_gap_and_electrons_from_eigenval(tmp_path: Path) -> None:
    run = silicon()
    grid = f"{run.energies[-1]:16.8f}{run.energies[0]:16.8f}{len(run.energies):5d}{run.fermi:16.8f}{1.0:16.8f}\n"
    head = "   2   2   0   0\n  0.2E+02  0.4E-09  0.4E-09\n  1.0E-004\n  CAR \n Si\n"
    (tmp_path / "DOSCAR").write_bytes((head + grid).encode() + rows(run.energies, run.densities[0], run.counts[0]).encode())
    assert read_dos(tmp_path / "DOSCAR").spectrum.gap is None
    (tmp_path / "EIGENVAL").write_bytes(vasp_eigenval(run))
    found = read_dos(tmp_path / "DOSCAR")
    assert found.electrons == 8 and noted(found, "EIGENVAL")
    assert found.spectrum.gap == pytest.approx(0.5228, abs=1e-3)
    spins = iron()
    levels, count = vasp.read_eigenval(vasp_eigenval(spins).decode())
    np.testing.assert_allclose(levels.channels, spins.channels, atol=1e-5)
    assert count == 8 and levels.holds == 1.0
    (tmp_path / "EIGENVAL").write_bytes(vasp_eigenval(run)[:-200])
    assert read_dos(tmp_path / "DOSCAR").spectrum.gap is None


def test_a_histogram_of_cp2k_takes_its_gap_from_the_orbitals_beside(tmp_path: Path) -> None:
    for name in ("si_gamma-1.dos", "si_gamma-k1-1.pdos"):
        (tmp_path / name).write_bytes(unpacked(RUNS.parent / "dos" / f"cp2k-{name}.gz"))
    orbitals = read_dos(tmp_path / "si_gamma-k1-1.pdos").spectrum
    histogram = read_dos(tmp_path / "si_gamma-1.dos")
    assert noted(histogram, "orbitals in si_gamma-k1-1.pdos")
    assert histogram.spectrum.gap == orbitals.gap and (orbitals.gap or 0) > 0.5


def test_files_of_another_run_are_left(tmp_path: Path) -> None:
    (tmp_path / "sio_DS2_DOS.gz").write_bytes((RUNS / "abinit-si" / "sio_DS2_DOS.gz").read_bytes())
    for content in ((RUNS / "abinit-al" / "alo_EIG.gz").read_bytes(), b"", b"\x1f\x8bdamaged", b"kpt# nothing"):
        (tmp_path / "sio_DS2_EIG.gz").write_bytes(content)
        found = read_dos(tmp_path / "sio_DS2_DOS.gz")
        assert found.spectrum.gap is None and not noted(found, "eigenvalues in")


def test_a_state_that_lies_beside_serves_packed_and_plain(tmp_path: Path) -> None:
    shutil.copytree(RUNS / "elk-si", tmp_path / "run")
    for path in (tmp_path / "run").glob("*.gz"):
        path.with_suffix("").write_bytes(unpacked(path))
        path.unlink()
    assert read_dos(tmp_path / "run" / "TDOS.OUT").spectrum.gap == pytest.approx(0.520, abs=1e-3)


def test_the_states_of_one_atom_are_refused(tmp_path: Path) -> None:
    from dosmith.errors import FileFormatError

    (tmp_path / "PDOS_S01_A0001.OUT").write_bytes(unpacked(RUNS / "elk-si" / "TDOS.OUT.gz"))
    with pytest.raises(FileFormatError, match=r"a part of the states .*give the TDOS\.OUT"):
        read_dos(tmp_path / "PDOS_S01_A0001.OUT")
    local = unpacked(RUNS / "abinit-si" / "sio_DS2_DOS.gz").replace(b"# The DOS (in", b"# Local DOS for atom number 1 (in", 1)
    (tmp_path / "sio_DOS_AT0001").write_bytes(local)
    with pytest.raises(FileFormatError, match="states of one atom"):
        read_dos(tmp_path / "sio_DOS_AT0001")


def test_digits_without_end_are_no_eigenvalues():
    text = (
        " Eigenvalues (hartree) for nkpt=   1  k points:\n kpt#   1, nband=  1, wtk=  1.0, kpt=  0 0 0\n" + "1" * 200_000 + "\n"
    )
    with pytest.raises(FileFormatError, match="k-points"):
        abinit.read_eig(text + text)
