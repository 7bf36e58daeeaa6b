"""Answers as people read them in a terminal: Rich tables, and a DOS drawn in characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith.spectra.similarity import MATCH

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure
    from rich.console import Console
    from rich.table import Table

    from dosmith.adding import Addition
    from dosmith.designs import Design, Neighbour
    from dosmith.dft.engine import Calculation
    from dosmith.library import Library
    from dosmith.models.interface import Model, Predicted
    from dosmith.targets import Target

FloatArray = NDArray[np.float64]

_CURVES = 3
"""Up to so many predictions are drawn; more are listed."""


def print_design(console: Console, design: Design) -> None:
    """Target, candidates, the materials that already have this DOS, and what to bear in mind."""
    print_target(console, design.target)
    table = _table(f"Candidates with the DOS of {design.target.name}")
    predicting = bool(design.predicted)
    columns = ("", "formula", design.settings["metric"], *((f"P(> {MATCH:g})", "E_f") if predicting else ("CV distance",)))
    for name in columns:
        table.add_column(name, justify="left" if name == "formula" else "right")
    for name in ("DOS", *(() if predicting else ("composition",)), "structure"):
        table.add_column(name)
    for c in design.candidates:
        seen = () if predicting else ("in training" if c.in_training else "new to the model",)
        numbers = (c.probability, c.formation_energy) if predicting else (c.distance,)
        table.add_row(
            str(c.rank),
            f"[bold]{c.formula}[/bold]",
            "-" if c.similarity is None else f"{c.similarity:.3f}",
            *("-" if number is None else f"{number:.{2 if predicting else 3}f}" for number in numbers),
            "known" if c.known_dos else c.similarity_kind or "unknown",
            *seen,
            c.structure_id or c.prototype or "-",
        )
    console.print(table)
    if predicting:
        console.print(
            f"P(> {MATCH:g}): probability that the predicted DOS has a cosine above {MATCH:g}; E_f: formation energy in the CHGNet potential, eV/atom",
            style="dim",
            highlight=False,
        )
    print_similar(console, design.similar[:3])
    _print_list(console, design.caveats)


def print_target(console: Console, target: Target) -> None:
    """Where the target came from and what was done to it."""
    console.print(f"[bold]{_escape(target.name)}[/bold]: {_escape(target.source)}", highlight=False)
    _print_list(console, target.standard.steps)


def print_similar(console: Console, neighbours: Sequence[Neighbour]) -> None:
    """The known materials with the most similar DOS."""
    table = _table("Materials that already have this DOS (the baseline: nearest known spectra)")
    table.add_column("", justify="right")
    table.add_column("formula")
    table.add_column(neighbours[0].metric if neighbours else "similarity", justify="right")
    table.add_column("crystal system")
    table.add_column("id")
    for n in neighbours:
        remark = " (the target itself)" if n.is_target else ""
        table.add_row(str(n.rank), n.formula, f"{n.similarity:.3f}", n.crystal_system or "-", n.id + remark)
    console.print(table)


def print_curve(console: Console, energies: FloatArray, values: FloatArray, rows: int = 14) -> None:
    """A standard DOS as a filled area of block characters, as wide as the terminal (at most 100 columns)."""
    columns = max(20, min(console.width - 8, 100))
    places = np.linspace(energies[0], energies[-1], columns)
    eighths = np.rint(np.interp(places, energies, values) / values.max() * rows * 8).astype(int)
    zero = int(np.argmin(np.abs(places)))
    for row in reversed(range(rows)):
        blocks = [" ▁▂▃▄▅▆▇█"[level] for level in np.clip(eighths - 8 * row, 0, 8)]
        blocks[zero] = "┊" if blocks[zero] == " " else blocks[zero]
        label = f"{values.max():.3f}" if row == rows - 1 else ""
        console.print(f"{label:>6} │{''.join(blocks)}", highlight=False, markup=False, no_wrap=True)
    ticks = [" "] * (columns + 8)
    for energy in range(int(np.ceil(energies[0])), int(energies[-1]) + 1, 2):
        place = int(np.argmin(np.abs(places - energy)))
        ticks[place + 8 : place + 8 + len(str(energy))] = str(energy)
    console.print(f"{0:>6} └{'─' * columns}", highlight=False, no_wrap=True)
    console.print("".join(ticks).rstrip(), highlight=False, no_wrap=True)
    console.print("        energy from the energy zero (eV); DOS in 1/eV, unit area", style="dim", highlight=False)


def print_library(console: Console, library: Library) -> None:
    """What a library holds."""
    summary = library.summary()
    console.print(
        f"[bold]{_escape(library.name)}[/bold]: {summary['count']:,} materials, {summary['spin_polarized']} of them spin-polarised"
    )
    for name, label in (
        ("by_n_elements", "elements in the formula"),
        ("by_crystal_system", "crystal system"),
        ("by_prototype", "prototype"),
        ("by_element", "element"),
        ("energy_above_hull", "energy above the hull of its own entries"),
    ):
        counts = "  ".join(f"{key} {count:,}" for key, count in summary[name].items())
        console.print(f"  [dim]{label}[/dim]  {counts}", highlight=False)
    print_damage(console, library)


class AdditionsPrinter:
    """Tells of files as they are added: a line for what was added or skipped, a count for the rest; use with `with`."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.outcomes: Counter[str] = Counter()
        self._status = console.status("reading")

    def __enter__(self) -> AdditionsPrinter:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def show(self, addition: Addition) -> None:
        """One more file."""
        self.outcomes[addition.outcome] += 1
        self._status.update(self.counts())
        told = ": ".join(text for text in (addition.file, addition.id, addition.reason) if text)
        self.console.print(f"{addition.outcome}  {told}", highlight=False, markup=False, soft_wrap=True)

    def counts(self) -> str:
        """How many files came to what."""
        return ", ".join(f"{self.outcomes[name]:,} {name}" for name in ("added", "already there", "skipped"))


