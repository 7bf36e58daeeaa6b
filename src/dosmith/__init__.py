"""dosmith: from a density of states to the materials that have it.

>>> import dosmith
>>> dosmith.design("Pt3Ni", top=1).candidates[0].structure_id
'Pt3Ni-L1_2'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dosmith.version import __version__ as __version__

if TYPE_CHECKING:
    from dosmith.designer import Designer, design, open_dos_set, predict, similar
    from dosmith.designs import Design, Neighbour
    from dosmith.errors import DosmithError
    from dosmith.library import MemoryLibrary, ParquetLibrary, write_library
    from dosmith.models.interface import Model
    from dosmith.models.paper.kbest import k_best
    from dosmith.models.paper.train import train_paper
    from dosmith.models.registry import open_model
    from dosmith.records import Candidate, Material, Spectrum
    from dosmith.report.output import write_design
    from dosmith.settings import Settings, load_settings
    from dosmith.sources.files import load_dos
    from dosmith.spectra.grid import EnergyGrid, Window
    from dosmith.spectra.similarity import similarity
    from dosmith.spectra.standard import Recipe, standardise
    from dosmith.training import train

_HOMES = {
    "Candidate": "records",
    "Design": "designs",
    "Designer": "designer",
    "DosmithError": "errors",
    "EnergyGrid": "spectra.grid",
    "Material": "records",
    "MemoryLibrary": "library",
    "Model": "models.interface",
    "Neighbour": "designs",
    "ParquetLibrary": "library",
    "Recipe": "spectra.standard",
    "Settings": "settings",
    "Spectrum": "records",
    "Window": "spectra.grid",
    "design": "designer",
    "k_best": "models.paper.kbest",
    "load_dos": "sources.files",
    "load_settings": "settings",
    "open_dos_set": "designer",
    "open_model": "models.registry",
    "predict": "designer",
    "similar": "designer",
    "similarity": "spectra.similarity",
    "standardise": "spectra.standard",
    "train": "training",
    "train_paper": "models.paper.train",
    "write_design": "report.output",
    "write_library": "library",
}

__all__ = [
    "Candidate",
    "Design",
    "Designer",
    "DosmithError",
    "EnergyGrid",
    "Material",
    "MemoryLibrary",
    "Model",
    "Neighbour",
    "ParquetLibrary",
    "Recipe",
    "Settings",
    "Spectrum",
    "Window",
    "design",
    "k_best",
    "load_dos",
    "load_settings",
    "open_dos_set",
    "open_model",
    "predict",
    "similar",
    "similarity",
    "standardise",
    "train",
    "train_paper",
    "write_design",
    "write_library",
]


def __getattr__(name: str) -> Any:
    # Public names are imported on first use, so that `import dosmith` and `dosmith --help` stay instant.
    if name not in _HOMES:
        raise AttributeError(f"module 'dosmith' has no attribute '{name}'")
    value = getattr(import_module(f"dosmith.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
