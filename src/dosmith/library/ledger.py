"""A ledger of computed materials: what is done, what failed and why. Crash-safe: each entry is a file until they are packed.

A ledger is a folder. A finished entry is written aside, synced and renamed to `entry-*.parquet`; `pack` gathers them in
`pack-*.parquet` of up to 512. An entry found twice (a kill between writing a pack and removing its parts) counts once,
the latest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dosmith.atomic import locked, replacing
from dosmith.errors import LibraryError
from dosmith.library import schema
from dosmith.records import Material

ROWS_PER_PACK = 512

SCHEMA = pa.schema(
    [
        ("entry", pa.string()),  # id in the plan
        ("reason", pa.string()),  # why it failed; null when it is done
        ("seconds", pa.float64()),  # of computing
        ("finished", pa.string()),  # UTC, ISO 8601
        ("material", pa.struct(list(schema.SCHEMA))),  # null when it failed
    ],
    metadata=schema.SCHEMA.metadata,
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one entry of a plan.

    Attributes:
        entry: its id.
        material: the result; None when it failed.
        reason: why it failed; None when it is done.
        seconds: of computing.
        finished: UTC, ISO 8601.
    """

    entry: str
    material: Material | None
    reason: str | None
    seconds: float
    finished: str


class Ledger:
    """The ledger in a folder, made when missing.

    Args:
        folder: of the ledger.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the ledger for writing.

        Raises:
            LibraryError: another program holds it.
        """
        with locked(self.folder):
            yield

    def append(self, outcome: Outcome) -> None:
        """Add one outcome; it is on disk when this returns."""
        name = hashlib.sha256(f"{outcome.entry} {outcome.finished}".encode()).hexdigest()[:16]
        _write(self._rows([outcome]), self.folder / f"entry-{name}.parquet")

    def reasons(self) -> dict[str, str | None]:
        """Each entry in the ledger with the reason of its failure, None for those that are done."""
        table = self._latest(("entry", "reason", "finished"))
        return dict(zip(table["entry"].to_pylist(), table["reason"].to_pylist(), strict=True))

    def finished(self) -> dict[str, str]:
        """When each entry in the ledger was finished last."""
        table = self._latest(("entry", "finished"))
        return dict(zip(table["entry"].to_pylist(), table["finished"].to_pylist(), strict=True))

    def outcomes(self) -> Iterator[Outcome]:
        """All outcomes, in order of their entries' ids.

        Raises:
            LibraryError: one is damaged.
        """
        for row in self._latest(SCHEMA.names).sort_by("entry").to_pylist():
            try:
                material = None if row["material"] is None else schema.from_row(row["material"])
            except (TypeError, ValueError, KeyError) as error:  # values that are never missing are
                raise LibraryError(
                    f"{self.folder} is damaged: the outcome of {row['entry']} cannot be read ({error}); restore it"
                ) from None
            yield Outcome(row["entry"], material, row["reason"], row["seconds"], row["finished"])

    def pack(self) -> None:
        """Gather single entries in packs; full packs stay as they are."""
        singles = sorted(self.folder.glob("entry-*.parquet"))
        if not singles:
            return
        packs = sorted(self.folder.glob("pack-*.parquet"))
        number, tables = 0, [_read(part) for part in singles]
        if packs:
            number = int(packs[-1].stem.removeprefix("pack-")) + 1
            last = _read(packs[-1])
            if len(last) < ROWS_PER_PACK:
                number, tables = number - 1, [last, *tables]
        table = _latest(pa.concat_tables(tables)).sort_by("finished")
        for first in reversed(range(0, len(table), ROWS_PER_PACK)):  # the pack that is written anew comes last
            place = self.folder / f"pack-{number + first // ROWS_PER_PACK:04d}.parquet"
            _write(table.slice(first, ROWS_PER_PACK), place)
        for single in singles:
            single.unlink()

    def _rows(self, outcomes: Sequence[Outcome]) -> pa.Table:
        materials = [outcome.material for outcome in outcomes]
        rows = iter(schema.to_table([material for material in materials if material is not None]).to_pylist())
        return pa.Table.from_pylist(
            [
                {
                    "entry": outcome.entry,
                    "reason": outcome.reason,
                    "seconds": outcome.seconds,
                    "finished": outcome.finished,
                    "material": None if outcome.material is None else next(rows),
                }
                for outcome in outcomes
            ],
            schema=SCHEMA,
        )

    def _latest(self, columns: Sequence[str]) -> pa.Table:
        parts = [_read(part, columns) for part in sorted(self.folder.glob("*.parquet"))]
        return _latest(pa.concat_tables([SCHEMA.empty_table().select(list(columns)), *parts]))


def _latest(table: pa.Table) -> pa.Table:
    """The last row of each entry."""
    table = table.sort_by("finished")
    places = pa.table({"entry": table["entry"], "place": pa.array(range(len(table)), pa.int64())})
    return table.take(places.group_by("entry").aggregate([("place", "max")])["place_max"])


def _read(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(part, pre_buffer=False, page_checksum_verification=True) as file:
            table = file.read(None if columns is None else list(columns), use_threads=False)
        if "material" in table.column_names:
            place = table.column_names.index("material")
            table = table.set_column(place, SCHEMA.field("material"), schema.upgraded_structs(table["material"]))
        return table.cast(SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns]))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise LibraryError(f"{part} is damaged ({error}); restore it, or remove it to compute its entries again") from None


def _write(table: pa.Table, place: Path) -> None:
    with replacing(place) as file:
        pq.write_table(table, file, compression="zstd", compression_level=9, write_page_checksum=True)
