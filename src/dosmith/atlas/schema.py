"""One row of an atlas: a crystal as Arrow columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dosmith import formulas
from dosmith.atlas.crystal import AtlasCrystal, Built, Cell
from dosmith.library.shards import Layout
from dosmith.spectra.code import Basis

VERSION = 1

_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", _NAME),
        ("origin", pa.string()),
        ("formula", pa.string()),  # reduced, as dosmith writes it
        ("numbers", pa.list_(pa.uint8())),  # atomic numbers, rising
        ("counts", pa.list_(pa.uint16())),  # of these in the reduced formula
        ("space_group", pa.uint8()),
        ("prototype", _NAME),
        ("elements", pa.list_(pa.string())),  # on the prototype's sites; null where the cell is stored
        ("volume", pa.float32()),  # Angstrom^3/atom
        ("stretch", pa.float32()),
        ("lattice", pa.list_(pa.float32())),  # Angstrom, rows; null where the prototype says all
        ("species", pa.list_(pa.uint8())),  # atomic number of each site
        ("frac_coords", pa.list_(pa.float32())),
        ("energy", pa.float32()),  # eV/atom
        ("formation_energy", pa.float32()),  # eV/atom
        ("above_hull", pa.float32()),  # eV/atom
        ("rivals", pa.list_(pa.string())),
        ("gap", pa.float32()),  # eV, expected
        ("gap_spread", pa.float32()),  # eV
        ("signed_gap", pa.float32()),  # eV, below zero where bands overlap
        ("mark", pa.binary()),  # by which the same crystal is recognised
        ("model", _NAME),  # fingerprint of what expects the spectrum
        ("code", pa.list_(pa.int16())),  # of the expected spectrum in the atlas's basis
    ],
    metadata={"dosmith_atlas": str(VERSION)},
)


def upgraded(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """These columns of a table of any version; what it does not tell is null."""
    found = [
        table[name].cast(SCHEMA.field(name).type) if name in table.column_names else pa.nulls(len(table), SCHEMA.field(name).type)
        for name in columns
    ]
    return pa.Table.from_arrays(found, schema=pa.schema([SCHEMA.field(name) for name in columns], SCHEMA.metadata))


LAYOUT = Layout("atlas", VERSION, tuple(SCHEMA.names), upgraded, rows=65536)


def to_table(crystals: Sequence[AtlasCrystal], basis: Basis) -> pa.Table:
    """Crystals as rows."""
    points = basis.recipe.grid.points
    spectra = np.array([each.expected for each in crystals], dtype=np.float32).reshape(len(crystals), points)
    codes = basis.encode(spectra)
    table = pa.Table.from_pylist([_to_row(each) for each in crystals], schema=SCHEMA)
    ends = pa.array(np.arange(len(crystals) + 1, dtype=np.int32) * basis.size)
    lists = pa.ListArray.from_arrays(ends, pa.array(codes.ravel()))
    return table.set_column(SCHEMA.get_field_index("code"), SCHEMA.field("code"), lists)


def _to_row(crystal: AtlasCrystal) -> dict[str, Any]:
    composition, shape = crystal.composition, crystal.shape
    row: dict[str, Any] = {
        "id": crystal.id,
        "source": crystal.source,
        "origin": crystal.origin,
        "formula": crystal.formula,
        "numbers": [formulas.atomic_number(symbol) for symbol, _ in composition],
        "counts": [count for _, count in composition],
        "space_group": crystal.space_group,
        "prototype": crystal.prototype,
        "energy": crystal.energy,
        "formation_energy": crystal.formation_energy,
        "above_hull": crystal.above_hull,
        "rivals": list(crystal.rivals) or None,
        "gap": crystal.gap,
        "gap_spread": crystal.gap_spread,
        "signed_gap": crystal.signed_gap,
        "mark": crystal.mark,
        "model": crystal.model,
    }
    if isinstance(shape, Built):
        return row | {"elements": list(shape.elements), "volume": shape.volume, "stretch": shape.stretch}
    volume = abs(float(np.linalg.det(shape.lattice))) / len(shape.species)
    return row | {
        "volume": volume,
        "lattice": np.asarray(shape.lattice).ravel().tolist(),
        "species": [formulas.atomic_number(symbol) for symbol in shape.species],
        "frac_coords": np.asarray(shape.frac_coords).ravel().tolist(),
    }


def from_row(row: dict[str, Any], basis: Basis) -> AtlasCrystal:
    """The crystal of one row."""
    shape: Built | Cell
    if row["lattice"] is None:
        shape = Built(tuple(row["elements"]), row["volume"], row["stretch"] or 1.0)
    else:
        shape = Cell(
            np.array(row["lattice"], dtype=np.float64).reshape(3, 3),
            tuple(map(formulas.symbol_of, row["species"])),
            np.array(row["frac_coords"], dtype=np.float64).reshape(-1, 3),
        )
    expected = basis.decode(np.array(row["code"], dtype=np.int16)[None])[0].astype(np.float32)
    return AtlasCrystal(
        row["id"],
        row["source"],
        shape,
        row["space_group"],
        row["prototype"],
        expected,
        row["model"],
        origin=row["origin"],
        energy=row["energy"],
        formation_energy=row["formation_energy"],
        above_hull=row["above_hull"],
        rivals=tuple(row["rivals"] or ()),
        gap=row["gap"],
        gap_spread=row["gap_spread"],
        signed_gap=row["signed_gap"],
        mark=row["mark"],
    )
