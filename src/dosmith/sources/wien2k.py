"""What WIEN2k's `tetra` writes: `case.dosN` in Rydberg, `case.dosNev` in eV from the Fermi level; `...up` and `...dn` hold one spin each."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dosmith.constants import RYDBERG
from dosmith.errors import FileFormatError
from dosmith.sources.curve import Curve
from dosmith.sources.tables import take_apart

DOS = "WIEN2k dos"

SIGNATURE = re.compile(r"^#\s*EF\s*=\s*[+-]?[\d.]+\s+NDOS\s*=", re.MULTILINE)
ONE_SPIN = re.compile(r"(?P<stem>.*\.dos\d*(?:ev)?)(?P<spin>up|dn)", re.IGNORECASE)
_FERMI = re.compile(r"^\s*EF\s*=\s*([+-]?\d*\.\d+)", re.IGNORECASE)


def read_dos(lines: Iterable[str]) -> Curve:
    """A `dosN` or `dosNev` file with a column for the total; the latter states a Fermi level of zero.

    Raises:
        FileFormatError: it has no total.
    """
    columns, remarks, _ = take_apart(lines)
    level = next((float(found[1]) for remark in remarks if (found := _FERMI.search(remark))), 0.0)
    header = next((remark.split() for remark in reversed(remarks) if re.match(r"\s*ENERGY\b", remark)), [])
    totals = [number for number, word in enumerate(header) if re.fullmatch(r"(?i)total(?:-?dos)?|tdos", word)]
    if len(header) != len(columns):
        raise FileFormatError("is damaged: its header names other columns than its rows have; copy the dosNev of WIEN2k again")
    if len(totals) != 1:
        raise FileFormatError(
            "has no column total-DOS: what it calls total are the states of single atoms; give the dosNev of WIEN2k that has total-DOS"
        )
    total = columns[totals[0]][None]
    if level != 0.0:
        notes = ["energies are in Rydberg in the file (case.dosN); they are converted to eV"]
        return Curve(DOS, columns[0] * RYDBERG, total / RYDBERG, level * RYDBERG, notes=notes)
    return Curve(DOS, columns[0], total, 0.0, notes=["energies are in eV from the Fermi level"])
