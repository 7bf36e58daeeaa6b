"""Crystals per hour of the DFT engine, as tuned and with each piece of the tuning taken back; written to benchmarks/throughput.json and docs/throughput.md.

    python benchmarks/throughput.py        (needs CP2K on PATH, and a machine with nothing else to do)

All variants of a crystal run one after the other, `REPEATS` times over, so that what else the machine does meets all of them alike.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft import cp2k, cp2k_input
from dosmith.dft.cp2k_input import Mixing
from dosmith.dft.engine import Calculation
from dosmith.dft.engines import engine_for
from dosmith.settings import DftSettings

OUTPUT = Path(__file__).with_name("throughput.json")
PAGE = Path(__file__).parents[1] / "docs" / "throughput.md"
REPEATS = 2

CRYSTALS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "ReAl-B2": ("B2", ("Al", "Re"), 15.4),
    "Sn3Bi-L1_2": ("L1_2", ("Sn", "Bi"), 29.0),
    "Al2Y-C15": ("C15", ("Al", "Y"), 20.2),
}
"""Prototype, elements on A, B, and volume per atom in Angstrom^3: cells of 2, 4 and 6 atoms."""


@contextmanager
def own_grids() -> Iterator[None]:
    """CP2K's own four grids, each with a third of the cutoff of the one before."""
    coarsest = DftSettings().cutoff / 26
    with mock.patch.object(cp2k_input, "GRID_RATIO", 3.0), mock.patch.object(cp2k_input, "COARSEST_CUTOFF", coarsest):
        yield


@contextmanager
def broyden() -> Iterator[None]:
    """The mixing of the set's first batch, to the threshold of today."""
    with mock.patch.object(cp2k, "MIXING", (Mixing("BROYDEN", 0.3, 8, cp2k.MIXING[0].threshold, 60),)):
        yield


@contextmanager
def reference_blas() -> Iterator[None]:
    """Debian's reference BLAS and LAPACK, which CP2K gets where no OpenBLAS is installed; elsewhere nothing changes."""
    folders = [str(folder) for name in ("blas", "lapack") for folder in Path("/usr/lib").glob(f"*-linux-gnu/{name}")]
    with mock.patch.dict(os.environ, {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}):
        yield


@contextmanager
def as_is() -> Iterator[None]:
    yield


FINE_EPS: dict[str, Any] = {"eps_default": 1e-10}
NO_SPLINES: dict[str, Any] = {"dos_refinement": 6, "interpolation": 1}
VARIANTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "as tuned": ((as_is,), {}),
    "CP2K's own grids, each a third of the cutoff before": ((own_grids,), {}),
    "Broyden mixing of 30 % instead of Pulay's": ((broyden,), {}),
    "CP2K's own numerical threshold, 1e-10": ((as_is,), FINE_EPS),
    "eigenvalues on a mesh twice as fine instead of splines": ((as_is,), NO_SPLINES),
    "the reference BLAS instead of OpenBLAS": ((reference_blas,), {}),
    "all of these: before tuning": ((own_grids, broyden, reference_blas), FINE_EPS | NO_SPLINES),
}
"""What is taken back: patches and settings."""


def run(name: str, variant: str) -> Calculation:
    prototype, elements, volume = CRYSTALS[name]
    patches, changes = VARIANTS[variant]
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch())
        return engine_for(DftSettings(**changes)).compute(PROTOTYPES[prototype].structure(elements, volume))


def measure() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (prototype, elements, volume) in CRYSTALS.items():
        atoms = len(PROTOTYPES[prototype].structure(elements, volume))
        rounds = [{variant: run(name, variant) for variant in VARIANTS} for _ in range(REPEATS)]
        tuned = rounds[0]["as tuned"].spectrum.total
        rows = {}
        for variant in VARIANTS:
            calculation = rounds[0][variant]
            density = calculation.spectrum.total
            seconds = statistics.median(each[variant].seconds for each in rounds)
            rows[variant] = {
                "seconds": seconds,
                "per hour": 3600 / seconds,
                "ratio": statistics.median(each[variant].seconds / each["as tuned"].seconds for each in rounds),
                "cosine": float(density @ tuned / np.sqrt((density @ density) * (tuned @ tuned))),
                "meV/atom": 1000 * (calculation.energy - rounds[0]["as tuned"].energy) / atoms,
            }
            print(name, variant, rows[variant], flush=True)
        found[name] = {"atoms": atoms, "rows": rows}
    return found


def page(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    text = f"""# Throughput

Written by `python benchmarks/throughput.py` into `benchmarks/throughput.json`. It counts crystals per hour for one CP2K process with one thread, with the settings of the open DOS set, and with
single parts of the tuning undone. Times are medians of {REPEATS} rounds; the ratio, cosine and energy compare with the tuned run (the ratio within the same round).
"""
    for name, crystal in found.items():
        text += f"\n## {name}, {crystal['atoms']} atoms\n\n| | per hour | seconds | ratio | cosine | meV/atom |\n|---|---|---|---|---|---|\n"
        for variant, row in crystal["rows"].items():
            text += (
                f"| {variant} | {row['per hour']:.0f} | {row['seconds']:.1f} | {row['ratio']:.2f} | {row['cosine']:.4f}"
                f" | {row['meV/atom']:+.1f} |\n"
            )
    return text


def main() -> None:
    found = measure()
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
