"""Plans: what is written is read, in order and once, and what is not a plan is told in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage import empty, overwrite_the_end, replace_by_text, truncate
from dosmith import formulas
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft.plan import Entry, read_plan, write_plan
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.library import ParquetLibrary

ELEMENTS = ["H", "Al", "Ti", "Cr", "Mn", "Fe", "Co", "Ni", "Pd", "Pt"]


def make_entry(name: str, elements: tuple[str, ...], volume: float = 15.0, **facts: Any) -> Entry:
    structure = PROTOTYPES[name].structure(elements, volume)
    species = tuple(site.species_string for site in structure)
    return Entry(name, species, structure.lattice.matrix, structure.frac_coords, **facts)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    name = draw(st.sampled_from(list(PROTOTYPES)))
    chosen = draw(st.permutations(ELEMENTS))[: len(PROTOTYPES[name].counts)]
    energy = st.none() | st.floats(-20, 20)
    return make_entry(
        name,
        tuple(chosen),
        draw(st.floats(5.0, 60.0)),
        potential_energy=draw(energy),
        potential_formation_energy=draw(energy),
        sevennet_formation_energy=draw(energy),
        volume_from=draw(st.text(max_size=20)),
    )


def written_and_read(plan: list[Entry]) -> list[Entry]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "new" / "plan.parquet"
        write_plan(iter(plan), path)
        return read_plan(str(path))


def assert_same(found: Entry, expected: Entry) -> None:
    for name in (
        "id",
        "prototype",
        "species",
        "potential_energy",
        "potential_formation_energy",
        "sevennet_formation_energy",
        "volume_from",
        "composition",
        "crystal_system",
        "spin",
    ):
        assert getattr(found, name) == getattr(expected, name), name
    np.testing.assert_array_equal(found.lattice, expected.lattice)
    np.testing.assert_array_equal(found.frac_coords, expected.frac_coords)


@settings(max_examples=50)
@given(st.lists(entries(), max_size=12, unique_by=lambda entry: entry.id))
def test_what_is_written_is_read_in_the_same_order(plan: list[Entry]) -> None:
    found = written_and_read(plan)
    assert [entry.id for entry in found] == [entry.id for entry in plan]
    for one, other in zip(found, plan, strict=True):
        assert_same(one, other)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(ELEMENTS[:4]), st.floats(10, 30)), max_size=12))
def test_of_a_doubled_id_the_first_entry_stays_in_its_place(choices: list[tuple[str, float]]) -> None:
    plan = [make_entry("A1", (symbol,), volume) for symbol, volume in choices]
    first: dict[str, Entry] = {}
    for entry in plan:
        first.setdefault(entry.id, entry)
    found = written_and_read(plan)
    assert [entry.id for entry in found] == list(first)
    for one, other in zip(found, first.values(), strict=True):
        assert_same(one, other)


def test_an_entry_knows_its_crystal() -> None:
    entry = make_entry("L1_2", ("Pt", "Ni"), 14.0)
    assert entry.id == "Pt3Ni-L1_2"
    assert entry.composition == formulas.parse("Pt3Ni")
    assert entry.crystal_system == "cubic"
    assert entry.structure.composition.reduced_formula == "NiPt3"
    assert entry.structure.volume == pytest.approx(4 * 14.0)
    assert entry.structure.get_space_group_info() == ("Pm-3m", 221)


@pytest.mark.parametrize(
    ("prototype", "elements", "identifier"),
    [
        ("A1", ("Al",), "Al-A1"),
        ("A3", ("Zr",), "Zr-A3"),
        ("L1_2", ("Pt", "Ni"), "Pt3Ni-L1_2"),
        ("L1_2", ("Ni", "Pt"), "Ni3Pt-L1_2"),
        ("D0_19", ("Pt", "Ni"), "Pt3Ni-D0_19"),
        ("E2_1", ("Ba", "Ti", "O"), "BaTiO3-E2_1"),
        ("P4/mmm AB2C", ("Al", "Ni", "Pt"), "Al2PtNi-P4mmm-AB2C"),
    ],
)
def test_an_id_is_formula_and_prototype(prototype: str, elements: tuple[str, ...], identifier: str) -> None:
    entry = make_entry(prototype, elements)
    assert entry.id == identifier
    assert not set(" /\\") & set(entry.id)


@given(entries())
def test_only_crystals_with_a_magnetic_element_are_polarised(entry: Entry) -> None:
    assert entry.spin == any(symbol in ("Cr", "Mn", "Fe", "Co", "Ni") for symbol in entry.species)


def test_the_stored_crystals_have_the_ids_of_the_plan(open_set: ParquetLibrary) -> None:
    for identifier in open_set.ids[::40]:
        material = open_set.material(identifier)
        assert material.prototype is not None and material.lattice is not None and material.frac_coords is not None
        entry = Entry(material.prototype, material.species, material.lattice, material.frac_coords)
        assert (entry.id, entry.crystal_system) == (identifier, material.crystal_system)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.parquet"
    write_plan([make_entry("L1_2", ("Pt", "Ni")), make_entry("B2", ("Al", "Ni"))], path)
    return path


def test_a_plan_replaces_the_one_before_and_leaves_nothing_else(plan: Path) -> None:
    write_plan([make_entry("A1", ("Al",))], plan)
    assert [entry.id for entry in read_plan(plan)] == ["Al-A1"]
    assert list(plan.parent.iterdir()) == [plan]


def test_a_missing_plan_is_named_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.parquet", tmp_path):
        with pytest.raises(NotFoundError, match="there is no plan") as refusal:
            read_plan(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)


def replace_by_another_table(path: Path) -> None:
    pq.write_table(pa.table({"formula": ["Pt3Ni"], "volume": [15.0]}), path)


@pytest.mark.parametrize("damage", [truncate, empty, overwrite_the_end, replace_by_text, replace_by_another_table])
def test_what_is_not_a_plan_is_told_in_one_line(plan: Path, damage: Callable[[Path], None]) -> None:
    damage(plan)
    with pytest.raises(FileFormatError, match="is not a plan") as refusal:
        read_plan(plan)
    assert str(plan) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_shard_of_a_library_is_not_a_plan(open_set: ParquetLibrary, tmp_path: Path) -> None:
    shard = shutil.copy(next(open_set.folder.glob("part-*.parquet")), tmp_path / "plan.parquet")
    with pytest.raises(FileFormatError, match="is not a plan"):
        read_plan(shard)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("prototype", ""),
        ("moments", [1.0]),
        ("prototype", None),
        ("species", None),
        ("lattice", None),
        ("lattice", [1.0] * 8),
        ("frac_coords", [0.0] * 5),
        ("frac_coords", [0.0] * 9),
    ],
)
def test_an_impossible_entry_is_told_in_one_line(plan: Path, column: str, value: object) -> None:
    table = pq.read_table(plan)
    rows = table.to_pylist()
    rows[1][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), plan)
    with pytest.raises(FileFormatError, match="is not a plan") as refusal:
        read_plan(plan)
    assert "\n" not in str(refusal.value)
