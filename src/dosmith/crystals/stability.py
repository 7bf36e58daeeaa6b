"""Are these crystals stable? Batches of crystals in the CHGNet potential, with what density-functional theory says where it was asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith import formulas
from dosmith.crystals.find import find_structure
from dosmith.crystals.hull import Height, potential_hull
from dosmith.crystals.potential import Potential, Relaxed
from dosmith.crystals.relaxation import relax
from dosmith.crystals.structures import Polymorph, structures
from dosmith.crystals.survey import SurveyIndex
from dosmith.errors import DosmithError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import Library

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

LEVEL = "CHGNet potential"

Progress = Callable[[str, int, int], None]
"""Called before each crystal: its name, its number, and how many there are."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A crystal and how stable it is.

    Attributes:
        name: what was asked for.
        crystal: as it is in the potential; None when there is none.
        height: above the hull, in the potential; None when unknown.
        seconds: it took.
        trouble: why nothing is known, or what to bear in mind; "".
    """

    name: str
    crystal: Polymorph | None
    height: Height | None
    seconds: float
    trouble: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values; energies in eV/atom, `level` says in what."""
        crystal = self.crystal
        computed = crystal.computed if crystal else None
        return {
            "name": self.name,
            "formula": crystal and crystal.formula,
            "crystal": crystal and crystal.id,
            "level": LEVEL,
            "formation_energy": crystal and crystal.formation_energy,
            "above_hull": self.height and self.height.above_hull,
            "rivals": [f"{formula} {share:.2f}" for formula, share in self.height.rivals.items()] if self.height else [],
            "dft_formation_energy": computed and computed.formation_energy,
            "dft_above_hull": computed and computed.above_hull,
            "seconds": round(self.seconds, 2),
            "trouble": self.trouble,
        }


class Judge:
    """Judges crystals against the survey and a library.

    Args:
        library: known crystals.
        survey: crystals in the potential.
        potential: for what neither knows; None leaves that out.
        named: finds the crystal of an id elsewhere (`mp-149`), or of a formula with its crystal (`TiO2:rutile`).
    """

    def __init__(
        self,
        library: Library,
        survey: SurveyIndex,
        potential: Potential | None = None,
        named: Callable[[str], Structure] | None = None,
    ) -> None:
        self.library, self.survey, self.potential, self.named = library, survey, potential, named
        self.hull = potential_hull(survey, library)

    def each(self, names: Iterable[str], relaxing: bool = False, progress: Progress | None = None) -> Iterator[Judged]:
        """Judge what a person names; one that fails does not stop the others.

        Args:
            names: formulas (their lowest crystal counts), ids in the library, or structure files.
            relaxing: cell and atoms of all of them, not only of files.
            progress: called after each.
        """
        names = list(names)
        for number, what in enumerate(names, 1):
            if progress is not None:
                progress(what, number, len(names))
            started = time.monotonic()
            try:
                crystal = self._crystal(what)
                judged = self.crystal(what, crystal, relaxing or crystal.formation_energy is None)
            except DosmithError as error:
                judged = Judged(what, None, None, 0.0, str(error))
            yield replace(judged, seconds=time.monotonic() - started)

    def composition(self, composition: Composition, crystal_system: str | None = None, prototype: str | None = None) -> Judged:
        """The lowest crystal of a composition, of this crystal system and prototype where those are given."""
        name = formulas.write(composition)
        try:
            found = structures(
                composition,
                self.library,
                self.survey,
                self.potential,
                crystal_system=crystal_system,
                prototype_name=prototype,
            )
        except NotFoundError as error:
            return Judged(name, None, None, 0.0, str(error))
        return self.crystal(name, found[0])

    def crystal(self, name: str, crystal: Polymorph, relaxing: bool = False) -> Judged:
        """A crystal; relaxed first when asked."""
        trouble = ""
        if relaxing:
            potential = self.potential or Potential()
            relaxation = relax(crystal.structure, potential)
            relaxed = Relaxed(relaxation.structure, relaxation.energy)
            energy = potential.formation_energy(relaxed)
            crystal = replace(crystal, structure=relaxed.structure, energy=relaxed.energy, formation_energy=energy)
            if not relaxation.settled:
                trouble = f"not at rest after {relaxation.steps} steps"
        if crystal.formation_energy is None:
            return Judged(name, crystal, None, 0.0, "its energy in the potential is unknown; 'dosmith stability' finds it")
        return Judged(name, crystal, self.hull.height(crystal.composition, crystal.formation_energy), 0.0, trouble)

    def _typed(self, what: str) -> Composition:
        return formulas.typed(what, lambda each: self.library.rows_of(each) or each in self.survey.crystals)

    def _crystal(self, what: str) -> Polymorph:
        if Path(what).is_file():
            return Polymorph(Path(what).stem, find_structure(what, self.library), None, "file")
        if what in self.library:
            composition = self.library.material(what).composition
            found = structures(composition, self.library, self.survey, None)
            return next(each for each in found if each.id == what)
        if Path(what).suffix or "/" in what:
            raise NotFoundError(f"there is no file {what}")
        if self.named is not None and ("-" in what or ":" in what):
            return Polymorph(what, self.named(what), None, "named")
        return structures(self._typed(what), self.library, self.survey, self.potential)[0]
