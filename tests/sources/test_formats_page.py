"""docs/formats.md lists what the readers read, and nothing else."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import readers

from dosmith.errors import DosmithError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def read_as() -> set[str]:
    """The formats that the page says files are read as."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in (ROOT / "docs" / "formats.md").read_text().splitlines()
    ]
    return {row[5] for row in rows if len(row) == 6 and row[5] not in ("read as", "---", "")}


def test_every_format_has_its_row_and_every_row_a_file(read_as: set[str]) -> None:
    found = set()
    for reader in readers.READERS:
        if reader.read is readers._dos and reader.name != "phonopy":
            for name, content in reader.samples:
                with suppress(DosmithError):  # parts of a DOS, and what programs print
                    found.add(reader.read(name, content).format)  # type: ignore[attr-defined]
    assert found == read_as


def test_every_format_in_the_sources_has_its_row(read_as: set[str]) -> None:
    named: set[str] = set()
    for path in (ROOT / "src" / "dosmith" / "sources").glob("*.py"):
        if path.stem in ("materials_project", "jarvis"):  # fetched, not read from files
            continue
        text = path.read_text()
        constants = dict(re.findall(r"^([A-Z_]+) = \"([^\"]+)\"$", text, re.MULTILINE))
        for argument in re.findall(r"\bCurve\(\s*(?:format=)?([A-Z_]+|\"[^\"]+\")", text) + re.findall(
            r"\.curve\(([A-Z_]+)", text
        ):
            named.add(argument.strip('"') if argument.startswith('"') else constants[argument])
    assert named <= read_as
