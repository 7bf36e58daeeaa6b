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
from dosmith.models.identity import FILE, best_by_composition, learn_identity
from dosmith.spectra.grid import Window

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "identity.md"
TOP = (1, 5, 50)
WINDOWS = (Window(-5.0, 5.0), Window(-6.0, 2.0), Window(-4.0, 4.0), Window(-2.0, 2.0))


def measured(found: HeldOut, counted: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Ranks and probabilities on chemical systems that nothing was learned from; of curves that are known at some points."""
    names = np.unique(np.array(found.systems), return_inverse=True)[1]
    halves = np.random.default_rng(0).integers(0, 2, names.max() + 1)[names].astype(bool)
    ranks: list[int] = []
    parts = []
    for half in (halves, ~halves):
        learned = learn_identity(
            found.expected[half], found.vectors[half], [c for c, h in zip(found.compositions, half, strict=True) if h]
        )
        learned = learned if counted is None else learned.within(counted)
        best, own = best_by_composition(
            learned,
            found.vectors[~half],
            found.expected[~half],
            [c for c, h in zip(found.compositions, half, strict=True) if not h],
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


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    found = results["calibration"]
    parts = [
        f"| {window} | "
        + " | ".join(f"{share:.3f}" for share in each["top"].values())
        + f" | {each['calibration']['probability']:.3f}"
        f" | {each['calibration']['error']:.3f} |"
        for window, each in results["windows"].items()
    ]
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
"""


def main(name: str) -> None:
    """Learn, measure, write."""
    opened = opened_forward(name)
    found = held_out(opened)
    results: dict[str, Any] = {"model": opened.name, "crystals": len(found.rows)} | measured(found)
    results["windows"] = {f"{w.lower:g} to {w.upper:g}": measured(found, w.mask(opened.recipe.grid)) for w in WINDOWS}
    write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(results))
    learned = learn_identity(found.expected, found.vectors, found.compositions)
    amend(opened, {"identity": learned.as_dict()}, {FILE: learned.as_bytes()})
    print(results["top"], results["calibration"]["error"], learned.as_dict())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dosmith")
