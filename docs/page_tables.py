"""The tables of a page in Markdown, and the numbers in their cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Bars = Sequence[tuple[str, float, str]]
"""What a bar is of, its length, and what is written beside it."""


@dataclass(frozen=True)
class Table:
    """A table of a page: what stands in its cells, and in which of the page's lines it lies."""

    head: list[str]
    rows: list[list[str]]
    first: int
    last: int

    def column(self, name: str) -> list[str]:
        """The cells below a heading."""
        place = self.head.index(name)
        return [row[place] for row in self.rows]

    def row(self, name: str) -> dict[str, str]:
        """The first row that begins with a name, by heading."""
        found = next(row for row in self.rows if row[0].strip("*`") == name)
        return dict(zip(reversed(self.head), reversed(found), strict=True))  # of two equal headings the first

    def bars(
        self, name: str, label: Callable[[list[str]], str] = lambda row: row[0], size: Callable[[float], float] = float
    ) -> Bars:
        """A column as bars; cells without a number have none."""
        found = [(label(row), cell) for row, cell in zip(self.rows, self.column(name), strict=True) if value(cell) is not None]
        return [(text, size(value(cell) or 0.0), shown(cell)) for text, cell in found]


def tables(markdown: str) -> list[Table]:
    """The tables of a page."""
    lines, found, place = markdown.split("\n"), [], 0

    def cells(line: str) -> list[str]:
        return [each.strip().replace("\\|", "|") for each in re.split(r"(?<!\\)\|", line.strip().strip("|"))]

    while place < len(lines):
        if lines[place].startswith("|") and place + 1 < len(lines) and re.fullmatch(r"\|[\s:|-]+\|", lines[place + 1].strip()):
            end = place + 2
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            width = len(cells(lines[place + 1]))
            head = (cells(lines[place]) + [""] * width)[:width]
            rows = [(cells(line) + [""] * width)[:width] for line in lines[place + 2 : end]]
            found.append(Table(head, rows, place, end))
            place = end
        place += 1
    return found


def value(cell: str) -> float | None:
    """The first number in a cell; 0 of "none"."""
    if cell == "none":
        return 0.0
    number = re.search(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", cell)
    return None if number is None else float(number[0].replace(",", ""))


def shown(cell: str) -> str:
    """A cell without its interval."""
    return re.sub(r"\s*\(.*?\)", "", cell)


def said(text: str, pattern: str) -> str:
    """What a page says in a sentence."""
    found = re.search(pattern, text.replace("\n", " "))
    if found is None:
        raise ValueError(f"no such sentence: {pattern}")
    return found[1]
