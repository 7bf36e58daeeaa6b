"""What each reader makes of files whose content is known otherwise: curve, energy zero and gap against the eigenvalues of the same run.

    python benchmarks/reading.py            # into docs/reading.md

The eigenvalues are read by code of their own (ABINIT's `*_EIG`, Elk's `EIGVAL.OUT`, Quantum ESPRESSO's XML, CP2K's orbitals) and broadened
by a Gaussian of 0.1 eV; programs that cannot be had freely are represented by their documented layouts, written from the same runs.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import layouts
import numpy as np
from layouts import Run

from dosmith.edges import BandEdges
from dosmith.sources import abinit, elk, espresso
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import Eigenvalues
from dosmith.sources.files import read_dos
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import similarity
from dosmith.spectra.standard import Recipe, StandardSpectrum, standardise

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "tests" / "fixtures"
PAGE = ROOT / "docs" / "reading.md"


@dataclass(frozen=True, eq=False)
class Case:
    """A curve with what lies beside it, and what it must mean.

    Attributes:
        made_by: the program, or its layout.
        files: content by name; the first is the curve.
        truth: eigenvalues of the run, eV on the axis of the curve.
        fermi: Fermi level of the run on that axis, eV.
    """

    made_by: str
    files: Mapping[str, bytes]
    truth: Eigenvalues
    fermi: float


@dataclass(frozen=True)
class Found:
    """How far one file is off: the cosine of its vector to that of the eigenvalues; zero and gap with the whole run, and from the curve alone, eV."""

    format: str
    made_by: str
    cosine: float
    zero: float
    gap: float
    zero_alone: float
    gap_alone: float


def unpacked(path: str) -> bytes:
    return gzip.decompress((FIXTURES / path).read_bytes())


def shifted(levels: Eigenvalues, by: float) -> Eigenvalues:
    """The eigenvalues from another zero."""
    return replace(levels, channels=levels.channels - by)


def programs() -> Iterator[Case]:
    """Files that the programs wrote."""
    for run, name in (("si", "sio_DS2"), ("al", "alo"), ("fe", "feo")):
        files = {f"{name}{end}": unpacked(f"runs/abinit-{run}/{name}{end}.gz") for end in ("_DOS", "_EIG")}
        levels, fermi = abinit.read_eig(files[f"{name}_EIG"].decode())
        level = read_dos(FIXTURES / f"runs/abinit-{run}/{name}_DOS.gz").spectrum.fermi if fermi is None else fermi
        yield Case("ABINIT 9.6", files, levels, level)
    for run in ("si", "fe"):
        names = ("TDOS.OUT", "EIGVAL.OUT", "KPOINTS.OUT", "EFERMI.OUT")
        files = {name: unpacked(f"runs/elk-{run}/{name}.gz") for name in names}
        levels, fermi = elk.read_eigenvalues(*(files[name].decode() for name in names[1:]))
        yield Case("Elk 8.4", files, levels, fermi)
    for name, curve, place in (
        ("si.dos", "dos/espresso-si.dos.gz", "crystals/espresso-si.xml.gz"),
        ("si.pdos_tot", "dos/espresso-si.pdos_tot.gz", "crystals/espresso-si.xml.gz"),
        ("c.dos", "runs/espresso-c/c.dos.gz", "runs/espresso-c/c.xml.gz"),
    ):
        xml = unpacked(place)
        levels, fermi, _ = espresso.read_eigenvalues(xml)
        assert fermi is not None
        yield Case("Quantum ESPRESSO 6.7", {name: unpacked(curve), f"{name.partition('.')[0]}.xml": xml}, levels, fermi)
    for name in ("si_gamma", "si_spin"):
        orbitals = _orbitals("ALPHA_k1", "BETA_k1") if name == "si_spin" else _orbitals("gamma-k1")
        level = read_dos(FIXTURES / f"dos/cp2k-{name}-1.dos.gz").spectrum.fermi
        yield Case("CP2K 2023.1", {f"{name}-1.dos": unpacked(f"dos/cp2k-{name}-1.dos.gz")}, orbitals, level)


def _orbitals(*kinds: str) -> Eigenvalues:
    """CP2K's orbitals at the Gamma point, out of the columns of its `*.pdos`."""
    from dosmith.constants import HARTREE

    rows = []
    for kind in kinds:
        name = f"dos/cp2k-si_spin-{kind}-1.pdos.gz" if len(kinds) > 1 else f"dos/cp2k-si_{kind}-1.pdos.gz"
        rows.append(
            [[HARTREE * float(line.split()[1]) for line in unpacked(name).decode().splitlines() if not line.startswith("#")]]
        )
    return Eigenvalues.of(rows, [1.0])


def runs() -> Iterator[Run]:
    """The diamond of Quantum ESPRESSO and the iron of ABINIT, as what the layouts are written from."""
    xml = unpacked("runs/espresso-c/c.xml.gz")
    levels, fermi, electrons = espresso.read_eigenvalues(xml)
    assert fermi is not None and electrons is not None
    crystal = espresso.read_crystal(xml)
    iron, level = abinit.read_eig(unpacked("runs/abinit-fe/feo_EIG.gz").decode())
    assert level is not None
    lattice = 1.4023 * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]])
    for each, zero, count, cell, species, places in (
        (levels, fermi, electrons, crystal.lattice, crystal.species, crystal.frac_coords),
        (iron, level, 8.0, lattice, ("Fe",), np.zeros((1, 3))),
    ):
        curve = each.curve("known", zero)
        yield Run(curve.energies, curve.densities, zero, each.channels, each.weights, count, cell, species, places)


