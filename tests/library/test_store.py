"""Stores: one contract for all of them, and what the Parquet one does when files are damaged."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from damage import empty, overwrite_the_end, replace_by_folder, replace_by_text, truncate
from dosmith import formulas
from dosmith.errors import LibraryError, NotFoundError
from dosmith.library import JoinedLibrary, Library, MemoryLibrary, ParquetLibrary, SpectraBlock, schema, shards, write_library
from dosmith.records import Material

Maker = Callable[..., Material]
Store = Callable[[Sequence[Material]], Library]


@pytest.fixture(scope="module")
def materials(tiny_materials: list[Material], make_material: Maker) -> list[Material]:
    """The tiny set and what makes a store sweat: other and uneven grids, spins, missing facts, polymorphs out of order."""
    uneven = np.sort(np.random.default_rng(3).uniform(-9, 9, 150))
    return [
        *tiny_materials,
        make_material("uneven-1", "CuAu", energies=uneven, fermi=0.25),
        make_material("fine", "Cu", energies=np.linspace(-8.0, 9.0, 1701), fermi=1.0, broadening=0.0),
        make_material("uneven-2", "Cu3Au", energies=uneven, spin=0.4),
        make_material("uneven-3", "Ag", energies=uneven + 0.125),
        make_material("bare", "Pt3Ni", crystal_system=None, cell=None),
        make_material(
            "Pt3Ni-tI8", "Pt6Ni2", crystal_system="tetragonal", energy_per_atom=-5.85, tags=["a", "b"], depth={"x": None}
        ),
    ]


@pytest.fixture(params=["memory", "parquet", "parquet, many shards"], scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    def make(materials: Sequence[Material]) -> Library:
        if request.param == "memory":
            return MemoryLibrary(materials, "test library")
        rows = 512 if request.param == "parquet" else 4
        return write_library(materials, tmp_path_factory.mktemp("library"), "test library", rows_per_shard=rows)

    return make


@pytest.fixture(scope="module")
def library(store: Store, materials: list[Material]) -> Library:
    return store(materials)


def assert_same(found: Material, expected: Material) -> None:
    for name in ("id", "composition", "formula", "crystal_system", "prototype", "space_group", "species"):
        assert getattr(found, name) == getattr(expected, name), name
    assert dict(found.provenance) == dict(expected.provenance)
    for name in ("lattice", "frac_coords"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        assert (mine is None) == (theirs is None)
        if theirs is not None:
            np.testing.assert_array_equal(mine, theirs)
    one, other = found.spectrum, expected.spectrum
    assert (one.fermi, one.broadening, one.gap) == (other.fermi, other.broadening, other.gap)
    np.testing.assert_allclose(one.energies, other.energies, rtol=0, atol=1e-12)
    assert one.densities.shape == other.densities.shape
    np.testing.assert_array_equal(one.densities, other.densities.astype(np.float32))


def covered(blocks: Sequence[SpectraBlock]) -> list[int]:
    return sorted(int(row) for block in blocks for row in block.rows)


class TestEveryStore:
    def test_counts_names_and_keeps_the_order(self, library: Library, materials: list[Material]) -> None:
        assert len(library) == len(materials) == 18
        assert library.name == "test library"
        assert library.ids == [material.id for material in materials]
        assert library.formulas == [material.formula for material in materials]
        assert library.crystal_systems == [material.crystal_system for material in materials]
        assert library.prototypes == [material.prototype for material in materials]
        assert library.damaged == ()

    def test_gives_back_every_material_as_it_was(self, library: Library, materials: list[Material]) -> None:
        for material in materials:
            assert material.id in library
            assert library.ids[library.row_of(material.id)] == material.id
            assert_same(library.material(material.id), material)

    def test_refuses_an_unknown_id_in_one_line(self, library: Library) -> None:
        assert "Unobtainium" not in library
        for call in (library.material, library.row_of):
            with pytest.raises(NotFoundError, match="'Unobtainium' is not an id in test library") as refusal:
                call("Unobtainium")
            assert "\n" not in str(refusal.value)

    def test_finds_polymorphs_lowest_energy_first_and_unknown_energies_last(self, library: Library) -> None:
        found = [library.ids[row] for row in library.rows_of(formulas.parse("NiPt3"))]
        assert found == ["Pt3Ni-L1_2", "Pt3Ni-tI8", "Pt3Ni-D0_19", "bare"]

    def test_finds_polymorphs_of_one_crystal_system(self, library: Library) -> None:
        composition = formulas.parse("Pt3Ni")
        assert [library.ids[row] for row in library.rows_of(composition, "hexagonal")] == ["Pt3Ni-D0_19"]
        assert library.rows_of(composition, "monoclinic") == []
        assert library.rows_of(formulas.parse("PtNi3")) == []

    def test_an_unknown_energy_comes_after_a_positive_one(self, store: Store, make_material: Maker) -> None:
        energies = {"unknown": None, "high": 0.5, "also unknown": None, "low": -1.0}
        library = store([make_material(name, "Pt", energy_per_atom=energy) for name, energy in energies.items()])
        assert [library.ids[row] for row in library.rows_of(formulas.parse("Pt"))] == ["low", "high", "unknown", "also unknown"]

    def test_selects_rows_in_order(self, library: Library, materials: list[Material]) -> None:
        assert library.select() == list(range(18))
        assert [library.ids[row] for row in library.select(n_elements=3)] == ["BaTiO3-E2_1"]
        hexagonal = [row for row, material in enumerate(materials) if material.crystal_system == "hexagonal"]
        assert library.select(crystal_system="hexagonal") == hexagonal
        assert [library.ids[row] for row in library.select(n_elements=1, crystal_system="hexagonal")] == ["Zr-A3"]
        assert library.select(n_elements=7) == []
        formulas_of = lambda **filters: {library.formulas[row] for row in library.select(**filters)}  # noqa: E731
        assert formulas_of(elements=["Pt", "Ni"]) == {"Pt", "Ni", "Pt3Ni", "PtNi"}
        assert formulas_of(require=["Pt", "Ni"]) == {"Pt3Ni", "PtNi"}
        assert formulas_of(elements=["Al", "Zr", "N"], require=["Al"]) == {"Al", "Al3Zr", "AlN"}
        assert formulas_of(gap=(3.0, 4.0)) == {"AlN"}
        assert formulas_of(source="nobody") == set()
        assert len(library.select(source="synthetic")) == 18

    def test_hands_out_every_curve_once_with_spins_summed(self, library: Library, materials: list[Material]) -> None:
        blocks = list(library.spectra())
        assert covered(blocks) == list(range(18))
        for block in blocks:
            size, levels = len(block.rows), len(block.energies)
            assert block.densities.shape == (size, levels)
            assert block.fermi.shape == block.broadening.shape == (size,)
            for place, row in enumerate(block.rows):
                spectrum = materials[row].spectrum
                np.testing.assert_allclose(block.energies, spectrum.energies, rtol=0, atol=1e-12)
                np.testing.assert_allclose(block.densities[place], spectrum.total, rtol=2e-7, atol=1e-30)
                assert (block.fermi[place], block.broadening[place]) == (spectrum.fermi, spectrum.broadening)

    def test_curves_can_be_read_again(self, library: Library) -> None:
        first, second = list(library.spectra()), list(library.spectra())
        first[0].densities[:] = -1  # a block belongs to who asked for it
        assert covered(second) == list(range(18))
        assert min(block.densities.min() for block in second) >= 0
        assert min(block.densities.min() for block in library.spectra()) >= 0

    def test_counts_what_it_holds(self, library: Library) -> None:
        summary = library.summary()
        assert summary["count"] == 18
        assert summary["by_n_elements"] == {"2": 11, "1": 6, "3": 1}
        assert summary["by_crystal_system"] == {"cubic": 14, "hexagonal": 2, "None": 1, "tetragonal": 1}
        assert summary["by_prototype"] == {"None": 6, "L1_2": 3, "A1": 3, "B2": 2, "A3": 1, "B3": 1, "D0_19": 1, "E2_1": 1}
        assert (summary["by_element"]["Pt"], summary["by_element"]["O"]) == (7, 1)
        assert sum(summary["by_element"].values()) == 6 + 2 * 11 + 3
        assert summary["spin_polarized"] == 2

    def test_refuses_an_id_twice(self, store: Store, make_material: Maker) -> None:
        with pytest.raises(LibraryError, match="'twin' occurs twice"):
            store([make_material("twin", "Pt"), make_material("other", "Ni"), make_material("twin", "Pt3Ni")])

    def test_adds_what_is_new_and_keeps_the_order(self, store: Store, materials: list[Material]) -> None:
        library = store(materials[:5])
        assert library.add(materials[3:12]) == [material.id for material in materials[5:12]]
        assert library.add(materials[:12]) == []
        for material in materials[12:]:
            assert library.add([material]) == [material.id]
        assert library.ids == [material.id for material in materials]
        assert covered(list(library.spectra())) == list(range(len(materials)))
        for material in materials:
            assert_same(library.material(material.id), material)

    def test_adds_all_or_nothing(self, store: Store, materials: list[Material], make_material: Maker) -> None:
        library = store(materials[:2])
        with pytest.raises(LibraryError, match="'twin' occurs twice"):
            library.add([make_material("other", "Ni"), make_material("twin", "Pt"), make_material("twin", "Pt")])
        assert library.ids == [material.id for material in materials[:2]]

    def test_removes_what_is_named_and_nothing_else(self, store: Store, materials: list[Material]) -> None:
        library = store(materials)
        library.remove(["Pt-A1", "uneven-2"])
        rest = [material for material in materials if material.id not in ("Pt-A1", "uneven-2")]
        assert library.ids == [material.id for material in rest]
        assert_same(library.material("bare"), rest[-2])
        with pytest.raises(NotFoundError):
            library.remove(["Al-A1", "Pt-A1"])
        assert "Al-A1" in library
        library.remove(library.ids)
        assert len(library) == 0
        assert library.add(materials) == [material.id for material in materials]

    def test_hands_out_rows_whole(self, library: Library, materials: list[Material]) -> None:
        rows = [0, 3, 4, 11, 17]
        found = [row for table in library.tables(rows) for row in table.to_pylist()]
        assert [row["id"] for row in found] == [materials[row].id for row in rows]
        assert [fact["formula"] for fact in library.facts(rows)] == [materials[row].formula for row in rows]
        assert list(library.tables([])) == list(library.materials([])) == []
        for found_one, row in zip(library.materials(rows), rows, strict=True):
            assert_same(found_one, materials[row])

    def test_joins_another(self, store: Store, materials: list[Material]) -> None:
        joined = JoinedLibrary([store(materials[:7]), store(materials[7:])])
        assert joined.ids == [material.id for material in materials]
        assert covered(list(joined.spectra())) == list(range(len(materials)))
        for block in joined.spectra():
            for place, row in enumerate(block.rows):
                np.testing.assert_allclose(block.densities[place], materials[row].spectrum.total, rtol=2e-7, atol=1e-30)
        for material in materials:
            assert_same(joined.material(material.id), material)
        assert [row["id"] for table in joined.tables([2, 9]) for row in table.to_pylist()] == [materials[2].id, materials[9].id]
        with pytest.raises(LibraryError, match="occurs twice"):
            JoinedLibrary([store(materials[:7]), store(materials[6:])])

    def test_may_be_empty(self, store: Store) -> None:
        library = store([])
        assert len(library) == 0
        assert library.ids == []
        assert list(library.spectra()) == []
        assert library.rows_of(formulas.parse("Pt")) == []
        assert library.select() == library.select(require=["Pt"]) == library.select(elements=["Pt"]) == []
        assert library.summary() == {
            "count": 0,
            "by_n_elements": {},
            "by_crystal_system": {},
            "by_prototype": {},
            "by_element": {},
            "spin_polarized": 0,
            "gapped": 0,
            "projected": 0,
            "on_hull": 0,
            "hull_unknown": 0,
            "far": 0,
            "energy_above_hull": {"on the hull": 0, "up to 0.1 eV/atom": 0, "above 0.1 eV/atom": 0, "unknown": 0},
        }
        with pytest.raises(NotFoundError):
            library.material("Pt-A1")


@pytest.fixture(scope="module")
def _whole(materials: list[Material], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_library(materials, folder, "test library", {"licence": "CC-BY-4.0"}, rows_per_shard=6)
    return folder


@pytest.fixture
def folder(_whole: Path, tmp_path: Path) -> Path:
    """A library of three shards of six materials, to be damaged."""
    return Path(shutil.copytree(_whole, tmp_path / "library"))


def scramble(shard: Path, column: str) -> None:
    """Flip bytes in the middle of one column's data."""
    group = pq.ParquetFile(shard).metadata.row_group(0)
    chunk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema.split(".")[0] == column)
    first = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    middle = first + (chunk.total_compressed_size * 2) // 3
    raw = bytearray(shard.read_bytes())
    for place in range(middle, middle + 24):
        raw[place] ^= 0x5A
    shard.write_bytes(bytes(raw))


