"""How the cost of an atlas grows, and how fast an exact search over a million expected spectra is, beside NumPy and FAISS in the same run.

    python benchmarks/atlas.py [LARGEST]

Crystals are those of the shipped model, their spectra mixed by twos, so that sizes can be had that nobody has predicted yet. Adding, opening
and searching are done by processes of their own, whose largest memory is told; the times of searches are medians of many targets, the
computed spectra of the open DOS set. Every answer is compared with a scan over all codes. Into benchmarks/atlas.json and docs/atlas-speed.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).with_name("atlas.json")
PAGE = Path(__file__).parents[1] / "docs" / "atlas-speed.md"
LIST = Path(__file__).parents[1] / "data" / "survey" / "expected.parquet"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
TOP = 20
TARGETS = 40
BATCH = 8_192
EVERY = 5
"""Of the shipped crystals, one is mixed."""
PREDICTED, ATOMS = 1_024, (2, 6, 12)
MASK = {"exclude": ("Pt", "Pd", "Rh", "Ir", "Au"), "price": 100.0}


def base() -> tuple[Any, Any]:
    """Rows of the shipped model's crystals, and the basis."""
    from dosmith.atlas import AtlasCrystal
    from dosmith.atlas.schema import to_table
    from dosmith.models.registry import open_model
    from dosmith.spectra.code import Basis

    model: Any = open_model("dosmith")
    whole = model.atlas.candidates
    candidates = whole.taken(np.arange(0, len(whole.crystals), EVERY))
    basis = Basis.of(candidates.expected, model.recipe)
    rows = [AtlasCrystal.of_survey(*each, "shipped") for each in zip(candidates.crystals, candidates.expected, strict=True)]
    return to_table(rows, basis), basis


def fill(folder: Path, size: int) -> None:
    """Add so many rows, in batches."""
    import pyarrow as pa

    from dosmith.atlas import Atlas
    from dosmith.atlas.schema import SCHEMA

    table, basis = base()
    codes = np.asarray(table["code"].combine_chunks().flatten()).reshape(len(table), -1)
    generator = np.random.default_rng(7)
    atlas = Atlas.at(folder, f"{size:,} mixed", lambda: basis)
    began = time.perf_counter()
    for first in range(0, size, BATCH):
        count = min(BATCH, size - first)
        one, other = generator.integers(0, len(table), (2, count))
        share = generator.random((count, 1))
        mixed = np.rint(share * codes[one] + (1 - share) * codes[other]).astype(np.int16)
        part = table.take(pa.array(one))
        lists = pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32) * codes.shape[1]), pa.array(mixed.ravel()))
        part = part.set_column(SCHEMA.get_field_index("code"), SCHEMA.field("code"), lists)
        ids = pa.array([f"mixed-{number}" for number in range(first, first + count)])
        part = part.set_column(0, SCHEMA.field("id"), ids)
        atlas.add_table(part, basis.decode(mixed).astype(np.float32))
    added = time.perf_counter()
    _ = atlas.index
    tell(adding_s=added - began, index_s=time.perf_counter() - added, stored_bytes=atlas.summary()["bytes_stored"])


def targets(recipe: Any) -> Any:
    """Standard vectors of computed spectra."""
    from dosmith.designer import open_dos_set
    from dosmith.known import KnownSpectra

    library = open_dos_set()
    known = KnownSpectra(library, recipe)
    chosen = np.random.default_rng(11).choice(len(library), 2 * TARGETS, replace=False)
    found = [known.vector(library.ids[row]) for row in chosen]
    return [vector for vector in found if vector is not None][:TARGETS]


