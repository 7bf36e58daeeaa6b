"""The input of a CP2K run: crystal, kinds, how the density is mixed, and what is written at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dosmith.dft import kpoints
from dosmith.dft.cp2k_kinds import Kinds, section
from dosmith.dft.cp2k_matrices import print_sections
from dosmith.dft.kpoints import Mesh
from dosmith.settings import DftSettings

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

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


def input_text(
    structure: Structure, settings: DftSettings, kinds: Kinds, spin: bool, mixing: Mixing, mesh: Mesh, stage: str = "whole"
) -> str:
    """The input file of one run.

    Args:
        structure: the crystal.
        settings: of the calculation.
        kinds: of its sites.
        spin: spin-polarised.
        mixing: how densities are mixed, and when to stop.
        mesh: of the self-consistent run.
        stage: `first` keeps the density for a restart, `last` goes on from it, `whole` does neither; all but the first write the
            matrices.
    """
    rows = [f"{axis} {' '.join(f'{x:.10f}' for x in row)}" for axis, row in zip("ABC", structure.lattice.matrix, strict=True)]
    atoms = [
        f"{label} {' '.join(f'{x:.10f}' for x in site.frac_coords)}" for label, site in zip(kinds.labels, structure, strict=True)
    ]
    cutoff = settings.hard_cutoff if HARD & set(kinds.symbols) else settings.cutoff
    points = [f"KPOINT {x:.10f} {y:.10f} {z:.10f} {weight:.10f}" for (x, y, z), weight in zip(*kpoints.half(mesh), strict=True)]
    scf = section(
        "SCF",
        f"MAX_SCF {mixing.steps}",
        f"EPS_SCF {mixing.threshold:g}",
        "ADDED_MOS 1000",  # all that the basis gives
        section("SMEAR ON", "METHOD FERMI_DIRAC", f"ELECTRONIC_TEMPERATURE [K] {settings.smearing:g}"),
        section("MIXING", f"METHOD {mixing.method}_MIXING", f"ALPHA {mixing.share:g}", f"NBUFFER {mixing.history}"),
        *(["SCF_GUESS RESTART"] if stage == "last" else []),
        section("PRINT", section("RESTART ON" if stage == "first" else "RESTART OFF"), section("RESTART_HISTORY OFF")),
    )
    dft = section(
        "DFT",
        *(f"BASIS_SET_FILE_NAME {name}" for name in kinds.basis_files),
        "POTENTIAL_FILE_NAME GTH_POTENTIALS",
        *(["WFN_RESTART_FILE_NAME run-RESTART.kp"] if stage == "last" else []),
        *(["LSD", f"MULTIPLICITY {kinds.multiplicity}"] if spin else []),
        section(
            "MGRID",
            f"CUTOFF [Ry] {cutoff:g}",
            f"REL_CUTOFF [Ry] {settings.rel_cutoff:g}",
            f"NGRIDS {1 + max(0, math.ceil(math.log(cutoff / COARSEST_CUTOFF, GRID_RATIO)))}",
            f"PROGRESSION_FACTOR {GRID_RATIO:g}",
        ),
        section("QS", f"EPS_DEFAULT {settings.eps_default:g}"),
        scf,
        section("KPOINTS", "SCHEME GENERAL", "UNITS B_VECTOR", *points),
        section("XC", section("XC_FUNCTIONAL PBE")),
        *([] if stage == "first" else [section("PRINT", *print_sections())]),
    )
    subsystem = section("SUBSYS", section("CELL", *rows), section("COORD", "SCALED", *atoms), *kinds.sections(spin))
    head = section("GLOBAL", "PROJECT run", "RUN_TYPE ENERGY", "PRINT_LEVEL MEDIUM")
    return head + "\n" + section("FORCE_EVAL", "METHOD QS", dft, subsystem) + "\n"
