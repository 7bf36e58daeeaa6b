"""A plan of real crystals with a gap that the open DOS set lacks: python tools/plan_likely.py PLAN [--most N] [--model DIR]

Taken from the candidates of a trained model: within 0.1 eV/atom of the hull, a gap expected, no crystal of the composition in the
set. First come those of which the model is least sure for the time that they take; of one prototype, and of one element, each further one counts less.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from dosmith.designer import open_dos_set
from dosmith.dft.engine import is_magnetic
from dosmith.dft.order import cost
from dosmith.dft.plan import Entry, write_plan
from dosmith.library.ledger import Ledger
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.model import TightBindingModel

ROOT = Path(__file__).parents[1]
LEDGER = ROOT / "data" / "campaign" / "crystals"
NOBLE = frozenset({"He", "Ne", "Ar", "Kr", "Xe"})
"""They lie near any hull, held by nothing."""
NEAR_HULL, GAPPED = 0.1, 0.3
"""eV/atom, and eV: what a crystal must lie within, and have."""
LONGEST = 5e4
"""Of `cost`: a minute or so on one core."""


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--most", type=int, default=2000)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "dosmith")
    options = parser.parse_args()
    model = open_model(options.model)
    if not isinstance(model, TightBindingModel):
        raise SystemExit(f"{options.model} proposes no crystals")
    entries = chosen(model, options.most)
    write_plan(entries, options.plan)
    print(f"{len(entries):,} crystals in {options.plan}, the longest of cost {max(map(cost, entries), default=0):,.0f}")


def chosen(model: TightBindingModel, most: int) -> list[Entry]:
    """The crystals, most useful first."""
    atlas = model.atlas
    tried = {outcome.material.composition for outcome in Ledger(LEDGER).outcomes() if outcome.material is not None}
    known = set(open_dos_set().compositions) | tried
    wanted = (atlas.heights.above < NEAR_HULL) & (atlas.gaps > GAPPED)
    doubts = 1 - np.linalg.norm(atlas.candidates.at(np.arange(len(atlas))), axis=1)
    worth: list[tuple[float, Entry]] = []
    for place in np.flatnonzero(wanted).tolist():
        if atlas.entries.compositions[place] in known:
            continue
        crystal = atlas.crystals[place]
        entry = Entry.of(crystal.structure, crystal.prototype, volume_from="CHGNet, as the model's candidate", purpose="likely")
        if not is_magnetic(entry.species) and NOBLE.isdisjoint(entry.species) and (takes := cost(entry)) <= LONGEST:
            worth.append((float(doubts[place]) / takes, entry))
    return in_turns(worth, most)


def in_turns(worth: list[tuple[float, Entry]], most: int) -> list[Entry]:
    """Best first; a crystal's worth is divided by one more than how often its prototype came, and by the root of how often its elements did."""
    prototypes, elements = Counter[str](), Counter[str]()
    found: list[Entry] = []
    compositions = set()
    while worth and len(found) < most:
        values = [
            value / (1 + prototypes[entry.prototype]) / (1 + max(elements[symbol] for symbol in set(entry.species))) ** 0.5
            for value, entry in worth
        ]
        _, entry = worth.pop(int(np.argmax(values)))
        if entry.composition not in compositions:
            compositions.add(entry.composition)
            prototypes[entry.prototype] += 1
            elements.update(set(entry.species))
            found.append(entry)
    return found


if __name__ == "__main__":
    main()