def documented() -> Iterator[Case]:
    """Files in the layouts of programs that cannot be had freely."""
    for run in runs():
        levels = Eigenvalues.of(run.channels, run.weights)
        from_fermi = shifted(levels, run.fermi)
        eig = {"x.EIG": layouts.siesta_eig(run), "x.KP": layouts.siesta_kp(run)}
        spins = {f"x.dos1ev{end}": layouts.wien2k(run, number) for number, end in enumerate(("up", "dn")[: len(run.channels)])}
        if len(run.channels) == 1:
            spins = {"x.dos1ev": spins["x.dos1evup"]}
        for files, absolute in (
            ({"x.DOS": layouts.siesta_dos(run), **eig}, True),
            ({"x.PDOS.xml": layouts.siesta_pdos(run)}, True),
            (eig, True),
            ({"TDOS.OUT": layouts.elk_tdos(run)}, False),
            ({"dos.xml": layouts.exciting_xml(run)}, False),
            (spins, False),
            ({"x.bands": layouts.castep_bands(run)}, True),
            ({"x.adaptive.dat": layouts.optados(run), "x.bands": layouts.castep_bands(run)}, False),
            ({"DOSS.DAT": layouts.crystal_doss(run)}, False),
            ({"x.DOS.Gaussian": layouts.openmx(run)}, False),
            ({"total-dos.dat": layouts.octopus(run), "total-dos-efermi.dat": layouts.octopus_fermi(run)}, True),
            ({"band.out": layouts.dftb_bands(run)}, True),
            ({"dos_total.dat": layouts.bare(run), "band.out": layouts.dftb_bands(run)}, True),
            ({"vasprun.xml": layouts.vasprun(run)}, True),
            ({"vasprun.xml": layouts.vasprun(run, 0.2)}, True),
            ({"DOSCAR": layouts.doscar(run)}, True),
            ({"DOSCAR": layouts.doscar(run, 0.2)}, True),
            ({"vaspout.h5": layouts.vaspout(run)}, True),
            ({"banddos.hdf": layouts.banddos(run)}, False),
            ({"archive.json": layouts.nomad(run)}, True),
            ({"xy.json": layouts.aiida(run)}, True),
            ({"structure.json": layouts.optimade(run)}, True),
            ({"store.json": layouts.store(run)}, True),
        ):
            yield Case("documented layout", files, levels if absolute else from_fermi, run.fermi if absolute else 0.0)


def measured(case: Case) -> Found:
    """What is made of a case."""
    edges = case.truth.edges(case.fermi)
    known = standardise(case.truth.curve("truth", case.fermi).spectrum(), RECIPE)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in case.files.items():
            (Path(folder) / name).write_bytes(content)
        name = next(iter(case.files))
        found = read_dos(Path(folder) / name)
    whole = standardise(found.spectrum, RECIPE)
    bare = Curve("table", found.spectrum.energies, found.spectrum.densities, case.fermi, broadening=found.spectrum.broadening)
    alone = standardise(bare.spectrum(), RECIPE)
    ends = min(float(case.truth.channels.max(axis=2).min()) - known.zero, float(found.spectrum.energies[-1]) - whole.zero, 7.5)
    window = Window(-7.5, ends - 3 * RECIPE.broadening)  # a list of eigenvalues ends with its lowest highest band
    cosine = float(similarity(known.values, whole.values[None], window=window)[0])
    return Found(
        found.format, case.made_by, cosine, _off(whole, edges, case.fermi), abs(whole.gap - _gap(edges)),
        _off(alone, edges, case.fermi), abs(alone.gap - _gap(edges)),
    )  # fmt: skip


RECIPE = Recipe(min_coverage=0.4)
"""That of every model, but for the part of the window that must be there: lists of eigenvalues end early."""


def _gap(edges: BandEdges | None) -> float:
    return 0.0 if edges is None else edges.gap


def _off(found: StandardSpectrum, edges: BandEdges | None, fermi: float) -> float:
    """Distance of the energy zero from the highest occupied eigenvalue, of a metal from the Fermi level, eV."""
    return abs(found.zero - (edges.valence if edges is not None and edges.gap > 0 else fermi))


def write() -> None:
    """Measure, and write the page."""
    rows: dict[tuple[str, str], list[Found]] = {}
    for case in (*programs(), *documented()):
        found = measured(case)
        rows.setdefault((found.format, found.made_by), []).append(found)
        print(found, flush=True)
    lines = [
        f"| {kind} | {made_by} | {len(each)} | {min(one.cosine for one in each):.4f} | "
        + " | ".join(f"{max(getattr(one, name) for one in each):.3f}" for name in ("zero", "gap", "zero_alone", "gap_alone"))
        + " |"
        for (kind, made_by), each in sorted(rows.items(), key=lambda row: (row[0][1] == "documented layout", row[0]))
    ]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


HEAD = """# What the readers make of files that are known

Written by `python benchmarks/reading.py`. Each file is read in the usual way. Its curve is compared with one made from the eigenvalues of the same run, which other code reads from another file and broadens by a
Gaussian of 0.1 eV. The cosine compares the two standard vectors. Zero and gap are compared with the highest occupied and lowest empty eigenvalue, in eV, in two ways: with the files that lie
beside the curve in its run, and from the curve alone with its Fermi level, as for a table. Each number is the worst of the files. In rows that name a program, that program wrote the files. In rows that say "documented layout", the files were written after the format's documentation, from a diamond of Quantum ESPRESSO and an iron of ABINIT;
these rows show only that the layout is read as it is documented. Their curves carry a Gaussian of 0.1 eV that most formats cannot state, which moves the edges read off the curve alone by some 0.16 eV.

| read as | made by | files | cosine | zero off | gap off | zero off, curve alone | gap off, curve alone |
|---|---|---|---|---|---|---|---|
"""


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    write()
