"""Write the headline of README.md and the benchmark's rows in the model cards from docs/benchmark/benchmark.json and benchmarks/verified.json.

python benchmarks/readme.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dosmith.atomic import write_text
from dosmith.benchmark.baselines import CHANCE
from dosmith.benchmark.figures import score, strongest
from dosmith.benchmark.jobs import FORWARD, NETWORKS, SIMPLE

ROOT = Path(__file__).parents[1]
README, BENCHMARK, VERIFIED = (
    ROOT / "README.md",
    ROOT / "docs" / "benchmark" / "benchmark.json",
    ROOT / "benchmarks" / "verified.json",
)
OUTER, PUBLISHED = ROOT / "benchmarks" / "outer.json", ROOT / "benchmarks" / "published.json"
BEGIN, END = "<!-- written by benchmarks/readme.py -->", "<!-- end -->"
METHODS: dict[str, tuple[str, ...]] = {
    "dosmith": (FORWARD,),
    "the paper's network": tuple(NETWORKS),
    "the best simple method": SIMPLE,
    "chance": (CHANCE,),
}
"""Columns of the headline; of several methods the strongest in each row stands there."""

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
    outer, published = (json.loads(file.read_text()) for file in (OUTER, PUBLISHED))
    between(README, table(benchmark, verified) + since(benchmark) + others(outer, published))
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


def others(outer: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    """What predictions are worth on spectra of another program, in a sentence, beside what other models reach."""
    told = [row for row in outer["crystals"] if "cosine" in row]

    def mean(rows: Sequence[Mapping[str, Any]]) -> str:
        return f"{sum(row['cosine'] for row in rows) / len(rows):.3f}"

    gapped = [row for row in told if row["class"] == "gapped"]
    new = [row for row in told if not row["system_learned"]]
    rivals = ", ".join(f"{name} {found['all 50']:.3f}" for name, found in published["models"].items())
    return (
        f"\nPredictions against spectra that others computed (VASP, from the Materials Project, used only for validation): mean cosine {mean(told)} on {len(told)} of"
        f" {len(outer['crystals'])} crystals, {mean(gapped)} on the {len(gapped)} with a gap, {mean(new)} on the {len(new)} from chemical systems that the set lacks. Published networks that were trained on the"
        f" Materials Project itself, on all {len(outer['crystals'])} crystals, which are those that one of these networks predicts best: {rivals}. [More](docs/outer.md).\n"
    )


def rows(benchmark: Mapping[str, Any], model: str) -> str:
    """The benchmark's rows of a model's card in Markdown."""
    library, settings = benchmark["library"], benchmark["settings"]

    def cell(method: str | None, metric: str) -> str:
        each = None if method is None else score(benchmark, method, "system", metric)
        return "-" if each is None else f"{each['mean']:.3f} ({each['low']:.3f} to {each['high']:.3f})"

    lines = []
    for metric, name in ROWS.items():
        if score(benchmark, model, "system", metric) is not None:
            rival = strongest(benchmark, SIMPLE, metric)
            named = "" if rival is None else f", {rival}"
            lines.append(f"| {name} | {cell(model, metric)} | {cell(rival, metric)}{named} |")
    now = learned(model)
    grown = "" if now == library["count"] else f" then; the shipped model has learned from {now:,}"
    return (
        "## In the benchmark\n\n"
        f"Split: **held-out chemical systems**, {library['asked']:,} binaries of {library['name']} ({library['count']:,} spectra{grown}), {settings['folds']} folds with a seed each,"
        f" {library['compositions']:,} possible answers; means with 95 % intervals. Beside it, in each row, the best of the methods that need no network.\n"
        "Everything else: `docs/benchmark/README.md`.\n\n"
        f"| | {model} | the best simple method |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )


def table(benchmark: Mapping[str, Any], verified: Mapping[str, Any]) -> str:
    """The headline in Markdown."""

    def cell(metric: str, methods: Sequence[str]) -> str:
        best = strongest(benchmark, methods, metric)
        if best is None:
            return "not tested"
        share = f"{max(score(benchmark, best, 'system', metric)['mean'], 0.0):.0%}".replace("%", " %")  # type: ignore[index]
        return f"{share} ({best})" if len(methods) > 1 else share

    def checked(methods: Sequence[str]) -> str:
        found = {method: verified["results"][method] for method in methods if method in verified["results"]}
        if not found:
            return "not tested"
        each = max((of_method["all"] for of_method in found.values()), key=lambda each: each["match"][0])
        return f"{each['match'][0]:.0%}".replace("%", f" % of {each['computed']}")

    wanted = {
        "screen_closed": "Blind picks among materials whose DOS is hidden: share of the way from chance to the best possible picks",
        "top_5": f"Target's own composition among the first 5 of {benchmark['library']['compositions']:,}",
        "top_50": "among the first 50",
    }
    lines = [
        ["New candidates that, computed afterwards, have the wanted DOS and gap", *map(checked, METHODS.values())],
        *([name, *(cell(metric, methods) for methods in METHODS.values())] for metric, name in wanted.items()),
    ]
    return (
        "\n".join(
            [
                "| Target: DOS from a chemical system that the model never saw | " + " | ".join(METHODS) + " |",
                f"|---{'|---' * len(METHODS)}|",
                *(f"| {' | '.join(line)} |" for line in lines),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
