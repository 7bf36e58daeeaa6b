"""Quantum ESPRESSO, CP2K, GPAW, FHI-aims, LOBSTER and phonopy, by files that the programs wrote (fixtures/dos) where they could be run."""

from __future__ import annotations

import functools
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DOWN, UP, E, assert_curve, doscar, mutated, noted, parse, survives, table

from dosmith.constants import HARTREE
from dosmith.errors import DosmithError, FileFormatError, NotFoundError, SpectrumError
from dosmith.records import Spectrum
from dosmith.sources.files import load_dos, read_dos, read_folder
from dosmith.spectra.zero import energy_zeros

FILES = Path(__file__).parents[1] / "fixtures" / "dos"


def electrons(spectrum: Spectrum) -> float:
    below = spectrum.energies <= spectrum.fermi
    return float(np.trapezoid(spectrum.total[below], spectrum.energies[below]))


def gap(spectrum: Spectrum) -> float:
    found = energy_zeros(
        spectrum.energies, spectrum.total[None], np.array([spectrum.fermi]), np.array([spectrum.broadening]), "auto"
    )
    return float(found[1][0])


@pytest.mark.parametrize(
    ("name", "kind", "spins", "fermi", "count"),
    [
        ("espresso-al.dos", "Quantum ESPRESSO dos", 1, 8.323, 3),
        ("espresso-si.dos", "Quantum ESPRESSO dos", 1, 6.730, 8),
        ("espresso-ni.dos", "Quantum ESPRESSO dos", 2, 13.847, 10),
        ("cp2k-si_gamma-1.dos", "CP2K dos", 1, 0.287725 * HARTREE, 32),
        ("cp2k-si_spin-1.dos", "CP2K dos", 2, 0.291296 * HARTREE, 32),
        ("cp2k-si_gamma-k1-1.pdos", "CP2K pdos", 1, 0.287725 * HARTREE, 32),
        ("cp2k-si_spin-ALPHA_k1-1.pdos", "CP2K pdos", 2, 0.291296 * HARTREE, 32),  # BETA lies beside it
        ("gpaw-MgO-ase.dat", "table", 1, 0.0, 14),  # GPAW's oxygen 2s 2p and magnesium 2p 3s of this setup
        ("gpaw-Ni-ase.dat", "table", 2, 0.0, 16),
    ],
)
def test_files_of_real_programs_hold_their_electrons(name: str, kind: str, spins: int, fermi: float, count: float) -> None:
    dos = read_dos(FILES / f"{name}.gz")
    assert (dos.format, len(dos.spectrum.densities)) == (kind, spins)
    assert dos.spectrum.fermi == pytest.approx(fermi, abs=1e-6)
    assert electrons(dos.spectrum) == pytest.approx(count, rel=0.01)


def test_silicon_has_its_gap_and_nickel_its_moment() -> None:
    assert gap(load_dos(FILES / "espresso-si.dos.gz")) == pytest.approx(
        0.5, abs=0.25
    )  # LDA, 0.5 eV; the curve has steps of 0.1 eV
    assert gap(load_dos(FILES / "espresso-al.dos.gz")) == 0.0
    nickel = load_dos(FILES / "espresso-ni.dos.gz")
    below = nickel.energies <= nickel.fermi
    up, down = (np.trapezoid(row[below], nickel.energies[below]) for row in nickel.densities)
    assert up - down == pytest.approx(0.72, abs=0.1)  # Bohr magnetons per cell, as pw.x states


# --- Quantum ESPRESSO --------------------------------------------------------------------------------------------


def test_espresso_pdos_tot_needs_a_fermi_level_although_zero_is_inside() -> None:
    with pytest.raises(SpectrumError, match="no Fermi level is stated"):
        read_dos(FILES / "espresso-si.pdos_tot.gz")
    assert read_dos(FILES / "espresso-ni.pdos_tot.gz", fermi=13.847).spectrum.densities.shape == (2, 378)


def test_espresso_fermi_level_from_the_electron_count() -> None:
    silicon = load_dos(FILES / "espresso-si.pdos_tot.gz", electrons=8)
    assert 6.2 < silicon.fermi < 6.9  # in the gap
    assert any("8 electrons" in note for note in silicon.notes)
    nickel = load_dos(FILES / "espresso-ni.pdos_tot.gz", electrons=10)
    assert nickel.fermi == pytest.approx(13.847, abs=0.05)  # what dos.x states


