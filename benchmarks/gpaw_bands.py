"""Eigenvalues and projections by GPAW, for benchmarks/independent.py and independent_parts.py, which call it with a Python that has GPAW.

A JSON object on standard input: `cell` (Angstrom, rows), `scaled`, `symbols`, `moments` (null without spin), `mesh` of the self-consistent run,
`points` where eigenvalues are wanted (fractional), `cutoff` (eV), `smearing` (eV), `bands` that shall converge, `projections` (true or left out). One on standard output: `bands` (eV, spins x points x
bands), `electrons`, `fermi` (eV), `version`, and where wanted `labels`, element and orbital, with `weights` (spins x points x bands x labels): squares of the projections on the setups' bound partial waves.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    import gpaw
    from ase import Atoms
    from gpaw import GPAW, PW, FermiDirac

    wanted: dict[str, Any] = json.load(sys.stdin)
    atoms = Atoms(wanted["symbols"], cell=wanted["cell"], scaled_positions=wanted["scaled"], pbc=True)
    if wanted["moments"]:
        atoms.set_initial_magnetic_moments(wanted["moments"])
    first = GPAW(
        mode=PW(wanted["cutoff"]),
        xc="PBE",
        kpts={"size": wanted["mesh"], "gamma": True},
        occupations=FermiDirac(wanted["smearing"]),
        txt=None,
    )
    atoms.calc = first
    atoms.get_potential_energy()
    second = first.fixed_density(
        kpts=wanted["points"],
        symmetry="off",
        nbands=wanted["bands"] + 8,
        convergence={"bands": wanted["bands"]},
        maxiter=400,
        txt=None,
    )
    bands = [
        [second.get_eigenvalues(kpt=point, spin=spin)[: wanted["bands"]].tolist() for point in range(len(wanted["points"]))]
        for spin in range(second.get_number_of_spins())
    ]
    electrons = round(float(first.get_number_of_electrons()))
    found = {"bands": bands, "electrons": electrons, "fermi": first.get_fermi_level(), "version": f"GPAW {gpaw.__version__}"}
    if wanted.get("projections"):
        found |= projections(second, wanted["symbols"], wanted["bands"])
    json.dump(found, sys.stdout)


def projections(calculator: Any, symbols: list[str], bands: int) -> dict[str, Any]:
    """How much of each state lies on the bound partial waves of each element and orbital, as GPAW's local density of states has it."""
    of_atoms = []
    for atom, symbol in enumerate(symbols):
        setup = calculator.setups[atom]
        rows: list[tuple[str, str] | None] = []
        for principal, momentum in zip(setup.n_j, setup.l_j, strict=True):
            rows += [(symbol, "spdf"[momentum]) if principal >= 0 else None] * (2 * momentum + 1)
        of_atoms.append(rows)
    labels = sorted({label for rows in of_atoms for label in rows if label is not None})
    spins, points = calculator.get_number_of_spins(), len(calculator.get_ibz_k_points())
    weights: Any = [[None] * points for _ in range(spins)]
    for kpt in calculator.wfs.kpt_u:
        table = [[0.0] * len(labels) for _ in range(bands)]
        for atom, rows in enumerate(of_atoms):
            for row, label in enumerate(rows):
                if label is not None:
                    for band, value in enumerate(abs(kpt.P_ani[atom][:bands, row]) ** 2):
                        table[band][labels.index(label)] += float(value)
        weights[kpt.s][kpt.k] = table
    return {"labels": labels, "weights": weights}


if __name__ == "__main__":
    main()
