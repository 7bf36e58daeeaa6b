"""What FHI-aims writes: `KS_DOS_total*.dat`, and the crystal in `geometry.in`."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from dosmith.errors import FileFormatError
from dosmith.sources.crystal import Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.tables import take_apart

DOS = "FHI-aims total DOS"

SIGNATURE = re.compile(r"^#\s*total density of states output by FHI-aims", re.MULTILINE)
_LEVEL = re.compile(r"chemical potential, mu =\s*(?P<value>[+-]?\d+\.\d+)\s*eV")


def read_dos(lines: Iterable[str]) -> Curve:
    """`KS_DOS_total*.dat`: energies from the chemical potential, or in the raw file from the vacuum level.

    Raises:
        FileFormatError: it has other than two columns, or three with spin.
    """
    columns, remarks, _ = take_apart(lines)
    if len(columns) not in (2, 3):
        raise FileFormatError("is damaged: the total DOS of FHI-aims has 2 columns, or 3 with spin; copy it again")
    level = next((found["value"] for remark in remarks if (found := _LEVEL.search(remark))), None)
    notes = [] if level is None else [f"energies are relative to the chemical potential, {float(level):g} eV in the run"]
    return Curve(DOS, columns[0], columns[1:], 0.0 if level is not None else None, notes=notes)


def read_geometry(text: str) -> Crystal:
    """The crystal of FHI-aims' `geometry.in`.

    Raises:
        FileFormatError: it is no crystal.
    """
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    lattice = np.array([row[1:4] for row in rows if row[:1] == ["lattice_vector"]], dtype=np.float64).reshape(-1, 3)
    atoms = [(row[0], row[4], row[1:4]) for row in rows if row and row[0] in ("atom", "atom_frac") and len(row) > 4]
    if lattice.shape != (3, 3):
        raise FileFormatError("is no crystal: it has not three lattice vectors")
    places = np.array([place for _, _, place in atoms], dtype=np.float64).reshape(-1, 3)
    places = np.where([[kind == "atom_frac"] for kind, _, _ in atoms], places @ lattice, places)
    return Crystal.of_cartesian(lattice, [element_of(label) for _, label, _ in atoms], places)
