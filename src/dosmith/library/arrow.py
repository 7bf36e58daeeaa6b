"""Arrow columns and NumPy arrays, without pandas: PyArrow imports it, a fifth of a second, to make or to read almost any array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def taken(table: pa.Table, rows: Sequence[int] | NDArray[np.integer]) -> pa.Table:
    """These rows of a table, in this order."""
    return table.take(places(rows))


def places(rows: Sequence[int] | NDArray[np.integer]) -> pa.Array:
    """Numbers of rows, as Arrow takes them."""
    held = np.ascontiguousarray(rows, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(held), [None, pa.py_buffer(held)])


def numbers(array: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """A copy of numbers; nan where there is none."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not pa.types.is_floating(array.type):
        array = array.cast(pa.float64(), safe=False)
    missing, held = array.buffers()
    kind = np.dtype(f"f{array.type.bit_width // 8}")
    values = np.frombuffer(held, kind, len(array), array.offset * kind.itemsize).astype(np.float64)
    if array.null_count:
        there = np.unpackbits(np.frombuffer(missing, np.uint8), count=array.offset + len(array), bitorder="little")
        values[there[array.offset :] == 0] = np.nan
    return values


def integers(array: pa.Array) -> NDArray[np.intp]:
    """A copy of integers, none of them missing."""
    return np.asarray(view(array), dtype=np.intp)


def view(array: pa.Array) -> NDArray[Any]:
    """Numbers of any kind where they lie, none of them missing."""
    return np.from_dlpack(array)


def floats(values: NDArray[np.float64]) -> pa.Array:
    """Numbers as Arrow has them; null where they are nan."""
    there = np.packbits(~np.isnan(values), bitorder="little")
    held = [pa.py_buffer(there), pa.py_buffer(np.ascontiguousarray(values, dtype=np.float64))]
    return pa.Array.from_buffers(pa.float64(), len(values), held)
