"""Timings, each as a ratio to a named alternative in the same run; written to benchmarks/results.json and docs/speed.md.

    make bench          (or: python benchmarks/run.py [PART ...]; parts not named stay as they were)

Whole processes are run `REPEATS` times after one warm-up and their median is given; functions are timed by their best of several.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dosmith import Designer, Recipe, __version__, open_model
from dosmith.models.paper.composition_vectors import composition_vector, slot_costs
from dosmith.models.paper.kbest import k_best
from dosmith.spectra.similarity import Curves, similarity
from dosmith.spectra.standard import standardise_batch
from dosmith.spectra.zero import energy_zeros
from dosmith.web.live import Live
from dosmith.web.messages import Query

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
    return {
        "unit": "seconds, whole process, median",
        "alternative": "bare python",
        "limit": "The time is spent on one core, mostly on imports: the second row is the least that any answer needs. Reading files takes little time.",
        "rows": rows,
    }


def fixture() -> Path:
    return Path(__file__).parents[1] / "tests" / "fixtures" / "vasprun-AlN.xml.gz"


def search() -> dict[str, Any]:
    """k best of all compositions of the set's elements, against tables of all their vectors: numpy and FAISS."""
    import faiss

    faiss.omp_set_num_threads(1)
    elements = open_model("paper").element_vectors
    generator = np.random.default_rng(0)
    rows: dict[str, Any] = {}
    for slots, largest, name in (
        (2, 3, "binaries"),
        (3, 3, "ternaries"),
        (4, 3, "quaternaries"),
        (4, 7, "quaternaries, counts to 7"),
    ):
        point = generator.normal(0, 0.6, slots * elements.length)

        def ours(point: Any = point, largest: int = largest, k: int = 5) -> Any:
            return k_best(slot_costs(point, elements, largest), elements.symbols, k)

        row: dict[str, Any] = {
            "compositions": math.comb(len(elements.symbols), slots) * len(coprime(slots, largest)),
            "seconds": best_of(ours),
            "seconds, k = 1000": best_of(lambda: ours(k=1000), 3),
            "memory, MiB": peak(ours),
        }
        if slots < 4:
            table, names = cv_table(elements, slots)
            assert len(table) == row["compositions"]
            target = point.astype(np.float32)
            flat = faiss.IndexFlatL2(table.shape[1])
            flat.add(table)

            def brute(table: Any = table, target: Any = target) -> Any:
                distances = ((table - target) ** 2).sum(axis=1)
                return np.argpartition(distances, 5)[:5]

            def by_faiss(flat: Any = flat, target: Any = target) -> Any:
                return flat.search(target[None], 5)[1][0]

            row["seconds, numpy table"], row["seconds, FAISS IndexFlatL2"] = best_of(brute, 3), best_of(by_faiss, 3)
            row["table, MiB"] = table.nbytes / 2**20
            row["read by FAISS, GB/s"] = table.nbytes / row["seconds, FAISS IndexFlatL2"] / 1e9
            row["ratio to numpy"] = row["seconds, numpy table"] / row["seconds"]
            row["ratio to FAISS"] = row["seconds, FAISS IndexFlatL2"] / row["seconds"]
            same = {composition for _, composition in ours()}
            assert same == {names[i] for i in brute()} == {names[i] for i in by_faiss()}, f"{name}: the searches disagree"
            del flat, table, names
        else:
            row["a float32 table would need, GiB"] = row["compositions"] * slots * elements.length * 4 / 2**30
        rows[name] = row
    return {
        "unit": "seconds, best; one core",
        "alternative": "numpy brute force, and FAISS's exact index, over a float32 table of all composition vectors",
        "limit": "For each target FAISS reads the whole table, so the bandwidth of the memory limits it. Our search sorts the costs of each"
        " element in each slot and follows only the best few. The calls of numpy then take most of the time; for the short table of"
        " binaries they cost as much as reading it.",
        "rows": rows,
    }


def coprime(slots: int, largest: int) -> list[tuple[int, ...]]:
    return [counts for counts in itertools.product(range(1, largest + 1), repeat=slots) if math.gcd(*counts) == 1]


def peak(call: Callable[[], Any]) -> float:
    """Most memory that a call holds at once, MiB."""
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return found


def cv_table(elements: Any, slots: int) -> tuple[Any, list[Any]]:
    names = [
        tuple((elements.symbols[e], count) for e, count in zip(chosen, counts, strict=True))
        for chosen in itertools.combinations(range(len(elements.symbols)), slots)
        for counts in coprime(slots, 3)
    ]
    index = {symbol: i for i, symbol in enumerate(elements.symbols)}
    values = elements.values.astype(np.float32)
    chosen = np.array([[index[symbol] for symbol, _ in name] for name in names])
    counts = np.array([[count for _, count in name] for name in names], dtype=np.float32)
    table = (values[chosen] * counts[:, :, None]).reshape(len(names), -1)
    np.testing.assert_allclose(table[-1], composition_vector(names[-1], elements), rtol=1e-5)
    return table, names


