"""Constants of nature, CODATA 2018: each is written here and nowhere else."""

from __future__ import annotations

HARTREE = 27.211386245988
"""eV."""
RYDBERG = HARTREE / 2
"""eV."""
BOHR = 0.529177210903
"""Angstrom."""
BOLTZMANN = 8.617333262e-5
"""eV/K."""
ELECTRON_VOLT = 1.602176634e-19
"""J."""
