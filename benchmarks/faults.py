"""What a library survives: faults injected into a real folder, counted; written to benchmarks/faults.json and docs/reliability.md.

    python benchmarks/faults.py [REPEATS]

Writers are processes of their own. After each fault the library is opened anew, every material that had been added before
is compared with what was written, bit by bit, and one more material is added.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import reliability

from dosmith.errors import DosmithError
from dosmith.library import ParquetLibrary, schema
from dosmith.library.shards import MANIFEST
from dosmith.records import Material, Spectrum

ENERGIES = np.linspace(-10, 10, 401)
START = 40


def material(number: int) -> Material:
    """A material that its number tells."""
    curve = np.random.default_rng(number).random(401).astype(np.float32)
    return Material(f"m{number:05d}", (("Pt", 1),), Spectrum(ENERGIES, curve[None, :], 0.0), provenance={"number": number})


def new_library(folder: Path) -> ParquetLibrary:
    """A library of START materials in shards of several sizes."""
    library = ParquetLibrary.at(folder, "faults")
    for first, last in ((0, 25), (25, 37), (37, 40)):
        library.add([material(number) for number in range(first, last)])
    return library


def check(folder: Path, least: int = START, but: int = 0) -> int:
    """How many of the first `least` materials are lost or changed, `but` damaged ones excepted; the library must go on working."""
    library = ParquetLibrary(folder)
    numbers = [int(identifier[1:]) for identifier in library.ids if identifier[0] == "m"]
    assert len(numbers) == len(set(numbers)), "an entry is doubled"
    for number in numbers:
        np.testing.assert_array_equal(library.material(f"m{number:05d}").spectrum.densities, material(number).spectrum.densities)
    curves = sum(len(block.rows) for block in library.spectra())
    assert curves == len(library), "a curve is missing"
    with contextlib.suppress(FileNotFoundError):
        os.chmod(folder, 0o755)
    library.add([material(90_000)])
    assert "m90000" in ParquetLibrary(folder)
    return len(set(range(least)) - set(numbers)) - but


def writer(folder: Path, first: int = START, count: int = 10**6, size: int = 3) -> None:
    """Append batch after batch, telling of each that is done."""
    library = ParquetLibrary(folder)
    for number in range(first, first + count * size, size):
        library.add([material(n) for n in range(number, number + size)])
        print(number + size, flush=True)


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "writer", str(folder), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed(folder: Path, random: np.random.Generator) -> int:
    """kill -9 at a random moment while appends run."""
    process = start(folder)
    assert process.stdout is not None
    done = int(process.stdout.readline())  # it is at work
    time.sleep(random.uniform(0.0, 0.25))
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    return check(folder, max([done, *map(int, rest.split())]))


def killed_at_call(folder: Path, random: np.random.Generator) -> int:
    """kill -9 between two calls of the operating system, each in turn."""
    child = os.fork()
    if child == 0:
        remaining = int(random.integers(1, 28))

        def counted(original: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **options: object) -> object:
                nonlocal remaining
                remaining -= 1
                if remaining == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*arguments, **options)

            return call

        with contextlib.ExitStack() as stack:
            for name in ("fsync", "replace", "unlink", "open"):
                stack.enter_context(mock.patch.object(os, name, counted(getattr(os, name))))
            library = ParquetLibrary(folder)
            library.add([material(START)])
            library.add([material(START + 1)])
            library.remove([f"m{START:05d}"])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it was over before"
    return check(folder)


def disk_full(folder: Path, random: np.random.Generator) -> int:
    """Writing fails for want of room: a limit on file sizes that the kernel enforces, or ENOSPC from the nth sync."""
    child = os.fork()
    if child == 0:
        try:
            library = ParquetLibrary(folder)
            if random.random() < 0.5:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(random.integers(1, 2000)),) * 2)
                library.add([material(number) for number in range(START, START + 20)])
            else:
                calls = iter(range(1, 10))
                failing = int(random.integers(1, 3))
                original = os.fsync

                def fsync(handle: int) -> None:
                    if next(calls) == failing:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    original(handle)

                with mock.patch.object(os, "fsync", fsync):
                    library.add([material(START)])
        except DosmithError as error:
            os._exit(0 if "cannot be written" in str(error) and "\n" not in str(error) else 3)
        os._exit(4)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"not told in one line ({status})"
    assert not [path for path in folder.iterdir() if path.name.endswith(".writing")]
    return check(folder)


def read_only(folder: Path, random: np.random.Generator) -> int:
    """A folder that this user may read and not write."""
    os.chmod(folder.parent, 0o755)
    os.chmod(folder, 0o555)
    child = os.fork()
    if child == 0:
        if os.getuid() == 0:
            os.setuid(65534)  # permissions do not hold for root
        try:
            library = ParquetLibrary(folder)
            assert len(library) == START
            library.add([material(START)])
        except DosmithError as error:
            os._exit(0 if "cannot be written" in str(error) else 3)
        os._exit(4)
    _, status = os.waitpid(child, 0)
    os.chmod(folder, 0o755)
    assert os.waitstatus_to_exitcode(status) == 0, f"not told in one line ({status})"
    return check(folder)


def two_writers(folder: Path, random: np.random.Generator) -> int:
    """Two writers at once: each append is done, or refused in one line; none is lost."""
    first, second = start(folder, START, 5, 1), start(folder, 10_000, 5, 1)
    done: list[str] = []
    for process in (first, second):
        output, complaint = process.communicate()
        assert process.returncode == 0 or "another dosmith is writing" in complaint, complaint
        done += output.split()
    ids = set(ParquetLibrary(folder).ids)
    assert all(f"m{int(number) - 1:05d}" in ids for number in done), "an append that was told is lost"
    return check(folder)


def shard_of(folder: Path, random: np.random.Generator) -> tuple[Path, int]:
    shards = json.loads((folder / MANIFEST).read_text())["shards"]
    name = list(shards)[int(random.integers(len(shards)))]
    return folder / name, shards[name]["rows"]


def truncated(folder: Path, random: np.random.Generator) -> int:
    """A shard cut short anywhere: named, its materials are left out, all others served; put back, all are there."""
    shard, rows = shard_of(folder, random)
    content = shard.read_bytes()
    shard.write_bytes(content[: int(random.integers(len(content)))])
    return named_and_rest_served(folder, shard, rows, content)


def flipped(folder: Path, random: np.random.Generator) -> int:
    """A bit flipped anywhere in a shard."""
    shard, rows = shard_of(folder, random)
    content = shard.read_bytes()
    changed = bytearray(content)
    changed[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
    shard.write_bytes(changed)
    return named_and_rest_served(folder, shard, rows, content)


def named_and_rest_served(folder: Path, shard: Path, rows: int, content: bytes) -> int:
    (damage,) = ParquetLibrary(folder).damaged
    assert damage.startswith(shard.name)
    lost = check(folder, but=rows)
    shard.write_bytes(content)
    assert ParquetLibrary(folder).damaged == ()
    return lost + check(folder)


def newer(folder: Path, random: np.random.Generator) -> int:
    """A library of a newer dosmith: neither read nor changed."""
    text = (folder / MANIFEST).read_text()
    opened = ParquetLibrary(folder)
    ours = f'"schema_version": {schema.VERSION}'
    (folder / MANIFEST).write_text(text.replace(ours, f'"schema_version": {schema.VERSION + random.integers(1, 99)}'))
    for attempt in (lambda: ParquetLibrary(folder), lambda: opened.add([material(START)])):
        try:
            attempt()
        except DosmithError as error:
            assert "upgrade dosmith" in str(error)
        else:
            raise AssertionError("not refused")
    (folder / MANIFEST).write_text(text)
    return check(folder)


def odd_names(folder: Path, random: np.random.Generator) -> int:
    """A folder whose name is no text."""
    odd = folder.with_name(os.fsdecode(bytes(random.integers(128, 256, 8, dtype=np.uint8)) + b"\n"))
    folder.rename(odd)
    lost = check(odd)
    odd.rename(folder)
    return lost


def clock_backwards(folder: Path, random: np.random.Generator) -> int:
    """The clock jumps back by up to ten years between appends, and files seem to be of the future."""
    now = time.time()
    for number in range(START, START + 3):
        with mock.patch.object(time, "time", return_value=now - random.uniform(0, 3e8)):
            ParquetLibrary(folder).add([material(number)])
        for path in folder.iterdir():
            os.utime(path, (now + 1e8, now + 1e8 * random.random()))
    return check(folder, START + 3)


FAULTS: tuple[tuple[str, Callable[[Path, np.random.Generator], int], str], ...] = (
    ("kill -9 while appends run", killed, "continues from the last append that was reported as done"),
    (
        "kill -9 between two calls of the operating system",
        killed_at_call,
        "the library is either the old one or the new one, never a mixture",
    ),
    ("disk full", disk_full, "one line; the library is unchanged and no files are left over"),
    ("read-only folder", read_only, "reading works as always; the writer gets one line"),
    ("two writers at once", two_writers, "one writes, the other stops with one line"),
    ("shard cut short", truncated, "the shard is named and the rest served; complete again once it is restored"),
    ("bit flipped in a shard", flipped, "the shard is named and the rest served; complete again once it is restored"),
    ("newer schema version", newer, "neither read nor changed; asks for an upgrade"),
    ("folder name that is no text", odd_names, "works"),
    ("clock backwards", clock_backwards, "works: nothing depends on the clock"),
)


@contextlib.contextmanager
def fresh_library() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dosmith-faults-") as home:
        folder = Path(home) / "library"
        new_library(folder)
        yield folder


def run(repeats: int) -> list[dict[str, object]]:
    """Every fault that often, each on a library of its own; raises when one is not survived."""
    rows: list[dict[str, object]] = []
    with fresh_library() as template:
        for place, (name, inject, outcome) in enumerate(FAULTS):
            random, lost = np.random.default_rng(place), 0
            for number in range(repeats):
                folder = template.with_name(f"copy-{place}-{number}")
                shutil.copytree(template, folder)
                lost += inject(folder, random)
                shutil.rmtree(folder)
            rows.append({"fault": name, "injected": repeats, "lost": lost, "outcome": outcome})
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    if sys.argv[1:2] == ["writer"]:
        try:
            writer(Path(sys.argv[2]), *map(int, sys.argv[3:]))
        except DosmithError as error:
            sys.exit(str(error))
        return
    rows = run(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    Path(__file__).with_name("faults.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    reliability.write()


if __name__ == "__main__":
    main()
