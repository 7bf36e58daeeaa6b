"""The density of states that CP2K writes: histograms (`*.dos`) and lists of orbitals (`*.pdos`), in atomic units; the crystal of its input."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import BOHR, HARTREE
from dosmith.edges import BandEdges
from dosmith.errors import FileFormatError
from dosmith.sources.crystal import Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.tables import take_apart

FloatArray = NDArray[np.float64]

DOS = "CP2K dos"
PDOS = "CP2K pdos"
SIGMA, STEP = 0.1, 0.05
"""Gaussians that stand for the orbitals of a `*.pdos` file, and the distance of the energies they are given on, eV."""
ONE_SPIN = re.compile(r"(?P<before>.*)(?P<spin>ALPHA|BETA)(?P<after>_.*\.pdos)")
"""Name of a `*.pdos` of one spin."""

_SUBSYS = ("FORCE_EVAL", "SUBSYS")
_NUMBER = r"[+-]?\d+\.\d+"
_DOS = re.compile(r"^\s*#\s*DOS at iteration step", re.MULTILINE)
_PDOS = re.compile(r"^\s*#\s*Projected DOS for .*iteration step", re.MULTILINE)
_FERMI = re.compile(rf"E[_(]Fermi[^=]*=\s*(?P<value>{_NUMBER})")


def looks_like_cp2k(head: Sequence[str]) -> bool:
    """Whether a file that begins with these lines is CP2K's."""
    opening = "\n".join(head[:3])[:2000]
    return bool(_DOS.search(opening) or _PDOS.search(opening))


def read_cp2k(lines: Iterable[str]) -> Curve:
    """The DOS of a `*.dos` or `*.pdos` file. A `*.pdos` lists every orbital of one spin, whatever atoms it is projected on.

    Raises:
        FileFormatError: the columns are not CP2K's.
    """
    columns, remarks, _ = take_apart(lines)
    stated = next((found for remark in remarks if (found := _FERMI.search(remark))), None)
    fermi = None if stated is None else float(stated["value"]) * HARTREE
    projected = any(_PDOS.search(f"#{remark}") for remark in remarks)
    return _orbitals(columns, fermi) if projected else _histogram(columns, fermi)


def read_crystal(text: str) -> tuple[str, Crystal]:
    """The project and the crystal of a CP2K input or restart file, where the input says it whole and the run does not move it.

    Raises:
        FileFormatError: the crystal is in another file, is made of variables, moves, or is none.
    """
    if "$" in text or re.search(r"^[ \t]*@", text, re.MULTILINE):
        raise FileFormatError("has variables or includes other files")
    sections = _sections(text)
    values = {key: words for path in (("GLOBAL",), (*_SUBSYS, "CELL")) for key, *words in sections.get(path, [])}
    moves = values.get("RUN_TYPE", ["ENERGY"])[0].upper() not in ("ENERGY", "ENERGY_FORCE", "WFN_OPT")
    if moves and "restart file" not in text[:200]:  # which has the last positions
        raise FileFormatError("moves its atoms; the file beside it is where they began")
    if (*_SUBSYS, "TOPOLOGY") in sections or "CELL_FILE_NAME" in values or "MULTIPLE_UNIT_CELL" in values:
        raise FileFormatError("has its crystal in another file")
    if values.get("PERIODIC", ["XYZ"])[0].upper() != "XYZ":
        raise FileFormatError("is no crystal: not periodic in three directions")
    elements = {kind[-1]: words[0] for kind, rows in sections.items() for key, *words in rows
                if kind[:-1] == (*_SUBSYS, "KIND") and key == "ELEMENT"}  # fmt: skip
    unit, scaled, labels, places = 1.0, False, [], []
    for key, *words in sections.get((*_SUBSYS, "COORD"), []):
        if key == "UNIT":
            unit = _unit(words[0])
        elif key == "SCALED":
            scaled = not words or words[0].upper().strip(".") in ("T", "TRUE", "YES", "ON")
        else:
            labels.append(key)
            places.append([float(word) for word in words[:3]])
    lattice = _lattice(values)
    species = tuple(element_of(elements.get(label.upper(), label)) for label in labels)
    project = values.get("PROJECT", values.get("PROJECT_NAME", ["PROJECT"]))[0]
    if scaled:
        return project, Crystal(lattice, species, np.array(places))
    return project, Crystal.of_cartesian(lattice, species, np.array(places) * unit)


_DEEPEST = 30
"""Sections within each other; CP2K's own manual has some twelve."""


def _histogram(columns: FloatArray, fermi: float | None) -> Curve:
    """Rows of energy in the middle of a bin, share of all orbitals in it, electrons in it; the latter two twice when spins are apart."""
    if len(columns) == 5:  # before 2022 the second spin had no column of energies
        columns = np.insert(columns, 3, columns[0], axis=0)
    if len(columns) not in (3, 6) or columns.shape[1] < 2:
        raise FileFormatError("is damaged: a *.dos of CP2K has 3 columns, or 6 (5 before 2022) with spin; copy it again")
    width = float(columns[0, -1] - columns[0, 0]) / (columns.shape[1] - 1) * HARTREE
    shares, electrons = columns[1::3], columns[2::3]
    filled = shares > 0
    if not width > 0 or not filled.any() or not electrons.max() > 0:
        raise FileFormatError("is damaged: its energies do not increase, or no orbital is occupied; copy the *.dos again")
    large = filled & (shares > 0.3 * shares[electrons > 0].max(initial=0.0))  # few digits are printed: small shares say little
    states = shares * float((electrons[large] / shares[large]).max(initial=0.0))  # a full bin holds as many electrons as states
    energies = columns[0] * HARTREE
    notes = [f"a histogram of bins of {width:.3g} eV"]
    if fermi is None:
        fermi = _level_of(energies, states.sum(axis=0), electrons.sum(axis=0))
        notes.append(f"the Fermi level, {fermi:.3f} eV, is where the file's {electrons.sum():.4g} electrons end")
    energies = np.concatenate([energies[:1] - width, energies])  # a curve begins below its first bin
    states = np.pad(states, ((0, 0), (1, 0)))
    return Curve(DOS, energies, states / width, fermi, electrons=float(electrons.sum()), notes=notes)


