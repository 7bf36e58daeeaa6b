"""How pages of evidence open on the site: three numbers and a chart, out of the tables that stand on them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "docs")  # as mkdocs does for its hooks
    import evidence
    from openings import OPENINGS
    from page_tables import tables, value
OUTSIDE = {"data/open-dos.md": "data/open-dos/README.md", "data/survey.md": "data/survey/README.md"}


def _evidence_pages() -> set[str]:
    """Those that the navigation folds under Evidence."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (trust,) = (each for each in yaml.safe_load(text[text.index("nav:") :])["nav"] if "How far to trust it" in each)
    (folded,) = (each["Evidence"] for each in trust["How far to trust it"] if "Evidence" in each)
    return {page for each in folded for page in each.values()}


def test_every_page_of_evidence_has_an_opening() -> None:
    assert set(OPENINGS) == _evidence_pages()


@pytest.mark.parametrize("place", sorted(OPENINGS))
def test_it_opens_with_three_numbers_of_its_own_and_a_chart(place: str) -> None:
    text = (ROOT / OUTSIDE.get(place, f"docs/{place}")).read_text(encoding="utf-8")
    numbers, _, bars = OPENINGS[place](tables(text), text)
    assert len(numbers) == 3 and all(re.search(r"\d", number) and words for number, words in numbers)
    for _, size, words in bars:
        assert size >= 0 and re.search(r"\d|none", words)
    page = evidence.opened(place, text)
    assert page.index('class="numbers"') < page.index("Written by") if "Written by" in page else True
    assert 'class="bars"' in page or 'class="calibration"' in page or ".svg" in page
    assert page.count("<details") == page.count("</details>")
    HTMLParser().feed(page)


def test_a_table_is_read_as_it_stands() -> None:
    (table,) = tables(
        "# Title\n\n| what | how many | share |\n|---|---|---|\n| a \\| b | 1,200 | 63% (50%-75%) |\n| c | none | |\n\nafter"
    )
    assert table.head == ["what", "how many", "share"] and (table.first, table.last) == (2, 6)
    assert table.column("what") == ["a | b", "c"]
    assert table.bars("share") == [("a | b", 63.0, "63%")]
    assert value("1,200") == 1200 and value("none") == 0 and value("-") is None
    assert value("+0.2") == 0.2 and value("9.83e-5") == pytest.approx(9.83e-5)


def test_bars_begin_where_differences_show_and_at_zero_where_they_do_anyway() -> None:
    near = evidence.chart("cosine", [("a", 0.94, "0.94"), ("b", 0.98, "0.98")])
    assert "bars begin at 0.9" in near
    assert [float(each) for each in re.findall(r"--share:([\d.]+)%", near)] == pytest.approx([50, 100])
    far = evidence.chart("share", [("a", 3.0, "3%"), ("b", 63.0, "63%")])
    assert "begin at" not in far and "--share:4.8%" in far


def test_calibration_lies_on_its_line_where_promises_hold() -> None:
    drawn = evidence.calibration([(0.1, 0.1, 5), (0.5, 0.5, 10), (0.9, 0.9, 40), (0.3, 0.3, 0)])
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert len(places) == 3  # what nobody was promised has no point
    assert all(x - 30 == pytest.approx(210 - y, abs=0.1) for x, y in places)
    radii = [float(r) for r in re.findall(r' r="([\d.]+)"', drawn)]
    assert radii == sorted(radii)
