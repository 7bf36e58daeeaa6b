"""What a model of other spectra is worth, on real ones: COHP curves, written to benchmarks/other_spectra.json and docs/other-spectra.md.

    python benchmarks/other_spectra.py FILE.npz

The file holds `formula`, `mpid`, `E` (eV) and `cohp` (rows): the cation-anion COHP of the LOBSTER database paper, BSD-3-Clause, from
github.com/naik-aakash/lobster-database-paper-analysis-scripts; it is not part of dosmith. Folds that are done (other_spectra.folds.json) are not trained again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.formulas import Composition
from dosmith.models.composition.model import group_of
from dosmith.models.composition.table import SpectraTable
from dosmith.models.composition.train import expected_of, train_member
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.paper.train import train_element_vectors, train_inverse
from dosmith.models.splits import Split, held_out_system
from dosmith.settings import OtherSpectraSettings, PaperSettings
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

OUTPUT = Path(__file__).with_suffix(".json")
KEPT = Path(__file__).with_suffix(".folds.json")
PAGE = Path(__file__).parents[1] / "docs" / "other-spectra.md"
BROADENING = 0.15  # eV, as for densities of states
FOLDS, SEED, PICKS, STEPS = 5, 0, 5, 2000
Array = NDArray[np.float64]
METHODS = ("random", "mean spectrum", "substitution", "mixed centroids", "paper", "dosmith")
METRICS = ("closed", "picks", "top_1", "top_5")
MEANINGS = ("picks: closed", "picks: cosine", "own formula first", "own formula in the first 5")


def read(path: Path) -> SpectraTable:
    """The curves of the file, broadened; rows with holes or formulas that are none are left out."""
    data = np.load(path, allow_pickle=False)
    axis, values = data["E"].astype(float), data["cohp"].astype(float)
    spread = np.exp(-0.5 * ((axis[:, None] - axis) / BROADENING) ** 2)
    spread /= spread.sum(axis=0)
    usable = [
        row
        for row in range(len(values))
        if np.isfinite(values[row]).all() and formulas.looks_like_formula(str(data["formula"][row]))
    ]
    compositions = tuple(formulas.parse(str(data["formula"][row])) for row in usable)
    return SpectraTable(tuple(str(data["mpid"][row]) for row in usable), compositions, axis, values[usable] @ spread)


def scores(table: SpectraTable, split: Split, rows: NDArray[np.intp]) -> dict[str, Array]:
    """What each method says of the hidden spectra `rows` for each of them as target: shape (rows, rows); more is better."""
    unit, shown = table.unit, table.unit[rows]
    hidden = [table.compositions[row] for row in rows]
    train = [table.compositions[row] for row in split.train]
    mean = unit[split.train].mean(axis=0)
    generator = np.random.default_rng([SEED, split.fold])
    found = {
        "random": generator.random((len(rows), len(rows))),
        "mean spectrum": np.tile(substituted((unit[split.train] @ mean)[None], train, hidden), (len(rows), 1)),
        "substitution": substituted(shown @ unit[split.train].T, train, hidden),
        "mixed centroids": shown @ scaled(mixed(table, split, hidden)).T,
        "paper": paper(table, split, rows),
    }
    settings = OtherSpectraSettings()
    inner = held_out_system(train, np.ones(len(train), dtype=bool), settings.members, settings.seed)
    members = [train_member(table, split.train[part.train], settings, settings.seed + part.fold) for part in inner]
    expected = np.mean([expected_of(member, hidden) for member in members], axis=0)
    return found | {"dosmith": shown @ expected.T}


def substituted(similar: Array, train: Sequence[Composition], hidden: Sequence[Composition]) -> Array:
    """For each hidden composition the best of the training spectra from which it comes by replacing elements within their groups; -1 without any."""
    symbols = tuple(sorted({s for each in [*train, *hidden] for s, _ in each}, key=formulas.atomic_number))

    def kind(composition: Composition) -> tuple[tuple[str, int], ...]:
        first = {s: min((s, *group_of(s, symbols)), key=formulas.atomic_number) for s, _ in composition}
        return tuple(sorted((first[s], count) for s, count in composition))

    kinds = [kind(each) for each in train]
    best = np.full((len(similar), len(hidden)), -1.0)
    for place, each in enumerate(hidden):
        relatives = [row for row, other in enumerate(kinds) if other == kind(each)]
        if relatives:
            best[:, place] = similar[:, relatives].max(axis=1)
    return best


def mixed(table: SpectraTable, split: Split, hidden: Sequence[Composition]) -> Array:
    """Mean of the elements' mean spectra, by their shares."""
    unit = table.unit
    holders: dict[str, list[int]] = {}
    for row in split.train:
        for symbol, _ in table.compositions[row]:
            holders.setdefault(symbol, []).append(row)
    centroid = {symbol: unit[rows].mean(axis=0) for symbol, rows in holders.items()}
    nothing = unit[split.train].mean(axis=0)
    return np.array([sum(count * centroid.get(s, nothing) for s, count in each) for each in hidden])


