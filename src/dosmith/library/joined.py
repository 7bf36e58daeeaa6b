"""Several libraries as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from dosmith.library.blocks import SpectraBlock
from dosmith.library.store import Library, refuse_doubles


class JoinedLibrary(Library):
    """Several libraries as one, one after another; for reading.

    Raises:
        LibraryError: two of them hold the same id.
    """

    def __init__(self, parts: Sequence[Library]) -> None:
        self.parts = tuple(parts)
        self.name = " and ".join(part.name for part in self.parts)
        refuse_doubles([identifier for part in self.parts for identifier in part.ids])
        self._firsts = np.cumsum([0, *(len(part) for part in self.parts)]).tolist()

    @property
    def damaged(self) -> tuple[str, ...]:
        """Damaged parts of all of them."""
        return tuple(damage for part in self.parts for damage in part.damaged)

    @property
    def made_of(self) -> Sequence[object] | None:
        """See `Library.made_of`."""
        told = [part.made_of for part in self.parts]
        return None if None in told else told

    def _table(self, columns: Sequence[str]) -> pa.Table:
        return pa.concat_tables([part._table(columns) for part in self.parts])

    def _row(self, row: int) -> dict[str, Any]:
        place = int(np.searchsorted(self._firsts, row, side="right")) - 1
        return self.parts[place]._row(row - self._firsts[place])

    def spectra(self) -> Iterator[SpectraBlock]:
        """All curves, library by library."""
        for part, first in zip(self.parts, self._firsts, strict=False):
            for block in part.spectra():
                yield replace(block, rows=block.rows + first)

    def tables(self, rows: Sequence[int]) -> Iterator[pa.Table]:
        """All columns of the given rows, which increase."""
        for part, first in zip(self.parts, self._firsts, strict=False):
            yield from part.tables([row - first for row in rows if first <= row < first + len(part)])
