"""The ledger: what goes in comes out, and what kills, doubles and damage do to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage import empty, overwrite_the_end, replace_by_folder, replace_by_text, truncate
from dosmith.errors import LibraryError
from dosmith.library import ParquetLibrary, ledger
from dosmith.library.ledger import ROWS_PER_PACK, Ledger, Outcome
from dosmith.records import Material

Maker = Callable[..., Material]


def outcome(entry: str, second: int = 0, *, reason: str | None = "no convergence", material: Material | None = None) -> Outcome:
    """One that finished that many seconds after the start."""
    finished = f"2026-01-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000+00:00"
    return Outcome(entry, material, None if material else reason, 1.5, finished)


def fill(target: Ledger, count: int, first: int = 0) -> list[str]:
    """Append so many outcomes; their entries."""
    entries = [f"entry-{number:04d}" for number in range(first, first + count)]
    for number, entry in enumerate(entries, first):
        target.append(outcome(entry, number))
    return entries


def names(target: Ledger, pattern: str = "*.parquet") -> list[str]:
    return sorted(path.name for path in target.folder.glob(pattern))


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "campaign" / "ledger")


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "ROWS_PER_PACK", 4)


def assert_same(found: Material, expected: Material) -> None:
    for name in ("id", "composition", "crystal_system", "prototype", "space_group", "species"):
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
    np.testing.assert_array_equal(one.densities, other.densities.astype(np.float32))


class TestRoundTrip:
    @pytest.mark.parametrize("packed", [False, True])
    def test_gives_back_every_outcome_as_it_was(
        self, book: Ledger, tiny_materials: list[Material], make_material: Maker, packed: bool
    ) -> None:
        uneven = np.sort(np.random.default_rng(5).uniform(-9, 9, 150))
        materials = [
            *tiny_materials,
            make_material("uneven", "CuAu", energies=uneven, fermi=0.25, spin=0.3, tags=["a"], depth={"x": None}),
            make_material("bare", "Pt3Ni", crystal_system=None, cell=None),
        ]
        expected = [outcome(material.id, number, material=material) for number, material in enumerate(materials)]
        expected += [outcome("Pu-A1", 50, reason="CP2K knows no Pu"), outcome("U-A1", 51, reason="übergroß\nin two lines")]
        for one in expected:
            book.append(one)
        if packed:
            book.pack()
        found = list(Ledger(str(book.folder)).outcomes())
        assert [one.entry for one in found] == sorted(one.entry for one in expected)
        by_entry = {one.entry: one for one in expected}
        for one in found:
            other = by_entry[one.entry]
            assert (one.reason, one.seconds, one.finished) == (other.reason, other.seconds, other.finished)
            assert (one.material is None) == (other.material is None)
            if one.material is not None and other.material is not None:
                assert_same(one.material, other.material)

    def test_reasons_tell_done_from_failed(self, book: Ledger, make_material: Maker) -> None:
        book.append(outcome("Pt-A1", 1, material=make_material("Pt-A1", "Pt")))
        book.append(outcome("U-A1", 2, reason="CP2K knows no U"))
        assert book.reasons() == {"Pt-A1": None, "U-A1": "CP2K knows no U"}

    def test_a_failure_computed_again_counts_as_its_latest(self, book: Ledger, make_material: Maker) -> None:
        book.append(outcome("Pt-A1", 1))
        book.pack()
        book.append(outcome("Pt-A1", 2, material=make_material("Pt-A1", "Pt")))
        assert book.reasons() == {"Pt-A1": None}
        book.pack()
        assert book.reasons() == {"Pt-A1": None}
        assert [one.finished for one in book.outcomes()] == [outcome("Pt-A1", 2).finished]

    def test_an_empty_ledger_is_empty(self, book: Ledger) -> None:
        assert book.folder.is_dir()
        book.pack()
        assert (book.reasons(), list(book.outcomes()), names(book)) == ({}, [], [])


class TestAppend:
    def test_leaves_one_whole_file_and_nothing_aside(self, book: Ledger) -> None:
        book.append(outcome("Pt-A1"))
        (part,) = book.folder.iterdir()
        assert part.name.startswith("entry-")
        assert pq.read_metadata(part).num_rows == 1

    def test_is_synced_before_it_gets_its_name(self, book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[str] = []

        def note(name: str) -> None:
            original = getattr(os, name)

            def noted(*arguments: Any) -> None:
                calls.append(name)
                original(*arguments)

            monkeypatch.setattr(os, name, noted)

        note("fsync")
        note("replace")
        book.append(outcome("Pt-A1"))
        assert calls[:2] == ["fsync", "replace"]

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
    def test_what_a_kill_left_half_written_is_ignored(self, book: Ledger, share: float) -> None:
        entries = fill(book, 2)
        (part, _) = sorted(book.folder.glob("entry-*"))
        left = part.with_name(f".{part.name}.writing")
        left.write_bytes(part.read_bytes()[: int(part.stat().st_size * share)])
        assert list(book.reasons()) == entries
        book.pack()
        assert list(book.reasons()) == entries

    def test_that_fails_leaves_the_rest_as_it_was(
        self, book: Ledger, make_material: Maker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entries = fill(book, 2)

        def full(*arguments: Any) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            book.append(outcome("Pt-A1", 9, material=make_material("Pt-A1", "Pt")))
        assert list(book.reasons()) == entries
        assert len(list(book.folder.iterdir())) == 2


@pytest.mark.usefixtures("small_packs")
class TestPack:
    @pytest.mark.parametrize("count", [1, 4, 5, 8, 11])
    def test_keeps_everything_in_few_files(self, book: Ledger, count: int) -> None:
        entries = fill(book, count)
        book.pack()
        assert [one.entry for one in book.outcomes()] == entries
        assert names(book) == [f"pack-{number:04d}.parquet" for number in range((count + 3) // 4)]
        assert [pq.read_metadata(book.folder / name).num_rows for name in names(book)][:-1] == [4] * ((count - 1) // 4)

    def test_may_be_done_after_every_append(self, book: Ledger) -> None:
        for number in range(10):
            fill(book, 1, number)
            book.pack()
        assert len(book.reasons()) == 10
        assert [pq.read_metadata(book.folder / name).num_rows for name in names(book)] == [4, 4, 2]

    @pytest.mark.parametrize("count", [8, 9])
    def test_full_packs_are_not_written_again(self, book: Ledger, count: int) -> None:
        fill(book, count)
        book.pack()
        full = [book.folder / f"pack-000{number}.parquet" for number in (0, 1)]
        before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in full]
        fill(book, 6, first=7)  # one or two of them anew
        book.pack()
        assert [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in full] == before
        assert len(book.reasons()) == 13

    def test_nothing_new_writes_nothing(self, book: Ledger) -> None:
        fill(book, 3)
        book.pack()
        (pack,) = book.folder.glob("pack-*")
        before = pack.stat().st_ino
        book.pack()
        assert pack.stat().st_ino == before

    def test_parts_that_outlived_their_packing_count_once_with_the_latest_winning(
        self, book: Ledger, tmp_path: Path, make_material: Maker
    ) -> None:
        entries = fill(book, 6)
        kept = shutil.copytree(book.folder, tmp_path / "kept")
        book.pack()
        shutil.copytree(kept, book.folder, dirs_exist_ok=True)  # as if killed before they were removed
        book.append(outcome(entries[1], 100, material=make_material("again", "Pt")))
        book.append(outcome(entries[2], 0, reason="an older one"))
        for _ in range(2):
            found = list(book.outcomes())
            assert [one.entry for one in found] == entries
            assert [one.entry for one in found if one.material is not None] == [entries[1]]
            assert book.reasons() == {entry: None if entry == entries[1] else "no convergence" for entry in entries}
            book.pack()
        assert names(book, "entry-*") == []

    def test_a_pack_that_was_removed_costs_no_other(self, book: Ledger) -> None:
        entries = fill(book, 8)
        book.pack()
        (book.folder / "pack-0000.parquet").unlink()
        entries += fill(book, 1, first=8)
        book.pack()
        assert sorted(book.reasons()) == entries[4:]

    @pytest.mark.parametrize("earlier", [False, True], ids=["clock runs on", "clock was set back"])
    def test_a_kill_at_any_step_loses_nothing(self, tmp_path: Path, earlier: bool) -> None:
        start = Ledger(tmp_path / "start")
        entries = fill(start, 7, first=20)
        start.pack()
        entries += fill(start, 7, first=0 if earlier else 40)
        start.append(outcome(entries[5], 60, reason="again"))  # packed and new
        steps = 0
        while True:
            book = Ledger(shutil.copytree(start.folder, tmp_path / f"killed-{steps}"))
            finished = pack_until(book, steps)
            for _ in range(2):
                reasons = book.reasons()
                assert sorted(reasons) == sorted(entries), f"killed at step {steps}"
                assert [entry for entry, reason in reasons.items() if reason == "again"] == [entries[5]]
                book.pack()
            if finished:
                break
            steps += 1
        assert steps > 10

    @settings(max_examples=40)
    @given(st.lists(st.none() | st.integers(0, 9), max_size=30), st.randoms(use_true_random=False))
    def test_any_history_leaves_the_latest_of_each_entry(self, history: list[int | None], random: Any) -> None:
        seconds = random.sample(range(1000), len(history))
        latest: dict[str, int] = {}
        with tempfile.TemporaryDirectory() as folder:
            book = Ledger(folder)
            for number, second in zip(history, seconds, strict=True):
                if number is None:
                    book.pack()
                else:
                    book.append(outcome(f"entry-{number}", second, reason=str(second)))
                    latest[f"entry-{number}"] = max(second, latest.get(f"entry-{number}", 0))
            assert book.reasons() == {entry: str(second) for entry, second in latest.items()}
            assert [one.entry for one in book.outcomes()] == sorted(latest)


def pack_until(book: Ledger, step: int) -> bool:
    """Pack, but die before that step of those that change the disk; whether it came to its end."""

    class Killed(BaseException):
        pass

    taken = 0

    def deadly(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken > step:
                raise Killed
            return original(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", deadly(os.replace))
        patch.setattr(os, "fsync", deadly(os.fsync))
        patch.setattr(Path, "unlink", deadly(Path.unlink))
        try:
            book.pack()
        except Killed:
            return False
    return True


def test_packs_hold_512_entries(book: Ledger) -> None:
    assert ROWS_PER_PACK == 512
    entries = fill(book, 515)
    book.pack()
    assert [pq.read_metadata(book.folder / name).num_rows for name in names(book)] == [512, 3]
    assert [one.entry for one in book.outcomes()] == entries


@pytest.mark.usefixtures("small_packs")
class TestDamage:
    @pytest.mark.parametrize("damage", [truncate, empty, overwrite_the_end, replace_by_text, replace_by_folder])
    @pytest.mark.parametrize("pattern", ["pack-0000*", "pack-0001*", "entry-*"])
    def test_a_damaged_part_is_named_in_one_line(self, book: Ledger, pattern: str, damage: Callable[[Path], None]) -> None:
        fill(book, 6)
        book.pack()
        fill(book, 1, first=6)
        (part,) = book.folder.glob(pattern)
        damage(part)
        for call in (book.reasons, lambda: list(book.outcomes())):
            with pytest.raises(LibraryError, match="is damaged") as refusal:
                call()
            assert part.name in str(refusal.value)
            assert "\n" not in str(refusal.value)

    @pytest.mark.parametrize("damage", [truncate, empty, overwrite_the_end, replace_by_text, replace_by_folder])
    @pytest.mark.parametrize("pattern", ["pack-0001*", "entry-*"])
    def test_a_damaged_part_is_not_packed(self, book: Ledger, pattern: str, damage: Callable[[Path], None]) -> None:
        fill(book, 6)
        book.pack()
        fill(book, 1, first=6)
        before = names(book)
        (part,) = book.folder.glob(pattern)
        damage(part)
        with pytest.raises(LibraryError, match="is damaged") as refusal:
            book.pack()
        assert part.name in str(refusal.value)
        assert names(book) == before

    def test_a_part_of_something_else_is_named(self, book: Ledger, open_set: ParquetLibrary) -> None:
        fill(book, 1)
        shard = next(open_set.folder.glob("part-*.parquet"))
        shutil.copy(shard, book.folder / "pack-0000.parquet")
        with pytest.raises(LibraryError, match=r"pack-0000\.parquet"):
            book.reasons()

    @pytest.mark.parametrize("pattern", ["pack-0000*", "entry-*"])
    def test_bytes_overwritten_inside_a_part_are_noticed(self, book: Ledger, make_material: Maker, pattern: str) -> None:
        for number in range(5):
            book.append(outcome(f"entry-{number}", number, material=make_material(f"entry-{number}", "Pt")))
            if number == 3:
                book.pack()
        (part,) = book.folder.glob(pattern)
        group = pq.ParquetFile(part).metadata.row_group(0)
        chunks = [group.column(column) for column in range(group.num_columns)]
        (chunk,) = [chunk for chunk in chunks if chunk.path_in_schema.startswith("material.dos_up")]
        raw = bytearray(part.read_bytes())
        first = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
        middle = first + chunk.total_compressed_size * 2 // 3
        raw[middle : middle + 24] = bytes(byte ^ 0x5A for byte in raw[middle : middle + 24])
        part.write_bytes(raw)
        with pytest.raises(LibraryError, match="is damaged") as refusal:
            list(book.outcomes())
        assert part.name in str(refusal.value)

    def test_a_flipped_bit_is_noticed_or_harmless(self, book: Ledger, make_material: Maker) -> None:
        for number in range(4):
            material = make_material(f"entry-{number}", "Pt", d_band=(-2 - number / 10, 1.2))
            book.append(outcome(f"entry-{number}", number, material=material))
        book.pack()
        expected = list(book.outcomes())
        (part,) = book.folder.glob("pack-*")
        raw = part.read_bytes()
        footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
        generator = np.random.default_rng(7)
        for place, bit in zip(generator.integers(4, footer, 200), generator.integers(0, 8, 200), strict=True):
            spoiled = bytearray(raw)
            spoiled[place] ^= 1 << int(bit)
            part.write_bytes(spoiled)
            try:
                found = list(book.outcomes())
            except LibraryError:
                continue
            for one, other in zip(found, expected, strict=True):
                assert (one.entry, one.reason, one.finished) == (other.entry, other.reason, other.finished)
                assert one.material is not None and other.material is not None
                assert_same(one.material, other.material)

    def test_a_value_that_must_be_there_is_missed(self, book: Ledger, make_material: Maker) -> None:
        """What a flipped bit can make of a file whose checksums are right again."""
        book.append(outcome("a", material=make_material("a", "Pt3Ni")))
        (part,) = book.folder.glob("*.parquet")
        table = pq.read_table(part)
        row = table.to_pylist()[0]
        row["material"]["formula"] = None
        pq.write_table(pa.Table.from_pylist([row], schema=table.schema), part)
        with pytest.raises(LibraryError, match="cannot be read"):
            list(book.outcomes())

    def test_without_the_damaged_part_the_rest_is_there(self, book: Ledger) -> None:
        entries = fill(book, 6)
        book.pack()
        entries += fill(book, 1, first=6)
        truncate(book.folder / "pack-0001.parquet")
        (book.folder / "pack-0001.parquet").unlink()
        assert sorted(book.reasons()) == entries[:4] + entries[6:]
        book.pack()
        assert sorted(book.reasons()) == entries[:4] + entries[6:]


class TestLock:
    def test_a_second_writer_is_refused_in_one_line(self, book: Ledger) -> None:
        with book.lock():
            with pytest.raises(LibraryError, match="another dosmith is writing") as refusal, Ledger(book.folder).lock():
                pass
            assert str(book.folder) in str(refusal.value)
            assert "\n" not in str(refusal.value)

    def test_it_is_free_again_afterwards_and_after_an_error(self, book: Ledger) -> None:
        with book.lock():
            pass
        with pytest.raises(KeyboardInterrupt), book.lock():
            raise KeyboardInterrupt
        with book.lock():
            assert book.reasons() == {}

    def test_a_held_ledger_can_be_read(self, book: Ledger) -> None:
        entries = fill(book, 2)
        with book.lock():
            assert list(Ledger(book.folder).reasons()) == entries

    def test_it_is_free_again_while_a_child_forked_meanwhile_lives(self, book: Ledger) -> None:
        reading, writing = os.pipe()
        with book.lock():
            child = os.fork()  # as a pool of processes does
            if not child:
                os.close(writing)
                os.read(reading, 1)
                os._exit(0)
        try:
            with book.lock():
                pass
        finally:
            os.close(writing)
            os.close(reading)
            os.waitpid(child, 0)

    def test_a_writer_that_was_killed_holds_nothing(self, book: Ledger) -> None:
        program = """