def spectra() -> dict[str, Any]:
    """Standardising, against pymatgen one spectrum at a time; similarity of one target to many, against pymatgen's fingerprints."""
    from pymatgen.electronic_structure.dos import CompleteDos

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

    def fingerprints() -> None:
        for mark in marks:
            CompleteDos.get_dos_fp_similarity(first, mark, metric="cosine-sim")

    vectors, sums = batch(), np.empty_like(densities)
    ours, theirs = best_of(batch, 3) / len(densities), best_of(singly, 3) / 128
    target, many = vectors[0], np.tile(vectors, (25, 1))[:100_000]
    curves = Curves(many)
    first, *marks = (
        completed(energies, each, level).get_dos_fp(fp_type="tdos") for each, level in zip(densities[:129], fermi, strict=False)
    )
    one, pymatgen = best_of(lambda: similarity(target, curves)), best_of(fingerprints, 3) / len(marks) * len(many)
    rows = {
        "standardise, spectra of 2000 points per second": {
            "per second": 1 / ours,
            "pymatgen smearing and np.interp, one by one": 1 / theirs,
            "ratio": theirs / ours,
            "numpy's cumsum of them alone, per second": len(densities)
            / best_of(lambda: np.cumsum(densities, axis=1, out=sums), 3),
        },
        "cosine of one target to 100,000 spectra, their norms known": {
            "seconds": one,
            "seconds, pymatgen's fingerprints (at the rate of 128)": pymatgen,
            "ratio": pymatgen / one,
            "read, GB/s": many.nbytes / one / 1e9,
            "numpy's sum of the same array, GB/s": many.nbytes / best_of(many.sum) / 1e9,
        },
    }
    return {
        "unit": "best, one core",
        "alternative": "pymatgen object by object",
        "limit": "Standardising passes over every point some five times (gap, integral, bins); the table gives the rate of a single running"
        " sum for comparison. The product with the Gaussian takes little time. Similarity reads every spectrum once, by BLAS; the"
        " rate of a plain sum shows what the memory allows.",
        "rows": rows,
    }


def completed(energies: Any, density: Any, fermi: float) -> Any:
    """pymatgen's DOS of a structure, which alone makes fingerprints."""
    from pymatgen.core import Structure
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.electronic_structure.dos import CompleteDos, Dos

    structure = Structure(np.eye(3) * 4, ["Al"], [[0, 0, 0]])
    return CompleteDos(structure, Dos(fermi, energies, {Spin.up: density}), {})


FEW = 40_000
"""Candidates of a smaller model."""


def with_candidates(count: int) -> Designer:
    """The default designer with so many of its model's candidates, evenly taken."""
    designer = Designer()
    atlas = designer.model.atlas
    assert atlas is not None
    places = np.linspace(0, len(atlas) - 1, count).astype(np.intp)
    vars(designer.model)["atlas"] = replace(atlas, candidates=atlas.candidates.taken(places), made_of=None)
    return designer


def calls() -> dict[str, Any]:
    """A design within a running process."""
    designer = Designer()
    designer.design("Pt3Ni")
    target = designer.target("Pt3Ni")
    generator = np.random.default_rng(0)
    known = designer.known.vectors
    shares = generator.dirichlet(np.ones(3), 10_000)
    members = generator.integers(len(known), size=(10_000, 3))
    curves = np.einsum("ij,ijk->ik", shares, known[members])
    energies = target.standard.recipe.grid.energies

    def batch() -> None:
        for curve in curves:
            designer.design((energies, curve), broadening=target.standard.recipe.broadening)

    query = Query(values=target.standard.values.tolist())
    board, few = Live(designer), with_candidates(FEW)
    few_board = Live(few)

    def both(asked: Designer, live: Live) -> dict[str, float]:
        asked.design(target)
        live.answer(query)
        return {"seconds": best_of(lambda: asked.design(target)), "board's answer, s": best_of(lambda: live.answer(query))}

    rows = {
        "design of a formula": {"seconds": best_of(lambda: designer.design("Pt3Ni"))},
        f"design of a prepared target, all {len(designer.model.atlas or ()):,} candidates": both(designer, board),
        f"the same, {FEW:,} candidates": both(few, few_board),
        "10,000 designs, one after the other": {"seconds": (whole := best_of(batch, 1)), "each, ms": whole / 10},
    }
    return {
        "unit": "seconds, best; the default model",
        "alternative": "none",
        "limit": "All candidates are scored as arrays on one core, which reads their codes once; the few hundred best and the known compositions are then looked at one by one.",
        "rows": rows,
    }


