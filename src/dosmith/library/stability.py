"""Formation energies and energies above the hull of computed materials, from nothing but their own total energies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.formulas import Composition
from dosmith.records import Material

MOLECULE = "molecule"
"""Prototype of molecules in a box, which stand for their element in formation energies."""


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
    return among({material.id: (material.composition, float(material.provenance["energy_per_atom"])) for material in materials})


def among(energies: Mapping[str, tuple[Composition, float]]) -> dict[str, Stability]:
    """The stability of each crystal among the others, by id; those with an element that is not among them are left out.

    Args:
        energies: composition and energy (eV/atom) by id, all of one kind.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core.composition import Composition as Formula

    entries = {
        identifier: PDEntry(Formula(dict(composition)), energy * sum(count for _, count in composition))
        for identifier, (composition, energy) in energies.items()
    }
    members: dict[frozenset[str], list[str]] = {}  # of each chemical system
    lowest: dict[frozenset[str], dict[Composition, str]] = {}
    for identifier in sorted(energies, key=lambda identifier: (energies[identifier][1], identifier)):
        composition = energies[identifier][0]
        system = frozenset(symbol for symbol, _ in composition)
        members.setdefault(system, []).append(identifier)
        lowest.setdefault(system, {}).setdefault(composition, identifier)
    found: dict[str, Stability] = {}
    for system, identifiers in members.items():
        if not all(frozenset([symbol]) in lowest for symbol in system):
            continue
        parts = (part for size in range(1, len(system) + 1) for part in itertools.combinations(sorted(system), size))
        inside = [entries[each] for part in parts for each in lowest.get(frozenset(part), {}).values()]
        diagram = PhaseDiagram(inside)
        for identifier in identifiers:
            height = diagram.get_e_above_hull(entries[identifier], allow_negative=True)
            found[identifier] = Stability(
                float(diagram.get_form_energy_per_atom(entries[identifier])), max(float(height or 0.0), 0.0)
            )
    return found


def elemental_energies(known: Iterable[tuple[Composition, float, float]]) -> dict[str, float]:
    """The energies of the elements from which formation energies were counted, eV/atom, by symbol.

    Args:
        known: composition, energy and formation energy of crystals, eV/atom, all of one kind.
    """
    rows = list(known)
    symbols = sorted({symbol for composition, _, _ in rows for symbol, _ in composition})
    shares = np.zeros((len(rows), len(symbols)))
    for row, (composition, _, _) in enumerate(rows):
        for symbol, count in composition:
            shares[row, symbols.index(symbol)] = count / sum(each for _, each in composition)
    differences = np.array([energy - formation for _, energy, formation in rows])
    return dict(zip(symbols, np.linalg.lstsq(shares, differences, rcond=None)[0].tolist(), strict=True))


def formation_energy(composition: Composition, energy: float, elements: Mapping[str, float]) -> float | None:
    """From energies of crystal and elements, all eV/atom; None when an element is missing."""
    if not all(symbol in elements for symbol, _ in composition):
        return None
    return energy - sum(count * elements[symbol] for symbol, count in composition) / sum(count for _, count in composition)


def above_pair_hulls(pairs: NDArray[np.intp], shares: NDArray[np.float64], energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energies of binary crystals above the convex hull of all crystals of their pair of elements, eV/atom, shape (C,).

    Args:
        pairs: atomic numbers of the elements, in one order for each pair, shape (C, 2).
        shares: of the second element among the atoms, between 0 and 1, shape (C,).
        energies: formation energies, eV/atom; those of the elements are 0, shape (C,).
    """
    levels, places = np.unique(np.round(np.concatenate([[0.0, 1.0], shares]), 9), return_inverse=True)
    column, row = places[2:], np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    lowest = np.full((row.max(initial=-1) + 1, len(levels)), np.inf)
    lowest[:, [0, -1]] = 0.0
    np.minimum.at(lowest, (row, column), energies)
    hull = lowest.copy()
    for left, middle, right in itertools.combinations(range(len(levels)), 3):
        share = (levels[middle] - levels[left]) / (levels[right] - levels[left])
        hull[:, middle] = np.minimum(hull[:, middle], (1 - share) * lowest[:, left] + share * lowest[:, right])
    return np.asarray(energies - hull[row, column])
