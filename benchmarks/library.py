"""A library of 100,000 materials, and training on one of the size of the Materials Project's DOS; written to
benchmarks/library.json and docs/library-speed.md.

    python benchmarks/library.py                          (a quarter of an hour)
    python benchmarks/library.py training --epochs 440    (one part; 440 epochs are the full training)

The spectra are those of the open DOS set, shifted and mixed at random: for speed only. Each part runs in a process of its own,
on one core, and tells its largest memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

MANY, PROJECT = 100_000, 32_659
EPOCHS = 20
BATCH = 64


def mixed(count: int, rows: int) -> Iterator[pa.Table]:
    """Shifted and mixed spectra on 0.05 eV grids, without spins, in tables of so many rows."""
    from dosmith.designer import open_dos_set
    from dosmith.library import schema

    whole = pa.concat_tables(open_dos_set().tables(range(len(open_dos_set()))))
    lengths = np.asarray(whole["dos_up"].combine_chunks().value_lengths())
    whole = whole.filter(pa.array(lengths == 401))
    curves = np.asarray(whole["dos_up"].combine_chunks().flatten()).reshape(-1, 401)
    random = np.random.default_rng(0)
    for first in range(0, count, rows):
        size = min(rows, count - first)
        one, other = random.integers(len(whole), size=(2, size))
        share = random.uniform(0, 0.3, (size, 1))
        spectra = (1 - share) * curves[one] + share * curves[other]
        spectra = np.stack([np.roll(curve, shift) for curve, shift in zip(spectra, random.integers(-4, 5, size), strict=True)])
        table = whole.take(pa.array(one))
        lists = pa.ListArray.from_arrays(
            pa.array(np.arange(size + 1, dtype=np.int32) * 401), pa.array(spectra.astype(np.float32).ravel())
        )
        replaced = {
            "id": pa.array([f"m{n:06d}" for n in range(first, first + size)]),
            "dos_up": lists,
            "dos_down": pa.nulls(size, schema.SCHEMA.field("dos_down").type),
        }
        for name, column in replaced.items():
            table = table.set_column(schema.SCHEMA.get_field_index(name), schema.SCHEMA.field(name), column)
        yield table


def build(folder: Path, count: int) -> None:
    """A library of mixed spectra."""
    from dosmith.library import shards

    folder.mkdir()
    written: shards.Shards = {}
    for number, table in enumerate(mixed(count, shards.ROWS)):
        written |= shards.write_shard(folder, number, table)
    shards.write_manifest(folder, {"name": f"{count:,} mixed spectra"}, written)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def reading(folder: Path) -> dict[str, float]:
    """Opening, filtering, standardising, comparing."""
    from dosmith.library import ParquetLibrary
    from dosmith.spectra.similarity import Curves, similarity
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
    curves = Curves(vectors)  # as a Designer keeps them
    times = [timed(lambda: similarity(vectors[7], curves))[0] for _ in range(30)]
    rows["cosine of one target to all, seconds"] = min(times)
    rows["on the disk, MiB"] = sum(facts["bytes"] for facts in library.manifest["shards"].values()) / 2**20
    rows["spectra"] = len(vectors)
    return rows


def adding(folder: Path) -> dict[str, float]:
    """`ParquetLibrary.add`, as many materials at a time as `dosmith data add` gives it; making them is not counted."""
    from dosmith.library import ParquetLibrary, schema

    library = ParquetLibrary.at(folder, "my library")
    rows: dict[str, float] = {"materials of one append": BATCH}
    seconds, done, told = 0.0, 0, 0.0
    busy = 0.0
    for table in mixed(MANY, BATCH):
        materials = [schema.from_row(row) for row in table.to_pylist()]
        before = time.process_time()
        taken, added = timed(lambda materials=materials: library.add(materials))
        assert len(added) == len(materials)
        busy += time.process_time() - before
        seconds, done = seconds + taken, done + len(added)
        if done in (MANY // 10 // BATCH * BATCH, MANY):
            label = "the first" if done < MANY else "all"
            rows[f"{label} {done:,}, seconds"] = seconds
        if done >= MANY - MANY // 10:
            told += taken
    rows["the last tenth, seconds"] = told
    rows["all, seconds of the processor's time"] = busy
    rows["materials per second of the processor's time"] = MANY / busy
    again, none = timed(lambda: library.add(materials))
    assert not none
    rows["an append of what is there already, seconds"] = again
    rows["shards"] = len(library.manifest["shards"])
    return rows


def training(folder: Path, epochs: int) -> dict[str, float]:
    """`dosmith train --library`, the paper's model."""
    import torch

    from dosmith.library import ParquetLibrary
    from dosmith.models.paper.train import train_paper
    from dosmith.settings import Settings

    torch.set_num_threads(1)
    settings = Settings()
    full = settings.paper
    changes = {"epochs": epochs, "system_epochs": max(1, round(full.system_epochs * epochs / full.epochs))}
    library = ParquetLibrary(folder)
    ticks: dict[str, list[float]] = {}

    def told(what: str, done: int, whole: int, loss: float) -> None:
        ticks.setdefault(what, []).append(time.process_time())
        if sys.stderr.isatty():
            print(f"\r{what}: {done} of {whole}", end="", file=sys.stderr)

    before = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        seconds, checkpoint = timed(
            lambda: train_paper(
                library, Path(out) / "m", settings.model_copy(update={"paper": full.model_copy(update=changes)}), told
            )
        )
    busy = time.process_time() - before
    networks = {name: times for name, times in ticks.items() if name.startswith("network")}
    fitting = sum((times[-1] - times[0]) * len(times) / max(len(times) - 1, 1) for times in networks.values())
    everyone = next(iter(networks.values()))
    return {
        "spectra": len(library),
        "spectra that train the network": checkpoint.spec["networks"]["any"]["spectra"],
        "epochs": epochs,
        "further epochs for each crystal system": changes["system_epochs"],
        "whole training, seconds": seconds,
        "of the processor's time, seconds": busy,
        "share of it in the epochs of the networks": fitting / busy,
        "an epoch of the network for all crystals, seconds of the processor's time": (everyone[-1] - everyone[0])
        / (len(everyone) - 1),
    }


