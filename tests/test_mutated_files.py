"""Mutated files of every reader (benchmarks/fuzz.py reads ten thousand of each), and what that found, mended."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import fuzz
import mutations
from readers import READERS, Reader

from dosmith.crystals.find import from_file
from dosmith.errors import DosmithError, FileFormatError, LibraryError, MissingExtraError, SettingsError, SpectrumError
from dosmith.library import ParquetLibrary
from dosmith.settings import load_settings
from dosmith.sources import jarvis, materials_project
from dosmith.sources.crystal import Crystal
from dosmith.sources.mp_client import TaskDos
from dosmith.sources.open_set import read_batch
from dosmith.verification.designed import read_design

FEW = 25


@pytest.fixture(scope="module", autouse=True)
def _small_bombs() -> None:
    mutations.BOMB = 2**23  # the limits themselves are tested with the readers


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_reader_reads_its_files_and_survives_mutated_ones(reader: Reader) -> None:
    assert any(fuzz.outcome(reader, *sample) == "read" for sample in reader.samples) or reader.name == "phonopy"
    for number in range(10**6, 10**6 + FEW):  # others than those of the benchmark
        name, content = fuzz.sample(reader, number)
        assert fuzz.outcome(reader, name, content) in ("read", "refused"), f"{reader.name} {number}"


def test_a_failure_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(name: str, content: bytes) -> object:
        raise KeyError(name)

    def two_lines(name: str, content: bytes) -> object:
        error = DosmithError("one")
        error.args = ("one\ntwo",)
        raise error

    assert fuzz.outcome(Reader("crash", list, crash), "a", b"").startswith("failed: KeyError")
    assert fuzz.outcome(Reader("lines", list, two_lines), "a", b"").startswith("failed: a message")


@pytest.mark.parametrize(
    "mutate", sorted({*mutations.PLAIN, mutations.pack, mutations.mutate_zip}, key=lambda each: each.__name__)
)
def test_a_mutation_follows_from_its_seed(mutate: Callable[[bytes, Random], bytes]) -> None:
    content = b"".join(b"%d 1.5 <r>2.5</r>\n" % number for number in range(50))
    first, again = (mutate(content, Random(7)) for _ in range(2))
    if mutate is not mutations.pack:  # archives carry the time
        assert first == again
    changed = {mutate(content, Random(seed)) != content for seed in range(20)}
    assert changed == ({False} if mutate is mutations.mutate_zip else changed | {True})
    mutate(b"", Random(1))


# --- what was found ----------------------------------------------------------------------------------------------


def test_every_error_is_one_short_line() -> None:
    """Arrow, pydantic and JSON put line breaks, control characters and whole files into their reasons."""
    error = FileFormatError("no\nthrift \x0e\x1b[31m at \udcff" + "[" * 100_000 + "; copy it again")
    assert str(error).startswith("no thrift ??[31m at ?[[") and str(error).endswith("[[; copy it again")
    assert len(str(error)) < 900 and str(error).isprintable()
    assert str(MissingExtraError("this", "web")) == "this needs an extra: pip install 'dosmith[web]'"
    assert str(DosmithError()) == ""


CELL = "data_x\n_cell_length_a 4\n_cell_length_b {b}\n_cell_length_c 4\n" + "".join(
    f"_cell_angle_{name} 90\n" for name in ("alpha", "beta", "gamma")
)
SITE = (
    "loop_\n_atom_site_type_symbol\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nMg Mg1 0 0 0\n"
)


def json_crystal(**properties: object) -> str:
    site = {"species": [{"element": "Mg", "occu": 1}], "abc": [0, 0, 0], "properties": properties}
    return json.dumps({"lattice": {"matrix": (4 * np.eye(3)).tolist()}, "sites": [site]})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.cif", (CELL + SITE).format(b="1e308"), "cell is impossible"),
        ("a.cif", (CELL + SITE).format(b="1e-30"), "is no crystal"),
        ("a.cif", (CELL + SITE).format(b="4" + "1" * 5000), "fifty digits"),
        ("a.cif", (CELL + SITE).format(b="4") + '"' * 100_000, "over 2,048 characters"),
        ("a.cif", (CELL + SITE).format(b="4" + "\n" * 100_000), "500 blanks"),
        ("POSCAR", "x\n1\n4 0 0\n0 4 0\n0 0 4\nMg\n999999999999\ndirect\n0 0 0\n", "999,999,999,999 atoms announced in 9 lines"),
        ("POSCAR", "x\n1\n4 0 0\n0 4 0\n0 0 inf\nMg\n1\ndirect\n0 0 0\n", "cell is impossible|not a structure file"),
        ("a.json", "[" * 100_000, "not a structure file"),
        ("a.cif", (CELL + SITE).format(b="4") + "Mg Mg1 0 0 0\n" * 100_000, "larger than 1 MiB"),
        ("vasprun.xml", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><modeling>&b;</modeling>', "declares entities"),
        ("geometry.xml", "<input><structure/></input>", "not a structure file by its name"),
    ],
)
def test_crystals_that_cannot_be_are_refused(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=words):
        from_file(tmp_path / name)


def test_a_json_crystal_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pymatgen would import the module that a property names, and call its class."""
    (tmp_path / "trap.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a.json").write_text(json_crystal(spin={"@module": "trap", "@class": "Trap"}))
    assert from_file(tmp_path / "a.json").formula == "Mg1"
    assert "trap" not in sys.modules


