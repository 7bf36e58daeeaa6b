"""Files in the documented layouts of programs that cannot be had freely: written from a curve or eigenvalues that are known, to be read back.

The layouts: SIESTA, CASTEP, OptaDOS, DFTB+, CRYSTAL, OpenMX, Octopus, WIEN2k, exciting and FLEUR as their manuals and the parsers of
sisl, ASE, CRYSTALpytools and masci-tools have them; vaspout.h5 as the VASP wiki and py4vasp; NOMAD, AiiDA and OPTIMADE as their schemas.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import BOHR, ELECTRON_VOLT, HARTREE, RYDBERG

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Run:
    """A run whose results are known.

    Attributes:
        energies: eV on the program's axis, shape (N,).
        densities: states/eV, shape (spins, N).
        fermi: eV.
        channels: eigenvalues, eV, shape (spins, k-points, bands).
        weights: of the k-points, sum 1.
        electrons: in the cell.
        lattice: Angstrom, shape (3, 3).
        species: element of each site.
        places: fractional coordinates, shape (sites, 3).
    """

    energies: FloatArray
    densities: FloatArray
    fermi: float
    channels: FloatArray
    weights: FloatArray
    electrons: float
    lattice: FloatArray
    species: tuple[str, ...]
    places: FloatArray

    @property
    def counts(self) -> FloatArray:
        """States of each spin up to each energy, shape (spins, N)."""
        steps = np.diff(self.energies)
        return np.stack([np.concatenate([[0.0], np.cumsum(steps * (row[1:] + row[:-1]) / 2)]) for row in self.densities])


def rows(*columns: FloatArray, form: str = "{:12.6f}") -> str:
    """Lines of numbers."""
    return "".join("".join(f" {form.format(value)}" for value in row) + "\n" for row in zip(*columns, strict=True))


def siesta_dos(run: Run) -> bytes:
    """`SYSTEM.DOS`."""
    return "".join(
        "".join(f"{value:20.5f}" for value in row) + "\n" for row in zip(run.energies, *run.densities, strict=True)
    ).encode()


def siesta_eig(run: Run) -> bytes:
    """`SYSTEM.EIG`."""
    spins, points, bands = run.channels.shape
    text = f"{run.fermi:15.6f}\n{bands:10d}{spins:10d}{points:10d}\n"
    for point in range(points):
        values = run.channels[:, point].ravel()
        lines = [values[start : start + 10] for start in range(0, len(values), 10)]
        text += f"{point + 1:5d}" + "".join(f"{value:12.5f}" for value in lines[0]) + "\n"
        text += "".join("     " + "".join(f"{value:12.5f}" for value in line) + "\n" for line in lines[1:])
    return text.encode()


def siesta_kp(run: Run) -> bytes:
    """`SYSTEM.KP`."""
    return (
        f"{len(run.weights):6d}\n".encode()
        + "".join(f"{number:6d} 0.1 0.2 0.3 {weight:14.8f}\n" for number, weight in enumerate(run.weights, start=1)).encode()
    )


def siesta_pdos(run: Run) -> bytes:
    """`SYSTEM.PDOS.xml`, the states shared by two orbitals."""
    spins = len(run.densities)
    text = f'<pdos>\n<nspin>{spins}</nspin>\n<norbitals>2</norbitals>\n<fermi_energy units="eV">{run.fermi:.6f}</fermi_energy>\n'
    text += '<energy_values units="eV">\n' + "\n".join(f"{value:.5f}" for value in run.energies) + "\n</energy_values>\n"
    for index, share in enumerate((0.3, 0.7), start=1):
        data = "\n".join(" ".join(f"{share * value:.8f}" for value in row) for row in run.densities.T)
        text += f'<orbital\n index="{index}"\n atom_index="1"\n species="{run.species[0]}"\n position="0 0 0"\n n="3" l="0" m="0" z="1">\n<data>\n{data}\n</data>\n</orbital>\n'
    return (text + "</pdos>\n").encode()


def castep_bands(run: Run) -> bytes:
    """`SEED.bands`, in Hartree."""
    spins, points, bands = run.channels.shape
    counts = f"{run.electrons:.3f}" if spins == 1 else f"{run.electrons / 2:.3f} {run.electrons / 2:.3f}"
    text = f"Number of k-points {points:4d}\nNumber of spin components {spins}\nNumber of electrons  {counts}\n"
    text += "Number of eigenvalues " + " ".join([f"{bands:4d}"] * spins) + "\n"
    text += (
        f"Fermi {'energy' if spins == 1 else 'energies'} (in atomic units) "
        + " ".join([f"{run.fermi / HARTREE:12.8f}"] * spins)
        + "\nUnit cell vectors\n"
    )
    text += "".join(" ".join(f"{value / BOHR:12.6f}" for value in vector) + "\n" for vector in run.lattice)
    for point in range(points):
        text += f"K-point {point + 1:4d}  0.10000000  0.20000000  0.30000000  {run.weights[point]:.8f}\n"
        for spin in range(spins):
            text += f"Spin component {spin + 1}\n" + "".join(f"{value / HARTREE:14.8f}\n" for value in run.channels[spin, point])
    return text.encode()


def optados(run: Run) -> bytes:
    """`SEED.adaptive.dat`, from the Fermi level."""
    names = ["Energy (eV)", "DOS (electrons per eV)", "Integrated DOS (electrons)"]
    columns = [run.energies - run.fermi, *run.densities, *run.counts]
    if len(run.densities) == 2:
        names = [
            "Energy (eV)",
            "Up-spin DOS (electrons per eV)",
            "Down-spin DOS (electrons per eV)",
            "Up-spin Integrated DOS (electrons)",
            "Down-spin Integrated DOS (electrons)",
        ]
        columns[2] = -columns[2]
    head = " ####\n #\n #                  O p t a D O S   o u t p u t   f i l e\n #\n #    Density of States using adaptive broadening\n # Column        Data\n"
    return (
        head + "".join(f" #    {number}        {name}\n" for number, name in enumerate(names, start=1)) + rows(*columns)
    ).encode()


def dftb_bands(run: Run) -> bytes:
    """`band.out`."""
    text, holds = "", 2.0 if len(run.channels) == 1 else 1.0
    for spin, channel in enumerate(run.channels, start=1):
        for point, values in enumerate(channel, start=1):
            text += f" KPT {point:12d}  SPIN {spin:12d}  KWEIGHT   {run.weights[point - 1]:.10f}\n"
            text += (
                "".join(
                    f"{number:6d} {value:12.5f} {holds * (value <= run.fermi):9.5f}\n"
                    for number, value in enumerate(values, start=1)
                )
                + "\n"
            )
    return text.encode()


def dftb_detailed(run: Run) -> bytes:
    """`detailed.out`."""
    return f"\nFermi level:                        {run.fermi / HARTREE:14.10f} H {run.fermi:14.4f} eV\nBand energy:   -1.1 H   -30.1 eV\n".encode()


def bare(run: Run) -> bytes:
    """`dos_total.dat` of dp_dos: columns without a word."""
    return rows(run.energies, *run.densities).encode()


def crystal_doss(run: Run) -> bytes:
    """`DOSS.DAT`: a projection, then the total; the second spin below zero; Hartree from the Fermi level."""
    energies = (run.energies - run.fermi) / HARTREE
    text = f"# NEPTS {len(energies)} NPROJ 2 NSPIN {len(run.densities)}\n#\n"
    text += '@ XAXIS LABEL "ENERGY (HARTREE)"\n@ YAXIS LABEL "DENSITY OF STATES (STATES/HARTREE/CELL)"\n'
    for sign, row in zip((1, -1), run.densities, strict=False):
        text += ("" if sign > 0 else "&\n# beta\n#\n") + rows(
            energies, sign * 0.2 * row * HARTREE, sign * row * HARTREE, form="{:14.6E}"
        )
    return (text + f"# EFERMI (HARTREE)  {run.fermi / HARTREE:.6f}\n").encode()


def openmx(run: Run) -> bytes:
    """`SYSTEM.DOS.Gaussian`: from the chemical potential; with spin, down below zero."""
    signs = [1, -1][: len(run.densities)]
    return rows(run.energies - run.fermi, *(s * row for s, row in zip(signs, run.densities, strict=True)), *run.counts).encode()


def octopus(run: Run) -> bytes:
    """`total-dos.dat`, in Hartree."""
    return b"# energy [H], total DOS\n" + rows(run.energies / HARTREE, run.densities.sum(axis=0) * HARTREE).encode()


def octopus_fermi(run: Run) -> bytes:
    """`total-dos-efermi.dat`."""
    level = run.fermi / HARTREE
    return (
        f"# Fermi energy [H] in a format compatible with total-dos.dat\n{level:14.6f} 0.000000\n{level:14.6f} 20.0000\n".encode()
    )


def wien2k(run: Run, spin: int, *, rydberg: bool = False) -> bytes:
    """`case.dos1ev`, `case.dos1evup` or `...dn`; in Rydberg `case.dos1`, `case.dos1up` or `...dn`."""
    row = run.densities[spin]
    if rydberg:
        head = f"# Title\n#EF={run.fermi / RYDBERG:10.5f}     NDOS= 1     NENRG={len(row):5d}    Gaussian bradening: 0.00300\n# ENERGY  TOTAL\n"
        return (head + rows(run.energies / RYDBERG, row * RYDBERG, form="{:13.8f}")).encode()
    head = f"# case\n#EF=   0.00000     NDOS= 2     NENRG={len(row):5d}\n# ENERGY     total-DOS      1:total\n"
    return (head + rows(run.energies - run.fermi, row, 0.4 * row)).encode()


def exciting_xml(run: Run) -> bytes:
    """exciting's `dos.xml`, in Hartree from the Fermi level."""
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<dos xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<title>x</title>\n<axis label="Energy" unit="Hartree"/>\n<axis label="DOS" unit="states/Hartree/unit cell"/>\n<totaldos>\n'
    for number, (sign, row) in enumerate(zip((1, -1), run.densities, strict=False), start=1):
        points = "".join(
            f'<point e="{(e - run.fermi) / HARTREE:.10E}" dos="{sign * d * HARTREE:.10E}"/>\n'
            for e, d in zip(run.energies, row, strict=True)
        )
        text += f'<diagram type="totaldos" nspin="{number}">\n{points}</diagram>\n'
    return (text + "</totaldos>\n</dos>\n").encode()


