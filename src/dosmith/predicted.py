"""Targets whose DOS nobody has computed: a crystal of an atlas, or one that a formula may have, by the DOS that the model expects of it.

What can be named: an id of an atlas (`mp-149`, `JVASP-1002`), a formula (`GaAs`), a formula with its prototype or space group (`GaAs-B3`, `GaAs:B3`,
`GaAs:216`, `GaAs:F-43m`). Small letters do. That the DOS is predicted is said with the target.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.prototypes import prototype
from dosmith.errors import DosmithError, FormulaError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.models.interface import Model
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.standard import StandardSpectrum
from dosmith.spectra.zero import energy_zeros
from dosmith.targets import Target

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.atlas import Atlas

FloatArray = NDArray[np.float64]

_ID = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)?-\d+")
_HOW = "the DOS is predicted by the model '{}', not computed"


@dataclass(frozen=True)
class Named:
    """A crystal as a person names it.

    Attributes:
        composition: reduced.
        prototype: Strukturbericht symbol, or None.
        space_group: its number, or None.
    """

    composition: Composition
    prototype: str | None = None
    space_group: int | None = None

    @classmethod
    def parse(cls, text: str) -> Named:
        """A formula, alone or with a prototype or a space group behind a colon or a dash.

        >>> Named.parse("gaas:F-43m")
        Named(composition=(('Ga', 1), ('As', 1)), prototype=None, space_group=216)

        Raises:
            FormulaError: it begins with no formula.
            NotFoundError: there is no such prototype or space group.
        """
        for sign in (":", "-"):
            formula, found, rest = text.partition(sign)
            if found:
                return cls._of(formulas.typed(formula.strip()), rest.strip())
        return cls(formulas.typed(text))

    @classmethod
    def _of(cls, composition: Composition, rest: str) -> Named:
        group = symmetry.number_of(rest)
        return cls(composition, prototype(rest).name) if group is None else cls(composition, None, group)


def known_id(text: str, library: Library, crystal_system: str | None = None) -> str | None:
    """The id in a library of what a text names in other words: in small letters, or by formula and prototype or space group; None when there is none."""
    small = text.strip().lower()
    same = [identifier for identifier in library.ids if identifier.lower() == small]
    if len(same) == 1:
        return same[0]
    try:
        named = Named.parse(text)
    except (FormulaError, NotFoundError):
        return None
    if named.prototype is None and named.space_group is None:
        return None
    rows = library.rows_of(named.composition, crystal_system)
    for row, facts in zip(rows, library.facts(rows), strict=True):
        if named.prototype in (None, facts["prototype"]) and named.space_group in (
            None,
            symmetry.number_of(facts["space_group"] or ""),
        ):
            return library.ids[row]
    return None


def predicted_target(text: str, model: Model, atlases: Sequence[Atlas] = (), crystal_system: str | None = None) -> Target | None:
    """The target that a text names by its predicted DOS; None where it names no crystal that can be predicted.

    Args:
        text: as the module says.
        model: that predicts; one of another kind than the forward model predicts nothing.
        atlases: where ids and formulas are looked up first.
        crystal_system: of a formula with several crystals.

    Raises:
        NotFoundError: an id of a database that none of the atlases holds, an unknown prototype, or a formula of which no such crystal is known.
    """
    if _ID.fullmatch(text):
        for atlas in atlases:
            found = _alias(atlas, text)
            if (row := atlas.index.row_of(text) if found is None else found) is not None:
                return _of_atlas(atlas, row, model)
        if text.partition("-")[0].lower() in ("mp", "mvc", "jvasp", "oqmd", "cod", "agm"):
            raise NotFoundError(
                f"there is no {text} in the library or an atlas of yours; 'dosmith data fetch' brings its DOS,"
                " 'dosmith atlas add --mp' or '--jarvis' its crystal, and --atlas names the atlas"
            )
    try:
        named = Named.parse(text)
    except FormulaError:
        return None
    for atlas in atlases:
        if (row := _best(atlas, named, crystal_system)) is not None:
            return _of_atlas(atlas, row, model)
    if not isinstance(model, TightBindingModel):
        return None
    return _of_model(named, model, crystal_system)


def _alias(atlas: Atlas, text: str) -> int | None:
    """The row of the crystal that was recognised as the one of an id."""
    from dosmith.atlas.adding import Record

    known = {name.lower(): identifier for name, identifier in Record(atlas.folder).aliases().items()}
    return atlas.index.row_of(known[text.lower()]) if text.lower() in known else None


def _best(atlas: Atlas, named: Named, crystal_system: str | None) -> int | None:
    """The crystal of a name that is lowest in energy."""
    rows = atlas.index.rows_with("formula", formulas.write(named.composition))
    fits = [
        row
        for row, group, name in zip(
            rows, atlas.index.numbers("space_group")[rows], atlas.index.words("prototype", rows), strict=True
        )
        if named.prototype in (None, name)
        and named.space_group in (None, int(group))
        and crystal_system in (None, symmetry.system_of(int(group)))
    ]
    energies = atlas.index.numbers("formation_energy")
    return min(fits, key=lambda row: (np.isnan(energies[row]), float(energies[row])), default=None)


def _of_atlas(atlas: Atlas, row: int, model: Model) -> Target:
    (crystal,) = atlas.crystals([row])
    source = f"{crystal.id} in {atlas.name} ({crystal.where}); {_HOW.format(crystal.model.rpartition('-')[0])}"
    return _target(crystal.id, source, crystal.composition, atlas.expected([row])[0], model)


def _of_model(named: Named, model: TightBindingModel, crystal_system: str | None) -> Target | None:
    """By the crystal that the elements are known in, else by the model's own candidates, else by the lowest of filled prototypes."""
    composition, formula = named.composition, formulas.write(named.composition)
    unknown = sorted({symbol for symbol, _ in composition} - set(model.elements), key=formulas.atomic_number)
    if unknown:
        raise NotFoundError(f"no DOS of {formula} is known, and the model '{model.name}' does not know {' '.join(unknown)}")

    def suits(structure: Structure, name: str | None) -> bool:
        number = symmetry.space_group(structure)[1]
        return (
            named.prototype in (None, name)
            and named.space_group in (None, number)
            and crystal_system in (None, symmetry.system_of(number))
        )

    from dosmith.crystals.filling import filled, originals

    known = [(name, structure) for name, structure in originals(composition) if suits(structure, name)]
    if known:
        name, structure = known[0]
        return _of_structure(structure, f"{formula} as {name}", model, composition)
    if (place := _candidate(named, model, crystal_system)) is not None:
        crystal = model.atlas.crystals[place]
        vector = model.atlas.candidates.spectrum(place)
        source = f"{formula} as {crystal.prototype}; {_HOW.format(model.name)}"
        return _target(formula, source, composition, vector, model)
    from dosmith.crystals.potential import Potential

    possible = [
        (energy, name, structure) for name, structure, energy in filled(composition, Potential()) if suits(structure, name)
    ]
    if not possible:
        return None
    _, name, structure = min(possible, key=lambda each: each[0])
    return _of_structure(structure, f"{formula} as {name}, the lowest of {len(possible)} prototypes", model, composition)


