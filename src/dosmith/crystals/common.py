"""Compounds that a chemist knows, with the space group of their crystal."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from dosmith import formulas
from dosmith.formulas import Composition


@lru_cache(maxsize=1)
def common_compounds() -> tuple[tuple[Composition, int], ...]:
    """Reduced compositions and the number of the space group of their crystal at ambient conditions, or of the common phase.

    >>> (formulas.parse("MoS2"), 194) in common_compounds()
    True
    """
    found = []
    for line in Path(__file__).with_name("common-compounds.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, _, names = line.partition(": ")
            found += [(formulas.parse(name), int(kind.split()[0])) for name in names.split()]
    return tuple(found)
