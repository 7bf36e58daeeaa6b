"""Whose DOS is it: what the errors of a shipped forward model are like, and what its probabilities of a composition are worth.

    python benchmarks/identity.py [MODEL]     writes identity.safetensors beside its checkpoint.json, and docs/identity.md

Learned from what each member expects of the crystals that it did not see (`held_out.py`). The page is of one half of the chemical systems,
with what was learned from the other, and the other way round.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from held_out import HeldOut, amend, held_out, opened_forward
from numpy.typing import NDArray

from dosmith.atomic import write_text
from dosmith.benchmark.metrics import calibration
from dosmith.compositions import Compositions
from dosmith.crystals.existence import MADE
from dosmith.models.identity import FILE, Identity, best_by_composition, learn_identity, states_apart
from dosmith.spectra.count import Electrons
from dosmith.spectra.grid import EnergyGrid, Window

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "identity.md"
TOP = (1, 5, 50)
WINDOWS = (Window(-5.0, 5.0), Window(-6.0, 2.0), Window(-4.0, 4.0), Window(-2.0, 2.0))


def measured(
    found: HeldOut,
    counted: NDArray[np.bool_] | None = None,
    states: bool = False,
    real: bool = False,
    among: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Ranks and probabilities on chemical systems that nothing was learned from; of curves that are known at some points.

    Args:
        found: held-out predictions.
        counted: points that are known, shape (points,); all when None.
        states: whether numbers of states in the cell count too.
        real: whether probabilities to exist count.
        among: which crystals may be targets, shape (M,); all when None.
    """
    names = np.unique(np.array(found.systems), return_inverse=True)[1]
    halves = np.random.default_rng(0).integers(0, 2, names.max() + 1)[names].astype(bool)
    ranks: list[int] = []
    parts = []
    for half in (halves, ~halves):
        learned = learned_from(found, half)
        learned = learned if counted is None else learned.within(counted)
        best, own = best_by_composition(
            learned,
            found.vectors[~half],
            found.expected[~half],
            [c for c, h in zip(found.compositions, half, strict=True) if not h],
            tuple(each[~half] for each in in_cells(found, half, counted)) if states else None,  # type: ignore[arg-type]
            found.chances[~half] if real else None,
            None if among is None else np.flatnonzero(among[~half]),
        )
        likely = [learned.probabilities(row) for row in best]
        first = [int(row.argmax()) for row in likely]
        parts.append(
            {
                "probability": [float(row[place]) for row, place in zip(likely, first, strict=True)],
                "match": [float(place == mine) for place, mine in zip(first, own, strict=True)],
            }
        )
        ranks += [int((row >= row[mine]).sum()) for row, mine in zip(best, own, strict=True)]
    return {
        "targets": len(ranks),
        "compositions": len(set(found.compositions)) // 2,
        "top": {str(top): float(np.mean(np.array(ranks) <= top)) for top in TOP},
        "calibration": calibration(parts),
    }


def learned_from(found: HeldOut, chosen: NDArray[np.bool_]) -> Identity:
    """What the errors of some of the crystals are like."""
    compositions = [c for c, taken in zip(found.compositions, chosen, strict=True) if taken]
    expected, vectors = found.expected[chosen], found.vectors[chosen]
    apart = states_apart(expected, vectors, compositions, found.states[chosen], EnergyGrid())
    return learn_identity(expected, vectors, compositions, apart)


