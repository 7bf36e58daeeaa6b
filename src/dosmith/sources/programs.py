"""Which program wrote a text file: by a header of its own, by the layout of its rows, and by its name where nothing in it tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dosmith.constants import HARTREE
from dosmith.edges import BandEdges
from dosmith.errors import FileFormatError
from dosmith.sources import abinit, aims, castep, cp2k, dftb, elk, espresso, own, siesta, units, vasp_parts, wien2k
from dosmith.sources.curve import Curve
from dosmith.sources.tables import split_blocks, take_apart

CRYSTAL_DOSS = "CRYSTAL DOSS"
OPENMX = "OpenMX DOS"
OCTOPUS = "Octopus total-dos"

Lines = Iterable[str]
Reader = Callable[[Lines], Curve]

_OCTOPUS = re.compile(r"^#\s*energy\s*\[(?P<unit>\w+)\],\s*total DOS", re.MULTILINE | re.IGNORECASE)
_ALIKE = 0.02  # eV: Fermi levels of the two spins of one run
_MOST_ENERGIES = 200_000
_DOSS_FERMI = re.compile(r"\bEFERMI\b")


class _Kind(NamedTuple):
    """How a kind of file is recognised in its first lines and its name, and what reads it."""

    looks: Callable[[Sequence[str], str], bool]
    read: Reader


def reader_for(head: Sequence[str], name: str = "") -> Reader | None:
    """The reader of a file that begins with these lines; None when they are of no program known here."""
    name = name.removesuffix(".gz")
    return next((kind.read for kind in _KINDS if kind.looks(head, name)), None)


def read_doss(lines: Lines) -> Curve:
    """CRYSTAL's `DOSS.DAT`: energies from the Fermi level, projections, the total in the last column; with spin, a second block.

    Raises:
        FileFormatError: it holds phonons, or other columns than it announces.
    """
    columns, remarks, _ = take_apart(lines)
    if any(re.search(r"YAXIS LABEL", remark) and "DENSITY OF STATES" not in remark for remark in remarks):
        raise FileFormatError("is CRYSTAL's, and no density of states (COOP or COHP); give the DOSS.DAT")
    counts = next((found.groups() for remark in remarks if (found := re.search(r"NPROJ\s+(\d+)\s+NSPIN\s+([12])", remark))), None)
    unit = units.of_energies(remarks)
    stated = any(_DOSS_FERMI.search(remark) for remark in remarks)
    if unit is None and not stated:
        raise FileFormatError(
            "is CRYSTAL's, and does not say its unit: PHONDOS.DAT holds phonons; give the DOSS.DAT of an electronic run"
        )
    size = HARTREE if unit is None else unit.size
    blocks = split_blocks(columns)
    if (
        counts is None
        or len(columns) != int(counts[0]) + 1
        or len(blocks) != int(counts[1])
        or len({b.shape for b in blocks}) > 1
    ):
        raise FileFormatError("is damaged: its rows are not as many or as long as its first line says; copy the DOSS.DAT again")
    densities = np.stack([np.where((block[-1] <= 0).all(), -block[-1], block[-1]) for block in blocks]) / size
    notes = ["energies are in Hartree from the Fermi level; they are converted to eV"] if size != 1.0 else []
    if len(columns) > 2:
        notes.append(f"the last of {counts[0]} curves, the total, is used; the others are projections")
    return Curve(CRYSTAL_DOSS, blocks[0][0] * size, densities, 0.0, notes=notes)


def read_openmx(lines: Lines) -> Curve:
    """OpenMX's `*.DOS.Gaussian` and `*.DOS.Tetrahedron`: energy from the chemical potential, density, its integral; each twice with spin.

    Raises:
        FileFormatError: it has other columns.
    """
    columns, _, _ = take_apart(lines)
    if len(columns) not in (3, 5):
        raise FileFormatError("is damaged: OpenMX's DOS has 3 columns, or 5 with spin; copy it again")
    spins = (len(columns) - 1) // 2
    integrated = np.abs(columns[1 + spins :]).sum(axis=0)
    notes = ["energies are relative to the chemical potential"]
    return Curve(OPENMX, columns[0], np.abs(columns[1 : 1 + spins]), 0.0, integrated=integrated, notes=notes)


def read_octopus(lines: Lines) -> Curve:
    """Octopus' `total-dos.dat`; its Fermi level stands in `total-dos-efermi.dat` beside it.

    Raises:
        FileFormatError: it holds one spin, or other columns.
    """
    columns, remarks, _ = take_apart(lines)
    found = next(each for remark in remarks if (each := _OCTOPUS.search(f"#{remark}")))
    if any("spin-resolved" in remark for remark in remarks):
        raise FileFormatError("holds one spin of a run of Octopus; give its total-dos.dat")
    if len(columns) != 2:
        raise FileFormatError("is damaged: the total-dos.dat of Octopus has 2 columns; copy it again")
    size = octopus_unit(found["unit"])
    return Curve(OCTOPUS, columns[0] * size, columns[1:] / size)


def octopus_fermi(text: str) -> float:
    """The Fermi level in `total-dos-efermi.dat`, eV.

    Raises:
        FileFormatError: it states none.
    """
    unit = re.search(r"Fermi energy \[(\w+)\]", text)
    level = re.search(r"^[ \t]*([+-]?\d+\.\d+(?:E[+-]\d+)?)\s", text, re.MULTILINE)
    if unit is None or level is None:
        raise FileFormatError("states no Fermi level")
    return float(level[1]) * octopus_unit(unit[1])


def joined(up: Curve, down: Curve) -> Curve:
    """Two curves of one spin each as one.

    Raises:
        FileFormatError: they are on other energies.
    """
    if len(up.energies) == 0 or len(down.energies) == 0 or len(up.densities) != 1 or len(down.densities) != 1:
        raise FileFormatError("holds no single spin")
    fermi, notes = up.fermi, up.notes
    if up.fermi is not None and down.fermi is not None and abs(up.fermi - down.fermi) > _ALIKE:
        fermi, notes = None, [*notes, f"each spin has a Fermi level of its own, {up.fermi:.4g} and {down.fermi:.4g} eV"]
    first, last = min(up.energies[0], down.energies[0]), max(up.energies[-1], down.energies[-1])
    step = float(up.energies[-1] - up.energies[0]) / max(len(up.energies) - 1, 1)
    if up.energies.shape == down.energies.shape and np.allclose(up.energies, down.energies, atol=1e-6):
        axis = up.energies
    elif step > 0 and last - first < _MOST_ENERGIES * step:  # lists of orbitals begin where each spin does
        axis = np.arange(first, last + step / 2, step)
    else:
        raise FileFormatError("has other energies than the file of the other spin beside it; give both of one run")
    rows = [np.interp(axis, each.energies, each.densities[0], left=0.0, right=0.0) for each in (up, down)]
    tops = [each.edges for each in (up, down) if each.edges is not None]
    edges = BandEdges(max(e.valence for e in tops), min(e.conduction for e in tops)) if len(tops) == 2 else None
    return replace(up, energies=axis, densities=np.stack(rows), fermi=fermi, edges=edges, notes=notes)


def octopus_unit(name: str) -> float:
    """The unit of energy that Octopus names in brackets, eV.

    Raises:
        FileFormatError: it is none.
    """
    unit = units.Unit(name, HARTREE) if name == "H" else units.unit_of(name)
    if unit is None:
        raise FileFormatError(f"gives energies in {name[:20]}; convert them to eV")
    return unit.size


def _refuse(message: str) -> Reader:
    def refuse(_: Lines) -> Curve:
        raise FileFormatError(message)

    return refuse


def _begins(pattern: re.Pattern[str] | str, flags: int = re.MULTILINE) -> Callable[[Sequence[str], str], bool]:
    compiled = re.compile(pattern, flags) if isinstance(pattern, str) else pattern
    return lambda head, _: compiled.search("".join(f"{line.rstrip()}\n" for line in head)[:4000]) is not None


def _named(pattern: re.Pattern[str] | str) -> Callable[[Sequence[str], str], bool]:
    compiled = re.compile(pattern) if isinstance(pattern, str) else pattern
    return lambda _, name: compiled.fullmatch(name) is not None


_PHONONS = "density of phonon states, not an electronic one; 'dosmith train --spectra' makes a model of such spectra"
_KINDS: tuple[_Kind, ...] = (
    _Kind(_begins(own.SIGNATURE), own.read_own),
    _Kind(_begins(r"\APROCAR\b"), vasp_parts.read_bands),
    _Kind(lambda head, _: cp2k.looks_like_cp2k(head), cp2k.read_cp2k),
    _Kind(_begins(espresso.SIGNATURE), espresso.read_dos),
    _Kind(_begins(aims.SIGNATURE), aims.read_dos),
    _Kind(_begins(abinit.SIGNATURE), abinit.read_dos),
    _Kind(_begins(abinit.EIG_SIGNATURE), abinit.curve_of_eig),
    _Kind(_begins(wien2k.SIGNATURE), wien2k.read_dos),
    _Kind(_begins(castep.SIGNATURE), castep.read_bands),
    _Kind(
        _named(r".*\.j(?:adaptive|fixed|linear)\.dat"),
        _refuse("is a joint density of states (OptaDOS); give the SEED.adaptive.dat"),
    ),
    _Kind(_begins(castep.OPTADOS_SIGNATURE), castep.read_optados),
    _Kind(_begins(dftb.SIGNATURE), dftb.read_bands),
    _Kind(_begins(r"^#\s*NEPTS\s+\d+\s+NPROJ\s+\d+"), read_doss),
    _Kind(_begins(_OCTOPUS), read_octopus),
    _Kind(_named(elk.NAMES), elk.read_tdos),
    _Kind(_named(elk.PARTS), elk.read_parts),
    _Kind(_named(r".*\.DOS\.(?:Gaussian|Tetrahedron)"), read_openmx),
    _Kind(
        _named(r".*\.PDOS\.(?:Gaussian|Tetrahedron)\..*"),
        _refuse("holds the states of one atom (OpenMX's PDOS); give the .DOS.Gaussian or .DOS.Tetrahedron"),
    ),
    _Kind(lambda head, _: siesta.looks_like_dos(head), siesta.read_dos),
    _Kind(lambda head, _: siesta.looks_like_eig(head), lambda lines: siesta.curve_of_eig("".join(lines))),
    _Kind(lambda head, _: elk.looks_like_tdos(head), elk.read_tdos),
    _Kind(_begins(r"\A#\s*(?:Sigma = [\d.]+|Tetrahedron method)\s*$"), _refuse(f"is phonopy's {_PHONONS}")),
    _Kind(_begins(r"\A\s*#\s*Frequency\s*\[cm\^-1\]\s+DOS"), _refuse(f"is the {_PHONONS} (matdyn.x of Quantum ESPRESSO)")),
)
