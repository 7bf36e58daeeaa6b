"""What the elements of a composition cost: pymatgen's table of 2013, good for orders of magnitude."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import lru_cache

from dosmith.formulas import HEAVIEST, Composition, symbol_of


@lru_cache(maxsize=1)
def element_prices() -> dict[str, float]:
    """USD/kg by symbol; elements without a price are left out."""
    from pymatgen.analysis.cost import CostDBElements
    from pymatgen.core.periodic_table import Element

    prices: dict[str, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no electronegativity
        table = CostDBElements()
    for number in range(1, HEAVIEST + 1):
        element = Element.from_Z(number)
        entries = table.get_entries((element,))
        if entries:
            per_mole = min(entry.energy_per_atom for entry in entries)
            prices[symbol_of(number)] = float(per_mole) / (float(element.atomic_mass) / 1000)
    return prices


@lru_cache(maxsize=1)
def _masses() -> dict[str, float]:
    from pymatgen.core.periodic_table import Element

    return {symbol_of(number): float(Element.from_Z(number).atomic_mass) for number in range(1, HEAVIEST + 1)}


def prices_of(compositions: Iterable[Composition]) -> list[float | None]:
    """USD/kg of the elements in each composition; None where one has no price."""
    prices, masses = element_prices(), _masses()
    found: list[float | None] = []
    for composition in compositions:
        if all(symbol in prices for symbol, _ in composition):
            mass = sum(count * masses[symbol] for symbol, count in composition)
            found.append(sum(count * masses[symbol] * prices[symbol] for symbol, count in composition) / mass)
        else:
            found.append(None)
    return found
