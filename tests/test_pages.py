"""No page is older than what it reports: each is, word for word, what its command makes of the committed results."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dosmith.models.store import read_spec
from dosmith.models.tight_binding import card

ROOT = Path(__file__).parents[1]
OF_ONE_FILE = (
    "bases",
    "atlas",
    "board",
    "claims",
    "d_band",
    "doubt",
    "equations_of_state",
    "external",
    "half_metals",
    "identity",
    "install",
    "known_solids",
    "outer",
    "paper_curve",
    "potentials",
    "outer_ranks",
    "projections",
    "throughput",
    "trials",
    "verified",
    "volumes",
)
"""Commands in benchmarks/ whose page is a function of their one file of results."""


def command(name: str) -> ModuleType:
    """A module of benchmarks/, where they find each other."""
    folder = str(ROOT / "benchmarks")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


@pytest.mark.parametrize("name", OF_ONE_FILE)
def test_a_page_is_what_its_command_makes_of_its_results(name: str) -> None:
    module = command(name)
    results = ROOT / "benchmarks" / f"{name}.json"
    written = module.page(json.loads(results.read_text(encoding="utf-8")))
    told = f"{module.PAGE.name} is older than {results.name}: run python benchmarks/{name}.py"
    assert module.PAGE.read_text(encoding="utf-8") == written, told


def test_what_was_verified_is_what_the_ledger_holds() -> None:
    verified = command("verified")
    kept = json.loads(verified.OUTPUT.read_text(encoding="utf-8"))
    assert json.loads(json.dumps(verified.scored())) == kept, "run python benchmarks/verified.py score"


def test_the_card_of_the_forward_model_is_that_of_its_checkpoint() -> None:
    folder = ROOT / "models" / "dosmith"
    written = (folder / "card.md").read_text(encoding="utf-8")
    assert written.startswith(card.text(read_spec(folder)).rstrip()), "the card is older than checkpoint.json"


def test_readme_counts_elements_and_spectra_as_model_and_data_do() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (known,) = re.findall(r"It knows (\d+) elements", text)
    assert int(known) == len(read_spec(ROOT / "models" / "dosmith")["elements"])
    (over,) = re.findall(r"over ([\d,]+) densities of states", text)
    rows = json.loads((ROOT / "data" / "open-dos" / "manifest.json").read_text(encoding="utf-8"))["rows"]
    assert int(over.replace(",", "")) <= rows < 1.25 * int(over.replace(",", ""))
    facts = read_spec(ROOT / "models" / "dosmith")["candidates"]
    for page in ("README.md", "docs/faq.md", "docs/which-tool.md"):
        said = re.findall(r"over ([\d,]+) (?:crystals|of them)", (ROOT / page).read_text(encoding="utf-8"))
        assert said, page
        assert all(int(each.replace(",", "")) <= facts["crystals"] < 1.25 * int(each.replace(",", "")) for each in said), page
