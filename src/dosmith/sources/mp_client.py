"""The Materials Project's client, mp-api, in both its generations, behind one small adapter.

Until 0.46.0 a DOS came as one CompleteDos for each task; from 0.46.2 on they stand in a Delta table, of which a single look-up is slow
but one pass over its files is not. The table has a row for each task: identifier (its id in letters), run_type, energies, efermi,
spin_up_densities, spin_down_densities.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from dosmith.errors import DosmithError, MissingExtraError, NotFoundError, SpectrumError
from dosmith.sources.fetching import Query, TransientError, patiently

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

TABLE = "s3://materialsproject-parsed/core/electronic-structure/total-dos/"
OPTIONS = {"AWS_SKIP_SIGNATURE": "true", "AWS_REGION": "us-east-1", "timeout": "120s"}
FIELDS = (
    *("material_id", "structure", "symmetry", "deprecated", "band_gap", "efermi", "is_metal", "total_magnetization"),
    *("energy_per_atom", "energy_above_hull", "formation_energy_per_atom"),
)
_COLUMNS = ("identifier", "run_type", "energies", "efermi", "spin_up_densities", "spin_down_densities")
_CHUNK = 500
_MAX_SYSTEMS = 3000  # chemical systems asked for by name; more are filtered here
_FINAL = re.compile(r"status code (?:400|401|403|404|422)|does not support the request")
_KEY = re.compile(r"status code 40[13]|valid API key|[Ii]nvalid.*key")


@dataclass(frozen=True, eq=False)
class TaskDos:
    """The total DOS of one task: energies and Fermi level in eV, densities by spin (1, -1) in states/eV."""

    energies: Sequence[float]
    densities: Mapping[int, Sequence[float]]
    efermi: float | None
    run_type: str | None


class Client:
    """Searches the Materials Project and reads densities of states by task; asks again when a server is busy.

    Args:
        key: of the Materials Project; no message ever shows it.
        rester: an MPRester; made from the key when None.
        endpoint: address of its server, when another one.
        table: address of the Delta table; `options` are those of its storage.
        sleep: waits, in seconds.

    Raises:
        MissingExtraError: mp-api is not installed.
        DosmithError: the server refuses the key or does not answer.
    """

    def __init__(
        self,
        key: str,
        rester: Any = None,
        *,
        endpoint: str | None = None,
        table: str = TABLE,
        options: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._key, self._table, self._options = key, table, dict(OPTIONS if options is None else options)
        self._sleep = sleep
        self._rester = rester if rester is not None else self._ask(lambda: _rester(key, endpoint))
        by_task = self._rester.materials.electronic_structure_dos.get_dos_from_task_id
        self.has_table = "run_type" in signature(by_task).parameters

    def search(self, query: Query) -> list[dict[str, Any]]:
        """Summaries (`FIELDS`) of the materials with a DOS, each with the task of its DOS in 'dos_task' (None: unknown), by id."""
        limits: dict[str, Any] = {"has_props": ["dos"], "num_elements": (1, query.max_elements)}
        if query.crystal_system:
            limits["crystal_system"] = query.crystal_system.capitalize()
        if not query.deprecated:
            limits["deprecated"] = False
        systems = _systems(query)
        parts: list[dict[str, Any]] = (
            [{}] if systems is None else [{"chemsys": systems[i : i + 200]} for i in range(0, len(systems), 200)]
        )
        summary = self._rester.materials.summary
        entries: dict[str, dict[str, Any]] = {}
        for part in parts:
            for document in self._ask(partial(summary.search, **limits, **part, fields=list(FIELDS))):
                entry = _plain(document)
                if query.elements is None or set(_symbols(entry)) <= set(query.elements):
                    entries[str(entry["material_id"])] = entry
        for identifier, task in self._tasks(sorted(entries)):
            entries[identifier]["dos_task"] = task
        return [entries[identifier] for identifier in sorted(entries)]

    def summaries(self, query: Query) -> Iterator[dict[str, Any]]:
        """Summaries (`FIELDS`) of all materials of a query, with a DOS or without, a chemical system or a few at a time."""
        limits: dict[str, Any] = {"num_elements": (1, query.max_elements)}
        if query.crystal_system:
            limits["crystal_system"] = query.crystal_system.capitalize()
        if not query.deprecated:
            limits["deprecated"] = False
        systems = _systems(query)
        parts = [{}] if systems is None else [{"chemsys": systems[i : i + 200]} for i in range(0, len(systems), 200)]
        for part in parts:
            ask = partial(self._rester.materials.summary.search, **limits, **part, fields=list(FIELDS))
            for document in self._ask(ask):
                entry = _plain(document)
                if query.elements is None or set(_symbols(entry)) <= set(query.elements):
                    yield entry

    def curves(self, tasks: Sequence[str]) -> Iterator[tuple[str, TaskDos | DosmithError]]:
        """The DOS of each task, in any order; tasks that have none come with the reason or not at all."""
        yield from self._from_table(tasks) if self.has_table else self._one_by_one(tasks)

    def _tasks(self, identifiers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        route = self._rester.materials.electronic_structure
        for first in range(0, len(identifiers), _CHUNK):
            part = list(identifiers[first : first + _CHUNK])
            for document in self._ask(partial(route.search, material_ids=part, fields=["material_id", "dos"])):
                entry = _plain(document)
                yield str(entry["material_id"]), task_of(entry.get("dos"))

    def _one_by_one(self, tasks: Sequence[str]) -> Iterator[tuple[str, TaskDos | DosmithError]]:
        route = self._rester.materials.electronic_structure_dos
        for task in tasks:
            try:
                dos = self._ask(partial(route.get_dos_from_task_id, task))
            except NotFoundError as error:
                yield task, error
                continue
            if dos is None:
                yield task, NotFoundError(f"no DOS of task {task} is in the open data")
            else:
                densities = {int(getattr(spin, "value", spin)): row for spin, row in dos.densities.items()}
                yield task, TaskDos(dos.energies, densities, dos.efermi, None)

    def _from_table(self, tasks: Sequence[str]) -> Iterator[tuple[str, TaskDos | DosmithError]]:
        """File by file: first which rows are wanted, then only their curves."""
        import pyarrow.compute as pc

        wanted = {letters_of(task): task for task in tasks}
        schema, fragments = self._ask(self._fragments)
        for fragment in fragments:
            if not wanted:
                return
            here = self._ask(partial(fragment.to_table, schema=schema, columns=["identifier"]))["identifier"].to_pylist()
            rows = [identifier for identifier in dict.fromkeys(here) if identifier in wanted]
            for first in range(0, len(rows), _CHUNK):
                keep = pc.field("identifier").isin(rows[first : first + _CHUNK])
                table = self._ask(partial(fragment.to_table, schema=schema, columns=list(_COLUMNS), filter=keep))
                for row in table.to_pylist():
                    task = wanted.pop(row["identifier"], None)
                    if task is not None:
                        yield task, _of_row(row)

    def _fragments(self) -> tuple[Any, list[Any]]:
        """The table's columns, and its files in a fixed order."""
        from deltalake import DeltaTable

        dataset = DeltaTable(self._table, storage_options=self._options).to_pyarrow_dataset()
        return dataset.schema, sorted(dataset.get_fragments(), key=lambda fragment: str(fragment.path))

    def _ask(self, ask: Callable[[], Any]) -> Any:
        """An answer, with patience; the client's errors sorted into those that may pass, a bad key, and nothing there."""

        def once() -> Any:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return ask()
            except (DosmithError, KeyboardInterrupt):
                raise
            except Exception as error:
                reason = self._scrubbed(error)
                if _KEY.search(reason):
                    origin = getattr(self._key, "origin", "MP_API_KEY")
                    raise DosmithError(f"the Materials Project refuses the key; check {origin}") from None
                if "No object found" in reason or "No density of states" in reason or "No DOS data" in reason:
                    raise NotFoundError(reason) from None
                if _FINAL.search(reason) or isinstance(error, (TypeError, AttributeError, NotImplementedError)):
                    raise DosmithError(f"the Materials Project's client failed: {reason}") from None
                raise TransientError(reason) from None

        return patiently(once) if self._sleep is None else patiently(once, self._sleep)

    def _scrubbed(self, error: Exception) -> str:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return (text.replace(self._key, "***") if self._key else text)[:300]


