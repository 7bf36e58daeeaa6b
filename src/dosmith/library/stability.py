"""Formation energies and energies above the hull of computed materials, from nothing but their own total energies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from dosmith.records import Material


@dataclass(frozen=True)
class Stability:
    """How stable a material is among others computed alike.

    Attributes:
        formation_energy: against the lowest entry of each element, eV/atom.
        above_hull: above the convex hull of all entries of its chemical system, eV/atom; 0 on it.
    """

    formation_energy: float
    above_hull: float


def stabilities(materials: Sequence[Material]) -> dict[str, Stability]:
    """The stability of each material, by id; those with an element that is not among the materials are left out.

    Args:
        materials: all computed with the same settings, with `energy_per_atom` (eV) in their provenance.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core.composition import Composition

    lowest: dict[str, Material] = {}  # of each composition
    for material in sorted(materials, key=lambda material: (_energy(material), material.id)):
        lowest.setdefault(material.formula, material)
    entries = {
        formula: PDEntry(Composition(dict(found.composition)), _energy(found) * sum(count for _, count in found.composition))
        for formula, found in lowest.items()
    }
    by_system: dict[frozenset[str], list[str]] = {}
    members: dict[frozenset[str], list[Material]] = {}
    for formula, material in lowest.items():
        by_system.setdefault(_system(material), []).append(formula)
    for material in materials:
        members.setdefault(_system(material), []).append(material)
    found: dict[str, Stability] = {}
    for system in by_system:
        if not all(symbol in entries for symbol in system):
            continue
        parts = (frozenset(part) for size in range(1, len(system) + 1) for part in itertools.combinations(sorted(system), size))
        inside = [formula for part in parts for formula in by_system.get(part, [])]
        diagram = PhaseDiagram([entries[formula] for formula in inside])
        for material in members[system]:
            atoms = sum(count for _, count in material.composition)
            entry = PDEntry(Composition(dict(material.composition)), _energy(material) * atoms)
            found[material.id] = Stability(
                float(diagram.get_form_energy_per_atom(entry)),
                max(float(diagram.get_e_above_hull(entry, allow_negative=True) or 0.0), 0.0),
            )
    return found


def _system(material: Material) -> frozenset[str]:
    return frozenset(symbol for symbol, _ in material.composition)


def _energy(material: Material) -> float:
    return float(material.provenance["energy_per_atom"])