def elk_tdos(run: Run) -> bytes:
    """`TDOS.OUT` of Elk and exciting, in Hartree from the Fermi level."""
    blocks = [
        "".join(
            f"{(e - run.fermi) / HARTREE:15.10f}   {sign * d * HARTREE:14.9f}    \n"
            for e, d in zip(run.energies, row, strict=True)
        )
        for sign, row in zip((1, -1), run.densities, strict=False)
    ]
    return "\n".join(blocks).encode()


def vasp_eigenval(run: Run) -> bytes:
    """VASP's `EIGENVAL`."""
    spins, points, bands = run.channels.shape
    text = f"    2    2    1    {spins}\n  0.2E+02  0.4E-09  0.4E-09\n  1.0E-004\n  CAR \n x\n{run.electrons:7.0f}{points:7d}{bands:7d}\n"
    for point in range(points):
        text += f"\n  0.1E+00  0.2E+00  0.3E+00  {run.weights[point]:.7E}\n"
        for band in range(bands):
            levels = run.channels[:, point, band]
            text += (
                f"{band + 1:5d}"
                + "".join(f"{value:14.6f}" for value in levels)
                + "".join(f"{value <= run.fermi:11.6f}" for value in levels)
                + "\n"
            )
    return text.encode()


def vasp_procar(run: Run, seed: int = 1) -> bytes:
    """VASP's `PROCAR` of LORBIT 11: seeded weights of each state on s, p and d of each site, three decimals."""
    names = ("s", "py", "pz", "px", "dxy", "dyz", "dz2", "dxz", "x2-y2")
    spins, points, bands = run.channels.shape
    weights = procar_weights(run, seed)
    text = "PROCAR lm decomposed\n"
    for spin in range(spins):
        text += f"# of k-points:  {points}         # of bands:   {bands}         # of ions:    {len(run.species)}\n\n"
        for point in range(points):
            text += f" k-point     {point + 1} :    0.00000000 0.25000000 0.50000000     weight = {run.weights[point]:.8f}\n\n"
            for band in range(bands):
                level = run.channels[spin, point, band]
                text += f"band     {band + 1} # energy {level:13.8f} # occ. {float(level <= run.fermi):11.8f}\n\n"
                text += "ion  " + "".join(f"{name:>7}" for name in names) + "    tot\n"
                for ion, row in enumerate(weights[spin, point, band], 1):
                    text += f"{ion:5d}" + "".join(f"{cell:7.3f}" for cell in row) + f"{row.sum():7.3f}\n"
                text += "tot  " + "".join(f"{cell:7.3f}" for cell in weights[spin, point, band].sum(axis=0)) + "  0.900\n\n"
    return text.encode()


