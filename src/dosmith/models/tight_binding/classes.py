"""Classes of crystals that a model's accuracy is told for apart."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from dosmith.library import Library
from dosmith.spectra.match import GAPPED

BoolArray = NDArray[np.bool_]

RARE = 5
"""Crystals of a prototype in the set, below which it counts as rare."""
MAGNETIC = 0.1
"""Bohr magnetons in the cell from which on a crystal counts as magnetic."""
_ATOMS = ((1, 2), (3, 4), (5, 8), (9, 24))


def classes_of(library: Library, rows: NDArray[np.intp]) -> dict[str, BoolArray]:
    """Name of each class -> which of the crystals at some rows, which increase, belong to it, shape (M,).

    >>> from dosmith.designer import open_dos_set
    >>> list(classes_of(open_dos_set(), np.arange(4)))[:3]
    ['metal', 'gapped', 'magnetic']
    """
    from pymatgen.core.periodic_table import Element

    prototypes = Counter(name or "other" for name in library.prototypes)
    chosen = rows.tolist()
    gaps = np.array([library.gaps[row] or 0.0 for row in chosen])
    atoms = np.array([len(each.species or ()) for each in library.materials(chosen)])
    moments = np.array([abs(float(library.provenances[row].get("magnetic_moment") or 0.0)) for row in chosen])
    elements = [{symbol for symbol, _ in library.compositions[row]} for row in chosen]
    found = {
        "metal": gaps < GAPPED,
        "gapped": gaps >= GAPPED,
        "magnetic": moments > MAGNETIC,
        "with a lanthanide": np.array([any(Element(symbol).is_lanthanoid for symbol in each) for each in elements]),
        "an element": np.array([len(each) == 1 for each in elements]),
        "of three elements or more": np.array([len(each) > 2 for each in elements]),
        f"prototype of fewer than {RARE} crystals": np.array(
            [prototypes[library.prototypes[row] or "other"] < RARE for row in chosen]
        ),
    }
    for low, high in _ATOMS:
        found[f"{low} to {high} atoms in the cell"] = (atoms >= low) & (atoms <= high)
    return {name: np.asarray(members, dtype=bool) for name, members in found.items()}
