"""One material of a ranked list: its curve, its crystal, what is known of it. Nothing here depends on the target."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith import formulas, symmetry
from dosmith.crystals.drawing import Drawing
from dosmith.crystals.kinds import common_name
from dosmith.crystals.prototypes import PROTOTYPES, crystal_id
from dosmith.designer import Designer
from dosmith.dft.engine import is_magnetic
from dosmith.element_facts import prices_of
from dosmith.errors import DosmithError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library.stability import FORMATION
from dosmith.models.interface import Model
from dosmith.models.tight_binding.atlas import Atlas
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.models.tight_binding.orbital_shares import block_of
from dosmith.ranking import told
from dosmith.records import Material
from dosmith.web.messages import Atom, Card, Curve, DrawnCrystal, Kind, Suggestion

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

_LEAST = 0.02
"""Of the states: parts with fewer are not offered."""
Facts = list[tuple[str, str]]
"""Names and values, in order."""

_OF_BLOCK = {"s": "sp", "p": "ps", "d": "dsp", "f": "dsp"}
"""Orbitals whose states a crystal has, by the block of the element; 4f states are in the core."""


class Materials:
    """Materials by kind and id: the library's, and the model's candidates.

    Args:
        designer: a library and a model.
    """

    def __init__(self, designer: Designer) -> None:
        self.designer = designer
        self._made = lru_cache(maxsize=512)(self._card)  # symmetry takes tens of milliseconds, and the same are looked at again

    @cached_property
    def _places(self) -> dict[str, int]:
        """Id of a candidate -> its place."""
        atlas = self.designer.model.atlas
        if atlas is None:
            return {}
        pairs = zip(atlas.crystals.compositions, atlas.crystals.prototypes, strict=True)
        return {crystal_id(composition, prototype): place for place, (composition, prototype) in enumerate(pairs)}

    @property
    def _atlas(self) -> Atlas:
        model = self.designer.model
        if model.atlas is None:
            raise NotFoundError(f"the model '{model.name}' proposes compositions only; it predicts no crystal and no DOS")
        return model.atlas

    def _place(self, identifier: str) -> int:
        if identifier not in self._places:
            _ = self._atlas  # of another kind of model that is told first
            raise NotFoundError(f"there is no predicted crystal '{identifier}'")
        return self._places[identifier]

    def composition(self, kind: Kind, identifier: str) -> Composition:
        """The composition of a material.

        Raises:
            NotFoundError: there is none.
        """
        if kind == "new":
            return self._atlas.entries.compositions[self._place(identifier)]
        return self.designer.library.compositions[self.designer.library.row_of(identifier)]

    @cached_property
    def _names(self) -> list[tuple[str, Kind, str, str]]:
        """All there are, for people who type: id in small letters, kind, id, formula; computed ones first."""
        library = self.designer.library
        found: list[tuple[str, Kind, str, str]] = [
            (library.ids[row].lower(), "known", library.ids[row], library.formulas[row]) for row in self.designer.known.rows
        ]
        found += [(each.lower(), "new", each, each.split("-")[0]) for each in self._places]
        return found

    def suggestions(self, text: str, top: int) -> list[Suggestion]:
        """Crystals that may be meant by a text: those of the formula, then those whose id or formula begins with it."""
        typed = text.lower().replace(" ", "")
        if not typed:
            return []
        found: dict[tuple[Kind, str], None] = {}
        with suppress(DosmithError):
            found |= {(kind, each): None for kind, each, _ in self._crystals_of(formulas.parse(text))}
        begin = sorted(
            (kind, len(formula), place) for place, (name, kind, _, formula) in enumerate(self._names) if name.startswith(typed)
        )
        found |= {self._names[place][1:3]: None for *_, place in begin[:top]}
        return [self._suggestion(*each) for each in list(found)[:top]]

    def _suggestion(self, kind: Kind, identifier: str) -> Suggestion:
        formula = formulas.write(self.composition(kind, identifier))
        if kind == "new":
            crystal = self._atlas.crystals[self._place(identifier)]
            return Suggestion(
                kind=kind, id=identifier, formula=formula, prototype=crystal.prototype, crystal_system=crystal.crystal_system
            )
        library = self.designer.library
        row = library.row_of(identifier)
        prototype, system = library.prototypes[row], library.crystal_systems[row]
        return Suggestion(kind=kind, id=identifier, formula=formula, prototype=prototype, crystal_system=system)

    @cached_property
    def _times(self) -> dict[tuple[str | None, bool], float]:
        """Seconds that half of the library's calculations took at most, by prototype and whether with spin."""
        library, found = self.designer.library, dict[tuple[str | None, bool], list[float]]()
        for row, facts in enumerate(library.provenances):
            if isinstance(seconds := facts.get("seconds"), int | float):
                found.setdefault((library.prototypes[row], facts.get("spin_treatment") == "collinear"), []).append(seconds)
        return {key: float(np.median(times)) for key, times in found.items()}

    def curve(self, kind: Kind, identifier: str) -> Curve:
        """Its DOS on the board's energies: computed, or predicted with a band.

        Raises:
            NotFoundError: there is none.
        """
        if kind == "new":
            place = self._place(identifier)
            values, half_width = self._atlas.curve(place)
            formula = formulas.write(self._atlas.entries.compositions[place])
            return Curve(kind=kind, id=identifier, formula=formula, values=_short(values), half_width=_short(half_width))
        row = self.designer.library.row_of(identifier)
        known = self.designer.known.vector(identifier)
        if known is None:
            raise NotFoundError(f"the DOS of {identifier} does not reach over the board's energies")
        return Curve(kind=kind, id=identifier, formula=self.designer.library.formulas[row], values=_short(known), half_width=None)

    def curve_csv(self, kind: Kind, identifier: str) -> str:
        """The same as CSV text with a header; a predicted curve has the borders of its band."""
        curve, text = self.curve(kind, identifier), io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        energies = self.designer.model.recipe.grid.energies
        writer.writerow(["energy_ev", "dos_per_ev"] + (["lower", "upper"] if curve.half_width else []))
        for energy, value, half in itertools.zip_longest(energies, curve.values, curve.half_width or ()):
            borders = [] if half is None else [f"{max(value - half, 0):.6g}", f"{value + half:.6g}"]
            writer.writerow([f"{energy:.6g}", f"{value:.6g}", *borders])
        return text.getvalue()

    def structure(self, kind: Kind, identifier: str) -> Structure:
        """Its crystal, the primitive cell.

        Raises:
            NotFoundError: there is none.
        """
        if kind == "new":
            return self._atlas.crystals[self._place(identifier)].structure
        structure = self.designer.library.material(identifier).structure
        if structure is None:
            raise NotFoundError(f"{identifier} has no crystal in {self.designer.library.name}")
        return structure

    def named(self, kind: Kind, identifier: str) -> dict[str, Any]:
        """What a calculation of it should know besides its crystal: its prototype, and its formation energy in a potential, eV/atom.

        Raises:
            NotFoundError: there is none.
        """
        if kind == "known":
            return {"prototype": self.designer.library.prototypes[self.designer.library.row_of(identifier)]}
        crystal = self._atlas.crystals[self._place(identifier)]
        return {"prototype": crystal.prototype, FORMATION[crystal.potential]: told(crystal.formation_energy)}

    def structure_text(self, kind: Kind, identifier: str, form: str) -> str:
        """Its crystal as ``cif`` or ``poscar``."""
        return text_of(self.structure(kind, identifier), form)

    def parts(self, identifier: str) -> list[str]:
        """What of a known material's states can be asked for: what the library tells apart, else what the model predicts."""
        material = self.designer.library.material(identifier)
        told = parts_of(material)
        return told if material.projections is not None else _predictable(material, self.designer.model) + told

    def card(self, kind: Kind, identifier: str) -> Card:
        """What is known of it.

        Raises:
            NotFoundError: there is none.
        """
        return self._made(kind, identifier)

    def _card(self, kind: Kind, identifier: str) -> Card:
        composition = self.composition(kind, identifier)
        facts, provenance, cell = self._new_facts(identifier) if kind == "new" else self._known_facts(identifier)
        price = prices_of([composition])[0]
        if price is not None:
            facts.append(("Elements cost", f"about {price:,.2g} USD/kg" if price < 10 else f"about {price:,.0f} USD/kg"))
        return Card(
            kind=kind,
            id=identifier,
            formula=formulas.write(composition),
            crystal=None if cell is None else drawn(cell),
            facts=facts,
            provenance=provenance,
            seconds=self._times.get(
                (self._suggestion(kind, identifier).prototype, is_magnetic(symbol for symbol, _ in composition))
            ),
            others=[other for other in self._crystals_of(composition) if other[:2] != (kind, identifier)],
        )

    def _crystals_of(self, composition: Composition) -> list[tuple[Kind, str, str]]:
        library = self.designer.library
        found: list[tuple[Kind, str, str]] = [
            ("known", library.ids[row], library.prototypes[row] or library.ids[row]) for row in library.rows_of(composition)
        ]
        if (atlas := self.designer.model.atlas) is not None:
            kinds = [atlas.crystals.prototypes[place] for place in atlas.crystals.compositions.rows_of(composition).tolist()]
            found += [("new", crystal_id(composition, kind), kind) for kind in kinds]
        return found

    def _new_facts(self, identifier: str) -> tuple[Facts, Facts, Structure]:
        model, atlas, place = self.designer.model, self._atlas, self._place(identifier)
        crystal = atlas.crystals[place]
        (cell, group), energy = symmetry.conventional_with_group(crystal.structure), crystal.formation_energy
        facts = [
            *_crystal_facts(cell, group, crystal.prototype),
            ("Formation energy", "unknown" if np.isnan(energy) else f"{energy:+.3f} eV/atom ({crystal.potential})"),
        ]
        provenance = [
            ("DOS", f"predicted by the model '{model.name}', not computed"),
            ("Its networks agree", f"{float(atlas.certainties[place]):.2f} (1: in every detail)"),
            (
                "Typical of new chemistry",
                f"mean cosine {atlas.calibration.cosine:.2f} to the computed DOS, {atlas.calibration.count:,} crystals",
            ),
            ("Crystal", "prototype at its lowest energy in the CHGNet potential"),
            (
                "Composition",
                "in training" if atlas.entries.compositions[place] in model.trained_on() else "never seen in training",
            ),
        ]
        return facts, provenance, cell

    def _known_facts(self, identifier: str) -> tuple[Facts, Facts, Structure | None]:
        material = self.designer.library.material(identifier)
        source = dict(material.provenance)
        facts: Facts = []
        cell = None
        if material.structure is not None:
            cell, group = symmetry.conventional_with_group(material.structure)
            facts += _crystal_facts(cell, group, material.prototype)
        if material.spectrum.gap is not None:
            facts.append(("Band gap", f"{material.spectrum.gap:.2f} eV" if material.spectrum.gap else "none, a metal"))
        for key, name in (("formation_energy", "Formation energy"), ("energy_above_hull", "Above the hull")):
            if isinstance(value := source.pop(key, None), int | float):
                facts.append((name, f"{value:+.3f} eV/atom (computed)"))
        if isinstance(moment := source.pop("magnetic_moment", None), int | float) and abs(moment) > 0.01:
            facts.append(("Magnetic moment", f"{moment:.2f} Bohr magnetons per cell"))
        provenance = [("Id", material.id), *((key.replace("_", " "), _plain(value)) for key, value in source.items())]
        return facts, provenance, cell


