"""CP2K: Gaussian basis DZVP-MOLOPT-SR-GTH, GTH pseudopotentials, PBE.

A self-consistent run on a coarse Gamma-centred mesh with Fermi-Dirac smearing leaves the Kohn-Sham and overlap matrices in real
space; from them come eigenvalues and projections on the irreducible points of a finer mesh that holds the coarse one, and splines
between those. The energy is that of the self-consistent run with its band energy replaced by that of the finest mesh at room
temperature, extrapolated to zero: the Harris functional (Phys. Rev. B 31, 1770 (1985)), whose error is of second order in what the
coarse mesh and the smearing do to the density.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import processes
from dosmith.constants import HARTREE
from dosmith.dft import kpoints
from dosmith.dft.cp2k_input import Mixing, input_text
from dosmith.dft.cp2k_kinds import FROZEN_4F, Kinds, data_folder
from dosmith.dft.cp2k_matrices import ORBITALS, Matrices
from dosmith.dft.eigenvalues import MeshEigenvalues, shares
from dosmith.dft.engine import Calculation, Report
from dosmith.dft.kpoints import IrreducibleMesh, Mesh
from dosmith.dft.protocol import protocol_of
from dosmith.errors import EngineError
from dosmith.records import Projections, Spectrum
from dosmith.settings import DftSettings

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

MIXING = (Mixing("PULAY", 0.3, 8, 1e-5, 30), Mixing("BROYDEN", 0.1, 8, 1e-5, 60))
"""Ways tried in turn."""

SPIN_MIXING = (
    Mixing("BROYDEN", 0.1, 30, 2e-3, 40),
    Mixing("BROYDEN", 0.05, 60, 2e-3, 60),
    Mixing("DIRECT_P", 0.07, 1, 3e-3, 100),
)
"""The same for spin-polarised runs. CP2K mixes the charge and the magnetisation each for itself: that brings them near
self-consistency and then goes astray, so `FINISH` takes over. The last way does without."""

FINISH = (
    Mixing("DIRECT_P", 0.07, 1, 3e-3, 10),
    Mixing("DIRECT_P", 0.045, 1, 1e-2, 80),
    Mixing("DIRECT_P", 0.07, 1, 3e-3, 10),
)
"""Last steps of a spin-polarised run, for each way: density matrices mixed in so small a share that no charge sloshes. The
energy is then that of one density matrix, wrong only in second order. Near a magnetic instability (NbFe2Au) 7 % is too much, and
less creeps along a direction in which the energy hardly changes."""

SETTLED = 1.5e-2
"""Largest change of the density matrix in the last of these steps with which a run is accepted."""

TIGHT_EPS = 1e-10
"""Numerical threshold of the ways that follow one in which CP2K stopped."""


@dataclass(frozen=True, eq=False)
class _Run:
    """What a converged run gave.

    Bands (eV, shape (spins, irreducible points, bands)), their weights on elements and orbitals (with an axis of labels), free
    energy (eV) and more.
    """

    bands: FloatArray
    weights: FloatArray
    labels: tuple[tuple[str, str], ...]
    free_energy: float
    electrons: int
    site_moments: list[float]
    steps: int
    mixing: str
    eps_default: float
    version: str


_ROOM = 16 * 2**20  # bytes that CP2K and MPI need at the least
_STEP = re.compile(r"^\s+(\d+)\s+\S+/\S+\s+\S+\s+\S+\s+(\d+\.\d+)\s+-?\d+\.\d+\s+\S+\s*$", re.MULTILINE)
"""A self-consistent step: number, method, mixing, seconds, convergence, energy, change."""


class Cp2k:
    """The CP2K engine.

    Args:
        settings: the `dft` section of the settings.
        command: the program; found on PATH when None (`cp2k.psmp`, `cp2k.ssmp`, `cp2k`).
        threads: OpenMP threads of one run.
    """

    name = "CP2K"

    def __init__(self, settings: DftSettings | None = None, command: str | None = None, threads: int = 1) -> None:
        self.settings = settings or DftSettings()
        self.command = command or find_command()
        self.threads = threads

    def compute(self, structure: Structure, *, spin: bool = False, report: Report | None = None) -> Calculation:
        """See `Engine.compute`."""
        started = time.monotonic()
        settings = self.settings
        report = report or (lambda text: None)
        data = data_folder(self.command) if FROZEN_4F & {site.specie.symbol for site in structure} else None
        kinds = Kinds.of(structure, spin, data)
        mesh = kpoints.mesh(structure, settings.scf_spacing)
        first, second, third = (settings.dos_refinement * divisions for divisions in mesh)
        fine = IrreducibleMesh.of(structure, (first, second, third), kinds.numbers)
        with processes.scratch("dosmith-cp2k-") as folder:
            run = self._converge(folder, structure, kinds, spin, mesh, fine, report)
        report("density of states")
        bands = run.bands
        coarse = MeshEigenvalues(fine.every(bands, settings.dos_refinement), run.electrons, settings.smearing)
        reached = bands.min(axis=(0, 1)) < coarse.fermi + coarse.gap / 2 + settings.window + 3.0
        eigenvalues = MeshEigenvalues(fine.interpolate(bands[:, :, reached], settings.interpolation), run.electrons)
        energy = (
            run.free_energy
            - coarse.band_energy
            + coarse.entropy_energy
            + eigenvalues.band_energy
            - eigenvalues.entropy_energy / 2
        )
        energies = np.linspace(-settings.window, settings.window, round(2 * settings.window / settings.step) + 1)
        density = eigenvalues.density(energies + eigenvalues.fermi, settings.sigma)
        weights = run.weights[:, :, reached] * fine.counts[:, None, None]
        parts = shares(bands[:, :, reached], weights, energies + eigenvalues.fermi, settings.sigma)
        protocol = protocol_of(settings)
        return Calculation(
            energy=energy,
            spectrum=Spectrum(
                energies,
                density,
                0.0,
                broadening=settings.sigma,
                gap=eigenvalues.gap,
                valence_top=-eigenvalues.gap / 2 if eigenvalues.gap > 0 else None,
            ),
            projections=Projections(run.labels, parts * np.maximum(density, 0.0)[:, None]),
            fermi=eigenvalues.fermi,
            moment=eigenvalues.moment,
            electrons=run.electrons,
            seconds=time.monotonic() - started,
            provenance={
                "source": "computed",
                "code": run.version,
                "functional": "PBE",
                "basis": "DZVP-MOLOPT-SR-GTH",
                "pseudopotentials": "GTH-PBE",
                "spin_treatment": "collinear" if spin else "non-magnetic",
                "k_points_scf": list(mesh),
                "k_points_dos": list(fine.divisions),
                "scf_steps": run.steps,
                "mixing": run.mixing,
                "protocol": None if protocol is None else protocol.label,
                "settings": settings.model_dump() | {"eps_default": run.eps_default},
            }
            | ({"starting_moments": list(kinds.moments), "site_moments": run.site_moments} if spin else {}),
        )

    def _converge(
        self, folder: Path, structure: Structure, kinds: Kinds, spin: bool, mesh: Mesh, fine: IrreducibleMesh, report: Report
    ) -> _Run:
        """The first way of mixing that converges."""
        settings, failure = self.settings, None
        ways = SPIN_MIXING if spin else MIXING
        finishes = FINISH if spin else (None,) * len(ways)
        for mixing, finish in zip(ways, finishes, strict=True):
            text = input_text(structure, settings, kinds, spin, mixing, mesh, "whole" if finish is None else "first")
            try:
                output = self._run(folder, text, report)
                steps = len(_STEP.findall(output))
                if "SCF run converged" not in output or steps < 2:  # the density of free atoms is never that of a crystal
                    report(f"no convergence by {mixing}")
                    continue
                if finish is not None:
                    text = input_text(structure, settings, kinds, spin, finish, mesh, "last")
                    if _version(output) >= "CP2K 2024":  # it would take the few steps for a failure
                        text = text.replace("&SCF\n", "&SCF\n      IGNORE_CONVERGENCE_FAILURE\n", 1)
                    output = self._run(folder, text, report)
                    changes = [float(change) for _, change in _STEP.findall(output)]
                    steps += len(changes)
                    if not changes or changes[-1] > SETTLED:
                        report(f"{mixing} led to no self-consistency")
                        continue
                report("bands")
                matrices = Matrices.read(folder, output, kinds.labels, 2 if spin else 1)
                labels, groups = _by_orbital(kinds, matrices)
                bands, weights = matrices.solve(fine.points, groups)
            except EngineError as error:  # mostly overlaps that are not positive definite after truncation
                settings, failure = settings.model_copy(update={"eps_default": TIGHT_EPS}), error
                continue
            return _Run(
                bands=bands,
                weights=weights,
                labels=labels,
                free_energy=float(re.findall(r"Total energy:\s+(-?\d+\.\d+)", output)[-1]) * HARTREE,
                electrons=sum(map(int, re.findall(r"Number of electrons:\s+(\d+)", output)[: 2 if spin else 1])),
                site_moments=_site_moments(output),
                steps=steps,
                mixing=str(mixing),
                eps_default=settings.eps_default,
                version=_version(output),
            )
        raise failure or EngineError(
            f"CP2K did not converge {structure.composition.reduced_formula} in {len(ways)} ways of mixing the density"
            f" ({'; '.join(map(str, ways))}); another volume or dft.smearing may help"
        )

    def _run(self, folder: Path, text: str, report: Report) -> str:
        """The program's output on an input; each step of the self-consistent run is reported.

        Raises:
            EngineError: it stopped with an error.
            OSError: the disk is full.
        """
        (folder / "run.inp").write_text(text, encoding="utf-8")
        environment = os.environ | {"OMP_NUM_THREADS": str(self.threads)}
        lines: list[str] = []
        command = [self.command, "-i", "run.inp"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with processes.running(command, cwd=folder, env=environment, **pipes) as process:
            assert process.stdout is not None
            for line in io.TextIOWrapper(process.stdout, errors="replace"):
                lines.append(line)
                step = _STEP.match(line)
                if step:
                    report(f"self-consistent step {step[1]}, change {float(step[2]):.1e}")
        output = "".join(lines)
        if process.returncode != 0 and "SCF run NOT converged" not in output:
            if shutil.disk_usage(folder).free < _ROOM:  # of which CP2K says nothing
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            raise EngineError(f"CP2K stopped: {_complaint(output)}")
        return output


def find_command() -> str:
    """The CP2K program on PATH.

    Raises:
        EngineError: there is none.
    """
    for name in ("cp2k.psmp", "cp2k.ssmp", "cp2k"):
        found = shutil.which(name)
        if found:
            return found
    raise EngineError("CP2K is not on PATH; install it (Debian: apt install cp2k libopenblas0-serial; conda: conda install cp2k)")


def _by_orbital(kinds: Kinds, matrices: Matrices) -> tuple[tuple[tuple[str, str], ...], NDArray[np.intp]]:
    """The elements and orbitals of the basis, and the number of its own for each function, shape (n,)."""
    own = [(kinds.symbols[site], ORBITALS[orbital]) for site, orbital in zip(matrices.site, matrices.orbital, strict=True)]
    labels = tuple(sorted(set(own), key=lambda label: (label[0], ORBITALS.index(label[1]))))
    return labels, np.array([labels.index(label) for label in own], dtype=np.intp)


def _site_moments(output: str) -> list[float]:
    """Mulliken spin moment of each site in the last population analysis, Bohr magnetons; empty without spin."""
    _, _, table = output.rpartition("Mulliken Population Analysis")
    head, _, rows = table.partition("Spin moment\n")
    found = re.match(r"(?:[ \t]+\d+[ \t]+[A-Z]\S*[ \t]+\d+(?:[ \t]+-?\d+\.\d+){4}[ \t]*\n)+", rows)
    return [float(row.split()[-1]) for row in found[0].splitlines()] if found and head else []


def _version(output: str) -> str:
    found = re.search(r"CP2K\| version string:\s+CP2K version (\S+)", output)
    return f"CP2K {found[1] if found else 'of unknown version'}"


def _complaint(output: str) -> str:
    """The reason in a failed run's output, in one line."""
    boxed = re.findall(r"^ \*\s(.*?)\s+\*$", output, flags=re.MULTILINE)
    words = " ".join(" ".join(re.sub(r"^[\s\\|_/()OAB-]+", "", line) for line in boxed).split())
    last = next((" ".join(line.split()) for line in reversed(output.splitlines()) if line.strip()), "")
    return words[:300] or (f"its last words are '{last[:200]}'" if last else "it left no message")
