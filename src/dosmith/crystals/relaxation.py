"""Any crystal at its lowest energy in the CHGNet potential: cell and atoms move, symmetry stays."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dosmith.crystals.potential import Potential
from dosmith.errors import MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FORCE = 0.03
"""Forces left in a relaxed crystal, eV/Angstrom, at most."""
STEPS = 200

Report = Callable[[str], None]
"""Called with a few words on how far a relaxation is."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A relaxed crystal.

    Attributes:
        structure: the crystal.
        energy: eV/atom, in the potential.
        gained: energy won by relaxing, eV/atom.
        steps: taken.
        settled: whether the forces came below `FORCE`.
    """

    structure: Structure
    energy: float
    gained: float
    steps: int
    settled: bool


def relax(
    structure: Structure, potential: Potential, report: Report | None = None, *, cell: bool = True, steps: int = STEPS
) -> Relaxation:
    """Relax a crystal by the FIRE algorithm (Phys. Rev. Lett. 97, 170201 (2006)).

    Args:
        structure: ordered crystal.
        potential: CHGNet.
        report: called after each step.
        cell: whether the cell moves as well as the atoms.
        steps: at most.

    Raises:
        NotFoundError: its atoms are, or come, too far apart for the potential.
        MissingExtraError: CHGNet is not installed.
    """
    try:
        from ase.filters import FrechetCellFilter
        from ase.optimize import FIRE
        from chgnet.model.dynamics import CHGNetCalculator
    except ImportError:
        raise MissingExtraError("relaxing a crystal (CHGNet)", "relax") from None
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # it announces itself
                atoms.calc = CHGNetCalculator(potential.model, use_device="cpu", on_isolated_atoms="error")
            first = float(atoms.get_potential_energy())
            optimizer = FIRE(FrechetCellFilter(atoms) if cell else atoms, logfile=None)
            if report is not None:

                def tell() -> None:
                    force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
                    report(f"step {optimizer.nsteps}, {force:.3f} eV/\N{ANGSTROM SIGN} left")

                optimizer.attach(tell)
            settled = bool(optimizer.run(fmax=FORCE, steps=steps))
            last = float(atoms.get_potential_energy())
    except ValueError:  # isolated atoms
        raise NotFoundError(f"{structure.composition.reduced_formula} falls apart in the potential") from None
    count = len(structure)
    return Relaxation(AseAtomsAdaptor.get_structure(atoms), last / count, (first - last) / count, optimizer.nsteps, settled)
