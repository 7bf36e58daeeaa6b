from __future__ import annotations

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dosmith.atlas import Atlas, AtlasCrystal, Cell
from dosmith.atlas.schema import SCHEMA, VERSION, upgraded
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import LibraryError, NotFoundError
from dosmith.library import ParquetLibrary, shards


def filled(folder, basis, crystals, batches=3):
    atlas = Atlas.at(folder, "mine", lambda: basis)
    for start in range(0, len(crystals), -(-len(crystals) // batches)):
        atlas.add(crystals[start : start + -(-len(crystals) // batches)])
    return atlas


def assert_same(found: AtlasCrystal, given: AtlasCrystal) -> None:
    assert (found.id, found.source, found.formula, found.space_group, found.prototype, found.model) == (
        given.id,
        given.source,
        given.formula,
        given.space_group,
        given.prototype,
        given.model,
    )
    assert found.structure.matches(given.structure)
    assert found.structure.volume == pytest.approx(given.structure.volume, rel=1e-5)
    for name in ("energy", "formation_energy", "above_hull", "gap", "gap_spread"):
        assert getattr(found, name) == pytest.approx(getattr(given, name))
    assert (found.rivals, found.mark, found.origin) == (given.rivals, given.mark, given.origin)
    one, other = found.expected, given.expected
    assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.998


def test_what_is_added_is_there_in_order(tmp_path, basis, crystals):
    made = crystals(50)
    filled(tmp_path, basis, made)
    atlas = Atlas(tmp_path)
    assert len(atlas) == 50 and atlas.name == "mine" and atlas.damaged == ()
    for found, given in zip(atlas, made, strict=True):
        assert_same(found, given)
    assert [each.id for each in atlas.crystals([40, 3, 40])] == ["mp-40", "mp-3", "mp-40"]
    np.testing.assert_allclose(atlas.expected([7]), [made[7].expected], atol=0.02)
    assert 0 < atlas.largest_error < 0.002
    assert atlas.row_of("MP-17") == atlas.row_of("mp-17") == 17


def test_a_cell_with_sites_is_kept(tmp_path, basis, crystals):
    given = crystals(1)[0]
    structure = PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 14.2)
    one = AtlasCrystal(
        "JVASP-7",
        "jarvis",
        Cell.of(structure),
        221,
        "L1_2",
        given.expected,
        "tested",
        origin="a.cif",
        rivals=("PtNi", "Pt"),
        mark=b"a mark",
        energy=-5.5,
    )
    atlas = filled(tmp_path, basis, [one])
    assert_same(atlas.crystals([0])[0], one)
    assert atlas.index.words("formula", [0]) == ["Pt3Ni"]


def test_ids_that_are_there_are_left_as_they_are(tmp_path, basis, crystals):
    atlas = filled(tmp_path, basis, crystals(10))
    assert atlas.add(crystals(12, seed=4)) == ["mp-10", "mp-11"]
    assert_same(atlas.crystals([3])[0], crystals(10)[3])
    with pytest.raises(LibraryError, match="'mp-1' occurs twice"):
        atlas.add([crystals(2)[1]] * 2)


def test_two_programs_see_what_the_other_added(tmp_path, basis, crystals):
    one = filled(tmp_path, basis, crystals(10))
    two = Atlas(tmp_path)
    two.add(crystals(5, prefix="x-"))
    assert one.add(crystals(6, prefix="x-")) == ["x-5"]
    assert len(one) == 16
    with shards.writing(tmp_path), pytest.raises(LibraryError, match="another dosmith is writing"):
        two.add(crystals(1, prefix="y-"))


def test_removing_is_all_or_none(tmp_path, basis, crystals):
    atlas = filled(tmp_path, basis, crystals(20))
    with pytest.raises(NotFoundError, match="'mp-99' is not an id in mine"):
        atlas.remove(["mp-3", "mp-99"])
    assert len(atlas) == 20
    atlas.remove(["mp-3", "MP-4"])
    assert [each.id for each in Atlas(tmp_path)] == [f"mp-{n}" for n in range(20) if n not in (3, 4)]


def test_a_changed_crystal_takes_the_place_of_the_old_one(tmp_path, basis, crystals):
    atlas = filled(tmp_path, basis, crystals(20))
    new = crystals(3, seed=9)[2]
    atlas.change([new])
    assert len(atlas) == 20
    assert_same(atlas.crystals([atlas.row_of("mp-2")])[0], new)


def test_a_damaged_shard_is_named_and_the_rest_is_served(tmp_path, basis, crystals, monkeypatch):
    atlas = Atlas.at(tmp_path, "mine", lambda: basis)
    for number in range(3):
        atlas.add(crystals(8 >> number, prefix=f"{number}-"))  # sizes that are not merged
    names = list(atlas.manifest["shards"])
    assert len(names) == 3
    content = bytearray((tmp_path / names[1]).read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / names[1]).write_bytes(content)
    found = Atlas(tmp_path)
    for path in tmp_path.glob("index-*.arrow"):
        path.unlink()
    assert [each.split(":")[0] for each in found.damaged] == [names[1]]
    assert len(found) == len(list(found)) == 10
    assert found.crystals([9])[0].id == "2-1"
    assert Atlas(tmp_path).summary()["damaged"]


@pytest.mark.parametrize("damage", ["garbage", "cut", "gone"])
def test_a_damaged_index_is_made_anew(tmp_path, basis, crystals, damage):
    filled(tmp_path, basis, crystals(30)).index  # noqa: B018
    (place,) = tmp_path.glob("index-*.arrow")
    if damage == "gone":
        place.unlink()
    else:
        place.write_bytes(b"garbage" if damage == "garbage" else place.read_bytes()[:500])
    assert Atlas(tmp_path).index.words("id", [29]) == ["mp-29"]


def test_a_byte_that_is_wrong_in_an_index_never_ends_the_program(tmp_path, basis, crystals):
    """It is mapped into memory: texts that reach beyond the file ended it by a segmentation fault."""
    filled(tmp_path, basis, crystals(30)).index  # noqa: B018
    (place,) = tmp_path.glob("index-*.arrow")
    content, random = place.read_bytes(), np.random.default_rng(5)
    for where in random.integers(len(content), size=200):
        place.write_bytes(content[:where] + bytes([random.integers(256)]) + content[where + 1 :])
        found = Atlas(tmp_path)
        rows = range(30)
        assert len(found.index.words("id", rows)) == len(found.index.words("formula", rows)) == 30
        assert found.index.fits(crystal_system="cubic").shape == found.index.groups.shape == (30,)


def test_a_folder_that_cannot_be_written_is_searched_by_an_index_elsewhere(tmp_path, basis, crystals, monkeypatch):
    folder = tmp_path / "atlas"
    filled(folder, basis, crystals(30))
    for path in folder.glob("index-*.arrow"):
        path.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    from dosmith.atlas import index

    make = index.make

    def read_only(tables, path, size):
        if path.parent == folder:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        make(tables, path, size)

    monkeypatch.setattr(index, "make", read_only)
    assert len(Atlas(folder)) == 30
    assert list((tmp_path / "cache").rglob("index-*.arrow"))
    monkeypatch.setattr(index, "make", None)
    assert len(Atlas(folder)) == 30


def test_damaged_manifests_and_bases_are_named(tmp_path, basis, crystals):
    atlas = filled(tmp_path, basis, crystals(3))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (place,) = tmp_path.glob("basis-*")
    place.write_bytes(place.read_bytes()[:-9])
    with pytest.raises(LibraryError, match="is damaged"):
        _ = Atlas(tmp_path).basis
    for change, message in (
        ({"schema_version": VERSION + 1}, "newer dosmith"),
        ({"recipe": None}, "names no recipe"),
        ({"holds": "library"}, "store of another kind"),
    ):
        (tmp_path / "manifest.json").write_text(json.dumps(manifest | change))
        with pytest.raises(LibraryError, match=message):
            Atlas(tmp_path)
    with pytest.raises(NotFoundError, match="holds no atlas"):
        Atlas(tmp_path / "nowhere")
    del atlas


def test_a_manifest_without_its_number_of_rows_is_one_whose_index_is_made_anew(tmp_path, basis, crystals):
    assert len(filled(tmp_path, basis, crystals(3))) == 3
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["rows"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert len(Atlas(tmp_path)) == 3


def test_a_library_is_no_atlas_and_an_atlas_no_library(tmp_path, basis, crystals):
    filled(tmp_path / "atlas", basis, crystals(3))
    with pytest.raises(LibraryError, match="another kind"):
        ParquetLibrary(tmp_path / "atlas")
    ParquetLibrary.at(tmp_path / "library", "mine")
    with pytest.raises(LibraryError, match="another kind"):
        Atlas(tmp_path / "library")


def test_columns_that_an_older_version_lacks_are_unknown(tmp_path, basis, crystals):
    atlas = filled(tmp_path, basis, crystals(4), batches=1)
    (name,) = atlas.manifest["shards"]
    older = pq.read_table(tmp_path / name).drop_columns(["gap_spread", "mark"])
    table = upgraded(older, SCHEMA.names)
    assert table.schema.names == SCHEMA.names and table["gap_spread"].null_count == 4
    assert isinstance(table["id"], pa.ChunkedArray)
