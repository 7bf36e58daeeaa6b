"""The pictures of the benchmark's page, drawn from its results alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith.benchmark.cases import CASES, PAPER, Case
from dosmith.benchmark.chemistry import FAMILIES, family
from dosmith.benchmark.jobs import DISTURBED, FORWARD, PLAIN
from dosmith.benchmark.networks import DOS_BASED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, TARGET, NULL, MODEL, OWN_MODEL, GRID = "#222222", "#c0392b", "#9aa5b1", "#2b6cb0", "#2f9e6e", "#e3e7eb"
_FAMILY_COLOURS = ("#d1495b", "#edae49", "#66a182", "#2e4057", "#8d6bb8", "#00798c", "#e07be0")
_CANDIDATE_COLOURS = ("#2b6cb0", "#2f9e6e", "#d08a1d", "#7b5cb8", "#5f6b7a")


def draw(results: Mapping[str, Any], folder: Path) -> list[str]:
    """Write every picture that the results have something for, as SVG.

    Returns:
        names of the files.
    """
    import matplotlib

    names = []
    # Text as text, ids from a fixed salt, no date: the same results give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dosmith", "font.family": "sans-serif", "font.size": 9}):
        for name, figure in _figures(results):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": "dosmith"})
            names.append(f"{name}.svg")
    return names


def score(results: Mapping[str, Any], model: str, split: str, metric: str, variant: str = PLAIN) -> Mapping[str, Any] | None:
    """One result, None when it was not asked for or has no value."""
    for each in results["results"]:
        if (each["model"], each["split"], each["metric"], each["variant"]) == (model, split, metric, variant):
            return each if each["mean"] is not None else None
    return None


def models(results: Mapping[str, Any], split: str) -> list[str]:
    """The methods that faced a split, in the order of the results."""
    return list(dict.fromkeys(each["model"] for each in results["results"] if each["split"] == split))


def strongest(results: Mapping[str, Any], methods: Iterable[str], metric: str, split: str = "system") -> str | None:
    """Of some methods the one with the highest result, the first of equal ones; None where none of them has any."""
    found = [(each["mean"], -place, name) for place, name in enumerate(methods) if (each := score(results, name, split, metric))]
    return max(found)[2] if found else None


def _figures(results: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    figures = []
    if DOS_BASED in results["maps"]:
        figures.append(("elements", _map(results["maps"][DOS_BASED])))
    if models(results, "in-sample"):
        figures.append(("paper", _paper(results)))
    if models(results, "system"):
        figures.append(("screening", _screening(results)))
    if len({each["variant"] for each in results["results"]}) > 1:
        figures.append(("sensitivity", _sensitivity(results)))
    for each in CASES:
        if results["cases"].get(each.key, {}).get("curve"):
            figures.append((f"case-{each.key}", _case(each, results["cases"][each.key])))
    return figures


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, length=3)


def _map(found: Mapping[str, Any]) -> Figure:
    """The elements by their vectors, coloured by family."""
    figure, axes = _new(7.2, 5.2)
    for name, colour in zip((*FAMILIES, None), (*_FAMILY_COLOURS, "#b8bfc7"), strict=True):
        places = [place for place, symbol in enumerate(found["symbols"]) if family(symbol) == name]
        if not places:
            continue
        axes.scatter(
            [found["x"][place] for place in places],
            [found["y"][place] for place in places],
            s=260,
            color=colour,
            alpha=0.9 if name else 0.55,
            linewidths=0,
            label=name or "others",
        )
    for symbol, x, y in zip(found["symbols"], found["x"], found["y"], strict=True):
        axes.annotate(
            symbol, (x, y), ha="center", va="center", color="white" if family(symbol) else INK, fontsize=8, weight="bold"
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_color(GRID)
    legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
    for handle in legend.legend_handles:
        handle.set_sizes([60])  # type: ignore[union-attr]
    return figure


def _bars(axes: Axes, rows: Sequence[tuple[str, Mapping[str, Any] | None, str]], label: str) -> None:
    """Horizontal bars with intervals, the first on top."""
    for place, (_, found, colour) in enumerate(rows):
        if found is not None:
            axes.barh(place, found["mean"], color=colour, height=0.66)
            axes.plot([found["low"], found["high"]], [place, place], color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(label)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)


def _colour(model: str) -> str:
    return OWN_MODEL if model == FORWARD else MODEL if model.startswith(PAPER) else NULL


def _paper(results: Mapping[str, Any]) -> Figure:
    """The paper's two accuracies, in-sample as it measures them and on held-out chemical systems."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 5.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    for row, (split, title) in enumerate((("in-sample", "in-sample"), ("system", "held-out chemical systems"))):
        for column, (metric, label) in enumerate((("top_5", "composition accuracy"), ("pattern_07", "DOS-pattern accuracy"))):
            axes = grid[row][column]
            _plain(axes)
            rows = [
                (model, score(results, model, split, metric), _colour(model))
                for model in models(results, split)
                if model != "oracle"
            ]
            _bars(axes, rows, label)
            axes.set_title(f"{label}, {title}", fontsize=9, loc="left")
            axes.set_xlim(0, 1)
    return figure


