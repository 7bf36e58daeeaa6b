"""The crystal of a density of states: in its own file, or in files beside it, laid out as each program leaves them."""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.electronic_structure.core import Spin
from pymatgen.electronic_structure.dos import CompleteDos, Dos
from samples import DOWN, UP, E, doscar, parse, table, vasprun

from dosmith import formulas
from dosmith.constants import BOHR
from dosmith.errors import FileFormatError
from dosmith.sources import aims, cp2k, espresso
from dosmith.sources.beside import crystal_of
from dosmith.sources.crystal import Crystal, element_of
from dosmith.sources.files import read_dos

FILES = Path(__file__).parents[1] / "fixtures" / "dos"
PT3NI = Structure(Lattice.cubic(3.85), ["Ni", "Pt", "Pt", "Pt"], [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def unpacked(name: str, place: Path) -> Path:
    """A fixture where its program would have left it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    (packed,) = FILES.parent.glob(f"*/{name}.gz")
    place.write_bytes(gzip.decompress(packed.read_bytes()))
    return place


def of(path: Path, **options: float) -> Crystal | None:
    return crystal_of(path, read_dos(path, **options))


def assert_diamond(crystal: Crystal | None, atoms: int, edge: float, symbol: str = "Si") -> None:
    """Every atom has four neighbours at sqrt(3)/4 of the edge."""
    assert crystal is not None
    assert crystal.species == (symbol,) * atoms
    structure = Structure(crystal.lattice, crystal.species, crystal.frac_coords)
    assert structure.volume / atoms == pytest.approx(edge**3 / 8, rel=1e-4)
    assert all(
        sorted(n.nn_distance for n in shell) == pytest.approx([edge * 3**0.5 / 4] * 4, rel=1e-4)
        for shell in structure.get_all_neighbors(0.5 * edge)
    )


class TestInTheFileItself:
    def test_vasprun_ends_where_its_run_ended(self) -> None:
        found = read_dos(FILES.parent / "vasprun-AlN.xml.gz")
        assert found.electrons == 16
        assert found.crystal is not None and found.crystal.species == ("Al", "Al", "N", "N")
        structure = Structure(found.crystal.lattice, found.crystal.species, found.crystal.frac_coords)
        assert structure.get_space_group_info() == ("P6_3mc", 186)
        nearest = min(n.nn_distance for n in structure.get_neighbors(structure[0], 3))
        assert nearest == pytest.approx(1.9, abs=0.02)  # Al-N in wurtzite, Angstrom

    def test_a_damaged_crystal_costs_nothing_else(self) -> None:
        for cell in ("<v> 1 0 0 </v>", "<v> 1 0 x </v>" * 3, "<v> 0 0 0 </v>" * 3, "<v> 1e300 0 0 </v>" * 3):
            piece = f'<structure><crystal><varray name="basis" >{cell}</varray></crystal><varray name="positions" ></varray></structure>'
            found = parse(vasprun(UP).replace(b"</modeling>", piece.encode() + b"</modeling>"))
            assert found.crystal is None and found.composition == formulas.parse("Pt3Ni")
            assert any("the crystal is not read" in note for note in found.spectrum.notes)
        assert parse(vasprun(UP)).crystal is None

    def test_complete_dos_of_pymatgen(self) -> None:
        dos = Dos(0.0, E, {Spin.up: UP, Spin.down: DOWN})
        found = parse(json.dumps(CompleteDos(PT3NI, dos, {}).as_dict(), default=float).encode())
        assert found.crystal is not None and found.crystal.species == ("Ni", "Pt", "Pt", "Pt")
        np.testing.assert_allclose(found.crystal.lattice, PT3NI.lattice.matrix)
        np.testing.assert_allclose(found.crystal.frac_coords, PT3NI.frac_coords)


class TestVasp:
    def test_contcar_goes_before_poscar(self, tmp_path: Path) -> None:
        path = tmp_path / "DOSCAR"
        path.write_bytes(doscar(UP))
        assert of(path) is None
        PT3NI.copy().scale_lattice(60).to(str(tmp_path / "POSCAR"), fmt="poscar")
        assert (found := of(path)) is not None and found.file == "POSCAR"
        (tmp_path / "CONTCAR").write_text("")  # of a run that was stopped
        assert (found := of(path)) is not None and found.file == "POSCAR"
        PT3NI.to(str(tmp_path / "CONTCAR"), fmt="poscar")
        found = of(path)
        assert found is not None and found.file == "CONTCAR"
        assert found.composition == formulas.parse("Pt3Ni")
        np.testing.assert_allclose(found.lattice, PT3NI.lattice.matrix)

    def test_packed_runs(self, tmp_path: Path) -> None:
        (tmp_path / "DOSCAR.gz").write_bytes(gzip.compress(doscar(UP)))
        (tmp_path / "CONTCAR.gz").write_bytes(gzip.compress(PT3NI.to(fmt="poscar").encode()))
        assert (found := of(tmp_path / "DOSCAR.gz")) is not None and found.file == "CONTCAR.gz"

    def test_another_runs_crystal_is_not_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "DOSCAR"
        path.write_bytes(doscar(UP))  # of four atoms
        (PT3NI * (2, 1, 1)).to(str(tmp_path / "CONTCAR"), fmt="poscar")
        assert of(path) is None

    def test_elements_are_not_guessed(self, tmp_path: Path) -> None:
        path = tmp_path / "DOSCAR"
        path.write_bytes(doscar(UP))
        head = ["what I did", *PT3NI.to(fmt="poscar").splitlines()[1:5]]  # of VASP 4
        (tmp_path / "POSCAR").write_text("\n".join([*head, "1 3", "direct", *["0.1 0.2 0.3"] * 4]))
        assert of(path) is None


class TestEspresso:
    def test_the_run_of_the_same_prefix(self, tmp_path: Path) -> None:
        dos = unpacked("espresso-si.dos", tmp_path / "si.dos")
        unpacked("espresso-si.xml", tmp_path / "out" / "si.save" / "data-file-schema.xml")
        other = unpacked("espresso-si.xml", tmp_path / "out" / "al.save" / "data-file-schema.xml")
        other.write_bytes(other.read_bytes().replace(b'name="Si"', b'name="Al"'))
        found = of(dos)
        assert_diamond(found, 2, 10.2 * BOHR)
        assert found is not None and found.file == "out/si.save/data-file-schema.xml"
        (other.parent / "al.dos").write_bytes(dos.read_bytes())
        found = of(other.parent / "al.dos")
        assert found is not None and found.species == ("Al", "Al")

    def test_runs_that_cannot_be_told_apart(self, tmp_path: Path) -> None:
        dos = unpacked("espresso-si.dos", tmp_path / "dos.dat")
        unpacked("espresso-si.xml", tmp_path / "pwscf.xml")
        assert_diamond(of(dos), 2, 10.2 * BOHR)
        other = unpacked("espresso-si.xml", tmp_path / "ge.xml")
        other.write_bytes(other.read_bytes().replace(b'name="Si"', b'name="Ge"'))
        assert of(dos) is None

    def test_what_pw_prints(self, tmp_path: Path) -> None:
        dos = unpacked("espresso-al.dos", tmp_path / "al.dos")
        output = unpacked("espresso-al.nscf.out", tmp_path / "al.nscf.out")
        found = of(dos)
        assert found is not None and found.species == ("Al",)
        assert abs(np.linalg.det(found.lattice)) == pytest.approx((7.5 * BOHR) ** 3 / 4, rel=1e-5)
        text = output.read_text()
        output.write_text(text + 50_000 * "\n")  # a pattern tried from each of them would take minutes
        again = of(dos)
        assert again is not None and again.alike(found)
        output.write_text(text + "\nATOMIC_POSITIONS (alat)\nAl 0 0 0\n")  # of a relaxation
        assert of(dos) is None


CP2K = """&GLOBAL
  PROJECT si  ! a name
  RUN_TYPE {run}
&END GLOBAL
&FORCE_EVAL
  &SUBSYS
    &CELL
      {cell}
    &END CELL
    &COORD
      {coord}
    &END COORD
    &KIND Si_a
      ELEMENT Si
    &END KIND
  &END SUBSYS
&END FORCE_EVAL
"""


class TestCp2k:
    def test_the_input_of_the_same_project(self, tmp_path: Path) -> None:
        dos = unpacked("cp2k-si_k-1.dos", tmp_path / "si_k-1.dos")
        given = unpacked("cp2k-si_k.inp", tmp_path / "k.inp")
        found = of(dos)
        assert_diamond(found, 8, 5.43)
        assert found is not None and found.file == "k.inp"
        assert read_dos(dos).electrons == pytest.approx(32, abs=1e-4)
        given.write_text(given.read_text().replace("si_k", "ge_k"))
        assert of(dos) is None

    @pytest.mark.parametrize(
        ("cell", "coord"),
        [
            ("ABC 5.43 5.43 5.43\n ALPHA_BETA_GAMMA 90 90 90", "Si 0 0 0\n Si1 1.3575 1.3575 1.3575"),
            ("A 5.43 0 0\n B 0 5.43 0\n C 0 0 5.43", "SCALED\n Si_a 0 0 0\n Si 0.25 0.25 0.25 MOL1"),
            (f"ABC [bohr] {' '.join([f'{5.43 / BOHR:.9f}'] * 3)}", "UNIT angstrom\n SCALED .FALSE.\n Si 0 0 0\n SI 1.3575 1.3575 1.3575"),
            ("PERIODIC xyz\n ABC [nm] 0.543 0.543 0.543", "UNIT pm\n Si 0 0 0 # first\n Si 135.75 135.75 135.75"),
        ],
    )  # fmt: skip
    def test_ways_to_write_a_cell(self, cell: str, coord: str) -> None:
        project, crystal = cp2k.read_crystal(CP2K.format(run="ENERGY", cell=cell, coord=coord.replace("SI ", "Si ")))
        assert project == "si"
        np.testing.assert_allclose(crystal.lattice, np.eye(3) * 5.43, atol=1e-6)
        np.testing.assert_allclose(crystal.frac_coords, [[0, 0, 0], [0.25] * 3], atol=1e-6)
        assert crystal.species == ("Si", "Si")

    @pytest.mark.parametrize(
        "change",
        [
            {"run": "CELL_OPT"},
            {"cell": "ABC ${A} ${A} ${A}"},
            {"cell": "@INCLUDE cell.inc"},
            {"cell": "ABC 5.43 5.43"},
            {"cell": "PERIODIC NONE\n ABC 9 9 9"},
            {"cell": "ABC 5 5 5\n MULTIPLE_UNIT_CELL 2 1 1"},
            {"cell": "CELL_FILE_NAME a.cif\n ABC 5 5 5"},
            {"coord": ""},
            {"coord": "Qq 0 0 0"},
            {"coord": "Si 0 0 0\n&END\n&TOPOLOGY\n COORD_FILE_NAME a.xyz"},
            {"coord": "UNIT parsec\n Si 0 0 0"},
        ],
    )
    def test_what_is_not_said_whole_is_refused(self, change: dict[str, str]) -> None:
        text = CP2K.format(**{"run": "ENERGY", "cell": "ABC 5.43 5.43 5.43", "coord": "Si 0 0 0"} | change)
        with pytest.raises(FileFormatError):
            cp2k.read_crystal(text)

    def test_sections_without_an_end_are_refused(self) -> None:
        """Their names, each with those around it, would take the square of the file in memory."""
        with pytest.raises(FileFormatError, match="do not end"):
            cp2k.read_crystal(CP2K.format(run="ENERGY", cell="ABC 5 5 5", coord="Si 0 0 0") + "&SCF\n" * 50_000)

    def test_a_restart_file_has_the_last_positions(self) -> None:
        text = CP2K.format(run="GEO_OPT", cell="ABC 5.43 5.43 5.43", coord="Si 0 0 0")
        assert cp2k.read_crystal(f" # Version information for this restart file \n{text}")[0] == "si"


def test_geometry_of_aims(tmp_path: Path) -> None:
    head = "# total density of states output by FHI-aims\n# The energy reference for this output is the chemical potential, mu = -5.0 eV\n"
    path = tmp_path / "KS_DOS_total.dat"
    path.write_bytes(table(E, UP, head=head))
    assert of(path) is None
    text = "lattice_vector 0 2.1 2.1 # rock salt\nlattice_vector 2.1 0 2.1\nlattice_vector 2.1 2.1 0\natom 0 0 0 Mg\n initial_moment 0\n"
    (tmp_path / "geometry.in").write_text(text + "atom_frac 0.5 0.5 0.5 O\n")
    found = of(path)
    assert found is not None and found.composition == formulas.parse("MgO")
    np.testing.assert_allclose(found.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-12)
    with pytest.raises(FileFormatError):
        aims.read_geometry("atom 0 0 0 Mg\n")  # a molecule


@pytest.mark.parametrize(
    ("name", "beside", "taken"),
    [
        ("dos.csv", "dos.cif", True),
        ("mine.csv", "mine.vasp", True),
        ("slab_tdos.dat", "slab.cif", True),
        ("run-Pt3Ni-total.csv", "Pt3Ni.cif", True),
        ("Pt3Ni.csv", "other.cif", False),
        ("Pt-Ni.csv", "Pt.cif", False),
        ("Cu.csv", "Cu.cif", False),  # holds Pt3Ni
    ],
)
def test_a_crystal_of_the_same_name(tmp_path: Path, name: str, beside: str, taken: bool) -> None:
    path = tmp_path / name
    path.write_bytes(table(E, UP))
    PT3NI.to(str(tmp_path / beside), fmt="cif" if beside.endswith("cif") else "poscar")
    found = of(path)
    assert (found is not None) == taken
    if found is not None:
        assert (found.file, found.composition) == (beside, formulas.parse("Pt3Ni"))


def test_the_restart_file_of_gpaw(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    unpacked("gpaw-Al-gpaw.csv", tmp_path / "Al-gpaw.csv")
    unpacked("gpaw-Al.gpw", tmp_path / "Al.gpw")
    found = of(tmp_path / "Al-gpaw.csv")
    assert found is not None and found.species == ("Al",)
    assert abs(np.linalg.det(found.lattice)) == pytest.approx(4.05**3 / 4)


@given(st.sampled_from(["CONTCAR", "mine.cif", "mine.vasp", "mine.gpw"]), st.binary(max_size=200))
def test_whatever_lies_beside_a_curve_is_read(tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("run")
    for path, curve in ((folder / "DOSCAR", doscar(UP)), (folder / "mine.csv", table(E, UP))):
        path.write_bytes(curve)
        (folder / name).write_bytes(content)
        found = of(path)
        assert found is None or len(found.species) > 0


@given(st.binary(max_size=300))
def test_random_inputs_are_a_crystal_or_an_error(content: bytes) -> None:
    text = content.decode("latin-1")
    for read, given_ in (
        (cp2k.read_crystal, CP2K.format(run="ENERGY", cell=f"ABC 5 5 5\n{text}", coord="Si 0 0 0")),
        (aims.read_geometry, f"lattice_vector 1 0 0\n{text}"),
        (espresso.read_crystal, b"<qes:espresso><atomic_structure>" + content + b"</atomic_structure>"),
    ):
        with contextlib.suppress(FileFormatError, ValueError, IndexError):  # beside.py takes any of these for no crystal
            read(given_)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("label", "symbol"), [("Ni1", "Ni"), ("Ni_up", "Ni"), ("C", "C"), ("Co", "Co"), ("O2-", "O"), ("H_a", "H")]
)
def test_labels_of_atoms(label: str, symbol: str) -> None:
    assert element_of(label) == symbol


@pytest.mark.parametrize("label", ["", "x", "Qq", "1Ni"])
def test_labels_that_are_no_elements(label: str) -> None:
    with pytest.raises(FileFormatError):
        element_of(label)


def test_a_crystal_is_checked() -> None:
    cube, place = np.eye(3) * 4, np.zeros((1, 3))
    assert Crystal(cube, ("Pt",), place).composition == (("Pt", 1),)
    for bad in ((cube * 0, ("Pt",), place), (cube, ("Pt", "Pt"), place), (cube, (), place[:0]), (cube, ("Qq",), place),
                (cube * np.nan, ("Pt",), place), (cube, ("Pt",), place + np.inf), (cube * 1e3, ("Pt",), place)):  # fmt: skip
        with pytest.raises(FileFormatError):
            Crystal(*bad)