def task_of(dos: Any) -> str | None:
    """The task of a material's DOS, wherever the document has it."""
    dos = _plain(dos) if dos is not None else {}
    total = dos.get("total") or {}
    up = total.get("1") or total.get(1) or next(iter(total.values()), None)
    task = dos.get("task_id") or (_plain(up).get("task_id") if up is not None else None)
    return None if task is None else str(getattr(task, "string", task))


def letters_of(task: str) -> str:
    """A task's identifier in the Delta table: `mp-149` or a bare number becomes eight letters of base 26; letters stay."""
    number = task.rpartition("-")[2]
    if not number.isdigit():
        return number.rjust(8, "a")
    letters, rest = "", int(number)
    while rest:
        rest, digit = divmod(rest, 26)
        letters = chr(ord("a") + digit) + letters
    return letters.rjust(8, "a")


def _rester(key: str, endpoint: str | None) -> Any:
    try:
        from mp_api.client import MPRester
    except ImportError:
        raise MissingExtraError("fetching from the Materials Project", "mp") from None
    logging.getLogger("mp_api").setLevel(logging.ERROR)
    return MPRester(api_key=key, endpoint=endpoint, use_document_model=False, mute_progress_bars=True, notify_db_version=False)


def _systems(query: Query) -> list[str] | None:
    """The chemical systems to ask for by name; None when they are too many or any will do."""
    from itertools import combinations
    from math import comb

    if query.elements is None:
        return None
    count = len(query.elements)
    if sum(comb(count, n) for n in range(1, query.max_elements + 1)) > _MAX_SYSTEMS:
        return None
    sizes = range(1, query.max_elements + 1)
    return ["-".join(sorted(some)) for size in sizes for some in combinations(sorted(query.elements), size)]


def _plain(document: Any) -> dict[str, Any]:
    """A document as a dictionary, whichever way the client hands it out."""
    if isinstance(document, Mapping):
        return dict(document)
    return dict(document.model_dump() if hasattr(document, "model_dump") else document.dict())


def structure_of(entry: Mapping[str, Any]) -> Structure:
    """The structure of a document, an object or its dictionary.

    Raises:
        SpectrumError: there is none.
    """
    from pymatgen.core.structure import Structure

    structure = entry.get("structure")
    if isinstance(structure, Structure):
        return structure
    try:
        return Structure.from_dict(dict(structure or {}))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise SpectrumError(f"the structure cannot be read ({type(error).__name__})") from None


def _symbols(entry: Mapping[str, Any]) -> list[str]:
    """The elements of a document's structure."""
    return [str(element) for element in structure_of(entry).composition.elements]


def _of_row(row: Mapping[str, Any]) -> TaskDos:
    spins = {1: row["spin_up_densities"], -1: row["spin_down_densities"]}
    run_type = row["run_type"]
    densities = {spin: values for spin, values in spins.items() if values}
    return TaskDos(row["energies"] or [], densities, row["efermi"], None if run_type is None else str(run_type))
