"""Meshes follow the cell; irreducible points stand for the whole mesh, and splines for what lies between them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from dosmith.dft.kpoints import FloatArray, IrreducibleMesh, Mesh, half, mesh

FCC = Structure([[0, 2, 2], [2, 0, 2], [2, 2, 0]], ["Al"], [[0, 0, 0]])
HCP = Structure(
    [[3.0, 0.0, 0.0], [-1.5, 1.5 * math.sqrt(3), 0.0], [0.0, 0.0, 4.8]], ["Mg"] * 2, [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
)
SLAB = Structure([[3, 0, 0], [0, 3, 0], [0, 0, 12]], ["Al"], [[0, 0, 0]])
SPHALERITE = Structure([[0, 2.7, 2.7], [2.7, 0, 2.7], [2.7, 2.7, 0]], ["Zn", "S"], [[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]])
TETRAGONAL = Structure([[3, 0, 0], [0, 3, 0], [0, 0, 5]], ["Al"], [[0, 0, 0]])
TRICLINIC = Structure([[3, 0.2, 0.1], [0.4, 3.5, 0.3], [0.5, 0.6, 4.1]], ["Al", "Ni"], [[0.0, 0.0, 0.0], [0.4, 0.5, 0.6]])
CRYSTALS = {"fcc": FCC, "hcp": HCP, "tetragonal": TETRAGONAL, "without inversion": SPHALERITE, "triclinic": TRICLINIC}
each_crystal = pytest.mark.parametrize("crystal", CRYSTALS.values(), ids=CRYSTALS.keys())
meshes = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))


def whole(divisions: Mesh) -> FloatArray:
    """All points of a mesh, fractional coordinates, shape (points, 3)."""
    return np.asarray(np.array(list(itertools.product(*map(range, divisions)))) / np.array(divisions))


def band(crystal: Structure, points: FloatArray, reach: float = 9.0) -> FloatArray:
    """A tight-binding s band with hopping to all lattice vectors within `reach` Angstrom, eV, shape (points,)."""
    vectors = np.array(list(itertools.product(range(-4, 5), repeat=3)))
    lengths = np.linalg.norm(vectors @ crystal.lattice.matrix, axis=1)
    chosen = (lengths > 0) & (lengths < reach)
    return np.asarray(-np.cos(2 * np.pi * points @ vectors[chosen].T) @ np.exp(-lengths[chosen] / 1.5))


def on_mesh(crystal: Structure, divisions: Mesh) -> tuple[IrreducibleMesh, FloatArray]:
    """A mesh and the band on its irreducible points, shape (1, points, 1)."""
    irreducible = IrreducibleMesh.of(crystal, divisions)
    return irreducible, band(crystal, irreducible.points)[None, :, None]


def test_a_longer_axis_needs_fewer_points() -> None:
    assert mesh(SLAB, 0.55) == (4, 4, 1)
    assert mesh(SLAB, 0.25) == (9, 9, 3)
    for divisions, length in zip(mesh(FCC, 0.19), FCC.lattice.reciprocal_lattice.abc, strict=True):
        assert length / divisions <= 0.19 < length / (divisions - 1)


@given(meshes)
def test_half_a_mesh_and_its_opposite_are_the_whole_mesh_once(divisions: Mesh) -> None:
    points, weights = half(divisions)
    assert weights.sum() == pytest.approx(1.0)
    assert points.min() >= -0.5 and points.max() < 0.5
    unfolded: list[tuple[int, ...]] = []
    for point, weight in zip(points, weights, strict=True):
        index = np.rint(point * divisions).astype(int)
        np.testing.assert_allclose(index / np.array(divisions), point, atol=1e-12)
        pair = {tuple(map(int, sign * index % divisions)) for sign in (1, -1)}
        assert weight == pytest.approx(len(pair) / math.prod(divisions))
        unfolded += pair
    assert sorted(unfolded) == list(itertools.product(*map(range, divisions)))


@each_crystal
@given(divisions=meshes)
def test_each_point_of_a_mesh_is_equivalent_to_its_irreducible_one(crystal: Structure, divisions: Mesh) -> None:
    irreducible, values = on_mesh(crystal, divisions)
    assert irreducible.index.shape == divisions
    assert set(irreducible.index.ravel().tolist()) == set(range(len(irreducible.points)))
    np.testing.assert_allclose(values[0, irreducible.index.ravel(), 0], band(crystal, whole(divisions)), atol=1e-9)


@pytest.mark.parametrize(
    ("crystal", "divisions", "count"),
    [
        (FCC, (8, 8, 8), 29),  # as tabulated for fcc with Gamma
        (SPHALERITE, (8, 8, 8), 29),
        (HCP, (6, 6, 4), 21),
        (TETRAGONAL, (4, 4, 2), 12),
        (TRICLINIC, (3, 4, 5), 31),
    ],
)
def test_few_points_stand_for_all(crystal: Structure, divisions: Mesh, count: int) -> None:
    irreducible, values = on_mesh(crystal, divisions)
    assert len(irreducible.points) == count
    assert len(np.unique(values.round(9))) == count  # no two of them are equivalent


@each_crystal
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_every_so_many_points_are_the_coarser_mesh(crystal: Structure, stride: int) -> None:
    coarse = (3, 3, 2)
    first, second, third = (stride * divisions for divisions in coarse)
    irreducible, values = on_mesh(crystal, (first, second, third))
    chosen = irreducible.every(np.concatenate([values, values + 1]), stride)
    assert chosen.shape == (2, 18, 1)
    np.testing.assert_allclose(chosen[0, :, 0], band(crystal, whole(coarse)), atol=1e-9)
    np.testing.assert_allclose(chosen[1], chosen[0] + 1)


@given(meshes, st.integers(1, 4), st.integers(0, 10_000))
def test_interpolation_keeps_the_values_at_the_points_and_their_mean(divisions: Mesh, factor: int, seed: int) -> None:
    irreducible = IrreducibleMesh.of(TRICLINIC, divisions)
    values = np.random.default_rng(seed).normal(size=(2, len(irreducible.points), 3))
    fine = irreducible.interpolate(values, factor)
    assert fine.shape == (2, math.prod(divisions) * factor**3, 3)
    first, second, third = (factor * count for count in divisions)
    cube = fine.reshape(2, first, second, third, 3)
    np.testing.assert_allclose(cube[:, ::factor, ::factor, ::factor], values[:, irreducible.index], atol=1e-9)
    np.testing.assert_allclose(fine.mean(axis=1), irreducible.every(values, 1).mean(axis=1), atol=1e-9)


@given(meshes, st.integers(1, 4))
def test_a_flat_band_stays_flat(divisions: Mesh, factor: int) -> None:
    irreducible = IrreducibleMesh.of(FCC, divisions)
    fine = irreducible.interpolate(np.full((1, len(irreducible.points), 2), 3.7), factor)
    np.testing.assert_allclose(fine, 3.7, rtol=1e-12)


@given(meshes)
def test_a_factor_of_one_leaves_a_mesh_as_it_is(divisions: Mesh) -> None:
    irreducible, values = on_mesh(FCC, divisions)
    np.testing.assert_allclose(irreducible.interpolate(values, 1), irreducible.every(values, 1), atol=1e-12)


def test_two_points_along_an_axis_give_a_cosine() -> None:
    irreducible = IrreducibleMesh.of(SLAB, (2, 2, 1))
    fine = irreducible.interpolate(np.cos(2 * np.pi * irreducible.points[:, :2]).sum(axis=1)[None, :, None], 4)
    np.testing.assert_allclose(fine[0, :, 0], np.cos(2 * np.pi * whole((8, 8, 4))[:, :2]).sum(axis=1), atol=1e-12)


@each_crystal
def test_interpolation_errors_fall_with_the_fourth_power_of_the_spacing(crystal: Structure) -> None:
    width = float(np.ptp(band(crystal, whole((12, 12, 12)))))

    def error(count: int) -> float:
        irreducible, values = on_mesh(crystal, (count, count, count))
        fine = irreducible.interpolate(values, 3)[0, :, 0]
        exact = band(crystal, whole((3 * count, 3 * count, 3 * count)))
        return float(np.sqrt(((fine - exact) ** 2).mean())) / width

    coarse, medium, fine = error(3), error(8), error(16)
    assert coarse < 0.1
    assert medium < 3e-3
    assert fine < medium / 12
