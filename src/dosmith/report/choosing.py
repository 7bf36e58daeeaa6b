"""What speaks for and against candidates: a table in the terminal, and a page that shows the compromises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from dosmith.choosing import Merits
from dosmith.report.crystals import COMPUTED, POTENTIAL, number
from dosmith.report.html import formula_html
from dosmith.report.tables import print_table, table

if TYPE_CHECKING:
    from rich.console import Console

NOTES = (
    POTENTIAL,
    COMPUTED,
    "USD/kg: price of the elements, 2013. Rarest: abundance of the rarest element in the Earth's crust, mg/kg. HHI: concentration of"
    " production in few countries, 10,000 at most (Gaultois 2013).",
    "Centre: mean energy of the total DOS from -7.5 eV to the energy zero; it follows the d-band centre of late transition metals"
    " but is not projected. d centre: that of projected d states, if known or predicted. At E_F: density there, for a DOS of unit area, 1/eV.",
    "*: no other candidate is at least as good in similarity, stability and price, and better in one of them.",
)
_HEADS = ("formula", "similarity", "above hull", "(DFT)", "USD/kg", "rarest", "HHI", "gap", "centre", "d centre", "at E_F", "")
_NARROW = {"above hull": "above\nhull", "(DFT)": "above\nhull\n(DFT)"}


def print_merits(console: Console, found: Sequence[Merits]) -> None:
    """The merits of candidates in a terminal; columns in which nothing is known are left out."""
    from rich.text import Text

    heads, cells = _HEADS[:-1], [_cells(each)[:-1] for each in found]
    filled = [place for place in range(len(heads)) if any(row[place] != "-" for row in cells)]
    rows = table(
        {"": "left"} | {_NARROW.get(heads[place], heads[place]): "right" if place else "left" for place in filled}, tight=True
    )
    for each, row in zip(found, cells, strict=True):
        rows.add_row("*" if each.compromise else "", *(Text(row[place]) for place in filled))
    print_table(console, "For and against", rows)


def merit_notes(found: Sequence[Merits]) -> list[str]:
    """What to know of these merits: warnings first, then what the columns are."""
    warned = [
        f"{each.formula} holds {kind} {elements}."
        for each in found
        for kind, elements in (("poisonous", each.poisonous), ("radioactive", each.radioactive))
        if elements
    ]
    return warned + [note for note in NOTES if note != COMPUTED or any(each.dft_above_hull is not None for each in found)]


def choosing_page(title: str, found: Sequence[Merits]) -> str:
    """A page that loads nothing: similarity against height above the hull, price by area, and the table."""
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{formula_html(cell) if place == 0 else escape(cell)}</td>" for place, cell in enumerate(_cells(each)))
        + "</tr>"
        for each in found
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in _HEADS)
    notes = "".join(f"<li>{escape(note)}</li>" for note in NOTES)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}: compromises</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1c2430}}
table{{border-collapse:collapse;width:100%}}td,th{{padding:.25rem .5rem;text-align:right;border-bottom:1px solid #d8dde4}}
td:first-child,th:first-child{{text-align:left}}svg{{width:100%;height:auto}}li{{color:#5a6675}}</style></head><body>
<h1>Candidates with the DOS of {formula_html(title)}</h1>
<p>To the upper left is best: like the target, and low above the hull. Filled circles are compromises that no other candidate beats in
similarity, stability and price; the smaller a circle, the cheaper its elements.</p>
{_scatter(found)}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><ul>{notes}</ul></body></html>
"""


def _cells(each: Merits) -> list[str]:
    warnings = [f"poisonous {each.poisonous}"] if each.poisonous else []
    warnings += [f"radioactive {each.radioactive}"] if each.radioactive else []
    return [
        each.formula,
        _plain(each.similarity, ".3f"),
        number(each.above_hull),
        number(each.dft_above_hull),
        _plain(each.price, ",.0f"),
        _plain(each.abundance, "g"),
        _plain(each.production, ",.0f"),
        _plain(each.gap, ".2f"),
        _plain(each.band_centre, ".2f"),
        _plain(each.d_band_centre, ".2f"),
        _plain(each.dos_at_fermi, ".3f"),
        " ".join([*(["*"] if each.compromise else []), *warnings]),
    ]


def _plain(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _scatter(found: Sequence[Merits]) -> str:
    shown = [each for each in found if each.similarity is not None and each.above_hull is not None]
    if not shown:
        return "<p>No candidate has both a similarity and a height above the hull.</p>"
    heights = [max(each.above_hull or 0.0, 0.0) for each in shown]
    likes = [each.similarity or 0.0 for each in shown]
    right = 1.08 * max(*heights, 0.05)
    span = max(max(likes) - min(likes), 0.02)
    low, high = min(likes) - 0.1 * span, max(likes) + 0.1 * span
    prices = [math.log10(each.price) for each in shown if each.price]
    least, most = min(prices, default=0.0), max(prices, default=1.0)

    def x(value: float) -> float:
        return 60 + 700 * value / right

    def y(value: float) -> float:
        return 20 + 320 * (high - value) / (high - low)

    parts = []
    for step in range(6):
        height, like = right * step / 5, low + (high - low) * step / 5
        parts.append(f'<line x1="{x(height):.1f}" x2="{x(height):.1f}" y1="20" y2="340" stroke="#e3e7ec"/>')
        parts.append(f'<text x="{x(height):.1f}" y="358" text-anchor="middle">{height:.3f}</text>')
        parts.append(f'<line x1="60" x2="760" y1="{y(like):.1f}" y2="{y(like):.1f}" stroke="#e3e7ec"/>')
        parts.append(f'<text x="52" y="{y(like) + 4:.1f}" text-anchor="end">{like:.3f}</text>')
    taken: list[tuple[float, float]] = []  # places of labels
    for each, height, like in sorted(zip(shown, heights, likes, strict=True), key=lambda row: -row[2]):
        share = (math.log10(each.price) - least) / max(most - least, 1e-9) if each.price else 1.0
        fill, label = ("#1f6feb" if each.compromise else "none"), escape(each.formula)
        across, down = x(height) + 20, y(like) + 4
        while any(abs(across - other) < 60 and abs(down - beside) < 13 for other, beside in taken):
            down += 4
        taken.append((across, down))
        parts.append(
            f'<circle cx="{x(height):.1f}" cy="{y(like):.1f}" r="{4 + 7 * share:.1f}" fill="{fill}" fill-opacity="0.7" stroke="#1f6feb">'
            f"<title>{label}, {each.price or 0:,.0f} USD/kg</title></circle>"
            f'<text x="{across:.1f}" y="{down:.1f}">{label}</text>'
        )
    return (
        f'<svg viewBox="0 0 860 395" font-size="12" font-family="system-ui,sans-serif" fill="#1c2430">{"".join(parts)}'
        '<text x="410" y="385" text-anchor="middle">above the hull, eV/atom</text>'
        '<text x="14" y="180" text-anchor="middle" transform="rotate(-90 14 180)">similarity</text></svg>'
    )
