"""What a search needs of an atlas, as columns of one file that is mapped into memory: made from the shards, made anew when they change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing
from dosmith.constraints import Constraints
from dosmith.crystals.kinds import label_of
from dosmith.errors import LibraryError
from dosmith.formulas import Composition
from dosmith.library import arrow
from dosmith.periodic_table import elements
from dosmith.ranking import plain_name
from dosmith.spectra.code import STEPS

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

VERSION = 2
HEAD = 16
"""Coordinates that are looked at of every crystal; the others only where they can matter."""
_HALF = 64  # elements in one mask
NEEDED = (
    "id",
    "source",
    "formula",
    "numbers",
    "counts",
    "space_group",
    "prototype",
    "energy",
    "formation_energy",
    "above_hull",
    "gap",
    "gap_spread",
    "signed_gap",
    "model",
    "code",
)
"""Columns of a shard that an index is made from."""
_NUMBERS = ("energy", "formation_energy", "above_hull", "gap", "gap_spread", "signed_gap")
_WORDS = ("formula", "source", "prototype", "model")


def make(tables: Iterator[pa.Table], path: Path, size: int) -> None:
    """Write the index of an atlas.

    Args:
        tables: of its shards, with the columns `NEEDED`, in order.
        path: of the index.
        size: of a code.

    Raises:
        OSError: it cannot be written.
    """
    parts = [_columns(table, size) for table in tables]
    whole = pa.concat_tables(parts).unify_dictionaries().combine_chunks() if parts else None
    if whole is None:
        whole = _columns(pa.Table.from_pylist([], schema=_empty()), size).combine_chunks()
    with replacing(path) as file, pa.ipc.new_file(file, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=max(len(whole), 1))


def _empty() -> pa.Schema:
    from dosmith.atlas.schema import SCHEMA

    return pa.schema([SCHEMA.field(name) for name in NEEDED])


def _columns(table: pa.Table, size: int) -> pa.Table:
    """The columns of an index for the rows of a shard."""
    table = table.combine_chunks()
    lengths = pc.list_value_length(table["code"]).combine_chunks()
    if len(table) and (lengths.null_count or pc.min_max(lengths).as_py() != {"min": size, "max": size}):
        raise LibraryError("a code of the atlas is not of its basis; restore the shard")
    codes = np.asarray(pc.list_flatten(table["code"]).combine_chunks(), dtype=np.int16).reshape(len(table), size)
    places = codes.astype(np.float32) / np.float32(STEPS)
    rest = np.linalg.norm(places[:, HEAD:], axis=1)
    head = np.concatenate([places[:, :HEAD], rest[:, None]], axis=1)
    low, high, price, ratio = _contents(table)
    plain = {name: np.asarray(table[name].fill_null(np.nan), dtype=np.float32) for name in _NUMBERS}
    arrays = {
        "head": _fixed(head.astype(np.float32)),
        "tail": _fixed(codes[:, HEAD:]),
        "norm": pa.array(np.linalg.norm(places, axis=1)),
        "low": pa.array(low),
        "high": pa.array(high),
        "price": pa.array(price),
        "ratio": ratio,
        "space_group": table["space_group"],
        **{name: pa.array(values) for name, values in plain.items()},
        "formula": table["formula"].dictionary_encode(),
        **{name: table[name] for name in (*_WORDS[1:], "id")},
    }
    plain_arrays = {
        name: column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for name, column in arrays.items()
    }
    return pa.table(plain_arrays, schema=_schema(size))


def _schema(size: int) -> pa.Schema:
    """Of an index whose atlas has codes of that size."""
    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("head", pa.list_(pa.float32(), HEAD + 1)),
            ("tail", pa.list_(pa.int16(), size - HEAD)),
            ("norm", pa.float32()),
            ("low", pa.uint64()),
            ("high", pa.uint64()),
            ("price", pa.float32()),
            ("ratio", word),
            ("space_group", pa.uint8()),
            *((name, pa.float32()) for name in _NUMBERS),
            *((name, word) for name in _WORDS),
            ("id", pa.string()),
        ]
    )


def _fixed(rows: NDArray[Any]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).ravel()), rows.shape[1])


def _contents(table: pa.Table) -> tuple[NDArray[np.uint64], NDArray[np.uint64], FloatArray, pa.Array]:
    """Of each row: which elements are in it, as two masks; its price, USD/kg; its counts as text, largest first."""
    lists = table["numbers"].combine_chunks()
    numbers = np.asarray(pc.list_flatten(lists), dtype=np.int64)
    counts = np.asarray(pc.list_flatten(table["counts"].combine_chunks()), dtype=np.float64)
    owner = np.asarray(pc.list_parent_indices(lists), dtype=np.int64)
    low, high = np.zeros(len(table), np.uint64), np.zeros(len(table), np.uint64)
    for mask, inside in ((low, numbers < _HALF), (high, numbers >= _HALF)):
        np.bitwise_or.at(mask, owner[inside], np.uint64(1) << (numbers[inside] % _HALF).astype(np.uint64))
    masses, prices = _facts()
    mass = np.bincount(owner, counts * masses[numbers], len(table))
    worth = np.bincount(owner, counts * masses[numbers] * prices[numbers], len(table))
    price = np.divide(worth, mass, out=np.full(len(table), np.nan), where=mass > 0).astype(np.float32)
    places = np.arange(len(numbers)) - np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(table)))])[owner]
    padded = np.zeros((len(table), 1 + int(places.max(initial=0))), dtype=np.int64)
    padded[owner, places] = counts
    different, which = np.unique(-np.sort(-padded, axis=1), axis=0, return_inverse=True)
    names = [":".join(str(count) for count in row if count) for row in different.tolist()]
    ratio = pa.DictionaryArray.from_arrays(pa.array(which.ravel().astype(np.int32)), pa.array(names, pa.string()))
    return low, high, price, ratio


def _facts() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mass and price of each element by atomic number; NaN where there is no price."""
    from dosmith.element_facts import element_prices

    masses, prices, known = np.zeros(formulas.HEAVIEST + 1), np.full(formulas.HEAVIEST + 1, np.nan), element_prices()
    for symbol, element in elements().items():
        masses[element.number], prices[element.number] = element.mass, known.get(symbol, np.nan)
    return masses, prices


