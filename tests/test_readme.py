"""What the README claims is what was measured."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks" / "readme.py")
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    return readme


def test_the_cards_hold_the_rows_of_the_results(readme: ModuleType) -> None:
    benchmark = json.loads(readme.BENCHMARK.read_text())
    for model, card in readme.CARDS.items():
        written = readme.rows(benchmark, model)
        assert written in card.read_text(encoding="utf-8") and written.count("\n| ") >= 6


def test_text_goes_between_the_marks(readme: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    for text in ("one\n", "two\n"):
        readme.between(page, text)
        assert page.read_text() == f"# Page\n\n{readme.BEGIN}\n{text}{readme.END}\n"
    page.write_text(f"before {readme.BEGIN} old {readme.END} after")
    readme.between(page, "new")
    assert page.read_text() == f"before {readme.BEGIN}\nnew{readme.END} after"


def test_the_headline_is_that_of_the_results(readme: ModuleType) -> None:
    benchmark, verified = json.loads(readme.BENCHMARK.read_text()), json.loads(readme.VERIFIED.read_text())
    table = readme.table(benchmark, verified)
    outer, published = (json.loads(file.read_text()) for file in (readme.OUTER, readme.PUBLISHED))
    written = table + readme.since(benchmark) + readme.others(outer, published)
    assert written + readme.END in (ROOT / "README.md").read_text(encoding="utf-8")
    assert table.count("\n") == 6 and "not tested" in table


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if not re.match(r"[a-z]+:", link)]
    missing = [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_names_in_modules_are_there(page: str) -> None:
    named = re.findall(r"`([a-z_/]+\.py): (\w+)`", (ROOT / page).read_text(encoding="utf-8"))
    missing = [
        f"{file}: {name}"
        for file, name in named
        if not re.search(rf"^(?:def |class )?{name}\b", (ROOT / "src" / "dosmith" / file).read_text(encoding="utf-8"), flags=re.M)
    ]
    assert named and not missing


def test_the_verified_example_is_what_the_page_says() -> None:
    cases = json.loads((ROOT / "docs" / "cases" / "verified" / "verification.json").read_text(encoding="utf-8"))["candidates"]
    verdicts = [case["verdict"] for case in cases]
    assert sum(verdict.startswith("has the target's DOS") for verdict in verdicts) == 5 == len(cases)
    assert sum(case["source"] == "CP2K" for case in cases) == 3
    assert sum(verdict.endswith(", stable") for verdict in verdicts) == 4
