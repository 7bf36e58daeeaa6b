"""Crystals into an atlas: read, recognised, predicted, kept, a batch at a time. Killed at any moment it loses the batches under way.

What became of every crystal stands in the atlas's record, one JSON line each, written after its batch is on the disk: the next run passes over
what the record names, and a crystal that was kept but not yet recorded is known by its id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, processes, symmetry
from dosmith.atlas.crystal import AtlasCrystal, Cell, digest_of
from dosmith.atlas.expecting import Expectation, expected, fingerprint, forward_model
from dosmith.atlas.reading import Item, crystal_of
from dosmith.atlas.same import mark_of, same
from dosmith.atlas.store import Atlas
from dosmith.crystals.prototypes import crystal_id
from dosmith.crystals.recognise import recognise
from dosmith.errors import DosmithError, LibraryError

RECORD = "added.jsonl"
"""The record's name in the folder of an atlas."""
BATCH = 32
"""Crystals predicted and kept at a time."""

Predict = Callable[[Sequence[Cell], str], "list[Expectation | str]"]


@dataclass(frozen=True)
class Addition:
    """What became of one crystal.

    Attributes:
        key: of its content; see `Item`.
        label: file and number.
        outcome: added, there already, the same as, or skipped.
        id: in the atlas: its own, or that of the crystal that it is the same as; None when it was skipped.
        known_as: its own id, when its source calls it by one.
        reason: why it was skipped.
    """

    key: str
    label: str
    outcome: str
    id: str | None = None
    known_as: str | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class _Ready:
    """A crystal that waits to be predicted."""

    item: Item
    id: str
    cell: Cell
    formula: str
    mark: NDArray[np.uint16]
    prototype: str | None
    space_group: int


