"""Light fixtures that many test modules share: the shipped set, and small synthetic materials with known physics."""

from __future__ import annotations

import math
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
import numpy as np
import pytest

from dosmith import formulas
from dosmith.designer import open_dos_set
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.records import Material, Spectrum

hypothesis.settings.register_profile("dosmith", derandomize=True, deadline=None)  # the same examples every time, no time limit
hypothesis.settings.load_profile("dosmith")


def pytest_configure(config: pytest.Config) -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and every program started by a test would inherit that; and tests have a cache of their own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # those who work for another inherit its cache
        cache = tempfile.TemporaryDirectory(prefix="dosmith-tests-")
        os.environ["XDG_CACHE_HOME"] = cache.name
        config.add_cleanup(cache.cleanup)


LEVELS = np.linspace(-10.0, 10.0, 401)
"""Energies of the synthetic materials, eV: those of the open DOS set."""

Peak = tuple[float, float, float]
"""Centre (eV), area (states), Gaussian sigma (eV)."""


def gaussian_dos(energies: np.ndarray, peaks: Sequence[Peak], background: float = 0.0) -> np.ndarray:
    """A sum of Gaussian peaks over a flat background, states/eV."""
    density = np.full(len(energies), background)
    for centre, area, sigma in peaks:
        density += area * np.exp(-(((energies - centre) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
    return density


def block_dos(energies: np.ndarray, blocks: Sequence[tuple[float, float, float]], sigma: float = 0.0) -> np.ndarray:
    """Flat bands (lower edge, upper edge, height), each edge smeared by a Gaussian sigma, states/eV."""
    density = np.zeros(len(energies))
    for lower, upper, height in blocks:
        if sigma:
            smeared = [
                math.erf((e - lower) / (sigma * math.sqrt(2))) - math.erf((e - upper) / (sigma * math.sqrt(2))) for e in energies
            ]
            density += height * np.array(smeared) / 2
        else:
            density += height * ((energies >= lower) & (energies <= upper))
    return density


def make_material(
    identifier: str,
    formula: str,
    *,
    d_band: tuple[float, float] | None = (-2.0, 1.2),
    gap: float = 0.0,
    spin: float = 0.0,
    energies: np.ndarray = LEVELS,
    fermi: float = 0.0,
    broadening: float = 0.1,
    crystal_system: str | None = "cubic",
    prototype: str | None = None,
    energy_per_atom: float | None = None,
    cell: float | None = 4.0,
    **provenance: Any,
) -> Material:
    """A synthetic material.

    A metal has a flat sp band of 0.4 states/eV and, where given, a Gaussian d band (centre from the Fermi level, width; eV) of
    10 states. With a `gap` (eV) it is an insulator: a valence band of 6 eV whose top lies half a gap below the Fermi level and a
    conduction band. `spin` shifts the spin-down curve up by that much (eV).
    """
    relative = energies - fermi

    def curve(shift: float) -> np.ndarray:
        if gap:
            return block_dos(relative - shift, [(-gap / 2 - 6, -gap / 2, 1.5), (gap / 2, gap / 2 + 5, 1.0)], broadening)
        return gaussian_dos(relative - shift, [] if d_band is None else [(d_band[0], 10.0, d_band[1])], background=0.4)

    densities = np.array([curve(0.0) / 2, curve(spin) / 2]) if spin else curve(0.0)[None]
    composition = formulas.parse(formula)
    species = tuple(symbol for symbol, count in composition for _ in range(count))
    coordinates = np.array([[i / len(species), (i % 2) / 2, (i % 3) / 3] for i in range(len(species))])
    if energy_per_atom is not None:
        provenance["energy_per_atom"] = energy_per_atom
    return Material(
        id=identifier,
        composition=composition,
        spectrum=Spectrum(energies.copy(), densities, fermi, broadening=broadening, gap=gap),
        crystal_system=crystal_system,
        prototype=prototype,
        space_group="Pm-3m" if crystal_system == "cubic" else None,
        lattice=None if cell is None else cell * np.eye(3),
        species=species if cell is not None else (),
        frac_coords=None if cell is None else coordinates,
        provenance={"source": "synthetic", **provenance},
    )


def _tiny_materials() -> list[Material]:
    return [
        make_material("Al-A1", "Al", d_band=None, prototype="A1", energy_per_atom=-3.7),
        make_material(
            "Ni-A1", "Ni", d_band=(-1.3, 0.8), spin=0.6, prototype="A1", energy_per_atom=-5.5, spin_treatment="collinear"
        ),
        make_material("Pt-A1", "Pt", d_band=(-2.2, 1.6), prototype="A1", energy_per_atom=-6.0),
        make_material("Zr-A3", "Zr", d_band=(2.5, 1.4), crystal_system="hexagonal", prototype="A3", energy_per_atom=-8.5),
        make_material(
            "Pt3Ni-D0_19", "Pt3Ni", d_band=(-2.1, 1.5), crystal_system="hexagonal", prototype="D0_19", energy_per_atom=-5.8
        ),
        make_material("Pt3Ni-L1_2", "Pt3Ni", d_band=(-2.0, 1.45), prototype="L1_2", energy_per_atom=-5.9),
        make_material("PtNi-B2", "PtNi", d_band=(-1.7, 1.2), prototype="B2", energy_per_atom=-5.7),
        make_material("Al3Zr-L1_2", "Al3Zr", d_band=(2.0, 1.3), prototype="L1_2", energy_per_atom=-5.3),
        make_material("AlNi-B2", "AlNi", d_band=(-2.6, 0.9), prototype="B2", energy_per_atom=-5.4),
        make_material("AlPt3-L1_2", "AlPt3", d_band=(-3.1, 1.5), prototype="L1_2", energy_per_atom=-5.6),
        make_material("AlN-B3", "AlN", gap=3.2, prototype="B3", energy_per_atom=-7.3),
        make_material("BaTiO3-E2_1", "BaTiO3", d_band=(1.5, 0.7), prototype="E2_1", energy_per_atom=-7.9),
    ]


@pytest.fixture(scope="session")
def open_set() -> ParquetLibrary:
    """The open DOS set that is shipped."""
    return open_dos_set()


@pytest.fixture(scope="session", name="make_material")
def _make_material() -> Callable[..., Material]:
    """The factory of synthetic materials; see `make_material` above for what it takes."""
    return make_material


@pytest.fixture(scope="session", name="gaussian_dos")
def _gaussian_dos() -> Callable[..., np.ndarray]:
    """Sum of Gaussian peaks: (energies, [(centre, area, sigma), ...], background)."""
    return gaussian_dos


@pytest.fixture(scope="session", name="block_dos")
def _block_dos() -> Callable[..., np.ndarray]:
    """Flat bands: (energies, [(lower, upper, height), ...], sigma)."""
    return block_dos


@pytest.fixture(scope="session")
def tiny_materials() -> list[Material]:
    """Twelve synthetic materials: unaries, binaries, two polymorphs of Pt3Ni, one ternary, one gapped, one spin-polarised."""
    return _tiny_materials()


@pytest.fixture(scope="session")
def tiny_library(tiny_materials: list[Material]) -> MemoryLibrary:
    """The twelve synthetic materials as a library."""
    return MemoryLibrary(tiny_materials, "the tiny library")