def procar_weights(run: Run, seed: int = 1) -> FloatArray:
    """The weights in `vasp_procar`, shape (spins, k-points, bands, sites, 9)."""
    shape = (*run.channels.shape, len(run.species), 9)
    return np.round(np.random.default_rng(seed).uniform(0.0, 0.9 / (9 * len(run.species)), shape), 3)


def own(run: Run) -> bytes:
    """dosmith's own `dos.csv`."""
    from dosmith.records import Spectrum
    from dosmith.sources.own import own_csv

    return own_csv(Spectrum(run.energies, run.densities, run.fermi, broadening=0.1)).encode()


def vasp_columns(run: Run, step: float, smearing: float) -> tuple[FloatArray, list[tuple[FloatArray, FloatArray]]]:
    """Energies, and of each spin the density and the integrated density as VASP computes them with Gaussian smearing.

    The count at each energy is the sum of error functions of width SIGMA = `smearing`; the density is its rise over the last step, / step.
    """
    from scipy.special import erfc

    energies = np.arange(run.channels.min() - 5, run.channels.max() + 5, step)
    columns, states = [], 2.0 / len(run.channels)
    for channel in run.channels:
        count = sum(
            weight * states * erfc(-(energies[:, None] - levels) / smearing).sum(axis=1) / 2
            for levels, weight in zip(channel, run.weights, strict=True)
        )
        columns.append((np.concatenate([[count[0] / step], np.diff(count) / step]), count))
    return energies, columns