import sys
from dosmith.library.ledger import Ledger
with Ledger(sys.argv[1]).lock():
    print("locked", flush=True)
    sys.stdin.read()
"""
        command = [sys.executable, "-c", program, str(book.folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "locked\n"
                with pytest.raises(LibraryError, match="another dosmith is writing"), book.lock():
                    pass
            finally:
                child.kill()
                child.wait()
            with book.lock():
                pass


WRITER = """
import sys
from itertools import count
import numpy as np
from dosmith.library import ledger
from dosmith.records import Material, Spectrum
ledger.ROWS_PER_PACK = 8
book = ledger.Ledger(sys.argv[1])
energies = np.linspace(-10, 10, 401)
with book.lock():
    for number in count():
        spectrum = Spectrum(energies, 1 + np.sin(energies + number)[None], 0.0)
        material = Material(f"entry-{number}", (("Pt", 1),), spectrum, provenance={"number": number})
        book.append(ledger.Outcome(material.id, material, None, 1.0, f"{number:06d}"))
        print(material.id, flush=True)
        if number % 5 == 4:
            book.pack()
"""
"""Appends and packs until it is killed; prints each entry once it is in."""


@pytest.mark.parametrize("count", [1, 4, 5, 10, 13, 25, 40])
def test_a_writer_killed_at_any_instant_loses_nothing_it_appended(tmp_path: Path, count: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        printed = [child.stdout.readline().strip() for _ in range(count)]
        child.send_signal(signal.SIGKILL)
        printed += child.stdout.read().split()
    assert child.returncode == -signal.SIGKILL
    assert len(printed) >= count
    book = Ledger(tmp_path)
    for part in book.folder.glob("*.parquet"):
        assert pq.read_table(part).num_rows >= 1
    with book.lock():
        for _ in range(2):
            found = {one.entry: one for one in book.outcomes()}
            assert set(printed) <= set(found) <= {*printed, f"entry-{len(printed)}"}
            for entry, one in found.items():
                number = int(entry.removeprefix("entry-"))
                assert one.material is not None
                assert (one.material.id, one.material.provenance) == (entry, {"number": number})
                expected = 1 + np.sin(one.material.spectrum.energies + number)
                np.testing.assert_allclose(one.material.spectrum.total, expected, rtol=1e-6, atol=1e-6)
            book.pack()
