"""Protocols: named and numbered ways to compute, so that a changed default never gives old results another name.

A result keeps the label of the protocol that it was computed by. Energies of one protocol's name are comparable, whatever its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dosmith.settings import DftSettings

_CONVERGED = {
    "cutoff": 400.0,
    "hard_cutoff": 800.0,
    "rel_cutoff": 40.0,
    "eps_default": 1e-7,
    "smearing": 500.0,
    "scf_spacing": 0.4,
    "dos_refinement": 3,
    "interpolation": 4,
    "window": 10.0,
    "step": 0.05,
    "sigma": 0.1,
}


@dataclass(frozen=True)
class Protocol:
    """A way to compute.

    Attributes:
        name: what results are called.
        version: counts what changed.
        settings: the `dft` settings that it stands for.
        meaning: what a version is, in a sentence.
    """

    name: str
    version: int
    settings: Mapping[str, Any]
    meaning: str

    @property
    def label(self) -> str:
        """Name and version, as they are stored."""
        return f"{self.name} {self.version}"


PROTOCOLS = (
    Protocol("converged", 1, _CONVERGED, "eigenvalues by CP2K's band-structure key; no projections; ferromagnetic starts only"),
    Protocol("converged", 2, _CONVERGED, "eigenvalues and projections from real-space matrices; a moment per site"),
)
"""Oldest first; the last of a name is the one in use. Results without a label are of version 1."""

OWN = "own"
"""Name of settings that are no protocol's."""


def protocol_of(settings: DftSettings) -> Protocol | None:
    """The protocol in use that has these settings; None when they are one's own."""
    current = {protocol.name: protocol for protocol in PROTOCOLS}
    values = settings.model_dump()
    return next((protocol for protocol in current.values() if dict(protocol.settings) == values), None)
