"""A crystal whose eigenvalues are known everywhere, and what VASP writes of it by its own rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

FloatArray = NDArray[np.float64]


def eigenvalues(gap: float, mesh: int = 12) -> FloatArray:
    """Two valence and two conduction bands of a simple cubic lattice, eV, shape (k-points, 4); the valence band ends at 0."""
    k = 2 * np.pi * (np.array(np.meshgrid(*3 * [np.arange(mesh)], indexing="ij")).reshape(3, -1).T / mesh)
    c = np.cos(k)
    valence = [1.2 * (c.sum(axis=1) - 3) - 0.3, 0.9 * (c[:, 0] * c[:, 1] + c[:, 1] * c[:, 2] - 2)]
    conduction = [gap + 1.5 * (3 - c.sum(axis=1)), gap + 2.0 + 0.8 * (c[:, 2] + 1)]
    return np.stack([*valence, *conduction], axis=1)


def gaussians(energies: FloatArray, levels: FloatArray, sigma: float, per_level: float) -> tuple[FloatArray, FloatArray]:
    """Density and count at each energy, every eigenvalue a Gaussian of standard deviation `sigma`, eV."""
    density, count = np.zeros(len(energies)), np.zeros(len(energies))
    for level in levels.ravel():
        x = (energies - level) / sigma
        density += np.exp(-(x**2) / 2) / (sigma * np.sqrt(2 * np.pi))
        count += (1 + erf(x / np.sqrt(2))) / 2
    return density * per_level, count * per_level


def vasp_columns(energies: FloatArray, levels: FloatArray, smearing: float, per_level: float) -> tuple[FloatArray, FloatArray]:
    """Density and integrated density as VASP prints them with ISMEAR = 0 and SIGMA = `smearing`: density[k] = difference of counts / step."""
    _, count = gaussians(energies, levels, smearing / np.sqrt(2), per_level)
    step = energies[1] - energies[0]
    density = np.concatenate([[count[0] / step], np.diff(count) / step])
    return np.round(density, 4), np.round(count, 4)


def vasprun(
    energies: FloatArray,
    columns: list[tuple[FloatArray, FloatArray]],
    levels: list[FloatArray] | None,
    occupied: list[int],
    *,
    fermi: float,
    electrons: float,
    smearing: float = 0.1,
    ismear: int = 0,
    divisions: int = 12,
) -> bytes:
    """A vasprun.xml of one atom with what matters here."""
    listed = "".join(
        f'<set comment="spin {spin}">'
        + "".join(
            f'<set comment="kpoint {k}">'
            + "".join(f"<r> {e:9.4f} {float(b < full):8.4f} </r>" for b, e in enumerate(row))
            + "</set>"
            for k, row in enumerate(np.sort(channel, axis=1), 1)
        )
        + "</set>"
        for spin, (channel, full) in enumerate(zip(levels or [], occupied, strict=False), 1)
    )
    bands = (
        f"<eigenvalues><array><field>eigene</field><field>occ</field><set>{listed}</set></array></eigenvalues>" if levels else ""
    )
    sets = "".join(
        f'<set comment="spin {i}">'
        + "".join(f"<r> {e:9.4f} {d:9.4f} {n:9.4f} </r>" for e, d, n in zip(energies, *pair, strict=True))
        + "</set>"
        for i, pair in enumerate(columns, 1)
    )
    lattice = "".join(f"<v> {4.0 * (i == 0)} {4.0 * (i == 1)} {4.0 * (i == 2)} </v>" for i in range(3))
    return f"""<?xml version="1.0"?>
<modeling>
 <kpoints><generation param="Gamma"><v type="int" name="divisions"> {divisions} {divisions} {divisions} </v></generation></kpoints>
 <parameters><i type="int" name="ISMEAR"> {ismear}</i><i name="SIGMA"> {smearing}</i><i name="NELECT"> {electrons:.4f}</i></parameters>
 <atominfo><array name="atoms"><set><rc><c>Cu</c><c>1</c></rc></set></array></atominfo>
 <calculation>{bands}<dos><i name="efermi"> {fermi:.8f} </i><total><array><set>{sets}</set></array></total></dos></calculation>
 <structure name="finalpos"><crystal><varray name="basis">{lattice}</varray></crystal><varray name="positions"><v> 0 0 0 </v></varray></structure>
</modeling>
""".encode()
