"""Real-space matrices: bands and weights of crystals whose answer is known, and CP2K's own bands."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.dft.cp2k import MIXING, find_command
from dosmith.dft.cp2k_input import input_text
from dosmith.dft.cp2k_kinds import Kinds, section
from dosmith.dft.cp2k_matrices import HARTREE, Matrices
from dosmith.errors import EngineError
from dosmith.settings import DftSettings

CHAIN = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]], dtype=float)


def chain(onsite: tuple[float, float], hopping: float, overlap: float) -> Matrices:
    """A chain of two orbitals a cell, each with its like in the next cells; upper triangles."""
    kohn_sham = np.stack([np.diag(onsite), hopping * np.eye(2), hopping * np.eye(2)])
    metric = np.stack([np.eye(2), overlap * np.eye(2), overlap * np.eye(2)])
    return Matrices(CHAIN, kohn_sham[None], metric, np.array([0, 1]), np.array([0, 1]))


def test_bands_of_a_chain_with_overlap() -> None:
    points = np.array([[k, 0.0, 0.0] for k in (0.0, 0.13, 0.25, 0.5)])
    energies, weights = chain((-1.0, 4.0), 0.5, 0.1).solve(points, np.array([0, 1]))
    cosine = np.cos(2 * np.pi * points[:, 0])
    for band, onsite in enumerate((-1.0, 4.0)):
        np.testing.assert_allclose(energies[0, :, band], (onsite + cosine) / (1 + 0.2 * cosine), atol=1e-12)
        np.testing.assert_allclose(weights[0, :, band], np.eye(2)[[band] * 4], atol=1e-6)


def test_weights_are_positive_and_add_up_to_one() -> None:
    random = np.random.default_rng(0)
    size = 7
    hopping, overlap = random.normal(size=(2, 3, size, size))
    overlap = 0.02 * overlap + np.array([np.eye(size), np.zeros((size, size)), np.zeros((size, size))])
    for matrices in (hopping, overlap):
        matrices[0] = (matrices[0] + matrices[0].T) / 2
        matrices[2] = matrices[1].T  # H(-R) is the transpose of H(R)
    groups = np.array([0, 0, 1, 2, 2, 2, 1])
    crystal = Matrices(CHAIN, np.triu(hopping)[None], np.triu(overlap), np.arange(size), np.zeros(size, dtype=int))
    points = random.uniform(-0.5, 0.5, (20, 3))
    energies, weights = crystal.solve(points, groups)
    assert weights.shape == (1, 20, size, 3)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=3), 1.0, atol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=2), [[[2, 2, 3]] * 20], atol=1e-5)  # each orbital is in all states, once
    from scipy.linalg import eigh

    for point, found in zip(points, energies[0], strict=True):
        phases = np.exp(2j * np.pi * CHAIN @ point)
        whole = [np.tensordot(phases, matrices, 1) for matrices in (hopping, overlap)]
        np.testing.assert_allclose(found, eigh(*whole, eigvals_only=True), atol=1e-10)


def test_a_dependent_basis_is_refused() -> None:
    with pytest.raises(EngineError, match="not positive definite"):
        chain((0.0, 1.0), 0.5, 0.5).solve(np.array([[0.5, 0.0, 0.0]]), np.array([0, 1]))


@pytest.mark.parametrize("output", ["", " S CSR write| 3 periodic images\n nonsense\n"])
def test_what_is_not_complete_is_one_line(tmp_path: Path, output: str) -> None:
    with pytest.raises(EngineError) as caught:
        Matrices.read(tmp_path, output, ("Al",), 1)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not any(map(shutil.which, ("cp2k.psmp", "cp2k.ssmp", "cp2k"))), reason="CP2K is not on PATH")
@pytest.mark.dft
def test_bands_are_those_of_cp2k_itself(tmp_path: Path) -> None:
    boron_nitride = Structure([[0, 1.8, 1.8], [1.8, 0, 1.8], [1.8, 1.8, 0]], ["B", "N"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    points = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.13, 0.27, -0.41]])
    settings = DftSettings(scf_spacing=1.2, cutoff=200)
    kinds = Kinds.of(boron_nitride, False)
    text = input_text(boron_nitride, settings, kinds, False, MIXING[0], (3, 3, 3))
    path = [f"SPECIAL_POINT {x} {y} {z}" for x, y, z in points]
    wanted = section("KPOINT_SET", "UNITS B_VECTOR", *path, "NPOINTS 1")
    own = section("BAND_STRUCTURE", "FILE_NAME run.bs", "ADDED_MOS 1000", wanted)
    (tmp_path / "run.inp").write_text(text.replace("&KS_CSR_WRITE", f"{own}\n&KS_CSR_WRITE", 1))
    output = subprocess.run([find_command(), "-i", "run.inp"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    matrices = Matrices.read(tmp_path, output, kinds.labels, 1)
    found, weights = matrices.solve(points, matrices.orbital)
    blocks = re.split(r"^#\s+Point.*$", (tmp_path / "run.bs").read_text(), flags=re.MULTILINE)[1:]
    expected = [[float(row.split()[1]) for row in block.splitlines() if row.strip() and "#" not in row] for block in blocks]
    np.testing.assert_allclose(found[0, :, :10], np.array(expected)[:, :10], atol=1e-4)
    np.testing.assert_allclose(weights.sum(axis=3), 1.0, atol=1e-5)
    assert matrices.orbital.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2] * 2
    assert pytest.approx(27.2114, abs=1e-4) == HARTREE
