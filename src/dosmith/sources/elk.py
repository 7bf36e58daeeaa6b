"""What Elk and exciting write: `TDOS.OUT` (bare columns in Hartree from the Fermi level) and exciting's `dos.xml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import BOHR, HARTREE
from dosmith.errors import FileFormatError
from dosmith.sources.crystal import Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues
from dosmith.sources.tables import split_blocks, take_apart
from dosmith.sources.xml_text import attribute, pieces, refuse_entities, value_of

FloatArray = NDArray[np.float64]

TDOS = "Elk or exciting TDOS.OUT"
DOS_XML = "exciting dos.xml"

NAMES = re.compile(r"TDOS(?:[-_].*)?\.OUT", re.IGNORECASE)
PARTS = re.compile(r"(?:PDOS_.*|IDOS.*|LDOS.*)\.OUT", re.IGNORECASE)
_ROW = re.compile(r" {0,2}-?\d?\.?\d*(?:\.\d+)?(?:E[+-]\d\d)? +-?\d+\.?\d*(?:E[+-]\d\d)? *")
_WIDEST = 4.0  # Hartree: below it a table of 36 characters a row is taken for Elk's
_MOST_POINTS = 1_000_000
_POINT = re.compile(rb"<point\b([^<>]{0,500})/?>")


def looks_like_tdos(head: Sequence[str]) -> bool:
    """Whether the lines are two numbers of 18 characters each (G18.10), the first of them a few Hartree at most."""
    rows = [line.rstrip("\r\n") for line in head]
    if len(rows) < 4 or any(len(row) != 36 or not row.endswith("    ") or not _ROW.fullmatch(row) for row in rows):
        return False
    try:
        return all(abs(float(row[:18])) < _WIDEST and np.isfinite(float(row[18:])) for row in rows)
    except ValueError:
        return False


def read_tdos(lines: Iterable[str]) -> Curve:
    """`TDOS.OUT`: energy and density in Hartree; with spin a second block, drawn below zero.

    Raises:
        FileFormatError: it has other columns or more blocks.
    """
    columns, _, _ = take_apart(lines)
    blocks = split_blocks(columns)
    if len(columns) != 2 or len(blocks) > 2 or any(block.shape != blocks[0].shape for block in blocks):
        raise FileFormatError(
            "is no TDOS.OUT of Elk or exciting: that has energy and density, a block for each spin; give that file"
        )
    return _curve(TDOS, blocks[0][0], [block[1] for block in blocks])


def read_parts(_: Iterable[str]) -> Curve:
    """Refuses what Elk writes beside `TDOS.OUT`: the states of an atom, or those between the atoms.

    Raises:
        FileFormatError: always.
    """
    raise FileFormatError("holds a part of the states (of one atom, or between the atoms); give the TDOS.OUT of the run")


def read_dos_xml(xml: bytes) -> Curve:
    """The total of exciting's `dos.xml`.

    Raises:
        FileFormatError: it declares entities, is truncated, or holds no total.
    """
    refuse_entities(xml)
    total = value_of(xml, b"totaldos")
    rows = [_points(piece) for piece in pieces(total, b"diagram", 2)]
    if not rows or any(row.shape != rows[0].shape for row in rows):
        raise FileFormatError("holds no whole total density of states; copy the dos.xml of exciting again")
    unit = attribute(xml, b"axis", b"unit")
    if unit not in (b"Hartree", b"hartree", None):
        raise FileFormatError("gives energies in another unit than Hartree; convert them to eV in a table")
    return _curve(DOS_XML, rows[0][0], [row[1] for row in rows])


def read_eigenvalues(eigval: str, kpoints: str, fermi: str) -> tuple[Eigenvalues, float]:
    """Eigenvalues of `EIGVAL.OUT` with the weights in `KPOINTS.OUT`, from the Fermi level in `EFERMI.OUT`, eV.

    Raises:
        FileFormatError: they are not complete.
    """
    try:
        level = float(fermi.split()[0])
        weights = [float(line.split()[4]) for line in kpoints.splitlines()[1:] if len(line.split()) >= 5]
        rows: list[list[tuple[float, float]]] = []
        for line in eigval.splitlines()[2:]:
            words = line.partition(":")[0].split()
            if len(words) == 4:
                rows.append([])
            elif len(words) == 3:
                rows[-1].append((float(words[1]), float(words[2])))
            if sum(map(len, rows[-1:])) > MOST:
                raise ValueError("too many")
        table = np.array(rows, dtype=np.float64)
    except (ValueError, IndexError):
        raise FileFormatError("is no whole EIGVAL.OUT with KPOINTS.OUT and EFERMI.OUT") from None
    return Eigenvalues.of((table[None, :, :, 0] - level) * HARTREE, weights, float(table[:, :, 1].max())), 0.0


def read_geometry(text: str) -> Crystal:
    """The crystal in Elk's `GEOMETRY.OUT`.

    Raises:
        FileFormatError: it is no crystal.
    """
    words = [line.partition(":")[0].split() for line in text.splitlines()]
    blocks = {row[0]: number for number, row in enumerate(words) if len(row) == 1 and re.fullmatch(r"[a-z]+\d?", row[0])}
    try:
        scale = [float(words[blocks[name] + 1][0]) if name in blocks else 1.0 for name in ("scale", "scale1", "scale2", "scale3")]
        lattice = (
            np.array(words[blocks["avec"] + 1 : blocks["avec"] + 4], dtype=np.float64) * scale[0] * np.array(scale[1:])[:, None]
        )
        place = blocks["atoms"] + 1
        species, places = [], []
        for _ in range(int(words[place][0])):
            name = words[place + 1][0].strip("'\"").partition(".")[0]
            count = int(words[place + 2][0])
            rows = words[place + 3 : place + 3 + count]
            species += [element_of(name)] * count
            places += [[float(word) for word in row[:3]] for row in rows]
            place += 2 + count
        return Crystal(lattice * BOHR, tuple(species), np.array(places, dtype=np.float64).reshape(-1, 3))
    except (KeyError, ValueError, IndexError):
        raise FileFormatError("is no crystal of Elk") from None


def _points(diagram: bytes) -> FloatArray:
    """Energies and densities of a diagram, shape (2, N)."""
    rows = []
    for found in _POINT.finditer(diagram):
        values = dict(re.findall(rb"\b(e|dos)\s*=\s*[\"']([^\"']*)[\"']", found[1]))
        try:
            rows.append((float(values[b"e"]), float(values[b"dos"])))
        except (KeyError, ValueError):
            raise FileFormatError("is damaged: a point of the diagram has no energy or density; copy the dos.xml again") from None
        if len(rows) > _MOST_POINTS:
            raise FileFormatError("has over a million points; cut it down")
    return np.array(rows, dtype=np.float64).reshape(-1, 2).T


def _curve(kind: str, energies: FloatArray, spins: Sequence[FloatArray]) -> Curve:
    densities = np.stack([np.where((row <= 0).all() & (number == 1), -row, row) for number, row in enumerate(spins)])
    notes = ["energies are in Hartree from the Fermi level; they are converted to eV"]
    return Curve(kind, energies * HARTREE, densities / HARTREE, 0.0, notes=notes)
