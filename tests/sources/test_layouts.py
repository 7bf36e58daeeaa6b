"""Programs that cannot be had freely: files in their documented layouts, of runs that are known, come back as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from known import RUNS, iron, silicon, unpacked
from layouts import (
    Run,
    aiida,
    banddos,
    bare,
    castep_bands,
    crystal_doss,
    dftb_bands,
    dftb_detailed,
    elk_tdos,
    exciting_xml,
    nomad,
    octopus,
    octopus_fermi,
    openmx,
    optados,
    optimade,
    siesta_dos,
    siesta_eig,
    siesta_kp,
    siesta_pdos,
    store,
    vaspout,
    wien2k,
)
from samples import noted

from dosmith.errors import FileFormatError, SpectrumError
from dosmith.sources.files import FileDos, read_dos, read_folder

Writer = Callable[[Run], bytes]


def written(folder: Path, name: str, content: bytes) -> FileDos:
    (folder / name).write_bytes(content)
    return read_dos(folder / name)


def assert_run(dos: FileDos, run: Run, *, summed: bool = False, atol: float = 2e-3) -> None:
    """The curve is the run's, from its Fermi level."""
    spectrum = dos.spectrum
    expected = run.densities.sum(axis=0)[None] if summed else run.densities
    assert spectrum.densities.shape == expected.shape
    np.testing.assert_allclose(spectrum.energies - spectrum.fermi, run.energies - run.fermi, atol=2e-4)
    np.testing.assert_allclose(spectrum.densities, expected, atol=atol)


@pytest.mark.parametrize("run", [silicon, iron], ids=["silicon", "iron"])
@pytest.mark.parametrize(
    ("kind", "name", "write"),
    [
        ("SIESTA .PDOS.xml", "x.PDOS.xml", siesta_pdos),
        ("OptaDOS", "x.adaptive.dat", optados),
        ("CRYSTAL DOSS", "DOSS.DAT", crystal_doss),
        ("OpenMX DOS", "x.DOS.Gaussian", openmx),
        ("exciting dos.xml", "dos.xml", exciting_xml),
        ("Elk or exciting TDOS.OUT", "TDOS.OUT", elk_tdos),
        ("Elk or exciting TDOS.OUT", "renamed.txt", elk_tdos),  # its rows tell
        ("vaspout.h5", "vaspout.h5", vaspout),
        ("FLEUR banddos.hdf", "banddos.hdf", banddos),
        ("NOMAD archive", "archive.json", nomad),
        ("NOMAD archive", "archive.json", lambda run: nomad(run, apart=False)),
        ("AiiDA XyData", "xy.json", aiida),
        ("OPTIMADE", "structure.json", optimade),
        ("pymatgen JSON", "store.json", store),
    ],
)  # fmt: skip
def test_curves_come_back(kind: str, name: str, write: Writer, run: Callable[[], Run], tmp_path: Path) -> None:
    dos = written(tmp_path, name, write(run()))
    assert dos.format == kind
    assert_run(dos, run())


@pytest.mark.parametrize(
    ("name", "write"), [("vaspout.h5", vaspout), ("banddos.hdf", banddos), ("a.json", nomad), ("s.json", optimade)]
)
def test_crystals_come_back(name: str, write: Writer, tmp_path: Path) -> None:
    crystal = written(tmp_path, name, write(silicon())).crystal
    assert crystal is not None and crystal.species == ("Si", "Si")
    np.testing.assert_allclose(crystal.lattice, silicon().lattice, atol=1e-6)
    np.testing.assert_allclose((crystal.frac_coords - silicon().places + 0.5) % 1.0, 0.5, atol=1e-6)


