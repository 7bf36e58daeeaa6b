"""The pictures of docs/concepts.md, from the shipped data and models: `python benchmarks/concepts.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dosmith import Designer, load_dos, standardise
from dosmith.formulas import parse
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.paper.kbest import k_best
from dosmith.spectra.standard import Recipe

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "concepts"
INK, TARGET, BLUE, GREEN, GREY = "#222222", "#c0392b", "#2b6cb0", "#2f9e6e", "#9aa5b1"


def _figure(columns: int = 1, height: float = 2.6, **options: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8.2, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, **options)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(colors=INK, length=3)
    return figure, axes if columns > 1 else axes[0]


def curve() -> Figure:
    """A file's DOS beside the vector that is made of it."""
    raw = load_dos(ROOT / "tests" / "fixtures" / "vasprun-AlN.xml.gz")
    standard = standardise(raw, Recipe())
    figure, (left, right) = _figure(2)
    left.plot(raw.energies, raw.total, color=GREY, linewidth=0.9)
    left.axvline(raw.fermi, color=INK, linewidth=0.8, linestyle=":")
    left.axvline(standard.zero, color=TARGET, linewidth=1)
    left.set(title="as VASP wrote it (AlN)", xlabel="energy on VASP's axis, eV", ylabel="states/eV")
    left.set_xlim(standard.zero - 9, standard.zero + 9)
    grid = standard.recipe.grid
    right.step(grid.energies, standard.values, where="mid", color=BLUE, linewidth=1.1)
    right.fill_between(grid.energies, standard.values, step="mid", color=BLUE, alpha=0.15)
    right.axvline(0, color=TARGET, linewidth=1)
    right.set(title=f"as a model sees it: {grid.points} points", xlabel="energy from the zero, eV", ylabel="1/eV, unit area")
    return figure


def vectors() -> Figure:
    """Element vectors of the paper's model, and a composition vector made of two."""
    elements = Designer(model="paper").model.element_vectors
    shown = ["Ni", "Pt", "Pd", "Al", "O"]
    figure, (left, right) = _figure(2, 2.4, width_ratios=(1, 1.15))
    largest = float(np.abs(elements.values).max())
    rows = np.array([elements.values[elements.index(symbol)] for symbol in shown])
    left.imshow(rows, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    left.set_yticks(range(len(shown)), shown)
    left.set(title=f"element vectors, {elements.length} numbers each", xticks=[])
    names = ["Pt3Ni", "Pt3Co", "Al3Zr"]
    stacked = np.array([composition_vector(parse(name), elements) for name in names])
    right.imshow(stacked, cmap="RdBu_r", vmin=-3 * largest, vmax=3 * largest, aspect="auto")
    right.axvline(elements.length - 0.5, color=INK, linewidth=1)
    right.set_yticks(range(len(names)), names)
    right.set(title="composition vectors: one slot for each element", xticks=[])
    return figure


def search() -> Figure:
    """What each choice for each slot costs, and the five cheapest pairs."""
    designer = Designer(model="paper")
    checkpoint = designer.model
    symbols = checkpoint.element_vectors.symbols
    costs = checkpoint.costs(designer.target("Pt3Ni").standard.values)
    best = k_best(costs, symbols, 5)
    figure, axes = _figure(height=3.0)
    choices = [(place, count) for place in range(len(symbols)) for count in range(1, costs.shape[2] + 1)]
    for slot, (colour, name) in enumerate(((BLUE, "lower atomic number"), (GREEN, "higher atomic number"))):
        axes.scatter(
            [place + (count - 2) * 0.22 for place, count in choices],
            [float(costs[slot, place, count - 1]) for place, count in choices],
            s=9,
            color=colour,
            label=f"slot {slot + 1}, {name}",
        )
    for rank, (_, composition) in enumerate(best):
        ends = [
            (symbols.index(symbol) + (count - 2) * 0.22, float(costs[slot, symbols.index(symbol), count - 1]))
            for slot, (symbol, count) in enumerate(composition)
        ]
        axes.plot(*zip(*ends, strict=True), color=TARGET, linewidth=1.4 if rank == 0 else 0.6, alpha=1 if rank == 0 else 0.6)
    axes.set_xticks(range(len(symbols)), symbols, fontsize=5)
    axes.set_yscale("log")
    axes.set_ylim(0.25)
    axes.set(ylabel="squared distance", title="Pt3Ni: the five pairs of a blue and a green dot whose sum is least")
    axes.legend(frameon=False, fontsize=7, loc="lower left", ncols=2)
    return figure


def forward() -> Figure:
    """What the model expected of crystals and what CP2K computed for them afterwards."""
    folder = ROOT / "docs" / "cases" / "verified"
    curves = np.genfromtxt(folder / "verification.csv", delimiter=",", names=True, deletechars="", replace_space=" ")
    judged = json.loads((folder / "verification.json").read_text(encoding="utf-8"))["candidates"]
    computed = [each for each in judged if each["source"] == "CP2K"][:3]
    figure, axes = _figure(len(computed), sharey=True)
    for place, each in zip(axes, computed, strict=True):
        for name, colour, label in (("expected", BLUE, "expected"), ("computed", GREEN, "computed afterwards")):
            place.plot(curves["energy_ev"], curves[f"{each['formula']} {name}"], color=colour, linewidth=1.2, label=label)
        place.plot(curves["energy_ev"], curves["target"], color=TARGET, linewidth=0.9, linestyle="--", label="target, Pt3Ni")
        place.set(title=f"{each['formula']}: cosine to target {each['similarity']:.2f}", xlabel="eV")
    axes[0].set_ylabel("1/eV")
    axes[0].legend(frameon=False, fontsize=7, loc="upper right")
    return figure


def confidence() -> Figure:
    """Stated probability against the share that matched, of blind picks on chemistry that was not seen."""
    path = ROOT / "docs" / "benchmark" / "benchmark.json"
    told = json.loads(path.read_text(encoding="utf-8"))["calibration"]["dosmith"]
    figure, axes = _figure(height=2.9)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    stated, matched = ([each[key] for each in told["bins"]] for key in ("probability", "share"))
    axes.plot(stated, matched, color=GREEN, linewidth=1)
    axes.scatter(stated, matched, s=[8 + each["n"] / 20 for each in told["bins"]], color=GREEN)
    axes.set_aspect("equal")
    axes.set(xlabel="probability stated", ylabel="share with a cosine above 0.9", title=f"{told['n']:,} blind picks")
    return figure


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dosmith", "font.family": "sans-serif", "font.size": 9}):
        for draw in (curve, vectors, search, forward, confidence):
            draw().savefig(FOLDER / f"{draw.__name__}.svg", metadata={"Date": None, "Creator": "dosmith"})


if __name__ == "__main__":
    main()
