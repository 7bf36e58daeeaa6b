"""Densities of states in HDF5: VASP's `vaspout.h5` and FLEUR's `banddos.hdf`. Needs h5py, which dosmith[formats] brings.

Layouts: VASP wiki, vaspout.h5 (results/electron_dos, results/electron_eigenvalues, results/positions); FLEUR's banddos.hdf as
masci-tools reads it (Local/DOS, general, atoms, cell).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.constants import BOHR, HARTREE
from dosmith.errors import FileFormatError, FormulaError, MissingExtraError
from dosmith.sources.crystal import MOST_SITES, Crystal
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import MOST, Eigenvalues
from dosmith.sources.integrated import Counted, rescaled, settle

FloatArray = NDArray[np.float64]

VASPOUT = "vaspout.h5"
BANDDOS = "FLEUR banddos.hdf"
MAGIC = b"\x89HDF\r\n\x1a\n"

_MOST_VALUES = 20_000_000


def read_hdf5(content: bytes) -> Curve:
    """The total DOS of a `vaspout.h5` or a `banddos.hdf`.

    Raises:
        FileFormatError: it is of another program, damaged, or holds no DOS.
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("reading vaspout.h5 and banddos.hdf", "formats") from None
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            if "results/electron_dos" in file or "results/electron_dos_kpoints_opt" in file:
                return _vaspout(file)
            if "Local/DOS" in file:
                return _banddos(file)
            if "results" in file and "input/incar" in file:
                raise FileFormatError("holds no density of states; take the vaspout.h5 of a run that ended normally")
    except FileFormatError:
        raise
    except Exception as error:  # h5py raises whatever it meets in a damaged file
        raise FileFormatError(
            f"is damaged HDF5 ({str(error).splitlines()[0][:100] if str(error) else type(error).__name__}); copy the file again"
        ) from None
    raise FileFormatError(
        "is HDF5 of a program that dosmith does not read; give VASP's vaspout.h5, FLEUR's banddos.hdf, or a table (CSV)"
    )


def _vaspout(file: Any) -> Curve:
    group = "results/electron_dos" if "results/electron_dos" in file else "results/electron_dos_kpoints_opt"
    energies, densities = _array(file, f"{group}/energies", 1), _array(file, f"{group}/dos", 2)
    counts = _array(file, f"{group}/dosi", 2) if f"{group}/dosi" in file else None
    fermi = _number(file, f"{group}/efermi")
    notes = ["the DOS is that of the k-points in KPOINTS_OPT"] if group.endswith("opt") else []
    if densities.shape[0] > 2:
        densities, counts = densities[:1], None if counts is None else counts[:1]
        notes.append("the run is noncollinear; the DOS of both spins together is used")
    place = group.replace("electron_dos", "electron_eigenvalues")
    electrons = _number(file, f"{place}/nelectrons") if f"{place}/nelectrons" in file else None
    crystal = _crystal(file, notes)
    settled = Counted(energies, densities, None, ())
    if counts is not None and counts.shape == densities.shape:
        settled = settle(energies, densities, counts, fermi, electrons)
        settled = settled if electrons is None else rescaled(settled, fermi, electrons)
    notes += settled.notes
    curve = Curve(
        VASPOUT, settled.energies, settled.densities, fermi if np.isfinite(fermi) else None, electrons=electrons, crystal=crystal,
        composition=None if crystal is None else crystal.composition,
        integrated=settled.count, notes=notes,
    )  # fmt: skip
    try:
        levels, weights = _array(file, f"{place}/eigenvalues", 3), _array(file, f"{place}/kpoints_symmetry_weight", 1)
        if levels.size <= MOST and np.isfinite(fermi):
            found = Eigenvalues.of(levels, weights)
            curve.edges = (None if electrons is None else found.edges_of(electrons)) or found.edges(fermi)
    except (FileFormatError, KeyError):
        notes.append("the eigenvalues are not read; gap and energy zero come from the curve")
    return curve


def _crystal(file: Any, notes: list[str]) -> Crystal | None:
    """The last crystal of a vaspout.h5, or None (with a note)."""
    place = "results/positions"
    try:
        names = [word.decode() if isinstance(word, bytes) else str(word) for word in file[f"{place}/ion_types"][()]]
        counts = _array(file, f"{place}/number_ion_types", 1).astype(int)
        if not 0 < counts.sum() <= MOST_SITES or (counts < 0).any() or len(counts) != len(names):
            raise FileFormatError(f"it has not 1 to {MOST_SITES:,} atoms")
        species = [name.strip().partition("_")[0] for name, count in zip(names, counts, strict=True) for _ in range(count)]
        lattice = _array(file, f"{place}/lattice_vectors", 2) * _number(file, f"{place}/scale")
        coordinates = _array(file, f"{place}/position_ions", 2)
        if "direct_coordinates" in file[place] and not int(_number(file, f"{place}/direct_coordinates")):
            return Crystal.of_cartesian(lattice, species, coordinates * _number(file, f"{place}/scale"))
        return Crystal(lattice, tuple(species), coordinates)
    except Exception as error:  # whatever h5py meets
        notes.append(f"the crystal is not read: {str(error)[:100]}")
        return None


def _banddos(file: Any) -> Curve:
    """FLEUR: energies in Hartree from the Fermi level, states per Hartree, the whole cell under Total."""
    energies, total = _array(file, "Local/DOS/energyGrid", 1), np.atleast_2d(_array(file, "Local/DOS/Total", None))
    notes = ["energies are in Hartree from the Fermi level; they are converted to eV"]
    if total.shape[0] > 2:
        raise FileFormatError("has more than two spin channels; give a banddos.hdf of a collinear run")
    crystal = _fleur_crystal(file, notes)
    return Curve(
        BANDDOS, energies * HARTREE, total / HARTREE, 0.0, crystal=crystal,
        composition=None if crystal is None else crystal.composition, notes=notes,
    )  # fmt: skip


def _fleur_crystal(file: Any, notes: list[str]) -> Crystal | None:
    try:
        numbers = _array(file, "atoms/atomicNumbers", 1).astype(int)
        groups = _array(file, "atoms/equivAtomsGroup", 1).astype(int)
        species = tuple(formulas.symbol_of(int(numbers[group - 1])) for group in groups)
        lattice = _array(file, "cell/bravaisMatrix", 2) * BOHR
        return Crystal(lattice, species, _array(file, "atoms/positions", 2))
    except (FileFormatError, FormulaError):
        raise
    except Exception as error:  # whatever h5py meets
        notes.append(f"the crystal is not read: {str(error)[:100]}")
        return None


def _array(file: Any, name: str, dimensions: int | None) -> FloatArray:
    """A data set of numbers.

    Raises:
        FileFormatError: it is missing, too large, or of another shape.
    """
    data = file.get(name)
    if data is None or not hasattr(data, "shape"):
        raise FileFormatError(f"is damaged: it has no {name}; copy the file again")
    if int(np.prod(data.shape, dtype=np.float64)) > _MOST_VALUES:
        raise FileFormatError(f"is too long for a DOS: over {_MOST_VALUES:,} numbers in {name}")
    array = np.array(data[()], dtype=np.float64)
    if dimensions is not None and array.ndim != dimensions:
        raise FileFormatError(f"is damaged: its {name} has {array.ndim} dimensions; copy the file again")
    return array


def _number(file: Any, name: str) -> float:
    """The first number of a data set."""
    array = np.atleast_1d(_array(file, name, None)).ravel()
    if not array.size:
        raise FileFormatError(f"is damaged: its {name} is empty; copy the file again")
    return float(array[0])
