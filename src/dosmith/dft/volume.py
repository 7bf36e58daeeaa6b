"""The volume at which density-functional theory has the lowest energy, the shape of the cell kept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from dosmith.crystals.minimum import minimum
from dosmith.dft.engine import Calculation, Engine, Report

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

STEP = 0.05
"""Step of the logarithm of the volume. It is wide, for k-meshes and grids that change with the cell put some meV on each energy."""


def relaxed(
    structure: Structure, engine: Engine, spin: bool = False, report: Report | None = None
) -> tuple[Structure, Calculation]:
    """A crystal at its volume of lowest energy, and the calculation there; some four to six calculations in all.

    Args:
        structure: ordered crystal, near that volume.
        engine: density-functional program.
        spin: spin-polarised.
        report: called with each step of the progress, in words.

    Raises:
        EngineError: see `Engine.compute`.
        NotFoundError: there is no such volume near the given one.
    """
    computed: dict[float, tuple[Structure, Calculation]] = {}

    def energy(size: float) -> float:
        crystal = structure.copy()
        crystal.scale_lattice(structure.volume * math.exp(size))
        volume = crystal.volume / len(crystal)

        def told(text: str) -> None:
            if report:
                report(f"volume {len(computed) + 1}, {volume:.2f} \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom: {text}")

        computed[size] = crystal, engine.compute(crystal, spin=spin, report=told)
        return computed[size][1].energy

    place, _ = minimum(energy, 0.0, STEP)
    crystal, calculation = computed[place]
    energies = sorted((round(each.volume / len(each), 4), found.energy / len(each)) for each, found in computed.values())
    facts = {"volume_from": "lowest energy", "volume_per_atom": crystal.volume / len(crystal), "energies_by_volume": energies}
    return crystal, replace(calculation, provenance=calculation.provenance | facts)
