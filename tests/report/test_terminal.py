"""What a terminal shows: legible in 80 columns, curves where it can draw them, notes below and once."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dosmith import design
from dosmith.choosing import merits
from dosmith.crystals.hull import Height
from dosmith.crystals.structures import Polymorph
from dosmith.designs import Design
from dosmith.report.choosing import print_merits
from dosmith.report.console import _folder_of, print_design, print_library, print_neighbours, print_shown
from dosmith.report.periodic_table import _ROWS, lines
from dosmith.report.sparkline import BLOCKS, can_draw, scale, sparklines, zero_place
from dosmith.report.tables import add_curves, flowing, table

SPARK = re.compile(f"[{BLOCKS[1:]}]")


class Terminal(io.StringIO):
    """Where a terminal would be, of an encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def console(width: int = 80, terminal: bool = True, encoding: str = "utf-8") -> Console:
    return Console(file=Terminal(encoding), width=width, force_terminal=terminal, color_system=None, legacy_windows=False)


def text_of(shown: Console) -> str:
    return shown.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def answer() -> Design:
    return design("Pt3Ni", top=5, rank_by="similarity")


@pytest.fixture(scope="module")
def paper() -> Design:
    return design("Pt3Ni", top=5, model="paper")


def test_a_design_draws_each_curve_below_the_targets(answer: Design) -> None:
    shown = console()
    print_design(shown, answer)
    rows = [line for line in text_of(shown).splitlines() if SPARK.search(line)]
    assert len(rows) == 1 + 5 + 1 + 3  # target and candidates, target and known ones
    assert rows[0].split()[:3] == ["Pt3Ni", "the", "target"] and rows[1].split()[:2] == ["1", "Pt3Ni"]
    assert rows[0].rstrip()[-16:] == rows[1].rstrip()[-16:]  # the target is the first candidate here
    assert "-7.5" in text_of(shown) and "7.5 eV" in text_of(shown)


@pytest.mark.parametrize(("terminal", "encoding"), [(False, "utf-8"), (True, "ascii"), (True, "latin-1")])
def test_without_blocks_or_a_reader_no_curves_are_drawn(answer: Design, terminal: bool, encoding: str) -> None:
    shown = console(terminal=terminal, encoding=encoding)
    assert not can_draw(shown)
    print_design(shown, answer)
    assert not SPARK.search(text_of(shown)) and "Pt3Ni-L1_2" in text_of(shown)
    assert "small curves" not in text_of(shown)