@pytest.mark.parametrize("run", [silicon, iron], ids=["silicon", "iron"])
@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("SIESTA .EIG", {"x.EIG": siesta_eig, "x.KP": siesta_kp}),
        ("CASTEP .bands", {"x.bands": castep_bands}),
        ("DFTB+ band.out", {"band.out": dftb_bands}),
    ],
)  # fmt: skip
def test_eigenvalues_become_a_curve(kind: str, files: dict[str, Writer], run: Callable[[], Run], tmp_path: Path) -> None:
    known = run()
    for name, write in reversed(files.items()):
        (tmp_path / name).write_bytes(write(known))
    dos = read_dos(tmp_path / next(iter(files)))
    spectrum = dos.spectrum
    assert dos.format == kind and spectrum.broadening == 0.1 and noted(dos, "each eigenvalue a Gaussian of 0.1 eV")
    expected = np.stack([np.interp(spectrum.energies, known.energies, row) for row in known.densities])
    np.testing.assert_allclose(spectrum.densities, expected, atol=0.02 * expected.max())
    assert spectrum.fermi == pytest.approx(known.fermi, abs=0.3)  # DFTB+ states none: between the occupied and the empty
    gap = 0.5228 if len(known.densities) == 1 else 0.0
    assert spectrum.gap == pytest.approx(gap, abs=1e-3)


def test_siesta_needs_the_weights_of_its_k_points(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"29 k-points without their weights; put SIESTA's \.KP beside it"):
        written(tmp_path, "x.EIG", siesta_eig(silicon()))
    (tmp_path / "x.KP").write_bytes(siesta_kp(silicon())[:-40])
    with pytest.raises(FileFormatError, match="those of one run"):
        read_dos(tmp_path / "x.EIG")


@pytest.mark.parametrize(("name", "write"), [("x.EIG", siesta_eig), ("x.PDOS.xml", siesta_pdos)])
def test_siesta_has_its_fermi_level_in_a_file_beside(name: str, write: Writer, tmp_path: Path) -> None:
    with pytest.raises(SpectrumError, match="no Fermi level is stated"):
        written(tmp_path, "x.DOS", siesta_dos(silicon()))
    (tmp_path / name).write_bytes(write(silicon()))
    dos = read_dos(tmp_path / "x.DOS")
    assert dos.format == "SIESTA .DOS" and noted(dos, f"stands in {name}")
    assert_run(dos, silicon())


def test_siesta_takes_the_last_fermi_level_of_its_output(tmp_path: Path) -> None:
    lines = "".join(f"siesta:         Fermi = {level:14.6f}\n" for level in (0.0, silicon().fermi))
    (tmp_path / "run.out").write_text(f"Welcome to SIESTA\n{lines}")
    assert_run(written(tmp_path, "x.DOS", siesta_dos(silicon())), silicon())


def test_siesta_with_its_eigenvalues_beside_has_its_gap(tmp_path: Path) -> None:
    for name, write in (("x.EIG", siesta_eig), ("x.KP", siesta_kp)):
        (tmp_path / name).write_bytes(write(silicon()))
    spectrum = written(tmp_path, "x.DOS", siesta_dos(silicon())).spectrum
    assert spectrum.gap == pytest.approx(0.5228, abs=1e-3)
    assert spectrum.valence_top == pytest.approx(6.3007, abs=1e-3)


