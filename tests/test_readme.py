"""What the README claims is what was measured."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_headline_is_that_of_the_results() -> None:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    benchmark, verified = json.loads(readme.BENCHMARK.read_text()), json.loads(readme.VERIFIED.read_text())
    table = readme.table(benchmark, verified)
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")
    assert table.count("\n") == 6 and "not tested" in table


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if not re.match(r"[a-z]+:", link)]
    missing = [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing
