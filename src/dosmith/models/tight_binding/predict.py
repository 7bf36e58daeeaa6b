"""The DOS that the forward model expects of what a person names; many at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.find import find_structure
from dosmith.models.tight_binding.atoms import Atoms
from dosmith.models.tight_binding.ensemble import ForwardModel, Magnetism
from dosmith.spectra.descriptors import of_curves

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.library import Library

FloatArray = NDArray[np.float64]


ALIKE = "spins alike"
_NO_MOMENT = 0.05
"""Bohr magnetons of a cell: with less, nothing is said of its spins."""


@dataclass(frozen=True, eq=False)
class PredictedDos:
    """A DOS that was not computed but predicted.

    Attributes:
        name: what was asked for.
        structure: the crystal.
        energies: eV from the energy zero, shape (points,).
        values: standard vector, 1/eV, shape (points,).
        half_width: of the band that holds 68 % of the points of new chemistry, 1/eV, shape (points,).
        certainty: norm of the mean of the expected spectra, each of norm 1: 1 where all members agree on every detail.
        projected: predicts its projections; None where nothing can.
        magnetism: of its spins; None where they are alike, or the model does not tell them apart.
    """

    name: str
    structure: Structure
    energies: FloatArray
    values: FloatArray
    half_width: FloatArray
    certainty: float
    magnetism: Magnetism | None = None
    projected: Callable[[], Mapping[tuple[str, str], FloatArray]] | None = field(default=None, repr=False)

    @cached_property
    def parts(self) -> Mapping[tuple[str, str], FloatArray]:
        """By element and orbital, in the unit of `values`, whose sum they have, 1/eV, shape (points,); predicted when first asked for."""
        if self.projected is None:
            return {}
        found = self.projected()
        area = sum(float(curve.sum()) for curve in found.values()) * float(self.energies[1] - self.energies[0])
        return {label: curve / area for label, curve in found.items()}

    @property
    def formula(self) -> str:
        """Reduced."""
        return formulas.write(formulas.reduce((site.specie.symbol, 1) for site in self.structure))

    @cached_property
    def space_group(self) -> str:
        """Hermann-Mauguin symbol."""
        return symmetry.space_group(self.structure)[0]

    def headline(self) -> str:
        """What is predicted, in one line."""
        volume = f"{self.structure.volume / len(self.structure):.2f} \N{ANGSTROM SIGN}\N{SUPERSCRIPT THREE}/atom"
        spins = "" if self.magnetic == ALIKE else f"; {self.magnetic}"
        return f"({self.formula}, {self.space_group}, {volume}): predicted, not computed; certainty {self.certainty:.2f}{spins}"

    @property
    def magnetic(self) -> str:
        """What is expected of its spins, in a few words."""
        if self.magnetism is None or self.magnetism.moment < _NO_MOMENT:
            return ALIKE
        likely = self.magnetism.half_metal
        half = "" if likely == 0 else f", half-metal by {likely:.0%} of the members"
        return f"{self.magnetism.moment:.1f} \N{GREEK SMALL LETTER MU}B/cell if ferromagnetic{half}"

    @property
    def spins(self) -> tuple[FloatArray, FloatArray] | None:
        """The curve's parts of spin up and of spin down, 1/eV, shapes (points,)."""
        if self.magnetism is None:
            return None
        return self.values * (1 + self.magnetism.polarisation) / 2, self.values * (1 - self.magnetism.polarisation) / 2

    @property
    def axis(self) -> FloatArray:
        """The energies."""
        return self.energies

    def row(self) -> dict[str, str]:
        """Cells of a table, by column."""
        zero = int(np.argmin(np.abs(self.energies)))
        lower, upper = (border[zero] for border in self.band)
        return {
            "name": self.name,
            "formula": self.formula,
            "space group": self.space_group,
            "DOS at zero (1/eV)": f"{self.values[zero]:.3f}",
            "band": f"{lower:.3f}-{upper:.3f}",
            "certainty": f"{self.certainty:.2f}",
        }

    @property
    def band(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper border; a density is never below zero."""
        return np.maximum(self.values - self.half_width, 0.0), self.values + self.half_width

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        lower, upper = self.band
        return {
            "name": self.name,
            "formula": self.formula,
            "space_group": self.space_group,
            "volume_per_atom": self.structure.volume / len(self.structure),
            "kind": "predicted",
            "certainty": self.certainty,
            "energies_ev": self.energies.round(6).tolist(),
            "dos_per_ev": self.values.tolist(),
            "lower": lower.tolist(),
            "upper": upper.tolist(),
            "projections_per_ev": {f"{symbol}:{orbital}": curve.tolist() for (symbol, orbital), curve in self.parts.items()},
            "descriptors": of_curves(self.energies, self.parts).as_dict(),
            "up": None if self.spins is None else self.spins[0].tolist(),
            "down": None if self.spins is None else self.spins[1].tolist(),
            "moment": None if self.magnetism is None else self.magnetism.moment,
            "half_metal": None if self.magnetism is None else self.magnetism.half_metal,
        }

    def to_csv(self) -> str:
        """The curve as CSV text with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = [f"{symbol}_{orbital}_per_ev" for symbol, orbital in self.parts]
        spins = self.spins or ()
        writer.writerow(["energy_ev", "dos_per_ev", "lower", "upper", *(("up", "down") if spins else ()), *names])
        for row in zip(self.energies, self.values, *self.band, *spins, *self.parts.values(), strict=True):
            writer.writerow([f"{row[0]:.6g}", *(f"{value:.6g}" for value in row[1:])])
        return text.getvalue()


def predict(
    what: Sequence[str | Structure], library: Library, model: ForwardModel, prototype: str | None = None
) -> list[PredictedDos]:
    """The DOS expected of crystals.

    Args:
        what: structures, structure files, formulas, ids in the library.
        library: where ids and formulas are looked up; of a formula's crystals, known or not, CHGNet's lowest is taken.
        model: the forward model.
        prototype: crystal of all formulas.

    Raises:
        DosmithError: one of them is no crystal, or holds an element that the model does not know.
    """
    structures = [
        find_structure(each, library, prototype, guess=True) if isinstance(each, str) else symmetry.primitive(each)
        for each in what
    ]
    atoms = model.prepare_each(structures)
    found = model.predict_atoms(atoms)
    names = [each if isinstance(each, str) else each.composition.reduced_formula for each in what]
    return [
        PredictedDos(
            name,
            structure,
            model.recipe.grid.energies,
            values,
            half_width,
            float(np.linalg.norm(expected)),
            model.magnetism(prepared),
            partial(_parts, model, prepared),
        )
        for name, structure, prepared, values, half_width, expected in zip(
            names, structures, atoms, found.vectors, found.half_widths, found.expected, strict=True
        )
    ]


def _parts(model: ForwardModel, prepared: Atoms) -> Mapping[tuple[str, str], FloatArray]:
    from dosmith.models.tight_binding.projected import parts_of

    return parts_of(model, [prepared])[0]