def vasprun(run: Run, step: float = 0.02, smearing: float = 0.14) -> bytes:
    """`vasprun.xml`: parameters, atoms, eigenvalues with occupations, the DOS, the crystal."""
    energies, columns = vasp_columns(run, step, smearing)
    listed = "".join(
        f'<set comment="spin {spin}">'
        + "".join(
            f'<set comment="kpoint {number}">'
            + "".join(f"<r> {level:10.4f} {float(level <= run.fermi):9.4f} </r>" for level in levels)
            + "</set>"
            for number, levels in enumerate(channel, 1)
        )
        + "</set>"
        for spin, channel in enumerate(run.channels, 1)
    )
    sets = "".join(
        f'<set comment="spin {spin}">'
        + "".join(f"<r> {e:10.4f} {d:10.4f} {n:10.4f} </r>" for e, d, n in zip(energies, *pair, strict=True))
        + "</set>"
        for spin, pair in enumerate(columns, 1)
    )
    vectors = "".join("<v> {:.8f} {:.8f} {:.8f} </v>".format(*row) for row in run.lattice)
    places = "".join("<v> {:.8f} {:.8f} {:.8f} </v>".format(*row) for row in run.places)
    atoms = "".join(f"<rc><c>{symbol} </c><c> 1</c></rc>" for symbol in run.species)
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <parameters><i type="int" name="ISMEAR"> 0</i><i name="SIGMA"> {smearing}</i><i name="NELECT"> {run.electrons:.8f}</i></parameters>
 <atominfo><array name="atoms" ><set>{atoms}</set></array></atominfo>
 <calculation>
  <eigenvalues><array><field>eigene</field><field>occ</field><set>{listed}</set></array></eigenvalues>
  <dos><i name="efermi"> {run.fermi:.8f} </i><total><array><set>{sets}</set></array></total></dos>
 </calculation>
 <structure name="finalpos" ><crystal><varray name="basis" >{vectors}</varray></crystal><varray name="positions" >{places}</varray></structure>
