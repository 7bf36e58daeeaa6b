"""The crystal that a person names: by a file, a formula with a prototype, or an id in the library."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dosmith import formulas, symmetry
from dosmith.crystals.prototypes import PROTOTYPES, prototype
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import Library

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

_MEBIBYTES = 1
_SHARE = 1e-3  # of a site that may be missing by rounding
_CLOSEST = 0.5  # Angstrom between atoms; the shortest bond, of hydrogen, is 0.74
DISORDERED = "is disordered: a site is shared by several elements or partly empty; give an ordered cell"
_FORMATS = {
    "*vasprun*.xml*": "vasprun",
    "*.cif*": "cif",
    "*.mcif*": "cif",
    "*poscar*": "poscar",
    "*contcar*": "poscar",
    "*.vasp": "poscar",
    "*.cssr": "cssr",
    "*.xsf": "xsf",
    "*.res": "res",
    "*.json": "json",
}
"""Pattern of a file's name, in small letters -> what pymatgen calls the format."""


def expanded(what: Sequence[str], library: Library) -> list[str]:
    """What a person names, with each folder replaced by the structure files in it, by name.

    Args:
        what: as in `find_structure`, or folders. What is an id or a formula counts as that.
        library: where ids are looked up.

    Raises:
        NotFoundError: a folder holds no structure file.
    """
    found = []
    for each in what:
        if not Path(each).is_dir() or each in library or formulas.looks_like_formula(each):
            found.append(each)
            continue
        files = sorted(str(path) for path in Path(each).rglob("[!.]*") if path.is_file() and _format(path) is not None)
        if not files:
            raise NotFoundError(f"there is no structure file (CIF, POSCAR, ...) in the folder {each}")
        found += files
    return found


def find_structure(what: str, library: Library, prototype_name: str | None = None, *, guess: bool = False) -> Structure:
    """The primitive cell of what a user names.

    Args:
        what: a structure file (CIF, POSCAR and those of `from_file`), an id in the library, or a formula.
        library: where ids and formulas are looked up.
        prototype_name: for a formula: the crystal to put its elements in; the volume then comes from the library when it
            holds that crystal, else from CHGNet.
        guess: for a formula without a prototype: of all crystals, known or not, take the one that CHGNet finds lowest; else the lowest
            of those that the library holds.

    Raises:
        NotFoundError: there is no such file, id or prototype, or the formula is not in the library and no prototype is given.
        FileFormatError: the file holds no ordered crystal.
        FormulaError: it is neither file, nor id, nor formula.
        MissingExtraError: CHGNet is needed and not installed.
    """
    path = Path(what)
    if path.is_file():
        return from_file(path)
    if what in library:
        return _known(library, what)
    if path.suffix or "/" in what:
        raise NotFoundError(f"there is no file {what}")
    composition = formulas.typed(what, lambda each: library.rows_of(each) or (guess and _surveyed(each)))
    if prototype_name is None:
        if guess:
            return _lowest(composition, library)
        rows = library.rows_of(composition)
        if not rows:
            raise NotFoundError(f"{what} is not in {library.name}; name its crystal with --prototype, or give a structure file")
        return _known(library, library.ids[rows[0]])
    chosen = prototype(prototype_name)
    identifier = f"{formulas.write(composition)}-{chosen.name}"
    if identifier in library:
        return _known(library, identifier)
    assignments = chosen.assignments(composition)
    if not assignments:
        fits = [name for name, other in PROTOTYPES.items() if other.assignments(composition)]
        raise NotFoundError(f"{what} does not fit {chosen.name}; it fits {', '.join(fits) or 'no prototype that dosmith knows'}")
    from dosmith.crystals.potential import Potential

    return Potential().best(chosen, assignments).structure


def _surveyed(composition: Composition) -> bool:
    from dosmith.crystals.survey import shipped_survey

    return composition in shipped_survey().crystals


def _lowest(composition: Composition, library: Library) -> Structure:
    from dosmith.crystals.potential import Potential
    from dosmith.crystals.structures import structures
    from dosmith.crystals.survey import shipped_survey

    try:
        return structures(composition, library, shipped_survey(), Potential())[0].structure
    except NotFoundError:
        raise NotFoundError(
            f"no prototype that dosmith knows suits {formulas.write(composition)}; give a structure file"
        ) from None


