"""Files that the fuzzers start from, of readers whose programs cannot be had freely: real curves in the programs' layouts, and whole runs."""

from __future__ import annotations

import dataclasses
import functools
import gzip
from collections.abc import Callable
from pathlib import Path

import layouts
import numpy as np

from dosmith.designer import open_dos_set
from dosmith.records import Material
from dosmith.sources.files import read_dos

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures"
FERMI = 2.5
"""Fermi level of the curves that are written, eV."""
Named = tuple[str, bytes]
"""Name of a file and its content; the name tells some readers the format."""


@functools.cache
def materials() -> tuple[Material, ...]:
    library = open_dos_set()
    spins = next(one for one in map(library.material, library.ids) if one.spectrum.spin_polarized)
    return library.material("Pt3Ni-L1_2"), library.material("MgO-B1"), spins


@functools.cache
def runs() -> tuple[layouts.Run, ...]:
    """The curves of the materials from their lowest 300 energies, with eigenvalues that are made up."""
    made = []
    for one in materials():
        assert one.lattice is not None and one.frac_coords is not None
        near = np.abs(one.spectrum.energies - one.spectrum.fermi) < 7.6
        random = np.random.default_rng(7)
        channels = np.sort(random.normal(FERMI, 3.0, (len(one.spectrum.densities), 4, 12)), axis=2)
        made.append(
            layouts.Run(
                one.spectrum.energies[near] - one.spectrum.fermi + FERMI,
                one.spectrum.densities[:, near],
                FERMI,
                channels,
                np.full(4, 0.25),
                12.0,
                one.lattice,
                one.species,
                one.frac_coords,
            )
        )
    return tuple(made)


def written(*kinds: tuple[str, Callable[[layouts.Run], bytes]]) -> Callable[[], list[Named]]:
    """Makes files of these names in the layouts of their programs."""
    return lambda: [(name, write(run)) for name, write in kinds for run in runs()]


def whole_runs(pattern: str) -> Callable[[], list[Named]]:
    """Makes the files in fixtures/runs whose folder and name fit."""
    return lambda: [(path.stem, gzip.decompress(path.read_bytes())) for path in sorted((FIXTURES / "runs").glob(pattern))]


def one_point(run: layouts.Run) -> bytes:
    """An .EIG that needs no weights."""
    return layouts.siesta_eig(dataclasses.replace(run, channels=run.channels[:, :1], weights=np.ones(1)))


def run_files() -> list[Named]:
    """Files that a Fermi level, band edges or the other spin are taken from when they lie beside a curve."""
    run, spins = runs()[0], runs()[2]
    return [
        ("x.EIG", layouts.siesta_eig(run)), ("x.KP", layouts.siesta_kp(run)), ("x.PDOS.xml", layouts.siesta_pdos(run)),
        ("x.bands", layouts.castep_bands(run)), ("band.out", layouts.dftb_bands(run)), ("detailed.out", layouts.dftb_detailed(run)),
        ("total-dos-efermi.dat", layouts.octopus_fermi(run)), ("x.dos1evdn", layouts.wien2k(spins, 1)),
        *whole_runs("elk-si/[EKG]*")(), *whole_runs("abinit-fe/*EIG*")(),
    ]  # fmt: skip


def beside_curve(path: Path) -> object:
    """What is made of the curves in the folder."""
    from dosmith.sources.beside import crystal_of

    run, spins = runs()[0], runs()[2]
    curves = {
        "x.DOS": layouts.siesta_dos(run), "x.adaptive.dat": layouts.optados(run), "dos_total.dat": layouts.bare(run),
        "total-dos.dat": layouts.octopus(run), "x.dos1evup": layouts.wien2k(spins, 0),
        **dict([*whole_runs("elk-si/*OUT*")(), *whole_runs("abinit-fe/*")()]),
    }  # fmt: skip
    belongs = {"x.EIG": "x.DOS", "x.KP": "x.EIG", "x.PDOS.xml": "x.DOS", "x.bands": "x.adaptive.dat", "band.out": "dos_total.dat"}
    belongs |= {
        "detailed.out": "dos_total.dat",
        "total-dos-efermi.dat": "total-dos.dat",
        "x.dos1evdn": "x.dos1evup",
        "feo_EIG": "feo_DOS",
    }
    curve = belongs.get(path.name, "TDOS.OUT")
    (path.parent / curve).write_bytes(curves.get(curve) or layouts.siesta_eig(run))
    if curve == "TDOS.OUT":
        for name in ("EIGVAL.OUT", "KPOINTS.OUT", "EFERMI.OUT"):
            if name != path.name:
                (path.parent / name).write_bytes(curves[name])
    found = read_dos(path.parent / curve, fermi=FERMI if curve in ("x.DOS", "dos_total.dat", "total-dos.dat") else None)
    return found.spectrum, crystal_of(path.parent / curve, found)