def print_materials(console: Console, facts: Sequence[Mapping[str, Any]]) -> None:
    """Materials of a library, one a line."""
    table = _table(f"{len(facts):,} materials")
    for name in ("id", "formula", "crystal system", "prototype", "gap (eV)", "source"):
        table.add_column(name, justify="right" if name.startswith("gap") else "left")
    for row in facts:
        gap = "" if row["gap"] is None else f"{row['gap']:.2f}"
        table.add_row(
            *(_escape(str(row[name] or "")) for name in ("id", "formula", "crystal_system", "prototype")),
            gap,
            row["source"] or "",
        )
    console.print(table)


def print_damage(console: Console, library: Library) -> None:
    """The parts of a library that could not be read, if any."""
    for shard in library.damaged:
        console.print(f"damaged and left out: {shard}", style="bold", markup=False)


def print_model(console: Console, model: Model, skipped: Mapping[str, int] | None = None) -> None:
    """What a model is and how good it is; `skipped`: what its training left out, by reason."""
    summary = model.summary()
    console.print(f"[bold]{_escape(model.name)}[/bold] {_escape(summary.headline)}", highlight=False)
    if skipped:
        console.print(f"  left out: {', '.join(f'{count} ({reason})' for reason, count in skipped.items())}", highlight=False)
    if not summary.columns:
        console.print(f"  {summary.accuracy}:", highlight=False)
        for label, value in summary.rows:
            console.print(f"  [dim]{label:<32}[/dim] {value}", highlight=False)
        return
    table = _table(summary.accuracy)
    for place, name in enumerate(summary.columns):
        table.add_column(name, justify="right" if place else "left")
    for row in summary.rows:
        table.add_row(*row)
    console.print(table)


