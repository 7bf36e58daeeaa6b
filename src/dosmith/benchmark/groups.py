"""Kinds of targets, so that no mean hides whom it is a mean of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dosmith.benchmark.data import IntArray, Spectra
from dosmith.crystals.surveyed import Surveyed
from dosmith.library.store import GAPPED

GROUPS: dict[str, tuple[str, str]] = {
    "candidate": ("among the candidates", "not among them"),
    "gap": ("gapped", "metal"),
    "moment": ("magnetic", "not magnetic"),
    "hull": ("on the hull", "above it"),
}
"""What targets are parted by, and the names of the two parts."""

MAGNETIC = 0.1
"""Bohr magnetons in the cell from which a crystal counts as magnetic."""
ON_HULL = 1e-3
"""eV/atom above the hull up to which it lies on it: less than energies tell apart."""


def groups(spectra: Spectra, rows: IntArray, candidates: Iterable[Surveyed]) -> dict[str, list[str | None]]:
    """The part that each row belongs to, for each of `GROUPS`; None where that is unknown.

    Args:
        spectra: of a library.
        rows: that are asked for.
        candidates: crystals that dosmith may propose; a target is among them if its composition in its prototype is.
    """
    known = {(each.composition, each.prototype) for each in candidates}
    contained = np.array([(spectra.compositions[row], spectra.prototypes[row]) in known for row in rows], dtype=float)
    heights = spectra.heights[rows]
    truth = {
        "candidate": contained,
        "gap": np.where(np.isfinite(spectra.gaps[rows]), spectra.gaps[rows] > GAPPED, np.nan),
        "moment": spectra.moments[rows] > MAGNETIC,
        "hull": np.where(np.isfinite(heights), heights <= ON_HULL, np.nan),
    }
    return {
        name: [None if np.isnan(value) else GROUPS[name][0 if value else 1] for value in np.asarray(values, dtype=float)]
        for name, values in truth.items()
    }
