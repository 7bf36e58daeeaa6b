"""How the forward model grows with its training set, and whether it should choose that itself: benchmarks/learning.json, docs/learning.md and .svg.

    python benchmarks/learning.py [--seeds N]

A model of two members learns from an eighth of the training crystals, then from twice, four times and eight times as many. The next ones
are drawn at random, or are those about which its members are in most doubt. What is in the JSON already is not trained again as long as the
data stay the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation import SHOWN, TITLES, data_of, scores
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.benchmark.baselines import BASELINES, Predictor
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.outcomes import outcomes
from dosmith.crystals.potential import Potential
from dosmith.designer import open_dos_set
from dosmith.models.splits import SPLITS, Split
from dosmith.models.tight_binding.atoms import Atoms
from dosmith.models.tight_binding.ensemble import train_member
from dosmith.settings import ForwardSettings

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "learning.md"
MEMBERS = 2
PARTS = (8, 4, 2, 1)
WAYS = {"random": "drawn at random", "doubt": "most doubtful first"}
Rows = NDArray[np.intp]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="each with a fold of its own")
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    library = open_dos_set()
    spectra = Spectra.of(library)
    data = data_of(library)
    kept = json.loads(OUTPUT.read_text()) if OUTPUT.is_file() else {}
    points: dict[str, Any] = kept["points"] if kept.get("data") == data else {}
    splits = SPLITS["system"](spectra.compositions, spectra.wanted, 5, 0)[:seeds]
    potential, settings = Potential(), ForwardSettings()
    crystals = [Atoms.of(library.material(identifier).structure, potential, settings) for identifier in spectra.ids]
    for seed, split in enumerate(splits):
        for way in WAYS:
            grow(
                way,
                seed,
                split,
                points,
                lambda rows, seed=seed, split=split: learn(rows, seed, split, spectra, crystals, settings),
            )
            write_text(OUTPUT, json.dumps({"data": data, "points": points}) + "\n")
    draw(points, splits)
    write_text(PAGE, page(points, splits))


def counts(split: Split) -> list[int]:
    return [len(split.train) // part for part in PARTS]


def key(seed: int, way: str, count: int, split: Split) -> str:
    """The smallest and the largest training set are the same whichever way it grows."""
    return f"{seed} {way if count in counts(split)[1:-1] else 'both'} {count}"


def grow(way: str, seed: int, split: Split, points: dict[str, Any], learn: Callable[[Rows], dict[str, Any]]) -> None:
    """Add the points of one curve that are missing."""
    order = np.random.default_rng(seed).permutation(split.train)
    rows = order[: counts(split)[0]]
    for count, following in zip(counts(split), [*counts(split)[1:], 0], strict=True):
        name = key(seed, way, count, split)
        if name not in points:
            points[name] = learn(rows)
            print(
                name,
                *(f"{title} {mean:.3f}" for title, (mean, _, _) in zip(TITLES, points[name]["scores"], strict=True)),
                flush=True,
            )
        added = np.array(points[name]["doubtful"][: max(following - count, 0)], dtype=np.intp)
        rows = order[:following] if way == "random" else np.concatenate([rows, added])


def learn(
    rows: Rows, seed: int, split: Split, spectra: Spectra, crystals: Sequence[Atoms], settings: ForwardSettings
) -> dict[str, Any]:
    """What a model of these rows makes of the fold left out, and the training rows it has not seen, the most doubtful first."""
    symbols = tuple(sorted({symbol for each in crystals for symbol in each.symbols}, key=formulas.atomic_number))
    training = [crystals[row] for row in rows]
    members = [
        train_member(training, spectra.unit[rows], symbols, spectra.recipe, settings, 100 * seed + number)
        for number in range(MEMBERS)
    ]

    def expected(wanted: Rows) -> NDArray[np.float64]:
        seen = [crystals[row] for row in wanted]
        return np.mean([each.answers(seen, symbols, spectra.recipe).spectra for each in members], axis=0)

    rest = np.setdiff1d(split.train, rows)
    norms = np.linalg.norm(expected(rest), axis=1) if len(rest) else np.empty(0)  # what the mean lacks in norm is doubt
    place, tested = {int(row): position for position, row in enumerate(split.test)}, expected(split.test)
    nothing = BASELINES["mixed centroids"](spectra, split)  # compositions are not what is asked here
    predictor = Predictor(nothing, lambda asked: tested[[place[int(row)] for row in asked]], by_material=True)
    return {
        "scores": scores([outcomes(spectra, split, predictor)], spectra, [split]),
        "doubtful": rest[np.argsort(norms, kind="stable")].tolist(),
    }


def mean_scores(points: Mapping[str, Any], splits: Sequence[Split], way: str, step: int) -> list[float]:
    """Of all seeds, in the order of `SHOWN`."""
    found = [points[key(seed, way, counts(split)[step], split)]["scores"] for seed, split in enumerate(splits)]
    return [float(np.mean([each[place][0] for each in found])) for place in range(len(SHOWN))]


def draw(points: Mapping[str, Any], splits: Sequence[Split]) -> None:
    """Cosine and gap closed over the number of training crystals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = [round(float(np.mean([counts(split)[step] for split in splits]))) for step in range(len(PARTS))]
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), constrained_layout=True)
    for axis, place in zip(axes, (0, 3), strict=True):
        for way, colour in zip(WAYS, ("#7f8c8d", "#0072b2"), strict=True):
            values = [mean_scores(points, splits, way, step)[place] for step in range(len(PARTS))]
            axis.plot(sizes, values, "o-", color=colour, label=WAYS[way])
        axis.set(
            xscale="log",
            xlabel="training crystals",
            ylabel=TITLES[place],
            xticks=sizes,
            xticklabels=[f"{size:,}" for size in sizes],
        )
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(PAGE.with_suffix(".svg"), metadata={"Date": None})


def page(points: Mapping[str, Any], splits: Sequence[Split]) -> str:
    """The results in Markdown."""
    lines = []
    for step, part in enumerate(PARTS):
        for way, title in WAYS.items():
            if part in PARTS[1:-1] or way == "random":
                cells = " | ".join(f"{value:.3f}" for value in mean_scores(points, splits, way, step))
                size = ", ".join(f"{counts(split)[step]:,}" for split in splits)
                lines.append(f"| {size} | {title if part in PARTS[1:-1] else ''} | {cells} |")
    tested = ", ".join(str(len(split.test)) for split in splits)
    return f"""# How the forward model grows with its data

Written by `benchmarks/learning.py`. The test uses held-out chemical systems: {len(splits)} folds of the benchmark's five with a seed each ({tested} binaries tested), and models of
{MEMBERS} members. At each step the training set doubles, either with crystals drawn at random, or with those on which the members disagree most (the mean of their spectra of norm 1 is
shortest). Numbers are means over the seeds; [the benchmark](benchmark/README.md) defines them.

![Cosine and gap closed over the number of training crystals](learning.svg)

| training crystals | added crystals | {" | ".join(TITLES)} |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}
"""


if __name__ == "__main__":
    main()