def nth_shard(folder: Path, number: int) -> Path:
    (shard,) = folder.glob(f"part-{number:04d}-*.parquet")
    return shard


def assert_rest_is_served(folder: Path, materials: list[Material]) -> None:
    """Rows 6 to 11 are gone and named; all else works as if they had never been."""
    library = ParquetLibrary(folder)
    rest = materials[:6] + materials[12:]
    assert library.ids == [material.id for material in rest]
    assert len(library.damaged) == 1
    assert library.damaged[0].startswith("part-0001-")
    assert "\n" not in library.damaged[0]
    blocks = list(library.spectra())
    assert covered(blocks) == list(range(12))
    for block in blocks:
        for place, row in enumerate(block.rows):
            np.testing.assert_allclose(block.densities[place], rest[row].spectrum.total, rtol=2e-7, atol=1e-30)
    for material in rest:
        assert_same(library.material(material.id), material)
    assert library.summary()["count"] == 12
    with pytest.raises(NotFoundError):
        library.material(materials[6].id)


class TestParquet:
    def test_a_manifest_lists_shards_with_rows_sizes_and_checksums(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        assert (manifest["schema_version"], manifest["name"], manifest["rows"]) == (schema.VERSION, "test library", 18)
        assert manifest["licence"] == "CC-BY-4.0"
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", *sorted(manifest["shards"])]
        for name, facts in manifest["shards"].items():
            content = (folder / name).read_bytes()
            assert (facts["rows"], facts["bytes"]) == (6, len(content))
            assert facts["sha256"] == hashlib.sha256(content).hexdigest()

    def test_an_undamaged_library_verifies(self, folder: Path) -> None:
        assert ParquetLibrary(folder).damaged == ()

    def test_the_shipped_library_verifies(self, open_set: ParquetLibrary) -> None:
        assert len(open_set) == open_set.manifest["rows"]
        assert open_set.damaged == ()

    def test_a_name_may_be_given(self, folder: Path) -> None:
        assert ParquetLibrary(folder, "mine").name == "mine"
        assert ParquetLibrary(str(folder)).name == "test library"

    @pytest.mark.parametrize("damage", [truncate, empty, overwrite_the_end, replace_by_text, replace_by_folder, Path.unlink])
    def test_a_damaged_shard_is_named_and_the_rest_is_served(
        self, folder: Path, materials: list[Material], damage: Callable[[Path], None]
    ) -> None:
        damage(nth_shard(folder, 1))
        assert_rest_is_served(folder, materials)

    @pytest.mark.parametrize("column", ["dos_up", "formula", "fermi", "lattice"])
    def test_bytes_overwritten_inside_a_shard_are_noticed(self, folder: Path, materials: list[Material], column: str) -> None:
        scramble(nth_shard(folder, 1), column)
        assert_rest_is_served(folder, materials)

    @pytest.mark.parametrize("column", ["id", "dos_up", "provenance"])
    def test_overwritten_bytes_fail_verification(self, folder: Path, column: str) -> None:
        scramble(nth_shard(folder, 2), column)
        (text,) = ParquetLibrary(folder).damaged
        assert text.startswith("part-0002-")

    def test_damage_is_told_without_asking_for_rows_first(self, folder: Path) -> None:
        truncate(nth_shard(folder, 1))
        assert len(ParquetLibrary(folder).damaged) == 1

    def test_two_damaged_shards_are_both_named(self, folder: Path, materials: list[Material]) -> None:
        truncate(nth_shard(folder, 0))
        (nth_shard(folder, 2)).unlink()
        library = ParquetLibrary(folder)
        assert library.ids == [material.id for material in materials[6:12]]
        assert [text[:9] for text in library.damaged] == ["part-0000", "part-0002"]

    def test_a_library_with_no_readable_shard_is_an_error(self, folder: Path) -> None:
        for shard in folder.glob("part-*"):
            truncate(shard)
        library = ParquetLibrary(folder)
        with pytest.raises(LibraryError, match="no shard of test library can be read") as refusal:
            len(library)
        assert "\n" not in str(refusal.value)
        with pytest.raises(LibraryError):
            list(library.spectra())

    def test_a_library_of_a_newer_version_asks_for_an_upgrade(self, folder: Path) -> None:
        file = folder / "manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 99}))
        with pytest.raises(LibraryError, match="upgrade dosmith") as refusal:
            ParquetLibrary(folder)
        assert "99" in str(refusal.value)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"[1, 2]",
            b"null",
            b'{"schema_version": 1}',
            b'{"shards": {}}',
            b'{"schema_version": "1", "shards": {}}',
        ],
    )
    def test_a_damaged_manifest_is_an_error_in_one_line(self, folder: Path, content: bytes) -> None:
        (folder / "manifest.json").write_bytes(content)
        with pytest.raises(LibraryError, match="damaged") as refusal:
            ParquetLibrary(folder)
        assert "\n" not in str(refusal.value)

    def test_a_folder_without_a_library_is_named(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(NotFoundError, match="holds no library") as refusal:
                ParquetLibrary(folder)
            assert str(folder) in str(refusal.value)

    def test_rewriting_replaces_all_and_leaves_nothing_behind(self, folder: Path, make_material: Maker) -> None:
        library = write_library([make_material("new", "Pd")], folder, "second", rows_per_shard=6)
        assert library.ids == ParquetLibrary(folder).ids == ["new"]
        assert library.name == "second"
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", nth_shard(folder, 0).name]

    def test_writing_twice_gives_the_same_bytes(self, folder: Path, materials: list[Material], tmp_path: Path) -> None:
        write_library(materials, tmp_path / "again", "test library", {"licence": "CC-BY-4.0"}, rows_per_shard=6)
        for file in folder.iterdir():
            assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name

    def test_refused_materials_leave_the_old_library_alone(self, folder: Path, make_material: Maker) -> None:
        with pytest.raises(LibraryError, match="occurs twice"):
            write_library([make_material("twin", "Pt")] * 2, folder, "second")
        assert len(ParquetLibrary(folder)) == 18
        assert ParquetLibrary(folder).damaged == ()

    def test_a_failure_midway_leaves_the_old_library_whole(
        self, folder: Path, make_material: Maker, materials: list[Material]
    ) -> None:
        broken = make_material("broken", "Pd", remark=object())
        with pytest.raises(TypeError):
            write_library([make_material(f"new-{i}", "Pd") for i in range(6)] + [broken], folder, "second", rows_per_shard=6)
        assert not list(folder.glob("*.writing"))
        assert ParquetLibrary(folder).damaged == ()
        assert ParquetLibrary(folder).ids == [material.id for material in materials]


class TestWriting:
    def test_small_appends_are_merged(self, tmp_path: Path, make_material: Maker) -> None:
        library = ParquetLibrary.at(tmp_path / "own", "own")
        ids = [f"m{number:03d}" for number in range(70)]
        for identifier in ids:
            library.add([make_material(identifier, "Pt")])
        assert library.ids == ParquetLibrary(tmp_path / "own").ids == ids
        assert len(library.manifest["shards"]) <= 7  # log2(70)
        assert len(list((tmp_path / "own").glob("*.parquet"))) == len(library.manifest["shards"])

    def test_what_was_checked_is_not_checked_again(
        self, folder: Path, make_material: Maker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked: list[str] = []
        digest = hashlib.file_digest
        monkeypatch.setattr(shards.hashlib, "file_digest", lambda file, kind: checked.append(file.name) or digest(file, kind))
        monkeypatch.setattr(shards, "ROWS", 6)  # the three shards are full
        library = ParquetLibrary(folder)
        ids = [f"new-{number}" for number in range(20)]
        for identifier in ids:
            assert identifier not in library
            assert library.add([make_material(identifier, "Pd")]) == [identifier]
        first, second = nth_shard(folder, 0), nth_shard(folder, 1)
        assert (checked.count(str(first)), checked.count(str(second))) == (1, 1)  # of 20 appends
        truncate(second)  # what is opened anew is checked anew
        assert [text[:9] for text in ParquetLibrary(folder).damaged] == ["part-0001"]

    def test_a_reader_keeps_what_it_opened(self, folder: Path, materials: list[Material], make_material: Maker) -> None:
        reader, late, writer = ParquetLibrary(folder), ParquetLibrary(folder), ParquetLibrary(folder)
        assert len(reader) == 18
        writer.remove([materials[0].id, materials[7].id, materials[17].id])  # each shard is written anew
        writer.add([make_material("new", "Pd")])
        for material in materials:
            assert_same(reader.material(material.id), material)
        assert late.ids == writer.ids  # it had read the manifest, but no shard yet
        assert late.damaged == ()

    def test_a_second_writer_is_told(self, folder: Path, make_material: Maker) -> None:
        first, second = ParquetLibrary(folder), ParquetLibrary(folder)
        with shards.writing(folder), pytest.raises(LibraryError, match="another dosmith is writing"):
            first.add([make_material("new", "Pd")])
        first.add([make_material("one", "Pd")])
        second.add([make_material("two", "Pd"), make_material("one", "Pd")])  # sees what the first added since
        assert ParquetLibrary(folder).ids[-2:] == ["one", "two"]

    def test_a_writer_that_waits_has_its_turn(self, folder: Path, make_material: Maker) -> None:
        told: list[str] = []
        patient = ParquetLibrary.at(folder, "own", lambda: told.append("waiting"))
        with ThreadPoolExecutor(1) as pool:
            with shards.writing(folder):
                added = pool.submit(patient.add, [make_material("new", "Pd")])
                while not told:
                    time.sleep(0.01)
                assert not added.done()
            assert added.result(60) == ["new"]
        assert told == ["waiting"] and ParquetLibrary(folder).ids[-1] == "new"

    def test_a_damaged_shard_stays_where_it_is(self, folder: Path, materials: list[Material], make_material: Maker) -> None:
        whole = nth_shard(folder, 2).read_bytes()
        truncate(nth_shard(folder, 2))
        library = ParquetLibrary(folder)
        library.add([make_material("new", "Pd")])
        library.remove([materials[0].id])
        assert [text[:9] for text in library.damaged] == ["part-0002"]
        nth_shard(folder, 2).write_bytes(whole)
        assert sorted(ParquetLibrary(folder).ids) == sorted([m.id for m in materials[1:]] + ["new"])

    def test_files_of_others_are_left_alone(self, tmp_path: Path, make_material: Maker) -> None:
        for name in ("part-0000.parquet", "part-00000-0123abcd-c000.snappy.parquet", "notes.txt"):
            (tmp_path / name).write_text("mine")
        orphan = tmp_path / "part-0007-0123abcd.parquet"
        orphan.write_text("of an append that was killed")
        library = ParquetLibrary.at(tmp_path, "own")
        library.add([make_material("new", "Pd")])
        library.remove(["new"])
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            ".lock", "manifest.json", "notes.txt", "part-0000.parquet", "part-00000-0123abcd-c000.snappy.parquet"
        ]  # fmt: skip
