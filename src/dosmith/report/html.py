"""The answer to one design as a single HTML file: data in, text out.

The page loads nothing from anywhere: style, script, the charting library and every curve stand in it. All words of the
answer are written here, as HTML, so that the page can be read without JavaScript; the script only draws the curves.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib import resources
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_SHOWN_FIRST = 4  # more curves than this at once hide one another; the rest are one click away
_HUES, _DASHES = 6, 4  # colours and line patterns in report.css and report.js
_NONE = "&mdash;"
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*)+")
_PROTOTYPE = re.compile(r"([A-Za-z]+\d*)_\{?([0-9a-z]{1,3})\}?")


@dataclass(frozen=True, eq=False)
class Curve:
    """One density of states on the report's energies.

    Attributes:
        name: what the reader sees: a formula, or the name of the target.
        kind: "target", "candidate" or "similar".
        values: area-normalised DOS, 1/eV, shape (levels,).
        note: one short sentence about the curve, or "".
    """

    name: str
    kind: str
    values: FloatArray
    note: str = ""


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the report shows, as plain data.

    Attributes:
        title: the target: a formula or a file name.
        energies: eV relative to the energy zero, shape (levels,).
        target: its curve.
        candidates: best first; `Candidate.as_dict()` with the best known curve, or None where no DOS is known.
        similar: nearest known materials, best first; dict with id, formula, prototype, crystal_system, similarity.
        target_facts: what was done to the curve, as (name, value): source, energy zero, Fermi level, gap, broadening, ...
        settings: (name, value).
        model: (name, value).
        caveats: what a reader must know before believing the answer, one sentence each.
        window: the energies that mattered, eV, or None when all did.
        version: of dosmith.
        command: makes the same answer again.
    """

    title: str
    energies: FloatArray
    target: Curve
    candidates: Sequence[tuple[Mapping[str, Any], Curve | None]]
    similar: Sequence[tuple[Mapping[str, Any], Curve]]
    target_facts: Sequence[tuple[str, str]]
    settings: Sequence[tuple[str, str]]
    model: Sequence[tuple[str, str]]
    caveats: Sequence[str]
    window: tuple[float, float] | None
    version: str
    command: str


def render(data: ReportData) -> str:
    """The report as one HTML document that works from a file, offline. Curves are embedded to 1e-6 / eV.

    Raises:
        ValueError: a curve has not one value for each energy.
    """
    known = [(candidate, curve) for candidate, curve in data.candidates if curve is not None]
    for curve in [data.target, *(curve for _, curve in known), *(curve for _, curve in data.similar)]:
        if curve.values.shape != data.energies.shape:
            raise ValueError(f"curve '{curve.name}' has shape {curve.values.shape}, the energies {data.energies.shape}")
    # Index of each candidate among the embedded curves; None where there is nothing to draw.
    places: list[int | None] = []
    for _, candidate_curve in data.candidates:
        places.append(None if candidate_curve is None else sum(place is not None for place in places))
    metric = next((str(c["metric"]) for c, _ in data.candidates if c.get("metric")), "")
    return Template(_asset("report.html")).substitute(
        page_title=f"{escape(data.title)} &ndash; dosmith",
        title=f'<span class="{"" if _FORMULA.fullmatch(data.title) else "long"}">{formula_html(data.title)}</span>',
        summary=_summary(data),
        chips=_chips(data, places),
        main_label=escape(f"Density of states of {data.title}, with {len(known)} candidates to lay over it", quote=True),
        main_note=_main_note(data.window),
        candidates_lead=_candidates_lead(metric),
        candidates_table=_candidates_table(data, places),
        candidates_panels="".join(_candidate_panel(c, v, i) for (c, v), i in zip(data.candidates, places, strict=True)),
        panels_hidden="" if data.candidates else " hidden",
        similar=_similar(data, len(known)),
        target_facts=_facts(data.target_facts, note=data.target.note),
        caveats="<ul>" + "".join(f"<li>{escape(text)}</li>" for text in data.caveats) + "</ul>"
        if data.caveats
        else _empty("None."),
        model=_facts(data.model),
        settings=_facts(data.settings),
        command=escape(data.command),
        version=escape(data.version),
        json=_embedded(data, [curve for _, curve in known]),
        css=_asset("report.css"),
        js=_asset("report.js"),
        uplot_css=_asset("vendor/uPlot.min.css"),
        uplot_js=_asset("vendor/uPlot.iife.min.js"),
    )


def formula_html(text: str) -> str:
    """A formula with its counts as subscripts; any other text escaped as it is."""
    if not _FORMULA.fullmatch(text):
        return escape(text)
    return re.sub(r"(\d+)", r"<sub>\1</sub>", text)


