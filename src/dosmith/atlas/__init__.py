"""Atlases: crystal lists, ours and the user's, with the spectra that a forward model expects of them; searched exactly."""

from __future__ import annotations

from dosmith.atlas.crystal import AtlasCrystal, Built, Cell
from dosmith.atlas.search import Found, best_of_each, search, similarities
from dosmith.atlas.store import Atlas

__all__ = ["Atlas", "AtlasCrystal", "Built", "Cell", "Found", "best_of_each", "search", "similarities"]
