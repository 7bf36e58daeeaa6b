"""A part of a density of states: the states of an element, of an orbital, of a spin, or of several of these at once."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FormulaError, SpectrumError
from dosmith.formulas import atomic_number
from dosmith.library import Library
from dosmith.records import ORBITALS, Projections, Spectrum
from dosmith.spectra.grid import Window
from dosmith.spectra.standard import Recipe, StandardSpectrum, binned, standardise

FloatArray = NDArray[np.float64]
Spin = Literal["up", "down"]
SPINS = ("up", "down", "both")

_TEXT = re.compile(r"\s*(?:(?P<element>[A-Z][a-z]?|[a-z]{2}|[a-z](?=\s*:))(?:\s*:\s*(?P<one>[spdf]))?|:?(?P<orbital>[spdf]))\s*")


class NoProjectionsError(SpectrumError):
    """Nothing tells the projections of a density of states, so a model may predict them."""


@dataclass(frozen=True)
class Part:
    """Which states count; None counts all.

    Attributes:
        element: symbol.
        orbital: s, p, d or f.
        spin: up or down, as the source has them.
    """

    element: str | None = None
    orbital: str | None = None
    spin: Spin | None = None

    @classmethod
    def parse(cls, project: str | None, spin: str | None = None) -> Part | None:
        """The part that someone asks for: ``Pt:d``, ``d``, ``Pt``; ``up``, ``down`` or ``both``. None where it is the whole.

        Small letters do, but for elements of one letter alone: p are the states of that orbital, P those of phosphorus.

        >>> str(Part.parse("Pt:d")), str(Part.parse("O", "up")), Part.parse(None, "both"), str(Part.parse("o:p"))
        ('Pt d', 'O spin up', None, 'O p')

        Raises:
            SpectrumError: it names no element, orbital or spin.
        """
        if spin not in (None, *SPINS):
            raise SpectrumError(f"'{spin}' is no spin; give up, down or both")
        one: Spin | None = "up" if spin == "up" else "down" if spin == "down" else None
        if project is None:
            return None if one is None else cls(spin=one)
        found = _TEXT.fullmatch(project)
        try:
            if found is None:
                raise FormulaError("")
            element = None if found["element"] is None else found["element"].capitalize()
            if element is not None:
                atomic_number(element)
        except FormulaError:
            raise SpectrumError(
                f"'{project}' is no part of a density of states; give an element and an orbital as in Pt:d, an element (Pt), or an"
                f" orbital ({', '.join(ORBITALS)})"
            ) from None
        return cls(element, found["one"] or found["orbital"], one)

    @property
    def projected(self) -> bool:
        """Whether projections are needed: a spin alone is told by the whole curve."""
        return self.element is not None or self.orbital is not None

    def __str__(self) -> str:
        words = (self.element, self.orbital, None if self.spin is None else f"spin {self.spin}")
        return " ".join(word for word in words if word is not None)

    def of(self, spectrum: Spectrum, projections: Projections | None) -> Spectrum:
        """The spectrum of this part, on the energies and with the Fermi level of the whole; without its gap, which is the whole's.

        Raises:
            SpectrumError: the source does not tell this part, or it is empty.
        """
        densities = spectrum.densities
        if self.projected:
            if projections is None:
                raise NoProjectionsError(f"nothing tells its {self} states: it has no projections on elements and orbitals")
            labels = projections.labels
            if not any(self.element in (None, element) and self.orbital in (None, orbital) for element, orbital in labels):
                held = ", ".join(f"{element}:{orbital}" for element, orbital in labels)
                raise SpectrumError(f"it has no {replace(self, spin=None)} states among its projections ({held})")
            densities = projections.of(self.element, self.orbital)
        if self.spin is not None:
            if len(densities) != 2:
                raise SpectrumError(f"it does not tell spin {self.spin} from the other: it is not spin-polarised")
            densities = densities[int(self.spin == "down")][None]
        if not np.any(densities > 0):
            raise SpectrumError(f"its {self} states are zero everywhere")
        return replace(spectrum, densities=densities, gap=None, valence_top=None)


def library_parts(
    library: Library, recipe: Recipe, part: Part, narrow: dict[int, Window] | None = None
) -> tuple[NDArray[np.intp], FloatArray]:
    """A part of all of a library's DOS as vectors, from the energy zeros of the whole ones; those without it are left out.

    Args:
        library: any.
        recipe: of the vectors.
        part: that counts.
        narrow: the part of the window that narrow curves cover is added here by their row.

    Returns:
        rows of the library, shape (M,), in order; vectors, 1/eV, unit area, shape (M, points).
    """
    wanted = library.projected(part.element, part.orbital) if part.projected else library.polarised()
    rows, vectors = [], [np.empty((0, recipe.grid.points))]
    for row, material in zip(wanted, library.materials(wanted), strict=True):
        with suppress(SpectrumError):
            standard = standardise(material.spectrum, recipe)
            density = part.of(material.spectrum, material.projections).total
            found = standard_part(standard, material.spectrum, density)
            rows.append(row)
            vectors.append(found[None])
            if narrow is not None and standard.covered is not None:
                narrow[row] = standard.covered
    return np.array(rows, dtype=np.intp), np.concatenate(vectors)


def standard_part(standard: StandardSpectrum, whole: Spectrum, density: FloatArray) -> FloatArray:
    """A part as a vector of unit area, from the energy zero and in the window of its whole, 1/eV, shape (points,).

    Raises:
        SpectrumError: it is empty there.
    """
    recipe, zero = standard.recipe, np.array([standard.zero])
    vector = binned(whole.energies, density[None], zero, whole.broadening, recipe)[0]
    if standard.covered is not None:
        vector = vector * standard.covered.mask(recipe.grid)
    area = float(vector.sum()) * recipe.grid.step
    if not area > 0:
        raise SpectrumError(f"it has no such states in the window {recipe.grid.key} eV around the energy zero")
    return np.asarray(vector / area)