def paper(table: SpectraTable, split: Split, rows: NDArray[np.intp]) -> Array:
    """Minus the squared distance of composition vectors, by the paper's network for the number of elements of most spectra; others last."""
    torch.manual_seed(split.fold)
    grid = EnergyGrid(float(table.axis[0]), float(table.axis[-1]), len(table.axis))
    vectors = table.values / (np.abs(table.values).sum(axis=1, keepdims=True) * grid.step)
    recipe, settings = Recipe(grid), PaperSettings(seed=split.fold, plain_share=1.0)
    compositions = [table.compositions[row] for row in split.train]
    elements = train_element_vectors(compositions, vectors[split.train], settings, recipe)[1]
    learned = [row for row in split.train if len(table.compositions[row]) == 3]
    targets = np.array([composition_vector(table.compositions[row], elements) for row in learned])
    settings = settings.model_copy(update={"epochs": max(STEPS * settings.batch // len(learned), 1)})
    network = train_inverse(vectors[learned], targets, settings, recipe)
    with torch.no_grad():
        points = network(torch.tensor(vectors[rows], dtype=torch.float32)).double().numpy()
    found = np.full((len(rows), len(rows)), -np.inf)
    for place, row in enumerate(rows):
        composition = table.compositions[row]
        if len(composition) == 3 and all(symbol in elements.symbols for symbol, _ in composition):
            found[:, place] = -((points - composition_vector(composition, elements)) ** 2).sum(axis=1)
    return found


def scaled(values: Array) -> Array:
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def judge(table: SpectraTable, rows: NDArray[np.intp], score: Array) -> list[list[float]]:
    """For each target: mean true cosine of the five picks, the same at random and at best, whether the own formula is first, among the first five."""
    true = table.unit[rows] @ table.unit[rows].T
    names = [formulas.write(table.compositions[row]) for row in rows]
    found = []
    for place, name in enumerate(names):
        others = np.array([other != name for other in names])
        order = np.argsort(-score[place], kind="stable")
        picks = [other for other in order if others[other]][:PICKS]
        ahead = {names[other] for other in order if score[place, other] >= score[place, place] and names[other] != name}
        best = np.sort(true[place, others])[::-1][:PICKS]
        numbers = (true[place, picks].mean(), true[place, others].mean(), best.mean(), len(ahead) < 1, len(ahead) < 5)
        found.append([round(float(number), 5) for number in numbers])
    return found


def summary(outcomes: Array, systems: Sequence[str]) -> dict[str, list[float]]:
    """Means with 95 % intervals from a bootstrap over chemical systems."""
    names, group = np.unique(np.array(systems), return_inverse=True)
    sums = np.stack([np.bincount(group, weights=column) for column in [*outcomes.T, np.ones(len(outcomes))]])
    draws = np.random.default_rng(SEED).multinomial(len(names), np.full(len(names), 1 / len(names)), size=2000)
    ratios: dict[str, Callable[[Array], Array]] = {
        "closed": lambda s: (s[0] - s[1]) / (s[2] - s[1]),
        "picks": lambda s: s[0] / s[5],
        "top_1": lambda s: s[3] / s[5],
        "top_5": lambda s: s[4] / s[5],
    }
    result = {}
    for name, ratio in ratios.items():
        low, high = np.quantile(ratio(sums @ draws.T), (0.025, 0.975))
        result[name] = [round(float(number), 4) for number in (ratio(sums.sum(axis=1)), low, high)]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    path = parser.parse_args().file
    torch.set_num_threads(1)
    table = read(path)
    mark = hashlib.sha256(path.read_bytes()).hexdigest()
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    folds: dict[str, Any] = kept["folds"] if kept.get("file") == mark else {}
    splits = held_out_system(table.compositions, np.ones(len(table), dtype=bool), FOLDS, SEED)
    for split in splits:
        if str(split.fold) not in folds:
            said = scores(table, split, split.test)
            three = np.flatnonzero([len(table.compositions[row]) == 3 for row in split.test])
            folds[str(split.fold)] = {
                "all": {method: judge(table, split.test, said[method]) for method in METHODS if method != "paper"},
                "ternaries": {m: judge(table, split.test[three], said[m][np.ix_(three, three)]) for m in METHODS},
            }
            write_text(KEPT, json.dumps({"file": mark, "folds": folds}) + "\n")
            print("fold", split.fold, flush=True)
    results = {}
    for kind in ("all", "ternaries"):
        rows = [row for split in splits for row in split.test if kind == "all" or len(table.compositions[row]) == 3]
        systems = [formulas.chemical_system(table.compositions[row]) for row in rows]
        methods = [method for method in METHODS if method in folds["0"][kind]]
        joined = {m: np.array([each for split in splits for each in folds[str(split.fold)][kind][m]]) for m in methods}
        results[kind] = {"count": len(rows), "methods": {method: summary(joined[method], systems) for method in methods}}
    write_text(OUTPUT, json.dumps({"file": mark, "results": results}, indent=1) + "\n")
    write_text(PAGE, page(results, table))


def page(results: dict[str, Any], table: SpectraTable) -> str:
    """The results in Markdown."""

    def rows(kind: str) -> str:
        def cell(mean: float, low: float, high: float) -> str:
            return f"{mean:.3f} ({low:.3f}-{high:.3f})"

        return "\n".join(
            f"| {method} | {' | '.join(cell(*found[metric]) for metric in METRICS)} |"
            for method, found in results[kind]["methods"].items()
        )

    head = f"| method | {' | '.join(MEANINGS)} |\n|---|---|---|---|---|"
    return f"""# Spectra that are no density of states

    dosmith train --spectra my.parquet --out my-model       # needs dosmith[train]
    dosmith design curve.csv --model my-model               # which compositions have a spectrum like this?
    dosmith predict BaTiO3 LiCl --model my-model --format csv

You can train on any spectrum that is a vector on an axis and belongs to a formula. Give a Parquet table with the columns `formula` and `spectrum` (a list of numbers, negative ones too), and optionally `id` and `axis`. A
network sees properties of each element and of the whole composition, and adds up the contributions of the elements. It uses no crystal structure, so it predicts one spectrum for all polymorphs. Candidates are
the known compositions, and those with one element replaced by another of its group. With pandas:

    pandas.DataFrame({{"formula": formulas, "spectrum": list(matrix), "axis": [list(energies)] * len(formulas)}}).to_parquet("my.parquet")

## Shown on bonds: COHP curves

The rest of this page is written by `benchmarks/other_spectra.py`. The test uses {len(table):,} crystal orbital Hamilton population curves (A. A. Naik et al.'s LOBSTER database paper), with cation-anion bonds summed, from {table.axis[0]:g} to {table.axis[-1]:g} eV, broadened by {BROADENING} eV;
some values are negative. Split: **held-out chemical systems**, {FOLDS} folds (seed {SEED}). For each hidden target a method chooses five of the hidden curves of its fold (own
formula excluded). *Picks: cosine* is their true cosine to the target; *picks: closed* is the share of the way from random picks to the best possible ones. *Own formula* is its place among the formulas of the fold. 95 % intervals come from a bootstrap over chemical systems.

All {results["all"]["count"]:,} curves:

{head}
{rows("all")}

The {results["ternaries"]["count"]:,} ternaries, with the network of Bang et al. (2024) for ternaries ({STEPS:,} steps, element vectors from all training curves):

{head}
{rows("ternaries")}
"""


if __name__ == "__main__":
    main()
