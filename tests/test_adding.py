"""Files into a library, from Python and from the command line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from dosmith import formulas
from dosmith.adding import BATCH, Addition, add_files
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.library import MemoryLibrary, ParquetLibrary

FIXTURES = Path(__file__).parent / "fixtures"
VASPRUN = FIXTURES / "vasprun-AlN.xml.gz"
ENERGIES = np.linspace(-10, 10, 401)


def table(path: Path, centre: float = -2.0, head: str = "E - E_F (eV),dos") -> Path:
    """A metal's DOS as CSV."""
    rows = zip(ENERGIES, 0.3 + 4 * np.exp(-((ENERGIES - centre) ** 2)), strict=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *(f"{e:.3f},{d:.6f}" for e, d in rows)]))
    return path


def outcomes(additions: list[Addition]) -> list[str]:
    return [addition.outcome for addition in additions]


def test_a_file_is_added_once_whatever_its_name(tmp_path: Path) -> None:
    library = MemoryLibrary([])
    copy = shutil.copy(VASPRUN, tmp_path / "again.gz")
    plain = tmp_path / "plain.xml"
    plain.write_bytes(gzip.decompress(VASPRUN.read_bytes()))
    assert outcomes(list(add_files(library, [VASPRUN, copy]))) == ["added", "already there"]
    (again,) = add_files(library, [plain])
    assert (again.outcome, again.id) == ("already there", library.ids[0])
    material = library.material(library.ids[0])
    assert material.formula == "AlN"
    facts = {"source": "vasprun.xml", "file": VASPRUN.name, "gap_from": "curve", "n_electrons": 16.0}
    assert material.provenance == facts
    assert (material.crystal_system, material.space_group, material.prototype) == ("hexagonal", "P6_3mc", "B4")
    assert material.structure is not None and len(material.structure) == 4
    assert material.spectrum.gap == pytest.approx(4.18, abs=0.05)


@pytest.mark.parametrize(
    ("name", "formula"),
    [("Pt3Ni.csv", "Pt3Ni"), ("run-MgO-ase.dat", "MgO"), ("NSCF_Pd.csv", "Pd"), ("PtNi3/dos.csv", "Ni3Pt"), ("Ni-Pt.csv", None)],
)
def test_the_name_tells_the_composition_where_the_user_says_so(tmp_path: Path, name: str, formula: str | None) -> None:
    library = MemoryLibrary([])
    (found,) = add_files(library, [table(tmp_path / "results" / name)])
    assert found.outcome == "skipped" and "names no atoms; give --formula, or --formula name" in str(found.reason)
    (found,) = add_files(library, [tmp_path / "results" / name], named=True)
    if formula is None:
        assert (found.outcome, found.id) == ("skipped", None)
        assert "--formula" in str(found.reason)
        (found,) = add_files(library, [tmp_path / "results" / name], composition=formulas.parse("NiPt"))
        assert (found.outcome, found.reason) == ("added", None)
    else:
        assert library.formulas == [formula]
        assert found.reason == f"composition {formula} from the name"


@pytest.mark.parametrize("name", ["KS_DOS_total.dat", "HF.dat", "NO.csv", "Co.dat"])
def test_names_of_files_are_no_formulas(tmp_path: Path, name: str) -> None:
    (found,) = add_files(library := MemoryLibrary([]), [table(tmp_path / name)])
    assert (found.outcome, len(library)) == ("skipped", 0) and "names no atoms" in str(found.reason)


def test_a_header_states_the_formula(tmp_path: Path) -> None:
    path = table(tmp_path / "HF.csv", head="# formula: Pt3Ni\nE - E_F (eV),dos")
    (found,) = add_files(library := MemoryLibrary([]), [path])
    assert (found.outcome, library.formulas) == ("added", ["Pt3Ni"])


