"""Arrays kept in the cache folder: the same ones come back, nothing out of date, and no harm without a folder."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dosmith import kept as keeping
from dosmith.designer import Designer, open_dos_set
from dosmith.kept import Arrays, kept, kept_folder, stamp
from dosmith.known import KnownSpectra
from dosmith.library import JoinedLibrary, MemoryLibrary, write_library
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.candidates import Candidates
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.standard import Recipe


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> Arrays:
        self.asked += 1
        return {"numbers": np.arange(6.0).reshape(2, 3), "names": np.array(["Pt", "Nickel"]), "none": np.zeros((0, 2))}


def test_what_was_made_once_is_mapped_the_next_time(cache: Path) -> None:
    make = Maker()
    made, found = kept("rows", ["a", 1], make), kept("rows", ["a", 1], make)
    assert make.asked == 1 and found.keys() == made.keys()
    for name, values in made.items():
        assert found[name].dtype == values.dtype and np.array_equal(found[name], values)
    assert isinstance(found["numbers"], np.memmap) and not found["numbers"].flags.writeable


def test_whatever_it_was_made_of_tells_it_apart(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    for made_of in (["a", 1], ["a", 2], ["a", "1"], ["a"]):
        kept("rows", made_of, make)
    kept("others", ["a", 1], make)
    assert make.asked == 5
    monkeypatch.setattr(keeping, "_code", lambda: "another state of the code")
    kept("rows", ["a", 1], make)
    assert make.asked == 6
    kept("rows", None, make)  # nobody can say what changes it
    kept("rows", None, make)
    assert make.asked == 8


def test_only_the_newest_of_a_name_stay(cache: Path) -> None:
    for number in range(9):
        kept("rows", [number], Maker())
        os.utime(max(kept_folder().glob("rows-*"), key=lambda each: each.stat().st_mtime_ns), (number, number))
    kept("others", [0], Maker())
    assert len(list(kept_folder().glob("rows-*"))) == 4 and len(list(kept_folder().glob("others-*"))) == 1


@pytest.mark.parametrize("size", [0, 60, 130])
def test_files_that_the_disk_cut_short_are_made_anew(cache: Path, size: int) -> None:
    make = Maker()
    kept("rows", ["a"], make)
    for file in kept_folder().glob("rows-*/numbers.npy"):
        os.truncate(file, size)
    assert np.array_equal(kept("rows", ["a"], make)["numbers"], np.arange(6.0).reshape(2, 3)) and make.asked == 2
    kept("rows", ["a"], make)
    assert make.asked == 2


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    make = Maker()
    assert np.array_equal(kept("rows", ["a"], make)["names"], ["Pt", "Nickel"])
    kept("rows", ["a"], make)
    assert make.asked == 2


def test_what_fails_is_not_kept(cache: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        kept("rows", ["a"], lambda: {"numbers": np.array([1 // 0])})
    assert not list(kept_folder().glob("*")) if kept_folder().is_dir() else True


def test_a_file_that_was_written_again_has_another_stamp(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert stamp(file) is None
    file.write_text("one")
    first = stamp(file)
    os.utime(file, ns=(5, 5))
    assert first != stamp(file) and first is not None


def test_designs_are_the_same_with_a_cache_and_without(cache: Path) -> None:
    for target, options in (("Pt3Ni", {}), ("BaTiO3", {"count": True, "rank_by": "identity"}), ("NiMnSb", {"spin": "down"})):
        told = [
            Designer().design(target, **options).to_json() for _ in range(2)
        ]  # that makes what is kept, and one that finds it
        names = {each.name.rsplit("-", 1)[0] for each in kept_folder().iterdir()}
        assert {"candidates", "candidate-heights", "known", "heights"} <= names
        shutil.rmtree(kept_folder())
        assert told[0] == told[1] == Designer().design(target, **options).to_json()


def test_candidates_are_the_same_as_arrays_of_any_kind() -> None:
    model = open_model("dosmith")
    assert isinstance(model, TightBindingModel)
    some = model.atlas.candidates.taken(np.arange(0, len(model.atlas), 5_000))
    for candidates in (some, Candidates(some.crystals, some.expected)):
        again = Candidates.of_arrays(candidates.as_arrays(), model.recipe)
        assert list(again.crystals) == list(candidates.crystals)
        assert np.array_equal(again.expected, candidates.expected) and np.array_equal(again.norms, candidates.norms)
        assert list(again.crystals.compositions) == list(candidates.crystals.compositions)
        assert (again.gaps is None) == (candidates.gaps is None)


def test_a_library_says_what_changes_it(tmp_path: Path) -> None:
    library = open_dos_set()
    assert library.made_of and library.made_of == open_dos_set().made_of


def test_joined_libraries_are_kept_where_each_says_what_changes_it(cache: Path) -> None:
    open_set = open_dos_set()
    few = write_library(list(open_set.materials([3, 8])), cache / "few", "few")
    few_more = write_library([replace(open_set.material(open_set.ids[5]), id="mine")], cache / "more", "more")
    joined = JoinedLibrary([few, few_more])
    assert joined.made_of == [few.made_of, few_more.made_of]
    assert JoinedLibrary([few, MemoryLibrary([])]).made_of is None
    before = KnownSpectra(joined, Recipe()).vectors
    assert np.array_equal(KnownSpectra(JoinedLibrary([few, few_more]), Recipe()).vectors, before) and len(before) == 3
    few_more.remove(["mine"])
    assert len(KnownSpectra(JoinedLibrary([few, few_more]), Recipe())) == 2
