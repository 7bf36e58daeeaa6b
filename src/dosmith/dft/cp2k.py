"""CP2K: Gaussian basis DZVP-MOLOPT-SR-GTH, GTH pseudopotentials, PBE; two steps in one run.

A self-consistent run on a coarse Monkhorst-Pack mesh with Fermi-Dirac smearing, then eigenvalues on the irreducible
points of a fine Gamma-centred mesh through the band-structure print key.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith.dft import kpoints
from dosmith.dft.engine import Calculation, Report
from dosmith.dft.kpoints import Mesh
from dosmith.dft.levels import Levels
from dosmith.errors import EngineError
from dosmith.records import Spectrum
from dosmith.settings import DftSettings

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

HARTREE = 27.211386245988
"""eV (CODATA 2018)."""

STARTING_MOMENTS = {"Cr": 3, "Mn": 4, "Fe": 3, "Co": 2, "Ni": 2}
"""Unpaired electrons of an atom at the start of a spin-polarised run; 1 for all others. The run may lose the moment all
the same (fcc Ni does at the default mixing): look at the moment of the result."""

_STEP = re.compile(r"^\s+(\d+)\s+\S+/\S+\s+\S+\s+\S+\s+(\d+\.\d+)\s+-?\d+\.\d+\s+\S+\s*$")
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

    def compute(
        self,
        structure: Structure,
        *,
        spin: bool = False,
        scf_mesh: Mesh | None = None,
        dos_mesh: Mesh | None = None,
        report: Report | None = None,
    ) -> Calculation:
        """See `Engine.compute`."""
        started = time.monotonic()
        settings = self.settings
        scf_mesh = scf_mesh or kpoints.mesh(structure, settings.scf_spacing)
        dos_mesh = dos_mesh or kpoints.mesh(structure, settings.dos_spacing)
        points, weights = kpoints.irreducible(structure, dos_mesh)
        with tempfile.TemporaryDirectory(prefix="dosmith-cp2k-") as name:
            folder = Path(name)
            (folder / "run.inp").write_text(input_text(structure, settings, spin, scf_mesh, points), encoding="utf-8")
            output = self._run(folder, report or (lambda text: None))
            if "SCF run converged" not in output:
                raise EngineError(
                    f"CP2K did not converge {structure.composition.reduced_formula} in {settings.max_scf} steps;"
                    " raise dft.max_scf or dft.smearing, or lower dft.mixing"
                )
            bands = (folder / "run.bs").read_text(encoding="utf-8")
        electrons = sum(map(int, re.findall(r"Number of electrons:\s+(\d+)", output)[: 2 if spin else 1]))
        levels = Levels(read_bands(bands, len(points)), weights, electrons)
        fermi = levels.fermi()
        energies = np.linspace(-settings.window, settings.window, round(2 * settings.window / settings.step) + 1)
        spectrum = Spectrum(
            energies, levels.density(energies + fermi, settings.sigma), 0.0, broadening=settings.sigma, gap=levels.gap()
        )
        return Calculation(
            energy=float(re.findall(r"Total energy:\s+(-?\d+\.\d+)", output)[-1]) * HARTREE,
            spectrum=spectrum,
            fermi=fermi,
            moment=levels.moment(),
            electrons=electrons,
            seconds=time.monotonic() - started,
            provenance={
                "source": "computed",
                "code": _version(output),
                "functional": "PBE",
                "basis": "DZVP-MOLOPT-SR-GTH",
                "pseudopotentials": "GTH-PBE",
                "spin_treatment": "collinear" if spin else "non-magnetic",
                "k_points_scf": list(scf_mesh),
                "k_points_dos": list(dos_mesh),
                "settings": settings.model_dump(),
            },
        )

    def _run(self, folder: Path, report: Report) -> str:
        """The program's output; each step of the self-consistent run is reported."""
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
        if process.returncode != 0:
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
    raise EngineError("CP2K is not on PATH; install it (Debian: apt install cp2k; conda: conda install cp2k)")


def input_text(structure: Structure, settings: DftSettings, spin: bool, scf_mesh: Mesh, points: FloatArray) -> str:
    """The input file of one run."""
    rows = [f"{axis} {' '.join(f'{x:.10f}' for x in row)}" for axis, row in zip("ABC", structure.lattice.matrix, strict=True)]
    atoms = [f"{site.specie.symbol} {' '.join(f'{x:.10f}' for x in site.frac_coords)}" for site in structure]
    symbols = sorted({site.specie.symbol for site in structure})
    kinds = [
        _section(
            f"KIND {symbol}",
            "BASIS_SET DZVP-MOLOPT-SR-GTH",
            "POTENTIAL GTH-PBE",
            *([f"MAGNETIZATION {STARTING_MOMENTS.get(symbol, 1)}"] if spin else []),
        )
        for symbol in symbols
    ]
    path = [f"SPECIAL_POINT {x:.10f} {y:.10f} {z:.10f}" for x, y, z in points]
    scf = _section(
        "SCF",
        f"MAX_SCF {settings.max_scf}",
        f"EPS_SCF {settings.eps_scf:g}",
        "ADDED_MOS 1000",  # all that the basis gives
        _section("SMEAR ON", "METHOD FERMI_DIRAC", f"ELECTRONIC_TEMPERATURE [K] {settings.smearing:g}"),
        _section("MIXING", "METHOD BROYDEN_MIXING", f"ALPHA {settings.mixing:g}", f"NBROYDEN {settings.broyden}"),
        _section("PRINT", _section("RESTART OFF"), _section("RESTART_HISTORY OFF")),
    )
    dft = _section(
        "DFT",
        "BASIS_SET_FILE_NAME BASIS_MOLOPT",
        "POTENTIAL_FILE_NAME GTH_POTENTIALS",
        *(["LSD"] if spin else []),
        _section("MGRID", f"CUTOFF [Ry] {settings.cutoff:g}", f"REL_CUTOFF [Ry] {settings.rel_cutoff:g}"),
        _section("QS", f"EPS_DEFAULT {settings.eps_default:g}"),
        scf,
        _section("KPOINTS", f"SCHEME MONKHORST-PACK {' '.join(map(str, scf_mesh))}"),
        _section("XC", _section("XC_FUNCTIONAL PBE")),
        _section(
            "PRINT",
            _section(
                "BAND_STRUCTURE",
                "FILE_NAME run.bs",
                "ADDED_MOS 1000",
                _section("KPOINT_SET", "UNITS B_VECTOR", *path, "NPOINTS 1"),
            ),
        ),
    )
    subsystem = _section("SUBSYS", _section("CELL", *rows), _section("COORD", "SCALED", *atoms), *kinds)
    head = _section("GLOBAL", "PROJECT run", "RUN_TYPE ENERGY", "PRINT_LEVEL MEDIUM")
    return head + "\n" + _section("FORCE_EVAL", "METHOD QS", dft, subsystem) + "\n"


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
