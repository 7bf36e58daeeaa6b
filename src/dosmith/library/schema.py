"""One row of a store: a Material as Arrow columns, and back.

A curve on an even grid is stored by first energy and step; an uneven one keeps its energies. Version 2 added the valence-band top.
Version 3 added projections: their shares of the curve in 255ths at every second energy, straight between those, good to 0.2 % of
the curve where it is smooth and a tenth as large as the curves themselves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dosmith import formulas
from dosmith.library.arrow import floats, numbers
from dosmith.records import FloatArray, Material, Projections, Spectrum

VERSION = 3

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("formula", pa.string()),  # reduced, as dosmith writes it
        ("elements", pa.list_(pa.string())),  # by atomic number
        ("n_elements", pa.int8()),
        ("crystal_system", pa.string()),
        ("prototype", pa.string()),  # Strukturbericht
        ("space_group", pa.string()),  # Hermann-Mauguin
        ("species", pa.list_(pa.string())),
        ("lattice", pa.list_(pa.float64())),  # Angstrom, rows, 9 numbers
        ("frac_coords", pa.list_(pa.float64())),  # 3 numbers for each site
        ("energy_first", pa.float64()),  # eV
        ("energy_step", pa.float64()),  # eV
        ("energies", pa.list_(pa.float64())),  # eV; null on an even grid
        ("fermi", pa.float64()),  # eV, on the axis of the energies
        ("broadening", pa.float64()),  # eV, Gaussian sigma already in the curve
        ("gap", pa.float64()),  # eV, as the source states it
        ("valence_top", pa.float64()),  # eV, on the axis of the energies; null for metals, or when the source has none
        ("dos_up", pa.list_(pa.float32())),  # states/eV/cell; both spins when dos_down is null
        ("dos_down", pa.list_(pa.float32())),
        ("projection_labels", pa.list_(pa.string())),  # "Ni d": element and orbital; null without projections
        ("projections", pa.list_(pa.uint8())),  # shares of the curve in 255ths: spins, labels, every second energy
        ("energy_per_atom", pa.float64()),  # eV; orders the polymorphs of one composition
        ("source", pa.string()),
        ("code", pa.string()),
        ("functional", pa.string()),
        ("provenance", pa.string()),  # JSON: everything else that is known
    ],
    metadata={"dosmith_schema": str(VERSION)},
)

WHOLE = 255
"""The share of a curve that is all of it."""

CURVE_COLUMNS = ("energy_first", "energy_step", "energies", "fermi", "broadening", "gap", "valence_top", "dos_up", "dos_down")
_OWN_COLUMNS = ("energy_per_atom", "source", "code", "functional")


def to_table(materials: Sequence[Material]) -> pa.Table:
    """Materials as rows."""
    table = pa.Table.from_pylist([_to_row(material) for material in materials], schema=SCHEMA)
    for spin, name in enumerate(("dos_up", "dos_down")):  # as arrays, not number by number
        curves = [m.spectrum.densities[spin] if spin < len(m.spectrum.densities) else None for m in materials]
        table = table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), _lists(curves))
    return table


def _lists(curves: Sequence[FloatArray | None]) -> pa.ListArray:
    """One list for each curve, null where there is none."""
    ends = np.cumsum([0, *(0 if curve is None else len(curve) for curve in curves)])
    values = np.concatenate([np.empty(0), *(curve for curve in curves if curve is not None)]).astype(np.float32)
    missing = pa.array([curve is None for curve in curves], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values), mask=missing)


def _to_row(material: Material) -> dict[str, Any]:
    spectrum = material.spectrum
    energies = spectrum.energies
    step = (energies[-1] - energies[0]) / (len(energies) - 1)
    even = bool(np.allclose(np.diff(energies), step, rtol=0, atol=1e-6 * step))
    provenance = dict(material.provenance) | ({"notes": list(spectrum.notes)} if spectrum.notes else {})
    return {
        "id": material.id,
        "formula": material.formula,
        "elements": [symbol for symbol, _ in material.composition],
        "n_elements": len(material.composition),
        "crystal_system": material.crystal_system,
        "prototype": material.prototype,
        "space_group": material.space_group,
        "species": list(material.species),
        "lattice": None if material.lattice is None else np.asarray(material.lattice).ravel().tolist(),
        "frac_coords": None if material.frac_coords is None else np.asarray(material.frac_coords).ravel().tolist(),
        "energy_first": float(energies[0]),
        "energy_step": float(step),
        "energies": None if even else energies.tolist(),
        "fermi": spectrum.fermi,
        "broadening": spectrum.broadening,
        "gap": spectrum.gap,
        "valence_top": spectrum.valence_top,
        **_shares(material),
        **{name: provenance.pop(name, None) for name in _OWN_COLUMNS},
        "provenance": json.dumps(provenance, sort_keys=True),
    }


SOURCES_OF = {"valence_top": ("source", "fermi", "gap")}
"""Columns from which one that an older version lacks is known."""


def upgraded(table: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of any version with the columns of this one, or these of them; what it does not tell is null.

    In the open DOS set of version 1 the Fermi level of a gapped material is the middle of its gap (`dft/eigenvalues.py`), so its
    valence-band top is known. Of other sources nothing is known of where the level lies in the gap.
    """
    names = SCHEMA.names if columns is None else columns
    found = [table[name] if name in table.column_names else _missing(table, name) for name in names]
    return pa.Table.from_arrays(found, schema=pa.schema([SCHEMA.field(name) for name in names], SCHEMA.metadata))


