"""Timings, each as a ratio to a named alternative in the same run; written to benchmarks/results.json and docs/speed.md.

    make bench          (or: python benchmarks/run.py)

Whole processes are run `REPEATS` times after one warm-up and their median is given; functions are timed by their best of several.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dosmith import Checkpoint, Designer, Recipe, __version__
from dosmith.search.kbest import k_best
from dosmith.spectra.similarity import similarity
from dosmith.spectra.standard import standardise_batch
from dosmith.spectra.zero import energy_zeros
from dosmith.vectors.compositions import composition_vector, slot_costs

REPEATS = 7


def best_of(call: Callable[[], Any], repeats: int = 7) -> float:
    """Shortest time of several calls, seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def process(*command: str) -> float:
    """Median wall time of a whole process, seconds, warm."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def processes() -> dict[str, Any]:
    dosmith = (sys.executable, "-m", "dosmith")
    bare = process(sys.executable, "-c", "pass")
    imports = process(sys.executable, "-c", "import numpy, pyarrow.parquet, onnxruntime")
    found = {
        "bare python": bare,
        "import numpy, pyarrow.parquet, onnxruntime": imports,
        "dosmith --help": process(*dosmith, "--help"),
        "dosmith design Pt3Ni": process(*dosmith, "design", "Pt3Ni"),
        "dosmith design vasprun.xml.gz": process(*dosmith, "design", str(fixture())),
        "dosmith similar Pt3Ni": process(*dosmith, "similar", "Pt3Ni"),
    }
    rows = {name: {"seconds": value, "ratio": value / bare} for name, value in found.items()}
    return {"unit": "seconds, whole process, median", "alternative": "bare python", "rows": rows}


def fixture() -> Path:
    return Path(__file__).parents[1] / "tests" / "fixtures" / "vasprun-AlN.xml.gz"


def search() -> dict[str, Any]:
    """k best of all compositions of the set's elements, against a numpy table of all their vectors."""
    checkpoint = Checkpoint.open("paper")
    elements = checkpoint.element_vectors
    generator = np.random.default_rng(0)
    rows: dict[str, Any] = {}
    for slots, name in ((2, "binaries"), (3, "ternaries"), (4, "quaternaries")):
        point = generator.normal(0, 0.6, slots * elements.length)

        def ours(point: Any = point, k: int = 5) -> Any:
            return k_best(slot_costs(point, elements, 3), elements.symbols, k)

        row: dict[str, Any] = {"seconds": best_of(ours), "seconds, k = 1000": best_of(lambda: ours(k=1000), 3)}
        if slots < 4:
            table, names = cv_table(elements, slots)
            row["compositions"] = len(table)
            target = point.astype(np.float32)

            def brute(table: Any = table, target: Any = target) -> Any:
                distances = ((table - target) ** 2).sum(axis=1)
                return np.argpartition(distances, 5)[:5]

            row["seconds, numpy table"] = best_of(brute, 3)
            row["table, MiB"] = table.nbytes / 2**20
            row["ratio"] = row["seconds, numpy table"] / row["seconds"]
            same = {names[i] for i in brute()} == {composition for _, composition in ours()}
            assert same, f"{name}: the exact search and the table disagree"
        rows[name] = row
    return {
        "unit": "seconds, best",
        "alternative": "numpy brute force over a float32 table of all composition vectors",
        "rows": rows,
    }


def cv_table(elements: Any, slots: int) -> tuple[Any, list[Any]]:
    from itertools import combinations, product
    from math import gcd

    ratios = [counts for counts in product((1, 2, 3), repeat=slots) if gcd(*counts) == 1]
    names = [
        tuple((elements.symbols[e], count) for e, count in zip(chosen, counts, strict=True))
        for chosen in combinations(range(len(elements.symbols)), slots)
        for counts in ratios
    ]
    index = {symbol: i for i, symbol in enumerate(elements.symbols)}
    values = elements.values.astype(np.float32)
    chosen = np.array([[index[symbol] for symbol, _ in name] for name in names])
    counts = np.array([[count for _, count in name] for name in names], dtype=np.float32)
    table = (values[chosen] * counts[:, :, None]).reshape(len(names), -1)
    np.testing.assert_allclose(table[-1], composition_vector(names[-1], elements), rtol=1e-5)
    return table, names


def spectra() -> dict[str, Any]:
    """Standardising, against scipy-free numpy done one spectrum at a time; similarity of one target to many."""
    generator = np.random.default_rng(0)
    energies = np.linspace(-12, 12, 2000)
    densities = generator.random((4096, 2000))
    fermi, sigma = generator.normal(0, 0.3, len(densities)), np.zeros(len(densities))

    def batch() -> Any:
        zeros, _ = energy_zeros(energies, densities, fermi, sigma)
        return standardise_batch(energies, densities, zeros, sigma)

    def singly() -> None:
        from pymatgen.electronic_structure.core import Spin
        from pymatgen.electronic_structure.dos import Dos

        for density, level in zip(densities[:128], fermi[:128], strict=True):
            smeared = Dos(level, energies, {Spin.up: density}).get_smeared_densities(0.15)[Spin.up]
            vector = np.interp(Recipe().grid.energies, energies - level, smeared)
            vector /= vector.sum() * 0.1

    vectors = batch()
    ours, theirs = best_of(batch, 3) / len(densities), best_of(singly, 3) / 128
    target, many = vectors[0], np.tile(vectors, (25, 1))[:100_000]
    rows = {
        "standardise, spectra of 2000 points per second": {
            "per second": 1 / ours,
            "pymatgen smearing and np.interp, one by one": 1 / theirs,
            "ratio": theirs / ours,
        },
        "cosine of one target to 100,000 spectra": {"seconds": best_of(lambda: similarity(target, many))},
    }
    return {"unit": "best", "alternative": "pymatgen object by object", "rows": rows}


def calls() -> dict[str, Any]:
    """A design within a running process."""
    designer = Designer()
    designer.design("Pt3Ni")
    target = designer.target("Pt3Ni")
    rows = {
        "design of a formula": {"seconds": best_of(lambda: designer.design("Pt3Ni"))},
        "design of a prepared target": {"seconds": best_of(lambda: designer.design(target))},
    }
    return {"unit": "seconds, best", "alternative": "none", "rows": rows}


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    text = f"""# Speed

Written by `make bench` (dosmith {results["dosmith"]}, Python {results["python"]}, {results["machine"]}); the ratios compare within one run.
"""
    titles = {"processes": "Whole processes", "search": "Exact search", "spectra": "Spectra", "calls": "Within a running process"}
    for name, title in titles.items():
        part = results[name]
        text += f"\n## {title}\n\n{part['unit']}; alternative: {part['alternative']}.\n\n| what | figures |\n|---|---|\n"
        for row, figures in part["rows"].items():
            text += f"| {row} | {'; '.join(f'{key}: {plain(value)}' for key, value in figures.items())} |\n"
    return text


def plain(value: float) -> str:
    """Three digits, no exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{float(f'{value:.3g}'):.6g}".replace("e-05", " x 10^-5")


def main() -> None:
    results: dict[str, Any] = {
        "dosmith": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()}",
    }
    for part in (processes, search, spectra, calls):
        results[part.__name__] = part()
        print(json.dumps({part.__name__: results[part.__name__]}, indent=1), flush=True)
    output = Path(__file__).with_name("results.json")
    output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (Path(__file__).parents[1] / "docs" / "speed.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
