"""Crystals with expected spectra of Gaussian peaks: what an atlas holds, without a model."""

from __future__ import annotations

import numpy as np

from dosmith.atlas import AtlasCrystal, Built
from dosmith.spectra.standard import Recipe

RECIPE = Recipe()
_ELEMENTS = ("Li", "Na", "Mg", "Al", "Ti", "Fe", "Ni", "Cu", "Zn", "Ga", "Zr", "Pd", "Ag", "In", "Pt", "Au", "Pb", "U")


def peaks(generator: np.random.Generator, count: int) -> np.ndarray:
    """Spectra of norm 0.8 to 1, each of a few Gaussian peaks as broad as the recipe or broader, shape (count, points)."""
    energies = RECIPE.grid.energies
    centres = generator.uniform(-7, 7, (count, 6, 1))
    widths = generator.uniform(0.25, 1.5, (count, 6, 1))
    curves = (generator.random((count, 6, 1)) * np.exp(-0.5 * ((energies - centres) / widths) ** 2)).sum(axis=1)
    return curves / np.linalg.norm(curves, axis=1, keepdims=True) * generator.uniform(0.8, 1, (count, 1))


def make_crystals(count: int, seed: int = 0, prefix: str = "mp-") -> list[AtlasCrystal]:
    """So many binaries in simple crystals."""
    generator = np.random.default_rng(seed)
    found = []
    for number, expected in enumerate(peaks(generator, count)):
        prototype, group = [("B1", 225), ("B2", 221), ("L1_2", 221), ("C1", 225)][number % 4]
        elements = tuple(generator.choice(_ELEMENTS, 2, replace=False).tolist())
        found.append(
            AtlasCrystal(
                f"{prefix}{number}",
                "materials-project",
                Built(elements, float(generator.uniform(10, 30))),
                group,
                prototype,
                expected.astype(np.float32),
                "tested",
                gap=float(generator.choice([0.0, 1.2, 3.4])) if number % 5 else None,
                above_hull=float(generator.uniform(0, 0.3)) if number % 3 else None,
                formation_energy=float(generator.uniform(-1, 0.5)),
            )
        )
    return found


def jarvis_entry(structure, jid):
    """A crystal as JARVIS' set of all has it."""
    coordinates = structure.frac_coords.tolist()
    elements = [site.specie.symbol for site in structure]
    atoms = {"lattice_mat": structure.lattice.matrix.tolist(), "coords": coordinates, "elements": elements, "cartesian": False}
    return {"jid": jid, "atoms": atoms, "ehull": 0.02}


def optimade_entry(structure, identifier):
    """A crystal as a provider of OPTIMADE answers."""
    symbols = [site.specie.symbol for site in structure]
    species = [{"name": each, "chemical_symbols": [each], "concentration": [1.0]} for each in sorted(set(symbols))]
    attributes = {
        "lattice_vectors": structure.lattice.matrix.tolist(),
        "cartesian_site_positions": structure.cart_coords.tolist(),
        "species_at_sites": symbols,
        "species": species,
    }
    return {"id": identifier, "type": "structures", "attributes": attributes}
