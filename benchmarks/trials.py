"""Changes of the forward model, tried: one member of short training each, judged on held-out chemistry and on spectra of others.

    python benchmarks/trials.py "no dropout" ... [--library DIR] [--external mp-50.json.gz] [--steps 1200] [--fold 0]

Without names all of `TRIALS` are tried. Results go to benchmarks/trials.json and docs/trials.md; what is there already with the same data, steps and fold is not
trained again. Spectra of others only judge: nothing here is kept of them but means of cosines and shifts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from projections import LEAST, cosine, kind_of

from dosmith import formulas, symmetry
from dosmith.atomic import write_text
from dosmith.crystals.potential import Potential
from dosmith.designer import open_dos_set
from dosmith.errors import NotFoundError
from dosmith.library import Library, ParquetLibrary
from dosmith.models.splits import SPLITS
from dosmith.models.tight_binding.atoms import BOND_LAYERS, PLAIN_LAYERS, Atoms
from dosmith.models.tight_binding.ensemble import Label, Member, train_member, weights_of
from dosmith.models.tight_binding.features import atom_features, embeddings, moments
from dosmith.models.tight_binding.lattice import Lattice
from dosmith.models.tight_binding.projected import member_parts
from dosmith.models.tight_binding.train import computed_parts, spin_differences
from dosmith.settings import ForwardSettings
from dosmith.sources.open_set import FIRST_BASIS
from dosmith.spectra.descriptors import Band
from dosmith.spectra.similarity import unit
from dosmith.spectra.standard import Recipe, standardise_library

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "trials.md"
SHIFTS = np.arange(-1.5, 1.501, 0.05)
"""Rigid shifts of the energy axis that are tried, eV."""
SIGMA, REACH = 0.15, 3.8
"""Broadening at which spectra of others are compared, and how far to either side of the zero, eV."""
FloatArray = NDArray[np.float64]

TRIALS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "zero by filling, no shift, one spin, no f levels": {
        "zero": "filling",
        "shift_change": 0.0,
        "spin": False,
        "f_levels": False,
    },
    "all crystals count alike": {"heaviest": 1.0},
    "rare crystals count up to eight times": {"heaviest": 8.0, "usual": 400},
    "zero not shifted by surroundings": {"shift_change": 0.0},
    "zero by filling": {"zero": "filling"},
    "one spin": {"spin": False},
    "tight binding alone": {"share": 1.0},
    "plain network alone": {"share": 0.0},
    "half tight binding, half plain network": {"share": 0.5},
    "tight binding told all embeddings": {"bond_layers": PLAIN_LAYERS},
    "no dropout": {"dropout": 0.0, "plain_dropout": 0.0},
    "dropout 0.05": {"dropout": 0.05, "plain_dropout": 0.05},
    "projections not learned": {"part_weight": 0.0},
    "projections count a third": {"part_weight": 0.3},
    "projections count three times": {"part_weight": 3.0},
    "zero not shifted, half and half": {"shift_change": 0.0, "share": 0.5},
    "twice the steps": {"steps": 2},
    "three times the steps": {"steps": 3},
    "mesh of 8": {"density": 8.0},
    "orbitals changed twice as much by surroundings": {"orbital_change": 4.0},
    "pairs changed twice as much": {"pair_limit": 1.0},
    "twice as wide a network of surroundings": {"hidden": 128},
    "longest bond 3": {"reach": 3.0},
}
"""Settings that are changed; `steps` are multiples of those asked for, `bond_layers` are the embeddings that the tight binding is told."""
TITLES = {
    "all": "held out",
    "gapped": "gapped",
    "metal": "metals",
    "magnetic": "magnets",
    "element d": "d bands",
    "anion p": "anions' p bands",
    "mp": "of others",
    "mp gapped": "gapped ones",
    "mp metal": "metals",
}


@dataclass(frozen=True)
class Seen:
    """A crystal with what CHGNet sees of it, and its spectrum."""

    structure: Any
    embedded: NDArray[np.float32]
    vector: FloatArray
    more: FloatArray
    gap: float
    magnetic: bool | None
    formula: str
    prototype: str
    parts: dict[Label, FloatArray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--library", type=Path, help="folder of a library; the included set when left out")
    parser.add_argument("--external", type=Path, help="spectra of others")
    parser.add_argument("--cache", type=Path, help="where embeddings are kept")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--fold", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    library = ParquetLibrary(options.library) if options.library else open_dos_set()
    potential, recipe, largest = Potential(), Recipe(), ForwardSettings().largest_cell
    crystals = seen_of(library, recipe, largest, potential, options.cache)
    others = [] if options.external is None else theirs(options.external, potential)
    conditions = {
        "library": len(library),
        "crystals": len(crystals),
        "steps": options.steps,
        "fold": options.fold,
        "settings": ForwardSettings().model_dump(),
    }
    kept = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.is_file() else {}
    found: dict[str, Any] = kept["trials"] if kept.get("conditions") == conditions else {}
    for name in options.names or TRIALS:
        if name not in found:
            found[name] = tried(dict(TRIALS[name]), crystals, others, recipe, potential, options)
            print(name, found[name], flush=True)
            kept = {"conditions": conditions, "trials": found}
            write_text(OUTPUT, json.dumps(kept, indent=1) + "\n")
            write_text(PAGE, page(kept))


def seen_of(library: Library, recipe: Recipe, largest: int, potential: Potential, cache: Path | None) -> list[Seen]:
    """The crystals of a library that can train."""
    rows, vectors = standardise_library(library, recipe)
    known: dict[str, NDArray[np.float32]] = dict(np.load(cache)) if cache is not None and cache.is_file() else {}
    differences, parts, found = spin_differences(library, rows, recipe), computed_parts(library, rows, recipe), []
    for material, vector, more, part_of in zip(library.materials(rows.tolist()), vectors, differences, parts, strict=True):
        structure = material.structure
        if structure is None or len(structure) > largest or material.provenance.get("settings") == FIRST_BASIS:
            continue
        try:
            if material.id not in known:
                known[material.id] = embeddings(structure, potential)
        except NotFoundError:
            continue
        norm, spins = np.linalg.norm(vector), material.spectrum.spin_polarized
        one = Seen(
            structure,
            known[material.id],
            vector / norm,
            more / norm,
            material.spectrum.gap or 0.0,
            spins,
            material.formula,
            material.prototype or "other",
            {label: part / norm for label, part in part_of.items()},
        )
        found.append(one)
    if cache is not None:
        np.savez_compressed(cache, **known)  # type: ignore[arg-type]
    return found


def theirs(path: Path, potential: Potential) -> list[tuple[Any, NDArray[np.float32], FloatArray, FloatArray]]:
    """Crystal, embeddings, energies and DOS of each."""
    from pymatgen.core.structure import Structure

    with gzip.open(path, "rt", encoding="utf-8") as file:
        content = json.load(file)
    energies = np.array(content["energies_ev"])
    found = []
    for row in content["materials"]:
        structure = symmetry.primitive(Structure.from_str(row["cif"], fmt="cif"))
        found.append((structure, embeddings(structure, potential), energies, np.maximum(row["dos"], 0.0)))
    return found


def tried(
    changes: dict[str, Any],
    crystals: Sequence[Seen],
    others: Sequence[tuple[Any, NDArray[np.float32], FloatArray, FloatArray]],
    recipe: Recipe,
    potential: Potential,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """For each class of crystals mean cosine, the same at the best rigid shift, mean size of that shift in eV, and count."""
    layers = changes.pop("bond_layers", BOND_LAYERS)
    steps = options.steps * changes.pop("steps", 1)
    settings = ForwardSettings(**({"steps": steps} | changes))

    def atoms(structure: Any, embedded: NDArray[np.float32], magnetic: bool | None) -> Atoms:
        volume, symbols = structure.volume / len(structure), tuple(site.specie.symbol for site in structure)
        moment = moments(embedded, potential)
        if magnetic is None:
            magnetic = bool(moment.max() >= settings.smallest_moment)
        bond, plain = (atom_features(embedded, symbols, volume, chosen) for chosen in (layers, PLAIN_LAYERS))
        lattice = Lattice.of(structure, settings.density, settings.reach)
        return Atoms(lattice, volume ** (1 / 3), symbols, bond, plain, moment, magnetic and settings.spin)

    prepared = [atoms(each.structure, each.embedded, each.magnetic) for each in crystals]
    symbols = tuple(sorted({symbol for each in prepared for symbol in each.symbols}, key=formulas.atomic_number))
    compositions = [formulas.parse(each.formula) for each in crystals]
    split = SPLITS["system"](compositions, np.ones(len(crystals), dtype=bool), 5, 0)[options.fold]
    targets, more = (np.array([getattr(each, name) for each in crystals]) for name in ("vector", "more"))
    start = time.process_time()
    member = train_member(
        [prepared[row] for row in split.train],
        targets[split.train],
        symbols,
        recipe,
        settings,
        settings.seed + 1,
        more=more[split.train],
        weights=weights_of([crystals[row].prototype for row in split.train], settings),
        parts=[crystals[row].parts for row in split.train],
    )
    by_kind: dict[str, list[tuple[float, float]]] = {}
    scores: dict[str, Any] = {"seconds": round(time.process_time() - start)}
    energies = recipe.grid.energies
    expected = unit(member.answers([prepared[row] for row in split.test], symbols, recipe).spectra)
    judged = np.array([judge(energies, p, t, energies) for p, t in zip(expected, targets[split.test], strict=True)])
    gapped = np.array([crystals[row].gap >= settings.smallest_gap for row in split.test])
    magnetic = np.array([bool(crystals[row].magnetic) for row in split.test])
    for name, rows in (("all", gapped | True), ("gapped", gapped), ("metal", ~gapped), ("magnetic", magnetic)):
        scores[name] = summary(judged[rows])
    told = [row for row in split.test if crystals[row].parts]
    for row, found in zip(told, member_parts(member, [prepared[row] for row in told], symbols, recipe, settings), strict=True):
        for kind, cells in of_parts(crystals[row], found, energies).items():
            by_kind.setdefault(kind, []).extend(cells)
    scores |= {
        kind: [*(round(float(value), 4) for value in np.mean(cells, axis=0)), len(cells)] for kind, cells in by_kind.items()
    }
    scores |= by_others(member, symbols, recipe, settings, others, atoms)
    return scores


def of_parts(crystal: Seen, found: Mapping[Label, FloatArray], energies: FloatArray) -> dict[str, list[tuple[float, float]]]:
    """Cosine and error of the centre, eV, of the parts of a crystal that count, by kind."""
    whole, cells = np.sum(list(crystal.parts.values()), axis=0).sum(), dict[str, list[tuple[float, float]]]()
    elements = [symbol for symbol, _ in formulas.parse(crystal.formula)]
    for label, part in crystal.parts.items():
        kind = kind_of(label, elements)
        if kind is None or label not in found or part.sum() < LEAST * whole:
            continue
        bands = [Band.of(energies, each) for each in (part, found[label])]
        if bands[0] is not None and bands[1] is not None:
            cells.setdefault(kind, []).append((cosine(part, found[label]), abs(bands[0].centre - bands[1].centre)))
    return cells


def by_others(
    member: Member, symbols: Sequence[str], recipe: Recipe, settings: ForwardSettings, others: Any, atoms: Any
) -> dict[str, Any]:
    """The same for spectra of others, as far as their elements are known."""
    from scipy.ndimage import gaussian_filter1d

    rows = [each for each in others if {site.specie.symbol for site in each[0]} <= set(symbols)]
    if not rows:
        return {}
    expected = member.answers([atoms(structure, embedded, None) for structure, embedded, _, _ in rows], symbols, recipe).spectra
    judged, gapped = [], []
    for curve, (_, _, energies, dos) in zip(expected, rows, strict=True):
        inside = np.abs(energies) <= REACH
        target = gaussian_filter1d(dos, SIGMA / (energies[1] - energies[0]), mode="constant")[inside]
        judged.append(judge(recipe.grid.energies, curve, target, energies[inside]))
        gapped.append(dos[(energies > 0.15) & (energies < 0.4)].max() < 0.02 * dos.mean())
    table, has_gap = np.array(judged), np.array(gapped)
    return {"mp": summary(table), "mp gapped": summary(table[has_gap]), "mp metal": summary(table[~has_gap])}


def judge(energies: FloatArray, curve: FloatArray, target: FloatArray, at: FloatArray) -> tuple[float, float, float]:
    """Cosine, cosine at the best rigid shift, and that shift, eV."""

    def cosine(shift: float) -> float:
        moved = np.interp(at, energies + shift, curve)
        return float(moved @ target / np.linalg.norm(moved) / np.linalg.norm(target))

    best = max(SHIFTS, key=cosine)
    return cosine(0.0), cosine(best), float(best)


def summary(judged: FloatArray) -> list[float] | None:
    if not len(judged):
        return None
    return [*(round(float(value), 4) for value in (*judged[:, :2].mean(axis=0), np.abs(judged[:, 2]).mean())), len(judged)]


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    conditions, found = results["conditions"], {name: results["trials"][name] for name in TRIALS if name in results["trials"]}
    shown = [name for name in TITLES if any(each.get(name) for each in found.values())]
    lines = []
    for name, each in found.items():
        cells = [
            ", ".join(f"{number:.{3 - (place == len(each[k]) - 2)}f}" for place, number in enumerate(each[k][:-1]))
            if each.get(k)
            else ""
            for k in shown
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {each['seconds']} |")
    counts = next(iter(found.values()))
    heads = [f"{TITLES[name]} ({counts[name][-1]})" for name in shown]
    return f"""# Changes of the forward model, tried

Written by `benchmarks/trials.py` from `benchmarks/trials.json`. For each change, one member was trained for {conditions["steps"]:,} steps. Of {conditions["crystals"]:,} crystals of a set of {conditions["library"]:,}, one fold of the chemical systems was held out for the test, and the member learned from the rest. Columns
that say "of others" test on real crystals of the Materials Project (VASP, used only for testing; -{REACH:g} ... {REACH:g} eV, sigma {SIGMA:g} eV). Each cell gives the mean cosine, the same
at the best rigid shift of the energies, and the mean size of that shift in eV; for bands it gives the cosine and the error of the centre in eV. Another seed changes a cosine by up to 0.008. The last column gives seconds on one core.

| the change | {" | ".join(heads)} | s |
|{"---|" * (len(heads) + 2)}
{chr(10).join(lines)}
"""


if __name__ == "__main__":
    main()
