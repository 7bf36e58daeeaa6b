"""The crystals that a composition may have: known ones, those of the survey, prototypes; the lowest in energy first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith import formulas, symmetry
from dosmith.crystals.potential import ELEMENTAL, Potential, Relaxed
from dosmith.crystals.prototypes import PROTOTYPES, crystal_id, prototype
from dosmith.crystals.relaxation import relax
from dosmith.crystals.survey import SurveyIndex
from dosmith.crystals.surveyed import Surveyed
from dosmith.errors import NotFoundError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.library.stability import Stability
from dosmith.outputs import write_texts

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

LARGEST = 12
"""Atoms in the primitive cell of AFLOW's prototypes, at most."""

Progress = Callable[[str], None]
"""Called before each prototype, with its name."""


@dataclass(frozen=True, eq=False)
class Polymorph:
    """A crystal that a composition may have.

    Attributes:
        id: formula and prototype: `Pt3Co-L1_2`; of a library's crystal its id there.
        structure: primitive cell.
        prototype: Strukturbericht symbol, or AFLOW's label; None when it has no name.
        source: library, survey, prototype (of dosmith) or AFLOW.
        energy: CHGNet, eV/atom; None when unknown.
        formation_energy: against the elements in the same potential, eV/atom; None when unknown.
        computed: stability by density-functional theory, among the crystals of the library; None when unknown.
    """

    id: str
    structure: Structure
    prototype: str | None
    source: str
    energy: float | None = None
    formation_energy: float | None = None
    computed: Stability | None = None

    @property
    def composition(self) -> Composition:
        """Reduced."""
        return formulas.reduce((site.specie.symbol, 1) for site in self.structure)

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return formulas.write(self.composition)

    @property
    def space_group(self) -> tuple[str, int]:
        """Hermann-Mauguin symbol and number, found by spglib."""
        return symmetry.space_group(self.structure)

    @property
    def crystal_system(self) -> str:
        """The crystal system of the space group."""
        return symmetry.system_of(self.space_group[1])

    @property
    def as_expected(self) -> bool | None:
        """Whether spglib finds the space group of the prototype; None where the prototype states none."""
        name = PROTOTYPES[self.prototype].aflow if self.prototype in PROTOTYPES else self.prototype or ""
        parts = name.split("_")
        return int(parts[2]) == self.space_group[1] if len(parts) > 2 and parts[2].isdigit() else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, without the structure."""
        symbol, number = self.space_group
        return {
            "id": self.id,
            "formula": self.formula,
            "prototype": self.prototype,
            "crystal_system": self.crystal_system,
            "space_group": symbol,
            "space_group_number": number,
            "space_group_as_expected": self.as_expected,
            "atoms": len(self.structure),
            "volume_per_atom": self.structure.volume / len(self.structure),
            "source": self.source,
            "energy": self.energy,
            "formation_energy": self.formation_energy,
            "dft_formation_energy": self.computed and self.computed.formation_energy,
            "dft_above_hull": self.computed and self.computed.above_hull,
        }


def structures(
    composition: Composition,
    library: Library,
    survey: SurveyIndex,
    potential: Potential | None,
    *,
    crystal_system: str | None = None,
    prototype_name: str | None = None,
    aflow: bool = False,
    progress: Progress | None = None,
) -> list[Polymorph]:
    """The crystals of a composition, lowest in energy first; each prototype once.

    Args:
        composition: reduced.
        library: known crystals.
        survey: crystals at their lowest energy in the potential.
        potential: finds what neither knows; None leaves that out.
        crystal_system: wanted; None for all.
        prototype_name: wanted; None for all.
        aflow: also try the prototypes of AFLOW's library, with up to `LARGEST` atoms, each fully relaxed.
        progress: called after each prototype that is tried.

    Raises:
        NotFoundError: no crystal is known, and no prototype suits; or there is no prototype of that name.
        MissingExtraError: `potential` is needed and CHGNet is not installed.
    """
    wanted = prototype(prototype_name).name if prototype_name else None
    surveyed = {each.prototype: each for each in survey.crystals.get(composition, ())}
    found = list(_known(composition, library, survey))
    names = {each.prototype for each in found}
    found += [_of_survey(each) for name, each in surveyed.items() if name not in names]
    if potential is not None:
        tried = names | survey.tried(composition)
        for name in [wanted] if wanted else PROTOTYPES:
            suits = crystal_system in (None, PROTOTYPES[name].crystal_system)
            if suits and name not in tried and (name in ELEMENTAL) == (len(composition) == 1):
                found += _of_prototype(name, composition, potential, progress)
        if aflow and wanted is None:
            found += _of_aflow(composition, potential, crystal_system, found, progress)
    found = [
        each
        for each in found
        if (wanted is None or each.prototype == wanted) and (crystal_system is None or each.crystal_system == crystal_system)
    ]
    if not found:
        formula = formulas.write(composition)
        what = " ".join(word for word in (crystal_system, wanted, "crystal") if word)
        hint = (
            "another crystal system, --aflow, or a structure file" if not aflow else "another crystal system, or a structure file"
        )
        raise NotFoundError(f"no {what} of {formula} is known, and no prototype gives one; try {hint}")
    return sorted(found, key=lambda each: (each.energy is None, each.energy or 0.0, each.id))


def write_structures(crystals: Sequence[Polymorph], folder: Path) -> list[Path]:
    """Each crystal as CIF and POSCAR, and all of them in one extended XYZ file.

    Raises:
        DosmithError: the folder cannot be written.
    """
    contents: dict[str, str] = {}
    for crystal in crystals:
        name = crystal.id.replace(" ", "-").replace("/", "")
        contents[f"{name}.cif"] = symmetry.cif(crystal.structure, symmetry.ALIKE)
        contents[f"{name}.vasp"] = str(crystal.structure.get_sorted_structure().to(fmt="poscar"))
    contents["crystals.extxyz"] = "".join(extended_xyz(crystal) for crystal in crystals)
    return write_texts(folder, contents)


def extended_xyz(crystal: Polymorph) -> str:
    """One frame of an extended XYZ file; energy in eV of the whole cell, in the potential."""
    structure = crystal.structure
    lattice = " ".join(f"{x:.8f}" for x in structure.lattice.matrix.ravel())
    energy = "" if crystal.energy is None else f" energy={crystal.energy * len(structure):.6f}"
    head = f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 name="{crystal.id}" pbc="T T T"{energy}'
    atoms = [f"{site.specie.symbol} {' '.join(f'{x:.8f}' for x in site.coords)}" for site in structure]
    return "\n".join([str(len(structure)), head, *atoms]) + "\n"


def _known(composition: Composition, library: Library, survey: SurveyIndex) -> Iterator[Polymorph]:
    surveyed = {each.prototype: each for each in survey.crystals.get(composition, ())}
    for row in library.rows_of(composition):
        material = library.material(library.ids[row])
        if material.structure is None:
            continue
        facts = material.provenance
        energy = facts.get("potential_energy")
        if energy is None and material.prototype in surveyed:
            energy = surveyed[material.prototype].energy
        formation = None if energy is None else survey.formation_energy(composition, energy)
        above, computed = facts.get("energy_above_hull"), None
        if facts.get("formation_energy") is not None:
            computed = Stability(float(facts["formation_energy"]), None if above is None else float(above))
        yield Polymorph(material.id, material.structure, material.prototype, "library", energy, formation, computed)


def _of_survey(each: Surveyed) -> Polymorph:
    return Polymorph(
        crystal_id(each.composition, each.prototype), each.structure, each.prototype, "survey", each.energy, each.formation_energy
    )


def _of_prototype(name: str, composition: Composition, potential: Potential, progress: Progress | None) -> list[Polymorph]:
    chosen = PROTOTYPES[name]
    assignments = chosen.assignments(composition)
    if not assignments:
        return []
    if progress is not None:
        progress(name)
    with suppress(NotFoundError):
        relaxed = potential.best(chosen, assignments)
        if potential.could_be(relaxed):
            label = crystal_id(composition, name)
            return [Polymorph(label, relaxed.structure, name, "prototype", relaxed.energy, potential.formation_energy(relaxed))]
    return []


def _of_aflow(
    composition: Composition,
    potential: Potential,
    crystal_system: str | None,
    known: Sequence[Polymorph],
    progress: Progress | None,
) -> list[Polymorph]:
    """Crystals in the prototypes of AFLOW's library, less those that relax into one that is known."""
    from pymatgen.analysis import prototypes
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher, found = StructureMatcher(), [each.structure for each in known]
    pattern = sorted(count for _, count in composition)
    crystals: list[Polymorph] = []
    named = {each.aflow for each in PROTOTYPES.values()}
    for entry in prototypes.AFLOW_PROTOTYPE_LIBRARY:
        label = str(entry["tags"]["aflow"])
        if label in named or crystal_system not in (None, symmetry.system_of(int(label.split("_")[2]))):
            continue
        cell = symmetry.primitive(entry["snl"].structure)
        counts = formulas.reduce((site.specie.symbol, 1) for site in cell)
        if len(cell) > LARGEST or sorted(count for _, count in counts) != pattern:
            continue
        named.add(label)
        best: Relaxed | None = None
        for order in itertools.permutations(composition):
            if [count for _, count in order] != [count for _, count in counts]:
                continue
            if progress is not None:
                progress(label)
            with suppress(NotFoundError):
                crystal = cell.copy()
                crystal.replace_species({old: new for (old, _), (new, _) in zip(counts, order, strict=True)})
                volumes = [potential.elemental_volume(site.specie.symbol) for site in crystal]
                crystal.scale_lattice(sum(volumes))
                relaxation = relax(crystal, potential)
                relaxed = Relaxed(relaxation.structure, relaxation.energy)
                if relaxation.settled and potential.could_be(relaxed) and (best is None or relaxed.energy < best.energy):
                    best = relaxed
        if best is not None and not any(matcher.fit(best.structure, other) for other in found):
            found.append(best.structure)
            identifier = crystal_id(composition, label)
            energy = potential.formation_energy(best)
            crystals.append(Polymorph(identifier, best.structure, label, "AFLOW", best.energy, energy))
    return crystals
