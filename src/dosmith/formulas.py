"""Chemical formulas: read in any order, reduced, and written in one way.

A composition is a tuple of (symbol, count) pairs in order of atomic number, reduced by the greatest common divisor,
so A2B2 is AB and every composition has one form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from dosmith.errors import FormulaError

Composition = tuple[tuple[str, int], ...]
"""Reduced: ((symbol, count), ...) sorted by atomic number."""

HEAVIEST = 103
"""Atomic number of the last element with a place in IUPAC order (Lr)."""

_LONGEST = 200  # characters
_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)")
_BRACKETS = re.compile(r"\(((?:[A-Z][a-z]?\d{0,6})+)\)(\d{0,6})")
_JARGON = {"SCF", "NSCF", "SOC", "SP", "U"}
"""Words in names of files that are formulas only by chance."""
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@lru_cache(maxsize=256)
def atomic_number(symbol: str) -> int:
    """Atomic number of an element symbol.

    Raises:
        FormulaError: the symbol names no element.
    """
    from pymatgen.core.periodic_table import Element

    if not Element.is_valid_symbol(symbol) or symbol in ("D", "T") or Element(symbol).Z > HEAVIEST:
        raise FormulaError(f"'{symbol}' is not an element up to Lr; write symbols like Pt or Ni")
    return int(Element(symbol).Z)


@lru_cache(maxsize=256)
def symbol_of(number: int) -> str:
    """Element symbol of an atomic number (1 ... 103)."""
    from pymatgen.core.periodic_table import Element

    return str(Element.from_Z(number).symbol)


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


def parse(text: str) -> Composition:
    """The reduced composition of a formula such as ``Pt3Ni``, ``NiPt3``, ``Al₃Zr``, ``Ba Ti O3`` or ``Ca(BC)2``.

    >>> parse("Ni2Pt6")
    (('Ni', 1), ('Pt', 3))

    Raises:
        FormulaError: the text is not a formula with whole-number counts, or an element does not exist.
    """
    compact = re.sub(r"[\s_]+", "", text).translate(_SUBSCRIPTS)
    plain = compact if len(compact) <= _LONGEST else ""
    while (opened := _BRACKETS.sub(_multiplied, plain)) != plain:
        plain = opened
    tokens = list(_TOKEN.finditer(plain))
    if not tokens or "".join(t.group(0) for t in tokens) != plain:
        raise FormulaError(f"'{' '.join(text.split())[:60]}' is not a formula; write one like Pt3Ni (whole-number counts)")
    return reduce((t.group(1), int(t.group(2) or 1)) for t in tokens)


def _multiplied(bracket: re.Match[str]) -> str:
    """What stands in a bracket, each count times the one behind it."""
    times = int(bracket.group(2) or 1)
    return "".join(f"{t.group(1)}{int(t.group(2) or 1) * times}" for t in _TOKEN.finditer(bracket.group(1)))


def looks_like_formula(text: str) -> bool:
    """Whether `parse` accepts the text."""
    try:
        parse(text)
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
    from pymatgen.core.periodic_table import Element

    elements = {symbol: Element(symbol) for symbol, _ in composition}
    iupac = {symbol: float(e.iupac_ordering) for symbol, e in elements.items()}
    alloy = all(e.is_metal for e in elements.values())
    ordered = sorted(composition, key=lambda pair: (-pair[1] if alloy else 0, iupac[pair[0]]))
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in ordered)


def chemical_system(composition: Composition) -> str:
    """The elements in alphabetical order, joined by dashes.

    >>> chemical_system(parse("Pt3Ni"))
    'Ni-Pt'
    """
    return "-".join(sorted(symbol for symbol, _ in composition))
