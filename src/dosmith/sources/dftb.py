"""What DFTB+ writes: the eigenvalues with their occupations (`band.out`), and the Fermi level (`detailed.out`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues

FloatArray = NDArray[np.float64]

BANDS = "DFTB+ band.out"

SIGNATURE = re.compile(r"\A\s*KPT\s+\d+\s+SPIN\s+\d+", re.IGNORECASE)
_HEAD = re.compile(
    r"^[ \t]*KPT[ \t]+(\d+)[ \t]+SPIN[ \t]+(\d+)(?:[ \t]+KWEIGHT[ \t]+(\S+))?[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_FERMI = re.compile(r"^[ \t]*Fermi level:[ \t]+\S+[ \t]+H[ \t]+([+-]?\d+\.\d+)[ \t]+eV", re.MULTILINE)


def read_bands(lines: Iterable[str]) -> Curve:
    """The eigenvalues of `band.out` as a density of states, the Fermi level between occupied and empty ones.

    Raises:
        FileFormatError: they are not complete.
    """
    found, fermi = read_eigenvalues("".join(lines))
    return found.curve(BANDS, fermi)


def read_eigenvalues(text: str) -> tuple[Eigenvalues, float]:
    """The eigenvalues of `band.out`, and the level between those that are more and those that are less than half full, eV.

    Raises:
        FileFormatError: they are not complete.
    """
    heads = list(_HEAD.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    if not heads or len(text) > 40 * MOST:
        raise FileFormatError("is damaged: DFTB+'s band.out lists eigenvalues of k-points; copy it again")
    try:
        blocks = [
            [line.split()[-2:] for line in text[head.end() : end].splitlines() if line.strip()]
            for head, end in zip(heads, ends, strict=True)
        ]
        table = np.array(blocks, dtype=np.float64)
        spins = len({head[2] for head in heads})
        points = len(heads) // spins
        weights = [float(head[3]) if head[3] else 1.0 for head in heads if head[2] == heads[0][2]]
        order = sorted(range(len(heads)), key=lambda at: (int(heads[at][2]), int(heads[at][1])))
        channels = table[order].reshape(spins, points, -1, 2)
    except ValueError:
        raise FileFormatError(
            "is damaged: its k-points have not all the same number of eigenvalues; copy the band.out again"
        ) from None
    levels, occupations = channels[..., 0], channels[..., 1]
    holds = 2.0 if spins == 1 and occupations.max(initial=0.0) > 1.001 else 1.0
    return Eigenvalues.of(levels, weights, holds), level_between(levels, occupations, holds)


def level_between(levels: FloatArray, occupations: FloatArray, holds: float) -> float:
    """The middle between the highest level that is at least half full and the lowest that is less, eV.

    Raises:
        FileFormatError: none is occupied, or none is empty.
    """
    full = occupations >= holds / 2
    if not full.any() or full.all():
        raise FileFormatError("lists no occupied, or no empty eigenvalues; give a run with some empty bands")
    return float((levels[full].max() + levels[~full].min()) / 2)


def read_fermi(text: str) -> float:
    """The Fermi level in `detailed.out`, eV.

    Raises:
        FileFormatError: it states none, or one for each spin.
    """
    found = {float(each) for each in _FERMI.findall(text)}
    if len(found) != 1:
        raise FileFormatError("states no Fermi level")
    return found.pop()