def _orbitals(columns: FloatArray, fermi: float | None) -> Curve:
    """Rows of number, eigenvalue, occupation, projections: each orbital becomes a Gaussian."""
    if len(columns) < 4 or columns.shape[1] < 2 or not np.isfinite(columns[1:3]).all():
        raise FileFormatError("is damaged: a *.pdos of CP2K lists orbitals with eigenvalue and occupation; copy it again")
    levels, occupations = columns[1] * HARTREE, columns[2]
    first, last = float(levels.min()) - 5 * SIGMA, float(levels.max())
    if not (last - first) / STEP < 1e5:
        raise FileFormatError("is damaged: its eigenvalues lie over 5,000 eV apart; copy the *.pdos again")
    energies = np.arange(first, last, STEP)
    states = 2.0 if occupations.max() > 1.001 else 1.0
    density = np.zeros(len(energies))
    for level in levels:
        density += np.exp(-(((energies - level) / SIGMA) ** 2) / 2)
    density *= states / (SIGMA * np.sqrt(2 * np.pi))
    notes = [f"{len(levels)} orbitals of the Gamma point, each a Gaussian of {SIGMA:g} eV; the curve ends at the last one"]
    return Curve(
        PDOS,
        energies,
        density[None],
        fermi,
        broadening=SIGMA,
        edges=_edges(levels, occupations / states),
        one_spin=states == 1.0,
        notes=notes,
    )


def _edges(levels: FloatArray, filled: FloatArray) -> BandEdges | None:
    """Band edges of orbitals that are all full or empty; None where some are partly filled, or all of them full."""
    full, empty = filled > 0.99, filled < 0.01
    if not (full | empty).all() or not full.any() or not empty.any():
        return None
    return BandEdges(float(levels[full].max()), float(levels[empty].min()))


def _level_of(energies: FloatArray, states: FloatArray, electrons: FloatArray) -> float:
    """The middle between the last bin that is at least half full and the next that is less, eV."""
    with_states = np.flatnonzero(states > 0)
    half_full = np.flatnonzero(electrons >= states / 2)
    last = int(half_full[np.isin(half_full, with_states)][-1])  # there is one: the fullest bin sets the scale
    emptier = with_states[with_states > last]
    return float((energies[last] + energies[emptier[0] if len(emptier) else last]) / 2)


def _sections(text: str) -> dict[tuple[str, ...], list[list[str]]]:
    """The rows of each section, cut into words, by the names of the sections around it; a KIND has its own name too."""
    found: dict[tuple[str, ...], list[list[str]]] = {}
    path: tuple[str, ...] = ()
    for line in text.splitlines():
        words = re.split(r"[!#]", line)[0].split()
        if not words:
            continue
        name = words[0].upper()
        if name == "&END":
            path = path[:-2] if path[-2:-1] == ("KIND",) else path[:-1]
        elif name.startswith("&"):
            path += (name[1:], words[1].upper() if len(words) > 1 else "") if name == "&KIND" else (name[1:],)
            if len(path) > _DEEPEST:
                raise FileFormatError("is damaged: its sections do not end")
            found.setdefault(path, [])
        else:
            found.setdefault(path, []).append([words[0] if path[-1:] == ("COORD",) else name, *words[1:]])
    return found


def _lattice(values: Mapping[str, Sequence[str]]) -> FloatArray:
    """Lattice vectors of the keywords of a CELL section, Angstrom, shape (3, 3)."""
    if "ABC" not in values:
        return np.array([_lengths(values.get(key, ())) for key in "ABC"])
    from pymatgen.core.lattice import Lattice

    angles = [float(word) for word in values.get("ALPHA_BETA_GAMMA", ("90", "90", "90"))]
    return np.array(Lattice.from_parameters(*_lengths(values["ABC"]), *angles).matrix)


def _lengths(words: Sequence[str]) -> FloatArray:
    """Three lengths with or without a unit before them, Angstrom."""
    unit = _unit(words[0].strip("[]")) if words and words[0].startswith("[") else 1.0
    numbers = [float(word) for word in words if not word.startswith("[")]
    if len(numbers) != 3:
        raise FileFormatError("has no whole CELL")
    return np.array(numbers) * unit


def _unit(name: str) -> float:
    """A unit of length in Angstrom."""
    units = {"ANGSTROM": 1.0, "BOHR": BOHR, "AU_L": BOHR, "NM": 10.0, "PM": 0.01}
    if name.upper() not in units:
        raise FileFormatError(f"has lengths in {name[:20]}")
    return units[name.upper()]
