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

`dosmith design CURVE --rank-by identity` ranks compositions by how likely it is that the curve is theirs: by the error that each would mean, errors being correlated along the energies as
those on unseen chemistry are ([how ways to rank compare](ranking.md)). Beside each stands the probability that it is this composition, if it is one that the model or the library knows and the options leave;
whether it is one of these at all, the curve does not tell.

Written by `benchmarks/identity.py`. {results["targets"]:,} crystals as targets, each predicted by the one member of the model *{results["model"]}* that had not seen its chemical system, and so less well than by all members together; {results["compositions"]:,} compositions
on the list, predicted in the same way; covariance and probabilities learned from the other half of the chemical systems. The own composition is among the {shares}.
The likeliest composition was promised {found["probability"]:.3f} on average and was right in {found["share"]:.3f}; expected calibration error {found["error"]:.3f}.

| probability | share that is right | answers |
|---|---|---|
{chr(10).join(bins)}

## Curves that are known in part

Where a curve ends within the window, or `--window` says what counts, the errors of those energies alone decide. The narrower, the less a curve tells:

| known, eV | first | within 5 | within 50 | the likeliest promised | calibration error |
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