FIRST = "76eec4e2e8b132a1df9eefe653860ab2b358fbfc"
"""Revision with the first version of the forward model."""

EPOCH = """
import json, resource, sys, time
import numpy as np, torch
from pymatgen.core import Structure
from dosmith.settings import ForwardSettings
try:
    from dosmith.element_facts import valence_electrons
    from dosmith.models.tight_binding.batches import CrystalInput as Crystal
    from dosmith.models.tight_binding.fitting import fit_tight_binding
    from dosmith.models.tight_binding.lattice import Lattice
except ImportError:  # the first version
    from dosmith.forward.batches import Crystal
    from dosmith.forward.elements import valence_electrons
    from dosmith.forward.lattice import Lattice
    from dosmith.forward.training import fit_tight_binding

torch.set_num_threads(1)
given = json.load(open(sys.argv[1]))
settings, symbols = ForwardSettings(epochs=1), given["symbols"]
generator, crystals = torch.Generator().manual_seed(0), []
for each in given["structures"]:
    structure = Structure.from_dict(each)
    atoms = [site.specie.symbol for site in structure]
    features = torch.randn(len(atoms), 100, generator=generator)
    places, electrons = [symbols.index(atom) for atom in atoms], float(sum(map(valence_electrons, atoms)))
    lattice = Lattice.of(structure, settings.density, getattr(settings, "reach", 2.4))
    crystals.append(Crystal(lattice, (structure.volume / len(atoms)) ** (1 / 3), places, features, electrons))
times = []
for _ in range(3):
    start = time.process_time()
    fit_tight_binding(crystals, np.array(given["vectors"]), np.array(given["energies"]), symbols, settings, 0)
    times.append(time.process_time() - start)
print(json.dumps([min(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def training() -> dict[str, Any]:
    """An epoch of the forward model's training, by its first version and by this one; in turn, twice."""
    designer = Designer()
    rows = np.random.default_rng(0).permutation(len(designer.library))[:300]
    known, vectors = designer.standard
    place = {int(row): i for i, row in enumerate(known)}
    chosen = [(m.structure, vectors[place[int(r)]]) for r, m in zip(rows, designer.library.materials(rows.tolist()), strict=True)]
    chosen = [(structure, vector) for structure, vector in chosen if structure is not None and len(structure) <= 12]
    given = {
        "symbols": sorted({site.specie.symbol for structure, _ in chosen for site in structure}),
        "structures": [structure.as_dict() for structure, _ in chosen],
        "vectors": [(vector / np.linalg.norm(vector)).tolist() for _, vector in chosen],
        "energies": Recipe().grid.energies.tolist(),
    }
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", FIRST, "src"], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        (file := Path(folder) / "given.json").write_text(json.dumps(given), encoding="utf-8")

        def epoch(source: Path) -> list[float]:
            environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                [sys.executable, "-c", EPOCH, str(file)], check=True, capture_output=True, env=environment, text=True
            )
            return list(json.loads(done.stdout.splitlines()[-1]))

        found = [(epoch(Path(folder) / "src"), epoch(root / "src")) for _ in range(2)]
    first, now = (np.min([pair[which] for pair in found], axis=0) for which in (0, 1))
    rows_of_page = {
        f"an epoch of {len(chosen)} crystals": {
            "seconds": now[0],
            "first version, seconds": first[0],
            "ratio": first[0] / now[0],
            "memory of the process, MiB": now[1],
            "first version, MiB": first[1],
        }
    }
    return {
        "unit": "seconds of the processor, best; one core",
        "alternative": "its first version",
        "limit": "LAPACK takes a third of the time to diagonalise matrices of 9 to 108 rows, one after the other. Folds are independent, so"
        " several processes would make it faster.",
        "rows": rows_of_page,
    }


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    text = f"""# Speed

Written by `make bench` (dosmith {results["dosmith"]}, Python {results["python"]}, {results["machine"]}); each ratio compares times of the same run.
"""
    titles = {
        "processes": "Whole processes",
        "search": "Exact search",
        "spectra": "Spectra",
        "calls": "Within a running process",
        "training": "Training the forward model",
    }
    for name, title in titles.items():
        part = results[name]
        text += f"\n## {title}\n\n{part['unit']}; alternative: {part['alternative']}.\n\nLimit: {part['limit']}\n\n| what | figures |\n|---|---|\n"
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
    output = Path(__file__).with_name("results.json")
    before = json.loads(output.read_text(encoding="utf-8"))
    for part in (processes, search, spectra, calls, training):
        results[part.__name__] = part() if not sys.argv[1:] or part.__name__ in sys.argv[1:] else before[part.__name__]
        print(json.dumps({part.__name__: results[part.__name__]}, indent=1), flush=True)
    output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (Path(__file__).parents[1] / "docs" / "speed.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
