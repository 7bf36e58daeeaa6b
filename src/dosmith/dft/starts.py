"""Magnets: a spin-polarised run may end in a state that is not the lowest, so it is held against one without spin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dosmith.dft.engine import Calculation, Engine, Report
from dosmith.errors import EngineError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

POLARISED = 0.1
"""Bohr magnetons on a site from which a crystal counts as magnetic."""

ALIKE = 1e-3
"""eV/atom by which the other start must be lower to be taken."""


def lowest(structure: Structure, engine: Engine, spin: bool, report: Report | None = None) -> Calculation:
    """The lowest state found.

    Args:
        structure: ordered crystal, with `magmom` on its sites where they differ from what is usual.
        engine: density-functional program.
        spin: begin spin-polarised; if moments remain, the crystal is computed without spin too, and the lower one is taken.
        report: called with each step of the progress, in words.

    Raises:
        EngineError: see `Engine.compute`; of the two, only the run with spin must succeed.
    """
    first = engine.compute(structure, spin=spin, report=report)
    if not spin or not is_polarised(first):
        return first
    try:
        second = engine.compute(structure, spin=False, report=report)
    except EngineError as error:  # without spin many magnets are metals that hardly converge
        return replace(first, provenance=first.provenance | {"other_start": f"non-magnetic: {error}"})
    atoms = len(structure)
    kept, other = (second, first) if second.energy < first.energy - ALIKE * atoms else (first, second)
    name = "non-magnetic" if other is second else "spin-polarised"
    found = f"{name}, {(other.energy - kept.energy) / atoms:.4f} eV/atom higher"
    return replace(kept, seconds=first.seconds + second.seconds, provenance=kept.provenance | {"other_start": found})


def is_polarised(calculation: Calculation) -> bool:
    """Whether moments remain, be it that they cancel."""
    sites = calculation.provenance.get("site_moments") or [calculation.moment]
    return bool(max(map(abs, sites)) > POLARISED)
