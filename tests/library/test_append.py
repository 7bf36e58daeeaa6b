"""A library that grows, one shard at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dosmith.errors import LibraryError
from dosmith.library import ParquetLibrary
from dosmith.library.append import GrowingLibrary
from dosmith.records import Material


def test_appends_are_read_back_in_order(tmp_path: Path, make_material: Callable[..., Material]) -> None:
    for number in range(3):
        with GrowingLibrary(tmp_path, "mine") as library:
            assert len(library) == 2 * number
            library.append([make_material(f"a{number}", "Pt3Ni"), make_material(f"b{number}", "AlNi")])
            library.append([])
            assert f"a{number}" in library and "x" not in library
    read = ParquetLibrary(tmp_path)
    assert read.ids == ["a0", "b0", "a1", "b1", "a2", "b2"] and read.name == "mine" and not read.damaged


def test_ids_stay_unique_and_nothing_is_half_added(tmp_path: Path, make_material: Callable[..., Material]) -> None:
    with GrowingLibrary(tmp_path) as library:
        library.append([make_material("a", "Pt")])
        for batch in (["b", "a"], ["c", "c"]):
            with pytest.raises(LibraryError, match="already in"):
                library.append([make_material(name, "Pt") for name in batch])
    assert ParquetLibrary(tmp_path).ids == ["a"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with GrowingLibrary(tmp_path):
        pass
    assert not (tmp_path / "manifest.json").exists()  # nothing was added
    with GrowingLibrary(tmp_path), pytest.raises(LibraryError, match="another dosmith is adding"):
        GrowingLibrary(tmp_path)
    GrowingLibrary(tmp_path).close()


def test_a_damaged_library_is_not_added_to(tmp_path: Path, make_material: Callable[..., Material]) -> None:
    with GrowingLibrary(tmp_path) as library:
        library.append([make_material("a", "Pt")])
        library.append([make_material("b", "Pt")])
    next(tmp_path.glob("part-0000*")).write_bytes(b"gone")
    for _ in range(2):  # and is not left locked
        with pytest.raises(LibraryError, match="is damaged"):
            GrowingLibrary(tmp_path)
