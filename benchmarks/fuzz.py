"""Every reader fed with mutated files: it finds something, or says in one line why not; counted, with its time and memory.

    python benchmarks/fuzz.py [COUNT] [READER...]           # goes on where it was; results in benchmarks/fuzz.json and docs/reliability.md
    python benchmarks/fuzz.py --file READER NUMBER PATH     # writes one of the files, to look into it

Each file follows from reader and number alone. They are read in a process of its own with limited memory, which is killed when it
takes too long, so that whatever a file does is counted and not the end.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import reliability
from mutations import make_bombs, mutated
from readers import READERS, Named, Reader

from dosmith.errors import DosmithError

RESULTS = Path(__file__).with_name("fuzz.json")
COUNT = 10_000
SECONDS = 120.0
"""A file must be read or refused within this time, however busy the machine is; what is told is the time of the processor."""
MEMORY = 2 * 2**30
"""And within this address space beyond what the process had, bytes."""
STEP = 250
"""Files between two writings of the results."""
LONGEST = 1000
"""Characters of a message at most."""


def sample(reader: Reader, number: int) -> Named:
    """The mutated file of that number."""
    random = Random(f"{reader.name} {number}")
    files = reader.samples
    name, content = files[number % len(files)]
    return name, mutated(content, random.choice(files)[1], random)


def outcome(reader: Reader, name: str, content: bytes) -> str:
    """'read', 'refused', or what went wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(name, content)
    except DosmithError as error:
        text = str(error)
        if not text or len(text) > LONGEST or not all(c.isprintable() for c in text):
            return f"failed: a message that is not one short line: {text[:200]!r}"
        return "refused"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"failed: {type(error).__name__}: {str(error)[:150]} ({Path(where.filename).name}:{where.lineno})"
    return "read"


def _peak() -> float:
    """Largest memory of this process since `_forget_peak`, MiB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _work(reader: Reader, numbers: list[int], pipe: Connection) -> None:
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    outcome(reader, *reader.samples[0])  # what is imported at the first time is no file's fault
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY,) * 2)
    for number in numbers:
        try:
            name, content = sample(reader, number)
        except MemoryError:  # of the mutation itself
            pipe.send((number, "skipped", 0.0, 0.0))
            continue
        _forget_peak()
        before, start = _peak(), time.process_time()
        result = outcome(reader, name, content)
        pipe.send((number, result, time.process_time() - start, _peak() - before))


def run(reader: Reader, numbers: list[int]) -> Iterator[tuple[int, str, float, float]]:
    """Number, outcome, seconds and memory (MiB) of each file."""
    waiting = list(numbers)
    make_bombs()
    context = multiprocessing.get_context("fork")
    while waiting:
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(reader, waiting, theirs))
        process.start()
        theirs.close()
        limit = SECONDS + 60  # the first waits for the imports
        with suppress(EOFError):
            while waiting:
                if not mine.poll(limit):
                    process.kill()
                    yield waiting.pop(0), f"failed: longer than {SECONDS:g} s", SECONDS, 0.0
                    break
                found = mine.recv()
                limit = SECONDS
                assert found[0] == waiting.pop(0)
                yield found
        process.join()
        if waiting and process.exitcode and process.exitcode != -9:
            yield waiting.pop(0), f"failed: the process ended with {process.exitcode}", 0.0, 0.0


def add(reader: Reader, count: int) -> None:
    """Read files of one reader until there are as many; those that failed before come first."""
    results = load()
    row = results.setdefault(
        reader.name, {"done": 0, "read": 0, "refused": 0, "skipped": 0, "seconds": 0.0, "mebibytes": 0.0, "failures": {}}
    )
    again = sorted(map(int, row["failures"]))
    while again or row["done"] < count:
        numbers = again or list(range(row["done"], min(row["done"] + STEP, count)))
        row["done"] += 0 if again else len(numbers)
        for number, result, seconds, memory in run(reader, numbers):
            row["failures"].pop(str(number), None)
            if result in ("read", "refused", "skipped"):
                row[result] += 1
            else:
                row["failures"][str(number)] = result
                print(f"{reader.name} {number}: {result}", flush=True)
                continue
            if seconds > row["seconds"]:
                row["seconds"], row["slowest"] = round(seconds, 2), number
            if memory > row["mebibytes"]:
                row["mebibytes"], row["largest"] = round(memory), number
        again = []
        save(results)
        print(reader.name, {name: row[name] for name in ("done", "read", "refused", "seconds", "mebibytes")}, flush=True)


def load() -> dict[str, Any]:
    """What was found so far, by reader."""
    return dict(json.loads(RESULTS.read_text())) if RESULTS.is_file() else {}


def save(results: dict[str, Any]) -> None:
    """Write it down, in order of the readers."""
    order = {reader.name: place for place, reader in enumerate(READERS)}
    known = {name: results[name] for name in sorted(results, key=lambda name: order.get(name, 99))}
    aside = RESULTS.with_suffix(".writing")
    aside.write_text(json.dumps(known, indent=1) + "\n")
    aside.replace(RESULTS)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--file"]:
        (reader,) = (each for each in READERS if each.name == arguments[1])
        Path(arguments[3]).write_bytes(sample(reader, int(arguments[2]))[1])
        return
    count = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else COUNT
    for reader in READERS:
        if not arguments or reader.name in arguments:
            add(reader, count)
    reliability.write()


if __name__ == "__main__":
    main(sys.argv[1:])