def _screening(results: Mapping[str, Any]) -> Figure:
    """Blind screening on held-out chemical systems: what each method's five picks are really like."""
    figure, axes = _new(7.2, 3.4)
    rows = [
        (model, score(results, model, "system", "screen"), TARGET if model == "oracle" else _colour(model))
        for model in models(results, "system")
        if model not in ("retrieval",)
    ]
    _bars(axes, rows, "true cosine similarity of five blind picks")
    present = [found["mean"] for _, found, _ in rows if found is not None]
    axes.set_xlim(max(min(present) - 0.1, 0), 1)
    return figure


def _sensitivity(results: Mapping[str, Any]) -> Figure:
    """How disturbed curves and other recipes move the two headline numbers."""
    from matplotlib.figure import Figure

    variants = list(dict.fromkeys(each["variant"] for each in results["results"] if each["split"] == "system"))
    figure = Figure(figsize=(8.6, 0.42 * len(variants) + 1.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (metric, label) in zip(
        panels, (("screen", "blind picks: true cosine"), ("top_50", "own composition in the first 50")), strict=True
    ):
        _plain(axes)
        for model, colour, shape in zip(DISTURBED, (NULL, "#d08a1d", MODEL, OWN_MODEL), ("s", "D", "o", "^"), strict=True):
            found = [(place, score(results, model, "system", metric, variant)) for place, variant in enumerate(variants)]
            points = [(place, each) for place, each in found if each is not None]
            axes.errorbar(
                [each["mean"] for _, each in points],
                [place for place, _ in points],
                xerr=[
                    [each["mean"] - each["low"] for _, each in points],
                    [each["high"] - each["mean"] for _, each in points],
                ],
                fmt=shape,
                color=colour,
                markersize=5,
                linewidth=1,
                label=model,
            )
        axes.set_yticks(range(len(variants)), ["as it is" if variant == PLAIN else variant for variant in variants])
        axes.set_xlabel(label)
        axes.grid(color=GRID)
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def _case(wanted: Case, found: Mapping[str, Any]) -> Figure:
    """The target filled, over it the candidates whose DOS is known: the paper's and ours."""
    figure, axes = _new(7.2, 3.2)
    energies, target = found["energies"], found["curve"]
    axes.fill_between(energies, target, color=TARGET, alpha=0.16, linewidth=0)
    axes.plot(energies, target, color=TARGET, linewidth=1.6, label=f"{wanted.target} (target)")
    shown = {
        each["formula"]: each for each in [*found["published"], *found["ours"]] if each["curve"] and each["id"] != found["target"]
    }
    ranked = sorted(shown.values(), key=lambda each: -each["similarity"])[: len(_CANDIDATE_COLOURS)]
    for each, colour in zip(ranked, _CANDIDATE_COLOURS, strict=False):
        axes.plot(energies, each["curve"], color=colour, linewidth=1.1, label=f"{each['formula']}  {each['similarity']:.2f}")
    axes.axvline(0, color=INK, linewidth=0.6, linestyle=":")
    axes.set_xlim(energies[0], energies[-1])
    axes.set_ylim(0)
    axes.set_xlabel("energy (eV)")
    axes.set_ylabel("DOS (1/eV, unit area)")
    axes.legend(frameon=False, fontsize=8)
    return figure
