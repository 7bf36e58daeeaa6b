"""What CHGNet's volumes are worth: DOS there and at the volume of lowest DFT energy; written to benchmarks/volumes.json and docs/volumes.md.

python benchmarks/volumes.py        (needs CP2K on PATH; what is in the JSON already is not computed again)
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from dosmith.dft.engines import engine_for
from dosmith.dft.plan import read_plan
from dosmith.dft.volume import relaxed
from dosmith.spectra.standard import standardise

ROOT = Path(__file__).parents[1]
OUTPUT = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "volumes.md"

CRYSTALS = (
    "Al-A1",
    "Si-A4",
    "Ti-A3",
    "NaBr-B1",
    "ReAl-B2",
    "MgO-B1",
    "Sn3Bi-L1_2",
    "PdH-B1",
    "SrTiO3-E2_1",
    "Pt3Rh-L1_2",
    "BaSb-B2",
    "AsS2-C1",
)
"""Of the plan: metals, insulators, and in the end two that are not stable."""


def compute(entry: Any) -> dict[str, Any]:
    engine = engine_for()
    there = engine.compute(entry.structure)
    crystal, lowest = relaxed(entry.structure, engine)
    first, second = (standardise(found.spectrum).values for found in (there, lowest))
    return {
        "volume": entry.structure.volume / len(entry.structure),
        "lowest": crystal.volume / len(crystal),
        "cosine": float(first @ second / np.sqrt((first @ first) * (second @ second))),
        "energy": (there.energy - lowest.energy) / len(crystal),
        "gaps": [there.gap, lowest.gap],
    }


def page(found: dict[str, dict[str, Any]]) -> str:
    """The results in Markdown."""
    rows = "".join(
        f"| {name} | {row['volume']:.2f} | {row['lowest']:.2f} | {100 * (row['volume'] / row['lowest'] - 1):+.1f} | {row['cosine']:.4f}"
        f" | {1000 * row['energy']:+.1f} | {row['gaps'][0]:.2f} | {row['gaps'][1]:.2f} |\n"
        for name, row in found.items()
    )
    cosines = [row["cosine"] for row in found.values()]
    off = [abs(row["volume"] / row["lowest"] - 1) for row in found.values()]
    return f"""# Volumes

Written by `python benchmarks/volumes.py`, which reads and extends `benchmarks/volumes.json`.

Crystals of the open DOS set have the volume of lowest CHGNet energy. Here they are computed at that volume and at the volume where CP2K's own energy is lowest (`dosmith compute --relax-volume`).
The cosine compares the two curves as the model sees them.

| crystal | CHGNet's volume | CP2K's, Angstrom^3/atom | difference, % | cosine | energy above the lowest, meV/atom | gap, eV | gap at the lowest |
|---|---|---|---|---|---|---|---|
{rows}
{len(found)} crystals: volumes differ by {100 * statistics.median(off):.1f} % (median; at most {100 * max(off):.1f} %), the cosine is {statistics.median(cosines):.4f} (median; at least {min(cosines):.4f}).
"""


def main() -> None:
    found: dict[str, dict[str, Any]] = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    entries = {entry.id: entry for entry in read_plan(ROOT / "data" / "campaign" / "plan.parquet")}
    for name in CRYSTALS:
        if name in found:
            continue
        found[name] = compute(entries[name])
        print(name, found[name], flush=True)
        OUTPUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
