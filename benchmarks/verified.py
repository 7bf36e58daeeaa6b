"""How many proposed materials truly have the wanted DOS: candidates that no model has seen, computed and compared with their targets.

    python benchmarks/verified.py pick [--model DIR]     which targets and candidates; trains on the training side of a fold unless given
    dosmith compute --plan benchmarks/verified/plan.parquet --ledger data/campaign/ledger
    python benchmarks/verified.py score                  writes benchmarks/verified.json and docs/verified.md

Targets are drawn from a fold of held-out chemical systems. Candidates are compositions of which the open DOS set held
nothing, neither for training nor for testing, when they were picked, each in one crystal of the survey: dosmith's own choice, for
the other methods the one of lowest energy. First those of first rank were computed, then more of dosmith's, crystals with spin last.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.benchmark.cases import PAPER
from dosmith.benchmark.data import Spectra, survey_file
from dosmith.benchmark.jobs import FORWARD, fit
from dosmith.crystals.survey import read_survey
from dosmith.crystals.surveyed import Surveyed
from dosmith.designer import open_dos_set
from dosmith.dft.plan import Entry, write_plan
from dosmith.library import ParquetLibrary
from dosmith.library.ledger import Ledger
from dosmith.models.splits import SPLITS, Split
from dosmith.settings import Settings
from dosmith.spectra.standard import Recipe, standardise

HERE = Path(__file__).parent
PLAN, PICKS = HERE / "verified" / "plan.parquet", HERE / "verified" / "picks.json"
OUTPUT, PAGE = HERE / "verified.json", HERE.parent / "docs" / "verified.md"
LEDGER = HERE.parent / "data" / "campaign" / "ledger"
FOLD, TARGETS, TOP, SEED = 0, 40, 5, 0
THRESHOLDS = (0.7, 0.8, 0.9)
RANDOM = "random"
METHODS = (FORWARD, PAPER, RANDOM)

Ranking = Iterator[tuple[Surveyed, dict[str, float]]]
"""Crystals, best first, each with what its method says of it."""


def pick(model: Path | None) -> None:
    """Draw targets, let each method propose, write the picks and their plan."""
    library, settings = open_dos_set(), Settings()
    spectra = Spectra.of(library, Recipe.from_settings(settings.spectra))
    split = SPLITS["system"](spectra.compositions, spectra.wanted, settings.benchmark.folds, settings.benchmark.seed)[FOLD]
    generator = np.random.default_rng(SEED)
    targets = sorted(generator.choice(split.test, TARGETS, replace=False).tolist())
    known = set(spectra.compositions)
    survey = [each for each in read_survey(survey_file()) if each.composition not in known]
    lowest: dict[formulas.Composition, Surveyed] = {}
    for each in survey:
        if each.composition not in lowest or each.energy < lowest[each.composition].energy:
            lowest[each.composition] = each
    rankings = {
        FORWARD: by_dosmith(spectra, split, targets, library, survey, settings, model),
        PAPER: by_paper(spectra, split, targets, library, lowest, settings),
        RANDOM: by_chance(targets, lowest, generator),
    }
    picks: list[dict[str, Any]] = []
    entries: list[Entry] = []
    chosen = {method: [distinct(ranking) for ranking in found] for method, found in rankings.items()}
    for rank in range(TOP):
        for place, row in enumerate(targets):
            for method in METHODS:
                crystal, says = chosen[method][place][rank]
                entry = as_entry(crystal)
                entries.append(entry)
                picks.append({"target": spectra.ids[row], "method": method, "rank": rank + 1, "candidate": entry.id} | says)
    facts = {
        "set": {"count": len(library), "shards": sorted(shard["sha256"] for shard in library.manifest["shards"].values())},
        "split": split.name,
        "fold": FOLD,
        "held_out": len(split.test),
        "trained_on": len(split.train),
        "seed": SEED,
    }
    PLAN.parent.mkdir(exist_ok=True)
    write_plan(entries, PLAN)
    lines = ",\n  ".join(json.dumps(each) for each in picks)
    write_text(PICKS, f'{json.dumps(facts, indent=1)[:-2]},\n "picks": [\n  {lines}\n ]\n}}\n')


def by_dosmith(
    spectra: Spectra,
    split: Split,
    targets: Sequence[int],
    library: ParquetLibrary,
    survey: Sequence[Surveyed],
    settings: Settings,
    folder: Path | None,
) -> list[Ranking]:
    """What dosmith's own model proposes, as `TightBindingModel.propose` does."""
    from dosmith.models.tight_binding.candidates import lowest, predict, prepare
    from dosmith.models.tight_binding.checkpoint import open_ensemble, save
    from dosmith.models.tight_binding.ensemble import train
    from dosmith.models.tight_binding.train import prepare_library

    if folder is not None and folder.is_dir():
        model = open_ensemble(folder)
    else:
        rows = np.array([library.row_of(spectra.ids[row]) for row in split.train], dtype=np.intp)
        seen = prepare_library(library, rows, settings.forward)
        training = [row for row, place in zip(split.train, rows, strict=True) if int(place) in seen]
        atoms = [seen[library.row_of(spectra.ids[row])] for row in training]
        compositions = [spectra.compositions[row] for row in training]
        model = train(atoms, compositions, spectra.vectors[training], spectra.recipe, settings.forward)
        if folder is not None:
            save(model, folder, library, folder.name)
    candidates = predict(model, prepare(lowest(survey, model.symbols), model.settings))
    heights = np.array([max(crystal.formation_energy, 0.0) for crystal in candidates.crystals])

    def ranked(target: NDArray[np.float64]) -> Ranking:
        similar = candidates.expected @ target.astype(np.float32)
        chances = model.calibration.probability(similar, candidates.norms)
        for place in np.argsort(-(similar - model.settings.height_penalty * heights), kind="stable"):
            said = {"expected": round(float(similar[place]), 4), "probability": round(float(chances[place]), 4)}
            yield candidates.crystals[place], said

    return [ranked(spectra.unit[row]) for row in targets]