def _known(library: Library, identifier: str) -> Structure:
    structure = library.material(identifier).structure
    if structure is None:
        raise NotFoundError(f"{identifier} has no crystal in {library.name}; give a structure file")
    return structure


def from_file(path: Path) -> Structure:
    """The primitive cell of the ordered crystal in a file: CIF, POSCAR, CSSR, XSF, RES, pymatgen's JSON, or a vasprun.xml, plain or gzipped.

    Raises:
        NotFoundError: the file cannot be opened.
        FileFormatError: there is none in it.
    """
    form = _format(path)
    if form is None:
        raise FileFormatError(
            f"{path} is not a structure file by its name; name it .cif, .vasp (POSCAR), .cssr, .xsf, .res or .json"
        )
    from pymatgen.core.structure import Structure

    from dosmith.sources.files import read_content
    from dosmith.sources.xml_text import refuse_entities

    content = read_content(path) if form == "vasprun" else read_content(path, max_mebibytes=_MEBIBYTES)

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if form == "vasprun":
                refuse_entities(content)
            structure = Structure.from_file(path) if form == "vasprun" else structure_in(content, form)
            cell = plain_cell(structure)
    except FileFormatError as error:
        raise FileFormatError(f"{path} {error}") from None
    except Exception as error:  # pymatgen's readers raise whatever their parsers do
        raise FileFormatError(f"{path} is not a structure file that pymatgen reads ({str(error)[:120]})") from None
    return cell


def plain_cell(structure: Structure) -> Structure:
    """The primitive cell of an ordered crystal, charges and other properties left out; deuterium is hydrogen.

    Raises:
        FileFormatError: it is disordered or impossible, or two of its atoms are in one place.
    """
    from pymatgen.core.structure import Structure

    from dosmith.sources.crystal import Crystal

    if any(len(site.species) > 1 or abs(site.species.num_atoms - 1) > _SHARE for site in structure):
        raise FileFormatError(DISORDERED)
    symbols = [str(getattr(each, "symbol", each)) for site in structure for each in site.species]
    plain = Structure(structure.lattice.matrix, ["H" if each in ("D", "T") else each for each in symbols], structure.frac_coords)
    Crystal.of_pymatgen(plain)  # what is impossible would end spglib, and us
    cell = symmetry.primitive(plain)
    distances = cell.distance_matrix
    np.fill_diagonal(distances, np.inf)
    if distances.min() < _CLOSEST:
        raise FileFormatError(f"has two atoms {distances.min():.2f} Angstrom apart; give one place to each")
    return cell


def _format(path: Path) -> str | None:
    """What pymatgen calls the format, by the name of the file."""
    name = path.name.lower().removesuffix(".gz")
    return next((form for pattern, form in _FORMATS.items() if fnmatch(name, pattern)), None)


def structure_in(content: bytes, form: str) -> Structure:
    """The crystal in a text, as it is written there; what pymatgen's readers raise is let through.

    Args:
        content: of a file.
        form: cif, poscar, cssr, xsf, res, json.

    Raises:
        FileFormatError: reading it would take for ever, or what is there is no whole crystal.
    """
    from pymatgen.core.structure import Structure

    from dosmith.sources.cif import structure_of_cif
    from dosmith.sources.crystal import refuse_endless
    from dosmith.sources.vasp import structure_of_poscar

    text = content.decode("utf-8-sig", "replace")  # names of authors come in all encodings
    if form == "poscar":
        return structure_of_poscar(text)
    if form == "cif":
        return structure_of_cif(text)
    if form != "json":
        refuse_endless(text)
        return Structure.from_str(text, fmt=form)  # type: ignore[arg-type]
    plain = json.loads(text)  # only lattice and sites: pymatgen would import whatever module the properties name
    species = [{each["element"]: each["occu"] for each in site["species"]} for site in plain["sites"]]
    return Structure(plain["lattice"]["matrix"], species, [site["abc"] for site in plain["sites"]])
