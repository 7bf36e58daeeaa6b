"""The survey: every pair of elements in every simple crystal, and ternaries to be expected, at their lowest energy in the CHGNet potential.

One row for each composition and prototype, with the elements in their better places. It is what candidates are made of:
the forward model gives each crystal its DOS, the potential says which are likely. Killed at any instant, a survey loses
the last minutes. A survey knows each composition and prototype that was tried, so that a prototype, an element or a ternary
that comes later is tried when the survey is resumed, and nothing is tried twice.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dosmith import formulas
from dosmith.atomic import replacing
from dosmith.crystals.plausible import TERNARIES
from dosmith.crystals.potential import ELEMENTAL, NAME, Potential
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.surveyed import SCHEMA, Surveyed, SurveyedRows, as_table
from dosmith.errors import FileFormatError, FormulaError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import stability
from dosmith.library.stability import CHGNET, FORMATION, SEVENNET
from dosmith.shipped import shipped_folder

COUNTS = ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3))
SKIPPED = (*ELEMENTAL, "C14")
"""Prototypes that are not tried: those of elements, and one with many atoms that is much like C15."""
_SAVED_EVERY = 20  # steps

EXPECTED = "expected.parquet"
"""Name of the shipped list of crystals to be expected, beside the survey."""
GENERATED = b"generated"
"""Where a list of expected crystals keeps how far it is."""
_FRUITLESS = b"without_crystal"
_BEFORE = b"pairs"  # in older surveys: names of steps, without what was tried in them

Progress = Callable[[str, int, int], None]
"""Called after each step: its name, how many are done, and how many there are."""
Step = Sequence[tuple[Composition, Sequence[str]]]
"""Compositions, and the prototypes that each is tried in."""
Trials = Mapping[Composition, Set[str]]
"""Prototypes by composition."""


def survey(
    path: str | Path,
    symbols: Sequence[str],
    limit: int | None = None,
    potential: Potential | None = None,
    progress: Progress | None = None,
) -> list[Surveyed]:
    """Make a survey, or go on with one.

    Args:
        path: of the survey (Parquet).
        symbols: of the elements.
        limit: steps to do at most; None goes to the end.
        potential: CHGNet when None.
        progress: called after each step.

    Raises:
        FileFormatError: the file is no survey.
        MissingExtraError: CHGNet is not installed.
    """
    path, potential = Path(path), potential or Potential()
    found, known = _read(path) if path.is_file() else ([], {})
    fruitless = {composition: set(names) for composition, names in known.items()}
    tried = SurveyIndex.of(found, known).tried
    wanted = steps(symbols)
    open_steps = {name: rest for name, step in wanted.items() if (rest := _untried(step, tried))}
    before, todo = len(wanted) - len(open_steps), list(open_steps)[:limit]
    for number, name in enumerate(todo, 1):
        crystals = surveyed(open_steps[name], potential)
        found += crystals
        for composition, names in _untried(open_steps[name], SurveyIndex.of(crystals).tried):
            fruitless.setdefault(composition, set()).update(names)
        if number % _SAVED_EVERY == 0 or number == len(todo):
            write_survey(path, found, fruitless)
        if progress is not None:
            progress(name, before + number, len(wanted))
    return found


def steps(symbols: Sequence[str]) -> dict[str, Step]:
    """All the work by name: each pair of elements ("Ni-Pt"), then the ternaries of each prototype by their two lightest elements ("E2_1 O-Ti")."""
    wanted: dict[str, list[tuple[Composition, Sequence[str]]]] = {}
    for pair in itertools.combinations(sorted(symbols, key=formulas.atomic_number), 2):
        compositions = [formulas.reduce(zip(pair, counts, strict=True)) for counts in COUNTS]
        wanted["-".join(pair)] = [(composition, _simple(composition)) for composition in compositions]
    known = set(symbols)
    for prototype, expected in TERNARIES.items():
        for composition in sorted({formulas.parse(formula) for formula in expected()}):
            if {symbol for symbol, _ in composition} <= known:
                name = f"{prototype} {composition[0][0]}-{composition[1][0]}"
                wanted.setdefault(name, []).append((composition, [prototype]))
    return dict(wanted)


def _simple(composition: Composition) -> list[str]:
    """The prototypes that a composition of two elements is tried in."""
    return [name for name in PROTOTYPES if name not in SKIPPED and PROTOTYPES[name].assignments(composition)]


def _untried(step: Step, tried: Callable[[Composition], Set[str]]) -> Step:
    """What is left of a step."""
    known = [tried(composition) for composition, _ in step]
    left = [
        (composition, [name for name in names if name not in there])
        for (composition, names), there in zip(step, known, strict=True)
    ]
    return [(composition, names) for composition, names in left if names]


def surveyed(step: Step, potential: Potential) -> list[Surveyed]:
    """All crystals of a step that could be."""
    found = []
    for composition, names in step:
        for prototype in (PROTOTYPES[name] for name in names):
            with suppress(NotFoundError):
                relaxed = potential.best(prototype, prototype.assignments(composition))
                if potential.could_be(relaxed):
                    found.append(Surveyed.of(prototype, relaxed, potential.formation_energy(relaxed)))
    return found


def read_survey(path: str | Path) -> list[Surveyed]:
    """The crystals of a survey, or of a list of expected crystals (`dosmith data generate`).

    Raises:
        NotFoundError: there is no such file.
        FileFormatError: it is neither.
    """
    if not Path(path).is_file():
        raise NotFoundError(f"there is no survey {path}; make one with 'dosmith data survey'")
    return _read(Path(path))[0]


class SurveyedCrystals(Mapping[Composition, Sequence[Surveyed]]):
    """Crystals by composition. Those that are asked for become objects, the others stay rows."""

    def __init__(self, rows: SurveyedRows) -> None:
        self.rows = rows

    def __getitem__(self, composition: Composition) -> Sequence[Surveyed]:
        found = self.rows.taken(self.rows.compositions.rows_of(composition))
        if not len(found):
            raise KeyError(composition)
        return list(found)

    def __iter__(self) -> Iterator[Composition]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)

    @cached_property
    def _whole(self) -> dict[Composition, list[Surveyed]]:
        found: dict[Composition, list[Surveyed]] = {}
        for each in self.rows:
            found.setdefault(each.composition, []).append(each)
        return found

    def items(self) -> ItemsView[Composition, Sequence[Surveyed]]:
        """All of them, as objects."""
        return ItemsView(self._whole)

    @cached_property
    def volumes(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Angstrom^3/atom by prototype and the elements on its sites."""
        rows = self.rows
        symbols = {number: formulas.symbol_of(number) for number in np.unique(rows.elements).tolist() if number}
        elements = (tuple(symbols[number] for number in row if number) for row in rows.elements.tolist())
        return dict(zip(zip(rows.prototypes, elements, strict=True), rows.volumes.tolist(), strict=True))

    @cached_property
    def strengths(self) -> dict[frozenset[str], float]:
        """How strongly two elements bind at best, eV/atom: formation energies over 4 x (1 - x), as of a regular solution with equal shares."""
        found: dict[frozenset[str], float] = {}
        for (name, elements), energy in zip(self.volumes, self.rows.formation_energies.tolist(), strict=True):
            if len(elements) == 2:
                share = PROTOTYPES[name].counts[0] / sum(PROTOTYPES[name].counts)
                pair = frozenset(elements)
                found[pair] = min(found.get(pair, np.inf), energy / (4 * share * (1 - share)))
        return found

    @cached_property
    def elemental_energies(self) -> dict[str, float]:
        """eV/atom of the elements that all formation energies are counted from; none where these are of another potential than the energies."""
        rows = self.rows
        if rows.potential != CHGNET:
            return {}
        return stability.elements_of(rows.elements, rows.counts, rows.energies - rows.formation_energies)