def test_a_crystal_beside_the_file_comes_along(tmp_path: Path) -> None:
    run = tmp_path / "B2-run"
    path = table(run / "total.csv")
    PROTOTYPES["B2"].structure(("Ni", "Al"), 12.0).to(str(run / "total.cif"), fmt="cif")
    found = add_files(library := MemoryLibrary([]), [path], composition=formulas.parse("NiAl"))
    assert [(a.outcome, a.reason) for a in found] == [("added", "crystal from total.cif")]
    (material,) = (library.material(identifier) for identifier in library.ids)
    assert (material.formula, material.prototype, material.space_group) == ("NiAl", "B2", "Pm-3m")
    assert material.provenance["crystal_from"] == "total.cif"
    assert library.select(crystal_system="cubic") == [0]
    other = list(add_files(bare := MemoryLibrary([]), [path], composition=formulas.parse("Pt3Ni")))
    assert [(a.outcome, a.reason) for a in other] == [("added", None)]  # what a person says goes before what lies there
    assert (bare.formulas, bare.crystal_systems) == (["Pt3Ni"], [None])


def test_a_fermi_level_from_the_electron_count(tmp_path: Path) -> None:
    energies = np.linspace(-5, 15, 401)  # no zero of energy that could be taken for the Fermi level
    rows = "\n".join(f"{e + 30:.3f},{2.0 * (0 < e < 10):.3f}" for e in energies)
    (tmp_path / "Al.csv").write_text(f"energy,dos\n{rows}")
    (skipped,) = add_files(library := MemoryLibrary([]), [tmp_path], named=True)
    assert skipped.outcome == "skipped" and "--electrons" in str(skipped.reason)
    assert outcomes(list(add_files(library, [tmp_path], electrons=6.0, named=True))) == ["added"]
    assert library.material(library.ids[0]).spectrum.fermi == pytest.approx(33.0, abs=0.06)


def test_a_folder_tells_of_every_file(tmp_path: Path) -> None:
    for number in range(BATCH + 3):
        table(tmp_path / f"Pt-{number:03d}.csv", -3 + number / 30)
    table(tmp_path / "deep" / "Pt-copy.csv", -3)
    (tmp_path / "notes.txt").write_text("what I did\n")
    (tmp_path / "Ni.csv").write_text("energy,dos\n1,2\n")
    for name in ("CHGCAR", "POSCAR.gz", "Pt.cif", "run.inp"):  # of the same calculation, not worth a word
        (tmp_path / name).write_text("1 2 3\n")
    found = list(add_files(library := MemoryLibrary([]), [tmp_path], named=True))
    assert len(library) == BATCH + 3
    assert sorted(outcomes(found)) == ["added"] * (BATCH + 3) + ["already there"] + ["skipped"] * 2
    assert all(a.reason for a in found if a.outcome == "skipped")
    assert outcomes(list(add_files(library, [tmp_path], named=True))).count("already there") == BATCH + 4


def test_options_go_before_what_files_say(tmp_path: Path) -> None:
    library = MemoryLibrary([])
    list(add_files(library, [table(tmp_path / "Pt.csv")], fermi=1.0, broadening=0.2, named=True))
    list(add_files(library, [tmp_path], fermi=2.0, named=True))
    spectra = [library.material(identifier).spectrum for identifier in library.ids]
    assert [(s.fermi, s.broadening) for s in spectra] == [(1.0, 0.2), (2.0, 0.0)]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    home = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xe9sultats"))
    path = table(home / os.fsdecode(b"Pt-\xff\n.csv"))
    library = ParquetLibrary.at(home / os.fsdecode(b"\xe4"), "own")
    (found,) = add_files(library, [path], named=True)
    assert (found.outcome, found.file) == ("added", f"{tmp_path}/r?sultats/Pt-??.csv")
    assert ParquetLibrary(library.folder).material(str(found.id)).provenance["file"] == "Pt-??.csv"


