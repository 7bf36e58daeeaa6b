"""A verified design: a table in the terminal, and a page in which target, predicted and computed curves lie over each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import symmetry
from dosmith.outputs import write_texts
from dosmith.report.crystals import number
from dosmith.report.html import formula_html
from dosmith.report.tables import escape as escape_markup
from dosmith.report.tables import print_notes, print_table, table
from dosmith.spectra.similarity import MATCH
from dosmith.verification.designed import DesignFolder
from dosmith.verification.verify import MAKEABLE, STABLE, Checked

if TYPE_CHECKING:
    from rich.console import Console

FloatArray = NDArray[np.float64]

NOTES = (
    f"Similarity: cosine between the standard curves; above {MATCH:g} it counts as the target's DOS. Expected: what the design said.",
    "Formation energy and height above the hull: density-functional theory, eV/atom, against the elements and the crystals of the open DOS"
    f" set by the same settings. Up to {STABLE:g} counts as stable, up to {MAKEABLE:g} as one that may be made; a crystal nobody computed may be lower.",
)
_WIDTH, _HEIGHT = 900, 240


def print_checked(console: Console, name: str, found: Sequence[Checked]) -> None:
    """The verdicts in a terminal."""
    rows = table(
        {"": "right", "crystal": "left"}
        | dict.fromkeys(("expected", "similarity", "E_f", "above\nhull", "s"), "right")
        | {"from": "left"}
    )
    for each in found:
        rows.add_row(*map(escape_markup, _cells(each)[:-1]))
    print_table(console, f"Candidates with the DOS of {name}, computed", rows)
    print_notes(console, (f"{each.candidate.rank} {each.candidate.formula}: {each.verdict}" for each in found))
    print_notes(console, NOTES)


def write_verification(design: DesignFolder, found: Sequence[Checked], folder: Path, command: str) -> list[Path]:
    """`verification.html`, `verification.json`, `verification.csv` (curves) and a CIF of each computed crystal.

    Raises:
        DosmithError: the folder cannot be written.
    """
    curves = {"target": design.target}
    for each in found:
        for label, curve in (("expected", each.candidate.curve), ("computed", each.curve)):
            if curve is not None:
                curves[f"{each.candidate.formula} {label}"] = curve
    columns = [design.recipe.grid.energies, *curves.values()]
    rows = (",".join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    facts = {"target": design.name, "candidates": [each.as_dict() for each in found], "command": command}
    contents = {
        "verification.html": page(design, found, command),
        "verification.json": json.dumps(facts, indent=1) + "\n",
        "verification.csv": "\n".join([",".join(["energy_ev", *curves]), *rows]) + "\n",
    }
    for each in found:
        if each.material is not None and each.material.structure is not None:
            file = each.material.id.replace(" ", "-").replace("/", "")
            contents[f"{file}.cif"] = symmetry.cif(each.material.structure)
    return write_texts(folder, contents)


def page(design: DesignFolder, found: Sequence[Checked], command: str) -> str:
    """One HTML page that loads nothing and needs no script."""
    heads = ("", "crystal", "expected", "similarity", "E<sub>f</sub>", "above hull", "seconds", "from", "verdict")
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(each)) + "</tr>" for each in found)
    panels = "".join(_panel(design, each) for each in found if each.curve is not None)
    done = [each for each in found if each.similarity is not None]
    alike = sum((each.similarity or 0) > MATCH for each in done)
    notes = "".join(f"<li>{escape(note)}</li>" for note in NOTES)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(design.name)}: candidates computed &ndash; dosmith</title><style>
body{{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2430}}
table{{border-collapse:collapse;width:100%}}td,th{{padding:.25rem .5rem;text-align:left;border-bottom:1px solid #d8dde4}}
svg{{width:100%;height:auto}}li,.note{{color:#5a6675}}h2{{margin-bottom:0}}code{{overflow-wrap:anywhere}}
.key span{{margin-right:1.5rem}}</style></head><body>
<h1>Candidates with the DOS of {formula_html(design.name)}, computed</h1>
<p><b>{alike} of {len(done)}</b> computed candidates have the target's DOS.</p>
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{notes}</ul>
<p class="key"><span style="color:#8a94a3">&#9608; target</span><span style="color:#c2571a">- - expected</span>
<span style="color:#1f6feb">&#9472; computed</span></p>{panels}
<p class="note">Made by <code>{escape(command)}</code></p></body></html>
"""


def _cells(each: Checked) -> list[str]:
    facts = each.as_dict()
    return [
        str(facts["rank"]),
        facts["crystal"] or facts["formula"],
        "-" if facts["expected_similarity"] is None else f"{facts['expected_similarity']:.3f}",
        "-" if facts["similarity"] is None else f"{facts['similarity']:.3f}",
        number(facts["formation_energy"]),
        number(facts["above_hull"]),
        "-" if facts["seconds"] is None else f"{facts['seconds']:.0f}",
        facts["source"] or "-",
        facts["verdict"],
    ]


def _panel(design: DesignFolder, each: Checked) -> str:
    energies = design.recipe.grid.energies
    curves = [curve for curve in (design.target, each.candidate.curve, each.curve) if curve is not None]
    top = 1.05 * max(float(curve.max()) for curve in curves)

    def points(curve: FloatArray) -> str:
        across = 40 + (_WIDTH - 50) * (energies - energies[0]) / (energies[-1] - energies[0])
        down = _HEIGHT - 25 - (_HEIGHT - 35) * curve / top
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))

    floor = _HEIGHT - 25
    parts = [f'<polygon points="40,{floor} {points(design.target)} {_WIDTH - 10},{floor}" fill="#d9dee5"/>']
    if each.candidate.curve is not None:
        dashed = 'fill="none" stroke="#c2571a" stroke-width="1.5" stroke-dasharray="6 4"'
        parts.append(f'<polyline points="{points(each.candidate.curve)}" {dashed}/>')
    if each.curve is not None:
        parts.append(f'<polyline points="{points(each.curve)}" fill="none" stroke="#1f6feb" stroke-width="1.8"/>')
    for energy in range(int(np.ceil(energies[0])), int(energies[-1]) + 1, 2):
        x = 40 + (_WIDTH - 50) * (energy - energies[0]) / (energies[-1] - energies[0])
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{energy}</text>')
    zero = 40 + (_WIDTH - 50) * (0 - energies[0]) / (energies[-1] - energies[0])
    parts.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="5" y2="{floor}" stroke="#8a94a3" stroke-dasharray="2 3"/>')
    label = f"Density of states of {each.candidate.formula}: target, expected and computed"
    return (
        f"<h2>{each.candidate.rank}. {formula_html(each.candidate.formula)}</h2>"
        f'<p class="note">{escape(each.verdict)}; similarity {each.similarity or 0:.3f}</p>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="12" font-family="system-ui,sans-serif" fill="#5a6675" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
