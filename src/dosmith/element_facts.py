"""What elements cost, how rare, how concentrated in few countries, how poisonous they are, and whether they decay; their valence electrons.

| fact | source |
|---|---|
| price, USD/kg | pymatgen's table of 2013; good for orders of magnitude |
| abundance in the Earth's crust, mg/kg | CRC Handbook of Chemistry and Physics, 92nd ed. (2011) |
| Herfindahl-Hirschman index of production and of reserves | Gaultois et al., Chem. Mater. 25, 2911 (2013), in pymatgen |
| poisonous | permitted daily exposure by mouth of at most 30 micrograms in ICH Q3D(R1) (2019); Be by IARC, group 1 |
| radioactive | no stable isotope: pymatgen |
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from dosmith.errors import ConstraintError, did_you_mean
from dosmith.formulas import Composition
from dosmith.periodic_table import elements

POISONOUS = frozenset({"As", "Be", "Cd", "Hg", "Pb", "Tl"})
SCARCE = 0.1
"""Crustal abundance below which an element is called scarce, mg/kg: silver and what is rarer. All nine "rarest metals" of the U.S. Geological
Survey are below it (G. B. Haxel et al., Fact Sheet 087-02 (2002): Ru, Rh, Pd, Te, Re, Os, Ir, Pt, Au)."""
_RAREST, _PLENTY = 1e-3, 1e3  # mg/kg; between these the rarity of an element falls from 1 to 0
CONCENTRATED = 2500.0
"""Index above which a market is called highly concentrated (U.S. Department of Justice, 2010)."""

_ABUNDANCES = """
H 1.4e3  He 8e-3  Li 20  Be 2.8  B 10  C 200  N 19  O 4.61e5  F 585  Ne 5e-3  Na 2.36e4  Mg 2.33e4  Al 8.23e4  Si 2.82e5
P 1050  S 350  Cl 145  Ar 3.5  K 2.09e4  Ca 4.15e4  Sc 22  Ti 5650  V 120  Cr 102  Mn 950  Fe 5.63e4  Co 25  Ni 84
Cu 60  Zn 70  Ga 19  Ge 1.5  As 1.8  Se 0.05  Br 2.4  Kr 1e-4  Rb 90  Sr 370  Y 33  Zr 165  Nb 20  Mo 1.2  Ru 1e-3
Rh 1e-3  Pd 0.015  Ag 0.075  Cd 0.15  In 0.25  Sn 2.3  Sb 0.2  Te 1e-3  I 0.45  Xe 3e-5  Cs 3  Ba 425  La 39  Ce 66.5
Pr 9.2  Nd 41.5  Sm 7.05  Eu 2  Gd 6.2  Tb 1.2  Dy 5.2  Ho 1.3  Er 3.5  Tm 0.52  Yb 3.2  Lu 0.8  Hf 3  Ta 2  W 1.25
Re 7e-4  Os 1.5e-3  Ir 1e-3  Pt 5e-3  Au 4e-3  Hg 0.085  Tl 0.85  Pb 14  Bi 8.5e-3
"""
ABUNDANCES: Mapping[str, float] = {symbol: float(amount) for symbol, amount in re.findall(r"(\w+) (\S+)", _ABUNDANCES)}
"""mg/kg of the Earth's crust."""


@dataclass(frozen=True)
class Supply:
    """What a composition's elements mean for those who want to make it.

    Attributes:
        price: of the elements, USD/kg; None when one has no price.
        abundance: of the rarest element in the Earth's crust, mg/kg; None when unknown.
        production: Herfindahl-Hirschman index, by mass: 10,000 when one country makes everything; None when unknown.
        reserves: the same of what is in the ground.
        supply_risk: of the element whose supply may fail most easily, 0 to 100: the root of its rarity (the logarithm of its abundance, from
            0 at 1000 to 1 at 0.001 mg/kg) times the concentration of its production; None when unknown.
        poisonous: elements.
        radioactive: elements.
    """

    price: float | None
    abundance: float | None
    production: float | None
    reserves: float | None
    supply_risk: float | None
    poisonous: tuple[str, ...]
    radioactive: tuple[str, ...]

    @classmethod
    def of(cls, composition: Composition) -> Supply:
        """The supply of a composition."""
        symbols = [symbol for symbol, _ in composition]
        rarest = min((ABUNDANCES.get(symbol, 0.0) for symbol in symbols), default=0.0)
        return cls(
            _by_mass(composition, element_prices()),
            rarest or None,
            _by_mass(composition, {symbol: production for symbol, (production, _) in _concentrations().items()}),
            _by_mass(composition, {symbol: reserves for symbol, (_, reserves) in _concentrations().items()}),
            _risk(symbols),
            tuple(symbol for symbol in symbols if symbol in POISONOUS),
            tuple(symbol for symbol in symbols if symbol in radioactive()),
        )


