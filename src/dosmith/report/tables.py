"""What the tables of a terminal share: they fit into 80 columns, nothing is cut off, and notes stand below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FloatArray = NDArray[np.float64]


def escape(text: str) -> str:
    """Text in which Rich finds no markup."""
    from rich.markup import escape

    return escape(text)


def table(columns: Mapping[str, str], tight: bool = False) -> Table:
    """An empty table.

    Args:
        columns: heads, which may have several lines, with "left" or "right".
        tight: one blank between columns in place of two.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0 if tight else 1, 0, 0), show_edge=False)
    for name, justify in columns.items():
        made.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return made


def print_table(console: Console, title: str, table: Table) -> None:
    """A table below its title, an empty line before both."""
    console.print(f"\n[bold]{escape(title)}[/bold]\n", highlight=False)
    console.print(table, highlight=False)


_LEGIBLE = 14
"""Characters of a name in a line, at least."""


def add_curves(console: Console, table: Table, energies: FloatArray, curves: Sequence[FloatArray | None]) -> bool:
    """A last column with the curve of each row, where the terminal can draw it and has room; whether it did.

    Names of crystals in the column before it are broken into lines where nothing else makes room.

    Args:
        console: where the table will be printed.
        table: with as many rows as there are curves.
        energies: of the curves, eV from the energy zero, shape (points,).
        curves: shape (points,) each; None where there is none.
    """
    from rich.text import Text

    from dosmith.report.sparkline import NARROWEST, WIDEST, can_draw, scale, sparklines, zero_place

    width = min(console.width - console.measure(table).maximum - 3, WIDEST, len(energies))
    if not can_draw(console):
        return False
    if width < NARROWEST:
        last = table.columns[-1]
        room = max(len(str(cell)) for cell in last.cells) - (NARROWEST - width)
        if room < _LEGIBLE:
            return False
        last.max_width, last.overflow, last.no_wrap, width = room, "fold", False, NARROWEST
    lower, upper = float(energies[0]), float(energies[-1])
    table.add_column(scale(lower, upper, width), no_wrap=True)
    zero = zero_place(lower, upper, width)
    cells = table.columns[-1]._cells  # Rich has no other way to add a column to rows
    for line in sparklines(curves, width):
        text = Text(line)
        text.stylize("dim", zero)
        cells.append(text)
    return True


def print_notes(console: Console, sentences: Iterable[str]) -> None:
    """Sentences one below the other, their further lines indented, an empty line before them."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    for sentence in dict.fromkeys(sentences):  # each once
        grid.add_row(Text("-"), Text(sentence), style="dim")
    if grid.row_count:
        console.print()
        console.print(grid)


def flowing(words: Iterable[str], width: int) -> list[str]:
    """Words, each unbroken, two blanks between them, in lines of at most so many characters."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 2 + len(word) <= width:
            lines[-1] += f"  {word}"
        else:
            lines.append(word)
    return lines
