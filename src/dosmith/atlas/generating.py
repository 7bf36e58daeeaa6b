"""The crystals that a chemist would expect, as a list: prototypes filled with elements, tried in the potential.

Four kinds: the survey's crystals, at rest in the potential; compounds that every chemist knows, in their own crystal; known ionic crystals with other ions in them, as the Inorganic Crystal Structure
Database has them in each other's place and with balanced charge (`crystals/ions.py`); and the prototypes of metals and alloys with
elements in them that are alike in radius, electronegativity and electrons per atom. Volumes are told by what is like (`crystals/filling.py`); one
evaluation of the potential discards what is impossible, and two more bring the others to the volume of lowest energy. What a list holds so far
and where it stopped are written together, so that it goes on after a kill where it was. A list is added to an atlas as any other.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing
from dosmith.crystals.common import common_compounds
from dosmith.crystals.filling import ATOMS, Pattern, contacts, fillings, nearest, patterns, unlikeness, volume_of
from dosmith.crystals.ions import Seed, candidates, charges
from dosmith.crystals.plausible import balance
from dosmith.crystals.potential import Potential
from dosmith.crystals.survey import GENERATED, shipped_survey
from dosmith.crystals.surveyed import as_table
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library.stability import formation_energy

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

BATCH = 32
"""Crystals of one pass of the potential."""
SAVED_EVERY = 100
"""Batches between two writings."""
HIGHEST = 0.3
"""eV/atom above the elements from which a crystal is left out."""
IMPOSSIBLE = 0.6
"""The same at the volume that was told, where its energy is not yet the lowest."""
STEP = 0.08
"""Of the logarithm of the volume, between energies from which the lowest is found; it is looked for within two steps."""
CLOSEST = 0.65
"""Least distance of two atoms, in sums of their radii."""
ALIKE = 18
"""Elements tried on a site, those most like the one that is known there."""
SMALL, ALIKE_IN_SMALL = 6, 30
"""Atoms of a small cell, and elements tried there at the end of a list: what is cheap to compute is what people try."""
METALLIC = {1: 3.0, 2: 3.0, 3: 1.5, 4: 0.8}
"""Largest unlikeness of a filled prototype of metals, by its number of elements."""
UNBALANCED = 0.4
"""Share of it for those whose anions want other charges than the rest has."""
FORMING = 0.1
"""eV/atom, of what is expected from the survey's pairs of elements."""
ANIONS = frozenset({"H", "N", "O", "F", "S", "Cl", "Se", "Br", "I"})
NEITHER = frozenset({"B", "C", "Si", "Ge", "P", "As", "Sb", "Te"})
"""Elements that stand for metals and for anions."""
MOST_OF_IONS = 2000
"""Ways to fill one prototype with other ions."""
SCHEMA = pa.schema(
    [
        ("prototype", pa.dictionary(pa.int16(), pa.string())),
        ("elements", pa.list_(pa.string())),
        ("volume", pa.float32()),  # Angstrom^3/atom
        ("stretch", pa.float32()),  # of the third lattice vector
        ("energy", pa.float32()),  # eV/atom, of the parabola through three volumes
        ("formation_energy", pa.float32()),  # eV/atom, likewise
        ("origin", pa.dictionary(pa.int8(), pa.string())),  # survey, known, ions or metals
    ]
)

Progress = Callable[[str, int, int], None]
"""Called after each batch: what it was of, how many crystals were tried, and how many there are to try."""


@dataclass(frozen=True)
class Wanted:
    """A crystal to try.

    Attributes:
        prototype: Strukturbericht symbol or AFLOW label.
        elements: on its kinds of sites.
        origin: known, ions or metals.
    """

    prototype: str
    elements: tuple[str, ...]
    origin: str


