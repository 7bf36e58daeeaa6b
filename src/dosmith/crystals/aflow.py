"""The prototypes of the AFLOW library that pymatgen holds, and four that it lacks, with elements of one's choice on their sites.

M. J. Mehl et al., Comput. Mater. Sci. 136, S1 (2017).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dosmith import formulas, symmetry
from dosmith.crystals.families import built

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


MORE: dict[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "A6B2C_cF36_225_e_c_a": ("K2PtCl6", ("K", "Pt", "Cl"), (9.755, 0.2400)),
    "AB6C2D_cF40_225_a_e_c_b": ("elpasolite", ("K", "Al", "Na", "F"), (8.122, 0.2190)),
    "A2BC2_tI10_139_d_a_e": ("ThCr2Si2", ("Ca", "Cu", "Ge"), (4.139, 10.230, 0.380)),
    "A2BC2_hP5_164_d_a_d": ("CaAl2Si2", ("Ca", "Al", "Si"), (4.130, 7.145, 0.630, 0.270)),
}
"""Families with hundreds of known members that pymatgen lacks: label, then elements, edges in Angstrom and coordinates of one (R. W. G. Wyckoff, Crystal Structures)."""


MINERALS = frozenset({"Anatase", "Corundum", "Rutile", "Spinel", "Zircon"})
"""Those whose names do not end as most minerals' do."""
_HYDROGEN = 15.5  # its place in formulas, by columns of the periodic table: after nitrogen, before oxygen


@dataclass(frozen=True, eq=False)
class AflowPrototype:
    """A crystal whose elements are open.

    Attributes:
        name: its label in the AFLOW library, with a number where several crystals bear it.
        mineral: what it is called after, or its Strukturbericht symbol; "" when it has neither.
        vectors: lattice vectors of the crystal that it was read off as rows, Angstrom.
        species: element of each of its sites.
        places: fractional coordinates of these.
    """

    name: str
    mineral: str
    vectors: tuple[tuple[float, ...], ...]
    species: tuple[str, ...]
    places: tuple[tuple[float, ...], ...]

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Elements of the original, by electronegativity: the order in which elements are given."""
        from pymatgen.core.composition import Composition

        return tuple(element.symbol for element in sorted(Composition("".join(self.species)).elements))

    @property
    def counts(self) -> tuple[int, ...]:
        """Atoms of each in the cell."""
        return tuple(self.species.count(symbol) for symbol in self.symbols)

    @property
    def called(self) -> str:
        """What people call it: the mineral, else the formula of the crystal that it was read off."""
        from pymatgen.core.periodic_table import Element

        if self.name in MORE:
            return self.mineral
        if self.mineral in MINERALS or (self.mineral.endswith("ite") and self.mineral.isalpha()):
            return self.mineral.lower()

        def column(part: tuple[str, int]) -> tuple[float, int]:
            element = Element(part[0])
            return (_HYDROGEN if element.Z == 1 else element.group), -element.Z

        whole = formulas.reduce((symbol, 1) for symbol in self.species)
        return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in sorted(whole, key=column))

    @cached_property
    def original(self) -> Structure:
        """The primitive cell of the crystal that it was read off."""
        from pymatgen.core.structure import Structure

        return symmetry.primitive(Structure(self.vectors, self.species, self.places))

    def structure(self, elements: Sequence[str], volume: float) -> Structure:
        """The crystal with these elements in the place of `symbols`, at a volume in Angstrom^3/atom.

        Raises:
            ValueError: too many or too few elements.
        """
        from pymatgen.core.structure import Structure

        if len(elements) != len(self.symbols):
            raise ValueError(f"{self.name} takes {len(self.symbols)} elements, not {len(elements)}")
        given, own = dict(zip(self.symbols, elements, strict=True)), self.original
        scale = (volume * len(own) / own.volume) ** (1 / 3)
        return Structure(own.lattice.matrix * scale, [given[site.specie.symbol] for site in own], own.frac_coords)


@lru_cache(maxsize=1)
def aflow_prototypes() -> Mapping[str, AflowPrototype]:
    """All of them by name."""
    package = find_spec("pymatgen.analysis.prototypes")  # whose import would make crystals of all, which takes seconds
    assert package is not None and package.origin is not None
    packed = Path(package.origin).with_name("aflow_prototypes.json.gz")
    plain = packed.with_suffix("")  # as older releases have it
    rows = json.loads(gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes())
    found: dict[str, AflowPrototype] = {}
    for row in rows:
        tags, label = row["tags"], str(row["tags"]["aflow"])
        same = sum(name.partition("-")[0] == label for name in found)
        name = f"{label}-{same + 1}" if same else label
        mineral = str(tags.get("mineral") or tags.get("strukturbericht") or "")
        vectors, sites = row["snl"]["lattice"]["matrix"], row["snl"]["sites"]
        species = tuple(str(site["species"][0]["element"]) for site in sites)
        places = tuple(tuple(site["abc"]) for site in sites)
        found[name] = AflowPrototype(name, "" if mineral == "None" else mineral, tuple(map(tuple, vectors)), species, places)
    for name, (family, elements, constants) in MORE.items():
        one = built(family, elements, constants)
        species = tuple(site.specie.symbol for site in one)
        vectors, places = one.lattice.matrix.tolist(), tuple(map(tuple, one.frac_coords.tolist()))
        found[name] = AflowPrototype(name, family, tuple(map(tuple, vectors)), species, places)
    return found
