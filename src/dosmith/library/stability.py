"""Formation energies and energies above the hull of computed materials, from nothing but their own total energies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.formulas import Composition
from dosmith.records import Material

CHGNET, SEVENNET = "CHGNet", "SevenNet-0"
"""Potentials that formation energies are of."""
FORMATION = {CHGNET: "potential_formation_energy", SEVENNET: "sevennet_formation_energy"}
"""Where a material's provenance keeps its formation energy in each, eV/atom; a list of crystals has a column of the second name beside CHGNet's."""
MOLECULE = "molecule"
"""Prototype of molecules in a box, which stand for their element in formation energies."""


def _each(text: str, name: str) -> dict[str, str]:
    return dict.fromkeys(text.split(), name)


GROUND_STATES: dict[str, str] = {
    **_each("Ag Al Ar Au Ca Cu Ir Kr Ne Ni Pb Pd Pt Rh Rn Sr Xe Mn Ce", "A1"),
    **_each("Ba Cr Cs Fe K Mo Nb Rb Ta V W", "A2"),
    **_each("Be Cd Co Hf Mg Os Re Ru Sc Tc Ti Tl Y Zn Zr Gd Tb Dy Ho Er Tm Lu", "A3"),
    **_each("Ge Si Sn", "A4"),
    **_each("As Bi Sb", "A_hR2_166_c"),
    **_each("Hg In", "A_tI2_139_a"),
    **_each("Li Na Sm", "A_hR3_166_ac"),
    **_each("Se Te", "A_hP3_152_a"),
    **_each("La Pr Nd Pm", "A_hP4_194_ac"),
    **_each("Br Cl Ga I P", "A_oC8_64_f"),
    "Po": "A_h",
    "H": "A_hP4_194_f",
    "C": "A_hP4_194_bc",
    "F": "A_mC8_15_f",
    "N": "A_cP8_205_c",
    "O": "A_mC4_12_i",
    "B": "A_hR12_166_2h",
    "S": "A_hR6_148_f",
}
"""The crystal of each element that formation energies refer to: the ground state at zero temperature, as in ASE's `dcdft`
(K. Lejaeghere et al., Crit. Rev. Solid State 39, 1 (2014)), of lanthanides that at room temperature. Two are not the true one, which
has too many atoms: S in rings of six (not eight) and Mn face-centred and antiferromagnetic (not alpha-Mn). He, Eu and Yb have none here."""

FAR = 0.5
"""eV/atom above the hull from which a crystal cannot be made: real metastable ones lie below 0.2 but for a few (W. Sun et al., Sci. Adv.
2, e1600225 (2016))."""


@dataclass(frozen=True)
class Stability:
    """How stable a material is among others computed alike.

    Attributes:
        formation_energy: against the elements, eV/atom.
        above_hull: above the convex hull of all entries of its chemical system, eV/atom; 0 on it. None where it is unknown: the
            material is below its elements, and nothing else in its system or a part of it could compete.
    """

    formation_energy: float
    above_hull: float | None

    @property
    def far(self) -> bool:
        """Whether it is so high that nobody will make it: `FAR` above its hull, or above its elements where there is no more."""
        return (self.formation_energy if self.above_hull is None else self.above_hull) > FAR


def is_far(facts: Mapping[str, Any]) -> bool:
    """Whether a material's provenance says that nobody will make it; see `Stability.far`. What is unknown is not far."""
    formation = facts.get("formation_energy")
    return formation is not None and Stability(formation, facts.get("energy_above_hull")).far


def stabilities(materials: Sequence[Material]) -> dict[str, Stability]:
    """The stability of each material, by id.

    An element's energy is the lowest of its entries, if its ground state (or, of diatomic ones, the molecule) is among them. What
    holds an element without that is left out: a formation energy against just any crystal would be wrong by tenths of an eV.

    Args:
        materials: all computed with the same settings, with `energy_per_atom` (eV) in their provenance.
    """
    referable = {
        material.composition[0][0]
        for material in materials
        if len(material.composition) == 1 and material.prototype in (GROUND_STATES.get(material.composition[0][0]), MOLECULE)
    }
    return among(
        {
            material.id: (material.composition, float(material.provenance["energy_per_atom"]))
            for material in materials
            if all(symbol in referable for symbol, _ in material.composition)
        }
    )


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
        parts = [frozenset(part) for size in range(1, len(system) + 1) for part in itertools.combinations(sorted(system), size)]
        inside = [entries[each] for part in parts for each in lowest.get(part, {}).values()]
        compounds = sum(len(members.get(part, ())) for part in parts if len(part) > 1)
        diagram = PhaseDiagram(inside)
        for identifier in identifiers:
            formation = float(diagram.get_form_energy_per_atom(entries[identifier]))
            height = float(diagram.get_e_above_hull(entries[identifier], allow_negative=True) or 0.0)
            alone = len(system) > 1 and compounds == 1 and formation <= 0
            found[identifier] = Stability(formation, None if alone else max(height, 0.0))
    return found


def elemental_energies(known: Iterable[tuple[Composition, float, float]]) -> dict[str, float]:
    """The energies of the elements from which formation energies were counted, eV/atom, by symbol.

    Args:
        known: composition, energy and formation energy of crystals, eV/atom, all of one kind.
    """
    rows = list(known)
    widest = max((len(composition) for composition, _, _ in rows), default=0)
    elements, counts = np.zeros((len(rows), widest), dtype=np.intp), np.zeros((len(rows), widest))
    for row, (composition, _, _) in enumerate(rows):
        elements[row, : len(composition)] = [formulas.atomic_number(symbol) for symbol, _ in composition]
        counts[row, : len(composition)] = [count for _, count in composition]
    return elements_of(elements, counts, np.array([energy - formation for _, energy, formation in rows]))


def elements_of(elements: NDArray[np.integer], counts: NDArray[np.number], energies: NDArray[np.float64]) -> dict[str, float]:
    """The energies of the elements that crystals are made of, eV/atom, by symbol.

    Args:
        elements: atomic numbers of each crystal's elements, 0 where there are fewer, shape (C, K).
        counts: of their atoms, 0 where there are fewer, shape (C, K).
        energies: of the crystals less their formation energies, eV/atom, shape (C,).
    """
    held = np.unique(elements[elements > 0])
    place = np.zeros(held.max(initial=0) + 1, dtype=np.intp)
    place[held] = np.arange(len(held))
    columns, shares = place[elements], counts / counts.sum(axis=1, keepdims=True)
    # as many equations as elements, each a sum over crystals of a few terms, so that a hundred thousand of them cost no time
    pairs = (columns[:, :, None] * len(held) + columns[:, None, :]).ravel()
    squares = np.bincount(pairs, (shares[:, :, None] * shares[:, None, :]).ravel(), len(held) ** 2).reshape(len(held), len(held))
    aims = np.bincount(columns.ravel(), (shares * energies[:, None]).ravel(), len(held))
    return {
        formulas.symbol_of(int(number)): float(e)
        for number, e in zip(held, np.linalg.lstsq(squares, aims, rcond=None)[0], strict=True)
    }


def formation_energy(composition: Composition, energy: float, elements: Mapping[str, float]) -> float | None:
    """The formation energy from the energies of crystal and elements, all eV/atom; None when an element is missing."""
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