</modeling>
""".encode()


def doscar(run: Run, step: float = 0.02, smearing: float = 0.14) -> bytes:
    """`DOSCAR`: six lines, then energy, density and integrated density, with spin both of both."""
    energies, columns = vasp_columns(run, step, smearing)
    count = len(run.species)
    head = f"{count:4d}{count:4d}   0   0\n  0.1E+02  0.3E-09  0.3E-09  0.3E-09  0.5E-15\n  1.0E-004\n  CAR \n made\n"
    grid = f"{energies[-1]:16.8f}{energies[0]:16.8f}{len(energies):5d}{run.fermi:16.8f}{1.0:16.8f}\n"
    table = [energies, *(density for density, _ in columns), *(states for _, states in columns)]
    return (
        head
        + grid
        + "".join(f"{row[0]:11.3f}" + "".join(f"{x:12.4E}" for x in row[1:]) + "\n" for row in zip(*table, strict=True))
    ).encode()


def vaspout(run: Run, *, user_block: int = 0) -> bytes:
    """`vaspout.h5`."""
    import h5py

    file = io.BytesIO()
    kinds = list(dict.fromkeys(run.species))
    order = [number for kind in kinds for number, each in enumerate(run.species) if each == kind]
    with h5py.File(file, "w", userblock_size=user_block) as h5:
        dos = h5.create_group("results/electron_dos")
        dos["energies"], dos["dos"], dos["dosi"], dos["efermi"], dos["nedos"] = (
            run.energies,
            run.densities,
            run.counts,
            run.fermi,
            len(run.energies),
        )
        levels = h5.create_group("results/electron_eigenvalues")
        levels["eigenvalues"], levels["kpoints_symmetry_weight"], levels["nelectrons"] = run.channels, run.weights, run.electrons
        levels["fermiweights"] = (run.channels <= run.fermi).astype(float)
        places = h5.create_group("results/positions")
        places["scale"], places["lattice_vectors"], places["position_ions"] = 1.0, run.lattice, run.places[order]
        places["ion_types"] = np.array([kind.encode() for kind in kinds])
        places["number_ion_types"] = [run.species.count(kind) for kind in kinds]
    return file.getvalue()


def banddos(run: Run) -> bytes:
    """FLEUR's `banddos.hdf`, in Hartree from the Fermi level."""
    import h5py

    from dosmith import formulas

    file = io.BytesIO()
    kinds = list(dict.fromkeys(run.species))
    with h5py.File(file, "w") as h5:
        dos = h5.create_group("Local/DOS")
        dos["energyGrid"], dos["Total"] = (run.energies - run.fermi) / HARTREE, run.densities * HARTREE
        h5.create_group("general").attrs["lastFermiEnergy"] = [run.fermi / HARTREE]
        h5["atoms/atomicNumbers"] = [formulas.atomic_number(kind) for kind in kinds]
        h5["atoms/equivAtomsGroup"] = [kinds.index(each) + 1 for each in run.species]
        h5["atoms/positions"], h5["cell/bravaisMatrix"] = run.places, run.lattice / BOHR
    return file.getvalue()


def nomad(run: Run, *, apart: bool = True) -> bytes:
    """A NOMAD archive (schema `run`), in SI units; spins in sections of their own, or in one."""
    joule = ELECTRON_VOLT
    totals = [{"value": (row / joule).tolist()} for row in run.densities]
    axis = {"energies": (run.energies * joule).tolist(), "energy_fermi": run.fermi * joule, "n_energies": len(run.energies)}
    sections = (
        [axis | {"spin_channel": spin, "total": [total]} for spin, total in enumerate(totals)]
        if apart
        else [axis | {"total": totals}]
    )
    atoms = {
        "labels": list(run.species),
        "lattice_vectors": (run.lattice * 1e-10).tolist(),
        "positions": (run.places @ run.lattice * 1e-10).tolist(),
    }
    archive = {"run": [{"program": {"name": "x"}, "system": [{"atoms": atoms}], "calculation": [{"dos_electronic": sections}]}]}
    return json.dumps({"entry_id": "x", "archive": archive}).encode()


def aiida(run: Run) -> bytes:
    """XyData of AiiDA."""
    names = ["Dos"] if len(run.densities) == 1 else ["dos_spin_up", "dos_spin_down"]
    arrays = {f"y_array_{number}": row.tolist() for number, row in enumerate((*run.densities, run.counts.sum(axis=0)))}
    facts = {"x_name": "Energy", "x_units": "eV", "y_names": [*names, "integrated_dos"], "fermi_energy": run.fermi}
    return json.dumps({"x_array": run.energies.tolist()} | arrays | facts).encode()


def optimade(run: Run) -> bytes:
    """One structure of OPTIMADE with a provider's DOS."""
    dos = {"energies": run.energies.tolist(), "densities": run.densities.tolist(), "efermi": run.fermi}
    attributes = {
        "lattice_vectors": run.lattice.tolist(), "cartesian_site_positions": (run.places @ run.lattice).tolist(),
        "species_at_sites": list(run.species), "_exmpl_electronic_dos": dos,
    }  # fmt: skip
    return json.dumps({"data": [{"id": "1", "type": "structures", "attributes": attributes}], "meta": {}}).encode()


def store(run: Run) -> bytes:
    """A document of the Materials Project's store, without a class."""
    densities = {str(1 - 2 * spin): row.tolist() for spin, row in enumerate(run.densities)}
    return json.dumps([{"data": {"energies": run.energies.tolist(), "densities": densities, "efermi": run.fermi}}]).encode()