class Record:
    """What became of the crystals that were added to an atlas.

    Args:
        folder: of the atlas.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / RECORD
        self.found: dict[str, Addition] = {}
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        for line in text.splitlines():
            try:
                entry = Addition(**json.loads(line))
                self.found[entry.key] = entry
            except (ValueError, TypeError, RecursionError):  # cut off by a kill
                continue
        self._torn = bool(text) and not text.endswith("\n")

    def write(self, additions: Sequence[Addition]) -> None:
        """Write down outcomes that are not there yet, and see them on the disk.

        Raises:
            LibraryError: the disk is full or read-only.
        """
        new = [replace(each, outcome="added") if each.outcome == "there already" else each for each in additions]
        new = [each for each in new if self.found.get(each.key) != each]
        if not new:
            return
        lines = "".join(json.dumps(asdict(each)) + "\n" for each in new)
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write("\n" + lines if self._torn else lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LibraryError(f"{self.path} cannot be written ({error.strerror or error}); what was added is kept") from None
        self._torn = False
        self.found |= {each.key: each for each in new}

    def aliases(self) -> dict[str, str]:
        """The id in the atlas by the id of a crystal that was recognised as it."""
        return {
            each.known_as: each.id for each in self.found.values() if each.outcome == "the same as" and each.known_as and each.id
        }


def add(
    atlas: Atlas,
    items: Iterable[Item],
    model: str,
    executor: Executor | None = None,
    workers: int = 1,
    predict: Predict = expected,
    batch: int = BATCH,
) -> Iterator[Addition]:
    """Add crystals; what became of each, in the order in which it is known.

    Args:
        atlas: to add to.
        items: crystals that can be read.
        model: name or folder of the forward model.
        executor: predicts batches elsewhere; here when None.
        workers: batches predicted side by side.
        predict: what predicts them.
        batch: crystals in one.

    Raises:
        LibraryError: the atlas cannot be written.
        ModelError: the model predicts no crystals, or its spectra are not those of the atlas.
    """
    opened = forward_model(model)
    if opened.recipe.grid != atlas.recipe.grid:
        raise LibraryError(f"the spectra of {atlas.name} are not those of the model '{opened.name}'; make another atlas for it")
    return _Adding(atlas, model, fingerprint(opened), frozenset(opened.elements), executor, workers, predict, batch).run(items)


class _Adding:
    def __init__(
        self,
        atlas: Atlas,
        model: str,
        mark: str,
        elements: frozenset[str],
        executor: Executor | None,
        workers: int,
        predict: Predict,
        batch: int,
    ) -> None:
        self.atlas, self.model, self.fingerprint, self.elements = atlas, model, mark, elements
        self.executor, self.workers, self.predict, self.batch = executor, workers, predict, batch
        self.record = Record(atlas.folder)
        self.marks: dict[str, list[tuple[str, NDArray[np.uint16]]]] = {}
        self.ids: set[str] = set()
        for table in atlas.tables(("id", "formula", "mark")):
            self.ids.update(table["id"].to_pylist())
            rows = zip(table["id"].to_pylist(), table["formula"].to_pylist(), table["mark"].to_pylist(), strict=True)
            for identifier, formula, mark_bytes in rows:
                if mark_bytes:
                    self.marks.setdefault(formula, []).append((identifier, np.frombuffer(mark_bytes, dtype=np.uint16)))
        self.running: dict[Future[list[Expectation | str]], list[_Ready]] = {}

    def run(self, items: Iterable[Item]) -> Iterator[Addition]:
        ready: list[_Ready] = []
        told: list[Addition] = []
        try:
            for item in items:
                outcome = self._look(item)
                if isinstance(outcome, _Ready):
                    ready.append(outcome)
                elif item.key in self.record.found and outcome.outcome == "there already":
                    yield outcome
                else:
                    told.append(outcome)
                if len(told) >= self.batch:
                    yield from self._tell(told)
                if len(ready) >= self.batch:
                    yield from self._start(ready)
                    ready = []
            if ready:
                yield from self._start(ready)
            yield from self._tell(told)
            while self.running:
                yield from self._finish()
        finally:
            for future in self.running:
                future.cancel()

    def _tell(self, told: list[Addition]) -> Iterator[Addition]:
        self.record.write(told)
        yield from told
        told.clear()

    def _look(self, item: Item) -> _Ready | Addition:
        """A crystal that is to be predicted; or what became of it."""
        before = self.record.found.get(item.key)
        if before is not None and before.id in self.ids:  # what was skipped is tried again: the model may know more by now
            return Addition(item.key, item.label, "there already", before.id, before.known_as)
        if item.id is not None and item.id in self.ids and not item.guessed:
            return Addition(item.key, item.label, "there already", item.id)
        try:
            structure = crystal_of(item)
            cell = Cell.of(structure)
            unknown = sorted(set(cell.species) - self.elements, key=formulas.atomic_number)
            if unknown:
                return Addition(
                    item.key, item.label, "skipped", None, item.id, f"holds {' '.join(unknown)}, which the model does not know"
                )
            formula = formulas.write(formulas.reduce((symbol, 1) for symbol in cell.species))
            digest = digest_of(cell.lattice, cell.species, cell.frac_coords)
            named_so = (None if item.guessed and item.id in self.ids else item.id) or (
                None if item.built is None else crystal_id(formulas.parse(formula), item.built[0])
            )
            identifier = named_so or f"{formula}-{digest}"
            if identifier in self.ids:
                return Addition(item.key, item.label, "there already", identifier)
            named = None if item.built else recognise(cell.lattice, cell.species, cell.frac_coords)
            group = symmetry.space_group(structure)[1]
            mark = mark_of(structure, group)
        except DosmithError as error:
            return Addition(item.key, item.label, "skipped", None, item.id, str(error))
        for other, theirs in self.marks.get(formula, ()):
            if same(mark, theirs):
                return Addition(item.key, item.label, "the same as", other, item.id)
        self.marks.setdefault(formula, []).append((identifier, mark))
        self.ids.add(identifier)
        return _Ready(item, identifier, cell, formula, mark, None if named is None else named.prototype, group)

    def _start(self, ready: list[_Ready]) -> Iterator[Addition]:
        cells = [each.cell for each in ready]
        if self.executor is None:
            yield from self._keep(ready, self.predict(cells, self.model))
            return
        while len(self.running) >= self.workers:
            yield from self._finish()
        self.running[self.executor.submit(self.predict, cells, self.model)] = ready

    def _finish(self) -> Iterator[Addition]:
        finished, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in finished:
            ready = self.running.pop(future)
            yield from self._keep(ready, future.result())

    def _keep(self, ready: Sequence[_Ready], found: Sequence[Expectation | str]) -> Iterator[Addition]:
        crystals: list[AtlasCrystal] = []
        additions: list[Addition] = []
        for each, expectation in zip(ready, found, strict=True):
            item = each.item
            if isinstance(expectation, str):
                self.ids.discard(each.id)
                self.marks[each.formula] = [pair for pair in self.marks[each.formula] if pair[0] != each.id]
                additions.append(Addition(item.key, item.label, "skipped", None, item.id, expectation))
                continue
            crystals.append(
                AtlasCrystal(
                    each.id,
                    "file" if item.guessed and each.id != item.id else item.source,
                    each.cell if item.built is None else item.built[1],
                    each.space_group,
                    each.prototype if item.built is None else item.built[0],
                    expectation.spectrum,
                    self.fingerprint,
                    origin=item.label,
                    energy=expectation.energy,
                    formation_energy=expectation.formation_energy,
                    above_hull=item.facts.get("above_hull"),
                    gap=expectation.gap,
                    gap_spread=expectation.gap_spread,
                    signed_gap=expectation.signed_gap,
                    mark=each.mark.tobytes(),
                )
            )
            additions.append(Addition(item.key, item.label, "added", each.id, item.id))
        self.atlas.add(crystals)
        self.record.write(additions)
        yield from additions


@contextmanager
def executor(workers: int, cluster: str | None) -> Iterator[Executor | None]:
    """What predicts batches: a Dask cluster, processes of this machine, or with one worker nothing but this process.

    Raises:
        MissingExtraError, EngineError: as of `processes.cluster`.
    """
    if cluster is not None:
        with processes.cluster(cluster, workers) as client:
            yield client.get_executor()
        return
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the workers: one core each
    with processes.side_by_side(workers) as pool:
        yield pool
