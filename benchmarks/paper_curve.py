"""The paper's network for each crystal system apart, step by step to the end: benchmarks/paper_curve.json, docs/paper-curve.md.

    python benchmarks/paper_curve.py [--steps N] [--folds N]

For each number of steps up to N a network is trained anew, since its learning rate falls to the end of the training; in-sample, as the paper
tests, and on held-out chemical systems. What is in the JSON already is not trained again as long as the data stay the same.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation import data_of

from dosmith.atomic import write_text
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.metrics import METRICS, summarise
from dosmith.benchmark.networks import FEWEST, inverse_network
from dosmith.benchmark.outcomes import outcomes
from dosmith.designer import open_dos_set
from dosmith.models.splits import SPLITS, Split
from dosmith.settings import Settings

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "paper-curve.md"
STEPS = (500, 2_000, 8_000, 20_000, 65_000)
SHOWN = {"in-sample": ("top_5", "pattern_09"), "system": ("top_5", "top_50", "pattern_09", "screen_closed")}
TITLES = {"in-sample": "in-sample", "system": "held-out chemical systems"}


def of_system(spectra: Spectra, split: Split, system: str) -> Split:
    """The part of a split that is of a crystal system; elemental crystals of all systems train too, for the element vectors."""
    own = np.array([each == system for each in spectra.crystal_systems])
    alone = np.array([len(composition) == 1 for composition in spectra.compositions])
    return replace(split, train=split.train[(own | alone)[split.train]], test=split.test[own[split.test]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS[-1], help="at most")
    parser.add_argument("--folds", type=int, default=1, help="seeds in-sample, and of five folds how many are held out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    library, settings = open_dos_set(), Settings()
    spectra = Spectra.of(library)
    kept = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.is_file() else {}
    data = data_of(library)
    points: dict[str, Any] = kept["points"] if kept.get("data") == data else {}
    paper = settings.paper.model_copy(update={"plain_share": 1.0, "batch": settings.benchmark.in_sample_batch})
    systems = [each or "" for each in spectra.crystal_systems]
    large = [each for each in sorted(set(systems)) if each and np.sum(np.array(systems)[spectra.wanted] == each) >= FEWEST]
    asked = [
        (steps, system, name, fold)
        for steps in STEPS
        if steps <= options.steps
        for system in large
        for name in SHOWN
        for fold in range(options.folds)
    ]
    for number, (steps, system, name, fold) in enumerate(asked, 1):
        key = f"{system}, {name}, {fold}, {steps}"
        if key not in points:
            split = SPLITS[name](spectra.compositions, spectra.wanted, settings.benchmark.folds, settings.benchmark.seed)[fold]
            part = of_system(spectra, split, system)
            found = outcomes(spectra, part, inverse_network(spectra, part, paper, steps=steps))
            names = [spectra.systems[row] for row in part.test]
            metrics = {metric: METRICS[metric] for metric in SHOWN[name]}
            points[key] = {"n": len(part.test), **summarise(found, names, metrics, settings.benchmark.resamples)}
            write_text(OUTPUT, json.dumps({"data": data, "batch": paper.batch, "points": points}, indent=1) + "\n")
            write_text(PAGE, page(json.loads(OUTPUT.read_text(encoding="utf-8"))))
        print(f"{number} of {len(asked)}: {key}", flush=True)


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    told: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}
    for key, found in results["points"].items():
        system, name, _, steps = key.split(", ")
        told.setdefault((name, system), {}).setdefault(int(steps), []).append(found)
    longest = max(steps for found in told.values() for steps in found)
    short = (
        ""
        if longest >= STEPS[-1]
        else f"\n**Not finished**: so far up to {longest:,} of {STEPS[-1]:,} steps; `python benchmarks/paper_curve.py` continues the training.\n"
    )
    parts = []
    for name, metrics in SHOWN.items():
        rows = []
        for (which, system), found in sorted(told.items()):
            if which == name:
                for steps, each in sorted(found.items()):
                    cells = [_mean(each, metric) for metric in metrics]
                    rows.append(f"| {system} | {each[0]['n']:,} | {steps:,} | {' | '.join(cells)} |")
        heads = " | ".join(METRICS[metric].meaning for metric in metrics)
        parts.append(
            f"## {TITLES[name][0].upper()}{TITLES[name][1:]}\n\n| crystals | targets | steps | {heads} |\n|---|---|---|{'---|' * len(metrics)}\n{chr(10).join(rows)}\n"
        )
    return f"""# The paper's network to the end

Written by `python benchmarks/paper_curve.py` from `benchmarks/paper_curve.json`. This page shows the network of Bang *et al.* after training of different lengths. As in the paper, it is trained for the crystals of one crystal system alone (element vectors from these and all elemental
crystals, batches of {results["batch"]}, no variation of the spectra). Each number of steps needs a new training, since the learning rate falls towards the last step. Numbers are means over {max(len(each) for found in told.values() for each in found.values())} seed or fold.
{short}
{chr(10).join(parts)}"""


def _mean(found: list[dict[str, Any]], metric: str) -> str:
    values = [each[metric]["mean"] for each in found if each[metric]["mean"] is not None]
    return f"{np.mean(values):.3f}" if values else ""


if __name__ == "__main__":
    main()