PARTS = {
    "reading": "Reading",
    "adding": "Adding",
    "training": "Training the paper's model, at the size of the Materials Project's DOS",
}


def child(part: str, epochs: int) -> dict[str, float]:
    """A part in a process of its own, with its largest memory."""
    with tempfile.TemporaryDirectory(prefix="dosmith-library-") as home:
        folder = Path(home) / "library"
        if part != "adding":
            build(folder, PROJECT if part == "training" else MANY)
        command = [sys.executable, __file__, part, "--epochs", str(epochs), "--folder", str(folder)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output.splitlines()[-1])) | {"load average of the machine meanwhile": os.getloadavg()[1]}


def page(results: dict[str, Any]) -> str:
    text = f"""# A library of 100,000

Written by `python benchmarks/library.py` (Python {results["python"]}, {results["machine"]}), one core. The spectra, on grids of 0.05 eV, are those of the open DOS set, shifted and
mixed at random; they are good for measuring speed only. [Speed](speed.md) compares standardising with pymatgen. Where the elapsed time is much longer than the
processor's own time, other programs used the machine; the load average, where it is given, says how many.
"""
    for name, title in PARTS.items():
        if name in results:
            text += f"\n## {title}\n\n| what | figure |\n|---|---|\n"
            for row, value in results[name].items():
                text += f"| {row} | {f'{value:,.0f}' if value >= 100 else f'{value:.3g}'} |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="parts to measure; the others stay as they are written")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the training, 2 or more")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # where a child finds its library
    given = parser.parse_args()
    if given.folder is not None:
        (part,) = given.parts
        rows = training(given.folder, given.epochs) if part == "training" else globals()[part](given.folder)
        rows["largest memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(json.dumps(rows))
        return
    file = Path(__file__).with_name("library.json")
    for part in given.parts or PARTS:
        measured = child(part, given.epochs)
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        results |= {"python": platform.python_version(), "machine": f"{platform.machine()}, {platform.system()}", part: measured}
        print(json.dumps({part: measured}, indent=1), flush=True)
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (Path(__file__).parents[1] / "docs" / "library-speed.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
