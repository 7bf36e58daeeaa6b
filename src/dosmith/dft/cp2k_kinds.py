"""Atomic kinds of a CP2K input: which sites share one, with which basis, pseudopotential and starting moment.

Sites of one element with different starting moments are different kinds, so that a run may begin antiferromagnetic. La and Ce take
the basis of BASIS_MOLOPT_UCL; the other lanthanides have their 4f electrons in the core (J.-B. Lu et al., J. Chem. Theory Comput.
19, 82 (2023)), as the Materials Project computes them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dosmith.dft.engine import starting_moments
from dosmith.errors import EngineError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

BASIS = "DZVP-MOLOPT-SR-GTH"

UCL = frozenset({"La", "Ce"})
"""Elements whose basis is in BASIS_MOLOPT_UCL."""

FROZEN_4F = frozenset({"Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu"})
"""Lanthanides computed as trivalent with 4f in the core; Eu and Yb are so only where they are trivalent."""

FROZEN_4F_ELECTRONS = 11
"""Electrons outside such a core: 5s, 5p, 5d, 6s."""


@dataclass(frozen=True)
class Kinds:
    """The kinds of a structure's sites.

    Attributes:
        symbols: element of each site.
        moments: unpaired electrons of each site at the start; zeros without spin.
        data: CP2K's data folder; only looked into for lanthanides.
    """

    symbols: tuple[str, ...]
    moments: tuple[float, ...]
    data: Path | None = None

    @classmethod
    def of(cls, structure: Structure, spin: bool, data: Path | None = None) -> Kinds:
        """The kinds of a structure; see `engine.starting_moments` for where the run begins."""
        symbols = tuple(site.specie.symbol for site in structure)
        return cls(symbols, starting_moments(structure) if spin else (0.0,) * len(symbols), data)

    @cached_property
    def _distinct(self) -> list[tuple[str, float]]:
        return sorted(set(zip(self.symbols, self.moments, strict=True)), key=lambda kind: (kind[0], -kind[1]))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The name of each site's kind: its element, numbered where that has several."""
        names: dict[tuple[str, float], str] = {}
        for symbol, moment in self._distinct:
            alike = [kind for kind in self._distinct if kind[0] == symbol]
            names[symbol, moment] = symbol if len(alike) == 1 else f"{symbol}{alike.index((symbol, moment)) + 1}"
        return tuple(names[pair] for pair in zip(self.symbols, self.moments, strict=True))

    @property
    def numbers(self) -> list[int]:
        """The kind of each site as a number: sites of one number may be equivalent by symmetry."""
        return [self._distinct.index(pair) for pair in zip(self.symbols, self.moments, strict=True)]

    @property
    def multiplicity(self) -> int:
        """Unpaired electrons of the cell at the start, plus one, as the number of electrons allows."""
        from pymatgen.core.periodic_table import Element

        moment = abs(round(sum(self.moments)))
        odd = [FROZEN_4F_ELECTRONS if symbol in FROZEN_4F else Element(symbol).Z for symbol in self.symbols]
        return moment + (sum(odd) - moment) % 2 + 1  # all other pseudopotentials' cores are even

    @property
    def basis_files(self) -> tuple[str, ...]:
        """The files that hold the basis sets."""
        return ("BASIS_MOLOPT", "BASIS_MOLOPT_UCL") if UCL & set(self.symbols) else ("BASIS_MOLOPT",)

    def sections(self, spin: bool) -> list[str]:
        """The KIND section of each kind.

        Raises:
            EngineError: CP2K's data folder is needed for a lanthanide and not found.
        """
        kinds = sorted(set(zip(self.labels, self.symbols, self.moments, strict=True)))
        return [section(f"KIND {label}", *self._content(symbol), *_start(moment, spin)) for label, symbol, moment in kinds]

    def _content(self, symbol: str) -> Sequence[str]:
        if symbol not in FROZEN_4F:
            return (f"ELEMENT {symbol}", f"BASIS_SET {BASIS}", "POTENTIAL GTH-PBE")
        # ELEMENT Lu: CP2K counts the 4f shell of the neutral atom for its guess, and only a full one fits a core that holds
        # it. The element's own numbers stand here, for by name CP2K would take those of Lu.
        data = self.data or data_folder(None)
        potential = _entry(data / "LnPP2_POTENTIALS", f"{symbol} GTH-PBE-q11")
        basis = [_mended(line) for line in _entry(data / "BASIS_MOLOPT_LnPP2", f"{symbol} DZVP-MOLOPT-GTH-q11")]
        return ("ELEMENT Lu", "POTENTIAL GTH GTH-PBE-q11", section("POTENTIAL", *potential), section("BASIS", *basis))


def data_folder(command: str | None) -> Path:
    """CP2K's folder of basis sets and potentials: `CP2K_DATA_DIR`, beside the program, or Debian's.

    Raises:
        EngineError: it is nowhere.
    """
    places = [Path(os.environ["CP2K_DATA_DIR"])] if "CP2K_DATA_DIR" in os.environ else []
    if command is not None:
        share = Path(command).resolve().parent.parent / "share" / "cp2k"
        places += [share / "data", share]
    places += [Path("/usr/share/cp2k"), Path("/usr/local/share/cp2k/data")]
    for place in places:
        if (place / "LnPP2_POTENTIALS").is_file():
            return place
    raise EngineError("CP2K's data folder, which holds the lanthanides' potentials, is not found; set CP2K_DATA_DIR to it")


def section(name: str, *content: str) -> str:
    """A section of a CP2K input."""
    inside = "\n".join(content)
    indented = "".join(f"  {line}\n" for line in inside.splitlines())
    return f"&{name}\n{indented}&END {name.split()[0]}"


def _start(moment: float, spin: bool) -> Sequence[str]:
    return (f"MAGNETIZATION {moment:g}",) if spin else ()


def _entry(path: Path, title: str) -> list[str]:
    """The lines below one that begins with a title, up to the next entry."""
    wanted = title.split()
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from None
    starts = [number for number, line in enumerate(lines) if line.split()[: len(wanted)] == wanted]
    if not starts:
        raise EngineError(f"{path} holds no {title}")
    found = []
    for line in lines[starts[0] + 1 :]:
        if not line.strip() or re.match(r"\s*(#|[A-Z][a-z]?\s+[A-Z])", line):
            break
        found.append(line.strip())
    return found


def _mended(line: str) -> str:
    """A line of the lanthanides' basis sets with the minus signs that 2023's cp2k-data lost: E02 is E-02, as in later ones.

    All of its contraction coefficients are below one."""
    return re.sub(r"E(\d)", r"E-\1", line)
