"""A target is any density of states a person can point at: a formula, an id, a file, an object, arrays."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.crystals.kinds import common_name
from dosmith.errors import DosmithError, ModelError, NotFoundError, SpectrumError, did_you_mean
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.records import Material, Projections, Spectrum
from dosmith.settings import FileSettings
from dosmith.sources.fermi import level_of_electrons
from dosmith.spectra.blur import recognised_broadening
from dosmith.spectra.descriptors import Descriptors, of_curves, of_spins, standard_parts
from dosmith.spectra.parts import Part, standard_part
from dosmith.spectra.standard import Recipe, StandardSpectrum, standardise
from dosmith.spectra.zero import zero_choice

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pymatgen.electronic_structure.dos import Dos

FloatArray = NDArray[np.float64]
TargetLike: TypeAlias = "str | os.PathLike[str] | Spectrum | Material | Dos | tuple[ArrayLike, ArrayLike]"
"""Formula, id or file; Spectrum or Material; a pymatgen Dos or CompleteDos; (energies in eV from the Fermi level, densities)."""
OTHERS = "; ask for others by id: "
"""What the source of a formula's DOS says of the other crystals begins with it."""
_NEAR = 10.0
"""eV from the Fermi level within which a curve's broadening is read off."""
_BROAD = (0.2, 0.6)
"""eV: less changes little, and a curve that is smoother still is so by nature, or was drawn."""
_STILL = 0.05
"""eV by which a broadening may move the energy zero."""
_FRACTIONS = re.compile(r"(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?)?)+")


CRYSTAL_SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")


@dataclass(frozen=True)
class Reading:
    """How a target is read.

    Attributes:
        crystal_system: of a formula with several polymorphs; without it the one of lowest energy is taken.
        fermi: Fermi level on the curve's own axis, eV, in place of the stated one.
        electrons: the Fermi level is where the curve, counted from its lowest energy, holds this many; `fermi` goes before it.
        broadening: Gaussian sigma that the curve carries, eV, in place of the stated one.
        zero: another energy zero than the model's: auto, fermi, vbm, midgap, or eV on the curve's own axis.
        part: only these elements, orbitals or spin are wanted. A table, arrays and a Spectrum, which hold no projections, are taken for
            that part.
    """

    crystal_system: str | None = None
    fermi: float | None = None
    electrons: float | None = None
    broadening: float | None = None
    zero: str | float | None = None
    part: Part | None = None

    @classmethod
    def of(
        cls,
        crystal_system: str | None = None,
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
        zero: str | float | None = None,
        project: str | None = None,
        spin: str | None = None,
    ) -> Reading:
        """As a person means it; see `Part.parse` for `project` and `spin`.

        Raises:
            ModelError: there is no such crystal system.
            FormulaError, SpectrumError: there is no such part.
        """
        return cls(known_system(crystal_system), fermi, electrons, broadening, zero, Part.parse(project, spin))

    @property
    def of_prediction(self) -> bool:
        """Whether a DOS that is merely predicted can be read so."""
        spin = None if self.part is None or not self.part.projected else self.part.spin  # of an element or orbital
        return all(each is None for each in (self.fermi, self.electrons, self.zero, spin))


def known_system(crystal_system: str | None) -> str | None:
    """A crystal system as dosmith writes it.

    Raises:
        ModelError: there is none of that name.
    """
    if crystal_system is None:
        return None
    system = str(crystal_system).lower()
    if system not in CRYSTAL_SYSTEMS:
        raise ModelError(
            f"'{crystal_system}' is not a crystal system; they are {', '.join(CRYSTAL_SYSTEMS)}{did_you_mean(system, CRYSTAL_SYSTEMS)}"
        )
    return system


