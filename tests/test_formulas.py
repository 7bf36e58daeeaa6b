"""Formulas: any order in, one form out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.errors import FormulaError

symbols = st.integers(1, 103).map(formulas.symbol_of)
compositions = st.dictionaries(symbols, st.integers(1, 40), min_size=1, max_size=5).map(formulas.reduce)


@pytest.mark.parametrize(
    ("text", "composition"),
    [
        ("Pt3Ni", (("Ni", 1), ("Pt", 3))),
        ("NiPt3", (("Ni", 1), ("Pt", 3))),
        ("Pt3Ni1", (("Ni", 1), ("Pt", 3))),
        ("PtNiPt2", (("Ni", 1), ("Pt", 3))),
        ("Pt₃Ni", (("Ni", 1), ("Pt", 3))),
        ("Pt_3 Ni", (("Ni", 1), ("Pt", 3))),
        ("  Ba Ti O3 ", (("O", 3), ("Ti", 1), ("Ba", 1))),
        ("C", (("C", 1),)),
        ("Co", (("Co", 1),)),
        ("CO", (("C", 1), ("O", 1))),
        ("U12O₁₂", (("O", 1), ("U", 1))),
        ("Ca(BC)2", (("B", 2), ("C", 2), ("Ca", 1))),
        ("Ba(Fe(CN)2)3", (("C", 6), ("N", 6), ("Fe", 3), ("Ba", 1))),
    ],
)
def test_a_formula_is_read_in_any_order_and_spelling(text: str, composition: formulas.Composition) -> None:
    assert formulas.parse(text) == composition


@pytest.mark.parametrize(("text", "reduced"), [("A2B2", "AB"), ("A6B2", "A3B"), ("A4", "A"), ("A4B6", "A2B3"), ("A3B2", "A3B2")])
def test_ratios_are_reduced(text: str, reduced: str) -> None:
    def real(pattern: str) -> str:
        return pattern.replace("A", "Al").replace("B", "Pd")

    assert formulas.parse(real(text)) == formulas.parse(real(reduced))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "pt",
        "PT",
        "Xx",
        "Pt3.5Ni",
        "Pt(OH",
        "Pt()2",
        "Pt(OH)0",
        "((((Pt",
        "Pt-Ni",
        "Pt0Ni",
        "3Pt",
        "Pt3Ni!",
        "D2O",
        "T2",
        "Q",
        "<b>Pt</b>",
        "Ni" * 500,
        "🙂",
    ],
)
def test_what_is_not_a_formula_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(FormulaError) as refusal:
        formulas.parse(text)
    assert "\n" not in str(refusal.value)
    assert 10 < len(str(refusal.value)) < 200
    assert not formulas.looks_like_formula(text)


def test_the_refusal_of_a_text_with_line_breaks_is_one_line() -> None:
    with pytest.raises(FormulaError) as refusal:
        formulas.parse("Pt3\n??")
    assert "\n" not in str(refusal.value)


def test_a_formula_looks_like_one() -> None:
    assert formulas.looks_like_formula("Ni Pt₃")
    assert not formulas.looks_like_formula("dos.xml")


@pytest.mark.parametrize(
    ("counts", "why"), [({}, "empty"), ({"Pt": 0}, "count 0"), ([("Pt", 3), ("Ni", -1)], "count -1"), ({"Xx": 1}, "Xx")]
)
def test_counts_that_make_no_composition_are_refused(counts: object, why: str) -> None:
    with pytest.raises(FormulaError, match=why):
        formulas.reduce(counts)  # type: ignore[arg-type]


@pytest.mark.parametrize("formula", ["Pt3Ni", "Al3Zr", "Sn3Bi", "AlN", "BaTiO3", "GaAs", "NaCl", "ZnS", "TiO2", "Cu3Au", "Pt"])
def test_formulas_are_written_as_chemists_write_them(formula: str) -> None:
    assert formulas.write(formulas.parse(formula)) == formula


@pytest.mark.parametrize(
    ("text", "written"), [("NiPt3", "Pt3Ni"), ("ZrAl3", "Al3Zr"), ("O3TiBa", "BaTiO3"), ("AsGa", "GaAs"), ("N2Al2", "AlN")]
)
def test_every_spelling_is_written_in_one_way(text: str, written: str) -> None:
    assert formulas.write(formulas.parse(text)) == written


@given(compositions)
def test_what_is_written_is_read_back(composition: formulas.Composition) -> None:
    assert formulas.parse(formulas.write(composition)) == composition


def test_elements_after_lawrencium_are_refused() -> None:
    assert formulas.write(formulas.parse("LrO2")) == "LrO2"
    with pytest.raises(FormulaError, match="up to Lr"):
        formulas.parse("RfO2")


@given(compositions, st.integers(1, 9), st.randoms(use_true_random=False))
def test_order_and_multiples_of_counts_do_not_matter(composition: formulas.Composition, factor: int, shuffler: object) -> None:
    pairs = [(symbol, count * factor) for symbol, count in composition]
    shuffler.shuffle(pairs)  # type: ignore[attr-defined]
    assert formulas.parse("".join(f"{symbol}{count}" for symbol, count in pairs)) == composition


@given(compositions)
def test_a_composition_is_reduced_and_sorted_by_atomic_number(composition: formulas.Composition) -> None:
    numbers = [formulas.atomic_number(symbol) for symbol, _ in composition]
    assert numbers == sorted(set(numbers))
    assert math.gcd(*(count for _, count in composition)) == 1


@given(st.integers(1, 103))
def test_symbols_and_atomic_numbers_belong_together(number: int) -> None:
    assert formulas.atomic_number(formulas.symbol_of(number)) == number


def test_a_chemical_system_is_alphabetical() -> None:
    assert formulas.chemical_system(formulas.parse("Pt3Ni")) == "Ni-Pt"
    assert formulas.chemical_system(formulas.parse("BaTiO3")) == "Ba-O-Ti"
    assert formulas.chemical_system(formulas.parse("Pt4")) == "Pt"
