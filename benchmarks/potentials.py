"""Potentials against density-functional theory: CHGNet, which dosmith uses, and two of SevenNet, whose weights its MIT-licensed wheel holds.

python benchmarks/potentials.py [COUNT]     -> benchmarks/potentials.json, docs/potentials.md     (needs `pip install sevenn`)

Formation energies are those of the open DOS set, at its own crystals: COUNT of them, drawn at random (seed 0), against elements in the crystal
that is lowest in the same potential. Volumes of lowest energy are held against published ones by PBE (`known_solids.csv`).
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from known_solids import published
from numpy.typing import NDArray

from dosmith.atomic import write_text
from dosmith.crystals.minimum import minimum
from dosmith.crystals.sevennet import MODELS, SevenNet
from dosmith.designer import open_dos_set
from dosmith.errors import NotFoundError
from dosmith.library import Library
from dosmith.library.stability import formation_energy

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "potentials.md"
COUNT = 1500
STEP = 0.03
"""Of the logarithm of a volume."""
NEAR = 0.1
"""eV/atom above the hull."""
Energies = Callable[[Sequence["Structure"]], list[float | None]]
"""Crystals -> eV/atom."""


def chgnet() -> Energies:
    """CHGNet as dosmith has it."""
    from dosmith.crystals.potential import Potential

    return Potential().energies


def sevennet(name: str) -> Energies:
    """A model of SevenNet."""
    return SevenNet(name).energies


POTENTIALS: dict[str, Callable[[], Energies]] = {
    "CHGNet": chgnet,
    **{name: partial(sevennet, name) for name in MODELS},
}


def formation(library: Library, rows: Sequence[int], energies: Energies) -> tuple[NDArray[np.float64], float]:
    """Formation energies at some rows of a library, eV/atom, NaN where unknown; seconds for each crystal."""
    lone = [row for row, composition in enumerate(library.compositions) if len(composition) == 1]
    elements: dict[str, float] = {}
    for row, energy in zip(lone, energies([library.material(library.ids[row]).structure for row in lone]), strict=True):
        symbol = library.compositions[row][0][0]
        if energy is not None:
            elements[symbol] = min(energy, elements.get(symbol, np.inf))
    structures = [each.structure for each in library.materials(rows)]
    began = time.process_time()
    found = energies(structures)
    took = (time.process_time() - began) / len(rows)
    result = np.full(len(rows), np.nan)
    for place, (row, energy) in enumerate(zip(rows, found, strict=True)):
        if energy is not None and (formed := formation_energy(library.compositions[row], energy, elements)) is not None:
            result[place] = formed
    return result, took


def volumes(energies: Energies) -> dict[str, float]:
    """Volumes of lowest energy over the published ones, by crystal."""
    found = {}
    for each in published():
        if each.quantity == "edge":

            def energy(size: float, entry: Any = each) -> float:
                (value,) = energies([entry.entry(entry.value * float(np.exp(size / 3))).structure])
                if value is None:
                    raise NotFoundError("unknown")
                return value

            try:
                size, _ = minimum(energy, 0.0, STEP)
            except NotFoundError:
                continue
            found[each.identifier] = float(np.exp(size))
    return found


def measure(count: int) -> dict[str, Any]:
    """Errors of all potentials, of the same crystals."""
    from scipy.stats import spearmanr

    library = open_dos_set()
    computed, above, gaps = library.stated("formation_energy"), library.stated("energy_above_hull"), library.gaps
    able = [row for row in range(len(library)) if len(library.compositions[row]) > 1 and np.isfinite(computed[row])]
    rows = sorted(np.random.default_rng(0).permutation(able)[:count].tolist())
    truth, near = computed[rows], above[rows] <= NEAR
    gapped = np.array([(gaps[row] or 0.0) > 0 for row in rows])
    told = {name: (*formation(library, rows, opened := make()), volumes(opened)) for name, make in POTENTIALS.items()}
    both = np.all([np.isfinite(energies) for energies, _, _ in told.values()], axis=0)
    kinds = {"all": both, "metals": both & ~gapped, "gapped": both & gapped, "within 0.1 eV/atom of the hull": both & near}
    crystals = sorted(set.intersection(*(set(sizes) for _, _, sizes in told.values())))
    return {
        "crystals": int(both.sum()),
        "solids": len(crystals),
        "potentials": {
            name: {
                "milliseconds": 1000 * took,
                "formation": {
                    kind: {
                        "crystals": int(those.sum()),
                        "mae": float(np.abs(energies[those] - truth[those]).mean()),
                        "bias": float((energies[those] - truth[those]).mean()),
                        "spearman": float(spearmanr(energies[those], truth[those]).statistic),
                    }
                    for kind, those in kinds.items()
                },
                "volume": float(np.mean([abs(sizes[each] - 1) for each in crystals])),
                "volume_bias": float(np.mean([sizes[each] - 1 for each in crystals])),
            }
            for name, (energies, took, sizes) in told.items()
        },
    }


def page(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    energies = "".join(
        f"| {kind} | {name} | {one['crystals']:,} | {one['mae']:.3f} | {one['bias']:+.3f} | {one['spearman']:.3f} |\n"
        for kind in next(iter(found["potentials"].values()))["formation"]
        for name, each in found["potentials"].items()
        for one in [each["formation"][kind]]
    )
    sizes = "".join(
        f"| {name} | {100 * each['volume']:.1f} | {100 * each['volume_bias']:+.1f} | {each['milliseconds']:.0f} |\n"
        for name, each in found["potentials"].items()
    )
    return f"""# Potentials, measured

Written by `python benchmarks/potentials.py`. dosmith takes volumes and descriptions of each atom's surroundings from CHGNet. SevenNet is a newer potential; its code and weights are under the MIT licence. All of these potentials were
trained on relaxations of the Materials Project, and none has seen the calculations of the open DOS set.

## Formation energies

The table compares formation energies of {found["crystals"]:,} crystals of the set, in the set's own cells, with its calculations (CP2K, PBE). The energy of each element is that of its lowest crystal in the same potential.

| crystals | potential | number | mean absolute error, eV/atom | mean error, eV/atom | rank correlation |
|---|---|---|---|---|---|
{energies}
## Volumes, and what they cost

The table compares the volumes of lowest energy of {found["solids"]} solids with published all-electron ones by PBE, and gives the processor time for the energy of one crystal of the set.

| potential | mean absolute difference, % | mean difference, % | ms for each crystal |
|---|---|---|---|
{sizes}
dosmith uses CHGNet for embeddings, magnetic moments and volumes, and for the energies of your own crystals. For the crystals that come with dosmith, the heights above the hull are
those of SevenNet-0 ([what a height is worth](crystals.md#what-a-height-is-worth)). SevenNet-l3i5 is slightly better still, and takes more than twice the time.
"""


def main(count: int) -> None:
    warnings.filterwarnings("ignore")
    found = measure(count)
    write_text(OUTPUT, json.dumps(found, indent=1) + "\n")
    write_text(PAGE, page(found))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