def _predictable(material: Material, model: Model) -> list[str]:
    """Elements and orbitals of a crystal that a model can predict here."""
    known = {symbol for symbol, _ in material.composition} <= set(model.elements)
    if material.structure is None or not known or not isinstance(model, TightBindingModel):
        return []
    if any(find_spec(name) is None for name in ("torch", "chgnet")):
        return []
    return [f"{symbol}:{orbital}" for symbol, _ in material.composition for orbital in _OF_BLOCK[block_of(symbol)]]


def parts_of(material: Material) -> list[str]:
    """What of a material's states is told apart: elements and orbitals, those with most states first, then spins."""
    found = material.projections
    shares = (
        {}
        if found is None
        else {":".join(label): float(each.sum()) for label, each in zip(found.labels, found.densities.sum(axis=0), strict=True)}
    )
    parts = [label for label, share in sorted(shares.items(), key=lambda each: -each[1]) if share > _LEAST * sum(shares.values())]
    return parts + (["up", "down"] if material.spectrum.spin_polarized else [])


def text_of(structure: Structure, form: str) -> str:
    """A crystal as ``cif`` (with its symmetry) or ``poscar``."""
    if form == "cif":
        return symmetry.cif(structure)
    return str(structure.get_sorted_structure().to(fmt="poscar"))


