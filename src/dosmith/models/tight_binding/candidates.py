"""Crystals that a search may propose, each with the DOS that a forward model expects of it.

On disk a spectrum is a byte for each level, the square root of its density over that of its highest level: what is lost is less
than what anything here tells apart, and 37,000 spectra take five megabytes. Reading them needs no PyTorch.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith.crystals.potential import Potential
from dosmith.crystals.survey import Surveyed, as_table, from_table
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.formulas import Composition
from dosmith.models.tight_binding.ensemble import Atoms, ForwardModel

FILE = "candidates.parquet"
"""In the folder of a model."""
_TOGETHER = 512  # crystals predicted at a time
_SHAPES = 0.02
"""Ratios c/a are rounded to steps of this, so that crystals of one type share few lattices."""

Progress = Callable[[int, int], None]
"""Told how many crystals are done, and of how many."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """C crystals with what is expected of them.

    Attributes:
        crystals: in the order of the survey.
        expected: spectra of length 1 or less; see `model.Prediction`, shape (C, levels).
    """

    crystals: tuple[Surveyed, ...]
    expected: NDArray[np.float32]

    def as_bytes(self) -> bytes:
        """The contents of a file that holds them."""
        highest = self.expected.max(axis=1, keepdims=True)
        codes = np.rint(255 * np.sqrt(np.clip(self.expected, 0, None) / np.where(highest > 0, highest, 1))).astype(np.uint8)
        table = as_table(self.crystals)
        table = table.append_column("highest", pa.array(highest[:, 0], pa.float32()))
        table = table.append_column("levels", pa.array([code.tobytes() for code in codes], pa.binary(self.expected.shape[1])))
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd", compression_level=15)
        return content.getvalue()

    @classmethod
    def read(cls, content: bytes) -> Candidates:
        """From the contents of a file.

        Raises:
            FileFormatError: it is not what `as_bytes` made.
        """
        try:
            with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:  # no threads that outlive the program
                table = file.read(use_threads=False)
            crystals = tuple(from_table(table))
            highest: NDArray[np.float32] = np.array(
                table.column("highest").to_pylist(), dtype=np.float32
            )  # spares importing pandas
            buffer = b"".join(table.column("levels").to_pylist())
            codes = np.frombuffer(buffer, dtype=np.uint8).reshape(len(crystals), -1)
        except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
            raise FileFormatError(f"the candidates of the model are damaged ({error})") from None
        return cls(crystals, (highest[:, None] * (codes.astype(np.float32) / 255) ** 2).astype(np.float32))

    @cached_property
    def lengths(self) -> NDArray[np.float32]:
        """Of the expected spectra, shape (C,)."""
        return np.asarray(np.linalg.norm(self.expected, axis=1))


def likely(survey: Iterable[Surveyed], symbols: Iterable[str]) -> list[Surveyed]:
    """Of each composition the crystal of lowest energy in each crystal system, if all its elements are among the symbols."""
    known = set(symbols)
    lowest: dict[tuple[Composition, str], Surveyed] = {}
    for each in survey:
        if set(each.elements) <= known:
            key = each.composition, each.crystal_system
            if key not in lowest or each.energy < lowest[key].energy:
                lowest[key] = each
    return list(lowest.values())


def look(
    survey: Sequence[Surveyed], density: float, potential: Potential | None = None, progress: Progress | None = None
) -> list[tuple[Surveyed, Atoms]]:
    """The crystals of a survey as the members of a model see them; those with lone atoms are left out."""
    potential, seen = potential or Potential(), []
    for count, each in enumerate(survey, 1):
        with suppress(NotFoundError):
            rounded = replace(each, stretch=round(each.stretch / _SHAPES) * _SHAPES)
            seen.append((each, Atoms.of(rounded.structure, potential, density)))
        if progress is not None:
            progress(count, len(survey))
    return seen


def expect(model: ForwardModel, seen: Sequence[tuple[Surveyed, Atoms]], progress: Progress | None = None) -> Candidates:
    """What a model expects of crystals that were looked at."""
    parts = []
    for start in range(0, len(seen), _TOGETHER):
        part = seen[start : start + _TOGETHER]
        parts.append(model.predict_atoms([atoms for _, atoms in part]).expected.astype(np.float32))
        if progress is not None:
            progress(start + len(part), len(seen))
    expected = np.concatenate(parts) if parts else np.zeros((0, model.recipe.grid.levels), dtype=np.float32)
    return Candidates(tuple(crystal for crystal, _ in seen), expected)
