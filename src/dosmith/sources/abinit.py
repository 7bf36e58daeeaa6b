"""What ABINIT writes: the density of states (`*_DOS`) and eigenvalues (`*_EIG`), both in Hartree; the crystal in its output."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from dosmith import formulas
from dosmith.constants import BOHR, HARTREE
from dosmith.errors import FileFormatError
from dosmith.sources.crystal import MOST_SITES, Crystal
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import Eigenvalues
from dosmith.sources.tables import split_blocks, take_apart

DOS = "ABINIT _DOS"
EIG = "ABINIT _EIG"

SIGNATURE = re.compile(r"^#\s*ABINIT package : DOS file", re.MULTILINE)
EIG_SIGNATURE = re.compile(r"^\s*Eigenvalues\s*\((?:hartree|\s*eV\s*)\)\s*for nkpt=", re.MULTILINE)
_FERMI = re.compile(r"Fermi energy :\s*([+-]?\d+\.\d+)")
_SMEARING = re.compile(r"occopt\s*=\s*(\d+)\s*,\s*tsmear\s*=\s*(\d+\.\d+)\s*Hartree")
_POINT = re.compile(r"^ kpt#.*?wtk=\s*(\S+?),.*$", re.MULTILINE)
_LEVEL = re.compile(r"Fermi \(or HOMO\) energy \((hartree|eV)\)\s*=\s*([+-]?\d+\.\d+)")


def read_dos(lines: Iterable[str]) -> Curve:
    """A `*_DOS` file: energy and density in Hartree; with spin, one block of rows for each.

    Raises:
        FileFormatError: the states are those of one atom, or the columns are not ABINIT's.
    """
    columns, remarks, _ = take_apart(lines)
    if any(re.search(r"Local DOS|atom number|Partial|ratsph", remark) for remark in remarks):
        raise FileFormatError("holds the states of one atom (ABINIT's _DOS_AT); give the _DOS or _DOS_TOTAL of the run")
    if any(re.match(r"\s*index\b", remark) for remark in remarks):  # versions before 6
        columns = columns[1:]
    blocks = split_blocks(columns)
    spins = 2 if any(re.search(r"nsppol = 2", remark) for remark in remarks) else len(blocks)
    if len(columns) < 3 or len(blocks) != spins or spins > 2 or any(block.shape != blocks[0].shape for block in blocks):
        raise FileFormatError("is damaged: ABINIT's _DOS has a block of energy, DOS, integrated DOS for each spin; copy it again")
    fermi = next((found[1] for remark in remarks if (found := _FERMI.search(remark))), None)
    smearing = next((found.groups() for remark in remarks if (found := _SMEARING.search(remark))), None)
    notes: list[str] = []
    broadening = 0.0
    if smearing is not None and smearing[0] == "7":
        broadening = float(smearing[1]) * HARTREE / np.sqrt(2)  # exp(-(x/tsmear)^2)
        notes.append(f"Gaussian smearing tsmear = {smearing[1]} Hartree counts as a broadening of {broadening:.4g} eV")
    elif smearing is not None:
        notes.append(f"the smearing occopt = {smearing[0]} is not a Gaussian; the DOS counts as not broadened")
    return Curve(
        DOS, columns[0, : blocks[0].shape[1]] * HARTREE, np.stack([block[1] for block in blocks]) / HARTREE,
        None if fermi is None else float(fermi) * HARTREE, broadening=broadening,
        integrated=np.sum([block[2] for block in blocks], axis=0), notes=notes,
    )  # fmt: skip


def curve_of_eig(lines: Iterable[str]) -> Curve:
    """The eigenvalues of a `*_EIG` file as a density of states; errors as in `read_eig`."""
    found, fermi = read_eig("".join(lines))
    return found.curve(EIG, fermi)


def read_eig(text: str) -> tuple[Eigenvalues, float | None]:
    """The eigenvalues of a `*_EIG` file and its Fermi level, eV; None where the run had none of its own.

    Raises:
        FileFormatError: they are not complete.
    """
    level = _LEVEL.search(text)
    pieces = _POINT.split(text)
    weights, lists = pieces[1::2], pieces[2::2]
    if not lists:
        raise FileFormatError("is damaged: ABINIT's _EIG has k-points with eigenvalues; copy it again")
    unit = HARTREE if "Eigenvalues (hartree)" in text else 1.0
    spins = 2 if text.count("SPIN UP") and text.count("SPIN DOWN") else 1
    try:
        rows = [
            [float(word) for word in re.findall(r"(?<!\d)[+-]?\d+\.\d+", re.split(r"[A-Za-z]{4}", piece)[0])] for piece in lists
        ]
        bands = np.array(rows, dtype=np.float64) * unit
        shares = np.array(weights[: len(rows) // spins], dtype=np.float64)
        bands = bands.reshape(spins, len(shares), -1)
    except ValueError:
        raise FileFormatError("is damaged: its k-points have not all the same number of bands; copy it again") from None
    return Eigenvalues.of(bands, shares), None if level is None else float(level[2]) * unit


def read_crystal(text: str) -> Crystal:
    """The crystal at the end of what ABINIT prints (`*.abo`), of the last data set.

    Raises:
        FileFormatError: there is none.
    """
    echo = text[max(text.rfind("echo values of variables after computation"), 0) :]
    if "ABINIT" not in text[:5000] or "znucl" not in echo:
        raise FileFormatError("is no output of ABINIT")
    try:
        sites = int(_values(echo, "natom", [1.0])[0])
        if not 0 < sites <= MOST_SITES:
            raise ValueError("atoms")
        lattice = (
            np.array(_values(echo, "rprim", list(np.eye(3).ravel()))).reshape(3, 3)
            * np.array(_values(echo, "acell", []))[:, None]
        )
        places = np.array(_values(echo, "xred", [0.0] * 3 * sites)).reshape(sites, 3)
        kinds = [formulas.symbol_of(round(number)) for number in _values(echo, "znucl", [])]
        species = tuple(kinds[round(number) - 1] for number in _values(echo, "typat", [1.0] * sites)[:sites])
    except (ValueError, IndexError, OverflowError):
        raise FileFormatError("holds no whole crystal") from None
    return Crystal(lattice * BOHR, species, places)


def _values(echo: str, name: str, default: list[float]) -> list[float]:
    """The numbers of a variable in ABINIT's echo, of the last data set that has one of its own."""
    found = list(re.finditer(rf"^[-P ][ \t]*{name}\d*((?:\s+[-+]?\d[-+.\dEe]*)+)", echo, re.MULTILINE))
    return [float(word) for word in found[-1][1].split()] if found else default