def _risk(symbols: Iterable[str]) -> float | None:
    found = []
    for symbol in symbols:
        if symbol not in ABUNDANCES or symbol not in _concentrations():
            return None
        rarity = math.log(_PLENTY / ABUNDANCES[symbol]) / math.log(_PLENTY / _RAREST)
        found.append(100 * math.sqrt(min(max(rarity, 0.0), 1.0) * _concentrations()[symbol][0] / 10_000))
    return max(found, default=None)


def avoided(words: str | Iterable[str]) -> frozenset[str]:
    """The elements to leave out by reason: poisonous, radioactive, scarce, concentrated; commas or blanks between.

    Raises:
        ConstraintError: a reason is none of these.
    """
    found: set[str] = set()
    for word in words.replace(",", " ").split() if isinstance(words, str) else words:
        if word == "poisonous":
            found |= POISONOUS
        elif word == "radioactive":
            found |= radioactive()
        elif word == "scarce":
            found |= {symbol for symbol, abundance in ABUNDANCES.items() if abundance < SCARCE}
        elif word == "concentrated":
            found |= {symbol for symbol, (production, _) in _concentrations().items() if production > CONCENTRATED}
        else:
            raise ConstraintError(
                f"'{word}' is no reason to avoid elements; they are poisonous, radioactive, scarce, concentrated"
                + did_you_mean(word, ("poisonous", "radioactive", "scarce", "concentrated"))
            )
    return frozenset(found)


@lru_cache(maxsize=256)
def group_of(symbol: str) -> int:
    """The group of an element in the periodic table, 1 ... 18."""
    return elements()[symbol].group


F_ELECTRONS: Mapping[str, int] = {"La": 0, "Ce": 1}
"""Electrons in 4f orbitals of those elements whose 4f orbitals are valence orbitals here; other lanthanides keep theirs in the core."""


def valence_electrons(symbol: str) -> int:
    """Electrons in the outer s, p and d orbitals of an element; closed d shells of the p block and f shells do not count.

    >>> [valence_electrons(symbol) for symbol in ("Na", "Pt", "Zn", "Ga", "O", "Dy", "He")]
    [1, 10, 12, 3, 6, 3, 2]
    """
    group = group_of(symbol)
    return 2 if symbol == "He" else group if group <= 12 else group - 10


@lru_cache(maxsize=1)
def element_prices() -> dict[str, float]:
    """USD/kg by symbol; elements without a price are left out.

    They are those of pymatgen's table, which is read as a file: `pymatgen.analysis.cost` takes two seconds to parse its references.
    """
    table = (resources.files("pymatgen") / "analysis" / "costdb_elements.csv").read_text(encoding="utf-8")
    prices: dict[str, float] = {}
    for symbol, price, *_ in csv.reader(table.splitlines(), quotechar="|"):
        prices[symbol] = min(float(price), prices.get(symbol, float("inf")))
    return prices


def prices_of(compositions: Iterable[Composition]) -> list[float | None]:
    """USD/kg of the elements in each composition; None where one has no price."""
    return [_by_mass(composition, element_prices()) for composition in compositions]


@lru_cache(maxsize=1)
def radioactive() -> frozenset[str]:
    """Elements without a stable isotope."""
    return frozenset(symbol for symbol, each in elements().items() if each.radioactive)


@lru_cache(maxsize=1)
def _concentrations() -> dict[str, tuple[float, float]]:
    """Herfindahl-Hirschman indices of production and reserves by symbol."""
    from pymatgen.analysis.hhi import HHIModel

    return {symbol: (float(made), float(held)) for symbol, (made, held) in HHIModel().symbol_hhip_hhir.items()}


def _by_mass(composition: Composition, values: Mapping[str, float]) -> float | None:
    """Mean over the mass; None where an element has no value."""
    if not all(symbol in values for symbol, _ in composition):
        return None
    masses = [count * elements()[symbol].mass for symbol, count in composition]
    return sum(mass * values[symbol] for mass, (symbol, _) in zip(masses, composition, strict=True)) / sum(masses)
