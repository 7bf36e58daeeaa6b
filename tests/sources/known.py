"""Runs whose results are known, for the files written in benchmarks/layouts.py: silicon by Quantum ESPRESSO, iron by ABINIT."""

from __future__ import annotations

import functools
import gzip
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from layouts import Run

from dosmith.sources import abinit, espresso

FIXTURES = Path(__file__).parents[1] / "fixtures"
RUNS = FIXTURES / "runs"


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


@functools.cache
def silicon() -> Run:
    """Its eigenvalues as pw.x wrote them; the curve is that of the eigenvalues."""
    xml = unpacked(FIXTURES / "crystals" / "espresso-si.xml.gz")
    levels, fermi, electrons = espresso.read_eigenvalues(xml)
    assert fermi is not None and electrons is not None
    curve = levels.curve("known", fermi)
    crystal = espresso.read_crystal(xml)
    return Run(
        curve.energies, curve.densities, fermi, levels.channels, levels.weights, electrons,
        crystal.lattice, crystal.species, crystal.frac_coords,
    )  # fmt: skip


@functools.cache
def iron() -> Run:
    """Its spin-polarised eigenvalues as ABINIT wrote them."""
    levels, fermi = abinit.read_eig(unpacked(RUNS / "abinit-fe" / "feo_EIG.gz").decode())
    assert fermi is not None
    curve = levels.curve("known", fermi)
    lattice = 5.3 * 0.529177210903 / 2 * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]])
    return Run(curve.energies, curve.densities, fermi, levels.channels, levels.weights, 8.0, lattice, ("Fe",), np.zeros((1, 3)))
