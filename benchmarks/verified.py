"""How many proposed materials truly have the wanted DOS and gap: candidates that nobody had computed, computed and compared with their targets.

    python benchmarks/verified.py pick         which targets and candidates; minutes
    dosmith compute --plan benchmarks/verified/plan.parquet --ledger data/campaign/crystals
    python benchmarks/verified.py score        writes benchmarks/verified.json and docs/verified.md

Targets are binaries that one member of the shipped model has not seen, nor anything of their elements together; that member alone
predicts. Substitution and the paper's network learn from the same crystals as it. Candidates are compositions of which the
set held nothing, each in one crystal of the survey: dosmith's own choice, for the others the one of lowest energy.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from held_out import opened_forward
from numpy.typing import NDArray

from dosmith import processes
from dosmith.atomic import write_text
from dosmith.benchmark.cases import PAPER
from dosmith.benchmark.data import Spectra, survey_file
from dosmith.benchmark.jobs import FORWARD, fit
from dosmith.comparison import Comparison
from dosmith.crystals.existence import WITHIN
from dosmith.crystals.hull import potential_hull
from dosmith.crystals.survey import SurveyedCrystals, SurveyIndex, read_survey
from dosmith.crystals.surveyed import Surveyed
from dosmith.designer import open_dos_set
from dosmith.dft.plan import Entry, write_plan
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.library.ledger import Ledger
from dosmith.library.stability import FORMATION, stabilities
from dosmith.models.splits import Split
from dosmith.models.store import WEIGHTS
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.records import Material
from dosmith.settings import Settings
from dosmith.spectra.match import GAPPED, Gaps, matches
from dosmith.spectra.similarity import MATCH
from dosmith.spectra.standard import Recipe, standardise

HERE = Path(__file__).parent
PLAN, PICKS = HERE / "verified" / "plan.parquet", HERE / "verified" / "picks.json"
OUTPUT, PAGE = HERE / "verified.json", HERE.parent / "docs" / "verified.md"
LEDGERS = tuple(HERE.parent / "data" / "campaign" / name for name in ("ledger", "ready", "crystals"))
KEPT = HERE.parent / "build" / "verified"
FOLD, EACH, TOP, SEED, WORKERS = 0, 20, 3, 0, 2
SUBSTITUTION = "substitution"
METHODS = (FORWARD, SUBSTITUTION, PAPER)
CLASSES = {"gapped": True, "metals": False}
"""Kinds of targets: whether they have a gap."""

Pick = tuple[Surveyed, dict[str, float]]
"""A crystal, and what its method says of it."""


def pick() -> None:
    """Draw targets, let each method propose, write the picks and their plan."""
    library, settings, opened = open_dos_set(), Settings(), opened_forward(FORWARD)
    spectra = Spectra.of(library, Recipe.from_settings(settings.spectra))
    unseen = opened.ensemble.unseen
    number = np.array([unseen.get(system, -1) for system in spectra.systems])
    split = Split("system", FOLD, np.flatnonzero((number >= 0) & (number != FOLD)), np.flatnonzero(number == FOLD))
    asked = split.test[spectra.wanted[split.test]]
    gapped, generator = np.nan_to_num(spectra.gaps[asked]) >= GAPPED, np.random.default_rng(SEED)
    targets = {kind: generator.choice(asked[gapped == has], EACH, replace=False).tolist() for kind, has in CLASSES.items()}
    rows = [row for each in targets.values() for row in each]
    known = set(library.compositions)
    survey = [each for each in read_survey(survey_file()) if each.composition not in known]
    rankings = {
        FORWARD: by_dosmith(spectra, rows, library, survey, opened),
        **{method: by_composition(method, spectra, split, rows, library, survey, settings) for method in (SUBSTITUTION, PAPER)},
    }
    picks: list[dict[str, Any]] = []
    entries: list[Entry] = []
    for rank in range(TOP):
        for place, row in enumerate(rows):
            for method in METHODS:
                crystal, says = rankings[method][place][rank]
                entries.append(as_entry(crystal))
                picks.append({"target": spectra.ids[row], "method": method, "rank": rank + 1, "candidate": entries[-1].id} | says)
    facts = {
        "set": {"count": len(library), "shards": sorted(shard["sha256"] for shard in library.manifest["shards"].values())},
        "fold": FOLD,
        "held_out": len(split.test),
        "trained_on": len(split.train),
        "seed": SEED,
        "gapped": [spectra.ids[row] for row in targets["gapped"]],
    }
    PLAN.parent.mkdir(exist_ok=True)
    once = {entry.id: entry for entry in entries}.values()
    write_plan(sorted(once, key=lambda entry: entry.spin), PLAN)  # with spin last: they take four times as long
    lines = ",\n  ".join(json.dumps(each) for each in picks)
    write_text(PICKS, f'{json.dumps(facts, indent=1)[:-2]},\n "picks": [\n  {lines}\n ]\n}}\n')


def by_dosmith(
    spectra: Spectra, rows: Sequence[int], library: Library, survey: Sequence[Surveyed], opened: TightBindingModel
) -> list[list[Pick]]:
    """What the model answers by default, when the one member that has not seen the targets predicts alone."""
    from dosmith.models.tight_binding.candidates import with_heights
    from dosmith.models.tight_binding.expected_spectra import expected_spectra

    whole = opened.ensemble
    alone = replace(whole, members=(whole.members[FOLD],))
    kept = KEPT / f"{opened.spec['sha256'][WEIGHTS][:16]}-{FOLD}"
    with processes.workers(WORKERS) as pool:
        candidates = expected_spectra(alone, survey, kept, pool)
    candidates = with_heights(candidates, potential_hull(SurveyIndex(SurveyedCrystals(candidates.crystals)), library))
    asked = replace(opened)
    asked.__dict__["atlas"] = replace(opened.atlas, candidates=candidates, bands=None)  # in the place of the cached property

    def answer(row: int) -> list[Pick]:
        comparison = Comparison(
            spectra.vectors[row],
            spectra.recipe.grid,
            gaps=Gaps.like(float(np.nan_to_num(spectra.gaps[row]))),
            variety=Settings().design.variety,
        )
        found = asked.propose(spectra.vectors[row], TOP, comparison=comparison)
        return [
            (each.crystal, {"p_match": round(each.p_match or 0.0, 4), "p_exists": round(each.p_exists or 0.0, 4)})
            for each in found
            if each.crystal is not None
        ]

    return [answer(row) for row in rows]


def by_composition(
    method: str,
    spectra: Spectra,
    split: Split,
    rows: Sequence[int],
    library: Any,
    survey: Sequence[Surveyed],
    settings: Settings,
) -> list[list[Pick]]:
    """What a method that scores compositions proposes, each in its crystal of lowest energy."""
    stable: dict[Composition, Surveyed] = {}
    for each in survey:
        if each.composition not in stable or each.energy < stable[each.composition].energy:
            stable[each.composition] = each
    scores = fit(method, spectra, split, settings, library)(np.array(rows), spectra.vectors[list(rows)])

    def best(row: NDArray[np.float32]) -> Iterator[Pick]:
        for place in np.argsort(-row, kind="stable"):
            composition = spectra.space.composition(int(place))
            if composition in stable:
                yield stable[composition], {}

    return [[found for found, _ in zip(best(row), range(TOP), strict=False)] for row in scores]


def as_entry(crystal: Surveyed) -> Entry:
    """A crystal of the survey as something to compute."""
    return Entry.of(
        crystal.structure,
        crystal.prototype,
        potential_energy=crystal.energy,
        volume_from="CHGNet 0.3.0, equation of state",
        purpose="verification",
        **{FORMATION[crystal.potential]: crystal.formation_energy},
    )


def score() -> None:
    """Compare what was computed with the targets, and write what was found."""
    found = scored()
    write_text(OUTPUT, json.dumps(found, indent=1) + "\n")
    write_text(PAGE, page(found))


def scored() -> dict[str, Any]:
    """The contents of `OUTPUT`, by what lies in the set and in the ledger."""
    library, asked = open_dos_set(), json.loads(PICKS.read_text())
    recipe = Recipe.from_settings(Settings().spectra)
    names = {each["candidate"] for each in asked["picks"]}
    outcomes = {each.entry: each for ledger in LEDGERS for each in Ledger(ledger).outcomes()}
    everything = [each.material for each in outcomes.values() if each.material is not None]
    stable = stabilities([each for each in everything if each.provenance["settings"] == "converged"])
    computed = {each.id: each for each in everything if each.id in names}
    heights = {name: stable[name].above_hull for name in computed if name in stable}

    def unit(material: Material) -> NDArray[np.float64]:
        vector = standardise(material.spectrum, recipe).values
        return np.asarray(vector / np.linalg.norm(vector))

    targets = {name: library.material(name) for name in {each["target"] for each in asked["picks"]}}
    wanted = {name: (unit(each), Gaps.like(each.spectrum.gap or 0.0)) for name, each in targets.items()}
    units = {name: unit(each) for name, each in computed.items()}
    rows = []
    for each in asked["picks"]:
        if (material := computed.get(each["candidate"])) is not None:
            vector, gaps = wanted[each["target"]]
            cosine = float(vector @ units[each["candidate"]])
            match = matches(np.array([cosine]), np.array([material.spectrum.gap or 0.0]), gaps)
            height = heights.get(each["candidate"])
            rows.append(each | {"cosine": cosine, "match": bool(match[0]), "height": height})
    gapped = set(asked["gapped"])
    results = {
        method: {
            kind: summary(
                [
                    row
                    for row in rows
                    if row["method"] == method and kind in ("all", ("metals", "gapped")[row["target"] in gapped])
                ]
            )
            for kind in (*CLASSES, "all")
        }
        for method in METHODS
    }
    failed = sorted(name for name in names & outcomes.keys() if outcomes[name].material is None)
    facts = {name: value for name, value in asked.items() if name not in ("picks", "gapped")}
    return facts | {"targets": len(targets), "top": TOP, "asked": len(asked["picks"]), "failed": failed, "results": results}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shares with 95 % intervals from a bootstrap over targets, and what the probabilities promised."""
    names = sorted({row["target"] for row in rows})
    of_target = [np.flatnonzero([row["target"] == name for row in rows]) for name in names]
    generator = np.random.default_rng(SEED)
    draws = [np.concatenate([of_target[i] for i in generator.integers(len(names), size=len(names))]) for _ in range(2000)]

    def interval(values: Sequence[float]) -> list[float]:
        found = np.array(values, dtype=np.float64)
        low, high = np.quantile([found[draw].mean() for draw in draws], (0.025, 0.975))
        return [round(float(number), 4) for number in (found.mean(), low, high)]

    low = [row["height"] is not None and row["height"] <= WITHIN for row in rows]
    match = [row["match"] for row in rows]
    promised = [row["p_match"] for row in rows if "p_match" in row]
    return {
        "computed": len(rows),
        "cosine": interval([row["cosine"] for row in rows]),
        "above": interval([row["cosine"] > MATCH for row in rows]),
        "match": interval(match),
        "low": interval(low),
        "unknown": sum(row["height"] is None for row in rows),
        "both": interval([a and b for a, b in zip(match, low, strict=True)]),
        "by_rank": [_share([row["match"] for row in rows if row["rank"] == rank]) for rank in range(1, TOP + 1)],
        "targets_with_one": round(float(np.mean([any(match[row] for row in each) for each in of_target])), 4),
        "promised": round(float(np.mean(promised)), 4) if promised else None,
    }


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def page(found: Mapping[str, Any]) -> str:
    """The results in Markdown."""
    results = found["results"]

    def told(value: Sequence[float]) -> str:
        mean, low, high = value
        return f"{mean:.0%} ({low:.0%}-{high:.0%})"

    def line(method: str, kind: str) -> str:
        each = results[method][kind]
        cells = [
            method,
            kind,
            str(each["computed"]),
            f"{each['cosine'][0]:.3f}",
            *(told(each[name]) for name in ("above", "match", "low", "both")),
            f"{each['targets_with_one']:.0%}",
        ]
        return f"| {' | '.join(cells)} |"

    rows = "\n".join(line(method, kind) for method in METHODS for kind in ("all", *CLASSES))
    ranks = "\n".join(
        f"| {method} | "
        + " | ".join("-" if share is None else f"{share:.0%}" for share in results[method]["all"]["by_rank"])
        + " |"
        for method in METHODS
    )
    ours = results[FORWARD]
    unknown = ", ".join(f"{method} {results[method]['all']['unknown']}" for method in METHODS)
    done = sum(results[method]["all"]["computed"] for method in METHODS)
    failed = ", ".join(found["failed"]) or "none"
    return f"""# Candidates checked by computing them

Written by `benchmarks/verified.py`. The {found["targets"]} targets, {EACH} with a gap and {EACH} metals, are from the {found["held_out"]:,} crystals whose chemical systems one member
of the included model has not seen (seed {found["seed"]}). Only that member made the predictions. Substitution and the paper's network learned from the same {found["trained_on"]:,} crystals of the set (of {found["set"]["count"]:,}).
Each method proposed its {found["top"]} best compositions among those of which nothing had been computed here; dosmith chose from the simple crystals of the survey. These candidates were then
computed (PBE, as the rest of the set; see [computing](computing.md)), first ranks first and magnets last: {done} of {found["asked"]} so far; failed: {failed}.
For dosmith the crystal is the one that it proposes; for the other methods it is the one of lowest energy in the CHGNet
potential. The volume is CHGNet's. A match is a cosine above {MATCH:g} and a gap that agrees ([choosing](choosing.md) defines it). The height is measured above the hull of everything
computed here; unknown heights count as too high ({unknown}). 95 % intervals come from a bootstrap over targets. The last column gives the share of targets with at least one match.

| candidates of | targets | computed | mean cosine | > 0.9 | match | within {WITHIN:g} eV/atom | match and within | targets with a match |
|---|---|---|---|---|---|---|---|---|
{rows}

Matches by rank:

| candidates of | {" | ".join(f"rank {rank}" for rank in range(1, TOP + 1))} |
|---|{"---|" * TOP}
{ranks}

dosmith had predicted that {ours["all"]["promised"]:.0%} of its candidates would match (for gapped targets {ours["gapped"]["promised"]:.0%}, for metals {ours["metals"]["promised"]:.0%});
{ours["all"]["match"][0]:.0%} do ({ours["gapped"]["match"][0]:.0%} and {ours["metals"]["match"][0]:.0%}). Its probabilities were calibrated on held-out crystals, the targets among them. Its ranking also considers how likely it is
that a crystal exists, which the other methods cannot do. The crystals computed here will be part of the [open DOS set](../data/open-dos/README.md) when it is next built.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pick", "score"))
    {"pick": pick, "score": score}[parser.parse_args().what]()


if __name__ == "__main__":
    main()
