"""What CASTEP writes: eigenvalues (`*.bands`), with the Fermi level, the electrons and the cell; and OptaDOS's curves of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from dosmith.constants import BOHR, HARTREE
from dosmith.errors import FileFormatError
from dosmith.sources import tables
from dosmith.sources.crystal import MOST_SITES, Crystal, element_of
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues

BANDS = "CASTEP .bands"
OPTADOS = "OptaDOS"

SIGNATURE = re.compile(r"\A\s*Number of k-points\s+\d+\s*\n\s*Number of spin components\s+[12]\b", re.IGNORECASE)
OPTADOS_SIGNATURE = re.compile(r"O p t a D O S   o u t p u t")
_HEAD = re.compile(
    r"Number of k-points\s+(\d+)\s+Number of spin components\s+([12])\s+"
    r"(?:Number of electrons\s+(?P<electrons>[\d.Ee+ -]+?)\s+)?(?:Number of eigenvalues\s+(?P<bands>[\d ]+?)\s+)?"
    r"Fermi energ(?:y|ies)\s+\(in atomic units\)\s+(?P<fermi>[\d.Ee+ -]+?)\s+Unit cell vectors",
    re.IGNORECASE,
)
_POINT = re.compile(r"^K-point\s+\d+\s+(?:\S+\s+){3}(?P<weight>[\d.Ee+-]+)\s*$", re.MULTILINE)


def read_bands(lines: Iterable[str]) -> Curve:
    """The eigenvalues of a `.bands` file as a density of states.

    Raises:
        FileFormatError: they are not complete.
    """
    found, fermi, electrons = read_eigenvalues("".join(lines))
    curve = found.curve(
        BANDS, fermi, ["a list of eigenvalues on a mesh of k-points; along the lines of a band structure they are no DOS"]
    )
    if electrons is not None:
        curve.electrons = electrons
        if abs(found.electrons_below(fermi) - electrons) > 0.5:
            curve.notes.append(
                f"{found.electrons_below(fermi):.4g} electrons lie below the Fermi level, not the {electrons:g} of the run"
            )
    return curve


def read_eigenvalues(text: str) -> tuple[Eigenvalues, float, float | None]:
    """The eigenvalues of a `.bands` file, its Fermi level (eV) and its electrons.

    Raises:
        FileFormatError: they are not complete.
    """
    head = _HEAD.search(text[:5000])
    points = list(_POINT.finditer(text))
    if head is not None and len(points) != int(head[1]):
        raise FileFormatError(f"is truncated: {int(head[1])} k-points announced, {len(points)} found; copy the .bands again")
    if head is None or not points:
        raise FileFormatError("is damaged: CASTEP's .bands has a head, then k-points with eigenvalues; copy it again")
    spins = int(head[2])
    ends = [*(point.start() for point in points[1:]), len(text)]
    try:
        weights = [float(point["weight"]) for point in points]
        rows = [_spins(text[point.end() : end], spins) for point, end in zip(points, ends, strict=True)]
        if sum(len(row) for rows_ in rows for row in rows_) > MOST:
            raise ValueError("too many")
        levels = [float(word) for word in head["fermi"].split()]
        electrons = sum(float(word) for word in head["electrons"].split()) if head["electrons"] else None
        channels = np.array(rows, dtype=np.float64).transpose(1, 0, 2) * HARTREE
    except ValueError:
        raise FileFormatError(
            "is damaged: its k-points have not all the same number of eigenvalues; copy the .bands again"
        ) from None
    if len(set(levels)) > 1:
        raise FileFormatError("has a Fermi level of its own for each spin; give the DOS of a run with one")
    return Eigenvalues.of(channels, weights), levels[0] * HARTREE, electrons


def read_optados(lines: Iterable[str]) -> Curve:
    """What OptaDOS writes as `*.dat`: a table with a list of its columns, energies from the Fermi level unless it says otherwise.

    Raises:
        FileFormatError: it is the list of settings, or holds other columns.
    """
    text = list(lines)
    if any("Partial Density of States" in line or "Projected" in line for line in text[:20]):
        raise FileFormatError(
            "holds projections (OptaDOS' pdos.dat); give the SEED.adaptive.dat, SEED.fixed.dat or SEED.linear.dat"
        )
    curve = tables.read_table(text)
    curve.format = OPTADOS
    return curve


def _spins(text: str, spins: int) -> list[list[float]]:
    """The eigenvalues of each spin at one k-point."""
    parts = re.split(r"Spin component\s+\d+", text)[1:]
    if len(parts) != spins:
        raise ValueError("spins")
    return [[float(word) for word in part.split()] for part in parts]


def read_cell(text: str) -> Crystal:
    """The crystal in CASTEP's `*.cell` or `*-out.cell`, lengths in Angstrom unless Bohr is said.

    Raises:
        FileFormatError: it is none.
    """
    blocks: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] and words[0].lower() in ("%block", "%endblock"):
            name = words[1].lower() if words[0].lower() == "%block" and len(words) > 1 else ""
        elif name:
            blocks.setdefault(name, []).append(line)
    try:
        unit, rows = _cell_rows(blocks.get("lattice_cart") or blocks["lattice_abc"])
        lattice = np.array(rows, dtype=np.float64)
        if "lattice_cart" not in blocks:
            from pymatgen.core.lattice import Lattice

            lattice = np.array(Lattice.from_parameters(*(lattice[0] * unit), *lattice[1]).matrix)
        else:
            lattice *= unit
        unit, rows = _cell_rows(blocks.get("positions_frac") or blocks["positions_abs"])
        species = [element_of(row[0]) for row in rows]
        places = np.array([row[1:4] for row in rows], dtype=np.float64)
    except (KeyError, ValueError, IndexError, ZeroDivisionError):
        raise FileFormatError("is no crystal of CASTEP") from None
    if "positions_frac" in blocks:
        return Crystal(lattice, tuple(species), places)
    return Crystal.of_cartesian(lattice, species, places * unit)


def _cell_rows(block: Sequence[str]) -> tuple[float, list[list[str]]]:
    """The unit (Angstrom) and the rows of a block of a `.cell`, without comments."""
    rows = [words for line in block if (words := re.split(r"[!#;]", line)[0].split())]
    if len(rows) > MOST_SITES + 2:
        raise ValueError("too many atoms")
    if rows and len(rows[0]) == 1:
        return {"ang": 1.0, "bohr": BOHR, "nm": 10.0}[rows[0][0].lower()], rows[1:]
    return 1.0, rows
