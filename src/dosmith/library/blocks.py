"""Curves of a table of materials, as arrays: those that share a grid in one block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dosmith.library import schema
from dosmith.library.arrow import numbers, taken

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SpectraBlock:
    """Curves of one library that share a grid.

    Attributes:
        rows: their places in the library, shape (B,).
        energies: eV, shape (N,).
        densities: states/eV/cell, spins summed, shape (B, N).
        fermi: eV on the axis of `energies`, shape (B,).
        broadening: Gaussian sigma in the curves, eV, shape (B,).
        gaps: from eigenvalues, eV, 0 for metals, NaN where unknown, shape (B,).
        valence_tops: from eigenvalues, eV on the axis of `energies`, NaN for metals and where unknown, shape (B,).
    """

    rows: IntArray
    energies: FloatArray
    densities: FloatArray
    fermi: FloatArray
    broadening: FloatArray
    gaps: FloatArray
    valence_tops: FloatArray


def blocks(table: pa.Table, first_row: int) -> Iterator[SpectraBlock]:
    """Rows of a table of curve columns, grouped by grid."""
    table = table.combine_chunks()
    lengths = table["dos_up"].combine_chunks().value_lengths().to_pylist()
    keys: dict[tuple[Any, ...], list[int]] = {}
    starts, steps = table["energy_first"].to_pylist(), table["energy_step"].to_pylist()
    uneven = table["energies"].to_pylist() if table["energies"].null_count < len(table) else [None] * len(table)
    for row, length in enumerate(lengths):
        levels = uneven[row]
        own = None if levels is None else tuple(levels)
        keys.setdefault((starts[row], steps[row], length, own), []).append(row)
    for (start, step, length, own), rows in keys.items():
        places = np.array(rows, dtype=np.int64)
        part = taken(table, places)
        densities = _matrix(part["dos_up"], length)
        polarized = np.flatnonzero(part["dos_down"].is_valid().to_pylist())
        if len(polarized):
            densities[polarized] += _matrix(part["dos_down"].drop_null(), length)
        yield SpectraBlock(
            places.astype(np.intp) + first_row,
            schema.energies_of(start, step, length, own),
            densities,
            numbers(part["fermi"]),
            numbers(part["broadening"]),
            numbers(part["gap"]),
            numbers(part["valence_top"]),
        )


def _matrix(column: pa.ChunkedArray, length: int) -> FloatArray:
    return numbers(column.combine_chunks().flatten()).reshape(-1, length)
