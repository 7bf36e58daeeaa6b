"""Crystals that a search may propose, each with the DOS that a forward model expects of it.

On disk a spectrum is a byte for each grid point, the square root of its density over the highest density: what is lost is less
than what anything here tells apart, and 37,000 spectra take five megabytes. Reading them needs no PyTorch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith.crystals.existence import rivals_of
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.plausible import balance
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.surveyed import Surveyed, SurveyedRows, as_table
from dosmith.element_facts import valence_electrons
from dosmith.errors import FileFormatError
from dosmith.formulas import Composition
from dosmith.library.arrow import numbers

if TYPE_CHECKING:
    from dosmith.crystals.hull import Hull
    from dosmith.crystals.potential import Potential
    from dosmith.models.tight_binding.ensemble import Atoms, ForwardModel
    from dosmith.settings import ForwardSettings

FILE = "candidates.parquet"
"""Name of the file in the folder of a model."""
_PREPARED = 64  # crystals prepared together
_COLUMNS: dict[str, type] = {
    "gaps": np.float32,
    "spreads": np.float32,
    "heights": np.float32,
    "rivals": np.int32,
    "balances": np.int32,
    "half_gaps": np.float32,
}
"""Columns of a file that older ones lack."""
METAL = -9.0
"""eV; stands for the gap of a crystal that can have none."""
_EMPTIER = 0.5
"""Of the mean density: a curve that falls nowhere below it just above the energy zero is no insulator's."""
_SHAPES = 0.02
"""Ratios c/a are rounded to steps of this, so that crystals of one type share few lattices."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """C crystals with their expected spectra.

    Attributes:
        crystals: in the order of the survey.
        expected: spectra of norm 1 or less; see `ensemble.Prediction`, shape (C, points).
        gaps: mean of the members' gaps by eigenvalues, eV, below zero where bands overlap, `METAL` where none is possible, shape (C,);
            None in older files.
        spreads: their standard deviation, eV, shape (C,); None in older files.
        heights: above the hull of the potential, eV/atom, shape (C,); None in older files.
        rivals: other compositions in that hull that hold no element besides, shape (C,); None in older files.
        balances: of their charges, see `plausible.balance`, shape (C,); None in older files.
        half_gaps: mean of the members' gaps of one spin while the other conducts, eV, 0 where there is none, shape (C,); None in older files.
    """

    crystals: SurveyedRows
    expected: NDArray[np.float32]
    gaps: NDArray[np.float32] | None = None
    spreads: NDArray[np.float32] | None = None
    heights: NDArray[np.float32] | None = None
    rivals: NDArray[np.int32] | None = None
    balances: NDArray[np.int32] | None = None
    half_gaps: NDArray[np.float32] | None = None

    def as_bytes(self) -> bytes:
        """The contents of a file that holds them."""
        highest = self.expected.max(axis=1, keepdims=True)
        codes = np.rint(255 * np.sqrt(np.clip(self.expected, 0, None) / np.where(highest > 0, highest, 1))).astype(np.uint8)
        table = as_table(self.crystals)
        table = table.append_column("highest", pa.array(highest[:, 0], pa.float32()))
        table = table.append_column("levels", pa.array([code.tobytes() for code in codes], pa.binary(self.expected.shape[1])))
        for name in _COLUMNS:
            if (values := getattr(self, name)) is not None:
                table = table.append_column(name, pa.array(values))
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
            crystals = SurveyedRows.from_table(table)
            highest = numbers(table["highest"]).astype(np.float32)
            codes = _bytes_of(table["levels"].combine_chunks())
            columns: dict[str, Any] = {
                name: numbers(table[name]).astype(kind) for name, kind in _COLUMNS.items() if name in table.column_names
            }
        except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
            raise FileFormatError(f"the candidates of the model are damaged ({error})") from None
        expected = codes.astype(np.float32)
        expected /= 255
        expected *= expected
        expected *= highest[:, None]
        return cls(crystals, expected, **columns)

    @cached_property
    def norms(self) -> NDArray[np.float32]:
        """Norms of the expected spectra, shape (C,)."""
        return np.asarray(np.linalg.norm(self.expected, axis=1))


def _bytes_of(column: pa.Array) -> NDArray[np.uint8]:
    """Rows of a column of equally many bytes each, shape (C, bytes)."""
    width = column.type.byte_width
    return np.frombuffer(column.buffers()[1], np.uint8, len(column) * width, column.offset * width).reshape(-1, width)


def lowest(survey: Iterable[Surveyed], symbols: Iterable[str]) -> list[Surveyed]:
    """The crystals of these elements: of those in dosmith's prototypes the lowest of each composition in each crystal system, all others."""
    known = set(symbols)
    found: dict[tuple[Composition, str], Surveyed] = {}
    others: list[Surveyed] = []
    for each in survey:
        if not known.issuperset(each.elements):
            continue
        if each.prototype not in PROTOTYPES:
            others.append(each)
            continue
        key = each.composition, each.crystal_system
        if key not in found or each.energy < found[key].energy:
            found[key] = each
    return [*found.values(), *others]


