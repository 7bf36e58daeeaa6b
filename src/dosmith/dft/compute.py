"""One crystal computed for a user: from a file, a formula with a prototype, or an id in the library."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.crystals.prototypes import PROTOTYPES, prototype
from dosmith.dft import volume
from dosmith.dft.engine import Calculation, Engine, Report, is_magnetic
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.library import Library

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


def find_structure(what: str, library: Library, prototype_name: str | None = None) -> Structure:
    """The primitive cell of what a user names.

    Args:
        what: a structure file (CIF, POSCAR, ... whatever pymatgen reads), an id in the library, or a formula.
        library: where ids and formulas are looked up.
        prototype_name: for a formula: the crystal to put its elements in; the volume then comes from the library when it
            holds that crystal, else from CHGNet.

    Raises:
        NotFoundError: there is no such file, id or prototype, or the formula is not in the library and no prototype is given.
        FileFormatError: the file holds no ordered crystal.
        FormulaError: it is neither file, nor id, nor formula.
        MissingExtraError: CHGNet is needed and not installed.
    """
    path = Path(what)
    if path.is_file():
        return _from_file(path)
    if what in library:
        return _known(library, what)
    if path.suffix or "/" in what:
        raise NotFoundError(f"there is no file {what}")
    composition = formulas.parse(what)
    if prototype_name is None:
        rows = library.rows_of(composition)
        if not rows:
            raise NotFoundError(f"{what} is not in {library.name}; name its crystal with --prototype, or give a structure file")
        return _known(library, library.ids[rows[0]])
    chosen = prototype(prototype_name)
    identifier = f"{formulas.write(composition)}-{chosen.name}"
    if identifier in library:
        return _known(library, identifier)
    assignments = chosen.assignments(composition)
    if not assignments:
        fits = [name for name, other in PROTOTYPES.items() if other.assignments(composition)]
        raise NotFoundError(f"{what} does not fit {chosen.name}; it fits {', '.join(fits) or 'no prototype that dosmith knows'}")
    from dosmith.crystals.potential import Potential

    return Potential().best(chosen, assignments).structure


def compute(
    structure: Structure,
    engine: Engine,
    folder: Path,
    spin: bool | None = None,
    report: Report | None = None,
    relax_volume: bool = False,
) -> Calculation:
    """Compute a crystal and write `dos.csv`, `structure.cif` and `calculation.json`.

    Args:
        structure: ordered crystal.
        engine: density-functional program.
        folder: made when missing.
        spin: spin-polarised; None decides by the elements.
        report: told of the progress.
        relax_volume: first find the volume of lowest energy.

    Raises:
        EngineError: see `Engine.compute`.
        NotFoundError: there is no volume of lowest energy near the given one.
        DosmithError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DosmithError(f"cannot write to {folder}: {error.strerror}") from None
    if spin is None:
        spin = is_magnetic(site.specie.symbol for site in structure)
    if relax_volume:
        structure, result = volume.relaxed(structure, engine, spin, report)
    else:
        result = engine.compute(structure, spin=spin, report=report)
    spectrum = result.spectrum
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["energy_ev", "dos_up", "dos_down"] if spectrum.spin_polarized else ["energy_ev", "dos"])
    rows.writerows(
        [f"{energy:.4f}", *(f"{density:.6g}" for density in densities)]
        for energy, densities in zip(spectrum.energies, spectrum.densities.T, strict=True)
    )
    facts = {
        "formula": structure.composition.reduced_formula,
        "atoms": len(structure),
        "energy_ev": result.energy,
        "energy_per_atom_ev": result.energy / len(structure),
        "gap_ev": result.gap,
        "fermi_ev": result.fermi,
        "magnetic_moment": result.moment,
        "electrons": result.electrons,
        "volume_per_atom": structure.volume / len(structure),
        "seconds": round(result.seconds, 1),
        **result.provenance,
    }
    write_text(folder / "dos.csv", table.getvalue())
    write_text(folder / "structure.cif", structure.to(fmt="cif", symprec=1e-3))
    write_text(folder / "calculation.json", json.dumps(facts, indent=1) + "\n")
    return result


def _known(library: Library, identifier: str) -> Structure:
    structure = library.material(identifier).structure
    if structure is None:
        raise NotFoundError(f"{identifier} has no crystal in {library.name}; give a structure file")
    return structure


def _from_file(path: Path) -> Structure:
    from pymatgen.core.structure import Structure

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = Structure.from_file(path)
    except Exception as error:  # pymatgen's readers raise whatever their parsers do
        raise FileFormatError(
            f"{path} is not a structure file that pymatgen reads ({' '.join(str(error).split())[:120]})"
        ) from None
    if not structure.is_ordered:
        raise FileFormatError(f"{path} holds a disordered crystal; give one with an element on every site")
    return structure.get_primitive_structure()
