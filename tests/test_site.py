"""The docs site: it builds without a warning, its notebooks run, and it loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="needs dosmith[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_reached_from_the_navigation(site: Path) -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r": (\S+\.(?:md|ipynb))$", text, flags=re.M))
    pages = {str(page.relative_to(ROOT / "docs")) for kind in ("*.md", "*.ipynb") for page in (ROOT / "docs").rglob(kind)}
    assert pages <= named
    assert {"index.md", "cli.md", "models/dosmith.md", "models/paper.md", "data/open-dos.md"} <= named


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*?\bsrc=[\"']?(https?://[^\"' >]+)", text)
        loaded += [
            link
            for tag in re.findall(r"<link[^>]+>", text)
            if "canonical" not in tag
            for link in re.findall(r"https?://[^\"' >]+", tag)
        ]
        loaded += re.findall(r"(?:import |from |url\()[\"']?(https?://[^\"')]+)", text) if "notebooks" in page.parts else []
        assert not loaded, page


def test_the_references_come_from_the_code(site: Path) -> None:
    commands = (site / "cli.html").read_text(encoding="utf-8")
    assert "dosmith data fetch jarvis" in commands and "--crystal-system" in commands
    python = (site / "python.html").read_text(encoding="utf-8")
    from dosmith import __all__ as names

    assert not [name for name in names if f".{name}" not in python]


def test_cards_and_readme_are_shown_and_their_links_lead_to_pages(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "From a density of states to the materials that have it" in home
    assert 'href="models/dosmith.html"' in home and 'href="forward.html"' in home and "../src" not in home
    assert "Model card: dosmith" in (site / "models" / "dosmith.html").read_text(encoding="utf-8")


def test_home_asks_what_one_has_and_leads_to_the_how_to(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    words = re.sub(r"<[^>]+>", "", home)
    assert 'src="report.png"' in home and words.index("pip install .") < words.index("dosmith design Pt3Ni")
    for page in ("formats", "drawing-board", "crystals", "choosing", "verification", "which-tool", "from-the-paper"):
        assert f'href="{page}.html' in home.split("What do you have?")[-1]


def test_evidence_is_one_folded_section_and_how_tos_are_found_first(site: Path) -> None:
    import json

    home = (site / "index.html").read_text(encoding="utf-8")
    evidence = re.search(r'<li class="([^"]*)">\s*<input[^>]*>(?:(?!</nav>).)*?Evidence', home, flags=re.DOTALL)
    assert evidence and "checked" not in re.findall(r"<input[^>]*>", evidence[0])[-1]
    found = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    boosted = {entry["location"].split("#")[0] for entry in found if entry.get("boost", 1) > 1}
    assert {"formats.html", "drawing-board.html", "choosing.html"} <= boosted and "ablation.html" not in boosted


def test_the_page_from_the_paper_leads_to_places_that_are_there(site: Path) -> None:
    page = (site / "from-the-paper.html").read_text(encoding="utf-8")
    for target in re.findall(r'href="([a-z][^":]*\.html#[^"]+)"', page.split("What is different")[-2]):
        file, _, anchor = target.partition("#")
        assert f'id="{anchor}"' in (site / file).read_text(encoding="utf-8"), target
    assert all(f"Fig. {number}" in page for number in range(1, 7))


def test_notebooks_show_what_they_computed(site: Path) -> None:
    design = (site / "notebooks" / "design.html").read_text(encoding="utf-8")
    assert "image/png" in design and "predicted 0." in design
    assert "AlN-" in (site / "notebooks" / "library.html").read_text(encoding="utf-8")


def test_its_settings_are_those_of_a_site_that_stands_alone() -> None:
    text = re.sub(r"!!python\S+", "", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert yaml.safe_load(text)["theme"]["font"] is False