class Index:
    """An index, mapped into memory.

    Args:
        path: of the file.
        size: of a code of its atlas.

    Raises:
        LibraryError: the file is damaged.
    """

    def __init__(self, path: Path, size: int) -> None:
        try:
            self._file = pa.memory_map(os.fsencode(path).decode("utf-8", "surrogateescape"))
            reader = pa.ipc.open_file(self._file)
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            for batch in batches:
                batch.validate(full=True)  # texts that reach beyond the file would end the program
        except (pa.ArrowException, OSError) as error:
            raise LibraryError(f"the index {path} is damaged ({error}); remove it, it is made anew") from None
        if len(batches) > 1 or not reader.schema.equals(_schema(size)) or any(map(_impossible, batches)):
            raise LibraryError(f"the index {path} is damaged; remove it, it is made anew")
        self._names = reader.schema
        self._batch = batches[0] if batches else None

    def __len__(self) -> int:
        return 0 if self._batch is None else len(self._batch)

    def _column(self, name: str) -> Any:
        if self._batch is None:
            return pa.array([], self._names.field(name).type)
        return self._batch.column(name)

    def numbers(self, name: str) -> NDArray[Any]:
        """A column of numbers, shape (N,): `norm`, `gap`, `gap_spread`, `signed_gap`, `energy`, `formation_energy`, `above_hull`, `price`, `space_group`."""
        return arrow.view(self._column(name))

    @cached_property
    def head(self) -> FloatArray:
        """The first coordinates of each code and the norm of its rest, shape (N, HEAD + 1)."""
        return self._matrix("head")

    @cached_property
    def tail(self) -> NDArray[np.int16]:
        """The rest of each code in steps, shape (N, size - HEAD)."""
        return self._matrix("tail")

    def _matrix(self, name: str) -> NDArray[Any]:
        column = self._column(name)
        return arrow.view(column.flatten()).reshape(len(self), column.type.list_size)

    @cached_property
    def groups(self) -> NDArray[np.int32]:
        """The number of each crystal's formula among the different ones, shape (N,)."""
        return arrow.view(self._column("formula").indices)

    def words(self, name: str, rows: Sequence[int] | NDArray[np.intp]) -> list[Any]:
        """A column of texts for some rows: `id`, `formula`, `source`, `prototype`, `model`, `ratio`."""
        return list(self._column(name).take(arrow.places(rows)).to_pylist())

    def all_words(self, name: str) -> list[str]:
        """The different texts of a column that repeats them, in order of appearance."""
        return [word for word in self._column(name).dictionary.to_pylist() if word is not None]

    def row_of(self, identifier: str) -> int | None:
        """The row of an id, case aside where that leaves no doubt; None when there is none."""
        found = pc.index(self._column("id"), pa.scalar(identifier)).as_py()
        if found < 0:
            found = pc.index(pc.utf8_lower(self._column("id")), pa.scalar(identifier.lower())).as_py()
        return None if found < 0 else int(found)

    def rows_with(self, name: str, word: str) -> NDArray[np.intp]:
        """Rows with a text in a column that repeats its texts."""
        column = self._column(name)
        place = pc.index(column.dictionary, pa.scalar(word)).as_py()
        return np.flatnonzero(arrow.numbers(column.indices) == place) if place >= 0 else np.empty(0, np.intp)

    def fits(
        self,
        constraints: Constraints | None = None,
        *,
        crystal_system: str | None = None,
        space_group: int | None = None,
        prototype: str | None = None,
        gap: tuple[float, float] | None = None,
        above_hull: float | None = None,
        price: float | None = None,
    ) -> BoolArray:
        """Which crystals satisfy what is asked, shape (N,). What is unknown of a crystal does not pass where it is asked for.

        Args:
            constraints: on elements, counts and crystals; not its conditions on merits, of which an index knows a few only.
            crystal_system: cubic, hexagonal, ...
            space_group: its number.
            prototype: Strukturbericht symbol or AFLOW label.
            gap: lowest and highest expected gap, eV.
            above_hull: at most, eV/atom.
            price: at most, USD/kg.
        """
        found = np.ones(len(self), dtype=np.bool_)
        if constraints is not None:
            self._admit(constraints, found)
            space_group = constraints.space_group if space_group is None else space_group
            prototype = constraints.prototype if prototype is None else prototype
        if crystal_system is not None:
            from dosmith.symmetry import system_of

            of_group = np.array([number > 0 and system_of(number) == crystal_system for number in range(231)])
            found &= of_group[self.numbers("space_group")]
        if space_group is not None:
            found &= self.numbers("space_group") == space_group
        if prototype is not None:
            meant = plain_name(label_of(prototype))
            alike = [word for word in self.all_words("prototype") if plain_name(label_of(word)) == meant]
            found &= self._having("prototype", alike)
        if gap is not None:
            found &= (self.numbers("gap") >= gap[0]) & (self.numbers("gap") <= gap[1])
        for name, most in (("above_hull", above_hull), ("price", price)):
            if most is not None:
                found &= self.numbers(name) <= most
        return found

    def _having(self, name: str, words: Sequence[str]) -> BoolArray:
        """Which rows have one of these texts in a column that repeats its texts, shape (N,)."""
        column = self._column(name)
        places = arrow.numbers(pc.index_in(pa.array(words, pa.string()), value_set=column.dictionary))
        wanted = np.zeros(len(column.dictionary) + 1, dtype=np.bool_)  # the last for rows without a text
        wanted[places[~np.isnan(places)].astype(np.intp)] = True
        return np.asarray(wanted[arrow.view(column.indices.fill_null(-1))])

    def holds(self, written: Sequence[str], space_groups: NDArray[np.integer]) -> BoolArray:
        """Whether there is a crystal of each formula and space group, any of the formula where that is 0, shape as given."""
        column = self._column("formula")
        places = np.nan_to_num(arrow.numbers(pc.index_in(pa.array(written, pa.string()), value_set=column.dictionary)), nan=-1)
        wanted = places.astype(np.int64)
        kinds = self.groups.astype(np.int64) * 256 + self.numbers("space_group")
        return np.where(space_groups > 0, np.isin(wanted * 256 + space_groups, kinds), wanted >= 0)

    def of_compositions(self, compositions: Iterable[Composition]) -> BoolArray:
        """Which rows are of one of these compositions, shape (N,)."""
        return self._having("formula", [formulas.write(each) for each in compositions])

    def _admit(self, constraints: Constraints, found: BoolArray) -> None:
        if constraints.composition is not None:
            found &= self.of_compositions([constraints.composition])
        masks = [self.numbers("low"), self.numbers("high")]
        permitted = [n for n in range(1, formulas.HEAVIEST + 1) if constraints.permits(formulas.symbol_of(n))]
        if len(permitted) < formulas.HEAVIEST:
            for mask, bits in zip(masks, _bits(permitted), strict=True):
                found &= (mask & ~bits) == 0
        required = [formulas.atomic_number(symbol) for symbol in constraints.required]
        for mask, bits in zip(masks, _bits(required), strict=True):
            if bits:
                found &= (mask & bits) == bits
        if constraints.n_elements is not None or constraints.ratio is not None:
            column = self._column("ratio")
            written = column.dictionary.to_pylist()
            wanted = [
                constraints.n_elements in (None, word.count(":") + 1)
                and (constraints.ratio is None or sorted(map(int, word.split(":"))) == sorted(constraints.ratio))
                for word in written
            ]
            found &= np.array([*wanted, False])[arrow.view(column.indices)]


def _impossible(batch: pa.RecordBatch) -> bool:
    """Whether numbers are missing, or name a space group that is none."""
    missing = any(batch.column(name).null_count for name in batch.schema.names if name not in _WORDS)
    return missing or int(arrow.view(batch.column("space_group")).max(initial=0)) > 230


def _bits(numbers: Sequence[int]) -> tuple[np.uint64, np.uint64]:
    low = sum(1 << number for number in numbers if number < _HALF)
    high = sum(1 << (number - _HALF) for number in numbers if number >= _HALF)
    return np.uint64(low), np.uint64(high)
