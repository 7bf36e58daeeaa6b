"""Materials of a library for other programs: Parquet, JSON lines, CSV."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from dosmith.atomic import replacing
from dosmith.errors import LibraryError
from dosmith.library import schema
from dosmith.library.store import Library


def export(library: Library, rows: Sequence[int], path: Path) -> None:
    """Write rows of a library to a file, whole or not at all; its ending tells the format. All formats have the same columns.

    In JSON lines `provenance` is an object; in CSV lists are numbers with blanks between them.

    Raises:
        LibraryError: the ending is none of .parquet, .jsonl, .csv, or the file cannot be written.
    """
    if path.suffix not in WRITERS:
        raise LibraryError(f"{path} cannot be written: its name must end in {', '.join(WRITERS)}")
    try:
        with replacing(path) as file:
            WRITERS[path.suffix](library.tables(rows), file)
    except OSError as error:
        raise LibraryError(f"{path} cannot be written: {error.strerror or error}") from None


def _parquet(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    with pq.ParquetWriter(file, schema.SCHEMA, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.cast(schema.SCHEMA))


def _json_lines(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    for table in tables:
        for row in _dicts(table):
            file.write((json.dumps(row | {"provenance": json.loads(row["provenance"])}) + "\n").encode())


def _csv(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    header = True
    columns = schema.SCHEMA.names
    for table in tables:
        flat = {
            name: [" ".join(map(str, value)) if isinstance(value, list) else value for value in table[name].to_pylist()]
            for name in columns
        }
        part = io.BytesIO()
        pyarrow.csv.write_csv(pa.table(flat), part, pyarrow.csv.WriteOptions(include_header=header))
        file.write(part.getvalue())
        header = False
    if header:
        file.write((",".join(f'"{name}"' for name in columns) + "\n").encode())


def _dicts(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=256):
        yield from batch.to_pylist()


WRITERS: dict[str, Callable[[Iterator[pa.Table], BinaryIO], None]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".csv": _csv,
}
"""The formats by the ending of the file."""
