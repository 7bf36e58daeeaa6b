"""Chemical formulas: read in any order, reduced, and written in one way.

A composition is a tuple of (symbol, count) pairs in order of atomic number, reduced by the greatest common divisor,
so A2B2 is AB and every composition has one form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from dosmith.errors import FormulaError
from dosmith.periodic_table import elements, symbols

Composition = tuple[tuple[str, int], ...]
"""Reduced: ((symbol, count), ...) sorted by atomic number."""

HEAVIEST = 103
"""Atomic number of the last element with a place in IUPAC order (Lr)."""

_LONGEST = 200  # characters
_LONGEST_SMALL = 16  # characters of a formula in small letters; the ways to read it multiply
_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)")
_BRACKETS = re.compile(r"\(((?:[A-Z][a-z]?\d{0,6})+)\)(\d{0,6})")
_JARGON = {"SCF", "NSCF", "SOC", "SP", "U"}
"""Words in names of files that are formulas only by chance."""
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def atomic_number(symbol: str) -> int:
    """Atomic number of an element symbol.

    Raises:
        FormulaError: the symbol names no element.
    """
    element = elements().get(symbol)
    if element is None:
        raise FormulaError(f"'{symbol}' is not an element up to Lr{_meant_element(symbol) or '; write symbols like Pt or Ni'}")
    return element.number


def symbol_of(number: int) -> str:
    """Element symbol of an atomic number (1 ... 103).

    Raises:
        FormulaError: no element has it.
    """
    if not 1 <= number <= HEAVIEST:
        raise FormulaError(f"no element up to Lr has the atomic number {number}")
    return symbols()[number - 1]


def reduce(counts: Mapping[str, int] | Iterable[tuple[str, int]]) -> Composition:
    """The reduced composition of element counts.

    >>> reduce({"Pt": 6, "Ni": 2})
    (('Ni', 1), ('Pt', 3))

    Raises:
        FormulaError: nothing is left, a count is below one, or a symbol names no element.
    """
    total: dict[str, int] = {}
    for symbol, count in counts.items() if isinstance(counts, Mapping) else counts:
        if count < 1:
            raise FormulaError(f"{symbol} has count {count}; counts are whole numbers from 1")
        total[symbol] = total.get(symbol, 0) + count
    if not total:
        raise FormulaError("empty formula; write one like Pt3Ni")
    divisor = math.gcd(*total.values())
    return tuple((symbol, total[symbol] // divisor) for symbol in sorted(total, key=atomic_number))


@lru_cache(maxsize=65536)
def parse(text: str) -> Composition:
    """The reduced composition of a formula such as ``Pt3Ni``, ``NiPt3``, ``Al₃Zr``, ``Ba Ti O3`` or ``Ca(BC)2``.

    >>> parse("Ni2Pt6")
    (('Ni', 1), ('Pt', 3))

    Raises:
        FormulaError: the text is not a formula with whole-number counts, or an element does not exist.
    """
    compact = re.sub(r"[\s_]+", "", text).translate(_SUBSCRIPTS)
    try:
        return _strict(compact)
    except _NoFormulaError:
        known = "; no library or atlas that was given holds this id" if _ID.fullmatch(compact) else ""
        tip = known or _meant(compact) or "; write one like Pt3Ni (whole-number counts)"
    except FormulaError:
        if not (tip := _meant(compact) if compact.isupper() else ""):
            raise
    raise FormulaError(f"'{' '.join(text.split())[:60]}' is not a formula{tip}") from None


_ID = re.compile(r"(?:mp|mvc|jvasp)-\d+", re.IGNORECASE)  # of the Materials Project, of JARVIS


class _NoFormulaError(FormulaError):
    """The text does not look like a formula at all."""


def _strict(compact: str) -> Composition:
    """As `parse`, of a text without blanks and subscripts, and without a word about what may have been meant."""
    plain = compact if len(compact) <= _LONGEST else ""
    while "(" in plain and (opened := _BRACKETS.sub(_multiplied, plain)) != plain:
        plain = opened
    tokens = _TOKEN.findall(plain)
    if not tokens or "".join(symbol + count for symbol, count in tokens) != plain:
        raise _NoFormulaError
    return reduce((symbol, int(count or 1)) for symbol, count in tokens)


def typed(text: str, known: Callable[[Composition], object] | None = None) -> Composition:
    """What a person types: as `parse`, and also small letters where they can be read in one way only.

    >>> typed("al3zr"), typed("pt3ni", known=lambda each: each == parse("Pt3Ni"))
    ((('Al', 3), ('Zr', 1)), (('Ni', 1), ('Pt', 3)))

    Args:
        text: the formula.
        known: whether a composition is known; of several ways to read a text, the only known one is taken: pt3ni is Pt3Ni where no
            Pt3NI is known.

    Raises:
        FormulaError: as `parse`; or it can be read in several ways, which the message names.
    """
    if not (text.islower() and text.isalnum() and text.isascii()):
        return parse(text)
    found = _readings(text)
    if len(found) > 1 and known is not None:
        found = [each for each in found if known(parse(each))] or found
    if len(found) == 1:
        return parse(found[0])
    return parse(text)  # which says what it may be


def _readings(text: str) -> list[str]:
    """All ways to read small letters as a formula; those of few elements first, none for what is longer than formulas are."""
    ways: list[list[str]] = [[] for _ in range(len(text) + 1)]
    ways[0] = [""]
    if not text[:1].isalpha() or len(text) > _LONGEST_SMALL:
        return []
    for start in range(len(text)):
        for symbol, count in (
            (match[1], match[2]) for size in (1, 2) if (match := re.match(rf"([a-z]{{{size}}})(\d*)", text[start:]))
        ):
            if ways[start] and symbol in _symbols():
                ways[start + len(symbol) + len(count)] += [f"{way}{symbol.capitalize()}{count}" for way in ways[start]]
    found = {way: re.findall(r"[A-Z][a-z]?", way) for way in ways[-1] if not re.search(r"\D0", way)}
    return sorted((way for way in found if len(set(found[way])) == len(found[way])), key=lambda way: (len(found[way]), way))


@lru_cache(maxsize=1)
def _symbols() -> frozenset[str]:
    return frozenset(symbol_of(number).lower() for number in range(1, HEAVIEST + 1))


@lru_cache(maxsize=1)
def _element_names() -> dict[str, str]:
    """Symbol by name and by symbol, in small letters."""
    return {each.name: symbol for symbol, each in elements().items()} | {symbol.lower(): symbol for symbol in symbols()}


def _meant_element(text: str) -> str:
    """The element that a text may have meant, as in `_meant`."""
    from difflib import get_close_matches

    names = _element_names()
    near = [text.lower()] if text.lower() in names else get_close_matches(text.lower(), names, n=1) if len(text) > 3 else []
    if not near and len(text) == 2:  # of two letters the first is rarely wrong
        begin = sorted(each for each in names if len(each) <= 2 and each[0] == text[0].lower())
        near = begin if len(begin) <= 3 else []
    return f"; did you mean {' or '.join(names[each] for each in near)}?" if near else ""


def _meant(text: str) -> str:
    """What a text that is no formula may have meant, to stand at the end of a message; "" when that cannot be told."""
    one_case = text.isascii() and text.isalnum() and (text.islower() or text.isupper())
    found = _readings(text.lower()) if one_case else []
    if not found and len(text) <= _LONGEST_SMALL:  # a letter too many
        shorter = (text[:place] + text[place + 1 :] for place in reversed(range(len(text))))
        found = [each for each in shorter if looks_like_formula(each)]
    near = list(dict.fromkeys(found))[:3]
    if not near and text.isalpha():
        return _meant_element(text)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _multiplied(bracket: re.Match[str]) -> str:
    """What stands in a bracket, each count times the one behind it."""
    times = int(bracket.group(2) or 1)
    return "".join(f"{t.group(1)}{int(t.group(2) or 1) * times}" for t in _TOKEN.finditer(bracket.group(1)))


def looks_like_formula(text: str) -> bool:
    """Whether `parse` accepts the text."""
    try:
        _strict(re.sub(r"[\s_]+", "", text).translate(_SUBSCRIPTS))
    except FormulaError:
        return False
    return True


def in_name(name: str) -> str | None:
    """The only word of a file's or folder's name that is a formula: Pt3Ni of run-Pt3Ni.csv; None when none is, or several are."""
    words = {word for word in re.split(r"[^A-Za-z0-9]", name) if looks_like_formula(word)} - _JARGON
    return words.pop() if len(words) == 1 else None


@lru_cache(maxsize=65536)
def write(composition: Composition) -> str:
    """The reduced formula as dosmith prints it: alloys with the majority first (Pt3Ni), compounds that hold a
    nonmetal or metalloid in IUPAC order (BaTiO3, PtSb).

    >>> write(parse("NiPt3")), write(parse("O3TiBa"))
    ('Pt3Ni', 'BaTiO3')
    """
    known = elements()
    alloy = all(known[symbol].metal for symbol, _ in composition)
    ordered = sorted(composition, key=lambda pair: (-pair[1] if alloy else 0, known[pair[0]].iupac))
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in ordered)


def chemical_system(composition: Composition) -> str:
    """The elements in alphabetical order, joined by dashes.

    >>> chemical_system(parse("Pt3Ni"))
    'Ni-Pt'
    """
    return "-".join(sorted(symbol for symbol, _ in composition))