def _missing(table: pa.Table, name: str) -> pa.Array:
    kind = SCHEMA.field(name).type
    if name != "valence_top" or not set(SOURCES_OF[name]) <= set(table.column_names):
        return pa.nulls(len(table), kind)
    source, fermi, gap = (table[source] for source in SOURCES_OF[name])
    energies, gaps = numbers(fermi), numbers(gap)
    gapped = np.array([each == "open-dos" for each in source.to_pylist()], dtype=bool) & (gaps > 0)
    return floats(np.where(gapped, energies - gaps / 2, np.nan))


def upgraded_structs(column: pa.ChunkedArray) -> pa.StructArray:
    """Rows as a column of structs, of any version, as structs of this one."""
    whole = column.combine_chunks()
    table = upgraded(pa.Table.from_arrays(whole.flatten(), names=[field.name for field in whole.type]))
    fields = [table[name].combine_chunks() for name in SCHEMA.names]
    return pa.StructArray.from_arrays(fields, fields=list(SCHEMA), mask=whole.is_null())


def _shares(material: Material) -> dict[str, Any]:
    projections = material.projections
    if projections is None:
        return {}
    whole = material.spectrum.densities[:, None]
    shares = np.divide(projections.densities, whole, out=np.zeros_like(projections.densities), where=whole > 0)
    shares = np.rint(WHOLE * np.clip(shares[:, :, ::2], 0.0, 1.0)).astype(np.uint8)
    return {"projection_labels": [" ".join(label) for label in projections.labels], "projections": shares.ravel().tolist()}


def _projections(row: dict[str, Any], spectrum: Spectrum) -> Projections | None:
    if row.get("projections") is None:
        return None
    labels = tuple((symbol, orbital) for symbol, orbital in map(str.split, row["projection_labels"]))
    energies = spectrum.energies
    stored = np.array(row["projections"], dtype=np.float64).reshape(len(spectrum.densities), len(labels), -1)
    shares = np.apply_along_axis(lambda share: np.interp(energies, energies[::2], share), 2, stored)
    whole = shares.sum(axis=1, keepdims=True)  # a little off 255, by rounding
    shares = np.divide(shares, whole, out=np.zeros_like(shares), where=whole > 0)
    return Projections(labels, shares * spectrum.densities[:, None])


def from_row(row: dict[str, Any]) -> Material:
    """The Material of one row."""
    provenance = json.loads(row["provenance"])
    densities = [row["dos_up"]] if row["dos_down"] is None else [row["dos_up"], row["dos_down"]]
    spectrum = Spectrum(
        energies_of(row["energy_first"], row["energy_step"], len(row["dos_up"]), row["energies"]),
        np.array(densities, dtype=np.float64),
        row["fermi"],
        broadening=row["broadening"],
        gap=row["gap"],
        valence_top=row["valence_top"],
        notes=tuple(provenance.pop("notes", ())),
    )
    frac_coords = None if row["frac_coords"] is None else np.array(row["frac_coords"]).reshape(-1, 3)
    own = {name: row[name] for name in _OWN_COLUMNS if row[name] is not None}
    return Material(
        id=row["id"],
        composition=formulas.parse(row["formula"]),
        spectrum=spectrum,
        crystal_system=row["crystal_system"],
        prototype=row["prototype"],
        space_group=row["space_group"],
        lattice=None if row["lattice"] is None else np.array(row["lattice"]).reshape(3, 3),
        species=tuple(row["species"]),
        frac_coords=frac_coords,
        provenance=own | provenance,
        projections=_projections(row, spectrum),
    )


def energies_of(first: float, step: float, count: int, energies: Sequence[float] | None) -> Any:
    """The energies of a stored curve, eV, shape (count,)."""
    if energies is not None:
        return np.array(energies, dtype=np.float64)
    return first + step * np.arange(count)