def wanted(symbols: Sequence[str], most: int) -> list[Wanted]:
    """Crystals to try, the likeliest of each prototype first, prototypes in turn, so that any beginning of the list is broad.

    Args:
        symbols: of the elements.
        most: how many at most.
    """
    known, survey = frozenset(symbols), shipped_survey()
    named, common = _named(), {each for each in common_compounds() if known.issuperset(symbol for symbol, _ in each[0])}
    seen = {(name, _reduced(elements, named[name].counts)) for name, elements in survey.crystals.volumes if name in named}
    common -= {(composition, named[name].space_group) for name, composition in seen}
    seen |= {(name, composition) for composition, names in survey.fruitless.items() for name in names}

    def in_turns(found: Iterable[Wanted]) -> Iterator[Wanted]:
        queues: dict[str, list[Wanted]] = {}
        for each in found:
            key = each.prototype, _composition(each)
            if key not in seen or each.origin == "known":
                seen.add(key)
                queues.setdefault(each.prototype, []).append(each)
        turns = itertools.zip_longest(*queues.values())
        return (each for turn in turns for each in turn if each is not None)

    first = list(itertools.islice(in_turns(itertools.chain(_known(common), _ionic(known), _metallic(known))), most))
    if len(first) < most:
        first += itertools.islice(in_turns(_metallic(known, ALIKE_IN_SMALL, SMALL)), most - len(first))
    return first


def _known(common: Iterable[tuple[Composition, int]]) -> Iterator[Wanted]:
    """Compounds that a chemist knows, each in its own crystal."""
    for composition, group in sorted(common):
        own = ((pattern, elements) for pattern, elements in fillings(composition) if pattern.space_group == group)
        for pattern, elements in itertools.islice(own, 1):
            yield Wanted(pattern.name, elements, "known")


def _composition(each: Wanted) -> Composition:
    return _reduced(each.elements, _named()[each.prototype].counts)


def _reduced(elements: Sequence[str], counts: Sequence[int]) -> Composition:
    return formulas.reduce(zip(elements, counts, strict=True))


@lru_cache(maxsize=1)
def _named() -> dict[str, Pattern]:
    return {pattern.name: pattern for pattern in patterns()}


def _ionic(known: frozenset[str]) -> Iterator[Wanted]:
    """Known crystals with other ions of charges that crystals have, by likelihood."""
    order: dict[str, tuple[str, ...]] = {}
    seeds = []
    for pattern in patterns():
        if 1 < len(pattern.known) <= max(METALLIC):
            structure = pattern.structure(pattern.known)
            if (ions := charges(structure)) is not None:
                seeds.append(Seed(pattern.name, structure, ions))
                order[pattern.name] = pattern.known
    for each in candidates(seeds, known, likely=1e-4, others_tried=40, most=MOST_OF_IONS):
        put_in = {symbol: str(ion.element.symbol) for symbol, ion in each.ions}
        name = seeds[each.seed].prototype
        elements = tuple(put_in[symbol] for symbol in order[name])
        if set(elements) <= known and balance(_reduced(elements, _named()[name].counts)) >= 0:
            yield Wanted(name, elements, "ions")


def _metallic(known: frozenset[str], alike: int = ALIKE, atoms: int = ATOMS) -> Iterator[Wanted]:
    """Prototypes with elements that are like those that they are known with, those first that are likest.

    On sites of one or two kinds any elements are tried, else so many. No metal takes the place of an anion, nor an anion that of a metal; what does not
    form by the survey's pairs of elements is passed over, as is what has anions and unbalanced charges, unless it is very like.
    """
    symbols = tuple(sorted(known, key=formulas.atomic_number))
    strengths = _strengths(symbols)
    for pattern in patterns():
        kinds = len(pattern.known)
        if kinds not in METALLIC or sum(pattern.counts) > atoms:
            continue
        choices = [
            [each for each in nearest(symbol, symbols, len(symbols)) if abs(_nature(each) - _nature(symbol)) <= 1]
            for symbol in pattern.known
        ]
        if kinds > 2:
            choices = [each[:alike] for each in choices]
        unlike = unlikeness(pattern, choices)
        places = np.argwhere((unlike <= METALLIC[kinds]) & (_forms(pattern, choices, strengths, symbols) <= FORMING))
        for place in places[np.argsort(unlike[tuple(places.T)], kind="stable")].tolist():
            order = tuple(each[number] for each, number in zip(choices, place, strict=True))
            if len(set(order)) < len(order):
                continue
            likely = unlike[tuple(place)] <= UNBALANCED * METALLIC[kinds]
            if likely or balance(_reduced(order, pattern.counts)) >= 0:
                yield Wanted(pattern.name, order, "metals")


