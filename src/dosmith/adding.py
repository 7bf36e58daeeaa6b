"""Files of other programs into a library: what was added, what was there already, what was skipped and why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dosmith import formulas
from dosmith.crystals.recognise import recognise
from dosmith.errors import DosmithError, FileFormatError, FormulaError, SpectrumError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.records import Material, Spectrum
from dosmith.settings import FileSettings
from dosmith.sources.beside import crystal_of
from dosmith.sources.files import FileDos, printable, read_dos, read_folder
from dosmith.sources.projected import projections_of
from dosmith.spectra.zero import energy_zeros

BATCH = 64
"""Files of one append: a kill loses at most these, and they are read again by the next run."""


@dataclass(frozen=True)
class Addition:
    """What became of one file.

    Attributes:
        file: its path.
        outcome: added, already there, or skipped.
        id: of the material; None when skipped.
        reason: why it was skipped, or what was assumed.
    """

    file: str
    outcome: str
    id: str | None
    reason: str | None


def add_files(
    library: Library,
    paths: Sequence[Path],
    *,
    composition: Composition | None = None,
    named: bool = False,
    fermi: float | None = None,
    electrons: float | None = None,
    broadening: float | None = None,
    files: FileSettings | None = None,
) -> Iterator[Addition]:
    """Add every density of states in files and folders; those already there are known by their curve, whatever the file is called.

    Args:
        library: to add to.
        paths: files of any format of docs/formats.md, or folders of such, with those below them.
        composition: of files with no atoms in them or beside them.
        named: whether, as the user says, such files or their folders are named after their formula. Names are no formulas otherwise:
            KS_DOS_total.dat is no potassium sulfide.
        fermi: Fermi level on the files' energy axis, eV, in place of the stated one.
        electrons: the Fermi level is where the curve, counted from its lowest energy, holds this many; `fermi` goes before it.
        broadening: Gaussian sigma that the curves already carry, eV.
        files: limits on files.

    Raises:
        LibraryError: the library cannot be written.
    """
    options = {"fermi": fermi, "electrons": electrons, "broadening": broadening or 0.0}
    limit = (files or FileSettings()).max_mebibytes
    batch: list[tuple[Path, Material, str | None]] = []
    for path, found in _read(paths, options, limit):
        if isinstance(found, DosmithError):
            yield _skipped(path, found)
            continue
        try:
            material, assumed = _material(path, found, composition, named)
        except DosmithError as error:
            yield _skipped(path, error)
            continue
        batch.append((path, material, assumed))
        if len(batch) == BATCH:
            yield from _append(library, batch)
            batch = []
    yield from _append(library, batch)


def _read(paths: Sequence[Path], options: dict[str, Any], limit: int) -> Iterator[tuple[Path, FileDos | DosmithError]]:
    for path in paths:
        if path.is_dir():
            yield from read_folder(path, max_mebibytes=limit, **options)
        else:
            yield path, _reading(path, options, limit)


def _reading(path: Path, options: dict[str, Any], limit: int) -> FileDos | DosmithError:
    try:
        return read_dos(path, max_mebibytes=limit, **options)
    except DosmithError as error:
        return error


def _skipped(path: Path, error: DosmithError) -> Addition:
    return Addition(printable(path), "skipped", None, str(error).removeprefix(printable(path)).lstrip(": "))


def _append(library: Library, batch: Sequence[tuple[Path, Material, str | None]]) -> Iterator[Addition]:
    unique = {material.id: material for _, material, _ in reversed(batch)}  # the first of equals
    added = set(library.add(list(reversed(unique.values())))) if unique else set()
    for path, material, assumed in batch:
        outcome = "added" if material.id in added else "already there"
        added.discard(material.id)  # the same curve once more in this batch
        yield Addition(printable(path), outcome, material.id, assumed)


def _material(path: Path, found: FileDos, given: Composition | None, named: bool) -> tuple[Material, str | None]:
    """The material in a file, and what was assumed of it."""
    crystal = crystal_of(path, found)
    if crystal is not None and given not in (None, crystal.composition) and found.composition is None:
        crystal = None  # it is another's
    composition, assumed = found.composition or (crystal.composition if crystal else given), None
    provenance: dict[str, Any] = {"source": found.format, "file": printable(path.name)}
    if composition is None:
        if not named:
            raise FormulaError(
                "names no atoms; give --formula, or --formula name where the file or its folder is named after the formula"
            )
        composition = _composition_in_name(path)
        assumed = f"composition {formulas.write(composition)} from the name"
        provenance["composition_from"] = "name"
    spectrum = found.spectrum
    if spectrum.fermi_from == "assumed":
        raise SpectrumError(
            f"states no Fermi level, and {spectrum.fermi:g} eV may be wrong; give it with --fermi (--fermi {spectrum.fermi:g} if it is that),"
            " or the number of electrons with --electrons"
        )
    if spectrum.gap is None:
        _, gaps = energy_zeros(
            spectrum.energies, spectrum.total[None, :], np.array([spectrum.fermi]), np.array([spectrum.broadening])
        )
        spectrum = replace(spectrum, gap=float(gaps[0]))
        provenance["gap_from"] = "curve"
    if spectrum.fermi_from != "stated":
        provenance["fermi_from"] = spectrum.fermi_from
    if found.electrons is not None:
        provenance["n_electrons"] = found.electrons
    known: dict[str, Any] = {}
    if crystal is not None:
        if crystal.file:
            provenance["crystal_from"] = crystal.file
            assumed = f"crystal from {crystal.file}"
        symmetry = recognise(crystal.lattice, crystal.species, crystal.frac_coords)
        known = {"lattice": crystal.lattice, "species": crystal.species, "frac_coords": crystal.frac_coords}
        known |= {} if symmetry is None else vars(symmetry)
    with suppress(FileFormatError):  # it holds none, or none that can be read
        parts = projections_of(path, replace(found, crystal=crystal))
        complete = {element for element, _ in parts.labels} == {element for element, _ in composition}
        known["projections"] = parts if complete else None
    return Material(identifier(composition, spectrum), composition, spectrum, provenance=provenance, **known), assumed


def identifier(composition: Composition, spectrum: Spectrum) -> str:
    """An id made of formula and curve, the same wherever and whenever the curve is read."""
    digest = hashlib.sha256(np.asarray(spectrum.energies - spectrum.fermi, dtype=np.float32).tobytes())
    digest.update(np.asarray(spectrum.densities, dtype=np.float32).tobytes())
    return f"{formulas.write(composition)}-{digest.hexdigest()[:10]}"


def _composition_in_name(path: Path) -> Composition:
    """The formula that a file, or else its folder, is named after: Pt3Ni.dos, run-Pt3Ni.csv, Pt3Ni/DOSCAR.

    Raises:
        FormulaError: neither is named so.
    """
    for name in (path.name, path.absolute().parent.name):
        if found := formulas.in_name(name):
            return formulas.parse(found)
    raise FormulaError("is not named after a formula, and neither is its folder; give --formula")
