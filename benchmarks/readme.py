"""Write the headline of README.md and the benchmark's rows in the model cards from docs/benchmark/benchmark.json and benchmarks/verified.json.

python benchmarks/readme.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dosmith.atomic import write_text

ROOT = Path(__file__).parents[1]
README, BENCHMARK, VERIFIED = (
    ROOT / "README.md",
    ROOT / "docs" / "benchmark" / "benchmark.json",
    ROOT / "benchmarks" / "verified.json",
)
BEGIN, END = "<!-- written by benchmarks/readme.py -->", "<!-- end -->"
METHODS = {
    "dosmith": "dosmith",
    "paper": "the paper's network",
    "substitution": "replacing elements within groups",
    "random": "chance",
}


CARDS = {model: ROOT / "models" / model / "card.md" for model in ("dosmith", "paper")}
ROWS = {
    "top_1": "own composition first",
    "top_5": "own composition among the first 5",
    "top_50": "own composition among the first 50",
    "mrr": "mean reciprocal rank of the own composition",
    "screen_closed": "blind picks: share of the way from chance to the best there are",
    "screen_09": "blind picks with a cosine above 0.9",
    "predicted": "predicted DOS of a held-out crystal: cosine",
    "predicted_r2": "predicted DOS of a held-out crystal: R²",
}


def main() -> None:
    benchmark, verified = json.loads(BENCHMARK.read_text()), json.loads(VERIFIED.read_text())
    between(README, table(benchmark, verified) + since(benchmark))
    for model, card in CARDS.items():
        between(card, rows(benchmark, model))


def between(path: Path, written: str) -> None:
    """Put text between the marks of a page; at its end where it has none."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN) if BEGIN in text else (f"{text.rstrip()}\n\n", "", "")
    write_text(path, f"{before}{BEGIN}\n{written}{END}{rest.partition(END)[2] or chr(10)}")


def learned(model: str) -> int:
    """Spectra that the shipped model was trained on."""
    return int(json.loads(CARDS[model].with_name("checkpoint.json").read_text())["library"]["count"])


def since(benchmark: Mapping[str, Any]) -> str:
    """What has changed since the results, in a sentence; nothing when nothing has."""
    then, now = benchmark["library"]["count"], learned("dosmith")
    if then == now:
        return ""
    return f"\nMeasured when the set held {then:,} spectra; the shipped models have learned from {now:,}.\n"


def rows(benchmark: Mapping[str, Any], model: str) -> str:
    """The benchmark's rows of a model's card in Markdown."""
    library, settings = benchmark["library"], benchmark["settings"]
    found = {
        (each["model"], each["metric"]): each
        for each in benchmark["results"]
        if each["split"] == "system" and each["variant"] == "plain"
    }

    def cell(method: str, metric: str) -> str:
        each = found.get((method, metric))
        return "-" if each is None or each["mean"] is None else f"{each['mean']:.3f} ({each['low']:.3f} to {each['high']:.3f})"

    lines = [
        f"| {name} | {cell(model, metric)} | {cell('substitution', metric)} |"
        for metric, name in ROWS.items()
        if (model, metric) in found
    ]
    now = learned(model)
    grown = "" if now == library["count"] else f" then; the shipped model has learned from {now:,}"
    return (
        "## In the benchmark\n\n"
        f"Split: **held-out chemical systems**, {library['asked']:,} binaries of {library['name']} ({library['count']:,} spectra{grown}), {settings['folds']} folds with a seed each,"
        f" {library['compositions']:,} possible answers; means with 95 % intervals.\nEverything else: `docs/benchmark/README.md`.\n\n"
        f"| | {model} | replacing elements within groups |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def table(benchmark: Mapping[str, Any], verified: Mapping[str, Any]) -> str:
    """The headline in Markdown."""
    means = {
        (each["model"], each["metric"]): each["mean"]
        for each in benchmark["results"]
        if each["split"] == "system" and each["variant"] == "plain"
    }

    def of(metric: str) -> list[str]:
        found = [means.get((method, metric)) for method in METHODS]
        return ["" if mean is None else f"{max(mean, 0.0):.0%}".replace("%", " %") for mean in found]

    checked = [verified["results"].get(method) for method in METHODS]
    hits = [
        "not tested" if each is None else f"{each['above']['0.9'][0]:.0%}".replace("%", f" % of {each['computed']}")
        for each in checked
    ]
    rows = {
        "New candidates that, computed afterwards, have the wanted DOS (cosine above 0.9)": hits,
        "Blind picks among materials whose DOS is hidden: share of the way from chance to the best there are": of(
            "screen_closed"
        ),
        f"The very composition among the first 5 of {benchmark['library']['compositions']:,}": of("top_5"),
        "among the first 50": of("top_50"),
    }
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return (
        "\n".join(
            [
                "| DOS of a chemical system that was never seen | " + " | ".join(METHODS.values()) + " |",
                "|---|---|---|---|---|",
                *lines,
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
