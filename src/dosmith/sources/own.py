"""dosmith's own `dos.csv`: a table that says what its curve carries, so that it comes back as it was computed."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from dosmith.edges import BandEdges
from dosmith.errors import FileFormatError
from dosmith.records import Spectrum
from dosmith.sources.curve import Curve

OWN = "dosmith dos.csv"
_OPENING = "# density of states by dosmith:"
_FACT = re.compile(r"(Fermi level|broadening|band gap|valence-band top) (\S+) eV")
SIGNATURE = rf"\A{re.escape(_OPENING)}"
"""How such a file begins."""


def own_csv(spectrum: Spectrum) -> str:
    """A spectrum as CSV: a comment with what is known of it, the names of the columns, energies in eV, densities in states/eV."""
    facts = [f"Fermi level {spectrum.fermi!r} eV", f"broadening {spectrum.broadening!r} eV"]
    facts += [] if spectrum.gap is None else [f"band gap {spectrum.gap!r} eV"]
    facts += [] if spectrum.valence_top is None else [f"valence-band top {spectrum.valence_top!r} eV"]
    columns = [spectrum.energies, *spectrum.densities]
    names = "energy_ev,dos_up,dos_down" if spectrum.spin_polarized else "energy_ev,dos"
    rows = (",".join(map(repr, row)) for row in np.stack(columns, axis=1).tolist())
    return "\n".join([f"{_OPENING} {', '.join(facts)}", names, *rows]) + "\n"


def read_own(lines: Iterable[str]) -> Curve:
    """The curve that `own_csv` wrote.

    Raises:
        FileFormatError: it is damaged.
    """
    first, names, *rows = [line for line in lines if line.strip()] + ["", ""]
    facts = dict(_FACT.findall(first))
    try:
        table = np.array([[float(cell) for cell in row.split(",")] for row in rows if row], dtype=np.float64)
        known = {name: float(value) for name, value in facts.items()}
        fermi, broadening = known["Fermi level"], known["broadening"]
    except (KeyError, ValueError):
        table, known, fermi, broadening = np.empty((0, 0)), {}, 0.0, 0.0
    if table.ndim != 2 or table.shape[1] != names.count(",") + 1 or table.shape[1] not in (2, 3):
        raise FileFormatError("is damaged: it is no table of energies and densities as dosmith writes it; compute it again")
    gap = known.get("band gap")
    top = known.get("valence-band top", fermi)
    return Curve(
        OWN,
        table[:, 0],
        table[:, 1:].T,
        fermi,
        broadening=broadening,
        edges=None if gap is None else BandEdges(top, top + gap),
    )
