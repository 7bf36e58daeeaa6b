"""CP2K: Gaussian basis DZVP-MOLOPT-SR-GTH, GTH pseudopotentials, PBE; two steps in one run.

A self-consistent run on a coarse Gamma-centred mesh with Fermi-Dirac smearing, then eigenvalues on the irreducible points
of a finer mesh that holds the coarse one (the band-structure print key), and splines between those. The energy is that of
the self-consistent run with its band energy replaced by that of the finest mesh at room temperature, extrapolated to zero:
the Harris functional (Phys. Rev. B 31, 1770 (1985)), whose error is of second order in what the coarse mesh and the
smearing do to the density.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith.dft import kpoints
from dosmith.dft.engine import STARTING_MOMENTS, Calculation, Report
from dosmith.dft.kpoints import IrreducibleMesh, Mesh
from dosmith.dft.levels import Levels
from dosmith.errors import EngineError
from dosmith.records import Spectrum
from dosmith.settings import DftSettings

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

HARTREE = 27.211386245988
"""eV (CODATA 2018)."""

HARD = frozenset({"Be", "F", "Na", "Mg", "Cr", "Mn", "Fe", "Co", "Ni"})
"""Elements whose pseudopotentials need the higher cutoff: below it their energy depends on where on the grid they stand."""

GRID_RATIO = 1.5
"""Between the cutoffs of successive grids; with CP2K's own 3 most Gaussians stand on a grid far finer than they need."""

COARSEST_CUTOFF = 3.0
"""Ry, of the grid for the most diffuse Gaussians."""