def run(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"XDG_DATA_HOME": str(home), "COLUMNS": "120"}
    command = [sys.executable, "-m", "dosmith", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def answer(*arguments: object, home: Path) -> str:
    result = run(*arguments, home=home)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_the_commands_from_first_to_last(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for words in (("data", "list"), ("similar", "AlN", "--library", "mine")):
        result = run(*words, home=home)
        assert result.returncode == 2
        assert "you have no library yet" in result.stderr
    table(tmp_path / "files" / "Pt3Ni.csv")
    added = json.loads(answer("data", "add", VASPRUN, tmp_path / "files", "--formula", "name", "--format", "json", home=home))
    assert [row["outcome"] for row in added] == ["added", "added"]
    assert "0 added, 2 already there, 0 skipped; 2 materials" in answer(
        "data", "add", VASPRUN, tmp_path / "files", "--formula", "name", home=home
    )
    rows = list(csv.DictReader(io.StringIO(answer("data", "list", "--format", "csv", home=home))))
    assert [row["formula"] for row in rows] == ["AlN", "Pt3Ni"]
    assert "Pt3Ni" not in (text := answer("data", "list", "--gap", "1:", home=home)) and "AlN" in text
    assert json.loads(answer("data", "list", "--elements", "Pt,Ni", "--format", "json", home=home))[0]["id"] == rows[1]["id"]
    assert "all as they were written" in answer("data", "verify", home=home)

    both = json.loads(
        answer("similar", VASPRUN, "--library", "open", "--library", "mine", "--format", "json", "--top", 40, home=home)
    )
    assert both["similar"][0]["id"] == rows[0]["id"]
    assert len(both["similar"]) == 40
    mine = json.loads(answer("similar", rows[1]["id"], "--library", "mine", "--format", "json", home=home))
    assert [row["formula"] for row in mine["similar"]] == ["Pt3Ni", "AlN"]

    for ending in ("parquet", "jsonl", "csv"):
        answer("data", "export", tmp_path / f"out.{ending}", home=home)
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [row["id"] for row in rows]
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines[1]["provenance"]["composition_from"] == "name"
    exported = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [float(v) for v in exported[1]["dos_up"].split()] == lines[1]["dos_up"]
    assert run("data", "export", tmp_path / "out.txt", home=home).returncode == 2
    same = json.loads(answer("data", "list", "--library", "mine", "--format", "json", home=home))
    assert [row["id"] for row in same] == [row["id"] for row in rows]
    metal = json.loads(answer("data", "list", "--library", "open", "--elements", "Pt", "--format", "json", home=home))
    assert {row["formula"] for row in metal} == {"Pt"}

    assert "1 removed; 1 materials" in answer("data", "remove", rows[0]["id"], home=home)
    assert run("data", "remove", rows[0]["id"], home=home).returncode == 2
    (shard,) = (home / "dosmith" / "library").glob("part-*.parquet")
    shard.write_bytes(shard.read_bytes()[:-100])
    result = run("data", "verify", home=home)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert shard.name in result.stderr


def test_a_fermi_level_that_was_assumed_is_not_stored(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", head="energy,dos")
    library = MemoryLibrary([])
    (found,) = add_files(library, [path], composition=(("Ni", 1), ("Pt", 3)))
    assert found.outcome == "skipped" and "--fermi 0" in (found.reason or "") and len(library) == 0
    (found,) = add_files(library, [path], composition=(("Ni", 1), ("Pt", 3)), fermi=0.0)
    assert found.outcome == "added" and library.material(library.ids[0]).provenance["fermi_from"] == "given"


def test_projections_come_along(tmp_path: Path) -> None:
    """Of a calculation of dosmith: the file beside its curve."""
    density = 0.3 + np.exp(-((ENERGIES + 2) ** 2))
    head = "# density of states by dosmith: Fermi level 0.0 eV, broadening 0.1 eV, band gap 0.0 eV\nenergy_ev,dos\n"
    (tmp_path / "dos.csv").write_text(
        head + "".join(f"{e!r},{d!r}\n" for e, d in zip(ENERGIES.tolist(), density.tolist(), strict=True))
    )
    rows = (f"{e:.4f},{0.25 * d:.6f},{0.75 * d:.6f}\n" for e, d in zip(ENERGIES, density, strict=True))
    (tmp_path / "projections.csv").write_text("energy_ev,Al_s,Al_p\n" + "".join(rows))
    library = MemoryLibrary([])
    list(add_files(library, [tmp_path / "dos.csv"], composition=formulas.parse("Al")))
    found = library.material(library.ids[0]).projections
    assert found is not None
    np.testing.assert_allclose(found.of("Al", "p")[0], 0.75 * density, atol=0.003 * density.max())
