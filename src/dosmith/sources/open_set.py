"""The open DOS set: batches as the computing campaign wrote them (JSON lines), read into Materials."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dosmith import formulas, symmetry
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.records import Material, Spectrum
from dosmith.sources.crystal import Crystal

NAME = "the open DOS set"

PROTOTYPES: dict[str, tuple[str, str]] = {
    "A1": ("A1", "A_cF4_225_a"),
    "A2": ("A2", "A_cI2_229_a"),
    "A3": ("A3", "A_hP2_194_c"),
    "A4": ("A4", "A_cF8_227_a"),
    "B1": ("B1", "AB_cF8_225_a_b"),
    "B2": ("B2", "AB_cP2_221_b_a"),
    "B3": ("B3", "AB_cF8_216_c_a"),
    "B4": ("B4", "AB_hP4_186_b_b"),
    "Bh": ("B_h", "AB_hP2_187_d_a"),
    "B81": ("B8_1", "AB_hP4_194_c_a"),
    "C1": ("C1", "AB2_cF12_225_a_c"),
    "C15": ("C15", "A2B_cF24_227_d_a"),
    "C32": ("C32", "AB2_hP3_191_a_d"),
    "D03": ("D0_3", "AB3_cF16_225_a_bc"),
    "D09": ("D0_9", "A3B_cP4_221_d_a"),
    "L12": ("L1_2", "AB3_cP4_221_a_c"),
}
"""Name in a batch -> Strukturbericht symbol, AFLOW label."""

FIRST_BASIS = "first lanthanide basis"
"""Label of settings: the lanthanides' basis sets as cp2k-data 2023.1 has them, whose contraction coefficients lack minus signs. Such
curves are wrong and no part of the set."""

SETTINGS: dict[str, str] = {
    "converged": "settings of docs/convergence.md: cutoff 400 or 800/40 Ry, EPS_DEFAULT 1e-7, 500 K; the first ones 30 Ry, 1e-8, 1000 K",
    "fine": "plane-wave cutoff 300/40 Ry, EPS_SCF 1e-4, EPS_DEFAULT 1e-9",
    "fast": "plane-wave cutoff 200/30 Ry, EPS_SCF 1e-3, EPS_DEFAULT 1e-7",
}

_FIRST, _LAST, _POINTS, _SIGMA = -10.0, 10.0, 401, 0.1


def read_batch(path: str | Path) -> Iterator[Material]:
    """The materials of one batch file (JSON lines, plain or gzipped), in order of the file.

    Raises:
        NotFoundError: the file does not exist.
        FileFormatError: a line is not an entry; it is named by number.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 1
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield _material(json.loads(line))
                number += 1
    except (DosmithError, KeyError, ValueError, TypeError, EOFError, OSError, OverflowError, RecursionError, zlib.error) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise FileFormatError(f"{path}, line {number}: not an entry of the open DOS set ({reason})") from None


def _material(entry: dict[str, Any]) -> Material:
    composition = formulas.parse(entry["formula"])
    if formulas.reduce((symbol, 1) for symbol in entry["species"]) != composition:
        raise ValueError(f"the atoms {' '.join(entry['species'])} are not {entry['formula']}")
    prototype, aflow = PROTOTYPES[entry["prototype"]]
    spectrum = Spectrum(
        np.linspace(_FIRST, _LAST, _POINTS),
        np.array(entry["dos"]),
        fermi=0.0,  # the stored axis starts from the Fermi level
        broadening=_SIGMA,
        gap=(gap := float(entry["gap_ev"])),
        valence_top=-gap / 2 if gap > 0 else None,  # the Fermi level of a gapped material is the middle of its gap
    )
    return Material(
        id=f"{formulas.write(composition)}-{prototype}",
        composition=composition,
        spectrum=spectrum,
        crystal_system=entry["crystal_system"],
        prototype=prototype,
        space_group=_space_group(entry),
        lattice=np.array(entry["lattice"]),
        species=tuple(entry["species"]),
        frac_coords=np.array(entry["frac"]),
        provenance={
            "source": "open-dos",
            "code": "CP2K 2023.1",
            "functional": "PBE",
            "energy_per_atom": entry["chgnet_e"],
            "energy_per_atom_from": "CHGNet 0.3.0, equation of state",
            "aflow_label": aflow,
            "basis": "DZVP-MOLOPT-SR-GTH",
            "pseudopotentials": "GTH-PBE",
            "settings": entry["settings"],
            "settings_text": SETTINGS[entry["settings"]],
            "k_points_scf": entry["kscf"],
            "k_points_dos": entry["kdos"],
            "spin_treatment": "collinear" if entry["spin_polarized"] else "non-magnetic",
            "magnetic_moment": entry["moment_window"],
            "fermi_ev": entry["fermi_ev"],
            "n_electrons": entry["n_electrons"],
            "total_energy_ev": entry["energy_ev"],
            "volume_per_atom": entry["volume_per_atom"],
            "chgnet_formation_energy": entry["chgnet_ef"],
            "seconds": entry["seconds"],
        },
    )


def _space_group(entry: dict[str, Any]) -> str:
    """Hermann-Mauguin symbol of an entry's crystal."""
    from pymatgen.core.structure import Structure

    crystal = Crystal(entry["lattice"], tuple(entry["species"]), entry["frac"])  # what is impossible would end spglib, and us
    structure = Structure(crystal.lattice, list(crystal.species), crystal.frac_coords)
    return symmetry.space_group(structure, symmetry.WRITTEN)[0]