@dataclass(frozen=True, eq=False)
class SurveyIndex:
    """A survey to look things up in.

    Attributes:
        crystals: of each composition.
        fruitless: prototypes in which a composition was tried and gave no crystal.
        beside: further crystals in the same potential, read when first asked for: rivals in a hull, no more.
    """

    crystals: SurveyedCrystals
    fruitless: Trials = field(default_factory=dict)
    beside: Callable[[], SurveyedRows] | None = None

    @classmethod
    def of(cls, survey: Sequence[Surveyed] = (), fruitless: Trials | None = None) -> SurveyIndex:
        """The index of these crystals."""
        return cls(SurveyedCrystals(SurveyedRows.of(survey)), fruitless or {})

    def tried(self, composition: Composition) -> set[str]:
        """The prototypes in which a composition was tried."""
        return {each.prototype for each in self.crystals.get(composition, ())} | self.fruitless.get(composition, set())

    @property
    def elemental_energies(self) -> dict[str, float]:
        """eV/atom of the elements that all its formation energies are counted from."""
        return self.rivals.elemental_energies

    @cached_property
    def rivals(self) -> SurveyedCrystals:
        """All crystals that count in a hull: its own, and those beside."""
        return self.crystals if self.beside is None else SurveyedCrystals(self.beside())

    def formation_energy(self, composition: Composition, energy: float) -> float | None:
        """The formation energy of a crystal with this energy, both eV/atom in the potential; None when the survey lacks one of its elements."""
        return stability.formation_energy(composition, energy, self.elemental_energies)