@dataclass(frozen=True, eq=False)
class _Found:
    """What someone means, not standardised yet.

    Attributes:
        name: how to call it.
        source: where it came from.
        spectrum: the whole of it.
        composition: when known.
        material_id: when it is a material of the library.
        sites: atoms in the cell that the spectrum is of; None when that is unknown.
        projections: reads its projections; None where its source can hold none, so that it may be declared a part itself.
    """

    name: str
    source: str
    spectrum: Spectrum
    composition: Composition | None = None
    material_id: str | None = None
    sites: int | None = None
    projections: Callable[[], Projections | None] | None = None


@dataclass(frozen=True, eq=False)
class Target:
    """A density of states that more is wanted of.

    Attributes:
        name: how to call it.
        source: where it came from, in words.
        standard: its vector, with what was done to get it.
        composition: when known.
        material_id: when it is a material of the library.
        part: the elements, orbitals and spin that the vector is of; None where it is of all.
        parts: vectors of each element and orbital, 1/eV, in the unit of a whole vector of unit area; empty where they were not asked
            for, or nothing tells them.
        descriptors: of bands and spins, where something tells.
        predicted: whether the DOS is none that was computed, but the one that a model expects.
        curve: whether its curve counts; where only a gap was asked for, it merely shows what such materials are like.
        polymorphs: ids of the other crystals of its composition that the library knows, lowest in energy first.
        states: per atom within the window, as the source has them; None where it tells no atoms.
    """

    name: str
    source: str
    standard: StandardSpectrum
    composition: Composition | None = None
    material_id: str | None = None
    part: Part | None = None
    parts: Mapping[tuple[str, str], FloatArray] = field(default_factory=dict)
    descriptors: Descriptors = field(default_factory=Descriptors)
    predicted: bool = False
    curve: bool = True
    polymorphs: tuple[str, ...] = ()
    states: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The target as it stands in the JSON answer."""
        standard = self.standard
        return {
            "name": self.name,
            "source": self.source,
            "formula": None if self.composition is None else formulas.write(self.composition),
            "material_id": self.material_id,
            "polymorphs": list(self.polymorphs),
            "part": None if self.part is None else str(self.part),
            "energy_zero_ev": standard.zero,
            "energy_zero_from": standard.zero_from,
            "gap_ev": standard.gap,
            "coverage": standard.coverage,
            "states_per_atom": self.states,
            "covered_ev": None if standard.covered is None else [standard.covered.lower, standard.covered.upper],
            "steps": list(standard.steps),
        }


def resolve_target(
    target: TargetLike,
    library: Library,
    recipe: Recipe,
    reading: Reading | None = None,
    *,
    files: FileSettings | None = None,
    with_parts: bool = False,
) -> Target:
    """The target that someone means.

    Args:
        target: what they gave. Of a text, `-` is standard input; else an existing file comes first, then an id, then a formula.
        library: where formulas and ids are looked up.
        recipe: of the vector.
        reading: how it is read; as it states itself when None.
        files: limits on files.
        with_parts: also read `Target.parts` and `Target.descriptors`, where there are any.

    Raises:
        NotFoundError: no such file, id, or no DOS of that formula.
        FileFormatError, SpectrumError, FormulaError: what was given is not usable; the message says why.
    """
    reading = reading or Reading()
    found = _look_up(target, library, reading, files)
    made = _standard(found, recipe, reading, with_parts)
    return replace(made, polymorphs=_polymorphs(made, library))


def named_target(
    text: str,
    library: Library,
    recipe: Recipe,
    reading: Reading | None = None,
) -> Target:
    """The target of an id or formula. Whatever the text, no file is opened.

    Raises:
        NotFoundError: no DOS of that formula.
        FormulaError: the text is no id and no formula.
    """
    reading = reading or Reading()
    found = _from_library(text, library, "") if text in library else _from_formula(text, library, reading.crystal_system)
    made = _standard(found, recipe, reading)
    return replace(made, polymorphs=_polymorphs(made, library))


def _standard(found: _Found, recipe: Recipe, reading: Reading, with_parts: bool = False) -> Target:
    spectrum, fermi, part = found.spectrum, reading.fermi, reading.part
    if fermi is None and reading.electrons is not None:
        level = level_of_electrons(spectrum.energies, spectrum.densities, reading.electrons)
        fermi = None if abs(level - spectrum.fermi) < 1e-3 else level  # a file's reader has counted already
    if fermi is not None and spectrum.fermi != fermi:
        spectrum = replace(
            spectrum, fermi=fermi, fermi_from="given", notes=(*spectrum.notes, f"Fermi level set to {fermi:g} eV by hand")
        )
    if reading.broadening is not None:
        spectrum = replace(spectrum, broadening=reading.broadening)
    elif spectrum.broadening == 0:
        spectrum = _as_broad_as_it_looks(spectrum, recipe)
    choice = None if reading.zero is None else zero_choice(reading.zero)
    name, projections = found.name, None
    parts: Mapping[tuple[str, str], FloatArray] = {}
    descriptors = Descriptors()
    if part is not None and found.projections is None and (part.projected or not spectrum.spin_polarized):
        standard = _declared(standardise(spectrum, recipe, "fermi" if choice is None else choice), part)
        if with_parts and part.orbital is not None:
            descriptors = of_curves(recipe.grid.energies, {(part.element or "", part.orbital): standard.values}, part.element)
    else:
        if found.projections is not None and (with_parts or (part is not None and part.projected)):
            projections = _read(found, part)
        standard = standardise(spectrum, recipe, choice)
        if projections is not None and with_parts:
            parts = standard_parts(spectrum, _of_spin(projections, part), recipe, standard.zero)
        if with_parts:
            element = None if part is None else part.element
            bands = of_curves(recipe.grid.energies, parts, element).as_dict() if parts else {}
            descriptors = Descriptors(**(bands | of_spins(spectrum)))
        if part is not None:
            try:
                standard = _standard_part(standard, spectrum, projections, part)
            except SpectrumError as error:
                raise type(error)(f"{name}: {error}") from None
    if part is not None:
        name = f"{name}, {part} states"
    states = None if part is not None or not found.sites or standard.area is None else standard.area / found.sites
    return Target(name, found.source, standard, found.composition, found.material_id, part, parts, descriptors, states=states)


def _of_spin(projections: Projections, part: Part | None) -> Projections:
    """Those of the spin that is wanted, where they tell it."""
    if part is None or part.spin is None or len(projections.densities) != 2:
        return projections
    return replace(projections, densities=projections.densities[int(part.spin == "down")][None])


def _read(found: _Found, part: Part | None) -> Projections | None:
    """The projections of what was found; where none are needed, what cannot be read is none."""
    assert found.projections is not None
    try:
        return found.projections()
    except DosmithError:
        if part is None or not part.projected:
            return None
        raise


def _declared(standard: StandardSpectrum, part: Part) -> StandardSpectrum:
    told = f"the curve is taken for {part} states, as declared; a gap in a part is not the crystal's, so it starts at the Fermi level"
    return replace(standard, gap=0.0, steps=(*standard.steps, told))


def _standard_part(
    standard: StandardSpectrum, spectrum: Spectrum, projections: Projections | None, part: Part
) -> StandardSpectrum:
    """The vector of a part, from the energy zero of the whole."""
    density = part.of(spectrum, projections).total
    values = standard_part(standard, spectrum, density)
    grid = standard.recipe.grid
    inside = (spectrum.energies >= standard.zero + grid.lower) & (spectrum.energies <= standard.zero + grid.upper)
    share = float(np.trapezoid(density[inside], spectrum.energies[inside])) / float(
        np.trapezoid(spectrum.total[inside], spectrum.energies[inside])
    )
    told = [f"only its {part} states count, {share:.0%} of the states in the window"]
    if part.projected and projections is not None:
        from dosmith.sources.projected import held

        if (known := held(projections, spectrum)) < 0.99:
            told.append(f"its projections hold {known:.0%} of the whole")
    return replace(standard, values=values, steps=(*(step for step in standard.steps if "up and down summed" not in step), *told))


def _as_broad_as_it_looks(spectrum: Spectrum, recipe: Recipe) -> Spectrum:
    """A curve whose source states no broadening, with that which its shape tells, where it tells one that matters.

    Bands may be smooth by nature: where a broadening would move the edge of a band, and with it the energy zero, it is not believed.
    """
    near = np.abs(spectrum.energies - spectrum.fermi) <= _NEAR
    if near.sum() < 2:
        return spectrum
    found = round(recognised_broadening(spectrum.energies[near], spectrum.total[near]), 2)
    if not _BROAD[0] <= found <= _BROAD[1]:
        return spectrum
    told = (
        f"the curve looks broadened by about {found:g} eV, which its source does not state: counted in (--broadening for another)"
    )
    broad = replace(spectrum, broadening=found, notes=(*spectrum.notes, told))
    moved = standardise(broad, recipe).zero - standardise(spectrum, recipe).zero
    return broad if abs(moved) < _STILL else spectrum


def _look_up(target: TargetLike, library: Library, reading: Reading, files: FileSettings | None) -> _Found:
    if isinstance(target, Spectrum):
        return _Found("target", "a Spectrum", target)
    if isinstance(target, Material):
        return _of_material(target, f"the material {target.id}")
    if isinstance(target, (str, os.PathLike)):
        text = os.fspath(target)
        if text == "-":
            return _from_file(Path(text), reading, files)
        named = text in library or formulas.looks_like_formula(text)
        if os.path.exists(text) and not (named and os.path.isdir(text)):  # an output folder may bear the name of its formula
            return _from_file(Path(text), reading, files)
        if text in library:
            return _from_library(text, library, "")
        if isinstance(target, os.PathLike) or _looks_like_path(text):
            raise NotFoundError(f"the file {text} does not exist")
        return _from_formula(text, library, reading.crystal_system)
    if isinstance(target, tuple) and len(target) == 2:
        return _Found("target", "arrays", _of_arrays(target[0], target[1], reading.fermi, reading.electrons))
    if hasattr(target, "energies") and hasattr(target, "efermi"):
        from dosmith.sources.files import from_pymatgen
        from dosmith.sources.projected import from_pymatgen as parts_of_object

        structure = getattr(target, "structure", None)
        composition = None if structure is None or not structure.is_ordered else _composition_of(structure.species)
        name = "target" if composition is None else formulas.write(composition)
        spectrum = from_pymatgen(target)
        reader = partial(parts_of_object, target, spectrum) if getattr(target, "pdos", None) else None
        sites = None if structure is None else len(structure)
        return _Found(name, f"a pymatgen {type(target).__name__}", spectrum, composition, sites=sites, projections=reader)
    raise DosmithError(
        f"a {type(target).__name__} is not a target; give a formula, an id, a file, a Spectrum, a pymatgen Dos or (energies, densities)"
    )


def _of_arrays(energies: ArrayLike, densities: ArrayLike, fermi: float | None, electrons: float | None) -> Spectrum:
    """A curve on energies from the Fermi level, unless that is given."""
    counted = fermi is None and electrons is not None
    checked = Spectrum.from_arrays(energies, densities, float(np.min(energies)) if counted else fermi or 0.0)
    if fermi is not None or electrons is None:
        return checked
    return replace(checked, fermi=level_of_electrons(checked.energies, checked.densities, electrons), fermi_from="electrons")


def _from_file(path: Path, reading: Reading, files: FileSettings | None) -> _Found:
    from dosmith.sources.beside import crystal_of
    from dosmith.sources.files import printable, read_dos
    from dosmith.sources.projected import may_be_declared, projections_of

    shown, limit = "standard input" if str(path) == "-" else printable(path.name), (files or FileSettings()).max_mebibytes
    declared = reading.part is not None and reading.part.projected
    found = read_dos(path, fermi=reading.fermi, electrons=reading.electrons, max_mebibytes=limit, part=declared)
    source, composition = f"the file {shown} ({found.format})", found.composition
    sites = found.sites if found.crystal is None else len(found.crystal.species)
    if composition is None and path.is_file() and (crystal := crystal_of(path, found)) is not None:  # no pipe
        source, composition = f"{source}, crystal from {crystal.file}", crystal.composition
        sites = len(crystal.species)
    name = shown if composition is None else formulas.write(composition)
    reader = None if may_be_declared(found) else partial(projections_of, path, found, max_mebibytes=limit)
    return _Found(name, source, found.spectrum, composition, sites=sites, projections=reader)


def _from_library(identifier: str, library: Library, remark: str) -> _Found:
    material = library.material(identifier)
    facts = [str(material.provenance[key]) for key in ("code", "functional") if key in material.provenance]
    return _of_material(material, f"{identifier} in {library.name}{' (' + ', '.join(facts) + ')' if facts else ''}{remark}")


def _of_material(material: Material, source: str) -> _Found:
    return _Found(
        material.formula,
        source,
        material.spectrum,
        material.composition,
        material.id,
        len(material.species) or None,
        lambda: material.projections,
    )


def _from_formula(text: str, library: Library, crystal_system: str | None) -> _Found:
    composition = formulas.typed(text, library.rows_of)
    rows = library.rows_of(composition, crystal_system) or library.rows_of(composition)
    if not rows:
        raise NotFoundError(_no_dos(composition, library))
    others = [row for row in library.rows_of(composition) if row != rows[0]]
    named = ", ".join(f"{library.ids[row]} ({_crystal_of(library, row)})" for row in others)
    remark = f"; its crystal is {_crystal_of(library, rows[0])}"
    if others:
        remark += f", the lowest in energy of {len(rows)}" if len(rows) > 1 else ""
    if crystal_system is not None and library.crystal_systems[rows[0]] != crystal_system:
        remark += f"; no {crystal_system} DOS of it is known, so this one is the target"
    if others:
        remark += f"{OTHERS}{named}"
    return _from_library(library.ids[rows[0]], library, remark)


def _crystal_of(library: Library, row: int) -> str:
    """What people call the crystal of a row; one that is called after another material, or by a label, is of that type."""
    name = library.prototypes[row]
    called = (name and common_name(name)) or name or library.crystal_systems[row] or "of unknown kind"
    return called if called[0].islower() else f"of the {called} type"


def _polymorphs(target: Target, library: Library) -> tuple[str, ...]:
    if target.material_id is None or target.composition is None:
        return ()
    return tuple(each for row in library.rows_of(target.composition) if (each := library.ids[row]) != target.material_id)


def _no_dos(composition: Composition, library: Library) -> str:
    system = {symbol for symbol, _ in composition}
    near = [library.ids[row] for row in range(len(library)) if _elements(library.formulas[row]) == system]
    tip = f"; of the same elements it holds {', '.join(near[:5])}" if near else ""
    damage = f" (parts of it are damaged and left out: {'; '.join(library.damaged)})" if library.damaged else ""
    return (
        f"{library.name} has no DOS of {formulas.write(composition)}{tip}{damage}."
        " Give a file instead (vasprun.xml, DOSCAR, pymatgen JSON, CSV), computed by you or fetched from a database"
    )


def _elements(formula: str) -> set[str]:
    return {symbol for symbol, _ in formulas.parse(formula)}


def _composition_of(species: Sequence[Any]) -> Composition:
    return formulas.reduce((str(getattr(site, "symbol", site)), 1) for site in species)


def _looks_like_path(text: str) -> bool:
    if "." in text and _FRACTIONS.fullmatch(text):  # Ni0.25Pt0.75 is a formula without whole counts, and told to be
        return False
    return os.sep in text or "." in text or text.upper() == "DOSCAR"
