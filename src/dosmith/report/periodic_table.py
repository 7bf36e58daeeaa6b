"""Counts by element, drawn as the periodic table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_ROWS = """
H  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  He
Li Be .  .  .  .  .  .  .  .  .  .  B  C  N  O  F  Ne
Na Mg .  .  .  .  .  .  .  .  .  .  Al Si P  S  Cl Ar
K  Ca Sc Ti V  Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y  Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I  Xe
Cs Ba Lu Hf Ta W  Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
Fr Ra Lr .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
.  .  La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb .  .
.  .  Ac Th Pa U  Np Pu Am Cm Bk Cf Es Fm Md No .  .
"""
"""Periods 1 ... 7, then lanthanides and actinides."""
_CELL = 4
"""Characters of a cell: 18 of them fit into 80 columns."""


def print_periodic_table(console: Console, counts: Mapping[str, int]) -> None:
    """Each element with its count below it; one without is dim. Periods 7, lanthanides and actinides only where they hold something.

    Args:
        console: where to.
        counts: by symbol.
    """
    for symbols, shown in lines(counts):
        console.print(symbols, highlight=False)
        console.print(shown, highlight=False, style="dim", markup=False)


def lines(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Symbols (with Rich's markup) and counts of each row, as two lines of 18 cells."""
    rows = [line.split() for line in _ROWS.strip().splitlines()]
    for number, row in enumerate(rows):
        if number > 5 and not any(counts.get(symbol) for symbol in row):
            continue
        if number == 7:
            yield "", ""
        cells = ["" if symbol == "." else symbol for symbol in row]
        symbols = (f"[bold]{cell:<{_CELL}}[/bold]" if counts.get(cell) else f"[dim]{cell:<{_CELL}}[/dim]" for cell in cells)
        yield "".join(symbols).rstrip(), "".join(f"{_short(counts.get(cell, 0)):<{_CELL}}" for cell in cells).rstrip()


def _short(count: int) -> str:
    """A count in at most three characters."""
    if count < 1000:
        return str(count) if count else ""
    return f"{count // 1000}k" if count < 100_000 else ">M" if count >= 10**6 else f".{count // 100_000}M"