def look(folder: Path, wanted: Path) -> None:
    """Open, and search for each target with a mask and without."""
    from dosmith.atlas import Atlas, search
    from dosmith.constraints import Constraints

    began = time.perf_counter()
    atlas = Atlas(folder)
    index, basis = atlas.index, atlas.basis
    opened = time.perf_counter() - began
    vectors = np.load(wanted)
    constraints = Constraints.of(exclude=MASK["exclude"])
    plain, masked, read, answers = [], [], [], []
    search(index, basis, vectors[0], TOP)  # what is mapped is read from the disk once
    index.fits(constraints, price=MASK["price"])
    for vector in vectors:
        began = time.perf_counter()
        found = search(index, basis, vector, TOP)
        plain.append(time.perf_counter() - began)
        began = time.perf_counter()
        fits = index.fits(constraints, price=MASK["price"])
        with_mask = search(index, basis, vector, TOP, fits)
        masked.append(time.perf_counter() - began)
        read.append(found.read)
        answers.append([found.rows.tolist(), with_mask.rows.tolist()])
    (folder / "answers.json").write_text(json.dumps(answers))
    tell(
        open_s=opened,
        search_s=middle(plain),
        masked_s=middle(masked),
        best_s=min(plain),
        best_masked_s=min(masked),
        read=float(np.median(read)),
    )


def scan(folder: Path, wanted: Path, by: str) -> None:
    """The same by a scan over all codes in single precision: NumPy, or FAISS's exact index."""
    from dosmith.atlas import Atlas, similarities
    from dosmith.atlas.index import HEAD
    from dosmith.constraints import Constraints
    from dosmith.spectra.code import STEPS

    atlas = Atlas(folder)
    index, basis, vectors = atlas.index, atlas.basis, np.load(wanted)
    whole = np.concatenate([index.head[:, :HEAD], index.tail.astype(np.float32) / STEPS], axis=1)
    fits = index.fits(Constraints.of(exclude=MASK["exclude"]), price=MASK["price"])
    answers = json.loads((folder / "answers.json").read_text())
    took: dict[str, list[float]] = {"search_s": [], "masked_s": []}
    flat = None
    if by == "faiss":
        import faiss

        flat = faiss.IndexFlatIP(whole.shape[1])
        flat.add(whole)
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.flatnonzero(fits)))
    wrong = 0
    for vector, expected in zip(vectors, answers, strict=True):
        wish = basis.coordinates(vector).astype(np.float32)
        for number, (name, mask) in enumerate((("search_s", None), ("masked_s", fits))):
            began = time.perf_counter()
            if flat is not None:
                flat.search(wish[None], TOP, params=None if mask is None else chosen)
            else:
                scores = whole @ wish
                if mask is not None:
                    scores[~mask] = -np.inf
                best = np.argpartition(-scores, TOP)[:TOP]
                best[np.argsort(-scores[best])]
            took[name].append(time.perf_counter() - began)
            if by == "numpy":
                exact = similarities(index, basis, vector)
                if mask is not None:
                    exact[~mask] = -np.inf
                wrong += np.argsort(-exact, kind="stable")[:TOP].tolist() != expected[number]
    tell(**{name: middle(values) for name, values in took.items()}, best_s=min(took["search_s"]), wrong=wrong)


def predict(folder: Path, atoms: int) -> None:
    """Predict crystals of the shipped list that have so many atoms, as `dosmith model candidates` does: the start of its processes counts."""
    from dosmith import processes
    from dosmith.crystals.kinds import kind_of
    from dosmith.crystals.survey import read_survey
    from dosmith.models.registry import open_model
    from dosmith.models.tight_binding.expected_spectra import expected_spectra

    model: Any = open_model("dosmith")
    crystals = [each for each in read_survey(LIST) if sum(kind_of(each.prototype).counts) == atoms]
    chosen = [crystals[place] for place in np.random.default_rng(3).choice(len(crystals), PREDICTED, replace=False)]
    cores = os.cpu_count() or 1
    began = time.perf_counter()
    with processes.side_by_side(cores) as pool:
        found = expected_spectra(model.ensemble, chosen, folder, pool)
    took = time.perf_counter() - began
    tell(took_s=took, predicted=len(found.crystals), prototypes=len({each.prototype for each in chosen}))


def middle(values: list[float]) -> float:
    return float(np.median(values))


def tell(**facts: Any) -> None:
    most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))  # since exec
    print(json.dumps(facts | {"memory_mib": int(most.split()[1]) / 1024}))