def drawn(cell: Structure) -> DrawnCrystal:
    """A conventional cell as the page draws it."""
    found = Drawing.of(cell)
    return DrawnCrystal(
        lattice=[_triple(vector) for vector in found.lattice],
        atoms=[Atom(symbol=s, position=_triple(p)) for s, p in zip(found.symbols, found.positions, strict=True)],
        bonds=list(found.bonds),
    )


def _crystal_facts(cell: Structure, group: tuple[str, int], prototype: str | None) -> Facts:
    (symbol, number), lattice = group, cell.lattice
    lengths = [f"{name} = {length:.3f}" for name, length in zip("abc", lattice.abc, strict=True)]
    known, called = PROTOTYPES.get(prototype or ""), prototype and common_name(prototype)
    return [
        ("Prototype", f"{prototype or 'unknown'}{f' ({called})' if called else ''}"),
        *([("AFLOW label", known.aflow)] if known else []),
        ("Space group", f"{symbol} ({number})"),
        ("Lattice", ", ".join(lengths[:1] if len(set(lattice.abc)) == 1 else lengths) + " Å"),
        ("Volume", f"{cell.volume / len(cell):.2f} Å³/atom"),
    ]


def _triple(vector: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (round(float(component), 4) for component in vector)
    return x, y, z


def _short(values: Iterable[float]) -> list[float]:
    return [round(float(value), 6) for value in values]


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(_plain(each) for each in value)
    return f"{value:.6g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)