def prototype_html(text: str | None) -> str:
    """A Strukturbericht symbol with its index as subscript (L1_2); any other text escaped as it is; a dash for None."""
    if not text:
        return _NONE
    match = _PROTOTYPE.fullmatch(text)
    return f"{match[1]}<sub>{match[2]}</sub>" if match else escape(text)


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return resources.files("dosmith.report").joinpath("assets").joinpath(*name.split("/")).read_text(encoding="utf-8")


def _embedded(data: ReportData, candidates: Sequence[Curve]) -> str:
    curves = []
    for i, curve in enumerate([*candidates, *(curve for _, curve in data.similar)]):
        style = {"hue": i % _HUES, "dash": i // _HUES % _DASHES} if i < len(candidates) else {"hue": 1, "dash": 0}
        curves.append(_plain(curve) | style)
    window = None if data.window is None else list(data.window)
    content = {"energies": _numbers(data.energies), "window": window, "target": _plain(data.target), "curves": curves}
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    # In a script element only these can end the JSON early; inside JSON strings the escapes mean the same.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(curve: Curve) -> dict[str, Any]:
    return {"name": curve.name, "kind": curve.kind, "note": curve.note, "values": _numbers(curve.values)}


def _numbers(values: FloatArray) -> list[float | None]:
    return [round(float(v), 6) if math.isfinite(v) else None for v in values]


def _summary(data: ReportData) -> str:
    if not data.candidates:
        parts = ["No composition fits the constraints."]
    else:
        count = len(data.candidates)
        parts = [
            f"<b>{count} composition{'s' if count > 1 else ''}</b> proposed, {formula_html(str(data.candidates[0][0]['formula']))} first."
        ]
        compared = [c for c, _ in data.candidates if c.get("similarity") is not None]
        if compared:
            best = max(compared, key=lambda c: float(c["similarity"]))
            parts.append(
                f"The proposal with the most similar known DOS is <b>{formula_html(str(best['formula']))}</b>,"
                f" similarity <b>{_number(best['similarity'])}</b>, rank {best['rank']}."
            )
        unknown = sum(not c["known_dos"] for c, _ in data.candidates)
        if unknown:
            parts.append(f"For {unknown} of them no DOS is known yet." if count > 1 else "No DOS of it is known yet.")
    if data.similar:
        nearest = data.similar[0][0]
        parts.append(
            f"The nearest curve in the library is {formula_html(str(nearest['formula']))}, {_number(nearest['similarity'])}."
        )
    return " ".join(parts)


def _main_note(window: tuple[float, float] | None) -> str:
    note = "Every curve has unit area. Drag to zoom in, double-click to zoom out."
    if window is None:
        return note
    lower, upper = (f"{edge:g}".replace("-", "&minus;") for edge in window)
    return f"Only {lower} to {upper} eV was compared; the energies shaded grey were not. {note}"


def _candidates_lead(metric: str) -> str:
    by = f" ({escape(metric)})" if metric else ""
    return (
        f"In order of the distance between composition vectors (CV). Similarity{by} is that of the most similar known DOS"
        " of the composition to the target: it is a check of the proposal, and took no part in the order."
    )


def _chips(data: ReportData, places: Sequence[int | None]) -> str:
    chips = [f'<span class="chip"><span class="area"></span>{formula_html(data.target.name)} (target)</span>']
    for (candidate, _), place in zip(data.candidates, places, strict=True):
        if place is not None:
            name = formula_html(str(candidate["formula"]))
            chips.append(f'<button type="button" class="chip" {_toggle(place)}>{_line(place)}<span>{name}</span></button>')
    if sum(place is not None for place in places) > _SHOWN_FIRST:
        chips.append('<button type="button" class="chip plain" id="all">show all</button>')
    return "".join(chips)


def _toggle(place: int) -> str:
    return f'data-toggle="{place}" aria-pressed="{"true" if place < _SHOWN_FIRST else "false"}"'


def _line(place: int) -> str:
    dashes = ("", "7 4", "2 3", "9 3 2 3")[place // _HUES % _DASHES]
    return (
        f'<svg class="line s{place % _HUES}" viewBox="0 0 24 10" aria-hidden="true">'
        f'<line x1="0" y1="5" x2="24" y2="5" stroke-dasharray="{dashes}"/></svg>'
    )


def _candidates_table(data: ReportData, places: Sequence[int | None]) -> str:
    if not data.candidates:
        return _empty("No composition fits the constraints; loosen them and run again.")
    rows = []
    for (candidate, _), place in zip(data.candidates, places, strict=True):
        name = str(candidate["formula"])
        button = ""
        if place is not None:
            label = f"Show {escape(name)} in the chart"
            button = f'<button type="button" class="toggle" {_toggle(place)} aria-label="{label}" title="{label}">{_line(place)}</button>'
        known = '<span class="badge known">known</span>' if candidate["known_dos"] else '<span class="badge new">unknown</span>'
        seen = '<span class="badge">in training</span>' if candidate["in_training"] else '<span class="badge new">new</span>'
        others = len(candidate.get("structure_ids") or ()) - 1
        ident = escape(str(candidate.get("structure_id") or "")) or _NONE
        rows.append(
            f'<tr role="row"{"" if place is None else f" data-row={place}"}>'
            + f'<td role="cell" class="rank">{int(candidate["rank"])}</td><th role="rowheader" scope="row">{formula_html(name)}{button}</th>'
            + _similarity_cell(candidate)
            + _cell("CV distance", _number(candidate["distance"]))
            + _cell("DOS", known)
            + _cell("Network", seen)
            + _cell("Prototype", prototype_html(candidate.get("prototype")))
            + _cell("Crystal system", escape(str(candidate.get("crystal_system") or "")) or _NONE)
            + _cell("Id", ident + (f" +{others} more" if others > 0 else ""), "id")
            + "</tr>"
        )
    heads = ("Rank", "Formula", "Similarity", "CV distance", "DOS", "Network", "Prototype", "Crystal system", "Id")
    return _table("Candidates", heads, rows)


def _similar(data: ReportData, first: int) -> str:
    if not data.similar:
        return _empty("The library was not searched for similar curves, or holds none.")
    rows = []
    panels = []
    for i, (material, curve) in enumerate(data.similar):
        name = formula_html(str(material["formula"]))
        rows.append(
            f'<tr role="row"><td role="cell" class="rank">{i + 1}</td><th role="rowheader" scope="row">{name}</th>'
            + _similarity_cell(material)
            + _cell("Prototype", prototype_html(material.get("prototype")))
            + _cell("Crystal system", escape(str(material.get("crystal_system") or "")) or _NONE)
            + _cell("Id", escape(str(material.get("id") or "")) or _NONE, "id")
            + "</tr>"
        )
        panels.append(_panel(str(material["formula"]), i + 1, material, curve, first + i))
    heads = ("Rank", "Formula", "Similarity", "Prototype", "Crystal system", "Id")
    return _table("Nearest known materials", heads, rows) + f'<div class="panels scripted">{"".join(panels)}</div>'


def _candidate_panel(candidate: Mapping[str, Any], curve: Curve | None, place: int | None) -> str:
    return _panel(str(candidate["formula"]), int(candidate["rank"]), candidate, curve, place)


def _panel(name: str, rank: int, facts: Mapping[str, Any], curve: Curve | None, place: int | None) -> str:
    similarity = f'<span class="num">{_number(facts["similarity"])}</span>' if facts.get("similarity") is not None else ""
    caption = f'<span><span class="rank">{rank}</span><b>{formula_html(name)}</b></span>{similarity}'
    if curve is None:
        body = '<div class="nothing">No known DOS: nobody has computed it in this library.</div>'
    else:
        words = [prototype_html(facts.get("prototype")) if facts.get("prototype") else "", escape(curve.note)]
        caption += f"<small>{' &middot; '.join(word for word in words if word) or '&nbsp;'}</small>"
        label = escape(f"Density of states of {name} over the target", quote=True)
        body = f'<div class="plot" data-curve="{place}" role="img" aria-label="{label}"></div>'
    return f'<figure class="panel"><figcaption>{caption}</figcaption>{body}</figure>'


def _similarity_cell(facts: Mapping[str, Any]) -> str:
    value = facts.get("similarity")
    if value is None:
        return f'<td role="cell" class="sim none">{_NONE}</td>'
    kind = facts.get("similarity_kind") or "computed"
    width = 100 * min(max(float(value), 0.0), 1.0)
    note = "" if kind == "computed" else f" ({escape(str(kind))})"
    return f'<td role="cell" class="sim"><span class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>{_number(value)}{note}</td>'


def _table(label: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    # The roles repeat what the elements mean because the narrow layout takes the table display away.
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in heads)
    return (
        f'<table role="table" aria-label="{label}"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def _cell(label: str, content: str, extra: str = "") -> str:
    return f'<td role="cell" class="more {extra}" data-label="{label}">{content}</td>'


def _facts(pairs: Sequence[tuple[str, str]], note: str = "") -> str:
    pairs = [*pairs, ("note", note)] if note else pairs
    if not pairs:
        return _empty("Nothing recorded.")
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs) + "</dl>"


def _empty(text: str) -> str:
    return f'<p class="empty">{text}</p>'


def _number(value: float) -> str:
    return f"{float(value):.3f}".replace("-", "&minus;")
