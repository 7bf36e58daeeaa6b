"""Making the plan of the open DOS set with the CHGNet potential: which crystals are worth computing, most useful first.

The work is a fixed list of steps: crystals named by the paper, elements, then pairs of elements in random order with
ternaries between them. Beside the plan a small file holds which steps are finished; killed at any instant, `extend`
goes on where it stopped. One program at a time extends a plan.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.crystals.molecules import BOND_LENGTHS, MOMENTS, molecule
from dosmith.crystals.plausible import ELEMENTS, TERNARIES, words
from dosmith.crystals.potential import ELEMENTAL, NAME, Potential
from dosmith.crystals.prototypes import PROTOTYPES, Prototype
from dosmith.crystals.survey import COUNTS
from dosmith.dft.plan import Entry, read_plan, write_plan
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import stability
from dosmith.library.stability import MOLECULE

Progress = Callable[[str, int], None]
"""Called after each step: its name, and how many entries the plan has by now."""

NAMED = words(
    "Pt3Ni Pd BaTiO3 Pt Pt3Co Pt3Rh Pt3Fe Pt3Mn SrTiO3 BaMnO3 BaZrO3 CoRh2Pd ZrRh2Ir ScRh2Ir AuCo2 PtMn2 PtFe2 Mo3Ni Mo3Co "
    "Al3Zr Al3Hf Sn3Bi Sn3Sb PdH CaTiO3 PbTiO3 BaSnO3 BaHfO3 SrZrO3 KNbO3 KTaO3 NaTaO3"
)
"""Materials of the paper, then a hydride and perovskites like those it finds."""
NEAR_HULL = 0.1  # eV/atom; crystals nearer to it are kept
FAR_FROM_HULL = 0.5  # eV/atom; of the others up to here some are kept
SHARE_OF_UNSTABLE = 0.1
PER_KIND = 300
"""Ternaries tried of each kind."""
PAIRS_PER_ROUND = 1
"""Pairs of elements between one ternary of each kind and the next."""
BOX = 8.0
"""Edge of the cube in which a molecule is alone, Angstrom."""
_BEFORE = (*words("A1 A2 A3 A4 A_h B1 B2 B3 B4 B_h B8_1 C1 C15 C32 C14 L1_2 D0_3 D0_9 A15 D0_19 E2_1 C1_b L2_1"), "P4/mmm AB2C")
"""Prototypes that were tried when records did not say so."""
LARGE = frozenset({"C14"})  # many atoms, much like C15: tried where C15 is near the hull, kept when lowest


@dataclass(frozen=True)
class Step:
    """A piece of the work.

    Attributes:
        kind: named, molecule, element, pair, or for ternaries the name of their prototype.
        what: formula, symbol, or two symbols joined by a dash.
    """

    kind: str
    what: str

    @property
    def key(self) -> str:
        """What it is called in the record of finished steps."""
        return f"{self.kind} {self.what}"

    @property
    def prototypes(self) -> frozenset[str]:
        """Those that are tried in it; a step is open again when there are more than when it was finished."""
        if self.kind in TERNARIES:
            return frozenset([self.kind])
        if self.kind == "molecule":
            return frozenset()
        if self.kind == "element" or (self.kind == "named" and len(formulas.parse(self.what)) == 1):
            return frozenset(ELEMENTAL)
        return frozenset(PROTOTYPES) if self.kind == "pair" else frozenset(PROTOTYPES) - set(ELEMENTAL)


def extend(
    path: str | Path,
    pairs: int | None = None,
    seed: int = 0,
    potential: Potential | None = None,
    progress: Progress | None = None,
) -> list[Entry]:
    """Make a plan, or go on with one, saving it after each step.

    Args:
        path: of the plan (Parquet); the record of finished steps is `record_path(path)`.
        pairs: of elements to add at most, with the ternaries between them; None goes to the end.
        seed: of the order, and of which unstable crystals are kept; a plan keeps the seed it began with.
        potential: CHGNet when None.
        progress: called after each finished step.

    Returns:
        All entries of the plan so far.

    Raises:
        FileFormatError: the plan or its record is damaged, or was begun with another seed.
        MissingExtraError: CHGNet is not installed.
    """
    path = Path(path)
    potential = potential or Potential()
    entries = {entry.id: entry for entry in read_plan(path)} if path.is_file() else {}
    finished = _finished(path, seed) if entries else {}
    done = 0
    for step in steps(seed):
        if step.prototypes <= finished.get(step.key, frozenset()) and step.key in finished:
            continue
        if step.kind == "pair":
            if done == pairs:
                break
            done += 1
        for entry in found(step, potential, random.Random(f"{seed} {step.key}")):
            entries.setdefault(entry.id, entry)
        finished[step.key] = step.prototypes
        _save(path, entries.values(), seed, finished)
        if progress:
            progress(step.key, len(entries))
    return list(entries.values())


def record_path(path: str | Path) -> Path:
    """Where the finished steps of a plan are recorded."""
    path = Path(path)
    return path.with_name(f"{path.stem}-steps.json")


def steps(seed: int = 0) -> Iterator[Step]:
    """All the work, most useful first; the same for the same seed."""
    yield from (Step("named", formula) for formula in NAMED)
    yield from (Step("molecule", symbol) for symbol in BOND_LENGTHS)
    yield from (Step("element", symbol) for symbol in ELEMENTS)
    chance = random.Random(seed)
    pairs = ["-".join(pair) for pair in itertools.combinations(ELEMENTS, 2)]
    chance.shuffle(pairs)
    tried = {kind: _drawn(formulas_of(), chance) for kind, formulas_of in TERNARIES.items()}
    rounds = iter([[Step(kind, drawn[i]) for kind, drawn in tried.items() if i < len(drawn)] for i in range(PER_KIND)])
    for number, pair in enumerate(pairs, start=1):
        yield Step("pair", pair)
        if number % PAIRS_PER_ROUND == 0:
            yield from next(rounds, [])
    yield from itertools.chain.from_iterable(rounds)


def found(step: Step, potential: Potential, chance: random.Random) -> list[Entry]:
    """The crystals of a step that are worth computing, lowest first within it."""
    if step.kind == "pair":
        return pair_entries(step.what.split("-"), potential, chance)
    if step.kind in TERNARIES:
        entry = candidate(PROTOTYPES[step.kind], formulas.parse(step.what), potential)
        return [entry] if entry and _worth(_formation(entry), 0.0, chance) else []
    if step.kind == "molecule":
        return [_molecule(step.what)]
    composition = formulas.parse(step.what)
    names = ELEMENTAL if len(composition) == 1 else [name for name in PROTOTYPES if name not in ELEMENTAL]
    return sorted(_candidates(composition, names, potential), key=_formation)


def pair_entries(pair: Sequence[str], potential: Potential, chance: random.Random) -> list[Entry]:
    """The lowest cubic and the lowest hexagonal crystal of each of AB, A2B, AB2, A3B, AB3.

    Those within 0.1 eV/atom of the convex hull of all crystals tried and the elements are kept, and a tenth of those
    within 0.5 eV/atom.
    """
    tried: dict[Composition, list[Entry]] = {}
    for counts in COUNTS:
        composition = formulas.reduce(zip(pair, counts, strict=True))
        tried[composition] = _candidates(composition, [name for name in PROTOTYPES if name not in LARGE], potential)
    lowest = _above_hull(itertools.chain.from_iterable(tried.values()))
    for composition, entries in tried.items():
        if any(entry.prototype == "C15" and lowest[entry.id] <= NEAR_HULL for entry in entries):
            for large in _candidates(composition, LARGE, potential):
                if _formation(large) < min(map(_formation, entries)):
                    entries.append(large)
    above = _above_hull(itertools.chain.from_iterable(tried.values()))
    best = [
        min(family, key=_formation)
        for entries in tried.values()
        for system in ("cubic", "hexagonal")
        if (family := [entry for entry in entries if entry.crystal_system == system])
    ]
    kept = [entry for entry in best if _worth(above[entry.id], NEAR_HULL, chance)]
    return sorted(kept, key=lambda entry: above[entry.id])


def candidate(prototype: Prototype, composition: Composition, potential: Potential) -> Entry | None:
    """A crystal at its lowest energy; None when there is none or it is not one that could be."""
    try:
        relaxed = potential.best(prototype, prototype.assignments(composition))
        if not potential.could_be(relaxed):
            return None
        formation = potential.formation_energy(relaxed)
    except NotFoundError:
        return None
    structure = relaxed.structure
    return Entry(
        prototype.name,
        tuple(site.specie.symbol for site in structure),
        np.array(structure.lattice.matrix),
        np.array(structure.frac_coords),
        relaxed.energy,
        formation,
        NAME,
    )


def _molecule(symbol: str) -> Entry:
    structure = molecule(symbol, BOX)
    species = tuple(site.specie.symbol for site in structure)
    return Entry(
        MOLECULE,
        species,
        np.array(structure.lattice.matrix),
        np.array(structure.frac_coords),
        volume_from="a box, bond as measured",
        moments=tuple(float(MOMENTS[symbol]) for symbol in species) if symbol in MOMENTS else None,
    )


def _candidates(composition: Composition, names: Iterable[str], potential: Potential) -> list[Entry]:
    fitting = [PROTOTYPES[name] for name in names if PROTOTYPES[name].assignments(composition)]
    return [entry for prototype in fitting if (entry := candidate(prototype, composition, potential))]


def _formation(entry: Entry) -> float:
    assert entry.potential_formation_energy is not None
    return entry.potential_formation_energy


def _worth(height: float, near: float, chance: random.Random) -> bool:
    """Whether a crystal is computed whose energy is this high, eV/atom."""
    drawn = chance.random() < SHARE_OF_UNSTABLE
    return height <= near or (drawn and height <= FAR_FROM_HULL)


def _above_hull(entries: Iterable[Entry]) -> dict[str, float]:
    """Height of crystals above the convex hull of them and the elements, eV/atom, by id."""
    crystals = {entry.id: (entry.composition, _formation(entry)) for entry in entries}
    symbols = {symbol for composition, _ in crystals.values() for symbol, _ in composition}
    elements = {symbol: (formulas.reduce([(symbol, 1)]), 0.0) for symbol in symbols}
    found = stability.among(crystals | elements)
    return {identifier: found[identifier].above_hull or 0.0 for identifier in crystals}  # alone: the best there is


def _finished(path: Path, seed: int) -> dict[str, frozenset[str]]:
    """The prototypes that were tried in each finished step."""
    record = record_path(path)
    if not record.is_file():
        return {}
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        begun, finished = int(values["seed"]), values["finished"]
        if "prototypes" in values:
            sets = [frozenset(map(str, names)) for names in values["prototypes"]]
            known = {str(key): sets[number] for key, number in finished.items()}
        else:  # records of before say no more than which steps were finished
            known = dict.fromkeys(map(str, finished), frozenset(_BEFORE))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise FileFormatError(f"{record} is not the record of a plan; remove it to go through all steps again") from None
    if begun != seed:
        raise FileFormatError(f"{path} was begun with seed {begun}, not {seed}; go on with that, or make another plan")
    return known


def _save(path: Path, entries: Iterable[Entry], seed: int, finished: Mapping[str, frozenset[str]]) -> None:
    """The plan first: a step that is not recorded is done again, and gives the same."""
    write_plan(entries, path)
    sets = list(dict.fromkeys(finished.values()))
    numbers = {key: sets.index(names) for key, names in finished.items()}
    write_text(
        record_path(path), json.dumps({"seed": seed, "prototypes": [sorted(names) for names in sets], "finished": numbers})
    )


def _drawn(candidates: Iterable[str], chance: random.Random) -> list[str]:
    unique = sorted(set(candidates))
    return chance.sample(unique, min(PER_KIND, len(unique)))