@dataclass(frozen=True)
class Mixing:
    """How a self-consistent run goes from density to density.

    Attributes:
        method: CP2K's name.
        share: of the new density.
        history: steps remembered.
        threshold: change of the density at which the run ends.
        steps: at most.
    """

    method: str
    share: float
    history: int
    threshold: float
    steps: int

    def __str__(self) -> str:
        return f"{self.method} {self.share:g}/{self.history}"


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
    """What a converged run gave: bands (eV, shape (spins, irreducible points, bands)), free energy (eV) and more."""

    bands: FloatArray
    free_energy: float
    electrons: int
    steps: int
    mixing: str
    eps_default: float
    version: str


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
        scf_mesh = kpoints.mesh(structure, settings.scf_spacing)
        first, second, third = (settings.dos_refinement * divisions for divisions in scf_mesh)
        fine = kpoints.IrreducibleMesh.of(structure, (first, second, third))
        run = self._converge(structure, spin, scf_mesh, fine, report)
        report("density of states")
        coarse = Levels(fine.every(run.bands, settings.dos_refinement), run.electrons, settings.smearing)
        reached = run.bands.min(axis=(0, 1)) < coarse.fermi + coarse.gap / 2 + settings.window + 3.0
        levels = Levels(fine.interpolate(run.bands[:, :, reached], settings.interpolation), run.electrons)
        energy = run.free_energy - coarse.band_energy + coarse.entropy_energy + levels.band_energy - levels.entropy_energy / 2
        energies = np.linspace(-settings.window, settings.window, round(2 * settings.window / settings.step) + 1)
        spectrum = Spectrum(
            energies,
            levels.density(energies + levels.fermi, settings.sigma),
            0.0,
            broadening=settings.sigma,
            gap=levels.gap,
            valence_top=-levels.gap / 2 if levels.gap > 0 else None,
        )
        return Calculation(
            energy=energy,
            spectrum=spectrum,
            fermi=levels.fermi,
            moment=levels.moment,
            electrons=run.electrons,
            seconds=time.monotonic() - started,
            provenance={
                "source": "computed",
                "code": run.version,
                "functional": "PBE",
                "basis": "DZVP-MOLOPT-SR-GTH",
                "pseudopotentials": "GTH-PBE",
                "spin_treatment": "collinear" if spin else "non-magnetic",
                "k_points_scf": list(scf_mesh),
                "k_points_dos": list(fine.divisions),
                "scf_steps": run.steps,
                "mixing": run.mixing,
                "settings": settings.model_dump() | {"eps_default": run.eps_default},
            },
        )

    def _converge(self, structure: Structure, spin: bool, scf_mesh: Mesh, fine: IrreducibleMesh, report: Report) -> _Run:
        """The first way of mixing that converges."""
        settings, failure = self.settings, None
        ways = SPIN_MIXING if spin else MIXING
        for mixing, finish in zip(ways, FINISH, strict=False):
            with tempfile.TemporaryDirectory(prefix="dosmith-cp2k-") as name:
                folder = Path(name)
                text = input_text(structure, settings, spin, mixing, scf_mesh, None if spin else fine.points)
                try:
                    output = self._run(folder, text, report)
                except EngineError as error:  # mostly overlaps that are not positive definite after truncation
                    settings, failure = settings.model_copy(update={"eps_default": TIGHT_EPS}), error
                    continue
                if "SCF run converged" not in output:
                    report(f"no convergence by {mixing}")
                    continue
                steps = len(_STEP.findall(output))
                if spin:
                    text = input_text(structure, settings, spin, finish, scf_mesh, fine.points, restart=True)
                    if _version(output) >= "CP2K 2024":  # it would take the few steps for a failure
                        text = text.replace("&SCF\n", "&SCF\n      IGNORE_CONVERGENCE_FAILURE\n", 1)
                    output = self._run(folder, text, report)
                    changes = [float(change) for _, change in _STEP.findall(output)]
                    steps += len(changes)
                    if not changes or changes[-1] > SETTLED:
                        report(f"{mixing} led to no self-consistency")
                        continue
                file = folder / "run.bs"
                bands = read_bands(file.read_text(encoding="utf-8") if file.is_file() else "", len(fine.points))
            return _Run(
                bands=bands,
                free_energy=float(re.findall(r"Total energy:\s+(-?\d+\.\d+)", output)[-1]) * HARTREE,
                electrons=sum(map(int, re.findall(r"Number of electrons:\s+(\d+)", output)[: 2 if spin else 1])),
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
        """
        (folder / "run.inp").write_text(text, encoding="utf-8")
        environment = os.environ | {"OMP_NUM_THREADS": str(self.threads)}
        lines: list[str] = []
        command = [self.command, "-i", "run.inp"]
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    lines.append(line)
                    step = _STEP.match(line)
                    if step:
                        report(f"self-consistent step {step[1]}, change {float(step[2]):.1e}")
                    elif "SCF run converged" in line:
                        report("bands")
            except BaseException:
                process.kill()
                raise
        output = "".join(lines)
        if process.returncode != 0 and "SCF run NOT converged" not in output:
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


def input_text(
    structure: Structure,
    settings: DftSettings,
    spin: bool,
    mixing: Mixing,
    scf_mesh: Mesh,
    points: FloatArray | None,
    restart: bool = False,
) -> str:
    """The input file of one run.

    Args:
        structure: the crystal.
        settings: of the calculation.
        spin: spin-polarised, from a ferromagnetic start.
        mixing: how densities are mixed, and when to stop.
        scf_mesh: of the self-consistent run.
        points: where eigenvalues are wanted, fractional coordinates, shape (P, 3); None keeps the density for a restart.
        restart: go on from the density that a run before this one left in the folder.
    """
    rows = [f"{axis} {' '.join(f'{x:.10f}' for x in row)}" for axis, row in zip("ABC", structure.lattice.matrix, strict=True)]
    atoms = [f"{site.specie.symbol} {' '.join(f'{x:.10f}' for x in site.frac_coords)}" for site in structure]
    symbols = sorted({site.specie.symbol for site in structure})
    kinds = [
        _section(
            f"KIND {symbol}",
            "BASIS_SET DZVP-MOLOPT-SR-GTH",
            "POTENTIAL GTH-PBE",
            *([f"MAGNETIZATION {_moment(structure, symbol):g}"] if spin else []),
        )
        for symbol in symbols
    ]
    cutoff = settings.hard_cutoff if HARD & set(symbols) else settings.cutoff
    scf_points = [
        f"KPOINT {x:.10f} {y:.10f} {z:.10f} {weight:.10f}" for (x, y, z), weight in zip(*kpoints.half(scf_mesh), strict=True)
    ]
    scf = _section(
        "SCF",
        f"MAX_SCF {mixing.steps}",
        f"EPS_SCF {mixing.threshold:g}",
        "ADDED_MOS 1000",  # all that the basis gives
        _section("SMEAR ON", "METHOD FERMI_DIRAC", f"ELECTRONIC_TEMPERATURE [K] {settings.smearing:g}"),
        _section("MIXING", f"METHOD {mixing.method}_MIXING", f"ALPHA {mixing.share:g}", f"NBUFFER {mixing.history}"),
        *(["SCF_GUESS RESTART"] if restart else []),
        _section("PRINT", _section("RESTART OFF" if points is not None else "RESTART ON"), _section("RESTART_HISTORY OFF")),
    )
    dft = _section(
        "DFT",
        "BASIS_SET_FILE_NAME BASIS_MOLOPT",
        "POTENTIAL_FILE_NAME GTH_POTENTIALS",
        *(["WFN_RESTART_FILE_NAME run-RESTART.kp"] if restart else []),
        *(["LSD", f"MULTIPLICITY {multiplicity(structure)}"] if spin else []),
        _section(
            "MGRID",
            f"CUTOFF [Ry] {cutoff:g}",
            f"REL_CUTOFF [Ry] {settings.rel_cutoff:g}",
            f"NGRIDS {1 + max(0, math.ceil(math.log(cutoff / COARSEST_CUTOFF, GRID_RATIO)))}",
            f"PROGRESSION_FACTOR {GRID_RATIO:g}",
        ),
        _section("QS", f"EPS_DEFAULT {settings.eps_default:g}"),
        scf,
        _section("KPOINTS", "SCHEME GENERAL", "UNITS B_VECTOR", *scf_points),
        _section("XC", _section("XC_FUNCTIONAL PBE")),
        *([] if points is None else [_section("PRINT", _bands_section(points))]),
    )
    subsystem = _section("SUBSYS", _section("CELL", *rows), _section("COORD", "SCALED", *atoms), *kinds)
    head = _section("GLOBAL", "PROJECT run", "RUN_TYPE ENERGY", "PRINT_LEVEL MEDIUM")
    return head + "\n" + _section("FORCE_EVAL", "METHOD QS", dft, subsystem) + "\n"


def _bands_section(points: FloatArray) -> str:
    path = [f"SPECIAL_POINT {x:.10f} {y:.10f} {z:.10f}" for x, y, z in points]
    wanted = _section("KPOINT_SET", "UNITS B_VECTOR", *path, "NPOINTS 1")
    return _section("BAND_STRUCTURE", "FILE_NAME run.bs", "ADDED_MOS 1000", wanted)


def multiplicity(structure: Structure) -> int:
    """Unpaired electrons at the start of a spin-polarised run, plus one, as the number of electrons allows."""
    moment = round(sum(_moment(structure, site.specie.symbol) for site in structure))
    return moment + (sum(structure.atomic_numbers) - moment) % 2 + 1  # the pseudopotentials' cores are even


def _moment(structure: Structure, symbol: str) -> float:
    """Unpaired electrons of an atom at the start: from the sites' `magmom` where they have one."""
    stated = [site.properties.get("magmom") for site in structure if site.specie.symbol == symbol]
    moments = [STARTING_MOMENTS.get(symbol, 0) if moment is None else float(moment) for moment in stated]
    return sum(moments) / len(moments)


def read_bands(text: str, points: int) -> FloatArray:
    """Eigenvalues from a band-structure file.

    Args:
        text: its content.
        points: k-points asked for.

    Returns:
        eV, shape (spins, points, bands).

    Raises:
        EngineError: the file does not hold all points.
    """
    channels: dict[int, list[list[float]]] = {}
    for spin, energies in _blocks(text):
        channels.setdefault(spin, []).append(energies)
    if not channels or any(len(channel) != points for channel in channels.values()):
        raise EngineError("CP2K wrote no complete band structure; look for its warnings and run it again")
    return np.array([channels[spin] for spin in sorted(channels)])


def _blocks(text: str) -> Iterator[tuple[int, list[float]]]:
    for block in re.split(r"^#\s+Point\s+\d+\s+Spin\s+", text, flags=re.MULTILINE)[1:]:
        spin, _, rest = block.partition(":")
        rows = (line.split() for line in rest.splitlines()[1:] if line.strip() and not line.lstrip().startswith("#"))
        yield int(spin), [float(row[1]) for row in rows]


def _section(name: str, *content: str) -> str:
    inside = "\n".join(content)
    indented = "".join(f"  {line}\n" for line in inside.splitlines())
    return f"&{name}\n{indented}&END {name.split()[0]}"


def _version(output: str) -> str:
    found = re.search(r"CP2K\| version string:\s+CP2K version (\S+)", output)
    return f"CP2K {found[1] if found else 'of unknown version'}"


def _complaint(output: str) -> str:
    """The reason in a failed run's output, in one line."""
    boxed = re.findall(r"^ \*\s(.*?)\s+\*$", output, flags=re.MULTILINE)
    words = " ".join(" ".join(re.sub(r"^[\s\\|_/()OAB-]+", "", line) for line in boxed).split())
    return words[:300] or "it left no message"
