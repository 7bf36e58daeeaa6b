"""What each part of the forward model is worth: trained without it, on held-out chemical systems, written to benchmarks/ablation.json and docs/ablation.md.

    python benchmarks/ablation.py [--folds N]

One member for each fold, trained on all of the fold's training crystals. What is in the JSON
already is not trained again as long as the data stay the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.benchmark.baselines import BASELINES, Predictor
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.metrics import METRICS, summarise
from dosmith.benchmark.outcomes import outcomes
from dosmith.crystals.potential import Potential
from dosmith.designer import open_dos_set
from dosmith.library import ParquetLibrary
from dosmith.models.splits import SPLITS, Split
from dosmith.models.tight_binding.atoms import BOND_LAYERS, PLAIN_LAYERS, Atoms
from dosmith.models.tight_binding.ensemble import train_member
from dosmith.models.tight_binding.features import atom_features, embeddings, moments
from dosmith.models.tight_binding.lattice import Lattice
from dosmith.models.tight_binding.network import TightBinding
from dosmith.settings import ForwardSettings

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "ablation.md"
SHOWN = ("predicted", "predicted_09", "predicted_r2", "screen_closed", "screen_09")
TITLES = ("cosine", "share > 0.9", "R²", "gap closed", "picks > 0.9")


@dataclass(frozen=True)
class Variant:
    """One thing that is done otherwise.

    Attributes:
        changes: of the settings.
        bond_layers: CHGNet's embeddings that the tight binding is told.
        plain_layers: and the plain network.
        blind: whether the tight binding is told nothing of an atom but its element.
        splitting: whether neighbours split an atom's orbitals.
        pairs: whether integrals change with who the two atoms are.
    """

    changes: tuple[tuple[str, Any], ...] = ()
    bond_layers: tuple[int, ...] = BOND_LAYERS
    plain_layers: tuple[int, ...] = PLAIN_LAYERS
    blind: bool = False
    splitting: bool = True
    pairs: bool = True


def changed(**changes: Any) -> Variant:
    return Variant(tuple(changes.items()))


VARIANTS = {
    "one member, as it is": Variant(),
    "tight binding alone": changed(share=1.0),
    "plain network alone": changed(share=0.0),
    "tight binding alone, tables without surroundings": Variant((("share", 1.0),), blind=True),
    "tight binding alone, no splitting": Variant((("share", 1.0),), splitting=False),
    "tight binding alone, pairs all alike": Variant((("share", 1.0),), pairs=False),
    "no CHGNet: element and volume alone": Variant(bond_layers=(), plain_layers=()),
    "tight binding told all embeddings": Variant(bond_layers=PLAIN_LAYERS),
    "|p - t|² alone": changed(similarity_weight=0.0),
    "half the epochs": changed(epochs=12, steps=1800, plain_epochs=40),
    "twice the epochs": changed(epochs=50, steps=7200, plain_epochs=160),
    "no dropout": changed(dropout=0.0, plain_dropout=0.0),
    "broadening 0.2 eV": changed(broadening=0.2),
    "broadening 0.45 eV": changed(broadening=0.45),
    "mesh of 5": changed(density=5.0),
    "mesh of 8": changed(density=8.0),
    "zero by filling": changed(zero="filling"),
    "zero not shifted by surroundings": changed(shift_change=0.0),
    "one spin": changed(spin=False),
    "half tight binding, half plain network": changed(share=0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=2, help="of the five, how many are tested")
    folds = parser.parse_args().folds
    torch.set_num_threads(1)
    library = open_dos_set()
    spectra = Spectra.of(library)
    splits = SPLITS["system"](spectra.compositions, spectra.wanted, 5, 0)[:folds]
    data = data_of(library)
    kept = json.loads(OUTPUT.read_text()) if OUTPUT.is_file() else {}
    settings = ForwardSettings().model_dump()
    found = kept["scores"] if [kept.get(key) for key in ("data", "folds", "settings")] == [data, folds, settings] else {}
    potential = Potential()
    materials = [library.material(identifier) for identifier in spectra.ids]
    structures = [material.structure for material in materials]
    polarised = [material.spectrum.spin_polarized for material in materials]
    seen = [embeddings(structure, potential) for structure in structures]
    methods: dict[str, Callable[[Split], Predictor]] = {
        name: lambda split, name=name: BASELINES[name](spectra, split) for name in ("mean spectrum", "mixed centroids")
    }
    methods |= {name: lambda split, v=v: fitted(v, spectra, structures, seen, polarised, split) for name, v in VARIANTS.items()}
    for name, method in methods.items():
        if name not in found:
            found[name] = scores([outcomes(spectra, split, method(split)) for split in splits], spectra, splits)
            print(name, *(f"{title} {mean:.3f}" for title, (mean, _, _) in zip(TITLES, found[name], strict=True)), flush=True)
            write_text(OUTPUT, json.dumps({"data": data, "folds": folds, "settings": settings, "scores": found}, indent=1) + "\n")
    write_text(PAGE, page({name: found[name] for name in methods}, splits))


def fitted(
    variant: Variant, spectra: Spectra, structures: Sequence[Any], seen: Sequence[Any], polarised: Sequence[bool], split: Split
) -> Predictor:
    settings, potential = ForwardSettings(**dict(variant.changes)), Potential()
    bare: dict[int, Lattice] = {}

    def atoms(row: int) -> Atoms:
        structure = structures[row]
        volume, lattice = structure.volume / len(structure), Lattice.of(structure, settings.density, settings.reach)
        if not variant.splitting:
            lattice = bare.setdefault(id(lattice), replace(lattice, splitting=np.zeros_like(lattice.splitting)))
        symbols = tuple(site.specie.symbol for site in structure)
        bond = atom_features(seen[row], symbols, volume, variant.bond_layers)
        plain = atom_features(seen[row], symbols, volume, variant.plain_layers)
        moment, magnetic = moments(seen[row], potential), polarised[row] and settings.spin
        return Atoms(lattice, volume ** (1 / 3), symbols, 0 * bond if variant.blind else bond, plain, moment, magnetic)

    crystals = {int(row): atoms(int(row)) for row in [*split.train, *split.test]}
    symbols = tuple(sorted({s for each in crystals.values() for s in each.symbols}, key=formulas.atomic_number))
    training = [crystals[int(row)] for row in split.train]
    with pairs_alike(not variant.pairs):
        member = train_member(training, spectra.unit[split.train], symbols, spectra.recipe, settings, split.fold)
        expected = member.answers([crystals[int(row)] for row in split.test], symbols, spectra.recipe).spectra
    place = {int(row): position for position, row in enumerate(split.test)}
    nothing = BASELINES["mixed centroids"](spectra, split)  # compositions are not what is asked here
    return Predictor(nothing, lambda rows: expected[[place[int(row)] for row in rows]], by_material=True)


@contextmanager
def pairs_alike(wanted: bool) -> Iterator[None]:
    usual = TightBinding._of_the_pair
    if wanted:
        TightBinding._of_the_pair = lambda self, first, second, beyond: torch.zeros(*beyond.shape, len(self.kind))  # type: ignore[method-assign]
    try:
        yield
    finally:
        TightBinding._of_the_pair = usual  # type: ignore[method-assign]


def data_of(library: ParquetLibrary) -> list[str]:
    """What results of other data are told by."""
    return sorted(shard["sha256"] for shard in library.manifest["shards"].values())


def scores(
    tables: Sequence[dict[str, NDArray[np.float64]]], spectra: Spectra, splits: Sequence[Split], shown: Sequence[str] = SHOWN
) -> list[list[float]]:
    """Mean and interval of each of the metrics shown."""
    columns = {column: np.concatenate([table[column] for table in tables]) for column in tables[0]}
    systems = [spectra.systems[place] for split in splits for place in split.test]
    summary = summarise(columns, systems, {name: METRICS[name] for name in shown}, 2000)
    return [[round(summary[name][part], 4) for part in ("mean", "low", "high")] for name in shown]


def table(found: dict[str, list[list[float]]], titles: Sequence[str]) -> str:
    """Means and intervals as rows of Markdown."""
    lines = [f"| | {' | '.join(titles)} |", "|" + "---|" * (len(titles) + 1)]
    for name, numbers in found.items():
        cells = [f"{mean:.3f} ({low:.3f}-{high:.3f})" for mean, low, high in numbers]
        lines.append(f"| {name.replace('|', chr(92) + '|')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def page(found: dict[str, list[list[float]]], splits: Sequence[Split]) -> str:
    """The results in Markdown."""
    count = sum(len(split.test) for split in splits)
    return f"""# What each part of the forward model is worth

Written by `benchmarks/ablation.py`. The test uses held-out chemical systems: {len(splits)} of the benchmark's five folds, {count} binaries, one member for each fold
(seed: the fold's number). 95 % intervals come from a bootstrap over chemical systems. The first three numbers compare a crystal's predicted DOS with the computed one. The last two are results of
blind screening with the predicted DOS, as in [the benchmark](benchmark/README.md). The two baselines pick by composition.

{table(found, TITLES)}
"""


if __name__ == "__main__":
    main()
