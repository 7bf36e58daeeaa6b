"""Symmetry of crystals: every call of spglib, each with its tolerance.

spglib takes a tolerance for lengths and, on request, one for angles. pymatgen always gives it one of 5 degrees, by which a
tetragonal crystal with c/a = 1.045 counts as cubic; here angles follow from the lengths (`angle_tolerance=-1`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Group = tuple[NDArray[np.int_], FloatArray]
"""Rotations, shape (N, 3, 3), and translations, shape (N, 3), in fractional coordinates."""

ALIKE = 1e-2
"""Angstrom within which atoms are equivalent, where a crystal is named, reduced or put into its conventional cell."""
WRITTEN = 1e-3
"""Angstrom by which a file with symmetry, or a computed crystal's space group, may differ from the crystal."""
_MESH = 1e-5  # Angstrom, of k-points: symmetry that is slightly broken costs points, symmetry that is not there costs accuracy
_ANGLE = -1.0
_SAME = 0.05  # Angstrom between places that are one
_COLUMNS = ("type_symbol", "label", "symmetry_multiplicity", "fract_x", "fract_y", "fract_z", "occupancy")

_SYSTEMS = {
    2: "triclinic",
    15: "monoclinic",
    74: "orthorhombic",
    142: "tetragonal",
    167: "trigonal",
    194: "hexagonal",
    230: "cubic",
}


def system_of(space_group: int) -> str:
    """The crystal system of a space group's number."""
    return next(system for last, system in _SYSTEMS.items() if space_group <= last)


def dataset(lattice: FloatArray, places: FloatArray, kinds: Sequence[int], tolerance: float = ALIKE) -> Any | None:
    """spglib's dataset of a crystal; None when it finds no symmetry at all, as where atoms overlap.

    Args:
        lattice: vectors as rows, Angstrom, shape (3, 3).
        places: fractional coordinates, shape (sites, 3).
        kinds: a number for each site, alike where the atoms are.
        tolerance: Angstrom.
    """
    import spglib

    try:
        return spglib.get_symmetry_dataset(_cell(lattice, places, kinds), symprec=tolerance, angle_tolerance=_ANGLE)
    except spglib.SpglibError:
        return None


def space_group(structure: Structure, tolerance: float = ALIKE) -> tuple[str, int]:
    """Hermann-Mauguin symbol and number; P1 where spglib finds no symmetry."""
    found = _dataset_of(structure, tolerance)
    return ("P1", 1) if found is None else (str(found.international), int(found.number))


def operations(structure: Structure, tolerance: float = ALIKE) -> Group:
    """The operations of the space group in the crystal's own cell; the centring's translations are among them."""
    found = _dataset_of(structure, tolerance)
    if found is None:
        return np.eye(3, dtype=int)[None], np.zeros((1, 3))
    return np.asarray(found.rotations), np.asarray(found.translations)


def orbit(lattice: Lattice, place: FloatArray, group: Group) -> FloatArray:
    """All places that symmetry makes of one, shape (multiplicity, 3).

    Args:
        lattice: the crystal's.
        place: fractional coordinates, shape (3,).
        group: the crystal's `operations`.
    """
    rotations, translations = group
    images = (rotations @ place + translations) % 1.0
    found = images[:1]
    for image in images[1:]:
        if not same(lattice, found, image).any():
            found = np.concatenate([found, image[None]])
    return found


def special(lattice: Lattice, place: FloatArray, group: Group, tolerance: float = 0.1) -> FloatArray:
    """The special position that a place is within a tolerance of, shape (3,): the mean of where the operations that nearly keep it put it.

    Args:
        lattice: the crystal's.
        place: fractional coordinates, shape (3,).
        group: the crystal's `operations`.
        tolerance: Angstrom.
    """
    rotations, translations = group
    steps = rotations @ place + translations - place
    steps = steps - np.round(steps)
    kept = steps[np.linalg.norm(steps @ lattice.matrix, axis=-1) < tolerance]
    return np.asarray(place + kept.mean(axis=0))


def same(lattice: Lattice, places: FloatArray, place: FloatArray, tolerance: float = _SAME) -> NDArray[np.bool_]:
    """Which of fractional places, shape (N, 3), are one place but for lattice vectors and a tolerance in Angstrom."""
    steps = places - place
    return np.asarray(np.linalg.norm((steps - np.round(steps)) @ lattice.matrix, axis=-1) < tolerance)