def by_paper(
    spectra: Spectra,
    split: Split,
    targets: Sequence[int],
    library: ParquetLibrary,
    lowest: dict[formulas.Composition, Surveyed],
    settings: Settings,
) -> list[Ranking]:
    """What the paper's network proposes, trained on the same spectra."""
    scores = fit(PAPER, spectra, split, settings, library)(np.array(targets), spectra.vectors[targets])

    def ranked(row: NDArray[np.float32]) -> Ranking:
        for place in np.argsort(-row, kind="stable"):
            composition = spectra.space.composition(int(place))
            if composition in lowest:
                yield lowest[composition], {}

    return [ranked(row) for row in scores]


def by_chance(
    targets: Sequence[int], lowest: dict[formulas.Composition, Surveyed], generator: np.random.Generator
) -> list[Ranking]:
    """Compositions drawn blindly."""
    crystals = list(lowest.values())
    drawn = [generator.choice(len(crystals), TOP, replace=False) for _ in targets]
    return [iter([(crystals[place], {}) for place in places]) for places in drawn]


def distinct(ranking: Ranking) -> list[tuple[Surveyed, dict[str, float]]]:
    """The first crystal of each of the first `TOP` compositions."""
    found: dict[formulas.Composition, tuple[Surveyed, dict[str, float]]] = {}
    for crystal, says in ranking:
        found.setdefault(crystal.composition, (crystal, says))
        if len(found) == TOP:
            break
    return list(found.values())


def as_entry(crystal: Surveyed) -> Entry:
    """A crystal of the survey as something to compute."""
    structure = crystal.structure
    return Entry(
        crystal.prototype,
        tuple(site.specie.symbol for site in structure),
        np.array(structure.lattice.matrix),
        np.array(structure.frac_coords),
        crystal.energy,
        crystal.formation_energy,
        "CHGNet 0.3.0, equation of state",
    )


def score() -> None:
    """Compare what was computed with the targets, and write what was found."""
    found = scored()
    write_text(OUTPUT, json.dumps(found, indent=1) + "\n")
    write_text(PAGE, page(found))


