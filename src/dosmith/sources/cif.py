"""The crystal in a CIF, by pymatgen's reader, which takes what is not whole for another crystal than is meant: that is refused."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from dosmith.errors import FileFormatError
from dosmith.periodic_table import elements
from dosmith.sources.crystal import refuse_endless

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

_GROUPS = (
    "_symmetry_space_group_name_H-M",
    "_space_group_name_H-M_alt",
    "_symmetry_Int_Tables_number",
    "_space_group_IT_number",
)
_NO_SYMMETRY = {"", "?", ".", "1", "p1"}
_MOST_OPERATIONS = 2000  # a large cell may list its translations as well
_ELEMENT = re.compile(r"[A-Z][a-z]?")


def structure_of_cif(text: str) -> Structure:
    """The crystal in a CIF, as it is written there.

    Raises:
        FileFormatError: it holds none; or its formula names elements that no site has, a site no element, or the file a space group that
            nobody knows without its operations.
    """
    from pymatgen.io.cif import CifParser

    refuse_endless(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser: Any = CifParser.from_str(text)
        for block in parser._cif.data.values():
            _refuse_many_operations(block.data)
            _complete(parser, block.data)
        try:
            structure: Structure = parser.parse_structures(primitive=False, on_error="ignore")[0]
        except ValueError as error:
            why = next(
                (each.partition("\n")[2] for each in parser.warnings if each.startswith("No structure parsed")), str(error)
            )
            told = why.strip()
            lacks = told.startswith("'_")  # a name that the reader misses
            raise FileFormatError(f"is no crystal: {'it has no ' + told[1:-1] if lacks else told}") from None
    _refuse_parts(parser, structure)
    return structure


def _refuse_many_operations(block: dict[str, Any]) -> None:
    """Each takes pymatgen a while for each atom."""
    for name, values in block.items():
        if name.endswith("xyz") and isinstance(values, list) and len(values) > _MOST_OPERATIONS:
            raise FileFormatError(f"lists {len(values):,} symmetry operations; no space group has more than 192")


def _complete(parser: Any, block: dict[str, Any]) -> None:
    """An occupancy that is not stated is 1, which pymatgen takes for 0 where a point stands for it; a site without an element is refused."""
    labels = block.get("_atom_site_label")
    if not isinstance(labels, list):
        return
    for label in block.get("_atom_site_type_symbol", labels):
        if _plain(str(parser._parse_symbol(str(label)))) not in elements():
            raise FileFormatError(f"names an atom {str(label)[:20]!r}, which is no element")
    if isinstance(shares := block.get("_atom_site_occupancy"), list):
        block["_atom_site_occupancy"] = ["1" if str(share).strip() == "." else share for share in shares]


def _refuse_parts(parser: Any, structure: Structure) -> None:
    """Refuse a crystal that is another than the file means, as far as this can be seen."""
    blocks = [block.data for block in parser._cif.data.values()]
    if any("implicit hydrogens" in each for each in parser.warnings):
        raise FileFormatError("holds water or hydroxyl without the places of its hydrogen atoms; give these")
    if any("Defaulting to P1" in each for each in parser.warnings):
        named = (str(block.get(key, "")) for block in blocks for key in _GROUPS)
        unknown = next((each for each in named if each.replace(" ", "").lower() not in _NO_SYMMETRY), None)
        if unknown is not None:
            raise FileFormatError(f"names a space group '{unknown[:20]}' that nobody knows, and no operations; give these")
    formula = str(blocks[0].get("_chemical_formula_sum", ""))
    missing = {_plain(each) for each in _ELEMENT.findall(formula)} - {_plain(each) for each in structure.symbol_set}
    if missing:
        raise FileFormatError(f"names {' '.join(sorted(missing))} in its formula, but no place of it; give all atoms")


def _plain(symbol: str) -> str:
    return "H" if symbol in ("D", "T") else symbol
