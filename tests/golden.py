"""A tiny library of each schema version. `python tests/golden.py` writes that of a new version; one that is there is never written again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from dosmith.library import ParquetLibrary, schema
from dosmith.records import Material, Projections, Spectrum

FOLDER = Path(__file__).parent / "fixtures"


def materials(version: int = schema.VERSION) -> list[Material]:
    """What that of a version holds: with and without spin, crystal, gap, on even and uneven energies; numbers that single precision
    keeps. Since version 3 also projections: parts of the curve whose shares are straight lines."""
    even, uneven = np.linspace(-8.0, 8.0, 65), np.cumsum(0.125 + 0.125 * (np.arange(64) % 3)) - 12.0
    up, down = (np.round(8 * (1.5 + np.sin(even + shift))) / 8 for shift in (0.0, 1.0))
    metal = Material(
        "Pt3Ni-L1_2",
        (("Ni", 1), ("Pt", 3)),
        Spectrum(even, np.stack([up, down]), 0.5, broadening=0.125, gap=0.0, notes=("two spins", "µ and β")),
        "cubic",
        "L1_2",
        "Pm-3m",
        3.875 * np.eye(3),
        ("Ni", "Pt", "Pt", "Pt"),
        np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
        {"source": "golden", "code": "none", "functional": "PBE", "energy_per_atom": -5.75, "k_points": [8, 8, 8]},
        None if version < 3 else _projections(np.stack([up, down])),
    )
    bare = Material("curve alone", (("O", 1),), Spectrum(uneven, np.round(8 * np.abs(uneven)) / 8, -1.0))
    gapped = Material(
        "MgO", (("O", 1), ("Mg", 1)), Spectrum(even, (np.abs(even) > 2) * up, 0.0, gap=4.0, valence_top=-2.0), "cubic"
    )
    return [metal, bare, gapped]


def _projections(curve: np.ndarray) -> Projections:
    shares = np.array([np.full(65, 102), np.full(65, 51), np.full(65, 102)]) / 255
    return Projections((("Ni", "d"), ("Ni", "s"), ("Pt", "d")), shares[None] * curve[:, None])


if __name__ == "__main__":
    folder = FOLDER / f"library-{schema.VERSION}"
    if folder.exists():
        sys.exit(f"{folder} is there; it stays as that version wrote it")
    library = ParquetLibrary.at(folder, "golden")
    library.add(materials()[:1])
    library.add(materials()[1:])
    (folder / ".lock").unlink(missing_ok=True)