def scored() -> dict[str, Any]:
    """The contents of `OUTPUT`, by what lies in the ledger."""
    library, asked = open_dos_set(), json.loads(PICKS.read_text())
    recipe = Recipe.from_settings(Settings().spectra)
    materials = {outcome.entry: outcome.material for outcome in Ledger(LEDGER).outcomes()}

    def unit(identifier: str) -> NDArray[np.float64] | None:
        material = materials.get(identifier)
        if material is None and identifier in library.ids:
            material = library.material(identifier)
        if material is None:
            return None
        vector = standardise(material.spectrum, recipe).values
        return np.asarray(vector / np.linalg.norm(vector))

    spectra = {name: unit(name) for each in asked["picks"] for name in (each["target"], each["candidate"])}
    failed = {name for name, material in materials.items() if material is None}
    rows: dict[str, list[tuple[str, float, float]]] = {method: [] for method in METHODS}
    lost = dict.fromkeys(METHODS, 0)
    for each in asked["picks"]:
        target, candidate = spectra[each["target"]], spectra[each["candidate"]]
        if target is None or candidate is None:
            lost[each["method"]] += each["candidate"] in failed
            continue
        rows[each["method"]].append((each["target"], float(target @ candidate), each.get("probability", np.nan)))
    results = {method: summary(found, lost[method]) for method, found in rows.items() if found}
    facts = {name: value for name, value in asked.items() if name != "picks"}
    return facts | {"targets": TARGETS, "top": TOP, "results": results}


def summary(found: Sequence[tuple[str, float, float]], failed: int) -> dict[str, Any]:
    """Shares above each threshold with 95 % intervals from a bootstrap over targets, and what the probabilities promised."""
    names = sorted({target for target, _, _ in found})
    cosines = np.array([cosine for _, cosine, _ in found])
    of_target = [np.flatnonzero([target == name for target, _, _ in found]) for name in names]
    generator = np.random.default_rng(SEED)
    draws = [np.concatenate([of_target[i] for i in generator.integers(len(names), size=len(names))]) for _ in range(2000)]

    def interval(values: NDArray[np.float64]) -> list[float]:
        low, high = np.quantile([values[draw].mean() for draw in draws], (0.025, 0.975))
        return [round(float(number), 4) for number in (values.mean(), low, high)]

    promised = np.array([probability for _, _, probability in found])
    best = [max(cosines[rows]) for rows in of_target]
    return {
        "computed": len(found),
        "failed": failed,
        "targets": len(names),
        "mean": interval(cosines),
        "above": {str(threshold): interval((cosines > threshold).astype(np.float64)) for threshold in THRESHOLDS},
        "targets_with_one_above": {str(t): round(float(np.mean([b > t for b in best])), 4) for t in THRESHOLDS},
        "promised_above_0.9": None if np.isnan(promised).any() else round(float(promised.mean()), 4),
    }


def page(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    results = found["results"]

    def cells(each: dict[str, Any]) -> str:
        shares = [f"{mean:.0%} ({low:.0%}-{high:.0%})" for mean, low, high in each["above"].values()]
        mean, low, high = each["mean"]
        return " | ".join(
            [str(each["computed"]), f"{mean:.3f} ({low:.3f}-{high:.3f})", *shares, f"{each['targets_with_one_above']['0.9']:.0%}"]
        )

    rows = "\n".join(f"| {method} | {cells(each)} |" for method, each in results.items())
    promised = results[FORWARD]["promised_above_0.9"]
    failures = ", ".join(f"{method} {each['failed']}" for method, each in results.items())
    return f"""# Candidates checked by computing them

Written by `benchmarks/verified.py`. {found["targets"]} targets from fold {found["fold"]} of the [benchmark](benchmark/README.md)'s held-out chemical
systems ({found["held_out"]} binaries; seed {found["seed"]}); each method learned from the {found["trained_on"]} other materials of the set as it then was ({found["set"]["count"]})
and proposed its {found["top"]} best compositions among those of which nothing had been computed. Then their DOS was
computed (PBE, as the rest of the set; see [computing](computing.md)), first those of rank 1, then more of dosmith's, crystals with Cr, Mn, Fe, Co or Ni last, and compared with the target. No model had seen any of these spectra.
The crystal is that in which dosmith proposes a composition, for the other methods the one of lowest energy in the CHGNet
potential; the volume is CHGNet's. 95 % intervals from a bootstrap over targets. The last column: targets with at least one computed candidate above 0.9.

| candidates of | computed | mean cosine | > 0.7 | > 0.8 | > 0.9 | targets with one > 0.9 |
|---|---|---|---|---|---|---|
{rows}

Of its candidates dosmith had said that {promised:.0%} would be above 0.9; {results[FORWARD]["above"]["0.9"][0]:.0%} are. Calculations that failed: {failures}.
What was computed here goes into the [open DOS set](../data/open-dos/README.md) when it is next built.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pick", "score"))
    parser.add_argument("--model", type=Path, help="folder of the forward model of this fold; made when it is not there")
    arguments = parser.parse_args()
    if arguments.what == "pick":
        pick(arguments.model)
    else:
        score()


if __name__ == "__main__":
    main()
