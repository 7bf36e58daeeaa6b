"""Text files of programs whose headers say what they are: Quantum ESPRESSO, FHI-aims, phonopy.

Their columns are fixed and their energies do not start from the Fermi level unless they say so, so nothing is guessed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError
from dosmith.sources.curve import Curve
from dosmith.sources.tables import stated_fermi, take_apart

FloatArray = NDArray[np.float64]
Reader = Callable[[Iterable[str]], Curve]


def reader_for(head: Sequence[str]) -> Reader | None:
    """The reader of a file that begins with these lines; None when they are of no program known here."""
    opening = "\n".join(head)[:2000]
    return next((reader for signature, reader in _READERS if signature.search(opening)), None)


def read_espresso(lines: Iterable[str]) -> Curve:
    """What `dos.x` and `projwfc.x` of Quantum ESPRESSO write: `*.dos` and `*.pdos_tot`; only the former state a Fermi level.

    Raises:
        FileFormatError: the curve is projected on an atom or a k-point, or the columns are not those of its header.
    """
    columns, remarks, _ = take_apart(lines)
    header = next(remark for remark in remarks if _ESPRESSO.search(f"#{remark}"))
    if "ldos" in header:
        raise FileFormatError("is projected on one atom (Quantum ESPRESSO's pdos_atm); give the total, *.pdos_tot or *.dos")
    if re.match(r"\s*ik\b", header):
        raise FileFormatError("is resolved by k-point (kresolveddos of Quantum ESPRESSO); give the *.dos of dos.x")
    spins = 2 if "dosup(E)" in header else 1
    what = "pdos_tot" if "pdos" in header else "dos"
    expected = 1 + 2 * spins if what == "pdos_tot" else 2 + spins
    if len(columns) != expected:
        raise FileFormatError(f"is damaged: its header names {expected} columns, its rows have {len(columns)}; copy it again")
    return Curve(f"Quantum ESPRESSO {what}", columns[0], columns[1 : 1 + spins], stated_fermi(remarks))


def read_aims(lines: Iterable[str]) -> Curve:
    """`KS_DOS_total*.dat` of FHI-aims: energies from the chemical potential, or in the raw file from the vacuum level.

    Raises:
        FileFormatError: it has other than two columns, or three with spin.
    """
    columns, remarks, _ = take_apart(lines)
    if len(columns) not in (2, 3):
        raise FileFormatError("is damaged: the total DOS of FHI-aims has 2 columns, or 3 with spin; copy it again")
    level = next((found["value"] for remark in remarks if (found := _AIMS_LEVEL.search(remark))), None)
    notes = [] if level is None else [f"energies are relative to the chemical potential, {float(level):g} eV in the run"]
    return Curve("FHI-aims total DOS", columns[0], columns[1:], 0.0 if level is not None else None, notes=notes)


def read_phonopy(lines: Iterable[str]) -> Curve:
    """Refuses phonopy's `total_dos.dat`, which holds phonons: their number against their frequency.

    Raises:
        FileFormatError: always, saying what can be done with such a curve.
    """
    raise FileFormatError(
        "is phonopy's density of phonon states, not an electronic one; 'dosmith train --spectra' makes a model of such spectra"
    )


_ESPRESSO = re.compile(r"^#\s*(?:ik\s+)?E \(eV\)\s+(?:dos|ldos)(?:up)?\(E\)", re.MULTILINE)
_AIMS_LEVEL = re.compile(r"chemical potential, mu =\s*(?P<value>[+-]?\d+\.\d+)\s*eV")
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (_ESPRESSO, read_espresso),
    (re.compile(r"^#\s*total density of states output by FHI-aims", re.MULTILINE), read_aims),
    (re.compile(r"\A#\s*(?:Sigma = [\d.]+|Tetrahedron method)\s*$", re.MULTILINE), read_phonopy),
)
