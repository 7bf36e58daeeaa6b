"""Targets whose DOS nobody has computed: a crystal of an atlas, or one that a formula may have, by the DOS that the model expects of it.

What can be named: an id of an atlas (`mp-149`, `JVASP-1002`), a formula (`GaAs`), a formula with its prototype or space group (`GaAs-B3`, `GaAs:B3`,
`GaAs:216`, `GaAs:F-43m`). Small letters do. That the DOS is predicted is said with the target.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.find import find_structure
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.named import Named, likely
from dosmith.errors import DosmithError, FormulaError, NotFoundError, SpectrumError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.models.interface import Model
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.ranking import told
from dosmith.spectra.descriptors import Descriptors, of_curves
from dosmith.spectra.parts import Part
from dosmith.spectra.standard import StandardSpectrum
from dosmith.spectra.zero import energy_zeros
from dosmith.targets import Target

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.atlas import Atlas

FloatArray = NDArray[np.float64]

_ID = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)?-\d+")
_HOW = "the DOS is predicted by the model '{}', not computed"


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
        if named.fits(facts["prototype"], symmetry.number_of(facts["space_group"] or "")):
            return library.ids[row]
    return None


def crystal_named(
    what: str,
    library: Library,
    prototype: str | None = None,
    *,
    guess: bool = False,
    model: Callable[[], Model] | None = None,
    atlases: Callable[[], Sequence[Atlas]] | None = None,
) -> Structure:
    """The crystal that a person names: as in `find_structure`, by an id of an atlas, or by a formula with its prototype or space group, as designs name candidates.

    Args:
        what, library, prototype, guess: see `find_structure`.
        model: opens the model of whose candidates one may be meant.
        atlases: opens those in which ids are looked up.

    Raises:
        NotFoundError, FileFormatError, FormulaError, MissingExtraError: see there; or there is no such crystal of the formula.
    """
    if Path(what).is_file() or what in library:
        return find_structure(what, library)
    if _ID.fullmatch(what):
        for atlas in () if atlases is None else atlases():
            if (row := _row_of(atlas, what)) is not None:
                return symmetry.primitive(atlas.crystals([row])[0].structure)
        _refuse_unknown_id(what)
    named = None
    try:
        named = Named.parse(what)
    except NotFoundError:
        if not (Path(what).suffix or "/" in what):
            raise
    except FormulaError:
        pass
    if named is None or (named.prototype is None and named.space_group is None):
        return find_structure(what, library, prototype, guess=guess)
    if (known := known_id(what, library)) is not None:
        return find_structure(known, library)
    found = _proposed(named, None if model is None else model())
    if found is None:
        raise NotFoundError(
            f"{formulas.write(named.composition)} has no crystal like that which dosmith knows; give a structure file"
        )
    return found


def _proposed(named: Named, model: Model | None) -> Structure | None:
    """The crystal that a model proposes under a name, else the one in which the elements are known, else a filled prototype."""
    from dosmith.crystals.filling import filled, originals
    from dosmith.crystals.potential import Potential

    if isinstance(model, TightBindingModel) and (place := _candidate(named, model, None)) is not None:
        return model.atlas.crystals[place].structure
    for name, structure in originals(named.composition):
        if named.fits(name, symmetry.space_group(structure)[1]):
            return structure
    possible = [
        (energy, structure)
        for name, structure, energy in filled(named.composition, Potential())
        if named.fits(name, symmetry.space_group(structure)[1])
    ]
    return min(possible, key=lambda each: each[0])[1] if possible else None


def predicted_target(
    text: str,
    model: Model,
    atlases: Sequence[Atlas] = (),
    crystal_system: str | None = None,
    elsewhere: Callable[[], Sequence[Atlas]] | None = None,
    part: Part | None = None,
) -> Target | None:
    """The target that a text names by its predicted DOS; None where it names no crystal that can be predicted.

    Args:
        text: as the module says.
        model: that predicts; one of another kind than the forward model predicts nothing.
        atlases: where ids and formulas are looked up first.
        crystal_system: of a formula with several crystals.
        elsewhere: opens further atlases, where ids alone are looked up.
        part: only these elements and orbitals are wanted, by the projections that the model predicts.

    Raises:
        NotFoundError: an id of a database that none of the atlases holds, an unknown prototype, or a formula of which no such crystal is known.
    """
    if _ID.fullmatch(text):
        for atlas in (*atlases, *(() if elsewhere is None else elsewhere())):
            if (row := _row_of(atlas, text)) is not None:
                return _of_atlas(atlas, row, model, part)
        _refuse_unknown_id(text)

    def known(composition: Composition) -> bool:
        proposed = isinstance(model, TightBindingModel) and len(model.atlas.entries.table.rows_of(composition)) > 0
        return proposed or likely(composition)

    try:
        named = Named.parse(text, known)
    except FormulaError:
        return None
    for atlas in atlases:
        if (row := _best(atlas, named, crystal_system)) is not None:
            return _of_atlas(atlas, row, model, part)
    if not isinstance(model, TightBindingModel):
        return None
    return _of_model(named, model, crystal_system, part)


def _row_of(atlas: Atlas, text: str) -> int | None:
    """The row of an id, or of the crystal that was recognised as the one of that id."""
    from dosmith.atlas.adding import Record

    known = {name.lower(): identifier for name, identifier in Record(atlas.folder).aliases().items()}
    return atlas.index.row_of(known.get(text.lower(), text))


def _refuse_unknown_id(text: str) -> None:
    if text.partition("-")[0].lower() in ("mp", "mvc", "jvasp", "oqmd", "cod", "agm"):
        raise NotFoundError(
            f"there is no {text} in the library or an atlas of yours; 'dosmith data fetch' brings its DOS,"
            " 'dosmith atlas add --mp' or '--jarvis' its crystal"
        )


def _best(atlas: Atlas, named: Named, crystal_system: str | None) -> int | None:
    """The crystal of a name that is lowest in energy."""
    rows = atlas.index.rows_with("formula", formulas.write(named.composition))
    fits = [
        row
        for row, group, name in zip(
            rows, atlas.index.numbers("space_group")[rows], atlas.index.words("prototype", rows), strict=True
        )
        if named.fits(name, int(group)) and crystal_system in (None, symmetry.system_of(int(group)))
    ]
    energies = atlas.index.numbers("formation_energy")
    return min(fits, key=lambda row: (np.isnan(energies[row]), float(energies[row])), default=None)


def _of_atlas(atlas: Atlas, row: int, model: Model, part: Part | None) -> Target | None:
    (crystal,) = atlas.crystals([row])
    source = f"{crystal.id} in {atlas.name} ({crystal.where}); {_HOW.format(crystal.model.rpartition('-')[0])}"
    whole = _target(crystal.id, source, crystal.composition, atlas.expected([row])[0], model, crystal.gap)
    return whole if part is None else predicted_part(whole, part, crystal.structure, model)


def _of_model(named: Named, model: TightBindingModel, crystal_system: str | None, part: Part | None) -> Target | None:
    """By the crystal that the elements are known in, else by the model's own candidates, else by the lowest of filled prototypes."""
    composition, formula = named.composition, formulas.write(named.composition)
    unknown = sorted({symbol for symbol, _ in composition} - set(model.elements), key=formulas.atomic_number)
    if unknown:
        raise NotFoundError(f"no DOS of {formula} is known, and the model '{model.name}' does not know {' '.join(unknown)}")

    def suits(structure: Structure, name: str | None) -> bool:
        number = symmetry.space_group(structure)[1]
        return named.fits(name, number) and crystal_system in (None, symmetry.system_of(number))

    from dosmith.crystals.filling import filled, originals

    known = [(name, structure) for name, structure in originals(composition) if suits(structure, name)]
    if known:
        name, structure = known[0]
        return _of_structure(structure, f"{formula} as {name}", model, composition, part)
    if (place := _candidate(named, model, crystal_system)) is not None:
        crystal = model.atlas.crystals[place]
        vector = model.atlas.candidates.spectrum(place)
        source = f"{formula} as {crystal.prototype}; {_HOW.format(model.name)}"
        whole = _target(formula, source, composition, vector, model, told(model.atlas.gaps[place]))
        return whole if part is None else predicted_part(whole, part, crystal.structure, model)
    from dosmith.crystals.potential import Potential

    possible = [
        (energy, name, structure) for name, structure, energy in filled(composition, Potential()) if suits(structure, name)
    ]
    if not possible:
        return None
    _, name, structure = min(possible, key=lambda each: each[0])
    return _of_structure(structure, f"{formula} as {name}, the lowest of {len(possible)} prototypes", model, composition, part)


