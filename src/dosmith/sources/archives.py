"""Densities of states in JSON: pymatgen's, documents of the Materials Project's store, NOMAD archives, arrays of AiiDA and OPTIMADE.

Only plain data are read; no object is built from a file. Of several densities of states in one document the last total is taken
where they are steps of one run (NOMAD); otherwise the document is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import ELECTRON_VOLT
from dosmith.errors import FileFormatError, SpectrumError
from dosmith.sources import units
from dosmith.sources.crystal import Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.pymatgen_dos import curve_of_document, looks_like_dos

FloatArray = NDArray[np.float64]

NOMAD = "NOMAD archive"
AIIDA = "AiiDA XyData"
OPTIMADE = "OPTIMADE"

JOULE = 1 / ELECTRON_VOLT
"""eV."""
_MAX_PARTS = 1_000_000  # bounds the memory that a small gzipped file can ask for
_DEEPEST = 12
_WRAPPERS = ("data", "dos", "total", "tdos", "total_dos", "electronic_dos", "archive", "entry", "attributes", "dos_data")


def read_json(text: str) -> Curve:
    """The total DOS in a JSON document.

    Raises:
        FileFormatError: the text is not JSON, or holds no DOS that is known, or several.
        SpectrumError: spins are missing or differ in length.
    """
    if text.count("[") + text.count("{") > _MAX_PARTS:
        raise FileFormatError(f"has over {_MAX_PARTS:,} lists and objects; write only the total DOS, as Dos.as_dict() does")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"is not JSON, or is truncated ({error}); write it again with dos.as_dict()") from None
    found = next(_curves(document, 0), None)
    if found is None:
        raise FileFormatError(
            "is JSON, but holds no density of states that dosmith knows: a pymatgen Dos or CompleteDos (dos.as_dict()),"
            " a NOMAD archive, or arrays of AiiDA or OPTIMADE"
        )
    return found


def _curves(document: Any, depth: int) -> Iterator[Curve]:
    """The density of states in a document or in what it wraps."""
    if isinstance(document, list):
        if len(document) > 1 and all(isinstance(each, dict) for each in document):
            curves = [curve for each in document[:3] for curve in _curves(each, depth + 1)]
            if len(curves) > 1:
                raise FileFormatError(f"holds {len(document)} documents; give one density of states a file")
            yield from curves
        elif len(document) == 1:
            yield from _curves(document[0], depth + 1)
        return
    if not isinstance(document, dict) or depth > _DEEPEST:
        return
    for looks, read in ((looks_like_dos, curve_of_document), (_is_nomad, _nomad), (_is_xy, _xy), (_is_optimade, _optimade)):
        if looks(document):
            yield read(document)
            return
    for name in _WRAPPERS:
        if name in document:
            yield from _curves(document[name], depth + 1)


# --- NOMAD ---------------------------------------------------------------------------------------------------------


def _is_nomad(document: Mapping[str, Any]) -> bool:
    run = document.get("run")
    return isinstance(run, (list, dict)) and "calculation" in _first(run)


def _nomad(document: Mapping[str, Any]) -> Curve:
    """The last calculation with an electronic DOS. Energies are in joule (NOMAD's archives have SI units)."""
    run = _first(document["run"])
    calculations = [each for each in _list(run.get("calculation")) if isinstance(each, dict) and each.get("dos_electronic")]
    if not calculations:
        raise FileFormatError("is a NOMAD archive without an electronic density of states (run.calculation.dos_electronic)")
    calculation = calculations[-1]
    energies, rows = _nomad_rows(_list(calculation["dos_electronic"]))
    if float(np.abs(energies).max(initial=0.0)) > 1e-12:
        raise FileFormatError("is a NOMAD archive whose energies are not in joule; give the archive as NOMAD writes it")
    stated = [
        _float(_first(calculation["dos_electronic"]).get("energy_fermi")),
        _float(_dict(calculation.get("energy")).get("fermi")),
    ]
    fermi = next((value * JOULE for value in stated if value is not None), None)
    reference = next(
        (value * JOULE for value in [_float(_dict(calculation.get("energy")).get("highest_occupied"))] if value is not None), None
    )
    crystal, notes = _nomad_crystal(run)
    return Curve(
        NOMAD, energies * JOULE, rows / JOULE, fermi if fermi is not None else reference, crystal=crystal,
        composition=None if crystal is None else crystal.composition, notes=notes,
    )  # fmt: skip


def _nomad_rows(sections: list[Any]) -> tuple[FloatArray, FloatArray]:
    """Energies and densities of each spin, as stored: a section for both spins, or one for each."""
    rows: list[FloatArray] = []
    energies: FloatArray | None = None
    for section in sections:
        if not isinstance(section, dict):
            continue
        axis = _numbers(section.get("energies"))
        totals = [_numbers(_dict(each).get("value")) for each in _list(section.get("total"))]
        if (
            not totals
            or any(row.shape != axis.shape for row in totals)
            or (energies is not None and axis.shape != energies.shape)
        ):
            raise FileFormatError("is a NOMAD archive whose density of states is not complete; fetch the archive again")
        energies = axis
        rows += totals
    if energies is None or len(rows) not in (1, 2):
        raise FileFormatError("is a NOMAD archive whose density of states is not complete; fetch the archive again")
    return energies, np.stack(rows)


def _nomad_crystal(run: Mapping[str, Any]) -> tuple[Crystal | None, list[str]]:
    """The last system of the run, lengths in metre."""
    atoms = _dict(_last(run.get("system")).get("atoms"))
    try:
        lattice, places = (np.array(atoms[name], dtype=np.float64) * 1e10 for name in ("lattice_vectors", "positions"))
        return Crystal.of_cartesian(lattice, [element_of(str(label)) for label in atoms["labels"]], places), []
    except (KeyError, TypeError, ValueError, OverflowError, FileFormatError):
        return None, ["the archive holds no usable crystal; it is not read"] if atoms else []


# --- AiiDA ---------------------------------------------------------------------------------------------------------


def _is_xy(document: Mapping[str, Any]) -> bool:
    return "x_array" in document and any(name.startswith("y_array_") for name in document)


def _xy(document: Mapping[str, Any]) -> Curve:
    """AiiDA's XyData of a DOS: x_array, y_array_0, ...; names and units where the document has them."""
    axis_unit = str(document.get("x_units") or "eV")
    unit = units.unit_of(axis_unit)
    if unit is None:
        raise FileFormatError(f"gives energies in {axis_unit[:20]}; convert them to eV")
    energies = _numbers(document["x_array"])
    names = [str(name).lower() for name in _list(document.get("y_names"))]
    keys = sorted(
        (name for name in document if name.startswith("y_array_") and name[8:].isdecimal()), key=lambda name: int(name[8:])
    )
    used = [number for number in range(len(keys)) if number >= len(names) or "integrated" not in names[number]]
    total = [number for number in used if number < len(names) and names[number] in ("dos", "total", "dos_total", "tdos")]
    used = total[:1] or used
    if len(used) > 2:
        raise FileFormatError(f"holds {len(used)} curves; keep the total, or spin up and spin down")
    rows = [_numbers(document[keys[number]]) for number in used]
    if not rows or any(row.shape != energies.shape for row in rows):
        raise FileFormatError("is an XyData of AiiDA whose arrays differ in length; export it again")
    fermi = next(
        (value for value in (_float(document.get(name)) for name in ("fermi_energy", "efermi")) if value is not None), None
    )
    inside = bool(energies.min() < 0 < energies.max())
    return Curve(
        AIIDA,
        energies * unit.size,
        np.abs(np.stack(rows)) / unit.size,
        None if fermi is None else fermi * unit.size,
        0.0 if inside else None,
    )


# --- OPTIMADE ------------------------------------------------------------------------------------------------------


def _is_optimade(document: Mapping[str, Any]) -> bool:
    return "lattice_vectors" in document and "species_at_sites" in document and _optimade_dos(document) is not None


def _optimade_dos(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attribute of a provider (_xyz_...dos...) that holds energies and densities."""
    for name, value in document.items():
        if name.startswith("_") and "dos" in name and "phonon" not in name and isinstance(value, dict) and "energies" in value:
            return value
    return None


def _optimade(document: Mapping[str, Any]) -> Curve:
    """A structure of OPTIMADE with a density of states among the attributes of its provider; energies in eV."""
    dos = _optimade_dos(document)
    assert dos is not None, "_is_optimade comes first"
    if looks_like_dos(dos):
        curve = curve_of_document(dos)
    else:
        rows = next((dos[name] for name in ("densities", "dos", "total", "values") if name in dos), None)
        try:
            energies = _numbers(dos["energies"])
            densities = np.atleast_2d(np.array(rows, dtype=np.float64))
        except (TypeError, ValueError, OverflowError, RecursionError):
            raise FileFormatError("is a structure of OPTIMADE whose density of states is not complete; fetch it again") from None
        fermi = next(
            (
                value
                for value in (_float(dos.get(name)) for name in ("efermi", "fermi_energy", "fermi_level"))
                if value is not None
            ),
            None,
        )
        curve = Curve(OPTIMADE, energies, densities, fermi)
    curve.format = OPTIMADE
    unit = units.unit_of(str(dos.get("units") or dos.get("energy_unit") or "eV"))
    if unit is None or unit.ev != 1.0:
        raise FileFormatError("is a structure of OPTIMADE whose energies are not in eV; convert them")
    try:
        species = [element_of(str(label)) for label in document["species_at_sites"]]
        curve.crystal = Crystal.of_cartesian(document["lattice_vectors"], species, document["cartesian_site_positions"])
        curve.composition = curve.crystal.composition
    except (KeyError, TypeError, ValueError, OverflowError, FileFormatError):
        curve.notes.append("the structure has no usable lattice and sites; its crystal is not read")
    return curve


# --- parts of documents --------------------------------------------------------------------------------------------


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> dict[str, Any]:
    return _dict(next(iter(_list(value)), None))


def _last(value: Any) -> dict[str, Any]:
    return _dict(next(reversed(_list(value)), None))


def _float(value: Any) -> float | None:
    if isinstance(value, list) and len(value) >= 1 and len(set(map(str, value))) == 1:  # a level for each spin, alike
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _numbers(value: Any) -> FloatArray:
    """A list of numbers, shape (N,).

    Raises:
        SpectrumError: it is none.
    """
    plain = value.get("data") if isinstance(value, dict) else value
    try:
        array = np.array(plain, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise SpectrumError("the energies or densities in the document are not numbers") from None
    if array.ndim != 1 or not array.size:
        raise SpectrumError("the energies or densities in the document are no list of numbers")
    return array
