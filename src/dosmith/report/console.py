"""Answers as people read them in a terminal: Rich tables, and a DOS drawn in characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.existence import WITHIN
from dosmith.crystals.kinds import brief
from dosmith.report.sparkline import BLOCKS, has_blocks
from dosmith.report.tables import add_curves, escape, flowing, print_notes, print_table, table
from dosmith.spectra.descriptors import UNITLESS, Descriptors, of_curves
from dosmith.spectra.match import NEAR, SHARE
from dosmith.spectra.similarity import MATCH

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure
    from rich.console import Console

    from dosmith.adding import Addition
    from dosmith.choosing import Merits
    from dosmith.designs import Design, Neighbour
    from dosmith.dft.engine import Calculation
    from dosmith.library import Library
    from dosmith.models.interface import Model, Predicted
    from dosmith.records import Candidate
    from dosmith.spectra.count import Count
    from dosmith.targets import Target

FloatArray = NDArray[np.float64]

CURVES = "The small curves are drawn to one scale; what lies above the energy zero is dimmed."

_SMALL = 0.002
"""Of all states: parts with fewer are not shown."""
_KINDS = 20
"""Up to so many prototypes of a library are named, the commonest first."""
_CURVES = 3
"""Up to so many predictions are drawn; more are listed."""


def print_design(console: Console, design: Design, found: Sequence[Merits] = ()) -> None:
    """Candidates, what speaks for and against them, the known materials with the most similar DOS, and what to bear in mind."""
    print_origin(console, design.target)
    metric, predicting = design.settings["metric"], all(each.distance is None for each in design.candidates)
    named = any(each.identity is not None for each in design.candidates)
    numbers = ("P", "gap", "above\nhull") if predicting else ("CV distance",)
    numbers = ("P(it)", *numbers) if named else numbers
    heads = {"": "right", "formula": "left", metric: "right"} | dict.fromkeys(numbers, "right")
    heads |= {"its DOS is": "left"} | ({} if predicting else {"composition": "left"}) | {"crystal": "left"}
    rows = table(heads, tight=predicting)
    rows.add_row("", f"[dim]{escape(design.target.name)}[/dim]", *[""] * (len(heads) - 4), "[dim]the target[/dim]", "")
    for c in design.candidates:
        seen = () if predicting else ("in training" if c.in_training else "new to the model",)
        rows.add_row(
            str(c.rank),
            f"[bold]{c.formula}[/bold]",
            "-" if c.similarity is None else f"{c.similarity:.3f}",
            *(("-" if c.identity is None else f"{c.identity:.2f}",) if named else ()),
            *(_judged(c) if predicting else ("-" if c.distance is None else f"{c.distance:.3f}",)),
            "known" if c.known_dos else c.similarity_kind or "unknown",
            *seen,
            c.structure_id or c.crystal_id or (c.prototype and brief(c.prototype)) or "-",
        )
    curves = [design.target.standard.values, *map(design.curve, design.candidates)]
    drawn = add_curves(console, rows, design.energies, curves)
    print_table(console, f"Candidates with the DOS of {design.target.name}", rows)
    merits: Sequence[str] = ()
    if found:
        from dosmith.report.choosing import merit_notes, print_merits

        print_merits(console, found)
        merits = merit_notes(found)
    print_similar(console, design.target, design.similar[:3], design.curves)
    ordered = predicting and not found and design.settings.get("rank_by") == "probability"
    notes = (list(JUDGED) if predicting else []) + ([ORDER] if ordered else []) + ([CURVES] if drawn else []) + list(merits)
    if named:
        notes.insert(
            0,
            "P(it) is the probability that the curve belongs to this composition, provided that it belongs to a known or predicted one.",
        )
    print_notes(console, [*notes, *design.caveats, *_steps(design.target)])


JUDGED = (
    "P is the probability that a candidate matches and exists. Match: the DOS, once computed, has a cosine above"
    f" {MATCH:g} to the target's, and both are metals or their gaps agree within {NEAR:g} eV or {SHARE:.0%}. Exists: it lies within"
    f" {WITHIN:g} eV/atom of the hull.",
    "Gaps are in eV, with ~ if predicted. Heights above the hull are in eV/atom: from the set's own calculations if these have rivals,"
    " else from a potential (~).",
)
"""What the columns of a design mean."""
ORDER = "The order follows P and the similarity together; each further candidate of one kind is moved down a little (not with --variety 0)."
"""What candidates are ranked by, where no merit is asked for: neither column alone falls."""


def _judged(candidate: Candidate) -> tuple[str, ...]:
    """Probabilities, gap and height of a candidate."""
    gap, height = candidate.gap, candidate.above_hull
    return (
        "-" if candidate.probability is None else f"{candidate.probability:.2f}",
        "unknown" if gap is None else f"{'' if candidate.known_dos else '~'}{gap:.1f}" if gap else "metal",
        "unknown" if height is None else f"{'~' if candidate.hull_from == 'potential' else ''}{height:.2f}",
    )


def print_neighbours(
    console: Console,
    target: Target,
    neighbours: Sequence[Neighbour],
    curves: Mapping[str, FloatArray | None],
    count: Count | None = None,
) -> None:
    """The answer of `similar`: known materials, and what was done to the target, whose number of states is given where it counts."""
    print_origin(console, target)
    drawn = print_similar(console, target, neighbours, curves)
    from dosmith.designs import SHAPE_ONLY, counted_too

    told = SHAPE_ONLY if count is None else counted_too(count, probabilities=False)
    print_notes(console, [*([CURVES] if drawn else []), told, *_steps(target)])


def print_shown(console: Console, target: Target) -> None:
    """The answer of `show`: the curve of a target, and what was done to it."""
    print_origin(console, target)
    energies = target.standard.recipe.grid.energies
    print_curve(console, energies, target.standard.values)
    print_parts(console, energies, target.parts)
    print_descriptors(console, target.descriptors)
    print_notes(console, _steps(target))


def print_origin(console: Console, target: Target) -> None:
    """Where the target came from."""
    console.print(f"[bold]{escape(target.name)}[/bold]: {escape(target.source)}", highlight=False)


def print_similar(
    console: Console, target: Target, neighbours: Sequence[Neighbour], curves: Mapping[str, FloatArray | None]
) -> bool:
    """The known materials with the most similar DOS; whether their curves were drawn."""
    metric = neighbours[0].metric if neighbours else "similarity"
    rows = table({"": "right", "formula": "left", metric: "right", "crystal system": "left", "id": "left"})
    rows.add_row("", f"[dim]{escape(target.name)}[/dim]", "", "", "[dim]the target[/dim]")
    for n in neighbours:
        remark = " (itself)" if n.is_target else ""
        rows.add_row(str(n.rank), n.formula, f"{n.similarity:.3f}", n.crystal_system or "-", n.id + remark)
    drawn = add_curves(
        console, rows, target.standard.recipe.grid.energies, [target.standard.values, *(curves.get(n.id) for n in neighbours)]
    )
    print_table(console, "Known materials whose DOS is most like it: the baseline", rows)
    return drawn


def _steps(target: Target) -> list[str]:
    """What was done to the target, a sentence each."""
    return [f"The target: {step}." for step in target.standard.steps]


def print_curve(console: Console, energies: FloatArray, values: FloatArray, rows: int = 14) -> None:
    """A standard DOS as a filled area of characters, as wide as the terminal (at most 100 columns)."""
    columns = max(20, min(console.width - 8, 100))
    drawn, zero_line, side, corner, base = (
        (BLOCKS, "┊", "│", "└", "─") if has_blocks(console) else ("    #####", ":", "|", "+", "-")
    )
    places = np.linspace(energies[0], energies[-1], columns)
    eighths = np.rint(np.interp(places, energies, values) / values.max() * rows * 8).astype(int)
    zero = int(np.argmin(np.abs(places)))
    for row in reversed(range(rows)):
        blocks = [drawn[level] for level in np.clip(eighths - 8 * row, 0, 8)]
        blocks[zero] = zero_line if blocks[zero] == " " else blocks[zero]
        label = f"{values.max():.3f}" if row == rows - 1 else ""
        console.print(f"{label:>6} {side}{''.join(blocks)}", highlight=False, markup=False, no_wrap=True)
    ticks = [" "] * (columns + 8)
    for energy in range(int(np.ceil(energies[0])), int(energies[-1]) + 1, 2):
        place = int(np.argmin(np.abs(places - energy)))
        ticks[place + 8 : place + 8 + len(str(energy))] = str(energy)
    console.print(f"{0:>6} {corner}{base * columns}", highlight=False, no_wrap=True)
    console.print("".join(ticks).rstrip(), highlight=False, no_wrap=True)
    console.print("        energy from the energy zero (eV); DOS in 1/eV, unit area", style="dim", highlight=False)


def print_parts(console: Console, energies: FloatArray, parts: Mapping[tuple[str, str], FloatArray]) -> None:
    """The curves of elements and orbitals below each other, on one scale, with their share of the states below and above the zero."""
    whole = sum(float(curve.sum()) for curve in parts.values())
    if not whole > 0:
        return
    step = float(energies[1] - energies[0])
    rows = table({"element": "left", "orbital": "left", "below 0": "right", "above 0": "right"})
    kept = {label: curve for label, curve in parts.items() if float(curve.sum()) > _SMALL * whole}
    for (element, orbital), curve in kept.items():
        below, above = float(curve[energies < 0].sum()) * step, float(curve[energies >= 0].sum()) * step
        rows.add_row(element, orbital, f"{below:.1%}", f"{above:.1%}")
    add_curves(console, rows, energies, list(kept.values()))
    print_table(console, "Its states by element and orbital, of all in the window", rows)


def print_descriptors(console: Console, descriptors: Descriptors) -> None:
    """Descriptors of bands and spins, those that are known."""
    known = [(name, value) for name, value in descriptors.as_dict().items() if value is not None]
    for name, value in known:
        unit = "" if name in UNITLESS else " eV"
        console.print(f"  [dim]{name.replace('_', ' '):<20}[/dim] {value:.2f}{unit}", highlight=False)


def print_library(console: Console, library: Library) -> None:
    """What a library holds, with its elements as a periodic table."""
    from dosmith.report.periodic_table import print_periodic_table

    summary = library.summary()
    console.print(
        f"[bold]{escape(library.name)}[/bold]: {summary['count']:,} materials, {summary['spin_polarized']} of them spin-polarised\n"
    )
    print_periodic_table(console, summary["by_element"])
    console.print("Below each element: how many materials hold it.\n", style="dim", highlight=False)
    for name, label in (
        ("by_n_elements", "elements in the formula"),
        ("by_crystal_system", "crystal system"),
        ("by_prototype", "prototype"),
        ("energy_above_hull", "energy above the hull of its own entries"),
    ):
        console.print(f"[dim]{label}[/dim]", highlight=False)
        found = list(summary[name].items())
        words = [f"{key}: {count:,}" for key, count in found[:_KINDS]]
        if len(found) > _KINDS:
            words.append(f"and {len(found) - _KINDS} more of at most {found[_KINDS][1]:,} each")
        for line in flowing(sorted(words) if name == "by_n_elements" else words, console.width - 2):
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
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
    names = ("id", "formula", "crystal system", "prototype", "gap (eV)", "source")
    rows = table({name: "right" if name.startswith("gap") else "left" for name in names})
    for row in facts:
        gap = "" if row["gap"] is None else f"{row['gap']:.2f}"
        rows.add_row(
            *(escape(str(row[name] or "")) for name in ("id", "formula", "crystal_system", "prototype")),
            gap,
            escape(row["source"] or ""),
        )
    print_table(console, f"{len(facts):,} materials", rows)


def print_damage(console: Console, library: Library) -> None:
    """The parts of a library that could not be read, if any."""
    for shard in library.damaged:
        console.print(f"damaged and left out: {shard}", style="bold", markup=False)


def print_model(console: Console, model: Model, skipped: Mapping[str, int] | None = None) -> None:
    """What a model is and how good it is; `skipped`: what its training left out, by reason."""
    summary = model.summary()
    console.print(f"[bold]{escape(model.name)}[/bold] {escape(summary.headline)}", highlight=False)
    if skipped:
        console.print(f"  left out: {', '.join(f'{count} ({reason})' for reason, count in skipped.items())}", highlight=False)
    if not summary.columns:
        console.print(f"  {summary.accuracy}:", highlight=False)
        for label, value in summary.rows:
            console.print(f"  [dim]{label:<32}[/dim] {value}", highlight=False)
        return
    rows = table({name.replace(", ", ",\n"): "right" if place else "left" for place, name in enumerate(summary.columns)})
    for row in summary.rows:
        rows.add_row(*(cell.replace(" (", "\n(") for cell in row))
    print_table(console, summary.accuracy, rows)


def print_matches(console: Console, target: str, matches: Sequence[Mapping[str, Any]]) -> None:
    """Compositions that answer a target among other spectra."""
    rows = table({"": "right", "formula": "left", "similarity": "right", "known as": "left"})
    for match in matches:
        predicted = match["id"] is None
        similarity = f"{'~' if predicted else ''}{match['similarity']:.3f}"
        rows.add_row(str(match["rank"]), match["formula"], similarity, "predicted" if predicted else match["id"])
    print_table(console, f"Compositions with a spectrum like that of {target}", rows)


def print_predictions(console: Console, predictions: Sequence[Predicted]) -> None:
    """Predicted spectra: a line each, of a density of states also its curve; a table when there are many."""
    if len(predictions) <= _CURVES:
        for each in predictions:
            console.print(f"[bold]{escape(each.name)}[/bold] {escape(each.headline())}", highlight=False)
            if each.structure is not None:
                print_curve(console, each.axis, each.values)
                print_parts(console, each.axis, each.parts)
                print_descriptors(console, of_curves(each.axis, each.parts))
        return
    cells = [each.row() for each in predictions]
    folder = _folder_of([each.name for each in predictions])
    for row in cells:
        row["name"] = row["name"].removeprefix(folder)
    rows = table({name: "left" if name in ("name", "formula", "space group") else "right" for name in cells[0]})
    for row in cells:
        rows.add_row(*map(escape, row.values()))
    if all(each.structure is not None for each in predictions):
        add_curves(console, rows, predictions[0].axis, [each.values for each in predictions])
    kind = "spectra" if predictions[0].structure is None else "DOS"
    print_table(console, f"Predicted {kind}, not computed{f'; files of {folder}' if folder else ''}", rows)


def _folder_of(names: Sequence[str]) -> str:
    """The folder that all of these files lie in, with its last slash; "" where there is none."""
    import os

    folders = {os.path.dirname(name) for name in names}
    if not folders or not all(folders) or len({os.path.isabs(each) for each in folders}) > 1:
        return ""
    common = os.path.commonpath(folders)
    return f"{common}{os.sep}" if common.strip(os.sep) else ""


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
    rows = table({"method": "left"} | dict.fromkeys(shown.values(), "right"))
    scores: dict[str, dict[str, str]] = {}
    for each in results["results"]:
        if each["split"] == "system" and each["variant"] == "plain" and each["mean"] is not None:
            scores.setdefault(each["model"], {})[each["metric"]] = f"{each['mean']:.3f}"
    for model, row in scores.items():
        if row.get("screen") == "0.000":  # it makes no picks
            row = {metric: value for metric, value in row.items() if not metric.startswith("screen")}
        rows.add_row(model, *(row.get(metric, "") for metric in shown))
    print_table(console, "Held-out chemical systems; the page has all other results, with intervals", rows)


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
