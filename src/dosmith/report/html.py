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
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.existence import WITHIN
from dosmith.crystals.kinds import spoken
from dosmith.spectra.match import NEAR, SHARE
from dosmith.spectra.similarity import MATCH

FloatArray = NDArray[np.float64]

_SHOWN_FIRST = 4  # more curves than this at once hide one another; the rest are one click away
_HUES, _DASHES = 6, ("", "7 4", "2 3", "9 3 2 3")  # as in report.css and report.js
_NONE = "&mdash;"
_NO_DOS = '<div class="nothing">No known DOS: this library does not hold one.</div>'
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*)+")
_PROTOTYPE = re.compile(r"([A-Za-z]+\d*)_\{?([0-9a-z]{1,3})\}?")


@dataclass(frozen=True, eq=False)
class Curve:
    """One density of states on the report's energies.

    Attributes:
        name: what the reader sees: a formula, or the name of the target.
        kind: "target", "candidate" or "similar".
        values: area-normalised DOS, 1/eV, shape (points,).
        note: one short sentence about the curve, or "".
        half_width: of the band around a predicted curve, 1/eV, shape (points,); None where there is none.
        cif: its crystal, or "".
        picture: of the crystal, as SVG that is trusted, or "".
    """

    name: str
    kind: str
    values: FloatArray
    note: str = ""
    half_width: FloatArray | None = None
    cif: str = ""
    picture: str = ""


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything that the report shows, as plain data.

    Attributes:
        title: the target: a formula or a file name.
        energies: eV relative to the energy zero, shape (points,).
        target: its curve.
        candidates: best first; `Candidate.as_dict()` with the best known curve, or None where no DOS is known.
        similar: nearest known materials, best first; dict with id, formula, prototype, crystal_system, similarity, and
            optionally is_target: whether it is the very material that is the target.
        target_facts: what was done to the curve, as (name, value): source, energy zero, Fermi level, gap, broadening, ...
        settings: (name, value).
        model: (name, value).
        caveats: what a reader must know before believing the answer, one sentence each.
        window: the energies that mattered, eV, or None when all did.
        version: of dosmith.
        command: makes the same answer again.
        wanted: what the candidates should have, where that is no DOS like the target's; "" where it is.
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
    wanted: str = ""


def render(data: ReportData) -> str:
    """The report as one HTML document that works from a file, offline. Curves are embedded to 1e-6 / eV.

    Raises:
        ValueError: a curve has not one value for each energy.
    """
    known = [curve for _, curve in data.candidates if curve is not None]
    for curve in [data.target, *known, *(curve for _, curve in data.similar)]:
        if curve.values.shape != data.energies.shape:
            raise ValueError(f"curve '{curve.name}' has shape {curve.values.shape}, the energies {data.energies.shape}")
    # Where each candidate stands among the embedded curves; None where there is nothing to draw.
    counter = iter(range(len(known)))
    candidates = [(facts, curve, None if curve is None else next(counter)) for facts, curve in data.candidates]
    similar = [({"rank": i + 1, **facts}, curve, len(known) + i) for i, (facts, curve) in enumerate(data.similar)]
    metric = next((str(facts["metric"]) for facts, _ in data.candidates if facts.get("metric")), "")
    told = {value for _, value in data.target_facts} | {""}
    note = [] if data.target.note in told else [("Note", data.target.note)]
    return Template(_asset("report.html")).substitute(
        page_title=f"Like the DOS of {escape(data.title)} &ndash; dosmith",
        title=_headline(data),
        summary=_summary(data),
        chips=_chips(data.target.name, [(str(facts["formula"]), place) for facts, _, place in candidates if place is not None]),
        main_label=escape(f"Density of states of {data.title}, with {len(known)} candidates to lay over it"),
        main_note=_main_note(data.window),
        metric=f" ({escape(metric)})" if metric else "",
        columns=_facts(_columns(data, metric)),
        candidates_table=_table("Candidates", [(facts, place) for facts, _, place in candidates], candidates=True),
        candidates_panels="".join(_panel(*candidate) for candidate in candidates),
        panels_hidden="" if candidates else " hidden",
        similar_table=_table("Nearest known materials", [(facts, None) for facts, _, _ in similar], candidates=False),
        similar_panels="".join(_panel(*material) for material in similar),
        target_facts=_facts([*data.target_facts, *note]),
        caveats="".join(f"<li>{escape(text)}</li>" for text in data.caveats) or "<li>Nothing recorded.</li>",
        model=_facts(data.model),
        settings=_facts(data.settings),
        command=escape(data.command),
        version=escape(data.version),
        json=_embedded(data, known),
        css=_asset("report.css"),
        js=_asset("report.js"),
        uplot_css=_asset("vendor/uPlot.min.css"),
        uplot_js=_asset("vendor/uPlot.iife.min.js"),
    )


