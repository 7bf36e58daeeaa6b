"""Crystals that a search may propose, each with the DOS that a forward model expects of it.

On disk a spectrum is a byte for each grid point, the square root of its density over the highest density: what is lost is less
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
from dosmith.settings import ForwardSettings

FILE = "candidates.parquet"
"""Name of the file in the folder of a model."""
_AT_ONCE = 512  # crystals predicted
_SHAPES = 0.02
"""Ratios c/a are rounded to steps of this, so that crystals of one type share few lattices."""

Progress = Callable[[int, int], None]
"""Called after each crystal, or each few: how many are done, and how many there are."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """C crystals with their expected spectra.

    Attributes:
        crystals: in the order of the survey.
        expected: spectra of norm 1 or less; see `ensemble.Prediction`, shape (C, points).
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
        """Candidates from the contents of a file.

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
    def norms(self) -> NDArray[np.float32]:
        """Norms of the expected spectra, shape (C,)."""
        return np.asarray(np.linalg.norm(self.expected, axis=1))


def lowest(survey: Iterable[Surveyed], symbols: Iterable[str]) -> list[Surveyed]:
    """The crystal of lowest energy of each composition of these elements in each crystal system."""
    known = set(symbols)
    found: dict[tuple[Composition, str], Surveyed] = {}
    for each in survey:
        if set(each.elements) <= known:
            key = each.composition, each.crystal_system
            if key not in found or each.energy < found[key].energy:
                found[key] = each
    return list(found.values())


def prepare(
    survey: Sequence[Surveyed], settings: ForwardSettings, potential: Potential | None = None, progress: Progress | None = None
) -> list[tuple[Surveyed, Atoms]]:
    """The crystals of a survey prepared for the members of a model; those with lone atoms are left out."""
    potential, prepared = potential or Potential(), []
    for count, each in enumerate(survey, 1):
        with suppress(NotFoundError):
            rounded = replace(each, stretch=round(each.stretch / _SHAPES) * _SHAPES)
            prepared.append((each, Atoms.of(rounded.structure, potential, settings)))
        if progress is not None:
            progress(count, len(survey))
    return prepared


def predict(model: ForwardModel, prepared: Sequence[tuple[Surveyed, Atoms]], progress: Progress | None = None) -> Candidates:
    """Prepared crystals with the spectra that a model predicts of them."""
    parts = []
    for start in range(0, len(prepared), _AT_ONCE):
        part = prepared[start : start + _AT_ONCE]
        parts.append(model.predict_atoms([atoms for _, atoms in part]).expected.astype(np.float32))
        if progress is not None:
            progress(start + len(part), len(prepared))
    expected = np.concatenate(parts) if parts else np.zeros((0, model.recipe.grid.points), dtype=np.float32)
    return Candidates(tuple(crystal for crystal, _ in prepared), expected)
