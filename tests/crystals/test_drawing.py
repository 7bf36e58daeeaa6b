"""Crystals as they are drawn: what is on a face is repeated, nearest unlike atoms are joined."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

from dosmith import symmetry
from dosmith.crystals.drawing import Drawing
from dosmith.crystals.prototypes import PROTOTYPES


@pytest.mark.parametrize(
    ("prototype", "elements", "atoms", "bonds"),
    [
        ("A1", ("Cu",), {"Cu": 14}, 36),  # 8 corners, 6 faces; each face centre has 4 corners, and 4 faces around within the cell
        ("B1", ("Na", "Cl"), {"Na": 14, "Cl": 13}, 54),
        ("B2", ("Cs", "Cl"), {"Cs": 8, "Cl": 1}, 8),
        ("L1_2", ("Pt", "Ni"), {"Pt": 6, "Ni": 8}, 24),
    ],
)
def test_atoms_and_bonds_of_well_known_cells(prototype: str, elements: tuple[str, ...], atoms: dict, bonds: int) -> None:
    found = Drawing.of(symmetry.conventional(PROTOTYPES[prototype].structure(elements, 15.0)))
    counts = Counter(found.symbols)
    assert sorted(counts.values()) == sorted(atoms.values()) and set(counts) == set(atoms)
    assert len(found.bonds) == bonds
    lengths = [np.linalg.norm(found.positions[i] - found.positions[j]) for i, j in found.bonds]
    assert max(lengths) < 1.12 * min(lengths)


def test_the_picture_holds_every_atom_within_its_frame() -> None:
    found = Drawing.of(symmetry.conventional(PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 15.0)))
    picture = ElementTree.fromstring(found.svg())
    left, top, width, height = map(float, picture.attrib["viewBox"].split())
    circles = list(picture.iter("circle"))
    assert len(circles) == len(found.symbols)
    for circle in circles:
        x, y, radius = (float(circle.attrib[name]) for name in ("cx", "cy", "r"))
        assert left <= x - radius and x + radius <= left + width and top <= y - radius and y + radius <= top + height
    assert sum(line.attrib["class"] == "edge" for line in picture.iter("line")) == 12
