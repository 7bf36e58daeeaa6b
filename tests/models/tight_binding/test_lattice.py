"""Crystals as tight binding sees them."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.models.tight_binding.lattice import Lattice
from dosmith.settings import ForwardSettings


def lattice_of(structure) -> Lattice:
    return Lattice.of(structure, 8.0, ForwardSettings().reach)


def crystal(name: str, elements: list[str], volume: float = 15.0):
    return PROTOTYPES[name].structure(elements, volume)


def test_shells_of_the_face_centred_cube() -> None:
    lattice = lattice_of(crystal("A1", ["Cu"]))
    assert (2 * np.bincount(lattice.shell)).tolist() == [12, 6, 24, 12]  # each bond is kept from one end
    nearest = 2 ** (1 / 6)  # of a lattice with one atom in a volume of 1
    np.testing.assert_allclose(lattice.distance, nearest * np.sqrt([1, 2, 3, 4]), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "elements"), [("A1", ["Cu"]), ("L1_2", ["Pt", "Ni"]), ("D0_19", ["Ni", "Sn"]), ("B3", ["Zn", "S"])]
)
def test_points_and_shells_count_everything_once(name: str, elements: list[str]) -> None:
    lattice = lattice_of(crystal(name, elements))
    assert lattice.weights.sum() == pytest.approx(1)
    points, cells = len(lattice.weights), lattice.phases.shape[1]
    assert lattice.phases.shape == (2 * points, cells) and lattice.cell.max() < cells
    np.testing.assert_array_equal(lattice.phases[[0, points]], [[1] * cells, [0] * cells])  # the zone centre
    np.testing.assert_allclose(np.hypot(lattice.phases[:points], lattice.phases[points:]), 1, rtol=1e-6)
    assert (lattice.distance < ForwardSettings().reach).all()
    structure = crystal(name, elements)
    scale = (structure.volume / len(structure)) ** (1 / 3)
    assert 2 * len(lattice.shell) == sum(map(len, structure.get_all_neighbors(ForwardSettings().reach * scale)))
    assert len(set(lattice.corners.tolist())) == len(lattice.corners)  # all lead elsewhere


def test_neither_size_nor_elements_make_another_lattice() -> None:
    assert lattice_of(crystal("L1_2", ["Pt", "Ni"], 13.0)) is lattice_of(crystal("L1_2", ["Al", "Zr"], 17.3))
    assert lattice_of(crystal("B2", ["Ni", "Al"])) is not lattice_of(crystal("B1", ["Ni", "Al"]))


def test_symmetry_spares_points() -> None:
    lattice = lattice_of(crystal("A1", ["Cu"]))
    mesh = round(8 / (2**0.5 * 4 ** (1 / 3) / 2)) ** 3
    assert len(lattice.weights) < mesh / 12


def test_a_crystal_without_symmetry_has_a_lattice_too() -> None:
    from pymatgen.core.structure import Structure

    vectors = np.array([[3.1, 0.2, 0.1], [0.3, 4.2, -0.4], [-0.2, 0.5, 5.0]])
    lattice = lattice_of(Structure(vectors, ["Cu", "Zn", "O"], [[0, 0, 0], [0.4, 0.5, 0.6], [0.7, 0.1, 0.3]]))
    assert lattice.weights.sum() == pytest.approx(1) and len(lattice.weights) > 4


def test_a_large_crystal_without_symmetry_takes_little_memory() -> None:
    from pymatgen.core.structure import Structure

    generator = np.random.default_rng(0)
    places = np.stack(np.meshgrid(*map(np.arange, (2, 3, 4)), indexing="ij"), axis=-1).reshape(-1, 3) / (2, 3, 4)
    places += generator.uniform(-0.03, 0.03, places.shape)
    lattice = lattice_of(Structure(np.diag([5.0, 7.5, 10.0]), ["Cu", "O"] * 12, places))
    assert len(lattice.first) > 500
    arrays = [value for value in vars(lattice).values() if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in arrays) < 2**20
