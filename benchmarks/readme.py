"""Write the headline of README.md from what was measured: docs/benchmark/benchmark.json and benchmarks/verified.json.

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


def main() -> None:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    write_text(
        README,
        before
        + BEGIN
        + "\n"
        + table(json.loads(BENCHMARK.read_text()), json.loads(VERIFIED.read_text()))
        + END
        + rest.split(END)[1],
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
