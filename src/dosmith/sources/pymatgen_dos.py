"""pymatgen's Dos and CompleteDos, as objects and as JSON. Only the plain data are read; no object of pymatgen is built from a file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from dosmith import formulas
from dosmith.errors import FileFormatError, FormulaError, SpectrumError
from dosmith.formulas import Composition
from dosmith.sources.crystal import Crystal
from dosmith.sources.curve import Curve, spin_rows

FORMAT = "pymatgen JSON"
_CLASSES = ("Dos", "CompleteDos", "FermiDos", "LobsterCompleteDos")


def looks_like_dos(document: Mapping[str, Any]) -> bool:
    """Whether an object of JSON is a Dos: by its class, or, as in the Materials Project's store, by energies and densities by spin."""
    name = document.get("@class")
    if name is not None:
        return name in _CLASSES
    densities = document.get("densities")
    return "energies" in document and isinstance(densities, dict) and set(densities) <= {"1", "-1"}


def curve_of_document(document: Mapping[str, Any]) -> Curve:
    """The total DOS of a Dos or CompleteDos that pymatgen wrote as JSON.

    Raises:
        FileFormatError: energies, densities or the Fermi level are not usable.
        SpectrumError: spins are missing or differ in length.
    """
    name = document.get("@class", "Dos")
    try:
        energies = np.array(_plain(document["energies"]), dtype=np.float64)
        densities = spin_rows({int(spin): _plain(row) for spin, row in document["densities"].items()})
        fermi = None if document.get("efermi") is None else float(document["efermi"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise FileFormatError(
            f"is a pymatgen {name} without usable energies, densities and efermi; write it again with dos.as_dict()"
        ) from None
    notes: list[str] = []
    structure = document.get("structure")
    composition = _composition(structure, notes)
    crystal = None if composition is None else _crystal(structure, notes)
    return Curve(FORMAT, energies, densities, fermi, composition=composition, crystal=crystal, notes=notes)


def curve_of(dos: Any) -> Curve:
    """The total DOS of a pymatgen Dos, CompleteDos or Vasprun.tdos object.

    Raises:
        SpectrumError: the object is not one, or its spins are missing or differ in length.
    """
    try:
        energies = np.array(dos.energies, dtype=np.float64)
        densities = spin_rows({int(spin): row for spin, row in dos.densities.items()})
        fermi = float(dos.efermi)
    except (AttributeError, TypeError, ValueError):
        raise SpectrumError(f"a {type(dos).__name__} is not a pymatgen Dos with energies, densities by spin and efermi") from None
    return Curve(FORMAT, energies, densities, fermi if math.isfinite(fermi) else None)


def _plain(value: Any) -> Any:
    """A list; monty's encoder wraps arrays as {"@class": "array", "data": [...]}."""
    return value["data"] if isinstance(value, dict) else value


def _composition(structure: Any, notes: list[str]) -> Composition | None:
    """The reduced composition of a Structure as JSON; None (with a note) when it is damaged or sites are shared."""
    if structure is None:
        return None
    counts: Counter[str] = Counter()
    try:
        for site in structure["sites"]:
            (species,) = site["species"]
            if species["occu"] != 1:
                raise ValueError("partial occupancy")
            counts[str(species["element"])] += 1
        return formulas.reduce(counts)
    except (KeyError, TypeError, ValueError, FormulaError):
        notes.append("the structure has no whole-number composition; it is not read")
        return None


def _crystal(structure: Any, notes: list[str]) -> Crystal | None:
    """The crystal of an ordered Structure as JSON; None (with a note) when it is damaged."""
    try:
        sites = structure["sites"]
        species = tuple(str(site["species"][0]["element"]) for site in sites)
        return Crystal(_plain(structure["lattice"]["matrix"]), species, np.array([_plain(site["abc"]) for site in sites]))
    except (KeyError, TypeError, ValueError, OverflowError, FileFormatError):
        notes.append("the structure has no usable lattice and sites; its crystal is not read")
        return None
