"""docs/reliability.md out of what faults.py, kills.py, leftovers.py, attacks.py and fuzz.py counted; each of them writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reliability.md"


def write() -> None:
    """The page, of the results that are there."""
    parts = [
        "# What it survives\n",
        _faults(_load("faults.json")),
        _kills(_load("kills.json")),
        _leftovers(_load("leftovers.json")),
        _attacks(_load("attacks.json")),
        _fuzz(_load("fuzz.json")),
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _load(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def _faults(rows: list[dict[str, Any]]) -> str:
    text = """## Faults in a library

Written by `python benchmarks/faults.py`. Each fault was injected by itself into a library of 40 materials, as often as the table says. The library was then opened
again, every material added before was compared with the original, and one more was added. Lost means missing or changed. If a shard (one file of the library) is damaged,
only the materials in other shards are counted. [Tests](../tests/cli/test_hard_places.py) check what the commands say about a full disk, a folder without write permission, and names that are not valid text.

| fault | injected | materials lost | what happens |
|---|---|---|---|
"""
    for row in rows:
        text += f"| {row['fault']} | {row['injected']} | {row['lost'] or 'none'} | {row['outcome']} |\n"
    return text


def _kills(rows: list[dict[str, Any]]) -> str:
    text = """## kill -9 at a random moment

Written by `python benchmarks/kills.py`. Each command was killed at random moments between its start and its end, and started again on the same folder until
it finished; then every result was there exactly once. A stand-in that answers at once replaces CP2K, and a server on the same machine replaces the Materials Project. A result is lost if the command had
reported it as done and it was not there after a kill.

| command | killed | came to its end | lost | doubled | what happens |
|---|---|---|---|---|---|
"""
    for row in rows:
        lost, doubled = row["lost"] or "none", row["doubled"] or "none"
        name, often = (
            {"atlas": "atlas add"}.get(row["job"], row["job"]),
            "once" if row["completed"] == 1 else f"{row['completed']} times",
        )
        text += f"| `{name}` | {row['killed']} | {often} | {lost} | {doubled} | {row['outcome']} |\n"
    return text


def _leftovers(rows: list[dict[str, Any]]) -> str:
    text = """## Nothing is left running

Written by `python benchmarks/leftovers.py`. The real commands were stopped by kill -9 and SIGTERM in turns at a random moment. A stand-in replaced CP2K: it starts another program and works until it is stopped.
All processes that a command had started (workers, CP2K, and the program that CP2K started) must be gone within ten seconds. The command itself removes its scratch folders in TMPDIR; after kill -9 the next command removes them.

| command | killed | still running | folders left | all gone after, s, at the latest |
|---|---|---|---|---|
"""
    for row in rows:
        text += f"| `{row['command']}` | {row['killed']} | {row['running'] or 'none'} | {row['lying'] or 'none'} | {row['seconds']} |\n"
    return text


def _attacks(found: dict[str, Any]) -> str:
    text = f"""## The drawing board under attack

Written by `python benchmarks/attacks.py` (Python {found["python"]}, {found["machine"]}, {found["cores"]} cores, load {found["load"]} from other work before the start; server and clients on the same machine).
Meanwhile another client looked up materials, one after the other; its waiting times show how an attack affects other users. The server used {found["before, MiB"]} MiB of memory before and {found["after, MiB"]} MiB afterwards.

| attack | lasted, s | answers | others waited: median, 95 %, slowest, ms | most memory, MiB |
|---|---|---|---|---|
"""
    for row in found["attacks"]:
        answers = ", ".join(f"{count} x {_ANSWERS.get(code, code)}" for code, count in row.get("answers", {}).items())
        if "open, s" in row:
            answers = f"closed after {row['open, s']} s at the latest"
        waits = row["others"]
        unanswered = f" ({row['failed']} unanswered)" if row["failed"] else ""
        others = f"{waits['median']}, {waits['p95']}, {waits['slowest']}{unanswered}"
        text += f"| {row['name']} | {row['seconds']} | {answers} | {others} | {row['mebibytes']} |\n"
    text += "\nHow long the clients that drag waited:\n\n| clients | by | median, ms | 95 %, ms | slowest, ms |\n|---|---|---|---|---|\n"
    for row in found["attacks"]:
        for metric, waited in row.get("waited", {}).items():
            text += f"| {row['name']} | {metric} | {waited['median']} | {waited['p95']} | {waited['slowest']} |\n"
    return text


_ANSWERS = {
    "0": "closed",
    "200": "answered",
    "408": "too slow (408)",
    "411": "size not stated (411)",
    "422": "read and refused (422)",
    "429": "told to come again (429)",
    "503": "too many connections (503)",
}


def _fuzz(rows: dict[str, dict[str, Any]]) -> str:
    text = """## Mutated files

Written by `python benchmarks/fuzz.py`. Sound files of every kind (from `tests/fixtures`, or real curves and crystals in the layout of each program) were damaged at random:
bits flipped; pieces cut out, repeated or inserted from other files; lines lost, doubled or moved; numbers replaced by text or by enormous numbers; counts changed;
other encodings and separators; XML entities; nesting thousands deep; sound and damaged compression; archives of some hundred kilobytes that unpack to 300 MiB
([all of them](../benchmarks/mutations.py)). Each file must be read, or refused in one line of at most 1,000 printable characters; anything else is a failure. Processor time and memory are the largest for any one file.

| reader | files | read | refused in one line | failures | longest, s | most memory, MiB |
|---|---|---|---|---|---|---|
"""
    for name, row in rows.items():
        text += (
            f"| {name} | {row['done']:,} | {row['read']:,} | {row['refused']:,} | {len(row['failures']) or 'none'} |"
            f" {row['seconds']:.1f} | {row['mebibytes']} |\n"
        )
    return text