def print_matches(console: Console, target: str, matches: Sequence[Mapping[str, Any]]) -> None:
    """Compositions that answer a target among other spectra."""
    table = _table(f"Compositions with a spectrum like that of {_escape(target)}")
    for name in ("rank", "formula", "similarity", "known as"):
        table.add_column(name, justify="right" if name in ("rank", "similarity") else "left")
    for match in matches:
        predicted = match["id"] is None
        similarity = f"{'~' if predicted else ''}{match['similarity']:.3f}"
        table.add_row(str(match["rank"]), match["formula"], similarity, "predicted" if predicted else match["id"])
    console.print(table)


def print_predictions(console: Console, predictions: Sequence[Predicted]) -> None:
    """Predicted spectra: a line each, of a density of states also its curve; a table when there are many."""
    if len(predictions) <= _CURVES:
        for each in predictions:
            console.print(f"[bold]{_escape(each.name)}[/bold] {_escape(each.headline())}", highlight=False)
            if each.structure is not None:
                print_curve(console, each.axis, each.values)
        return
    kind = "spectra" if predictions[0].structure is None else "DOS"
    table = _table(f"Predicted {kind}, not computed")
    rows = [each.row() for each in predictions]
    for name in rows[0]:
        table.add_column(name, justify="left" if name in ("name", "formula", "space group") else "right")
    for row in rows:
        table.add_row(*map(_escape, row.values()))
    console.print(table)


def _print_list(console: Console, sentences: Sequence[str]) -> None:
    """Sentences one below the other, their further lines indented."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row("-", Text(sentence), style="dim")
    console.print(grid)


def _table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(title=_escape(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="", pad_edge=False)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def print_benchmark(console: Console, results: Mapping[str, Any]) -> None:
    """The headline: held-out chemical systems."""
    shown = {
        "screen_closed": "gap closed",
        "screen_09": "picks > 0.9",
        "screen": "blind picks",
        "design_09": "design > 0.9",
        "top_5": "top 5",
        "top_50": "top 50",
    }
    table = _table("Held-out chemical systems; all else, with intervals, is in the page")
    table.add_column("method")
    for name in shown.values():
        table.add_column(name, justify="right")
    scores: dict[str, dict[str, str]] = {}
    for each in results["results"]:
        if each["split"] == "system" and each["variant"] == "plain" and each["mean"] is not None:
            scores.setdefault(each["model"], {})[each["metric"]] = f"{each['mean']:.3f}"
    for model, row in scores.items():
        if row.get("screen") == "0.000":  # it makes no picks
            row = {metric: value for metric, value in row.items() if not metric.startswith("screen")}
        table.add_row(model, *(row.get(metric, "") for metric in shown))
    console.print(table)


def print_calculation(console: Console, structure: Structure, result: Calculation, folder: Path) -> None:
    """What a calculation of one crystal gave."""
    console.print(
        f"[bold]{structure.composition.reduced_formula}[/bold], {len(structure)} atoms,"
        f" {result.provenance['code']}, {result.provenance['functional']}, {result.provenance['spin_treatment']}, {result.seconds:.0f} s",
        highlight=False,
    )
    facts = {
        "energy": f"{result.energy / len(structure):.4f} eV/atom",
        "band gap": f"{result.gap:.2f} eV" if result.gap else "none, a metal",
        "moment": f"{result.moment:.2f} Bohr magnetons",
        "k-points": f"{'x'.join(map(str, result.provenance['k_points_dos']))}, interpolated",
    }
    if "energies_by_volume" in result.provenance:
        volume, tried = result.provenance["volume_per_atom"], len(result.provenance["energies_by_volume"])
        facts["volume"] = f"{volume:.2f} \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom, of lowest energy ({tried} tried)"
    for name, value in facts.items():
        console.print(f"  [dim]{name:<9}[/dim] {value}", highlight=False)
    console.print(
        f"Written to {folder}: dos.csv, projections.csv, structure.cif, calculation.json", markup=False, highlight=False
    )
    console.print(f"Next: dosmith design {folder / 'dos.csv'}", markup=False, highlight=False)