def _candidate(named: Named, model: TightBindingModel, crystal_system: str | None) -> int | None:
    atlas = model.atlas
    places = [
        place
        for place, composition in enumerate(atlas.entries.compositions)
        if composition == named.composition
        and named.fits(atlas.crystals[place].prototype, kind_of(atlas.crystals[place].prototype).space_group)
        and crystal_system in (None, atlas.crystals[place].crystal_system)
    ]
    return min(places, key=lambda place: float(np.nan_to_num(atlas.formation_energies[place], nan=np.inf)), default=None)


def _of_structure(
    structure: Structure, what: str, model: TightBindingModel, composition: Composition, part: Part | None
) -> Target | None:
    try:
        found = model.ensemble.predict([structure])
    except DosmithError:  # PyTorch or CHGNet is not installed
        return None
    source = f"{what}; {_HOW.format(model.name)}"
    whole = _target(formulas.write(composition), source, composition, found.expected[0], model, told(found.gaps[0]))
    return whole if part is None else predicted_part(whole, part, structure, model)


def predicted_part(whole: Target, part: Part, structure: Structure, model: Model) -> Target | None:
    """A part of a target by the projections, or the spins, that the model predicts of its crystal; None where it can predict none.

    Args:
        whole: the target, all of its states.
        part: elements and orbitals that are wanted, or a spin; not those of a spin.
        structure: its crystal.
        model: that predicts.

    Raises:
        SpectrumError: the crystal has no such states.
    """
    if not isinstance(model, TightBindingModel) or (part.spin is not None and part.projected):
        return None
    try:
        parts = model.ensemble.parts(structure) if part.spin is None else model.ensemble.spins(structure)
    except DosmithError:  # PyTorch or CHGNet is not installed, or an element is not known
        return None
    if not parts:
        raise SpectrumError(f"{whole.name}: the model '{model.name}' expects no magnetism, so spin up and spin down are alike")
    chosen = [
        curve
        for (element, orbital), curve in parts.items()
        if part.element in (None, element) and (part.spin or part.orbital) in (None, orbital)
    ]
    states, step = np.maximum(np.sum(chosen, axis=0), 0.0), model.recipe.grid.step
    if not chosen or not states.sum() > 0:
        held = ", ".join(f"{element}:{orbital}" for element, orbital in parts)
        raise SpectrumError(f"{whole.name}: it has no {part} states among its predicted projections ({held})")
    share = states.sum() / sum(curve.sum() for curve in parts.values())
    what = "projections" if part.spin is None else "spins"
    note = f"its {what} are predicted by the model '{model.name}', not computed"
    steps = (*whole.standard.steps, f"only its {part} states count, {share:.0%} of the states in the window", note)
    standard = replace(whole.standard, values=states / (states.sum() * step), steps=steps)
    source = whole.source if whole.predicted else f"{whole.source}; {note}"
    bands = Descriptors() if part.spin is not None else of_curves(model.recipe.grid.energies, parts, part.element)
    return replace(
        whole,
        name=f"{whole.name}, {part} states",
        source=source,
        standard=standard,
        part=part,
        descriptors=bands,
        predicted=True,
        states=None,
    )


def _target(
    name: str, source: str, composition: Composition, expected: FloatArray, model: Model, gap: float | None = None
) -> Target:
    """A target by its expected spectrum and gap; a gap that is not known is read off the spectrum, where it may be filled up."""
    recipe = model.recipe
    values = np.maximum(np.asarray(expected, dtype=np.float64), 0.0)
    values = values / (values.sum() * recipe.grid.step)
    zero, broadening = np.zeros(1), np.full(1, recipe.broadening)
    if gap is None:
        gap = float(energy_zeros(recipe.grid.energies, values[None], zero, broadening, recipe.zero, how=recipe.gap)[1][0])
    steps = (f"{_HOW.format(model.name)}",)
    standard = StandardSpectrum(values, recipe, 0.0, gap, 1.0, steps, "the prediction")
    return Target(name, source, standard, composition, predicted=True)
