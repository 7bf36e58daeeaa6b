"""Crystals that a search may propose, each with the DOS that a forward model expects of it.

On disk a spectrum is a code, its coordinates among the principal components of all of them (`spectra.code`): 55 bytes each, and a
cosine to the spectrum itself above 0.999. Targets are compared with codes, so nothing is decoded. Reading them needs no PyTorch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith.compositions import Compositions
from dosmith.crystals.existence import rivals_of
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.plausible import balance
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.surveyed import Surveyed, SurveyedRows, as_table
from dosmith.element_facts import valence_electrons
from dosmith.errors import FileFormatError, LibraryError
from dosmith.formulas import Composition
from dosmith.library.arrow import numbers, view
from dosmith.spectra.code import STEPS, Basis, Coded
from dosmith.spectra.standard import Recipe

if TYPE_CHECKING:
    from dosmith.crystals.hull import Hull
    from dosmith.crystals.potential import Potential
    from dosmith.models.tight_binding.atoms import Atoms
    from dosmith.models.tight_binding.ensemble import ForwardModel
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
_CODE, _WHOLE, _BASIS = "c", "spectrum", b"basis"
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
        spectra: expected, of norm 1 or less; see `ensemble.Prediction`, shape (C, points), or as codes.
        gaps: mean of the members' gaps by eigenvalues, eV, below zero where bands overlap, `METAL` where none is possible, shape (C,);
            None in older files.
        spreads: their standard deviation, eV, shape (C,); None in older files.
        heights: above the hull of the potential, eV/atom, shape (C,); None in older files.
        rivals: other compositions in that hull that hold no element besides, shape (C,); None in older files.
        balances: of their charges, see `plausible.balance`, shape (C,); None in older files.
        half_gaps: mean of the members' gaps of one spin while the other conducts, eV, 0 where there is none, shape (C,); None in older files.
    """

    crystals: SurveyedRows
    spectra: NDArray[np.float32] | Coded
    gaps: NDArray[np.float32] | None = None
    spreads: NDArray[np.float32] | None = None
    heights: NDArray[np.float32] | None = None
    rivals: NDArray[np.int32] | None = None
    balances: NDArray[np.int32] | None = None
    half_gaps: NDArray[np.float32] | None = None

    def coded(self, recipe: Recipe) -> Candidates:
        """The same with their spectra as codes of a recipe's, learned from them unless they are codes already."""
        return self if isinstance(self.spectra, Coded) else replace(self, spectra=Coded.of(self.spectra, recipe))

    def taken(self, places: NDArray[np.intp]) -> Candidates:
        """Some of them, in this order."""
        spectra = self.spectra.taken(places) if isinstance(self.spectra, Coded) else self.spectra[places]
        columns = {name: values[places] for name in _COLUMNS if (values := getattr(self, name)) is not None}
        return replace(self, crystals=self.crystals.taken(places), spectra=spectra, **columns)

    def as_bytes(self) -> bytes:
        """The contents of a file that holds them, spectra or codes as they are."""
        table = as_table(self.crystals)
        codes: list[str] = []
        if isinstance(self.spectra, Coded):
            codes = [f"{_CODE}{place}" for place in range(self.spectra.basis.size)]
            for name, column in zip(codes, self.spectra.codes.T, strict=True):
                table = table.append_column(name, pa.array(np.ascontiguousarray(column)))
            table = table.replace_schema_metadata(dict(table.schema.metadata) | {_BASIS: self.spectra.basis.as_bytes()})
        else:
            rows = [row.tobytes() for row in self.spectra.astype("<f4")]
            table = table.append_column(_WHOLE, pa.array(rows, pa.binary(4 * self.spectra.shape[1])))
        for name in _COLUMNS:
            if (values := getattr(self, name)) is not None:
                table = table.append_column(name, pa.array(values))
        content = io.BytesIO()
        apart = dict.fromkeys(codes, "BYTE_STREAM_SPLIT")  # high bytes are nearly all alike
        named = ["prototype", "elements.list.element"]
        pq.write_table(table, content, compression="zstd", compression_level=15, use_dictionary=named, column_encoding=apart)
        return content.getvalue()

    @classmethod
    def read(cls, content: bytes, recipe: Recipe) -> Candidates:
        """Candidates from the contents of a file.

        Args:
            content: of the file.
            recipe: of their spectra.

        Raises:
            FileFormatError: it is not what `as_bytes` made.
        """
        try:
            with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:  # no threads that outlive the program
                table = file.read(use_threads=False)
            crystals = SurveyedRows.from_table(table)
            spectra = _spectra_of(table, recipe)
            columns: dict[str, Any] = {
                name: numbers(table[name]).astype(kind) for name, kind in _COLUMNS.items() if name in table.column_names
            }
        except (pa.ArrowException, KeyError, ValueError, TypeError, OSError, LibraryError) as error:
            raise FileFormatError(f"the candidates of the model are damaged ({error})") from None
        return cls(crystals, spectra, **columns)

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """The same as arrays, none of objects, which `of_arrays` takes as they are: mapped into memory, say."""
        rows = self.crystals
        held: dict[str, NDArray[Any]] = {
            "names": np.array(rows.names, dtype=np.str_),
            "potential": np.array([rows.potential], dtype=np.str_),
            "prototype": rows.prototype,
            "elements": rows.elements,
            "numbers": rows.numbers,
            "composition": rows.compositions.elements,
            "counts": rows.compositions.counts,
            "groups": rows.compositions.groups,
            "norms": self.norms,
        }
        if isinstance(self.spectra, Coded):
            held |= {"basis": self.spectra.basis.vectors, "coordinates": self.spectra.coordinates}
        else:
            held["spectra"] = self.spectra
        return held | {name: values for name in _COLUMNS if (values := getattr(self, name)) is not None}

    @classmethod
    def of_arrays(cls, held: Mapping[str, NDArray[Any]], recipe: Recipe) -> Candidates:
        """Candidates from `as_arrays`, with the recipe of their spectra."""
        crystals = SurveyedRows(
            held["names"].tolist(), held["prototype"], held["elements"], held["numbers"], str(held["potential"][0])
        )
        spectra = held["spectra"] if "spectra" in held else Coded(Basis(held["basis"], recipe), held["coordinates"])
        found = cls(crystals, spectra, **{name: held[name] for name in _COLUMNS if name in held})
        compositions = Compositions(held["composition"], held["counts"])
        for known, name, value in (  # what they would work out
            (compositions, "groups", held["groups"]),
            (crystals, "compositions", compositions),
            (found, "norms", held["norms"]),
        ):
            vars(known)[name] = value
        return found

    @property
    def expected(self) -> NDArray[np.float32]:
        """The spectra themselves, shape (C, points)."""
        return self.spectra.spectra if isinstance(self.spectra, Coded) else self.spectra

    def at(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """Some of the spectra, shape (places, points)."""
        return self.spectra.taken(places).spectra if isinstance(self.spectra, Coded) else self.spectra[places]

    def spectrum(self, place: int) -> NDArray[np.float64]:
        """One of the spectra, shape (points,)."""
        return self.spectra.spectrum(place) if isinstance(self.spectra, Coded) else self.spectra[place].astype(np.float64)

    @cached_property
    def norms(self) -> NDArray[np.float32]:
        """Norms of the expected spectra, shape (C,)."""
        if isinstance(self.spectra, Coded):
            return np.asarray(np.sqrt(self.spectra.squares()), dtype=np.float32)
        return np.asarray(np.linalg.norm(self.spectra, axis=1))


def _spectra_of(table: pa.Table, recipe: Recipe) -> Coded | NDArray[np.float32]:
    """The spectra in a table; files of before hold a byte for each point, the square root of its density over the highest."""
    if _WHOLE in table.column_names:
        return bytes_of(table[_WHOLE].combine_chunks()).view("<f4").astype(np.float32)
    if "levels" not in table.column_names:
        basis = Basis.read((table.schema.metadata or {})[_BASIS], recipe)
        coordinates = np.empty((basis.size, len(table)), dtype=np.float32)
        for place in range(basis.size):
            np.divide(view(table[f"{_CODE}{place}"].combine_chunks()), STEPS, out=coordinates[place], casting="same_kind")
        return Coded(basis, coordinates.T)
    expected = bytes_of(table["levels"].combine_chunks()).astype(np.float32)
    expected /= 255
    expected *= expected
    expected *= numbers(table["highest"]).astype(np.float32)[:, None]
    return expected


def bytes_of(column: pa.Array) -> NDArray[np.uint8]:
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
    from dosmith.models.tight_binding.atoms import Atoms

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