def primitive(structure: Structure, tolerance: float = ALIKE) -> Structure:
    """A primitive cell, neither turned nor idealised; the crystal as it is where it is primitive already."""
    import spglib
    from pymatgen.core.structure import Structure

    kinds = _kinds(structure)
    cell = _cell(*_arrays(structure))
    try:
        found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=tolerance, angle_tolerance=_ANGLE)
    except spglib.SpglibError:
        found = None
    if found is None or len(found[2]) >= len(structure):
        return structure.copy()
    lattice, places, numbers = found
    return Structure(lattice, [kinds[number - 1] for number in numbers], places, to_unit_cell=True)


def conventional(structure: Structure, tolerance: float = ALIKE) -> Structure:
    """The conventional standard cell, four atoms of a face-centred metal; the crystal as it is where spglib finds no symmetry.

    By W. Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010).
    """
    return conventional_with_group(structure, tolerance)[0]


def conventional_with_group(structure: Structure, tolerance: float = ALIKE) -> tuple[Structure, tuple[str, int]]:
    """`conventional` and `space_group` for the time of one: symmetry takes milliseconds, of a large cell tens of them."""
    import spglib
    from pymatgen.core.structure import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    class Analyzer(SpacegroupAnalyzer):
        def get_refined_structure(self, keep_site_properties: bool = False) -> Structure:
            """Out of the symmetry that is known, which pymatgen has spglib find a second time."""
            known, kinds = self.get_symmetry_dataset(), list(dict.fromkeys(structure.species_and_occu))
            species = [kinds[number - 1] for number in known.std_types]
            return Structure(known.std_lattice, species, known.std_positions).get_sorted_structure()

    try:
        found = Analyzer(structure, tolerance, _ANGLE)
    except (ValueError, spglib.SpglibError):  # pymatgen's and spglib's words for none
        return structure.copy(), ("P1", 1)
    group = str(found.get_space_group_symbol()), int(found.get_space_group_number())
    return found.get_conventional_standard_structure(), group


def aflow_label(structure: Structure, tolerance: float = ALIKE) -> str:
    """The label of a crystal in the AFLOW library of prototypes with its elements: `AB3_cP4_221_a_c:Ni-Pt`."""
    from pymatgen.analysis.prototypes import get_protostructure_label_from_spg_analyzer as label_of
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    plain = structure.copy(site_properties={})  # magnetic moments would tell equivalent sites apart
    found = SpacegroupAnalyzer(plain, tolerance, _ANGLE)
    try:
        label = str(label_of(found))
    except ValueError:
        label = "Invalid"
    if "Invalid" in label:  # of the crystal as the tolerance sees it, then
        label = str(label_of(SpacegroupAnalyzer(found.get_refined_structure(), _MESH, _ANGLE)))
    return label


def irreducible_mesh(
    lattice: FloatArray, places: FloatArray, kinds: Sequence[int], divisions: Sequence[int]
) -> tuple[IntArray, IntArray]:
    """The points of a Gamma-centred mesh, and which of them symmetry makes the same.

    Args:
        lattice: vectors as rows, Angstrom, shape (3, 3).
        places: fractional coordinates, shape (sites, 3).
        kinds: a number for each site, alike where the atoms are.
        divisions: of each reciprocal vector.

    Returns:
        for each point the number of its irreducible one, shape (P,), and the points in units of the divisions, shape (P, 3).
    """
    import spglib

    cell = _cell(lattice, places, kinds)
    try:
        mapping, grid = spglib.get_ir_reciprocal_mesh(list(divisions), cell, is_shift=[0, 0, 0], symprec=_MESH)
    except (TypeError, spglib.SpglibError):  # no symmetry found, as in cells with atoms on top of one another
        grid = np.stack(np.meshgrid(*map(np.arange, divisions), indexing="ij"), axis=-1).reshape(-1, 3)
        mapping = np.arange(len(grid))
    return np.asarray(mapping, dtype=np.intp), np.asarray(grid, dtype=np.intp)