def test_a_curve_is_shown_in_any_encoding(answer: Design) -> None:
    shown = console(encoding="ascii")
    print_shown(shown, answer.target)
    text_of(shown).encode("ascii")
    assert "#####" in text_of(shown)


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("which", ["answer", "paper"])
def test_nothing_is_cut_off_and_lines_fit(width: int, which: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(which)
    shown = console(width)
    print_design(shown, answer)
    print_neighbours(shown, answer.target, answer.similar, answer.curves)
    assert "…" not in text_of(shown)
    assert max(map(len, text_of(shown).splitlines())) <= width
    for candidate in answer.candidates:
        assert candidate.formula in text_of(shown)


def test_notes_stand_below_the_tables_and_once(answer: Design) -> None:
    shown = console(200)
    print_design(shown, answer)
    head, notes = text_of(shown).split("\n- ", 1)
    assert "Known materials whose DOS is most like it" in head and "its DOS is" in head
    sentences = notes.strip().split("\n- ")
    assert len(sentences) == len(set(sentences)) >= 6
    for caveat in answer.caveats:
        assert notes.count(caveat) == 1


class _Judge:
    """Says of each candidate that it lies 0.1 eV/atom above the hull, by both methods."""

    def composition(self, composition, crystal_system=None, prototype=None):  # type: ignore[no-untyped-def]
        from dosmith.crystals.stability import Judged
        from dosmith.designer import open_dos_set
        from dosmith.library.stability import Stability

        structure = open_dos_set().material("Pt3Ni-L1_2").structure
        crystal = Polymorph("x", structure, "L1_2", "library", -5.0, -1.0, Stability(-1.0, 0.1))
        return Judged("x", crystal, Height(0.1, {}), 0.0)


def test_for_and_against_is_legible_in_80_columns(answer: Design) -> None:
    found = merits(answer, _Judge())  # type: ignore[arg-type]
    found = [replace(each, poisonous=("As", "Cd"), price=123456.0) for each in found]
    shown = console()
    print_merits(shown, found)
    text = text_of(shown)
    assert "…" not in text and max(map(len, text.splitlines())) <= 80
    rows = [line for line in text.splitlines() if "123,456" in line]
    assert len(rows) == 5 and all("+0.100" in row for row in rows)
    assert [each.formula in row for each, row in zip(found, rows, strict=True)] == [True] * 5  # each in one line


def test_a_library_is_shown_as_a_periodic_table(open_set) -> None:  # type: ignore[no-untyped-def]
    shown = console()
    print_library(shown, open_set)
    counts, text = open_set.summary()["by_element"], text_of(shown).splitlines()
    assert max(map(len, text)) <= 80
    symbols, numbers = next((one, two) for one, two in itertools.pairwise(text) if one.startswith("K   Ca  Sc"))
    for symbol in ("K", "Fe", "Ni", "Kr"):
        place = re.search(rf"\b{symbol}\b", symbols).start()  # type: ignore[union-attr]
        assert numbers[place : place + 4].strip() == (str(counts[symbol]) if symbol in counts else "")


def test_of_a_hundred_prototypes_the_commonest_are_named(open_set) -> None:  # type: ignore[no-untyped-def]
    shown = console()
    print_library(shown, open_set)
    kinds = open_set.summary()["by_prototype"]
    named, first = text_of(shown), max(kinds, key=kinds.__getitem__)
    assert f"{first}: {kinds[first]}" in named and min(kinds, key=kinds.__getitem__) not in named
    assert f"and {len(kinds) - 20} more" in named


def test_files_of_one_folder_are_called_by_their_own_names() -> None:
    assert _folder_of(["/a/b/x.cif", "/a/b/c/y.cif"]) == "/a/b/"
    assert _folder_of(["run/x.cif", "run/y.cif"]) == "run/"
    assert (
        _folder_of(["Pt3Ni", "run/y.cif"]) == _folder_of(["x.cif"]) == _folder_of(["/x.cif", "y/z.cif"]) == _folder_of([]) == ""
    )


def test_every_element_has_one_place() -> None:
    from pymatgen.core.periodic_table import Element

    rows = [line.split() for line in _ROWS.strip().splitlines()]
    assert all(len(row) == 18 for row in rows)
    symbols = [symbol for row in rows for symbol in row if symbol != "."]
    assert sorted(symbols) == sorted(Element.from_Z(number).symbol for number in range(1, 104))
    for period, row in enumerate(rows[:7], 1):
        for group, symbol in enumerate(row, 1):
            if symbol not in (".", "Lu", "Lr"):
                assert (Element(symbol).row, Element(symbol).group) == (period, group)


@given(st.dictionaries(st.sampled_from(["H", "Fe", "U", "Nd", "Og"]), st.integers(0, 10**8)))
def test_counts_of_any_size_keep_to_their_cells(counts: dict[str, int]) -> None:
    for _, numbers in lines(counts):
        assert len(numbers) <= 72
        assert all(len(numbers[place : place + 4].rstrip()) <= 3 for place in range(0, 72, 4))
    assert any("U" in symbols for symbols, _ in lines(counts)) == bool(counts.get("U"))


@given(st.lists(st.floats(0, 1e6), min_size=40, max_size=200), st.integers(16, 40))
def test_sparklines_rise_with_the_curve(values: list[float], width: int) -> None:
    curve = np.array(values)
    lower, higher, none = sparklines([curve / 2, curve, None], width)
    assert len(lower) == len(higher) == width and none == ""
    assert all(BLOCKS.index(one) <= BLOCKS.index(two) for one, two in zip(lower, higher, strict=True))
    assert not curve.max() > 0 or BLOCKS[-1] in higher


@given(st.floats(-20, -1), st.floats(1, 20), st.integers(16, 40))
def test_the_scale_is_as_wide_as_the_curve(lower: float, upper: float, width: int) -> None:
    lower, upper = round(lower, 1), round(upper, 1)
    text = scale(lower, upper, width)
    assert len(text) == width and text.startswith(f"{lower:g}") and text.endswith(f"{upper:g} eV")
    assert 0 <= zero_place(lower, upper, width) < width


@given(st.lists(st.text("ab: ", min_size=1, max_size=20)), st.integers(20, 80))
def test_words_are_not_broken(words: list[str], width: int) -> None:
    found = flowing(words, width)
    assert "  ".join(found) == "  ".join(words) and all(len(line) <= width for line in found)


def test_the_order_of_candidates_is_explained_where_no_column_tells_it(answer: Design) -> None:
    likely, alike = console(), console()
    print_design(likely, replace(answer, settings=answer.settings | {"rank_by": "probability"}))
    print_design(alike, answer)
    assert "The order follows P and the similarity together" in text_of(likely) and "The order" not in text_of(alike)


def test_a_narrow_curve_leaves_long_prototypes_whole() -> None:
    shown = console()
    rows = table({"formula": "left", "so much more": "left", "crystal": "left"})
    rows.add_row("Pt8Li", "x" * 34, "A8B_tI18_139_hi_a")
    assert add_curves(shown, rows, np.linspace(-7.5, 7.5, 151), [np.ones(151)])
    shown.print(rows)
    assert "A8B_tI18_139_hi_a" in text_of(shown) and "0 7.5 eV" in text_of(shown)


def test_tables_fold_what_does_not_fit() -> None:
    shown = console(20)
    rows = table({"a": "left", "b": "left"})
    rows.add_row("x" * 30, "y")
    shown.print(rows)
    assert text_of(shown).count("x") == 30


def test_a_notebook_shows_probabilities_and_rounded_numbers(answer: Design, paper: Design) -> None:
    page = answer._repr_html_()
    assert "<th>probability</th>" in page and "<th>distance</th>" not in page
    assert not re.search(r"\d\.\d{4}", page)
    likely = next(each for each in answer.candidates if each.probability is not None)
    assert f"<td>{likely.probability:.2f}</td>" in page
    assert "<th>distance</th>" in paper._repr_html_()