@lru_cache(maxsize=1)
def shipped_survey() -> SurveyIndex:
    """The survey that comes with dosmith; empty where an installation lacks it."""
    try:
        rows, fruitless = _rows(shipped_folder("survey") / "crystals.parquet")
    except NotFoundError:
        return SurveyIndex.of()
    return SurveyIndex(SurveyedCrystals(rows), fruitless, _expected_rows)


def expected_crystals() -> SurveyedCrystals:
    """The crystals to be expected that come with dosmith, by the better potential, where the list has its formation energies."""
    return SurveyedCrystals(_rows(shipped_folder("survey") / EXPECTED)[0])


def _expected_rows() -> SurveyedRows:
    """The crystals to be expected that come with dosmith, the survey's among them, by CHGNet, in which others can be compared with them."""
    try:
        return _rows(shipped_folder("survey") / EXPECTED, SCHEMA.names)[0]
    except NotFoundError:
        return shipped_survey().crystals.rows


def write_survey(path: Path, crystals: Sequence[Surveyed], fruitless: Trials | None = None) -> None:
    """Save a survey whole: by formula, lowest first, so that like stands by like and packs well.

    Args:
        path: of the file.
        crystals: of the survey.
        fruitless: prototypes in which a composition was tried and gave no crystal.
    """
    order = sorted(crystals, key=lambda each: (formulas.write(each.composition), np.float32(each.energy)))
    without: dict[str, list[str]] = {}
    for formula, name in sorted((formulas.write(each), name) for each, names in (fruitless or {}).items() for name in names):
        without.setdefault(name, []).append(formula)
    facts = {_FRUITLESS: json.dumps(without, sort_keys=True).encode(), b"potential": NAME.encode()}
    table = as_table(order).replace_schema_metadata(facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd", compression_level=9)


def _read(path: Path) -> tuple[list[Surveyed], Trials]:
    """Crystals, and what gave none."""
    rows, fruitless = _rows(path)
    return list(rows), fruitless


def _rows(path: Path, columns: Sequence[str] = (*SCHEMA.names, FORMATION[SEVENNET])) -> tuple[SurveyedRows, Trials]:
    """Crystals, and what gave none. An older survey does not say the latter; that little is tried again."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            there = [name for name in columns if name in (*SCHEMA.names, *file.schema_arrow.names)]
            table = file.read(there, use_threads=False)
        metadata = table.schema.metadata or {}
        without = {} if _BEFORE in metadata or GENERATED in metadata else json.loads(metadata[_FRUITLESS])
        rows = SurveyedRows.from_table(table)
        fruitless: dict[Composition, set[str]] = {}
        for name, written in without.items():
            for formula in written:
                fruitless.setdefault(formulas.parse(formula), set()).add(name)
    except (pa.ArrowException, AttributeError, FormulaError, KeyError, ValueError, TypeError, OSError) as error:
        raise FileFormatError(f"{path} is not a survey of crystals ({error})") from None
    return rows, fruitless
