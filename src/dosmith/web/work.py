"""One calculation of the drawing board, in a process of its own: `python -m dosmith.web.work FOLDER`.

The folder holds `request.json`; here `progress.txt` is written while it runs, `result.json` and files at the end, or
`failure.txt`; what was computed by density-functional theory is a library of one in `material`.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith import formulas, symmetry
from dosmith.atomic import write_text
from dosmith.errors import DosmithError
from dosmith.library.stability import FORMATION
from dosmith.processes import tidy_on_termination
from dosmith.settings import DftSettings
from dosmith.spectra.standard import Recipe, standardise

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

MATERIAL = "material"
"""Folder of a library that holds what was computed."""
HERE = "computed on this board"
_STEPS = 300
_NOTHING = 0.0005  # eV/atom, below which a relaxation has changed nothing


def main(folder: Path) -> None:
    """Do what the folder asks for."""
    tidy_on_termination()
    warnings.simplefilter("ignore")
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    from pymatgen.core.structure import Structure

    structure = Structure.from_dict(request["structure"])
    recipe = Recipe.from_dict(request["recipe"])

    def report(text: str) -> None:
        aside = folder / ".progress"
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, folder / "progress.txt")

    try:
        if request["task"] == "relax":
            result = relax(structure, folder, recipe, report)
        else:
            named = {name: request.get(name) for name in ("prototype", *FORMATION.values())}
            result = verify(structure, folder, recipe, DftSettings(**request["dft"]), report, named)
    except DosmithError as error:
        write_text(folder / "failure.txt", str(error))
        sys.exit(2)
    write_text(folder / "result.json", json.dumps(result))


def verify(
    structure: Structure, folder: Path, recipe: Recipe, settings: DftSettings, report: Any, named: dict[str, Any]
) -> dict[str, Any]:
    """The DOS by density-functional theory: facts and the standard vector; the material is kept as a library of one."""
    from dosmith.dft.campaign import material_of
    from dosmith.dft.compute import compute
    from dosmith.dft.engines import engine_for
    from dosmith.dft.plan import Entry
    from dosmith.library.store import write_library

    report("preparing the calculation")
    primitive = symmetry.primitive(structure)
    result = compute(primitive, engine_for(settings), folder, None, report)
    write_text(folder / "POSCAR", str(structure.get_sorted_structure().to(fmt="poscar")))
    energy = result.energy / len(primitive)
    composition = formulas.parse(structure.composition.formula)
    formation, height = _judged(composition, energy) if settings == DftSettings() else (None, None)
    material = material_of(Entry.of(primitive, purpose="verified", **named), result, settings)
    judged = {"formation_energy": formation, "energy_above_hull": height}
    own = {"source": "verified"} | {name: value for name, value in judged.items() if value is not None}
    write_library([replace(material, provenance=dict(material.provenance) | own)], folder / MATERIAL, HERE)
    facts = [
        *([("Formation energy", f"{round(formation, 3) + 0.0:+.3f} eV/atom (PBE)")] if formation is not None else ()),
        *([("Above the hull", f"{height:.3f} eV/atom, among the open set")] if height is not None else ()),
        ("Total energy", f"{energy:.4f} eV/atom"),
        ("Band gap", f"{result.gap:.2f} eV" if result.gap else "none, a metal"),
        ("Magnetic moment", f"{result.moment:.2f} Bohr magnetons per cell"),
        ("Program", str(result.provenance.get("code", "CP2K"))),
    ]
    return {"facts": facts, "values": standardise(result.spectrum, recipe).values.round(6).tolist()}


def _judged(composition: formulas.Composition, energy: float) -> tuple[float | None, float | None]:
    """Formation energy and energy above the hull among the open set, which has the same settings, eV/atom; None where unknown.

    Args:
        composition: of the crystal.
        energy: eV/atom.
    """
    from dosmith.library import ParquetLibrary
    from dosmith.library.stability import formation_energy
    from dosmith.shipped import shipped_folder
    from dosmith.verification.verify import references

    elements, hull = references(ParquetLibrary(shipped_folder("open-dos")))
    formation = formation_energy(composition, energy, elements)
    return formation, None if formation is None else max(hull.height(composition, formation).above_hull, 0.0)


def relax(structure: Structure, folder: Path, recipe: Recipe, report: Any) -> dict[str, Any]:
    """Cell and atoms at the lowest energy in the CHGNet potential, and the DOS then to be expected."""
    from dosmith.crystals.potential import Potential, Relaxed
    from dosmith.crystals.relaxation import relax as relax_crystal

    report("opening the potential")
    potential = Potential()
    found = relax_crystal(structure, potential, report, steps=_STEPS)
    relaxed, energy = found.structure, found.energy
    report("energies of the elements")
    formation = potential.formation_energy(Relaxed(relaxed, energy))
    before, after = (symmetry.space_group(each, 0.05) for each in (structure, relaxed))
    facts = [
        ("Relaxed", _ended(found.settled, found.steps, found.gained)),
        ("Energy gained", f"{1000 * found.gained:.1f} meV/atom"),
        ("Formation energy", f"{formation:+.3f} eV/atom (CHGNet)"),
        ("Volume", f"{relaxed.volume / len(relaxed):.2f} Å³/atom ({relaxed.volume / structure.volume - 1:+.1%})"),
        ("Space group", f"{after[0]}, as before" if before == after else f"{after[0]}, was {before[0]}"),
    ]
    write_text(folder / "structure.cif", symmetry.cif(relaxed, symmetry.ALIKE))
    write_text(folder / "POSCAR", str(relaxed.get_sorted_structure().to(fmt="poscar")))
    report("predicting the DOS")
    return {"facts": facts, "values": _expected(relaxed, recipe)}


def _ended(settled: bool, steps: int, gained: float) -> str:
    if not settled:
        return f"not within {_STEPS} steps"
    return "there was nothing to do: it was at rest already" if gained < _NOTHING else f"in {steps} steps"


def _expected(structure: Structure, recipe: Recipe) -> list[float] | None:
    """The DOS that the shipped forward model expects; None where it knows not all elements or has other energies."""
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    try:
        model = open_ensemble("dosmith")
        found = model.predict([structure])
    except DosmithError:
        return None
    if model.recipe.grid != recipe.grid:
        return None
    return [round(float(value), 6) for value in found.vectors[0]]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
