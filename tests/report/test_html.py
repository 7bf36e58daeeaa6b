"""The HTML report: escaping, completeness, no network, and that a browser really draws it."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dosmith
from dosmith import formulas
from dosmith.records import Candidate
from dosmith.report.html import Curve, ReportData, formula_html, prototype_html, render
from dosmith.report.output import report_data

ENERGIES = np.linspace(-7.5, 7.5, 151)
HOSTILE = "<script>alert(1)</script>.csv"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def bump(centre: float) -> np.ndarray:
    """A peak of unit area, 1/eV, shape (151,)."""
    return np.asarray(np.exp(-((ENERGIES - centre) ** 2) / 2) / np.sqrt(2 * np.pi))


def candidate(rank: int, formula: str, similarity: float | None = None, prototype: str | None = None) -> dict[str, Any]:
    known = similarity is not None
    return Candidate(
        rank=rank,
        composition=formulas.parse(formula),
        distance=0.25 * rank,
        in_training=rank == 1,
        known_dos=known,
        similarity=similarity,
        similarity_kind="computed" if known else None,
        metric="cosine",
        structure_id=f"open-{formula}" if known else None,
        structure_ids=(f"open-{formula}", "open-other") if known else (),
        prototype=prototype,
        crystal_system="cubic" if known else None,
    ).as_dict()


def similar(identity: str, formula: str, similarity: float, **more: Any) -> dict[str, Any]:
    facts = {"id": identity, "formula": formula, "prototype": "A1", "crystal_system": "cubic", "similarity": similarity}
    return facts | more


@pytest.fixture
def data() -> ReportData:
    return ReportData(
        title="Pt3Ni",
        energies=ENERGIES,
        target=Curve("Pt3Ni", "target", bump(-2.0)),
        candidates=[
            (candidate(1, "Pt3Co", 0.97, "L1_2"), Curve("Pt3Co", "candidate", bump(-2.1), "PBE")),
            (candidate(2, "Pd2Ir"), None),
            (candidate(3, "Al3Zr", 0.61, "D0_23"), Curve("Al3Zr", "candidate", bump(1.5), "PBE")),
        ],
        similar=[
            (similar("open-Pt", "Pt", 0.98), Curve("Pt", "similar", bump(-1.9))),
            (similar("open-Pd", "Pd", 0.95), Curve("Pd", "similar", bump(-1.5))),
        ],
        target_facts=[("source", "open set"), ("energy zero", "Fermi level")],
        settings=[("metric", "cosine")],
        model=[("name", "paper")],
        caveats=["A similar DOS is no proof."],
        window=None,
        version="0.1.0",
        command="dosmith design Pt3Ni",
    )


def embedded(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    content: dict[str, Any] = json.loads(match[1])
    return content


def markup(page: str) -> str:
    """The page without what stands in style and script elements."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


def table(page: str, label: str) -> str:
    match = re.search(rf'<table role="table" aria-label="{label}">.*?</table>', page, re.DOTALL)
    assert match is not None
    return match[0]


def test_every_curve_is_embedded_whole(data: ReportData) -> None:
    content = embedded(render(data))
    np.testing.assert_allclose(content["energies"], ENERGIES, atol=1e-6)
    np.testing.assert_allclose(content["target"]["values"], data.target.values, atol=1e-6)
    curves = [c for _, c in data.candidates if c is not None] + [c for _, c in data.similar]
    assert [c["name"] for c in content["curves"]] == [c.name for c in curves] == ["Pt3Co", "Al3Zr", "Pt", "Pd"]
    assert [c["kind"] for c in content["curves"]] == ["candidate", "candidate", "similar", "similar"]
    for written, curve in zip(content["curves"], curves, strict=True):
        np.testing.assert_allclose(written["values"], curve.values, atol=1e-6)


def test_values_that_are_not_numbers_stay_valid_json(data: ReportData) -> None:
    values = data.target.values.copy()
    values[3] = np.nan
    content = embedded(render(dataclasses.replace(data, target=Curve("Pt3Ni", "target", values))))
    assert content["target"]["values"][3] is None


def test_a_curve_of_another_length_is_refused(data: ReportData) -> None:
    short = Curve("Pt3Ni", "target", data.target.values[:-1])
    with pytest.raises(ValueError, match=r"'Pt3Ni' has shape \(150,\)"):
        render(dataclasses.replace(data, target=short))


def test_hostile_words_are_escaped_everywhere(data: ReportData) -> None:
    evil = '"><img src=x onerror=alert(1)>' + HOSTILE + "&'$json ${css}"
    pairs = [(evil, evil)]
    facts = candidate(1, "Pt3Co", 0.97) | dict.fromkeys(
        ("formula", "prototype", "crystal_system", "structure_id", "metric", "similarity_kind"), evil
    )
    page = render(
        ReportData(
            title=evil,
            energies=ENERGIES,
            target=Curve(evil, "target", bump(0.0), evil),
            candidates=[(facts, Curve(evil, "candidate", bump(1.0), evil)), (facts | {"similarity": None}, None)],
            similar=[(similar(evil, evil, 0.9, prototype=evil, crystal_system=evil), Curve(evil, "similar", bump(1.0), evil))],
            target_facts=pairs,
            settings=pairs,
            model=pairs,
            caveats=[evil],
            window=None,
            version=evil,
            command=evil,
        )
    )

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.scripts = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.scripts += tag == "script"
            assert tag != "img"
            assert not any(name.startswith("on") for name, _ in attrs)

    tags = Tags()
    tags.feed(page)
    assert tags.scripts == 4  # the error catcher, the data, uPlot, the page's own
    assert "<script>alert" not in page
    assert escape(evil) in markup(page)
    assert embedded(page)["target"]["name"] == evil


