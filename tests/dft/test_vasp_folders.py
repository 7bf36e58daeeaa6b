"""VASP by folders: what is written, and what is read of finished runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints

from dosmith.crystals.molecules import molecule
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft.plan import Entry
from dosmith.dft.vasp import read_runs, write_runs
from dosmith.errors import DosmithError, NotFoundError
from dosmith.library.stability import MOLECULE

FIXTURE = Path(__file__).parent.parent / "fixtures" / "vasprun-AlN.xml.gz"


def entry(prototype: str, *elements: str, volume: float = 14.0) -> Entry:
    structure = molecule(elements[0], 8.0) if prototype == MOLECULE else PROTOTYPES[prototype].structure(elements, volume)
    species = tuple(site.specie.symbol for site in structure)
    return Entry(prototype, species, np.array(structure.lattice.matrix), np.array(structure.frac_coords))


class TestWrite:
    def test_the_papers_settings(self, tmp_path: Path) -> None:
        (place,) = write_runs([entry("L1_2", "Pt", "Ni")], tmp_path)
        assert place.name == "Pt3Ni-L1_2"
        relax, dos = Incar.from_file(place / "relax" / "INCAR"), Incar.from_file(place / "dos" / "INCAR")
        assert (relax["ENCUT"], relax["EDIFF"], relax["EDIFFG"], relax["ISIF"]) == (520, 1e-4, -0.01, 3)
        assert (dos["ENCUT"], dos["NSW"], dos["ISMEAR"]) == (520, 0, -5)
        assert relax["ISPIN"] == 2 and relax["MAGMOM"]
        assert list(Kpoints.from_file(place / "relax" / "KPOINTS").kpts[0]) == [10, 10, 10]
        assert list(Kpoints.from_file(place / "dos" / "KPOINTS").kpts[0]) == [24, 24, 24]
        assert (place / "POTCAR.spec").read_text().split() == ["Ni_pv", "Pt"]
        assert not list(place.rglob("POTCAR"))
        assert os.access(place / "run.sh", os.X_OK)
        structure = Structure.from_file(place / "relax" / "POSCAR")
        assert structure.get_space_group_info()[1] == 221

    def test_no_spin_and_no_hubbard_u_where_none_belongs(self, tmp_path: Path) -> None:
        places = write_runs([entry("E2_1", "Ba", "Ti", "O"), entry("E2_1", "Ba", "Mn", "O")], tmp_path)
        incars = [Incar.from_file(place / "relax" / "INCAR") for place in places]
        assert [incar["ISPIN"] for incar in incars] == [1, 2]
        assert "MAGMOM" not in incars[0]
        assert not any(incar.get("LDAU") for incar in incars)

    def test_a_molecule_keeps_its_box(self, tmp_path: Path) -> None:
        (place,) = write_runs([entry(MOLECULE, "H")], tmp_path)
        assert Incar.from_file(place / "relax" / "INCAR")["ISIF"] == 2
        assert list(Kpoints.from_file(place / "dos" / "KPOINTS").kpts[0]) == [1, 1, 1]


class TestWriteAgain:
    def test_what_vasp_and_people_left_there_stays(self, tmp_path: Path) -> None:
        (place,) = write_runs([entry("L1_2", "Pt", "Ni")], tmp_path)
        others = {"POTCAR": "of VASP", "relax/CONTCAR": "relaxed", "dos/POSCAR": "relaxed", "relax/OUTCAR": "long"}
        for name, text in others.items():
            (place / name).write_text(text)
        write_runs([entry("L1_2", "Pt", "Ni", volume=13.0)], tmp_path)
        assert {name: (place / name).read_text() for name in others} == others
        assert Structure.from_file(place / "relax" / "POSCAR").volume == pytest.approx(4 * 13.0)
        assert os.access(place / "run.sh", os.X_OK)

    @pytest.mark.parametrize("name", ["relax/INCAR", "dos/KPOINTS", "run.sh"])
    def test_what_a_person_changed_is_left_alone_and_nothing_else_is_written(self, tmp_path: Path, name: str) -> None:
        entries = [entry("A1", "Pt"), entry("L1_2", "Pt", "Ni")]
        place = write_runs(entries[1:], tmp_path)[0]
        with open(place / name, "a") as file:
            file.write("NCORE = 4\n")
        with pytest.raises(DosmithError, match=rf"{name} was not written by dosmith, or was changed since.* --out"):
            write_runs(entries, tmp_path)
        assert (place / name).read_text().endswith("NCORE = 4\n")
        assert not [path for path in (tmp_path / entries[0].id).rglob("*") if path.is_file()]

    def test_no_link_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "Pt-A1").mkdir()
        (tmp_path / "mine").write_text("mine")
        (tmp_path / "Pt-A1" / "run.sh").symlink_to(tmp_path / "mine")
        with pytest.raises(DosmithError, match="left alone"):
            write_runs([entry("A1", "Pt")], tmp_path)
        assert (tmp_path / "mine").read_text() == "mine"


class TestRead:
    def test_a_finished_run(self, tmp_path: Path) -> None:
        wurtzite = entry("B4", "Al", "N", volume=10.5)
        (place,) = write_runs([wurtzite], tmp_path)
        shutil.copy(FIXTURE, place / "dos" / "vasprun.xml.gz")
        found, reasons = read_runs([wurtzite, entry("A1", "Pt")], tmp_path)
        material = found["AlN-B4"]
        assert set(found) == {"AlN-B4"} and set(reasons) == {"Pt-A1"}
        assert material.formula == "AlN" and material.space_group == "P6_3mc"
        assert -8 < material.provenance["energy_per_atom"] < -5
        assert material.spectrum.total.max() > 0

    def test_a_run_of_something_else_or_a_broken_one_is_told(self, tmp_path: Path) -> None:
        entries = [entry("B1", "Mg", "O"), entry("B3", "Al", "N")]
        first, second = write_runs(entries, tmp_path)
        shutil.copy(FIXTURE, first / "dos" / "vasprun.xml.gz")
        (second / "dos" / "vasprun.xml").write_text("<?xml version='1.0'?><modeling>")
        found, reasons = read_runs(entries, tmp_path)
        assert not found
        assert "is of AlN" in reasons["MgO-B1"]
        assert "truncated" in reasons["AlN-B3"]


def test_folders_that_cannot_be_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DosmithError, match="cannot write"):
        write_runs([entry("A1", "Pt")], tmp_path / "file")
    with pytest.raises(NotFoundError, match="no folder"):
        read_runs([entry("A1", "Pt")], tmp_path / "nowhere")
