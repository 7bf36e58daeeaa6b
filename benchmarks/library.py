"""A library of 100,000 materials, and training on one of the size of the Materials Project's DOS; written to
benchmarks/library.json and docs/library-speed.md.

    python benchmarks/library.py

The spectra are those of the open DOS set, shifted and mixed at random: for speed only. Each part runs in a process of its own,
on one core, and tells its largest memory.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

MANY, PROJECT = 100_000, 32_659
EPOCHS = 1


def build(folder: Path, count: int) -> None:
    """A library of shifted and mixed spectra on 0.05 eV grids, without spins."""
    from dosmith.designer import open_dos_set
    from dosmith.library import schema, shards

    whole = pa.concat_tables(open_dos_set().tables(range(len(open_dos_set()))))
    lengths = np.asarray(whole["dos_up"].combine_chunks().value_lengths())
    whole = whole.filter(pa.array(lengths == 401))
    curves = np.asarray(whole["dos_up"].combine_chunks().flatten()).reshape(-1, 401)
    random = np.random.default_rng(0)
    folder.mkdir()
    written: shards.Shards = {}
    for first in range(0, count, shards.ROWS):
        size = min(shards.ROWS, count - first)
        one, other = random.integers(len(whole), size=(2, size))
        share = random.uniform(0, 0.3, (size, 1))
        mixed = (1 - share) * curves[one] + share * curves[other]
        mixed = np.stack([np.roll(curve, shift) for curve, shift in zip(mixed, random.integers(-4, 5, size), strict=True)])
        table = whole.take(pa.array(one))
        lists = pa.ListArray.from_arrays(
            pa.array(np.arange(size + 1, dtype=np.int32) * 401), pa.array(mixed.astype(np.float32).ravel())
        )
        replaced = {
            "id": pa.array([f"m{n:06d}" for n in range(first, first + size)]),
            "dos_up": lists,
            "dos_down": pa.nulls(size, schema.SCHEMA.field("dos_down").type),
        }
        for name, column in replaced.items():
            table = table.set_column(schema.SCHEMA.get_field_index(name), schema.SCHEMA.field(name), column)
        written |= shards.write_shard(folder, first // shards.ROWS, table)
    shards.write_manifest(folder, {"name": f"{count:,} mixed spectra"}, written)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def reading(folder: Path) -> dict[str, float]:
    """Opening, filtering, standardising, comparing."""
    from dosmith.library import ParquetLibrary
    from dosmith.spectra.similarity import similarity
    from dosmith.spectra.standard import standardise_library

    rows: dict[str, float] = {}
    rows["open, seconds"], library = timed(lambda: ParquetLibrary(folder))
    rows["check every shard's SHA-256, once, at first use, seconds"], _ = timed(lambda: library.damaged)
    rows["filter by elements, crystal system and gap, seconds"], found = timed(
        lambda: library.select(require=["Pt"], crystal_system="cubic", gap=(0.0, 0.1))
    )
    rows["materials that pass"] = len(found)
    rows["first look-up of an id, seconds"], _ = timed(lambda: library.material("m050000"))
    seconds, (_, vectors) = timed(lambda: standardise_library(library))
    rows["read and standardise all, seconds"] = seconds
    rows["spectra of 401 points read and standardised per second"] = len(vectors) / seconds
    squares = np.einsum("ij,ij->i", vectors, vectors)  # as a Designer keeps them
    times = [timed(lambda: similarity(vectors[7], vectors, squares=squares))[0] for _ in range(30)]
    rows["cosine of one target to all, seconds"] = min(times)
    rows["on the disk, MiB"] = sum(facts["bytes"] for facts in library.manifest["shards"].values()) / 2**20
    rows["spectra"] = len(vectors)
    return rows


def training(folder: Path) -> dict[str, float]:
    """`dosmith train --library`, the paper's model, few epochs."""
    import torch

    from dosmith.library import ParquetLibrary
    from dosmith.model.paper import train_paper
    from dosmith.settings import Settings

    torch.set_num_threads(1)
    changes = {"epochs": EPOCHS, "system_epochs": 1, "autoencoder_epochs": 10}
    settings = Settings()
    full = settings.paper
    library = ParquetLibrary(folder)
    with tempfile.TemporaryDirectory() as out:
        seconds, checkpoint = timed(
            lambda: train_paper(library, Path(out) / "m", settings.model_copy(update={"paper": full.model_copy(update=changes)}))
        )
    trained = checkpoint.spec["networks"]["any"]["spectra"]
    return {
        "spectra": len(library),
        "spectra that train the network": trained,
        "epochs": EPOCHS,
        "whole training, seconds": seconds,
    }


def child(part: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, part, str(folder)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def page(results: dict[str, Any]) -> str:
    text = f"""# A library of 100,000

Written by `python benchmarks/library.py` (Python {results["python"]}, {results["machine"]}), one core. The spectra, on grids of 0.05 eV, are those of the open DOS set, shifted and
mixed at random: they show speed and nothing else. Standardising beside pymatgen stands in [speed](speed.md).
"""
    for name, title in (
        ("reading", "Reading"),
        ("training", "Training the paper's model, at the size of the Materials Project's DOS"),
    ):
        if name in results:
            text += f"\n## {title}\n\n| what | figure |\n|---|---|\n"
            for row, value in results[name].items():
                text += f"| {row} | {f'{value:,.0f}' if value >= 100 else f'{value:.3g}'} |\n"
    return text


def main() -> None:
    if len(sys.argv) == 3:
        rows = {"reading": reading, "training": training}[sys.argv[1]](Path(sys.argv[2]))
        rows["largest memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(json.dumps(rows))
        return
    results: dict[str, Any] = {"python": platform.python_version(), "machine": f"{platform.machine()}, {platform.system()}"}
    for part, count in (("reading", MANY), ("training", PROJECT)):
        with tempfile.TemporaryDirectory(prefix="dosmith-library-") as home:
            build(Path(home) / "library", count)
            results[part] = child(part, Path(home) / "library")
        print(json.dumps({part: results[part]}, indent=1), flush=True)
        Path(__file__).with_name("library.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (Path(__file__).parents[1] / "docs" / "library-speed.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