def test_file_names_are_titles_too(data: ReportData) -> None:
    page = render(dataclasses.replace(data, title=HOSTILE))
    assert f"should have a DOS like that of {escape(HOSTILE)}</small></h1>" in page
    assert f"<title>Like the DOS of {escape(HOSTILE)} &ndash; dosmith</title>" in page


def test_nothing_is_loaded_from_anywhere(data: ReportData) -> None:
    page = render(data)
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;" in page
    assert not re.search(r"<(link|iframe|object|embed|base|img|audio|video|form)\b", page)
    assert not re.search(r"""\b(src|href|action|srcset)\s*=\s*["']?""", markup(page))
    assert not re.search(r"<script[^>]*\bsrc\b", page)
    assert not re.search(r"@import|url\(", page)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|\bimport\(", page)
    # The only address is uPlot's home in its licence comment.
    assert set(re.findall(r"https?://[^\s\"'<>]+", page)) == {"https://github.com/leeoniya/uPlot"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Pt3Ni", "Pt<sub>3</sub>Ni"),
        ("Al2O3", "Al<sub>2</sub>O<sub>3</sub>"),
        ("C60H12", "C<sub>60</sub>H<sub>12</sub>"),
        ("Pt3Ni.csv", "Pt3Ni.csv"),
        ("run 12", "run 12"),
        ("<b>", "&lt;b&gt;"),
        ("", ""),
    ],
)
def test_formula_subscripts(text: str, html: str) -> None:
    assert formula_html(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("L1_2", "L1<sub>2</sub>"),
        ("D0_19", "D0<sub>19</sub>"),
        ("D0_{22}", "D0<sub>22</sub>"),
        ("B2", "B2"),
        ("A2B_tI12_141_e_a", '<span title="A2B_tI12_141_e_a">anatase</span>'),
        ("A3B_xx", "A3B_xx"),
        ("<i>", "&lt;i&gt;"),
        (None, "&mdash;"),
    ],
)
def test_prototype_subscripts(text: str | None, html: str) -> None:
    assert prototype_html(text) == html


def test_the_table_holds_the_answer_without_javascript(data: ReportData) -> None:
    page = render(data)
    rows = table(page, "Candidates").split("<tr ")[2:]
    assert len(rows) == 3
    assert "Pt<sub>3</sub>Co</th>" in rows[0]
    for words in ("0.970", "0.250", "known", "in training", "L1<sub>2</sub>", "cubic", "open-Pt3Co +1 more"):
        assert words in rows[0]
    start, width = re.findall(r'title="bars begin at (.+?)"><i style="width:(.+?)%"', rows[0])[0]
    assert float(width) == pytest.approx(100 * (0.97 - float(start)) / (1 - float(start)), abs=0.1)
    heads = re.findall(r'<th role="columnheader" scope="col">([^<]*)</th>', table(page, "Candidates"))
    assert heads == ["Rank", "Formula", "Similarity", "CV distance", "DOS", "Training", "Prototype", "Crystal system", "Id"]
    assert all('scope="row"' in row for row in rows)
    assert "<noscript>" in page


def test_a_candidate_without_a_known_dos(data: ReportData) -> None:
    page = render(data)
    row = table(page, "Candidates").split("<tr ")[3]
    assert "Pd<sub>2</sub>Ir" in row
    assert "unknown" in row
    assert "data-row" not in row
    assert "data-toggle" not in row
    assert page.count("No known DOS: this library does not hold one.") == 1
    assert re.findall(r'data-curve="(\d+)"', page) == ["0", "1", "2", "3"]
    assert "For 1 of the 3 no DOS is known." in page


def test_no_candidate_has_a_known_dos(data: ReportData) -> None:
    page = render(dataclasses.replace(data, candidates=[(candidate(1, "Pd2Ir"), None)]))
    assert "<b>1 composition</b> proposed" in page
    assert "No DOS of any is known." in page


def test_no_candidates_and_nothing_similar(data: ReportData) -> None:
    page = render(dataclasses.replace(data, candidates=[], similar=[], caveats=[], target_facts=[]))
    assert "No composition fits the constraints." in page
    assert "No known material to show" in page
    assert "<table" not in page
    assert embedded(page)["curves"] == []


def test_the_window_is_shown(data: ReportData) -> None:
    assert embedded(render(data))["window"] is None
    page = render(dataclasses.replace(data, window=(-6.0, 2.0)))
    assert embedded(page)["window"] == [-6.0, 2.0]
    assert "Only &minus;6 to 2 eV counted" in page