def prepare(
    survey: Sequence[Surveyed], settings: ForwardSettings, potential: Potential | None = None
) -> list[tuple[Surveyed, Atoms]]:
    """The crystals of a survey prepared for the members of a model; those with lone atoms are left out."""
    from dosmith.crystals.potential import Potential
    from dosmith.models.tight_binding.ensemble import Atoms

    potential, prepared = potential or Potential(), list[tuple[Surveyed, Atoms]]()
    for start in range(0, len(survey), _PREPARED):
        part = survey[start : start + _PREPARED]
        rounded = [replace(each, stretch=round(each.stretch / _SHAPES) * _SHAPES).structure for each in part]
        found = zip(part, Atoms.of_each(rounded, potential, settings), strict=True)
        prepared += [(each, atoms) for each, atoms in found if atoms is not None]
    return prepared


def predict(model: ForwardModel, prepared: Sequence[tuple[Surveyed, Atoms]]) -> Candidates:
    """Prepared crystals with the spectra and gaps that a model predicts of them."""
    crystals, energies = [crystal for crystal, _ in prepared], model.recipe.grid.energies
    answers = model.answers([atoms for _, atoms in prepared])
    expected = np.mean([each.spectra for each in answers], axis=0).astype(np.float32)
    able = may_be_gapped(crystals, expected, energies)
    signed = np.where(able[:, None], np.stack([each.gaps for each in answers], axis=1), METAL)
    half_gaps = np.mean([each.half_gaps for each in answers], axis=0)
    return Candidates(
        SurveyedRows.of(crystals),
        expected,
        signed.mean(axis=1).astype(np.float32),
        signed.std(axis=1).astype(np.float32),
        half_gaps=half_gaps.astype(np.float32),
    )


def joined(parts: Sequence[Candidates], points: int) -> Candidates:
    """Candidates in a row; of parts that tell the same of theirs.

    Args:
        parts: of a number of points each.
        points: of the spectra.
    """
    told = [name for name in _COLUMNS if parts and all(getattr(part, name) is not None for part in parts)]
    return Candidates(
        SurveyedRows.of(crystal for part in parts for crystal in part.crystals),
        np.concatenate([np.zeros((0, points), dtype=np.float32), *(part.expected for part in parts)]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in told},
    )


def may_be_gapped(
    crystals: Sequence[Surveyed], expected: NDArray[np.float32], energies: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether crystals can have a gap at all: an even number of electrons, and a density that falls above the energy zero, shape (M,).

    Args:
        crystals: M of them.
        expected: their spectra, shape (M, points).
        energies: eV from the energy zero, shape (points,).
    """
    electrons = np.array(
        [
            sum(
                count * valence_electrons(symbol)
                for symbol, count in zip(each.elements, kind_of(each.prototype).counts, strict=True)
            )
            for each in crystals
        ]
    )
    above = (energies > -0.25) & (energies < 1.25)
    return np.asarray((electrons % 2 == 0) & (expected[:, above].min(axis=1) < _EMPTIER * expected.mean(axis=1)))


def with_heights(candidates: Candidates, hull: Hull) -> Candidates:
    """The candidates with their heights above the hull of a potential, how many rivals each has there, and whether its charges balance."""
    compositions = list(candidates.crystals.compositions)
    energies = candidates.crystals.formation_energies.tolist()
    above = [hull.above(composition, energy) for composition, energy in zip(compositions, energies, strict=True)]
    rivals = rivals_of(compositions, range(len(compositions)))
    return replace(
        candidates,
        heights=np.maximum(np.array(above, dtype=np.float32), 0.0),
        rivals=np.array(rivals, dtype=np.int32),
        balances=np.array([balance(composition) for composition in compositions], dtype=np.int32),
    )