def test_espresso_projected_curves_are_refused() -> None:
    with pytest.raises(FileFormatError, match="projected on one atom"):
        read_dos(FILES / "espresso-al.pdos_atm.gz")
    resolved = table(E, E, UP, head="# ik    E (eV)  dos(E)\n")
    with pytest.raises(FileFormatError, match="resolved by k-point"):
        parse(resolved)
    with pytest.raises(FileFormatError, match="names 3 columns, its rows have 2"):
        parse(table(E, UP, head="#  E (eV)   dos(E)     Int dos(E) EFermi =    1.250 eV\n"))


# --- CP2K --------------------------------------------------------------------------------------------------------


def test_cp2k_histogram_has_its_scale_and_places_from_the_orbitals() -> None:
    histogram = load_dos(FILES / "cp2k-si_gamma-1.dos.gz")
    orbitals = load_dos(FILES / "cp2k-si_gamma-k1-1.pdos.gz")
    step = histogram.energies[2] - histogram.energies[1]
    assert histogram.total.sum() * step == pytest.approx(64)  # 32 orbitals of 2 states
    for spectrum in (histogram, orbitals):
        assert spectrum.energies[np.argmax(spectrum.total > 0.5)] == pytest.approx(-0.240228 * HARTREE, abs=0.25)
    filled = [np.average(s.energies[s.energies < s.fermi], weights=s.total[s.energies < s.fermi]) for s in (histogram, orbitals)]
    assert filled[0] == pytest.approx(filled[1], abs=0.05)  # centre of the occupied states


def test_cp2k_fermi_level_of_k_points_is_where_the_electrons_end() -> None:
    dos = read_dos(FILES / "cp2k-si_k-1.dos.gz")  # CP2K 2023.1 states none; in the run it was 0.25888 Hartree
    assert noted(dos, "where the file's 32 electrons end")
    assert gap(dos.spectrum) > 0.3
    low, high = sorted([dos.spectrum.fermi, 0.25888 * HARTREE])
    between = (dos.spectrum.energies > low) & (dos.spectrum.energies < high)
    assert between.any() and not dos.spectrum.total[between].any()  # both in one gap


def test_cp2k_damaged() -> None:
    head = "# DOS at iteration step i = 0\n"
    for content in (
        table(E, UP, head=head),
        table(E, UP, 0 * UP, head=head),
        table(0 * E, UP, UP, head=head),
        table(E, 0 * UP, UP, head=head),
        table(E, UP, head="# Projected DOS for atomic kind Si at iteration step i = 0, E(Fermi) = 0.2 a.u.\n"),
        table(E, E * 1e9, UP, UP, head="# Projected DOS for atomic kind Si at iteration step i = 0, E(Fermi) = 0.2 a.u.\n"),
    ):
        with pytest.raises(FileFormatError, match="is damaged"):
            parse(content)


# --- GPAW and ASE ------------------------------------------------------------------------------------------------


def test_gpaw_energies_from_another_zero_take_the_fermi_level_by_hand() -> None:
    aluminium = load_dos(FILES / "gpaw-Al-gpaw.csv.gz", fermi=7.07835)  # get_dos of GPAW: energies as they are
    assert electrons(aluminium) == pytest.approx(3 / 2, rel=0.02)  # one spin of three valence electrons
    assert load_dos(FILES / "gpaw-Al-gpaw.csv.gz", electrons=1.5).fermi == pytest.approx(7.07835, abs=0.1)


# --- FHI-aims ----------------------------------------------------------------------------------------------------

AIMS = "# total density of states output by FHI-aims{}\n# The energy reference for this output is {}\n#  uuid 1\n#    Energy (eV)      DOS{}\n"


def test_aims_energies_start_from_the_chemical_potential() -> None:
    level = "the chemical potential, mu =       -4.721500 eV"
    dos = parse(table(E, UP, head=AIMS.format(" ", level, " ")))
    assert dos.format == "FHI-aims total DOS" and noted(dos, "-4.7215 eV")
    assert_curve(dos.spectrum, UP, fermi=0.0)
    spins = ", for a spin polarized system", "the average chemical potential, mu = -4.7 eV", "(spin up)   DOS(spin down)"
    assert_curve(parse(table(E, UP, DOWN, head=AIMS.format(*spins))).spectrum, UP, DOWN, fermi=0.0)


def test_aims_energies_from_the_vacuum_need_a_fermi_level() -> None:
    raw = table(E, UP, head=AIMS.format(" ", "the vacuum level", " "))
    with pytest.raises(SpectrumError, match="no Fermi level"):
        parse(raw)  # 0 eV is inside, but it is the vacuum
    assert_curve(parse(raw, fermi=-4.5).spectrum, UP, fermi=-4.5)
    with pytest.raises(FileFormatError, match="2 columns, or 3"):
        parse(table(E, UP, DOWN, UP, head=AIMS.format(" ", "the vacuum level", " ")))


