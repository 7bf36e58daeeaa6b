"""What is left running, or lying about, when dosmith is killed with CP2K under way; counted into benchmarks/leftovers.json and docs/reliability.md.

    python benchmarks/leftovers.py [KILLS] [COMMAND...]

The real commands, with a stand-in for CP2K that works until it is stopped, get kill -9 and SIGTERM in turns, at a random moment after their
start. Whatever they had started, whoever started it in turn, must be gone within ten seconds, and what lies in TMPDIR after the next run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reliability

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dosmith import processes
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft.plan import Entry, write_plan
from fake_cp2k import script

RESULTS = Path(__file__).with_name("leftovers.json")
KILLS, LATEST, GONE = 50, 6.0, 10.0
"""Of each command; seconds after which the signal comes at the latest once CP2K runs; seconds within which all must be gone."""
MARK = "LEFTOVERS_MARK"
PREFIX = "dosmith-cp2k-"
CP2K = (
    f"#!{sys.executable}\nimport subprocess, time\nopen('run.out', 'w').write('0' * 100_000)\nsubprocess.run(['sleep', '600'])\n"
)


@dataclass(frozen=True)
class Command:
    """One that computes.

    Attributes:
        name: for people.
        start: starts it in a folder.
    """

    name: str
    start: Callable[[Path, dict[str, str]], subprocess.Popen[str]]


def _popen(words: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "dosmith", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def compute(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """A plan of four crystals, two at a time."""
    plan = folder / "plan.parquet"
    if not plan.exists():
        crystals = ((symbol, PROTOTYPES["A1"].structure((symbol,), 15.0)) for symbol in ("Al", "Cu", "Ag", "Au"))
        write_plan([Entry("A1", (symbol,), c.lattice.matrix, c.frac_coords) for symbol, c in crystals], plan)
    return _popen(["compute", "--plan", str(plan), "--workers", "2"], environment)


def one(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """One crystal."""
    return _popen(["compute", "Al", "--out", str(folder / "Al")], environment)


def verify(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """The candidates of a design, two at a time."""
    design = folder / "design"
    if not design.exists():
        _popen(["design", "Al3Zr", "--top", "3", "--out", str(design)], environment).communicate()
    return _popen(["verify", str(design), "--workers", "2"], environment)


def web(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """The board, with a calculation."""
    words = ["web", "--port", "0", "--no-browser", "--token", "", "--jobs", str(folder / "jobs"), "--model", "dosmith"]
    process = _popen(words, environment)
    assert process.stdout is not None
    address = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+/", line)))
    body = json.dumps({"task": "verify", "kind": "known", "id": "Al-A1"}).encode()
    asked = urllib.request.Request(f"{address}api/jobs", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=120):
        return process


COMMANDS = (
    Command("compute CRYSTAL", one),
    Command("compute --plan", compute),
    Command("verify", verify),
    Command("web, with a calculation", web),
)


def marked(mark: str) -> list[int]:
    """Processes of this attack, whoever started them: by what stands in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in place.read_bytes() and processes.started(int(place.parent.name)):
                found.append(int(place.parent.name))
    return found


@contextlib.contextmanager
def home() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and an environment with the stand-in and a TMPDIR of its own."""
    with tempfile.TemporaryDirectory(prefix="dosmith-leftovers-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        (folder / "bin").mkdir()
        Path(script(folder / "bin", CP2K)).rename(folder / "bin" / "cp2k.psmp")
        own = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(folder / "tmp"), MARK: secrets.token_hex(8)}
        yield folder, os.environ | own


def run(command: Command, kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill it that often; raises when it never gets as far as CP2K."""
    random, running, lying, slowest = np.random.default_rng(seed), 0, 0, 0.0
    with home() as (folder, environment):
        scratch = folder / "tmp"
        for number in range(kills):
            process = command.start(folder, environment)
            limit = time.monotonic() + 300
            while not list(scratch.glob(f"{PREFIX}*/run.out")) and time.monotonic() < limit:
                if random.random() < 0.002:  # now and then earlier than that
                    break
                time.sleep(0.05)
                assert process.poll() is None, f"{command.name} ended by itself"
            time.sleep(random.uniform(0, LATEST) * random.random())
            process.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
            begun = time.monotonic()
            while (left := marked(environment[MARK])) and time.monotonic() - begun < GONE:
                process.poll()
                time.sleep(0.02)
            slowest = max(slowest, time.monotonic() - begun)
            running += len(left)
            for each in left:
                os.kill(each, signal.SIGKILL)
            process.wait()
            for owner in scratch.glob(f"{PREFIX}*/.owner"):  # as if a minute had passed
                os.utime(owner, (0, 0))
            tempfile.tempdir = str(scratch)
            processes.sweep(PREFIX)  # as the next run does
            tempfile.tempdir = None
            lying += len(list(scratch.glob(f"{PREFIX}*")))
    row = {"command": command.name, "killed": kills, "running": running, "lying": lying, "seconds": round(slowest, 1)}
    print(row, flush=True)
    return row


def main(arguments: list[str]) -> None:
    kills = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else KILLS
    rows = {row["command"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.is_file() else {}
    for command in COMMANDS:
        if not arguments or command.name in arguments:
            rows[command.name] = run(command, kills)
            RESULTS.write_text(json.dumps([rows[each.name] for each in COMMANDS if each.name in rows], indent=1) + "\n")
    reliability.write()


if __name__ == "__main__":
    main(sys.argv[1:])
