"""What every start needs of the periodic table, hydrogen to lawrencium, without loading pymatgen, which takes a tenth of a second.

`periodic_table.csv` holds pymatgen's values; a test compares them all.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib import resources
from typing import NamedTuple


class Element(NamedTuple):
    """An element."""

    number: int
    symbol: str
    name: str
    """In small letters."""
    group: int
    """1 ... 18."""
    metal: bool
    iupac: float
    """Place in IUPAC's order of formulas, electropositive elements first."""
    mass: float
    """u."""
    radioactive: bool
    """Without a stable isotope."""
    common: tuple[int, ...]
    """Common oxidation states."""
    icsd: tuple[int, ...]
    """Oxidation states that are frequent in the Inorganic Crystal Structure Database."""


@lru_cache(maxsize=1)
def elements() -> dict[str, Element]:
    """The elements by symbol, in order of atomic number."""
    text = (resources.files("dosmith") / "periodic_table.csv").read_text(encoding="utf-8")
    return {row["symbol"]: _element(number, row) for number, row in enumerate(csv.DictReader(text.splitlines()), 1)}


def _element(number: int, row: dict[str, str]) -> Element:
    common, icsd = (tuple(map(int, row[name].split())) for name in ("common", "icsd"))
    return Element(
        number,
        row["symbol"],
        row["name"],
        int(row["group"]),
        row["metal"] == "1",
        float(row["iupac"]),
        float(row["mass"]),
        row["radioactive"] == "1",
        common,
        icsd,
    )


@lru_cache(maxsize=1)
def symbols() -> tuple[str, ...]:
    """The symbols in order of atomic number."""
    return tuple(elements())
