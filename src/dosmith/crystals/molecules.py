"""Elements that are made of molecules of two atoms: their energy is that of the molecule in a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

BOND_LENGTHS = {"H": 0.75, "N": 1.10, "O": 1.22, "F": 1.43, "Cl": 1.99, "Br": 2.29, "I": 2.68}
"""Angstrom."""
MOMENTS = {"O": 1}
"""Unpaired electrons of each atom; 0 for all others."""


def molecule(symbol: str, box: float) -> Structure:
    """A molecule in a cube.

    Args:
        symbol: one of `BOND_LENGTHS`.
        box: edge of the cube, Angstrom.
    """
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    moments = {"magmom": [MOMENTS[symbol]] * 2} if symbol in MOMENTS else None
    places = np.array([[0.0, 0.0, 0.0], [BOND_LENGTHS[symbol] / box, 0.0, 0.0]])
    return Structure(Lattice.cubic(box), [symbol, symbol], places, site_properties=moments)