def cif(structure: Structure, tolerance: float = WRITTEN) -> str:
    """A crystal as CIF text: the conventional cell of its space group, its operations, and one of equivalent atoms."""
    from pymatgen.core.composition import Composition
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.operations import SymmOp

    lattice, places, kinds = _arrays(structure)
    found = dataset(lattice, places, kinds, tolerance)
    if found is None or found.number == 1:  # then as it is
        name, number, group = "P 1", 1, (np.eye(3, dtype=int)[None], np.zeros((1, 3)))
    else:
        import spglib

        name, number = str(found.international), int(found.number)
        known = spglib.get_symmetry_from_database(found.hall_number)
        assert known is not None  # spglib's own number
        group = known["rotations"], known["translations"]
        lattice, places, kinds = found.std_lattice, found.std_positions, found.std_types
    cell = Lattice(lattice)
    species = _kinds(structure)
    contents = sum((species[kind - 1].element_composition for kind in kinds), start=Composition())
    steps = [SymmOp.from_rotation_and_translation(*step).as_xyz_str() for step in zip(*group, strict=True)]
    sites: list[str] = []
    seen = np.empty((0, 3))
    for kind, place in zip(kinds, places, strict=True):
        if same(cell, seen, place).any():
            continue
        equivalent = orbit(cell, place, group)
        seen = np.concatenate([seen, equivalent])
        where = " ".join(f"{x:.8f}" for x in np.round(place, 8) % 1.0 + 0.0)
        for element, share in species[kind - 1].element_composition.items():
            sites.append(f"  {element}  {element}{len(sites)}  {len(equivalent)}  {where}  {share:g}")
    lines = [
        f"data_{contents.reduced_formula}",
        f"_symmetry_space_group_name_H-M   '{name}'",
        *(f"_cell_length_{axis}   {length:.8f}" for axis, length in zip("abc", cell.abc, strict=True)),
        *(f"_cell_angle_{axis}   {angle:.8f}" for axis, angle in zip(("alpha", "beta", "gamma"), cell.angles, strict=True)),
        f"_symmetry_Int_Tables_number   {number}",
        f"_chemical_formula_structural   {contents.reduced_formula}",
        f"_chemical_formula_sum   '{contents.formula}'",
        f"_cell_volume   {cell.volume:.8f}",
        f"_cell_formula_units_Z   {round(contents.get_reduced_composition_and_factor()[1])}",
        "loop_",
        " _symmetry_equiv_pos_site_id",
        " _symmetry_equiv_pos_as_xyz",
        *(f"  {count}  '{step}'" for count, step in enumerate(steps, 1)),
        "loop_",
        *(f" _atom_site_{name}" for name in _COLUMNS),
        *sites,
    ]
    return "\n".join(lines) + "\n"


def _dataset_of(structure: Structure, tolerance: float) -> Any | None:
    return dataset(*_arrays(structure), tolerance)


def _kinds(structure: Structure) -> list[Composition]:
    """What stands on sites, each once; a disordered site's elements together are a kind of their own."""
    return sorted(set(structure.species_and_occu), key=str)


def _arrays(structure: Structure) -> tuple[FloatArray, FloatArray, list[int]]:
    """Lattice, places, and for each site the number of its kind, counted from 1."""
    kinds = _kinds(structure)
    return structure.lattice.matrix, structure.frac_coords, [kinds.index(each) + 1 for each in structure.species_and_occu]


def _cell(lattice: FloatArray, places: FloatArray, kinds: Sequence[int]) -> tuple[Any, Any, list[int]]:
    return np.asarray(lattice).tolist(), np.asarray(places).tolist(), [int(kind) for kind in kinds]


@lru_cache(maxsize=1)
def _numbers() -> dict[str, int]:
    """The number of each space group by its Hermann-Mauguin symbol without lines and blanks, in small letters."""
    import spglib

    found: dict[str, int] = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        assert kind is not None
        found.setdefault(kind.international_short.replace("_", "").replace(" ", "").lower(), int(kind.number))
    return found


def number_of(text: str) -> int | None:
    """The number of a space group by its number or its Hermann-Mauguin symbol, in any letters; None when it is none.

    >>> number_of("fm-3m"), number_of("P6_3/mmc"), number_of("62"), number_of("B3")
    (225, 194, 62, None)
    """
    plain = text.strip().replace("_", "").replace(" ", "").lower()
    if plain.isdigit():
        return int(plain) if 1 <= int(plain) <= 230 else None
    return _numbers().get(plain)
