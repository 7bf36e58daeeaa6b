"""How a page of evidence stands on the site: it opens with its three numbers and a chart, and its long tables are folded.

A table of probabilities gets a picture of how well they hold.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable

from openings import OPENINGS, ROOT, Numbers
from page_tables import Bars, tables, value

FOLDED = 14
"""Rows above which a table is folded."""
MOST = 14
"""Bars in a chart, at most."""


def opened(place: str, markdown: str) -> str:
    """A page with its opening, charts of its probabilities, and its long tables folded."""
    found = tables(markdown)
    opening = OPENINGS.get(place)
    if opening is None:
        return markdown
    numbers, caption, bars = opening(found, markdown)
    lines = markdown.split("\n")
    for table in reversed(found):
        if len(table.rows) > FOLDED:
            lines[table.last : table.last] = ["", "</details>"]
            lines[table.first : table.first] = ["<details markdown>", f"<summary>All {len(table.rows)} rows</summary>", ""]
        elif table.head[0] == "probability":
            rows = [(value(row[0]) or 0.0, value(row[1]) or 0.0, int(value(row[2]) or 0)) for row in table.rows]
            lines[table.first : table.first] = [calibration(rows), ""]
    title = next(place for place, line in enumerate(lines) if line.startswith("# "))
    lines[title + 1 : title + 1] = ["", headline(numbers), "", *([chart(caption, bars), ""] if bars else [])]
    text = "\n".join(lines)
    if place == "outer.md":  # whose bins stand in its results alone
        bins = json.loads((ROOT / "benchmarks" / "outer.json").read_text(encoding="utf-8"))["probability"]["bins"]
        rows = [(each["probability"], each["share"], each["n"]) for each in bins]
        text = re.sub(r"(## Do the probabilities hold\?\n)", lambda title: f"{title[1]}\n{calibration(rows)}\n", text)
    return text


def headline(numbers: Numbers) -> str:
    """Numbers, each with what it is of."""
    each = "".join(f"<p><b>{html.escape(number)}</b><span>{html.escape(words)}</span></p>" for number, words in numbers)
    return f'<div class="numbers">{each}</div>'


def chart(caption: str, bars: Bars) -> str:
    """Bars, which begin where differences show."""
    bars = bars[:MOST]
    sizes = [size for _, size, _ in bars]
    low, high = min(sizes), max(sizes)
    start = 0.0 if low < 0.5 * high else math.floor(20 * low - 1e-9) / 20 if high <= 1 else 0.0
    if start > 0 and high - start < 0.05:
        start = math.floor(1000 * low - 1 - 1e-9) / 1000
    rows = "".join(
        f"<p><span>{html.escape(name.replace('`', ''))}</span>"
        f'<i style="--share:{100 * (size - start) / ((high - start) or 1):.1f}%"></i><b>{html.escape(text)}</b></p>'
        for name, size, text in bars
    )
    note = f"; bars begin at {start:g}" if start else ""
    return f'<div class="bars"><p class="caption">{html.escape(caption)}{note}</p>{rows}</div>'


def calibration(rows: Iterable[tuple[float, float, int]]) -> str:
    """What was promised against what was true; the line is where they agree, the area of a point how many there are."""
    rows = list(rows)
    side, most = 200, max(count for *_, count in rows)
    at = lambda share: f"{30 + side * share:.1f}"  # noqa: E731
    points = "".join(
        f'<circle cx="{at(promised)}" cy="{float(at(1 - true)) - 20:.1f}" r="{2 + 6 * math.sqrt(count / most):.1f}">'
        f"<title>promised {promised:.2f}, true {true:.2f}, {count:,} answers</title></circle>"
        for promised, true, count in rows
        if count
    )
    ticks = "".join(
        f'<text x="{at(share)}" y="{side + 26}" text-anchor="middle">{share:g}</text><text x="25" y="{float(at(1 - share)) - 16:.1f}" text-anchor="end">{share:g}</text>'
        for share in (0, 0.5, 1)
    )
    words = "; ".join(f"promised {promised:.2f}, true {true:.2f}" for promised, true, count in rows if count)
    return (
        f'<svg class="calibration" viewBox="0 0 250 252" role="img" aria-label="Promised and true shares: {words}">'
        f'<path class="axes" d="M30 10V{side + 10}H{side + 30}"/><path class="agree" d="M30 {side + 10}L{side + 30} 10"/>{points}{ticks}'
        f'<text x="{30 + side / 2}" y="{side + 46}" text-anchor="middle">promised probability</text>'
        f'<text x="36" y="20">share that was right</text></svg>'
    )
