"""Curves in one line each, of block characters, to be compared one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.console import Console

FloatArray = NDArray[np.float64]

BLOCKS = " ▁▂▃▄▅▆▇█"
"""From nothing to the highest."""
WIDEST, NARROWEST = 36, 15
"""Characters of a sparkline; with fewer the zero has no room above it."""


def can_draw(console: Console) -> bool:
    """Whether someone looks at this output, and its encoding has the blocks."""
    return console.is_terminal and has_blocks(console)


def has_blocks(console: Console) -> bool:
    """Whether the encoding of this output has the blocks."""
    try:
        BLOCKS.encode(console.encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def sparklines(curves: Sequence[FloatArray | None], width: int) -> list[str]:
    """Each curve as `width` characters, all on one scale; where there is no curve, nothing.

    Args:
        curves: not negative, shape (points,) each, `width` points or more.
        width: characters; each is as high as the curve is there on average.
    """
    means = [None if curve is None else _means(curve, width) for curve in curves]
    highest = max((float(each.max()) for each in means if each is not None), default=0.0) or 1.0
    return ["" if each is None else "".join(BLOCKS[level] for level in _levels(each / highest)) for each in means]


def scale(lower: float, upper: float, width: int) -> str:
    """What stands above sparklines: where the curve begins, where its zero is, and where it ends."""
    place = zero_place(lower, upper, width)
    end = f"{upper:g} eV"
    line = f"{lower:g}".ljust(width - len(end)) + end
    return f"{line[:place]}0{line[place + 1 :]}" if len(f"{lower:g}") < place < width - len(end) - 1 else line


def zero_place(lower: float, upper: float, width: int) -> int:
    """Number of the character that holds the energy zero."""
    return min(max(int(-lower / (upper - lower) * width), 0), width - 1)


def _means(curve: FloatArray, width: int) -> FloatArray:
    return np.array([part.mean() for part in np.array_split(curve, width)])


def _levels(shares: FloatArray) -> list[int]:
    return [int(level) for level in np.rint(shares.clip(0.0, 1.0) * (len(BLOCKS) - 1))]
