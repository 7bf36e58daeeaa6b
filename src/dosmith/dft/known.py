"""Crystals that textbooks name, each in its own structure: the elements' ground states and the compounds of `textbook.txt`.

Lattice constants are measured ones at room temperature as commonly tabulated (R. W. G. Wyckoff, Crystal Structures; the Landolt-
Boernstein and CRC tables), so that a curve here is that of the crystal one can buy. Elements: ASE's `dcdft`, PBE volumes
(K. Lejaeghere et al., Crit. Rev. Solid State 39, 1 (2014)).
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from dosmith import symmetry
from dosmith.crystals.families import FAMILIES, built
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft.engine import STARTING_MOMENTS
from dosmith.dft.plan import Entry
from dosmith.errors import FileFormatError, MissingExtraError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


def textbook() -> Iterator[Entry]:
    """The compounds of `textbook.txt`, in its order."""
    text = files("dosmith.dft").joinpath("textbook.txt").read_text(encoding="utf-8")
    family = ""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "=":
            family = " ".join(words[1:])
            continue
        yield _compound(family, words)


def _compound(family: str, words: list[str]) -> Entry:
    formula, rest = words[0], words[1:]
    moments = [float(word[1:]) for word in rest if word.startswith("m")]
    numbers = [float(word) for word in rest if not word.startswith("m")]
    elements = [symbol for symbol, _ in _in_order(formula)]
    if family in PROTOTYPES:
        structure = _simple(family, elements, numbers)
        name = family
    elif family == "AF-II":
        return _entry(_antiferromagnetic_rock_salt(elements, numbers[0], moments[0]), "B1")
    elif family in FAMILIES:
        structure = built(family, elements, numbers)
        name = None
    else:
        raise FileFormatError(f"textbook.txt knows no structure {family}")
    if moments:
        _magnetise(structure, elements[0] if len(moments) <= structure.composition[elements[0]] else None, moments)
    return _entry(structure, name)


def _entry(structure: Structure, name: str | None) -> Entry:
    purpose = "textbook" if len(structure.composition) > 1 else "element"
    return Entry.of(structure, name, volume_from="measured lattice constants", purpose=purpose)


def _in_order(formula: str) -> list[tuple[str, float]]:
    import re

    return [(symbol, float(count or 1)) for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)]


def _simple(name: str, elements: list[str], numbers: list[float]) -> Structure:
    """A prototype of the survey with a measured edge a (and c) of its conventional cell."""
    prototype = PROTOTYPES[name]
    edge = numbers[0]
    if prototype.crystal_system != "cubic":
        vectors = np.array(prototype.vectors)
        present = np.linalg.norm(vectors[2]) / np.linalg.norm(vectors[0])
        prototype = prototype.stretched(float(numbers[1] / edge / present))
        volume = edge**2 * numbers[1] * (3**0.5 / 2 if prototype.crystal_system == "hexagonal" else 1)
    else:
        cells = {1.0: 1, 0.5: 2, 0.25: 4}[round(abs(float(np.linalg.det(np.array(prototype.vectors)))), 6)]
        volume = edge**3 / cells
    return prototype.structure(elements, volume / len(prototype.sites))


def _magnetise(structure: Structure, symbol: str | None, moments: list[float]) -> None:
    """Give the sites of an element these moments in turn along c; those of all sites, where no element is named."""
    chosen = [number for number, site in enumerate(structure) if symbol in (None, site.specie.symbol)]
    normal = structure.lattice.matrix.sum(axis=0)
    chosen.sort(key=lambda number: round(float(structure.cart_coords[number] @ normal), 3))
    all_moments = [0.0] * len(structure)
    for turn, number in enumerate(chosen):
        all_moments[number] = moments[turn % len(moments)]
    structure.add_site_property("magmom", all_moments)


def _antiferromagnetic_rock_salt(elements: list[str], edge: float, moment: float) -> Structure:
    """Ferromagnetic (111) planes, of alternating sign: the ground state of MnO, FeO, CoO, NiO (type II)."""
    from pymatgen.core.structure import Structure

    vectors = edge * np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    metal, anion = elements
    places: list[list[float]] = [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]]
    moments = {"magmom": [moment, -moment, 0.0, 0.0]}
    return Structure(vectors, [metal, metal, anion, anion], places, site_properties=moments)


def elements() -> Iterator[Entry]:
    """The elements in their ground states; Cr, Mn and O antiferromagnetic, and S as rings of six.

    Raises:
        MissingExtraError: ASE is not installed.
    """
    try:
        from ase.collections import dcdft
    except ImportError:
        raise MissingExtraError("the elements' ground states (ASE)", "relax") from None
    from pymatgen.io.ase import AseAtomsAdaptor

    for symbol in dcdft.names:
        atoms = dcdft[symbol]
        structure = AseAtomsAdaptor.get_structure(atoms)
        moments = np.sign(atoms.get_initial_magnetic_moments()) * (STARTING_MOMENTS.get(symbol) or 1)
        structure = structure.copy(site_properties={"magmom": moments.tolist()} if np.any(moments) else {})
        if not np.any(moments):
            structure = symmetry.primitive(structure, symmetry.WRITTEN)
        yield Entry.of(structure, volume_from="ASE dcdft, PBE", purpose="element")
    rings = built("S6", ["S"], [10.818, 4.280, 0.1454, 0.1882, 0.1055])
    yield Entry.of(rings, volume_from="measured lattice constants", purpose="element")