def test_finding_the_target_itself_is_not_praised(data: ReportData) -> None:
    found = candidate(1, "Pt3Ni", 1.0, "L1_2")
    itself = similar("open-Pt3Ni", "Pt3Ni", 1.0, is_target=True)
    page = render(
        dataclasses.replace(
            data,
            candidates=[(found, Curve("Pt3Ni", "candidate", bump(-2.0))), data.candidates[2]],
            similar=[(itself, Curve("Pt3Ni", "similar", bump(-2.0))), *data.similar],
        )
    )
    assert "The target itself came back at rank 1. Of the others with a known DOS, <b>Al<sub>3</sub>Zr</b> (rank 3)" in page
    assert "The nearest other curve in the library is that of Pt, 0.980." in page
    assert table(page, "Nearest known materials").count("the target itself") == 1


def test_the_report_of_a_design_tells_what_was_asked_for_and_nothing_else() -> None:
    design = dosmith.design("MgO", top=3, gap="3:6", price=500, exclude=["Hg"])
    told = report_data(design)
    asked = dict(told.settings)
    assert (asked["Gap (eV)"], asked["Conditions"], asked["Excluded elements"]) == ("3:6", "price<=500", "Hg")
    assert not {"Ratio", "Allowed elements", "Crystal system", "Prototype"} & set(asked)
    assert told.wanted == "" and report_data(dosmith.design(top=2, gap="3:6")).wanted == "a gap of 3 to 6 eV"
    assert "gap='3:6', keep=['price<=500']" in told.command


def test_many_candidates_start_with_few_curves(data: ReportData) -> None:
    many = [(candidate(i + 1, f"Pt{i + 2}Ni", 0.9), Curve(f"Pt{i + 2}Ni", "candidate", bump(0.1 * i))) for i in range(9)]
    page = render(dataclasses.replace(data, candidates=many))
    chips = re.findall(r'class="chip" data-toggle="(\d+)" aria-pressed="(true|false)"', page)
    assert [pressed for _, pressed in chips] == ["true"] * 4 + ["false"] * 5
    assert 'id="all"' in page
    styles = {(c["hue"], c["dash"]) for c in embedded(page)["curves"] if c["kind"] == "candidate"}
    assert len(styles) == 9


def dump(page: str, folder: Path) -> str:
    """The document element's state after a browser has run the page from a file."""
    assert CHROMIUM is not None
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000",
        "--window-size=1280,2000", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run([CHROMIUM, *options, file.as_uri()], capture_output=True, text=True, timeout=180, check=True)
    return done.stdout


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
def test_a_browser_draws_every_chart_and_toggles(data: ReportData, tmp_path: Path) -> None:
    clicks = """<script>
      document.querySelector('.chip[data-toggle="1"]').click();
      document.documentElement.dataset.afterChip = document.documentElement.dataset.shown;
      document.querySelector('tr[data-row="0"]').click();
      document.documentElement.dataset.afterRow = document.documentElement.dataset.shown;
      document.querySelector('button.toggle[data-toggle="0"]').click();
    </script>"""
    page = render(dataclasses.replace(data, window=(-6.0, 2.0), title=HOSTILE))
    dom = dump(page.replace("</body>", clicks + "</body>"), tmp_path)
    tag = re.search(r"<html[^>]*>", dom)
    assert tag is not None
    assert "data-error" not in tag[0]
    assert 'data-drawn="5"' in tag[0]  # the large chart, two known candidates, two similar materials
    assert len(re.findall(r"<canvas\b", dom)) == 5
    assert 'data-after-chip="2"' in tag[0]  # target and the first candidate
    assert 'data-after-row="1"' in tag[0]
    assert 'data-shown="2"' in tag[0]
    assert len(re.findall(r'data-toggle="0" aria-pressed="true"', dom)) == 2  # the chip and the row's button agree
    assert len(re.findall(r'data-toggle="1" aria-pressed="false"', dom)) == 2


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")
def test_a_browser_draws_an_empty_answer(data: ReportData, tmp_path: Path) -> None:
    dom = dump(render(dataclasses.replace(data, candidates=[], similar=[])), tmp_path)
    tag = re.search(r"<html[^>]*>", dom)
    assert tag is not None
    assert "data-error" not in tag[0]
    assert 'data-drawn="1"' in tag[0]


def test_no_page_shows_a_minus_zero() -> None:
    from dosmith.report.crystals import number
    from dosmith.report.html import _number

    assert (_number(-0.0004), _number(-0.0006), number(-0.0004), number(-0.0006)) == ("0.000", "&minus;0.001", "+0.000", "-0.001")
    source = Path(dosmith.__file__).parent
    report, board = (source / name for name in ("report/assets/report.js", "web/static/dom.js"))
    wordings = {re.search(r"const number = (.*);", file.read_text(encoding="utf-8"))[1] for file in (report, board)}  # type: ignore[index]
    assert len(wordings) == 1