def in_cells(
    found: HeldOut, chosen: NDArray[np.bool_], counted: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """States of the cells at the points that count, computed and expected, NaN where unknown; what elements bring is learned from some."""
    table, sites = Compositions.of(found.compositions), found.library.sites[found.rows]
    electrons = Electrons.learned(table.taken(np.flatnonzero(chosen)), found.vectors[chosen], found.states[chosen], EnergyGrid())
    there = np.ones(found.vectors.shape[1], dtype=np.bool_) if counted is None else counted
    computed = electrons.believed(table, found.vectors, found.states)
    inside = [each[:, there].sum(axis=1) / each.sum(axis=1) for each in (found.vectors, found.expected)]
    return computed * sites * inside[0], electrons.states(table, found.expected) * sites * inside[1]


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    found = results["calibration"]
    parts, counting, existing = (
        [
            f"| {window} | "
            + " | ".join(f"{share:.3f}" for share in each["top"].values())
            + f" | {each['calibration']['probability']:.3f}"
            f" | {each['calibration']['error']:.3f} |"
            for window, each in results[name].items()
        ]
        for name in ("windows", "with_states", "existing")
    )
    bins = [f"| {each['probability']:.2f} | {each['share']:.2f} | {each['n']:,} |" for each in found["bins"]]
    shares = ", ".join(f"first {top}: {share:.3f}" for top, share in results["top"].items())
    return f"""# Whose density of states is this?

`dosmith design CURVE --rank-by identity` ranks compositions by how likely it is that the curve belongs to them. If the curve belonged to a composition, its difference from the predicted curve would be the model's error. dosmith knows from unseen chemistry
how large such errors are and how they are correlated along the energies, and so how likely this error is ([how ways to rank compare](ranking.md)). Each answer comes with the probability that it is the right composition, provided that the right one is among those that the model or the library knows and your options allow.
The curve cannot show whether that is so.

Written by `benchmarks/identity.py`. The targets are {results["targets"]:,} crystals, each predicted by the one member of the model *{results["model"]}* that had not seen its chemical system, and so less well than by all members together. The list of possible answers has {results["compositions"]:,} compositions,
predicted in the same way. Covariance and probabilities were learned from the other half of the chemical systems. The share of targets whose own composition is among the answers is, for the {shares}.
The likeliest composition had a mean stated probability of {found["probability"]:.3f} and was right for {found["share"]:.3f} of the targets; expected calibration error {found["error"]:.3f}.

| probability | share that is right | answers |
|---|---|---|
{chr(10).join(bins)}

## Curves that are known in part

If a curve ends within the window, or if you give `--window`, only the errors at the remaining energies count. The narrower this range, the less information the curve holds:

| known, eV | first | within 5 | within 50 | mean probability of the likeliest | calibration error |
|---|---|---|---|---|---|
{chr(10).join(parts)}

## Curves whose number of states is known

A curve in states per eV also tells how many states the crystal has, whatever their energies. `--count` compares this number: per atom if the target names its atoms, else per primitive cell, if the curve is in states/eV of one (as programs write it).
What a composition should have follows from a [sum rule](../src/dosmith/spectra/count.py): the predicted curve below the energy zero holds the electrons that the atoms bring. The logarithm of the ratio follows Student's t, whose spread ({results["spread"]:.3f}) and
degrees of freedom ({results["freedom"]:.1f}) were learned with the rest. For the same targets, with the number of states of each cell:

| known, eV | first | within 5 | within 50 | mean probability of the likeliest | calibration error |
|---|---|---|---|---|---|
{chr(10).join(counting)}

## Curves of materials that exist

With `--real` you tell dosmith that the material exists. Each composition then counts with the [probability that its crystal exists](crystals.md#what-a-height-is-worth). The {results["existing"]["shape"]["targets"]:,} targets here are the crystals of the set that are known
from experiment; the list of possible answers is the same. Most crystals of this list exist, so that `--real` brings little here; it helps [among the model's own candidates](outer-ranks.md), of which most would lie above the hull.

| what counts | first | within 5 | within 50 | mean probability of the likeliest | calibration error |
|---|---|---|---|---|---|
{chr(10).join(existing)}
"""


def main(name: str) -> None:
    """Learn, measure, write."""
    opened = opened_forward(name)
    found = held_out(opened)
    results: dict[str, Any] = {"model": opened.name, "crystals": len(found.rows)} | measured(found)
    known = {f"{w.lower:g} to {w.upper:g}": w.mask(opened.recipe.grid) for w in WINDOWS}
    results["windows"] = {name: measured(found, mask) for name, mask in known.items()}
    results["with_states"] = {"all": measured(found, None, True)} | {n: measured(found, mask, True) for n, mask in known.items()}
    made = np.array([found.library.provenances[row].get("purpose") in MADE for row in found.rows.tolist()])
    results["existing"] = {
        "shape": measured(found, among=made),
        "shape, `--real`": measured(found, real=True, among=made),
        "shape and number of states": measured(found, states=True, among=made),
        "shape and number of states, `--real`": measured(found, states=True, real=True, among=made),
    }
    learned = learned_from(found, np.ones(len(found.rows), dtype=np.bool_))
    results |= {"spread": learned.spread, "freedom": learned.freedom}
    write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(results))
    amend(opened, {"identity": learned.as_dict()}, {FILE: learned.as_bytes()})
    print(results["top"], results["calibration"]["error"], learned.as_dict())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dosmith")
