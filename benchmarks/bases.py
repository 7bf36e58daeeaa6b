"""Other basis sets for single elements: python benchmarks/bases.py [--elements Ba Ca]

Equations of state of an element's ground state by every basis set of cp2k-data that comes into question, against WIEN2k's (see
equations_of_state.py). Interrupted, it goes on with what `bases.json` lacks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from unittest import mock

from equations_of_state import OUTPUT as KNOWN
from equations_of_state import elements, equation_of_state

from dosmith.atomic import write_text
from dosmith.dft import cp2k_kinds
from dosmith.errors import DosmithError

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "bases.md"
SETS = {
    "DZVP-MOLOPT-SR-GTH": "BASIS_MOLOPT",
    "TZVP-MOLOPT-SR-GTH": "BASIS_MOLOPT_UCL",
    "TZV2P-MOLOPT-SR-GTH": "BASIS_MOLOPT_UCL",
    "DZVP-MOLOPT-PBE-GTH-q10": "BASIS_MOLOPT_UZH",
    "TZVP-MOLOPT-PBE-GTH-q10": "BASIS_MOLOPT_UZH",
}
"""File of each basis set."""
PROTOCOL = "DZVP-MOLOPT-SR-GTH"
"""The set's own, of which the other benchmark tells."""


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = []
    for key, each in results.items():
        symbol, name = key.split(" ")
        if "failed" in each:
            lines.append(f"| {symbol} | {name} |  |  |  | {each['failed']} |")
            continue
        off = each["volume"] / each["WIEN2k volume"] - 1
        lines.append(
            f"| {symbol} | {name} | {each['volume']:.2f} | {each['WIEN2k volume']:.2f} | {100 * off:+.1f} | {each['delta']:.1f} |"
        )
    return f"""# Basis sets of single elements

Written by `python benchmarks/bases.py` into `benchmarks/bases.json`. For elements whose own basis in the set, {PROTOCOL}, is poor, the table also tests other basis sets of cp2k-data with the same pseudopotential. The equations of state are computed as in
[against all-electron calculations](equations-of-state.md).

| | basis | volume, Å³/atom | WIEN2k | % | Delta, meV/atom |
|---|---|---|---|---|---|
{chr(10).join(lines)}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--elements", nargs="+", default=["Ba", "Ca"])
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.is_file() else {}
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    results |= {f"{symbol} {PROTOCOL}": known[symbol] for symbol in options.elements if symbol in known}
    write(results)
    entries = {entry.species[0]: entry for entry in elements()}
    for name, file in SETS.items():
        for symbol in options.elements:
            key = f"{symbol} {name}"
            if key in results:
                continue
            files = mock.patch.object(cp2k_kinds.Kinds, "basis_files", (file,))
            try:
                with mock.patch.object(cp2k_kinds, "BASIS", name), files:
                    results[key] = equation_of_state(entries[symbol])
            except (DosmithError, RuntimeError) as error:
                results[key] = {"failed": str(error)}
            print(key, results[key], flush=True)
            write(results)


def write(results: dict[str, Any]) -> None:
    """The results, and the page of them."""
    write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
