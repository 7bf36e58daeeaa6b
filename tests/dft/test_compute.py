"""One crystal for a user: what may name it, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.crystals.find import find_structure
from dosmith.dft.compute import compute
from dosmith.dft.engine import Calculation, Report
from dosmith.errors import DosmithError, EngineError, FileFormatError, FormulaError, NotFoundError
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.records import Projections, Spectrum
from dosmith.sources.files import load_dos, read_folder

ALUMINIUM = Structure([[0, 2.02, 2.02], [2.02, 0, 2.02], [2.02, 2.02, 0]], ["Al"], [[0, 0, 0]])
ENERGIES = np.linspace(-10, 10, 401)


class FakeEngine:
    name = "fake"

    def __init__(self) -> None:
        self.spins: list[bool] = []

    def compute(self, structure: Structure, *, spin: bool = False, report: Report | None = None) -> Calculation:
        self.spins.append(spin)
        densities = np.vstack([np.exp(-(ENERGIES**2))] * (2 if spin else 1))
        spectrum = Spectrum(ENERGIES, densities, 0.0, broadening=0.1, gap=0.0)
        projections = Projections((("Al", "s"), ("Al", "p")), np.stack([0.25 * densities, 0.75 * densities], axis=1))
        facts = {"code": "fake 1", "functional": "PBE"}
        return Calculation(-10.0 * len(structure), spectrum, 7.0, 0.05 * spin, 3, 1.0, facts, projections)


class TestStructure:
    def test_comes_from_the_library_by_id_and_by_formula(self, open_set: ParquetLibrary) -> None:
        assert find_structure("Al-A1", open_set) == open_set.material("Al-A1").structure
        rows = open_set.rows_of((("Al", 1),))
        assert find_structure("Al", open_set) == open_set.material(open_set.ids[rows[0]]).structure

    def test_comes_from_the_library_when_it_holds_the_prototype(self, open_set: ParquetLibrary) -> None:
        assert find_structure("Al", open_set, "a3") == open_set.material("Al-A3").structure

    @pytest.mark.parametrize("name", ["al.cif", "POSCAR", "al.json"])
    def test_comes_from_a_file_as_its_primitive_cell(self, open_set: ParquetLibrary, tmp_path: Path, name: str) -> None:
        big = ALUMINIUM.copy()
        big.make_supercell([2, 2, 2])
        big.to(str(tmp_path / name))
        found = find_structure(str(tmp_path / name), open_set)
        assert len(found) == 1
        assert found.volume == pytest.approx(ALUMINIUM.volume, rel=1e-4)

    def test_a_guess_is_the_lowest_of_all_crystals_and_not_of_the_known_ones(self, open_set: ParquetLibrary) -> None:
        pytest.importorskip("chgnet")
        library = MemoryLibrary([open_set.material("NaCl-B_h")])
        assert find_structure("NaCl", library).get_space_group_info()[0] == "P-6m2"
        assert find_structure("NaCl", library, guess=True).get_space_group_info()[0] == "Fm-3m"

    def test_comes_from_chgnet_when_nothing_else_knows_it(self, open_set: ParquetLibrary) -> None:
        pytest.importorskip("chgnet")
        assert "Pt3Ni-B1" not in open_set
        found = find_structure("PtNi", open_set, "B1")
        assert (found.composition.reduced_formula, len(found)) in {("NiPt", 2), ("PtNi", 2)}
        assert 12 < found.volume / 2 < 22

    @pytest.mark.parametrize(
        ("what", "prototype", "error", "words"),
        [
            ("missing.cif", None, NotFoundError, "no file"),
            ("Pt3Zz", None, FormulaError, "Zz"),
            ("Pt2Ni3", None, NotFoundError, "--prototype"),
            ("NaCl", "L1_2", NotFoundError, "fits B1"),
            ("Al", "B7", NotFoundError, "prototype"),
        ],
    )
    def test_is_refused_in_one_line(
        self, open_set: ParquetLibrary, what: str, prototype: str | None, error: type[DosmithError], words: str
    ) -> None:
        with pytest.raises(error, match=words) as caught:
            find_structure(what, open_set, prototype)
        assert "\n" not in str(caught.value)

    def test_in_a_broken_file_is_one_line(self, open_set: ParquetLibrary, tmp_path: Path) -> None:
        file = tmp_path / "broken.cif"
        file.write_text("data_x\nnot a crystal\n")
        with pytest.raises(FileFormatError, match="is no crystal: it has no _atom_site_label") as caught:
            find_structure(str(file), open_set)
        assert "\n" not in str(caught.value)

    def test_must_be_ordered(self, open_set: ParquetLibrary, tmp_path: Path) -> None:
        mixed = Structure(ALUMINIUM.lattice, [{"Al": 0.5, "Cu": 0.5}], [[0, 0, 0]])
        mixed.to(str(tmp_path / "mixed.cif"))
        with pytest.raises(FileFormatError, match="disordered"):
            find_structure(str(tmp_path / "mixed.cif"), open_set)


class TestCompute:
    def test_writes_what_is_needed_to_go_on(self, tmp_path: Path) -> None:
        result = compute(ALUMINIUM, FakeEngine(), tmp_path / "out")
        spectrum = load_dos(tmp_path / "out" / "dos.csv")
        np.testing.assert_allclose(spectrum.energies, ENERGIES, atol=1e-4)
        np.testing.assert_allclose(spectrum.total, result.spectrum.total, rtol=1e-5)
        facts = json.loads((tmp_path / "out" / "calculation.json").read_text())
        assert (facts["formula"], facts["energy_per_atom_ev"], facts["code"]) == ("Al", -10.0, "fake 1")
        assert Structure.from_file(tmp_path / "out" / "structure.cif").composition.reduced_formula == "Al"

    @pytest.mark.parametrize("spin", [False, True])
    def test_writes_projections_by_element_orbital_and_spin(self, tmp_path: Path, spin: bool) -> None:
        result = compute(ALUMINIUM, FakeEngine(), tmp_path, spin)
        lines = (tmp_path / "projections.csv").read_text().splitlines()
        plain = ["Al_s", "Al_p"]
        assert lines[0].split(",") == [
            "energy_ev",
            *([f"{name}_{way}" for way in ("up", "down") for name in plain] if spin else plain),
        ]
        table = np.array([line.split(",") for line in lines[1:]], dtype=float)
        np.testing.assert_allclose(table[:, 0], ENERGIES, atol=1e-4)
        np.testing.assert_allclose(table[:, 1:].sum(axis=1), result.spectrum.total, rtol=1e-4)
        assert [path.name for path, _ in read_folder(tmp_path)] == ["calculation.json", "dos.csv"]  # its parts are no target

    @pytest.mark.parametrize(
        ("symbol", "spin", "expected"), [("Ni", None, True), ("Al", None, False), ("Ni", False, False), ("Al", True, True)]
    )
    def test_is_spin_polarised_by_element_unless_told(
        self, tmp_path: Path, symbol: str, spin: bool | None, expected: bool
    ) -> None:
        engine = FakeEngine()
        crystal = Structure(ALUMINIUM.lattice, [symbol], [[0, 0, 0]])
        compute(crystal, engine, tmp_path, spin)
        assert engine.spins == [expected]
        remark, names, *_ = (tmp_path / "dos.csv").read_text().splitlines()
        assert remark.startswith("# density of states by dosmith: Fermi level 0.0 eV, broadening ")
        assert names.split(",") == (["energy_ev", "dos_up", "dos_down"] if expected else ["energy_ev", "dos"])

    def test_leaves_nothing_behind_when_the_engine_fails(self, tmp_path: Path) -> None:
        class Broken(FakeEngine):
            def compute(self, structure: Structure, *, spin: bool = False, report: Report | None = None) -> Calculation:
                raise EngineError("no")

        with pytest.raises(EngineError):
            compute(ALUMINIUM, Broken(), tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DosmithError, match="cannot write"):
            compute(ALUMINIUM, FakeEngine(), tmp_path / "file" / "out")