def _nature(symbol: str) -> int:
    """0 of a metal, 1 of what may be either, 2 of an anion."""
    return 2 if symbol in ANIONS else int(symbol in NEITHER)


def _strengths(symbols: Sequence[str]) -> NDArray[np.float64]:
    """How strongly two elements bind in the survey, eV/atom, negative where they do; elements that it lacks count as what is like them."""
    survey = shipped_survey().crystals
    surveyed = tuple(sorted(survey.elemental_energies))
    like = [symbol if symbol in surveyed or not surveyed else nearest(symbol, surveyed, 1)[0] for symbol in symbols]
    return np.array([[survey.strengths.get(frozenset((one, other)), 0.0) for other in like] for one in like])


def _forms(
    pattern: Pattern, choices: Sequence[Sequence[str]], strengths: NDArray[np.float64], symbols: Sequence[str]
) -> NDArray[np.float64]:
    """Formation energies to be expected from pairs of elements alone, eV/atom, an axis for each kind of site."""
    shares, kinds = np.array(pattern.counts) / sum(pattern.counts), len(choices)
    rows = [np.array([symbols.index(symbol) for symbol in each]) for each in choices]
    found = np.zeros(tuple(map(len, choices)))
    for one, other in itertools.combinations(range(kinds), 2):
        shape = [len(choices[place]) if place in (one, other) else 1 for place in range(kinds)]
        found += (4 * shares[one] * shares[other] * strengths[np.ix_(rows[one], rows[other])]).reshape(shape)
    return found


def generate(
    path: Path,
    symbols: Sequence[str],
    most: int,
    potential: Potential | None = None,
    progress: Progress | None = None,
    limit: int | None = None,
) -> int:
    """Make a list of crystals, or go on with one; how many it holds.

    Args:
        path: of the list (Parquet).
        symbols: of the elements.
        most: crystals to try in all; more than before goes on with a list that was finished.
        potential: CHGNet when None.
        progress: called after each batch.
        limit: crystals to try now; None goes to the end.

    Raises:
        FileFormatError: the file is no such list, or was begun for other elements.
        MissingExtraError: CHGNet is not installed.
    """
    rows, done = _read(path, symbols) if path.is_file() else (_of_survey(symbols), 0)
    todo, potential = wanted(symbols, most), potential or Potential()
    end = len(todo) if limit is None else min(done + limit, len(todo))
    held = {(row["prototype"], tuple(cast("list[str]", row["elements"]))) for row in rows}
    start = done
    for number, first in enumerate(range(start, end, BATCH), 1):
        batch = todo[first : min(first + BATCH, end)]
        rows += tried([each for each in batch if (each.prototype, each.elements) not in held], potential)
        done = first + len(batch)
        if number % SAVED_EVERY == 0 or done == end:
            _write(path, rows, symbols, most, done)
        if progress is not None:
            progress(f"{len(rows):,} crystals", done, len(todo))
    return len(rows)


def tried(batch: Sequence[Wanted], potential: Potential) -> list[dict[str, object]]:
    """Rows of the crystals of a batch that could be, each at the volume of lowest energy near the one that was told."""
    named = _named()
    sized = [(each, volume_of(named[each.prototype], each.elements)) for each in batch]
    sized = [(each, volume) for each, volume in sized if not _too_close(named[each.prototype], each.elements, volume)]
    energies = _energies(sized, potential)
    found = (_formation(each, energy, potential) for (each, _), energy in zip(sized, energies, strict=True))
    rest = [
        (*pair, energy)
        for pair, energy, formation in zip(sized, energies, found, strict=True)
        if energy is not None and _formed(pair[0], formation, IMPOSSIBLE)
    ]
    beside = [[(each, volume * float(np.exp(step))) for each, volume, _ in rest] for step in (-STEP, STEP)]
    around = _energies([*beside[0], *beside[1]], potential)
    rows: list[dict[str, object]] = []
    for (each, volume, middle), below, above in zip(rest, around[: len(rest)], around[len(rest) :], strict=True):
        if middle is None or below is None or above is None:
            continue
        move, energy = _lowest(below, middle, above)
        formation = _formation(each, energy, potential)
        if _formed(each, formation, HIGHEST):
            facts: dict[str, object] = {
                "volume": volume * float(np.exp(move * STEP)),
                "stretch": 1.0,
                "energy": energy,
                "formation_energy": formation,
                "origin": each.origin,
            }
            rows.append({"prototype": each.prototype, "elements": list(each.elements)} | facts)
    return rows


