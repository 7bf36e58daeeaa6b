"""A table of spectra with formulas: what a model of other spectra is trained on, and looks known ones up in.

A Parquet file with the columns `formula` and `spectrum` (a list of numbers, as many in every row), and if wanted `id` and
`axis` (a list of rising numbers, the same in every row; 0, 1, 2 ... without it). Values may be negative.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import FileFormatError, FormulaError, NotFoundError
from dosmith.formulas import Composition
from dosmith.spectra.similarity import unit

FloatArray = NDArray[np.float64]
LARGEST = 2_000_000_000
"""Numbers in a table at most."""


@dataclass(frozen=True, eq=False)
class SpectraTable:
    """M spectra on one axis of L points.

    Attributes:
        ids: of the rows.
        compositions: of the rows.
        axis: rising, in any unit, shape (L,).
        values: shape (M, L); none is zero everywhere.
        skipped: how many rows of the file could not be used, by reason.
    """

    ids: tuple[str, ...]
    compositions: tuple[Composition, ...]
    axis: FloatArray
    values: FloatArray
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unit(self) -> FloatArray:
        """The spectra scaled to norm 1, shape (M, L)."""
        return unit(self.values)

    @classmethod
    def read(cls, source: str | Path | bytes) -> SpectraTable:
        """The table in a file, or in its contents.

        Raises:
            NotFoundError: there is no such file.
            FileFormatError: it is not such a table; the message says why.
        """
        name = "the table" if isinstance(source, bytes) else str(source)
        if not isinstance(source, bytes) and not Path(source).is_file():
            raise NotFoundError(f"there is no file {source}")
        try:
            with pq.ParquetFile(io.BytesIO(source) if isinstance(source, bytes) else source, pre_buffer=False) as file:
                missing = {"formula", "spectrum"} - set(file.schema_arrow.names)
                if missing:
                    raise FileFormatError(f"{name} lacks the column {' and '.join(sorted(missing))} of a table of spectra")
                wanted = [column for column in ("id", "formula", "spectrum", "axis") if column in file.schema_arrow.names]
                table = file.read(wanted, use_threads=False)
            values, axis = _matrix(table["spectrum"], name), _axis(table, name)
            texts = [str(text) for text in table["formula"].to_pylist()]
            ids = [str(each) for each in table["id"].to_pylist()] if "id" in wanted else [str(row) for row in range(len(texts))]
        except (pa.ArrowException, ValueError, TypeError, OSError) as error:
            raise FileFormatError(f"{name} is not a Parquet table of spectra ({error})") from None
        return cls._checked(ids, texts, axis, values, name)

    @classmethod
    def _checked(cls, ids: list[str], texts: list[str], axis: FloatArray, values: FloatArray, name: str) -> SpectraTable:
        if len(axis) != values.shape[1] or len(axis) < 2 or not (np.diff(axis) > 0).all():
            raise FileFormatError(f"the axis of {name} must rise and have as many points as the spectra, {values.shape[1]}")
        skipped: Counter[str] = Counter()
        rows, compositions = [], []
        usable = np.asarray(np.isfinite(values).all(axis=1))
        empty = np.asarray((np.nan_to_num(values) == 0).all(axis=1))
        for row, text in enumerate(texts):
            try:
                composition = formulas.parse(text)
            except FormulaError:
                skipped["formula not understood"] += 1
                continue
            if not usable[row] or empty[row]:
                skipped["spectrum empty" if usable[row] else "values that are not numbers"] += 1
                continue
            rows.append(row)
            compositions.append(composition)
        if not rows:
            raise FileFormatError(f"{name} holds no usable spectrum ({', '.join(skipped) or 'it is empty'})")
        return cls(tuple(ids[row] for row in rows), tuple(compositions), axis, values[rows], dict(skipped))

    def as_bytes(self) -> bytes:
        """The table as the contents of such a file, values in single precision."""
        columns = {
            "id": pa.array(self.ids, pa.string()),
            "formula": pa.array([formulas.write(each) for each in self.compositions], pa.string()),
            "spectrum": pa.array(list(self.values.astype(np.float32)), pa.list_(pa.float32())),
            "axis": pa.array([self.axis] * len(self), pa.list_(pa.float64())),
        }
        content = io.BytesIO()
        pq.write_table(pa.table(columns), content, compression="zstd", compression_level=9)
        return content.getvalue()

    def on_axis(self, axis: FloatArray, values: FloatArray, name: str) -> FloatArray:
        """Another curve at the points of this table's axis, by interpolation; zero beyond its ends, shape (L,).

        Raises:
            FileFormatError: it covers less than half of the axis, or is empty there.
        """
        order = np.argsort(axis, kind="stable")
        covered = (self.axis >= axis[order[0]]) & (self.axis <= axis[order[-1]])
        found = np.interp(self.axis, axis[order], values[order], left=0.0, right=0.0)
        if covered.mean() < 0.5 or not found.any():
            raise FileFormatError(
                f"{name} reaches from {axis.min():g} to {axis.max():g}; the model needs {self.axis[0]:g} to {self.axis[-1]:g}"
            )
        return np.asarray(found)


def _matrix(column: pa.ChunkedArray, name: str) -> FloatArray:
    lists = column.combine_chunks()
    if len(lists) == 0:
        raise FileFormatError(f"{name} holds no spectrum")
    lengths = np.diff(np.asarray(lists.offsets))
    if lists.null_count or lengths.min() != lengths.max():
        raise FileFormatError(f"the spectra in {name} have {lengths.min()} to {lengths.max()} points; all need the same axis")
    if lengths.sum() > LARGEST:
        raise FileFormatError(f"{name} holds {lengths.sum():,} numbers, more than {LARGEST:,}")
    flat = lists.flatten().cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(len(lists), -1))


def _axis(table: pa.Table, name: str) -> FloatArray:
    if "axis" not in table.column_names:
        return np.arange(len(table["spectrum"][0]), dtype=np.float64)
    axes = _matrix(table["axis"], name)
    if np.abs(axes - axes[0]).max() > 1e-9 * np.ptp(axes[0]):
        raise FileFormatError(f"the axis in {name} is not the same in every row")
    return np.asarray(axes[0])
