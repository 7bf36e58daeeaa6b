"""docs/reliability.md out of what faults.py, kills.py and fuzz.py counted; each of them writes it anew."""

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
        _fuzz(_load("fuzz.json")),
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _load(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def _faults(rows: list[dict[str, Any]]) -> str:
    text = """## Faults in a library

Written by `python benchmarks/faults.py`. Each fault was injected into a library of 40 materials on its own, as often as said. Then the library was opened
anew, every material that had been added before was compared with what was written, and one more was added. Lost means missing or changed; of a damaged shard,
what the library still had to serve: its other shards. What commands say of a full disk, of a place that cannot be written and of names that are no text
is held by [tests](../tests/cli/test_hard_places.py).

| fault | injected | materials lost | what happens |
|---|---|---|---|
"""
    for row in rows:
        text += f"| {row['fault']} | {row['injected']} | {row['lost'] or 'none'} | {row['outcome']} |\n"
    return text


def _kills(rows: list[dict[str, Any]]) -> str:
    text = """## kill -9 at a random moment

Written by `python benchmarks/kills.py`. Each command's work was killed at random moments between its start and its end, and started again on the same folder until
it came to its end; then all was there once. CP2K is a stand-in that answers at once, the Materials Project a server on the same machine. Lost is what had been
told to be done and was not there after a kill.

| command | killed | came to its end | lost | doubled | what happens |
|---|---|---|---|---|---|
"""
    for row in rows:
        lost, doubled = row["lost"] or "none", row["doubled"] or "none"
        text += f"| `{row['job']}` | {row['killed']} | {row['completed']} times | {lost} | {doubled} | {row['outcome']} |\n"
    return text


def _fuzz(rows: dict[str, dict[str, Any]]) -> str:
    text = """## Mutated files

Written by `python benchmarks/fuzz.py`. Sound files of every kind, those of `tests/fixtures` or real curves and crystals as each program writes them, were changed at random:
bits flipped, pieces cut out, repeated or put in from other files, lines lost, doubled or moved, numbers replaced by what is none or is enormous, counts changed,
other encodings and separators, XML entities, nesting thousands deep, packing sound and damaged, archives of some hundred kilobytes that unpack to 300 MiB
([all of them](../benchmarks/mutations.py)). Each was read, or refused in one line of at most 1,000 printable characters; anything else would be a failure. Time of the processor and memory are the largest of one file.

| reader | files | read | refused in one line | failures | longest, s | most memory, MiB |
|---|---|---|---|---|---|---|
"""
    for name, row in rows.items():
        text += (
            f"| {name} | {row['done']:,} | {row['read']:,} | {row['refused']:,} | {len(row['failures']) or 'none'} |"
            f" {row['seconds']:.1f} | {row['mebibytes']} |\n"
        )
    return text
