"""VASP, by folders: ready-to-run inputs with the paper's settings, and what finished runs say.

PBE, PAW, 520 eV; forces below 0.01 eV/Angstrom, electronic 1e-4 eV; 10x10x10 k-points to relax, 24x24x24 for the DOS (Bang et al.,
J. Mater. Chem. A 12, 6004 (2024)). Everything else is as in pymatgen's MPRelaxSet, without +U. POTCAR files are VASP's own and are
not written: POTCAR.spec names them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith import symmetry
from dosmith.dft.plan import Entry
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.library.stability import MOLECULE
from dosmith.outputs import refuse_foreign, write_texts
from dosmith.records import Material
from dosmith.sources.crystal import Crystal
from dosmith.sources.files import load_dos

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

SHARED: dict[str, Any] = {"ENCUT": 520, "EDIFF": 1e-4, "LDAU": False, "PREC": "Accurate", "LASPH": True, "LREAL": False}
RELAX: dict[str, Any] = SHARED | {"IBRION": 2, "ISIF": 3, "NSW": 99, "EDIFFG": -0.01, "ISMEAR": 1, "SIGMA": 0.1}
DOS: dict[str, Any] = SHARED | {"IBRION": -1, "NSW": 0, "ISMEAR": -5, "NEDOS": 3001, "LORBIT": 11, "LWAVE": False}
RELAX_MESH, DOS_MESH = (10, 10, 10), (24, 24, 24)
_RUN = "run.sh"
_SCRIPT = """#!/bin/sh
# Relax, then the density of states of the relaxed crystal. VASP is your command: export VASP="srun vasp_std"
set -e
cd "$(dirname "$0")"
(cd relax && cp ../POTCAR . && ${VASP:-vasp_std} > vasp.out)
cp relax/CONTCAR dos/POSCAR
(cd dos && cp ../POTCAR . && ${VASP:-vasp_std} > vasp.out)
"""


def write_runs(entries: Iterable[Entry], folder: Path) -> list[Path]:
    """A folder for each entry, with `relax/`, `dos/` and `run.sh`; whatever else is in it, as what VASP wrote, stays.

    Raises:
        DosmithError: a file that would be written is not dosmith's or was changed since, of any entry; or the folder cannot be written.
    """
    runs = {folder / entry.id: _inputs(entry.structure, entry.spin, entry.prototype == MOLECULE) for entry in entries}
    for place, texts in runs.items():
        refuse_foreign(place, texts)
    for place, texts in runs.items():
        write_texts(place, texts)
        (place / _RUN).chmod(0o755)
    return list(runs)


def _inputs(structure: Structure, spin: bool, lone: bool) -> dict[str, str]:
    """Names in the folder of a run -> texts; the POSCAR of the DOS comes from the relaxation."""
    from pymatgen.io.vasp.inputs import Kpoints
    from pymatgen.io.vasp.sets import MPRelaxSet

    texts: dict[str, str] = {}
    for name, tags, mesh in (("relax", RELAX, RELAX_MESH), ("dos", DOS, DOS_MESH)):
        tags = tags | ({"ISPIN": 2} if spin else {"ISPIN": 1, "MAGMOM": None})
        if lone:  # a molecule: its box stays, one k-point
            tags |= {"ISIF": 2, "ISMEAR": 0, "SIGMA": 0.01}
        kpoints: Any = Kpoints.gamma_automatic((1, 1, 1) if lone else mesh)  # taken, though annotated otherwise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inputs = MPRelaxSet(
                structure,
                user_incar_settings=tags,
                user_kpoints_settings=kpoints,
                user_potcar_functional="PBE_54",
                sort_structure=True,
            )
            texts |= {f"{name}/INCAR": str(inputs.incar), f"{name}/KPOINTS": str(inputs.kpoints)}
            if name == "relax":
                texts |= {"relax/POSCAR": str(inputs.poscar), "POTCAR.spec": "\n".join(inputs.potcar_symbols)}
    return texts | {_RUN: _SCRIPT}


def read_runs(entries: Sequence[Entry], folder: Path) -> tuple[dict[str, Material], dict[str, str]]:
    """The finished runs of entries, by id, and the reasons why others are not read.

    Args:
        entries: that were written.
        folder: where `write_runs` wrote them; `dos/vasprun.xml` (or `.gz`) of each is read.

    Raises:
        NotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}; 'dosmith verify DIR --engine vasp' writes runs, and says where")
    found: dict[str, Material] = {}
    reasons: dict[str, str] = {}
    for entry in entries:
        files = [folder / entry.id / "dos" / name for name in ("vasprun.xml", "vasprun.xml.gz")]
        file = next((each for each in files if each.is_file()), None)
        if file is None:
            reasons[entry.id] = f"no {files[0]}"
            continue
        try:
            found[entry.id] = _read(entry, file)
        except DosmithError as error:
            reasons[entry.id] = str(error)
    return found, reasons


def _read(entry: Entry, file: Path) -> Material:
    from pymatgen.io.vasp.outputs import Vasprun

    spectrum = load_dos(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = Vasprun(str(file), parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    except Exception as error:  # pymatgen's parser raises whatever XML does
        raise FileFormatError(f"{file} cannot be read ({' '.join(str(error).split())[:100]})") from None
    if not run.converged_electronic:
        raise FileFormatError(f"{file} did not converge; run it again with other mixing")
    structure = run.final_structure
    try:
        Crystal.of_pymatgen(structure)  # what is impossible would end spglib, and us
    except FileFormatError as error:
        raise FileFormatError(f"{file} {error}") from None
    composition = [site.specie.symbol for site in structure]
    if sorted(set(composition)) != sorted(set(entry.species)):
        raise FileFormatError(f"{file} is of {structure.composition.reduced_formula}, not of {entry.id}")
    return Material(
        id=entry.id,
        composition=entry.composition,
        spectrum=spectrum,
        crystal_system=entry.crystal_system,
        prototype=entry.prototype,
        space_group=symmetry.space_group(structure)[0],
        lattice=structure.lattice.matrix,
        species=tuple(composition),
        frac_coords=structure.frac_coords,
        provenance={
            "source": "VASP",
            "code": f"VASP {run.vasp_version}",
            "functional": str(run.run_type),
            "energy_per_atom": float(run.final_energy) / len(structure),
            "volume_per_atom": structure.volume / len(structure),
            "volume_from": "relaxed",
        },
    )