def apart(*arguments: object) -> dict[str, Any]:
    """What a step tells that runs in a process of its own."""
    command = [sys.executable, __file__, "--step", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(largest: int) -> None:
    from dosmith.models.registry import open_model

    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="dosmith-atlas-") as scratch:
        wanted = Path(scratch) / "targets.npy"
        model: Any = open_model("dosmith")
        np.save(wanted, np.array(targets(model.recipe)))
        for size in (size for size in SIZES if size <= largest):
            folder = Path(scratch) / str(size)
            rows[str(size)] = {"adding": apart("fill", folder, size), "ours": apart("look", folder, wanted)}
            for by in ("numpy", "faiss"):
                rows[str(size)][by] = apart("scan", folder, wanted, by)
            print(size, json.dumps(rows[str(size)]), flush=True)
        predicting = {str(atoms): apart("predict", Path(scratch) / f"atoms-{atoms}", atoms) for atoms in ATOMS}
    facts = {"cores": os.cpu_count(), "top": TOP, "targets": TARGETS, "batch": BATCH}
    results = {"facts": facts, "sizes": rows, "predicting": predicting}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


def page(results: dict[str, Any]) -> str:
    """The page of the results."""
    facts, sizes = results["facts"], results["sizes"]
    largest = sizes[max(sizes, key=int)]
    lines = [
        "# What an atlas costs",
        "",
        "Written by `python benchmarks/atlas.py`. The atlases hold crystals of the included model, whose spectra were mixed in pairs to get more of them. Adding, opening and searching each run in a separate",
        f"process. A search finds the {facts['top']} best. Times are medians over {facts['targets']} targets, computed spectra of the open DOS set, with the fastest in brackets.",
        f"The mask leaves out {', '.join(MASK['exclude'])} and crystals that cost more than {MASK['price']:g} USD/kg. Machine: {facts['cores']} cores, shared with other work.",
        "",
        "| crystals | adding, per 1,000 | memory | stored | first index | opening | search | search with a mask | codes read whole | memory |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size, row in sizes.items():
        add, ours = row["adding"], row["ours"]
        lines.append(
            f"| {int(size):,} | {add['adding_s'] / int(size) * 1e6:,.0f} ms | {add['memory_mib']:,.0f} MiB | {add['stored_bytes'] / 2**20:,.1f} MiB"
            f" | {add['index_s']:.2f} s | {ours['open_s']:.3f} s | {ours['search_s'] * 1e3:.1f} ms ({ours['best_s'] * 1e3:.1f})"
            f" | {ours['masked_s'] * 1e3:.1f} ms ({ours['best_masked_s'] * 1e3:.1f}) | {ours['read']:,.0f} | {ours['memory_mib']:,.0f} MiB |"
        )
    lines += [
        "",
        "For comparison, scans over all of the same codes in single precision, in the same run:",
        "",
        "| crystals | dosmith | NumPy | FAISS IndexFlatIP | with a mask: dosmith | NumPy | FAISS | memory: dosmith | NumPy | FAISS |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size, row in sizes.items():
        cells = [f"{row[by][name] * 1e3:.1f} ms" for name in ("search_s", "masked_s") for by in ("ours", "numpy", "faiss")]
        cells += [f"{row[by]['memory_mib']:,.0f} MiB" for by in ("ours", "numpy", "faiss")]
        lines.append(f"| {int(size):,} | {' | '.join(cells)} |")
    wrong = sum(row["numpy"]["wrong"] for row in sizes.values())
    lines += [
        "",
        f"Answers that differed from a scan over all codes in double precision: {wrong} of {2 * facts['targets'] * len(sizes)}."
        f" Of {int(max(sizes, key=int)):,} codes, {largest['ours']['read']:,.0f} had to be read whole.",
    ]
    lines += [
        "",
        "Before crystals are searched they are predicted, potential, five networks and gap of each included. Random crystals of the included list, the start of the processes counted:",
        "",
        "| atoms in the cell | crystals | prototypes | crystals a second, on all cores |",
        "|---|---|---|---|",
    ]
    for atoms, row in results["predicting"].items():
        lines.append(f"| {atoms} | {row['predicted']:,} | {row['prototypes']} | {row['predicted'] / row['took_s']:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        step, folder, *rest = sys.argv[2:]
        if step == "fill":
            fill(Path(folder), int(rest[0]))
        elif step == "look":
            look(Path(folder), Path(rest[0]))
        elif step == "predict":
            predict(Path(folder), int(rest[0]))
        else:
            scan(Path(folder), Path(rest[0]), rest[1])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else SIZES[-1])