@pytest.mark.parametrize(("name", "write", "fermi"), [("detailed.out", dftb_detailed, 6.7301), ("band.out", dftb_bands, 6.562)])
def test_dftb_has_its_fermi_level_in_a_file_beside(name: str, write: Writer, fermi: float, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(write(silicon()))
    spectrum = written(tmp_path, "dos_total.dat", bare(silicon())).spectrum
    assert spectrum.fermi == pytest.approx(fermi, abs=1e-3)
    assert (spectrum.gap is None) == (name == "detailed.out")


def test_octopus_has_its_fermi_level_in_a_file_beside(tmp_path: Path) -> None:
    with pytest.raises(SpectrumError, match="no Fermi level is stated"):
        written(tmp_path, "total-dos.dat", octopus(silicon()))
    (tmp_path / "total-dos-efermi.dat").write_bytes(octopus_fermi(silicon()))
    assert_run(read_dos(tmp_path / "total-dos.dat"), silicon())
    spin = octopus(silicon()).replace(b"total DOS", b"total DOS (spin-resolved)")
    with pytest.raises(FileFormatError, match="one spin of a run of Octopus"):
        written(tmp_path, "total-dos-1.dat", spin)


def test_wien2k_spins_lie_beside_each_other(tmp_path: Path) -> None:
    assert_run(written(tmp_path, "a.dos1ev", wien2k(silicon(), 0)), silicon())
    with pytest.raises(FileFormatError, match=r"put x\.dos1evdn beside it"):
        written(tmp_path, "x.dos1evup", wien2k(iron(), 0))
    (tmp_path / "x.dos1evdn").write_bytes(wien2k(iron(), 1))
    for name in ("x.dos1evup", "x.dos1evdn"):
        assert_run(read_dos(tmp_path / name), iron())
    assert_run(written(tmp_path, "a.dos1", wien2k(silicon(), 0, rydberg=True)), silicon())
    for spin, name in enumerate(("y.dos1up", "y.dos1dn")):
        (tmp_path / name).write_bytes(wien2k(iron(), spin, rydberg=True))
    assert_run(read_dos(tmp_path / "y.dos1up"), iron())


def test_bands_and_edges_of_castep_serve_optados(tmp_path: Path) -> None:
    (tmp_path / "x.bands").write_bytes(castep_bands(silicon()))
    spectrum = written(tmp_path, "x.adaptive.dat", optados(silicon())).spectrum
    assert spectrum.gap == pytest.approx(0.5228, abs=1e-3)
    assert spectrum.valence_top == pytest.approx(6.3007 - silicon().fermi, abs=1e-3)


def test_vaspout_has_its_gap_from_the_eigenvalues(tmp_path: Path) -> None:
    dos = written(tmp_path, "vaspout.h5", vaspout(silicon()))
    assert dos.electrons == 8 and dos.composition == (("Si", 1),)
    assert dos.spectrum.gap == pytest.approx(0.5228, abs=1e-3)
    assert written(tmp_path, "vaspout.h5", vaspout(iron())).spectrum.gap == 0.0


def test_parts_of_a_siesta_run_are_no_whole(tmp_path: Path) -> None:
    half = siesta_pdos(silicon()).replace(b"<norbitals>2", b"<norbitals>8")
    with pytest.raises(FileFormatError, match="holds 2 of 8 orbitals"):
        written(tmp_path, "x.PDOS.xml", half)


def test_archives_that_are_not_whole(tmp_path: Path) -> None:
    for content, message in (
        (b'{"run": [{"calculation": [{"energy": {}}]}]}', "NOMAD archive without an electronic density of states"),
        (nomad(silicon()).replace(b"e-18", b"e-08"), "not in joule"),
        (b'{"x_array": [1, 2, 3], "y_array_0": [1, 2]}', "arrays differ in length"),
        (b'{"x_array": [1, 2, 3], "x_units": "furlong", "y_array_0": [1, 2, 3]}', "energies in furlong"),
        (store(silicon())[:-1] + b"," + store(silicon())[1:], "holds 2 documents"),
    ):
        with pytest.raises(FileFormatError, match=message):
            written(tmp_path, "a.json", content)


def test_of_one_run_the_best_file_is_read(tmp_path: Path) -> None:
    run = silicon()
    files = {
        "a/x.DOS": siesta_dos(run), "a/x.EIG": siesta_eig(run), "a/x.KP": siesta_kp(run), "a/x.PDOS.xml": siesta_pdos(run),
        "b/x.dos1evup": wien2k(iron(), 0), "b/x.dos1evdn": wien2k(iron(), 1),
        "c/TDOS.OUT": elk_tdos(run), "c/dos.xml": exciting_xml(run), "d/band.out": dftb_bands(run), "e/vaspout.h5": vaspout(run),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = {path.relative_to(tmp_path).as_posix() for path, dos in read_folder(tmp_path) if isinstance(dos, FileDos)}
    assert found == {"a/x.DOS", "b/x.dos1evup", "c/TDOS.OUT", "d/band.out", "e/vaspout.h5"}


def test_the_xml_of_a_run_of_quantum_espresso(tmp_path: Path) -> None:
    from known import FIXTURES

    (tmp_path / "si.save").mkdir()
    (tmp_path / "si.save" / "data-file-schema.xml").write_bytes(unpacked(FIXTURES / "crystals" / "espresso-si.xml.gz"))
    alone = read_dos(tmp_path / "si.save" / "data-file-schema.xml")
    assert alone.format == "Quantum ESPRESSO XML" and alone.electrons == 8 and alone.composition == (("Si", 1),)
    assert alone.spectrum.gap == pytest.approx(0.5228, abs=1e-3)
    for name in ("dos", "pdos_tot"):  # the latter states no Fermi level
        content = unpacked(FIXTURES / "dos" / f"espresso-si.{name}.gz")
        with_xml = written(tmp_path, f"si.{name}", content)
        assert with_xml.spectrum.fermi == pytest.approx(6.7301, abs=1e-3)
        assert with_xml.spectrum.gap == pytest.approx(0.5228, abs=1e-3)
        assert noted(with_xml, "si.save/data-file-schema.xml")
    found = [path.name for path, dos in read_folder(tmp_path) if isinstance(dos, FileDos)]
    assert found == ["si.dos", "si.pdos_tot"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "si.out").write_text(
        "     Program PWSCF v.6\n     the Fermi energy is     6.5000 ev\n     the Fermi energy is     6.7301 ev\n"
    )
    by_output = written(tmp_path / "other", "si.pdos_tot", unpacked(FIXTURES / "dos" / "espresso-si.pdos_tot.gz"))
    assert by_output.spectrum.fermi == 6.7301 and noted(by_output, "stands in si.out")
    fixed = "     Program PWSCF v.6\n     highest occupied, lowest unoccupied level (ev):     6.3007    6.8235\n"
    (tmp_path / "other" / "si.out").write_text(fixed)
    assert read_dos(tmp_path / "other" / "si.pdos_tot").spectrum.fermi == pytest.approx(6.5621)
    old = unpacked(FIXTURES / "dos" / "espresso-si.dos.gz").replace(b"6.730", b"0.000", 1)  # dos.x before 6.6, fixed occupations
    assert written(tmp_path, "si.dos", old).spectrum.fermi == pytest.approx(6.7301, abs=1e-3)
    other = unpacked(FIXTURES / "dos" / "espresso-si.dos.gz").replace(b"6.730", b"3.730", 1)  # of another run
    assert written(tmp_path, "si.dos", other).spectrum.gap is None


def test_noncollinear_runs_of_siesta_hold_both_spins_together(tmp_path: Path) -> None:
    lines = siesta_dos(iron()).decode().splitlines()
    content = "".join(f"{line}{0.0:20.5f}{0.0:20.5f}\n" for line in lines).encode()
    (tmp_path / "x.DOS").write_bytes(content)
    dos = read_dos(tmp_path / "x.DOS", fermi=iron().fermi)
    assert_run(dos, iron(), summed=True)
    assert noted(dos, "noncollinear")


def test_older_headers_of_optados_and_abinit(tmp_path: Path) -> None:
    wrong = optados(iron())
    for number in (2, 3, 4, 5):  # it called the energy and the first spin column 1
        wrong = wrong.replace(f" #    {number} ".encode(), f" #    {number - 1} ".encode())
    dos = written(tmp_path, "x.fixed.dat", wrong)
    assert_run(dos, iron())
    content = unpacked(RUNS / "abinit-si" / "sio_DS2_DOS.gz").decode().splitlines()
    old = [
        line.replace("# energy(Ha)", "#index  energy(Ha)") if line.startswith("#") else f"{n:5d}{line}"
        for n, line in enumerate(content)
    ]
    found = written(tmp_path, "old_DOS", "\n".join(old).encode()).spectrum
    new = read_dos(RUNS / "abinit-si" / "sio_DS2_DOS.gz").spectrum
    np.testing.assert_array_equal(found.energies, new.energies)
    np.testing.assert_array_equal(found.densities, new.densities)


def test_what_is_joint_or_projected_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="a joint density of states"):
        written(tmp_path, "x.jadaptive.dat", optados(silicon()))
    projected = optados(silicon()).replace(b"Density of States using adaptive", b"Partial Density of States -- Projectors")
    with pytest.raises(FileFormatError, match="holds projections"):
        written(tmp_path, "x.pdos.dat", projected)
