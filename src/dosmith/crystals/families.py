"""Families of crystals that are not among dosmith's prototypes: space group and sites, with edges and coordinates of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dosmith import symmetry

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FAMILIES: dict[str, tuple[str, str, str]] = {
    # name: space group, crystal system, sites by formula's element order with the parameters of a line in braces
    "rutile": ("P4_2/mnm", "tetragonal", "0 0 0; {0} {0} 0"),
    "corundum": ("R-3c", "hexagonal", "0 0 {0}; {1} 0 0.25"),
    "CdI2": ("P-3m1", "hexagonal", "0 0 0; 1/3 2/3 {0}"),
    "MoS2": ("P6_3/mmc", "hexagonal", "1/3 2/3 0.25; 1/3 2/3 {0}"),
    "Bi2Te3": ("R-3m", "hexagonal", "0 0 {0}; 0 0 0, 0 0 {1}"),
    "pyrite": ("Pa-3", "cubic", "0 0 0; {0} {0} {0}"),
    "CO2": ("Pa-3", "cubic", "0 0 0; {0} {0} {0}"),
    "chalcopyrite": ("I-42d", "tetragonal", "0 0 0; 0 0 0.5; {0} 0.25 0.125"),
    "spinel": ("Fd-3m", "cubic", "0 0 0; 0.625 0.625 0.625; {0} {0} {0}"),
    "delafossite": ("R-3m", "hexagonal", "0 0 0; 0 0 0.5; 0 0 {0}"),
    "NaFeO2": ("R-3m", "hexagonal", "0 0 0; 0 0 0.5; 0 0 {0}"),
    "K2PtCl6": ("Fm-3m", "cubic", "0.25 0.25 0.25; 0 0 0; {0} 0 0"),
    "elpasolite": ("Fm-3m", "cubic", "0.25 0.25 0.25; 0 0 0; 0.5 0.5 0.5; {0} 0 0"),
    "PbFCl": ("P4/nmm", "tetragonal", "0 0.5 {0}; 0 0 0; 0 0.5 {1}"),
    "ThCr2Si2": ("I4/mmm", "tetragonal", "0 0 0; 0 0.5 0.25; 0 0 {0}"),
    "K2NiF4": ("I4/mmm", "tetragonal", "0 0 {0}; 0 0 0; 0 0.5 0, 0 0 {1}"),
    "Na3As": ("P6_3/mmc", "hexagonal", "0 0 0.25, 1/3 2/3 {0}; 1/3 2/3 0.25"),
    "Cu2O": ("Pn-3m", "cubic", "0.25 0.25 0.25; 0 0 0"),
    "anatase": ("I4_1/amd", "tetragonal", "0 0 0; 0 0 {0}"),
    "calcite": ("R-3c", "hexagonal", "0 0 0; 0 0 0.25; {0} 0 0.25"),
    "LiNbO3": ("R3c", "hexagonal", "0 0 {0}; 0 0 0; {1} {2} {3}"),
    "brucite": ("P-3m1", "hexagonal", "0 0 0; 1/3 2/3 {0}; 1/3 2/3 {1}"),
    "LiOH": ("P4/nmm", "tetragonal", "0 0 0; 0 0.5 {0}; 0 0.5 {1}"),
    "CaC2": ("I4/mmm", "tetragonal", "0 0 0; 0 0 {0}"),
    "NH3": ("P2_13", "cubic", "{0} {0} {0}; {1} {2} {3}"),
    "S6": ("R-3", "hexagonal", "{0} {1} {2}"),
    "CaCu5": ("P6/mmm", "hexagonal", "0 0 0; 1/3 2/3 0, 0.5 0 0.5"),
    "MAX": ("P6_3/mmc", "hexagonal", "1/3 2/3 {0}; 1/3 2/3 0.75; 0 0 0"),
    "NaTl": ("Fd-3m", "cubic", "0 0 0; 0.5 0.5 0.5"),
    "CaAl2Si2": ("P-3m1", "hexagonal", "0 0 0; 1/3 2/3 {0}; 1/3 2/3 {1}"),
    "quartz": ("P3_221", "hexagonal", "{0} 0 2/3; {1} {2} {3}"),
    "MoSi2": ("I4/mmm", "tetragonal", "0 0 0; 0 0 {0}"),
    "dhcp": ("P6_3/mmc", "hexagonal", "0 0 0, 1/3 2/3 0.25"),
    "Sm": ("R-3m", "hexagonal", "0 0 0, 0 0 {0}"),
    "tetragonal perovskite": ("P4mm", "tetragonal", "0 0 0; 0.5 0.5 {0}; 0.5 0.5 {1}, 0.5 0 {2}"),
}
"""Structures that are not among the prototypes of the survey."""

AXES = {"cubic": "a", "tetragonal": "ac", "hexagonal": "ac", "orthorhombic": "abc"}


def built(family: str, elements: Sequence[str], numbers: Sequence[float]) -> Structure:
    """A family's crystal, primitive.

    Args:
        family: one of `FAMILIES`.
        elements: in its order of sites.
        numbers: edges of the conventional cell, Angstrom, as many as its system has, then its free coordinates.
    """
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    group, system, sites = FAMILIES[family]
    axes = AXES[system]
    edges, parameters = numbers[: len(axes)], numbers[len(axes) :]
    make: dict[str, Any] = {
        "cubic": Lattice.cubic,
        "tetragonal": Lattice.tetragonal,
        "hexagonal": Lattice.hexagonal,
        "orthorhombic": Lattice.orthorhombic,
    }
    species, places = [], []
    for symbol, group_of_sites in zip(elements, sites.split(";"), strict=True):
        for place in group_of_sites.split(","):
            species.append(symbol)
            places.append([_number(word) for word in place.format(*parameters).split()])
    whole = Structure.from_spacegroup(group, make[system](*edges), species, places)
    return symmetry.primitive(whole, symmetry.WRITTEN)


def _number(word: str) -> float:
    above, _, below = word.partition("/")
    return float(above) / float(below or 1)