# --- LOBSTER -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
def test_lobster_doscar_starts_from_its_fermi_level(spins: tuple[np.ndarray, ...]) -> None:
    lines = doscar(*spins).decode().split("\n")
    atom = 6 + len(E)
    lines[atom] += " ;Z= 28 ; 4s 3d_xy 3d_yz"
    dos = parse("\n".join(lines).encode())
    assert dos.format == "LOBSTER DOSCAR" and noted(dos, "LOBSTER")
    assert_curve(dos.spectrum, *spins, fermi=0.0)  # not the 1.25 eV of line 6


# --- phonopy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["phonopy-total_dos.dat", "phonopy-total_dos_sigma.dat"])
def test_phonons_are_no_electrons(name: str) -> None:
    with pytest.raises(FileFormatError, match="phonon states, not an electronic one"):
        read_dos(FILES / f"{name}.gz")


# --- counting electrons ------------------------------------------------------------------------------------------


@given(st.floats(1.0, 30.0), st.floats(-5.0, 5.0))
def test_the_electron_count_finds_the_level_of_a_flat_band(height: float, level: float) -> None:
    density = np.where((E > -8) & (E < 8), height, 0.0)
    count = height * (level + 7.95)  # the band begins within the step before -7.9
    found = parse(table(E, density), electrons=count).spectrum.fermi
    assert found == pytest.approx(level, abs=0.11)


def test_the_electron_count_ends_in_the_middle_of_a_gap() -> None:
    density = np.where((E > -6) & (E < 0) | (E > 2) & (E < 5), 1.0, 0.0)
    assert parse(table(E, density), electrons=5.9).spectrum.fermi == pytest.approx(1.0, abs=0.06)
    for number, message in [
        (100, "holds 8.8 states, not 100"),
        (-1, "cannot be counted in"),
        (float("nan"), "cannot be counted"),
    ]:
        with pytest.raises(SpectrumError, match=message):
            parse(table(E, density), electrons=number)
    with pytest.raises(SpectrumError, match="does not begin below its lowest states"):
        parse(table(E, UP), electrons=3)
    assert parse(table(E, density), electrons=5.9, fermi=0.5).spectrum.fermi == 0.5


# --- folders -----------------------------------------------------------------------------------------------------


def test_a_folder_gives_every_dos_and_every_reason(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for name, source in [("b/x", "espresso-al.dos"), ("b/c/y.txt", "cp2k-si_gamma-1.dos"), (".hidden/z", "espresso-al.dos")]:
        (tmp_path / name).write_bytes((FILES / f"{source}.gz").read_bytes())
    vasprun = FILES.parent / "vasprun-AlN.xml.gz"
    (tmp_path / "vasprun.xml.gz").write_bytes(vasprun.read_bytes())
    (tmp_path / "DOSCAR").write_bytes(doscar(UP))  # of the same run as the vasprun.xml
    (tmp_path / "b" / "DOSCAR").write_bytes(doscar(UP))
    (tmp_path / "notes.txt").write_text("remember the milk\n")
    found = {path.relative_to(tmp_path).as_posix(): dos for path, dos in read_folder(tmp_path)}
    assert list(found) == ["vasprun.xml.gz", "notes.txt", "b/DOSCAR", "b/x", "b/c/y.txt"]
    assert isinstance(found.pop("notes.txt"), DosmithError)
    assert [getattr(dos, "format", None) for dos in found.values()] == [
        "vasprun.xml",
        "DOSCAR",
        "Quantum ESPRESSO dos",
        "CP2K dos",
    ]
    with pytest.raises(NotFoundError, match="is not a folder"):
        next(read_folder(tmp_path / "nothing"))


# --- whatever is in them, one line -------------------------------------------------------------------------------


@functools.cache
def golden() -> list[bytes]:
    return [gzip.decompress(path.read_bytes()) for path in sorted(FILES.glob("*.gz"))]


EDIT = st.tuples(
    st.floats(0, 1), st.binary(max_size=12) | st.sampled_from([b"nan", b"inf", b"-", b"1e999", b"\n"]), st.integers(0, 40)
)


@given(st.integers(0, 999), st.lists(EDIT, min_size=1, max_size=8))
def test_mutated_golden_files(which: int, edits: list[tuple[float, bytes, int]]) -> None:
    survives(mutated(golden()[which % len(golden())], edits))


@given(st.integers(0, 999), st.floats(0, 1))
def test_truncated_golden_files(which: int, where: float) -> None:
    content = golden()[which % len(golden())]
    survives(content[: int(where * len(content))])