def _lowest(below: float, middle: float, above: float) -> tuple[float, float]:
    """Where the parabola through the energies at -1, 0 and 1 is lowest, no farther than 2, and what it is there."""
    slope, curve = (above - below) / 2, above - 2 * middle + below
    move = float(np.clip(-slope / curve, -2, 2)) if curve > 0 else -2.0 * float(np.sign(slope))
    if curve <= 0:
        return move / 2, min(below, above)
    return move, middle + slope * move + curve * move**2 / 2


def _formation(each: Wanted, energy: float | None, potential: Potential) -> float | None:
    """eV/atom from the survey's elements; those that it lacks are as in the survey, lowest of the simple structures in the potential."""
    if energy is None:
        return None
    composition, references = _composition(each), dict(shipped_survey().elemental_energies)
    try:
        references |= {symbol: potential.elemental_energy(symbol) for symbol, _ in composition if symbol not in references}
    except NotFoundError:
        return None
    return formation_energy(composition, energy, references)


def _formed(each: Wanted, formation: float | None, highest: float) -> bool:
    """Whether a crystal is kept: what is known exists, whatever the potential says."""
    return each.origin == "known" or (formation is not None and formation <= highest)


def _energies(sized: Sequence[tuple[Wanted, float]], potential: Potential) -> list[float | None]:
    named = _named()
    structures: list[Structure] = [named[each.prototype].structure(each.elements, volume) for each, volume in sized]
    return potential.energies(structures)


def _too_close(pattern: Pattern, elements: Sequence[str], volume: float) -> bool:
    radii = np.array([_radius(symbol) for symbol in elements])
    return bool((contacts(pattern) * volume ** (1 / 3) < CLOSEST * (radii[:, None] + radii)).any())


@lru_cache(maxsize=128)
def _radius(symbol: str) -> float:
    from pymatgen.core.periodic_table import Element

    return float(Element(symbol).atomic_radius or 0.0)


def _of_survey(symbols: Sequence[str]) -> list[dict[str, object]]:
    rows, numbers = shipped_survey().crystals.rows, [0, *map(formulas.atomic_number, symbols)]
    among = rows.taken(np.flatnonzero(np.isin(rows.elements, numbers).all(axis=1)))
    return [row | {"origin": "survey"} for row in as_table(among).to_pylist()]


def _write(path: Path, rows: Sequence[dict[str, object]], symbols: Sequence[str], most: int, done: int) -> None:
    state = json.dumps({"elements": sorted(symbols), "most": most, "tried": done})
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA.with_metadata({GENERATED: state.encode()}))
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd")


def _read(path: Path, symbols: Sequence[str]) -> tuple[list[dict[str, object]], int]:
    try:
        table = pq.read_table(path, use_threads=False)
        state = json.loads((table.schema.metadata or {})[GENERATED])
        rows, done = table.select(SCHEMA.names).to_pylist(), int(state["tried"])
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(f"{path} is not a list of crystals that dosmith made ({error}); name a new file") from None
    if state["elements"] != sorted(symbols):
        raise FileFormatError(f"{path} was begun for other elements; name a new file")
    return rows, done


def rate(symbols: Sequence[str], most: int, sample: int, seed: int = 0) -> dict[str, float]:
    """How long a list takes, by a sample of it: seconds for each crystal that is tried, the share that is kept, and hours for all of it."""
    todo = wanted(symbols, most)
    chosen = np.random.default_rng(seed).permutation(len(todo))[:sample]
    potential = Potential()
    tried([todo[int(chosen[0])]], potential)  # what is loaded once
    began, busy = time.perf_counter(), time.process_time()
    rows = tried([todo[int(place)] for place in chosen], potential)
    took, used = time.perf_counter() - began, time.process_time() - busy
    return {
        "to_try": len(todo),
        "sample": len(chosen),
        "kept": len(rows) / len(chosen),
        "seconds": took / len(chosen),
        "processor_seconds": used / len(chosen),
        "hours": used / len(chosen) * len(todo) / 3600,
    }