def _candidate(named: Named, model: TightBindingModel, crystal_system: str | None) -> int | None:
    atlas = model.atlas
    places = [
        place
        for place, composition in enumerate(atlas.entries.compositions)
        if composition == named.composition
        and named.prototype in (None, atlas.crystals[place].prototype)
        and named.space_group in (None, kind_of(atlas.crystals[place].prototype).space_group)
        and crystal_system in (None, atlas.crystals[place].crystal_system)
    ]
    return min(places, key=lambda place: float(atlas.formation_energies[place]), default=None)


def _of_structure(structure: Structure, what: str, model: TightBindingModel, composition: Composition) -> Target | None:
    try:
        spectrum = model.ensemble.predict([structure]).expected[0]
    except DosmithError:  # PyTorch or CHGNet is not installed
        return None
    return _target(formulas.write(composition), f"{what}; {_HOW.format(model.name)}", composition, spectrum, model)


def _target(name: str, source: str, composition: Composition, expected: FloatArray, model: Model) -> Target:
    recipe = model.recipe
    values = np.maximum(np.asarray(expected, dtype=np.float64), 0.0)
    values = values / (values.sum() * recipe.grid.step)
    zero, broadening = np.zeros(1), np.full(1, recipe.broadening)
    gap = float(energy_zeros(recipe.grid.energies, values[None], zero, broadening, recipe.zero, how=recipe.gap)[1][0])
    steps = (f"{_HOW.format(model.name)}",)
    standard = StandardSpectrum(values, recipe, 0.0, gap, 1.0, steps, "the prediction")
    return Target(name, source, standard, composition, predicted=True)
