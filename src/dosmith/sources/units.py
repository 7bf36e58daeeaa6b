"""Units of energy as headers, comments and axis labels name them; only those of an electronic energy are converted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from dosmith.constants import HARTREE, RYDBERG
from dosmith.errors import FileFormatError


class Unit(NamedTuple):
    """A unit of energy.

    Attributes:
        name: as the file writes it.
        ev: its size, eV; None where it is not certain, or where no electronic density of states is given in it.
        advice: what to do where `ev` is None.
    """

    name: str
    ev: float | None
    advice: str = ""

    @property
    def size(self) -> float:
        """Its size, eV.

        Raises:
            FileFormatError: it is not certain, or no electronic density of states is given in it.
        """
        if self.ev is None:
            raise FileFormatError(f"gives energies in {self.name}{self.advice}")
        return self.ev


EV = Unit("eV", 1.0)
PHONONS = ": 'dosmith train --spectra' makes a model of such spectra; an electronic DOS has eV"
_PHONONS = f", as phonons are{PHONONS}"
_CONVERT = "; convert them to eV, and the density to states/eV"
_ATOMIC = f", which are Hartree in some programs and Rydberg in others{_CONVERT}"
_KINDS: tuple[tuple[str, float | None, str], ...] = (  # pattern of a whole name, eV, advice
    (r"(?i:eV|electron-?[ ]?volts?)", 1.0, ""),
    (r"m(?:eV|ev)", 1e-3, ""),
    (r"M(?:eV|EV)", None, _CONVERT),
    (r"mRy(?i:dbergs?)?|mry", 1e-3 * RYDBERG, ""),
    (r"m(?:Ha|Eh|ha)(?:rtrees?)?", 1e-3 * HARTREE, ""),
    (r"(?i:Ry|Ryd|Rydbergs?)", RYDBERG, ""),
    (r"(?i:Ha|Hartrees?)|E_?h", HARTREE, ""),
    (r"(?i:cm\s*\^?\s*\{?\s*[-−]\s*1\}?|1/cm|wave ?numbers?)", None, _PHONONS),
    (r"(?i:[TG]Hz)", None, _PHONONS),
    (r"K|(?i:Kelvin)", None, _CONVERT),
    (r"(?i:a\.\s?u\.|au|atomic units)", None, _ATOMIC),
    (r"(?i:kJ/mol|kcal/mol|kJ|kcal|Joules?|nm|keV)", None, _CONVERT),
)
NAME = "|".join(pattern for pattern, _, _ in _KINDS)
"""Pattern of any unit of energy, as files write them."""
_ALONE = rf"(?P<unit>{NAME})(?![A-Za-z0-9^]|-[A-Za-z])"
_ENERGY = r"(?:energ(?:y|ies)|\bE(?:\s*[-\N{EN DASH}]\s*E_?F(?:ermi)?)?|\bfrequenc(?:y|ies)|\bomega|x-?axis)"
_OF_ENERGIES = re.compile(  # energy (Ry), Energy unit: Ry, energies in Hartree, E [Ha], E_Ry, XAXIS LABEL "ENERGY (HARTREE)"
    rf"(?i:{_ENERGY})(?![A-Za-z])(?:(?i:\s*(?:units?|are|is|given|axis|label|grid|values?|in|of))*)[\s:=_\"'/,]*[(\[]?\s*{_ALONE}"
)
_UNITS_ARE = re.compile(rf"(?i:\bunits?\b)(?:(?i:\s*(?:are|is|of energy|for energy|in)))*\s*[:=]?\s*[(\[]?\s*{_ALONE}")
_OF_DENSITY = re.compile(rf"(?i:states?|electrons?|\bel|dos|1)(?:\)|\])?\s*(?:/|(?i:\s+per\s+))\s*\(?\s*{_ALONE}")
_OTHER_ENERGY = re.compile(r"(?i:total|cut-?off|kinetic|free|fermi|ewald)[\s_-]+energ(?:y|ies)")


def unit_of(name: str) -> Unit | None:
    """The unit that a word names; None when it names none."""
    word = name.strip()
    for pattern, ev, advice in _KINDS:
        if re.fullmatch(pattern, word):
            return Unit(word, ev, advice)
    return None


def of_energies(remarks: Iterable[str]) -> Unit | None:
    """The unit of the energies in what a file says of itself; None when it says none.

    Raises:
        FileFormatError: two units are named.
    """
    return _the_one("its energies", (found for remark in remarks for found in _in_energies(remark)))


def of_density(remarks: Iterable[str]) -> Unit | None:
    """The unit u of a density in states/u; None when none is said.

    Raises:
        FileFormatError: two units are named.
    """
    names = (found["unit"] for remark in remarks for found in _OF_DENSITY.finditer(remark))
    return _the_one("its density", names)


def _in_energies(remark: str) -> Iterable[str]:
    plain = _OF_DENSITY.sub("", _OTHER_ENERGY.sub("", remark))
    for pattern in (_OF_ENERGIES, _UNITS_ARE):
        for found in pattern.finditer(plain):
            yield found["unit"]


def _the_one(what: str, names: Iterable[str]) -> Unit | None:
    found = [unit for name in names if (unit := unit_of(name)) is not None]
    if len({unit.ev for unit in found}) > 1:
        both = " and ".join(dict.fromkeys(unit.name for unit in found))
        raise FileFormatError(f"names two units for {what}, {both}; keep the right one")
    return found[0] if found else None