def formula_html(text: str) -> str:
    """A formula with its counts as subscripts; any other text escaped as it is."""
    return re.sub(r"(\d+)", r"<sub>\1</sub>", text) if _FORMULA.fullmatch(text) else escape(text)


def prototype_html(text: str | None) -> str:
    """A Strukturbericht symbol with its index as subscript (L1_2); what a label of AFLOW's is called; any other text escaped as it is; a dash for None."""
    if text is not None and (called := spoken(text)) is not None:
        return f'<span title="{escape(text)}">{escape(called)}</span>'
    match = _PROTOTYPE.fullmatch(text or "")
    return f"{match[1]}<sub>{match[2]}</sub>" if match else escape(text or "") or _NONE


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return resources.files("dosmith.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _embedded(data: ReportData, known: Sequence[Curve]) -> str:
    curves = [_plain(curve) | {"hue": i % _HUES, "dash": i // _HUES % len(_DASHES)} for i, curve in enumerate(known)]
    curves += [_plain(curve) | {"hue": 1, "dash": 0} for _, curve in data.similar]
    window = None if data.window is None else list(data.window)
    content = {"energies": _numbers(data.energies), "window": window, "target": _plain(data.target), "curves": curves}
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    # Only these could end the script element early; within JSON strings the escapes mean the same.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(curve: Curve) -> dict[str, Any]:
    band = {} if curve.half_width is None else {"half": _numbers(curve.half_width)}
    return {"name": curve.name, "kind": curve.kind, "note": curve.note, "values": _numbers(curve.values)} | band


def _numbers(values: FloatArray) -> list[float | None]:
    return [round(float(v), 6) if math.isfinite(v) else None for v in values]


def _headline(data: ReportData) -> str:
    """The answer: the first candidates that are not the target itself."""
    itself = next((facts["id"] for facts, _ in data.similar if facts.get("is_target")), None)
    others = [_name(facts) for facts, _ in data.candidates if itself is None or facts.get("structure_id") != itself][:3]
    if not others:
        return f'No candidate <small class="of">for the DOS of {formula_html(data.title)}</small>'
    wanted = escape(data.wanted) or f"a DOS like that of {formula_html(data.title)}"
    names = others[0] if len(others) == 1 else f"{', '.join(others[:-1])} and {others[-1]}"
    return f'{names} <small class="of">should have {wanted}</small>'


def _summary(data: ReportData) -> str:
    candidates = [facts for facts, _ in data.candidates]
    parts = []
    if candidates:
        plural = "s" if len(candidates) > 1 else ""
        parts.append(f"<b>{len(candidates)} composition{plural}</b> proposed, {_name(candidates[0])} first.")
    else:
        parts.append("No composition fits the constraints.")
    # The target found again in the library says nothing, so it is told apart from the best of the others.
    itself = next((facts["id"] for facts, _ in data.similar if facts.get("is_target")), None)
    again = next((facts for facts in candidates if itself and facts.get("structure_id") == itself), None)
    if again is not None:
        parts.append(f"The target itself came back at rank {again['rank']}.")
    compared = [
        facts for facts in candidates if facts["known_dos"] and facts.get("similarity") is not None and facts is not again
    ]
    if compared:
        best = max(compared, key=lambda facts: float(facts["similarity"]))
        parts.append(f"Of {'the others' if again else 'those'} with a known DOS, <b>{_name(best)}</b> (rank {best['rank']})")
        parts.append(f"is the most similar, <b>{_number(best['similarity'])}</b>.")
    predicted = sum(facts.get("similarity_kind") == "predicted" for facts in candidates)
    if predicted:
        parts.append(f"For {predicted} of the {len(candidates)} the DOS is predicted, not computed.")
    unknown = sum(not facts["known_dos"] for facts in candidates) - predicted
    if unknown:
        parts.append(
            f"For {unknown} of the {len(candidates)} no DOS is known." if unknown < len(candidates) else "No DOS of any is known."
        )
    nearest = next((facts for facts, _ in data.similar if not facts.get("is_target")), None)
    said = bool(compared) and nearest is not None and nearest["formula"] == best["formula"]
    if nearest is not None and not said:
        other = "other " if itself else ""
        parts.append(f"The nearest {other}curve in the library is that of {_name(nearest)}, {_number(nearest['similarity'])}.")
    return " ".join(parts)


def _main_note(window: tuple[float, float] | None) -> str:
    note = "Every curve has unit area. Drag to zoom in, double-click to zoom out."
    if window is None:
        return note
    lower, upper = (f"{edge:g}".replace("-", "&minus;") for edge in window)
    return f"Only {lower} to {upper} eV counted; the energies shaded grey did not. {note}"


def _columns(data: ReportData, metric: str) -> list[tuple[str, str]]:
    """What the columns of the candidates mean, those whose heads do not say it: name and explanation."""
    predicted = any(facts.get("similarity_kind") == "predicted" for facts, _ in data.candidates)
    expected = "; if no DOS is known, the expected one" if predicted else ""
    measure = f" ({escape(metric)})" if metric else ""
    found = [("Similarity", f"that of the composition's known DOS most like the target{measure}{expected}")]
    if not predicted:
        return [*found, ("CV distance", "from the composition vector that the model predicts; smaller is closer")]
    agree = f"a cosine above {MATCH:g}, and both metals or gaps within {NEAR:g} eV or {SHARE:.0%}"
    return [
        *found,
        ("Probability", f"that the DOS matches ({agree}) and the crystal exists (within {WITHIN:g} eV/atom of the hull)"),
        ("Gap", "computed if the DOS is known, else expected"),
        ("Above hull", "by density-functional theory if the set holds rivals to compare with, else in a potential"),
        ("Band in the charts", "holds 68 % of the points of curves of crystals from chemistry that the model had not seen"),
    ]


def _chips(target: str, candidates: Sequence[tuple[str, int]]) -> str:
    chips = [f'<span class="chip"><span class="area"></span><span>{formula_html(target)} (target)</span></span>']
    for name, i in candidates:
        chips.append(f'<button type="button" class="chip" {_toggle(i)}>{_line(i)}<span>{formula_html(name)}</span></button>')
    if len(candidates) > _SHOWN_FIRST:
        chips.append('<button type="button" class="chip plain" id="all">show all</button>')
    return "".join(chips)


def _toggle(i: int) -> str:
    return f'data-toggle="{i}" aria-pressed="{"true" if i < _SHOWN_FIRST else "false"}"'


def _line(i: int) -> str:
    stroke = f'<line x1="0" y1="5" x2="24" y2="5" stroke-dasharray="{_DASHES[i // _HUES % len(_DASHES)]}"/>'
    return f'<svg class="line s{i % _HUES}" viewBox="0 0 24 10" aria-hidden="true">{stroke}</svg>'


def _table(label: str, rows: Sequence[tuple[Mapping[str, Any], int | None]], candidates: bool) -> str:
    if not rows:
        why = "No composition fits the constraints." if candidates else "No known material to show: the library has none like it."
        return f'<p class="empty">{why}</p>'
    own = ["DOS", "Training"]
    if candidates:  # a model measures either how near a composition is, or how likely a match
        measured = any(facts.get("distance") is not None for facts, _ in rows)
        own = [*(["CV distance"] if measured else ["Probability", *_energies(rows)]), *own]
    heads = ["Rank", "Formula", "Similarity", *(own if candidates else [])]
    heads += ["Prototype", "Crystal system", "Id"]
    # The roles repeat what the elements mean because the narrow layout takes the table display away.
    head = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in heads)
    alike = [float(facts["similarity"]) for facts, _ in rows if facts.get("similarity") is not None]
    start = max(math.floor(20 * min(alike, default=0.0) - 1e-6) / 20, 0.0)  # bars begin where differences show
    energies = _energies(rows) if candidates else {}
    body = "".join(_row(facts, place, candidates, start, energies) for facts, place in rows)
    return (
        f'<table role="table" aria-label="{label}"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )


def _energies(rows: Sequence[tuple[Mapping[str, Any], int | None]]) -> dict[str, str]:
    """Columns of energies, those of which something is known: heads and keys."""
    columns = {"Gap (eV)": "gap_ev", "Above hull (eV/atom)": "above_hull_ev", "Formation energy": "formation_energy"}
    known = {name: key for name, key in columns.items() if any(facts.get(key) is not None for facts, _ in rows)}
    if "Above hull (eV/atom)" in known:  # says more
        known.pop("Formation energy", None)
    return known


def _row(facts: Mapping[str, Any], place: int | None, candidate: bool, start: float, energies: Mapping[str, str]) -> str:
    button = '<span class="toggle"></span>' if candidate else ""
    if place is not None:
        label = f'aria-label="Show {escape(str(facts["formula"]))} in the chart"'
        button = f'<button type="button" class="toggle" {_toggle(place)} {label}>{_line(place)}</button>'
    cells = [
        f'<td role="cell" class="rank">{int(facts["rank"])}</td><th role="rowheader" scope="row">{button}{_name(facts)}</th>',
        _similarity_cell(facts, start),
    ]
    if candidate:
        word = "known" if facts["known_dos"] else str(facts.get("similarity_kind") or "unknown")
        known = f'<span class="badge {"known" if facts["known_dos"] else "new"}">{escape(word)}</span>'
        seen = '<span class="badge">in training</span>' if facts["in_training"] else '<span class="badge new">new</span>'
        if facts.get("distance") is not None:
            cells.append(_cell("CV distance", _number(facts["distance"])))
        else:
            chance = facts.get("probability")
            cells.append(_cell("Probability", _NONE if chance is None else f"{chance:.2f}"))
            cells += [_energy_cell(name, facts.get(key), word) for name, key in energies.items()]
        cells += [_cell("DOS", known), _cell("Training", seen, "minor")]
    others = len(facts.get("structure_ids") or ()) - 1
    identity = escape(str(facts.get("structure_id" if candidate else "id") or "")) or _NONE
    if facts.get("is_target"):
        identity += ' <span class="badge itself">the target itself</span>'
    cells.append(_cell("Prototype", prototype_html(facts.get("prototype"))))
    cells.append(_cell("Crystal", escape(str(facts.get("crystal_system") or "")) or _NONE, "minor"))
    cells.append(_cell("Id", identity + (f" +{others} more" if others > 0 else ""), "minor id"))
    return f'<tr role="row"{"" if place is None else f" data-row={place}"}>{"".join(cells)}</tr>'


def _energy_cell(label: str, value: float | None, word: str) -> str:
    """An energy, with as many digits as it is worth; metals have no number."""
    if value is None:
        return _cell(label, _NONE)
    if label.startswith("Gap"):
        return _cell("Gap", "metal") if value == 0 else _cell(label, f"{value:.1f}" if word == "predicted" else f"{value:.2f}")
    return _cell(label, f"{value:.2f}")


def _similarity_cell(facts: Mapping[str, Any], start: float) -> str:
    value, kind = facts.get("similarity"), facts.get("similarity_kind")
    if value is None:
        return f'<td role="cell" class="sim none">{_NONE}</td>'
    share, hue = min(max((float(value) - start) / (1 - start), 0.0), 1.0), "new" if kind == "predicted" else "known"
    bar = f'<span class="bar {hue}" aria-hidden="true" title="bars begin at {start:.2f}"><i style="width:{100 * share:.1f}%"></i></span>'
    note = "" if kind in (None, "computed", "predicted") else f" ({escape(str(kind))})"
    return f'<td role="cell" class="sim">{bar}{_number(value)}{note}</td>'


def _cell(label: str, content: str, extra: str = "") -> str:
    kind = " ".join(word for word in ("more", extra, "blank" if content == _NONE else "") if word)
    name, _, unit = label.partition(" (")  # on a phone the unit stands behind the number
    behind = f' data-unit=" {unit.removesuffix(")")}"' if unit else ""
    return f'<td role="cell" class="{kind}" data-label="{name}"{behind}><span>{content}</span></td>'


def _panel(facts: Mapping[str, Any], curve: Curve | None, place: int | None) -> str:
    similarity = "" if facts.get("similarity") is None else f'<span class="num">{_number(facts["similarity"])}</span>'
    caption = f'<span><span class="rank">{int(facts["rank"])}</span><b>{_name(facts)}</b></span>{similarity}'
    plot = _NO_DOS
    if curve is not None:
        words = [prototype_html(facts["prototype"]) if facts.get("prototype") else "", escape(curve.note)]
        caption += f"<small>{' &middot; '.join(word for word in words if word) or '&nbsp;'}</small>"
        label = escape(f"Density of states of {facts['formula']} over the target")
        plot = f'<div class="plot" data-curve="{place}" role="img" aria-label="{label}"></div>'
    crystal = "" if curve is None or not curve.picture else f'<div class="cell">{curve.picture}{_cif(facts, curve)}</div>'
    return f'<figure class="panel"><figcaption>{caption}</figcaption>{plot}{crystal}</figure>'


def _cif(facts: Mapping[str, Any], curve: Curve) -> str:
    """A link that saves the crystal, which stands in the page itself."""
    name = re.sub(r"[^\w.+-]", "_", str(facts.get("structure_id") or facts.get("id") or f"{facts['formula']}-predicted"))
    return f'<a download="{escape(name)}.cif" href="data:chemical/x-cif,{quote(curve.cif)}">CIF</a>'


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    return f"<dl>{items}</dl>" if items else '<p class="empty">Nothing recorded.</p>'


def _name(facts: Mapping[str, Any]) -> str:
    return formula_html(str(facts["formula"]))


def _number(value: float) -> str:
    return f"{float(value):z.3f}".replace("-", "&minus;")