def test_a_batch_with_an_infinite_cell_does_not_end_the_program(tmp_path: Path) -> None:
    """spglib ends the process when a lattice is infinite."""
    reader = next(reader for reader in READERS if reader.name == "open DOS batches")
    line = reader.samples[0][1].splitlines()[0].replace(b"3.897671", b"-1e400", 1)
    (tmp_path / "batch.jsonl").write_bytes(line)
    with pytest.raises(FileFormatError, match="line 1"):
        list(read_batch(tmp_path / "batch.jsonl"))


def test_numbers_too_large_for_any_float_from_a_database() -> None:
    reader = next(reader for reader in READERS if reader.name == "Materials Project")
    summary = json.loads(reader.samples[0][1])["summary"]
    with pytest.raises(SpectrumError, match="not made of numbers"):
        materials_project.material(summary, TaskDos([10**400] * 30, {1: [1.0] * 30}, 0.0, "GGA"))


def test_an_archive_with_damaged_data_or_endless_entries(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set.json", json.dumps([{"jid": f"JVASP-{number}"} for number in range(2000)]))
    content = bytearray(path.read_bytes())
    content[100:900] = bytes(800)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="is damaged"):
        list(jarvis.entries(path))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set.json", b'["' + b"a" * 40 * 2**20)
    with pytest.raises(FileFormatError, match="is damaged"):
        list(jarvis.entries(path))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set.json", '[{"jid": "JVASP-1", "atoms": [1, 2]}]')
    with pytest.raises(FileFormatError, match="not a list of materials"):
        list(jarvis.entries(path))


def test_a_crystal_of_numbers_too_large_or_of_none() -> None:
    for lattice in (10**400, "x", [1, 2]):
        with pytest.raises(FileFormatError):
            Crystal([[lattice, 0, 0], [0, 1, 0], [0, 0, 1]], ("Mg",), np.zeros((1, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shards",
    [
        '{"part-0000-00000000.parquet": {"rows": 1, "bytes": 1}}',
        '{"../part.parquet": {"rows": 1, "bytes": 1, "sha256": ""}}',
        "[" * 99_999,
    ],
)
def test_a_manifest_that_does_not_describe_its_shards(shards: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(f'{{"schema_version": 1, "name": "x", "shards": {shards}}}')
    with pytest.raises(LibraryError, match="is damaged"):
        ParquetLibrary(tmp_path)


@pytest.mark.parametrize(("name", "content"), [("curves.csv", '"' + "a" * 200_000), ("candidates.json", "[" * 100_000)])
def test_a_design_whose_files_are_endless(name: str, content: str, tmp_path: Path) -> None:
    for each, sound in next(reader for reader in READERS if reader.name == "design folder").samples:
        (tmp_path / each).write_bytes(sound)
    (tmp_path / name).write_text(content)
    with pytest.raises(FileFormatError, match="is damaged"):
        read_design(tmp_path)


@pytest.mark.parametrize("text", ["[design]\ntop = " + "1" * 5000, "a = " + "[" * 50_000])
def test_settings_that_toml_cannot_hold(text: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsError):
        load_settings(tmp_path / "settings.toml", {})
