"""Eigenvalues by GPAW, for benchmarks/independent.py, which calls it with a Python that has GPAW.

A JSON object on standard input: `cell` (Angstrom, rows), `scaled`, `symbols`, `moments` (null without spin), `mesh` of the self-consistent run,
`points` where eigenvalues are wanted (fractional), `cutoff` (eV), `smearing` (eV), `bands` that shall converge. One on standard output: `bands` (eV, spins x points x bands),
`electrons`, `version`.
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
    json.dump({"bands": bands, "electrons": electrons, "version": f"GPAW {gpaw.__version__}"}, sys.stdout)


if __name__ == "__main__":
    main()
