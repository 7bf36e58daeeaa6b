"""Kinds of crystals by name, dosmith's prototypes and AFLOW's alike: what they hold, without opening AFLOW's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from dosmith import symmetry
from dosmith.crystals.prototypes import COMMON_NAMES, PROTOTYPES
from dosmith.errors import NotFoundError, did_you_mean
from dosmith.ranking import plain_name

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


_LABEL = re.compile(r"((?:[A-Z]\d*)+)_([a-z][A-Z]\d+)_(\d+)((?:_[A-Za-z\d]+)+)")
"""AFLOW's: elements with their counts, Pearson symbol, number of the space group, letters of the sites of each element."""


@dataclass(frozen=True)
class Kind:
    """A prototype, whatever library it is of.

    Attributes:
        name: Strukturbericht symbol, or AFLOW label.
        counts: atoms on each of its kinds of sites in the primitive cell: A, B, C; of AFLOW's by electronegativity of the original's elements.
        space_group: its number.
        crystal_system: of its space group; dosmith's trigonal ones count as hexagonal.
    """

    name: str
    counts: tuple[int, ...]
    space_group: int
    crystal_system: str

    def structure(self, elements: Sequence[str], volume: float, stretch: float = 1.0) -> Structure:
        """The crystal with these elements.

        Args:
            elements: one for each kind of sites.
            volume: Angstrom^3/atom.
            stretch: of the third lattice vector, of dosmith's prototypes alone.

        Raises:
            ValueError: too many or too few elements.
        """
        if self.name in PROTOTYPES:
            return PROTOTYPES[self.name].stretched(stretch).structure(elements, volume)
        from dosmith.crystals.aflow import aflow_prototypes

        return aflow_prototypes()[self.name].structure(elements, volume)


def kind_of(name: str) -> Kind:
    """The prototype of a name.

    >>> kind_of("B1").crystal_system, kind_of("A2B_tP6_136_f_a").counts
    ('cubic', (2, 4))

    Raises:
        NotFoundError: there is none.
    """
    found = kinds()
    if name not in found:
        raise NotFoundError(f"no prototype is '{name}'{did_you_mean(name, found)}")
    return found[name]


def named(text: str) -> str | None:
    """The prototype that a person means by a Strukturbericht symbol, an AFLOW label or a common name; None where there is none.

    >>> named("l12"), named("Rock-salt"), named("AB_cF8_216_c_a"), named("a2b3_hr10_167_c_e"), named("B33")
    ('L1_2', 'B1', 'B3', 'A2B3_hR10_167_c_e', None)
    """
    return _names().get(plain_name(text))


def near(text: str) -> str:
    """What may have been meant, to stand at the end of a message; see `did_you_mean`."""
    return did_you_mean(text, [*PROTOTYPES, *(each for called in common_names().values() for each in called.split(", "))])


@lru_cache(maxsize=1)
def common_names() -> Mapping[str, str]:
    """What people call the prototypes, by their names: of AFLOW's a mineral, or the crystal whose type it is.

    >>> common_names()["B1"], common_names()["A2B_tI12_141_e_a"], common_names()["AB_tP2_123_a_d"]
    ('rock salt', 'anatase', 'AuCu')
    """
    return {name: called for name, _, called in _lines()} | COMMON_NAMES


def common_name(name: str) -> str | None:
    """What people call a prototype, by any of its labels; None where it has no such name."""
    return common_names().get(label_of(name))


def spoken(name: str) -> str | None:
    """What to say in place of a label of the AFLOW library; None for other names, which speak for themselves.

    >>> spoken("A2B_tI12_141_e_a"), spoken("AB_tP2_123_a_d"), spoken("B1")
    ('anatase', 'AuCu type', None)
    """
    called = None if name in PROTOTYPES else common_name(name)
    return f"{called} type" if called and called[0].isupper() else called


@lru_cache(maxsize=4096)
def label_of(name: str) -> str:
    """The name here of a prototype, of which a label may hold the kinds of sites in another order; as given where there is none, or several.

    >>> label_of("AB2_tI12_141_a_e"), label_of("AB3_cP4_221_a_c"), label_of("L1_2"), label_of("AB2_xy")
    ('A2B_tI12_141_e_a', 'L1_2', 'L1_2', 'AB2_xy')
    """
    found = _names().get(plain_name(name))
    if found is None and (sites := _sites(name)) is not None:
        found = _by_sites().get(sites)
    return found or name


def brief(name: str) -> str:
    """What stands for a prototype in a table: in place of a label of AFLOW's a name, where it is understood behind a formula.

    >>> brief("A2B_tI12_141_e_a"), brief("AB4_tI10_87_a_h"), brief("A2B_hP9_180_j_c"), brief("B1")
    ('anatase', 'MoNi4 type', 'A2B_hP9_180_j_c', 'B1')
    """
    said = spoken(name)
    return said if said is not None and named(said.removesuffix(" type")) == label_of(name) else name


@lru_cache(maxsize=1)
def _by_sites() -> Mapping[tuple[str, ...] | None, str]:
    """Prototypes by what their labels hold, those alone of which there is one."""
    labels = {
        name: _sites(PROTOTYPES[name].aflow if name in PROTOTYPES else name.partition("-")[0]) for name in set(_names().values())
    }
    several = Counter(labels.values())
    return {key: name for name, key in labels.items() if several[key] == 1}


def _sites(label: str) -> tuple[str, ...] | None:
    """Pearson symbol, space group, then the sites of each element with their count, in order; None of what is no label of AFLOW's."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    counts, sites = re.findall(r"[A-Z](\d*)", found[1]), found[4].split("_")[1:]
    return None if len(counts) != len(sites) else (found[2], found[3], *sorted(map("{}{}".format, counts, sites)))


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[str, tuple[int, ...], str], ...]:
    """Of the table of AFLOW's prototypes: name, atoms of each element, what people call it."""
    text = files("dosmith.crystals").joinpath("aflow.txt").read_text(encoding="utf-8")
    cells = [line.split() for line in text.splitlines()[1:]]
    return tuple((name, tuple(map(int, counts)), called) for name, *counts, called in cells)


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    found = {plain_name(name): name for name in kinds()}
    found |= {plain_name(each.aflow): name for name, each in PROTOTYPES.items()}
    several = Counter(called for _, _, called in _lines())
    found |= {plain_name(called): found[plain_name(name)] for name, _, called in _lines() if several[called] == 1}
    return found | {plain_name(each): name for name, called in COMMON_NAMES.items() for each in called.split(", ")}


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """All of them by name; what both libraries have comes under both names."""
    found = {each.name: Kind(each.name, each.counts, each.space_group, each.crystal_system) for each in PROTOTYPES.values()}
    for name, counts, _ in _lines():
        group = int(name.split("_")[2])
        found[name] = Kind(name, counts, group, symmetry.system_of(group))
    return found
