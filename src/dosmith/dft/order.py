"""In which order a plan is computed: by worth and cost, kinds of crystals in turns, so that the first hours are as broad as the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from dosmith.dft.plan import Entry
from dosmith.settings import DftSettings

TURNS: dict[str, float] = {
    "element": 2.0,
    "textbook": 4.0,
    "real": 5.0,
    "paper": 0.25,
    "lanthanide": 3.0,
    "molecular": 2.0,
    "magnet": 0.25,
    "again": 0.1,
    "": 1.0,
}
"""Crystals of each purpose in a round. Magnets take some four times as long as others; `again` is what lacks nothing but projections."""

SOUGHT = frozenset({"Pt3Fe-L1_2", "Pt3Mn-L1_2", "MnO-B1", "NiO-B1"})
"""Magnets that everyone asks for: they come as soon as crystals of a twentieth of their cost."""

_SPIN = 4.0
_SLOW = 10.0  # cerium with its 4f electron converges badly
_EARLY, _EARLY_FACTOR = (
    frozenset(["Ti", "V", "Cr", "Zr", "Nb", "Mo", "Tc", "Hf", "Ta", "W", "Re"]),
    1.5,
)  # their semicore electrons count


def cost(entry: Entry) -> float:
    """How long a crystal takes, in units of no meaning: fitted to 329 calculations without spin and 16 with, to a factor of 2."""
    from pymatgen.core.periodic_table import Element

    heavy = [Element(symbol).is_transition_metal or Element(symbol).is_rare_earth for symbol in entry.species]
    functions = sum(26 if each else 13 for each in heavy)
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(entry.lattice), axis=0)
    points = np.prod(np.ceil(lengths / DftSettings().scf_spacing))
    elements = set(entry.species)
    factors = (entry.spin and _SPIN, "Ce" in elements and _SLOW, bool(_EARLY & elements) and _EARLY_FACTOR)
    return float(functions**1.3 * points**0.55 * np.prod([float(factor) for factor in factors if factor]))


def _rank(entry: Entry) -> float:
    return cost(entry) / (20.0 if entry.id in SOUGHT else 1.0)


def interleaved(entries: Iterable[Entry], turns: Mapping[str, float] = TURNS) -> Iterator[Entry]:
    """Entries with their purposes in turns; of one purpose the cheap ones first, and prototypes in turns.

    Each id comes once: for the purpose that is named first.
    """
    waiting: dict[str, dict[str, list[Entry]]] = {purpose: {} for purpose in turns}
    seen: set[str] = set()
    for entry in sorted(entries, key=lambda entry: list(turns).index(entry.purpose)):
        if entry.id not in seen:
            seen.add(entry.id)
            waiting[entry.purpose].setdefault(entry.prototype, []).append(entry)
    lines = {purpose: _in_turns(groups) for purpose, groups in waiting.items()}
    due = dict.fromkeys(turns, 0.0)
    while lines:
        for purpose in list(lines):
            due[purpose] += turns[purpose]
            while due[purpose] >= 1 and purpose in lines:
                due[purpose] -= 1
                following = next(lines[purpose], None)
                if following is None:
                    del lines[purpose]
                else:
                    yield following


def _in_turns(groups: dict[str, list[Entry]]) -> Iterator[Entry]:
    """The cheapest first; the second of a prototype counts as twice its cost, the third as three times, ..."""
    ranked = [
        (_rank(entry) * rank, entry.id, entry)
        for group in groups.values()
        for rank, entry in enumerate(sorted(group, key=_rank), start=1)
    ]
    return iter([entry for _, _, entry in sorted(ranked, key=lambda each: each[:2])])
