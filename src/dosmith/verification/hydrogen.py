"""Hydrogen in a metal: the formation energy of an interstitial atom at each site, E(host + H) - E(host) - E(H2)/2.

By the CHGNet potential, in which atoms relax at the host's cell, and on request by CP2K at the places that the potential found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith import symmetry
from dosmith.crystals.interstitials import Site, interstitial_sites, with_atom
from dosmith.crystals.molecules import molecule
from dosmith.crystals.potential import Potential
from dosmith.crystals.relaxation import relax
from dosmith.dft.plan import Entry
from dosmith.dft.planning import BOX
from dosmith.errors import DosmithError, NotFoundError
from dosmith.library.stability import MOLECULE
from dosmith.periodic_table import elements
from dosmith.records import Material

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

SYMBOL = "H"
_BOX = 6.0  # Angstrom, within the potential's reach
Progress = Callable[[str], None]
"""Called before each site, with its name."""


@dataclass(frozen=True, eq=False)
class Hydrogen:
    """Hydrogen at one site.

    Attributes:
        site: as found in the host.
        structure: host and hydrogen, relaxed in the potential at the host's cell; the hydrogen is the last atom.
        energy: formation energy in the potential, eV per H; None when it did not come to rest.
        moved: how far the hydrogen went from the site, Angstrom.
        computed: formation energy by density-functional theory, eV per H; None when it was not computed.
        reason: why an energy is missing; "".
    """

    site: Site
    structure: Structure
    energy: float | None
    moved: float
    computed: float | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": self.site.kind,
            "environment": self.site.environment,
            "multiplicity": self.site.multiplicity,
            "frac_coords": [round(float(x), 6) for x in self.site.frac_coords],
            "distance": self.site.distance,
            "moved": self.moved,
            "formation_energy": self.energy,
            "dft_formation_energy": self.computed,
            "reason": self.reason,
        }


def by_potential(
    host: Structure, potential: Potential, repeats: int = 1, progress: Progress | None = None
) -> tuple[Structure, list[Hydrogen]]:
    """Hydrogen at every site, most stable first.

    Args:
        host: the metal; it is relaxed in the potential first.
        potential: CHGNet.
        repeats: of the conventional cell along each axis; one hydrogen goes into all of it.
        progress: called after each site.

    Returns:
        the host's relaxed conventional cell, and the results.

    Raises:
        NotFoundError: the host has neither octahedral nor tetrahedral sites.
        MissingExtraError: CHGNet is not installed.
    """
    report = progress or (lambda text: None)
    report("the host")
    cell = relax(symmetry.conventional(host), potential).structure
    sites = interstitial_sites(cell)
    if not sites:
        raise NotFoundError(f"{cell.composition.reduced_formula} has neither octahedral nor tetrahedral sites")
    empty = potential.energy(cell) * len(cell) * repeats**3
    half = potential.energy(molecule(SYMBOL, _BOX))
    found = []
    for site in sites:
        report(site.name)
        filled = with_atom(cell, site, SYMBOL, repeats)
        try:
            relaxation = relax(filled, potential, cell=False)
        except DosmithError as error:
            found.append(Hydrogen(site, filled, None, 0.0, reason=str(error)))
            continue
        structure = relaxation.structure
        moved = float(structure.lattice.get_all_distances(filled[-1].frac_coords, structure[-1].frac_coords)[0, 0])
        reason = "" if relaxation.settled else f"not at rest after {relaxation.steps} steps"
        energy = relaxation.energy * len(structure) - empty - half
        found.append(Hydrogen(site, structure, energy, moved, reason=reason))
    return cell, sorted(found, key=lambda each: (each.energy is None, each.energy or 0.0))


def caution(host: Structure) -> str:
    """What to bear in mind of hydrogen in a host without metal; "" otherwise."""
    if any(elements()[site.specie.symbol].metal for site in host):
        return ""
    formula = host.composition.reduced_formula
    return f"{formula} holds no metal: hydrogen there binds to atoms rather than sits between them, which these sites leave out."


def entries(cell: Structure, found: Sequence[Hydrogen], repeats: int = 1) -> list[Entry]:
    """What density-functional theory must compute: the hydrogen molecule, the host, and the host with hydrogen at each site."""
    host = cell.copy()
    host.make_supercell([repeats] * 3)
    return [
        _entry(molecule(SYMBOL, BOX), MOLECULE),
        _entry(host, f"host-{repeats}"),
        *(_entry(each.structure, _label(each, repeats)) for each in found),
    ]


def with_computed(
    found: Sequence[Hydrogen],
    wanted: Sequence[Entry],
    computed: Mapping[str, Material],
    reasons: Mapping[str, str],
) -> list[Hydrogen]:
    """The results with energies by density-functional theory, most stable by those first.

    Args:
        found: of `by_potential`.
        wanted: what `entries` made of them.
        computed: results by entry id.
        reasons: why others failed, by entry id.
    """
    gas, host, *filled = wanted
    results = []
    for each, entry in zip(found, filled, strict=True):
        missing = next((other.id for other in (gas, host, entry) if other.id not in computed), None)
        if missing is None:
            energies = [_total(computed[other.id]) for other in (entry, host, gas)]
            results.append(replace(each, computed=energies[0] - energies[1] - energies[2] / 2))
        else:
            results.append(replace(each, reason=reasons.get(missing, f"{missing} is not computed")))
    return sorted(results, key=lambda each: (each.computed is None, each.computed or 0.0))


def _label(each: Hydrogen, repeats: int) -> str:
    place = "-".join(f"{x:.3f}" for x in np.round(each.site.frac_coords, 3) % 1.0)
    return f"{each.site.kind}-{each.site.environment}-{place}-{repeats}"


def _entry(structure: Structure, name: str) -> Entry:
    species = tuple(site.specie.symbol for site in structure)
    return Entry(name, species, np.array(structure.lattice.matrix), np.array(structure.frac_coords), volume_from="CHGNet 0.3.0")


def _total(material: Material) -> float:
    """eV of the cell."""
    return float(material.provenance["energy_per_atom"]) * len(material.species)
