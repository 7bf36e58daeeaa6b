"""Projections on elements and orbitals: in vasprun.xml, DOSCAR, PROCAR, beside Quantum ESPRESSO's, CP2K's, FHI-aims' and dosmith's curves."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from samples import DOWN, UP, E, doscar, running, vasprun

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import layouts

from dosmith.errors import FileFormatError
from dosmith.records import Projections
from dosmith.sources.files import from_pymatgen, read_dos, read_dos_stream
from dosmith.sources.parts import orbital_of
from dosmith.sources.projected import from_pymatgen as projections_of_object
from dosmith.sources.projected import held, projections_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
REAL = Path(__file__).parents[3] / "shared" / "data" / "real" / "vasprun.xml.JVASP-39.gz"
NAMES = ["s", "py", "pz", "px", "dxy", "dyz", "dz2", "dxz", "x2-y2"]
LETTERS = "spppddddd"
SHARES = np.array(
    [0.10, 0.02, 0.03, 0.05, 0.1, 0.2, 0.2, 0.1, 0.2]
)  # of the whole; the same of each atom, divided by their number
POSCAR = "Pt3Ni\n1.0\n3.8 0 0\n0 3.8 0\n0 0 3.8\nNi Pt\n1 3\nDirect\n0 0 0\n0 .5 .5\n.5 0 .5\n.5 .5 0\n"


def assert_parts(found: Projections, *whole: np.ndarray, tolerance: float = 2e-3) -> None:
    """Of Ni and three Pt atoms, each a quarter of the whole, by `SHARES`."""
    assert set(found.labels) == {(element, orbital) for element in ("Ni", "Pt") for orbital in "spd"}
    for element, count in (("Ni", 1), ("Pt", 3)):
        for orbital in "spd":
            share = SHARES[[letter == orbital for letter in LETTERS]].sum() * count / 4
            np.testing.assert_allclose(found.of(element, orbital), share * np.stack(whole), atol=tolerance)


def partial(*spins: np.ndarray, names: list[str] = NAMES) -> str:
    """The densities of four atoms as VASP writes them into a vasprun.xml."""
    fields = "".join(f"<field>{name:>5}</field>" for name in names)
    ions = "".join(
        f'<set comment="ion {ion}">'
        + "".join(
            f'<set comment="spin {number}">'
            + "".join(
                f"<r> {e:9.4f} {' '.join(f'{d * share / 4:9.4f}' for share in SHARES)} </r>\n"
                for e, d in zip(E, spin, strict=True)
            )
            + "</set>"
            for number, spin in enumerate(spins, 1)
        )
        + "</set>"
        for ion in range(1, 5)
    )
    return f"<partial><array><field>energy</field>{fields}<set>{ions}</set></array></partial>"


@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
def test_vasprun(spins: tuple[np.ndarray, ...], tmp_path: Path) -> None:
    file = tmp_path / "vasprun.xml.gz"
    text = vasprun(*spins).decode().replace("</total></dos></calc", f"</total>{partial(*spins)}</dos></calc")
    file.write_bytes(gzip.compress(text.encode()))
    dos = read_dos(file)
    found = projections_of(file, dos)
    assert_parts(found, *spins)
    assert held(found, dos.spectrum) == pytest.approx(1.0, abs=2e-3)


def test_vasprun_as_pymatgen_reads_it() -> None:
    if not REAL.exists():
        pytest.skip(f"{REAL} is not here")
    from pymatgen.io.vasp import Vasprun

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Vasprun(REAL, parse_eigen=False, parse_potcar_file=False).complete_dos
    found = projections_of(REAL, read_dos(REAL))
    for element in ("Al", "N"):
        for orbital, dos in theirs.get_element_spd_dos(element).items():
            # Gaussian smearing: VASP prints means over the steps, and the first has none
            np.testing.assert_allclose(found.of(element, orbital.name)[0], dos.get_densities()[1:], atol=1e-9)


def atoms_of_doscar(*spins: np.ndarray, letters: bool = False, four: bool = False) -> str:
    """The blocks of four atoms (LORBIT 11, or 10 with `letters`), with magnetisations where `four`."""
    shares = [SHARES[[each == letter for each in LETTERS]].sum() for letter in "spd"] if letters else SHARES
    grid = f"{E[-1]:16.8f}{E[0]:16.8f}{len(E):5d}{1.25:16.8f}{1.0:16.8f}"
    block = [grid]
    for place, energy in enumerate(E):
        cells = [spin[place] * share / 4 for share in shares for spin in spins]
        if four:
            cells = [each for cell in cells for each in (cell, -cell / 2, 0.0, 0.0)]
        block.append(f" {energy:10.3f}" + "".join(f" {cell:11.4E}" for cell in cells))
    return "\n".join(block * 4) + "\n"


def only_total(content: bytes) -> str:
    return "\n".join(content.decode().splitlines()[: 6 + len(E)]) + "\n"


@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
@pytest.mark.parametrize("letters", [False, True])
def test_doscar(spins: tuple[np.ndarray, ...], letters: bool, tmp_path: Path) -> None:
    file = tmp_path / "DOSCAR"
    file.write_text(only_total(doscar(*spins)) + atoms_of_doscar(*spins, letters=letters))
    with pytest.raises(FileFormatError, match="does not name them; put the POSCAR or CONTCAR"):
        projections_of(file, read_dos(file))
    (tmp_path / "POSCAR").write_text(POSCAR)
    assert_parts(projections_of(file, read_dos(file)), *spins)


def test_doscar_of_a_noncollinear_run(tmp_path: Path) -> None:
    file = tmp_path / "DOSCAR"
    file.write_text(only_total(doscar(UP)) + atoms_of_doscar(UP, four=True))
    (tmp_path / "CONTCAR").write_text(POSCAR)
    assert_parts(projections_of(file, read_dos(file)), UP)


def test_doscar_without_projections(tmp_path: Path) -> None:
    file = tmp_path / "DOSCAR"
    file.write_text(only_total(doscar(UP)))
    with pytest.raises(FileFormatError, match="DOSCAR holds no projected densities; compute it with LORBIT = 11"):
        projections_of(file, read_dos(file))


@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
def test_lobster_as_pymatgen_reads_it(spins: tuple[np.ndarray, ...], tmp_path: Path) -> None:
    from pymatgen.io.lobster.outputs import Doscar

    head = f"{E[-1]:10.5f}{E[0]:10.5f}{len(E):6d}{0.0:10.5f}{1.0:10.5f}"
    rows = ["".join(f" {value:13.5f}" for value in row) for row in zip(E, *spins, *map(running, spins), strict=True)]
    lines = [
        "4 4 1 0",
        "0.0 0.0 0.0 0.0 0.0",
        "0.0",
        "CAR",
        "title " * 17 + "0.0",
        head + " ;",
        *rows,
    ]
    for number in (28, 78, 78, 78):
        lines.append(
            f"{head}; Z= {number}; " + " ".join(["4s", "4p_y", "4p_z", "4p_x", "3d_xy", "3d_yz", "3d_z^2", "3d_xz", "3d_x^2-y^2"])
        )
        for place, energy in enumerate(E):
            cells = [spin[place] * share / 4 for share in SHARES for spin in spins]
            lines.append(f" {energy:13.5f}" + "".join(f" {cell:13.6f}" for cell in cells))
    file = tmp_path / "DOSCAR.lobster"
    file.write_text("\n".join(lines) + "\n")
    (tmp_path / "POSCAR").write_text(POSCAR)
    dos = read_dos(file)
    found = projections_of(file, dos)
    assert_parts(found, *spins)
    theirs = Doscar(doscar=str(file), structure_file=str(tmp_path / "POSCAR")).completedos
    for orbital, each in theirs.get_element_spd_dos("Pt").items():
        np.testing.assert_allclose(found.of("Pt", orbital.name).sum(axis=0), each.get_densities(), atol=1e-5)


@pytest.mark.parametrize("spins", [1, 2])
def test_procar(spins: int, tmp_path: Path) -> None:
    """Every state apart from the others: at its energy, the shares are its weights."""
    levels = np.arange(spins * 8, dtype=float).reshape(4, 2, spins).transpose(2, 1, 0) * 1.5 - 5.0
    run = layouts.Run(
        E,
        np.stack([UP] * spins),
        0.4,
        levels,
        np.array([0.5, 0.5]),
        8.0,
        3 * np.eye(3),
        ("Ni", "Al"),
        np.array([[0, 0, 0], [0.5] * 3]),
    )
    file = tmp_path / "PROCAR"
    file.write_bytes(layouts.vasp_procar(run))
    (tmp_path / "POSCAR").write_text("NiAl\n1.0\n3 0 0\n0 3 0\n0 0 3\nNi Al\n1 1\nDirect\n0 0 0\n.5 .5 .5\n")
    dos = read_dos(file)
    assert (dos.format, dos.spectrum.spin_polarized) == ("PROCAR", spins == 2)
    assert levels[levels <= 0.4].max() < dos.spectrum.fermi < levels[levels > 0.4].min()
    found = projections_of(file, dos)
    assert held(found, dos.spectrum) == pytest.approx(1.0, abs=1e-3)
    weights = layouts.procar_weights(run)
    for state in np.ndindex(levels.shape):
        place = int(np.abs(dos.spectrum.energies - levels[state]).argmin())
        if dos.spectrum.energies[-1] < levels[state] + 0.2:
            continue  # the curve ends where the highest band begins
        share = found.of("Ni", "d")[state[0], place] / dos.spectrum.densities[state[0], place]
        assert share == pytest.approx(weights[state][0, 4:].sum() / weights[state].sum(), abs=1e-3)


@pytest.mark.parametrize("filling", ["\n" * 300_000, " " * 300_000, "1" * 5000])
@pytest.mark.parametrize("before", ["  # of bands", "\nband", "# energy", " tot\n"])
def test_blanks_and_digits_without_end_in_a_procar_take_no_time(filling: str, before: str) -> None:
    """Patterns that look for blanks over lines took hours; a count of 5,000 digits is no number to Python."""
    levels = np.array([[[-2.0, 1.0]]])
    run = layouts.Run(E, np.stack([UP]), 0.4, levels, np.ones(1), 2.0, 3 * np.eye(3), ("Ni",), np.zeros((1, 3)))
    text = layouts.vasp_procar(run).decode()
    place = text.index(before)
    with contextlib.suppress(FileFormatError):
        read_dos_stream(io.BytesIO((text[:place] + filling + text[place:]).encode()), "PROCAR")


@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
def test_espresso(spins: tuple[np.ndarray, ...], tmp_path: Path) -> None:
    total = "".join(f"{name:>12}" for name in (["dosup(E)", "dosdw(E)"] if len(spins) == 2 else ["dos(E)"]))
    head = f"#  E (eV)  {total}     Int dos(E) EFermi =    1.250 eV\n"
    rows = zip(E, *spins, np.cumsum(sum(spins)) * 0.1, strict=True)
    file = tmp_path / "pt3ni.dos"
    file.write_text(head + "".join(" ".join(f"{value:12.5E}" for value in row) + "\n" for row in rows))
    with pytest.raises(FileFormatError, match=r"put the files pt3ni.pdos_atm#"):
        projections_of(file, read_dos(file))
    part = " ".join(["ldosup(E)", "ldosdw(E)"] if len(spins) == 2 else ["ldos(E)"])
    for atom, kind in enumerate(("Ni1", "Pt", "Pt", "Pt"), 1):
        for number, letter in enumerate("spd", 1):
            share = SHARES[[each == letter for each in LETTERS]].sum() / 4
            columns = [share * spin for spin in spins] * 2  # all, then each m; here one
            text = f"# E (eV)  {part}   {part.replace('ldos', 'pdos')}\n"
            text += "".join(" ".join(f"{v:12.5E}" for v in row) + "\n" for row in zip(E, *columns, strict=True))
            (tmp_path / f"pt3ni.pdos_atm#{atom}({kind})_wfc#{number}({letter})").write_text(text)
    assert_parts(projections_of(file, read_dos(file)), *spins)


def test_espresso_of_a_real_run(tmp_path: Path) -> None:
    """The file of one atom of a run of projwfc.x, on the energies of its total."""
    content = gzip.decompress((FIXTURES / "dos" / "espresso-al.pdos_atm.gz").read_bytes()).decode()
    columns = np.array([line.split() for line in content.splitlines()[1:]], dtype=float).T
    (tmp_path / "al.pdos_atm#1(Al)_wfc#1(s)").write_text(content)
    rows = "".join(f"{e:8.3f} {2 * d:.3E} {2 * d:.3E}\n" for e, d in columns[:2].T)
    file = tmp_path / "al.pdos_tot"
    file.write_text("# E (eV)   dos(E)    pdos(E)\n" + rows)
    found = projections_of(file, read_dos(file, fermi=5.0))
    np.testing.assert_allclose(found.of("Al", "s")[0], columns[1], atol=1e-9)


@pytest.mark.parametrize("name", ["cp2k-si_gamma-k1-1.pdos.gz", "cp2k-si_spin-ALPHA_k1-1.pdos.gz"])
def test_cp2k_of_real_runs(name: str) -> None:
    file = FIXTURES / "dos" / name
    dos = read_dos(file)
    found = projections_of(file, dos)
    assert found.labels == (("Si", "s"), ("Si", "p"))
    assert len(found.densities) == len(dos.spectrum.densities)
    np.testing.assert_allclose(found.of(), dos.spectrum.densities, atol=2e-3 * dos.spectrum.densities.max())


@pytest.mark.parametrize("by_atom", [False, True])
@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
def test_aims(spins: tuple[np.ndarray, ...], by_atom: bool, tmp_path: Path) -> None:
    head = "# total density of states output by FHI-aims \n# The energy reference for this output is the chemical potential, mu =   -9.0000 eV\n"
    rows = "".join(" ".join(f"{v:14.6f}" for v in row) + "\n" for row in zip(E, *spins, strict=True))
    file = tmp_path / "KS_DOS_total.dat"
    file.write_text(head + rows)
    for element, count in (("Ni", 1), ("Pt", 3)):
        for number, spin in enumerate(spins):
            tail = "" if len(spins) == 1 else f"_spin_{('up', 'dn')[number]}"
            for atom in range(1, count + 1) if by_atom else [0]:
                shares = [SHARES[[each == letter for each in LETTERS]].sum() / 4 * (1 if by_atom else count) for letter in "spd"]
                lines = (" ".join(f"{v:.6f}" for v in (e, d, *(d * s for s in shares))) for e, d in zip(E, spin, strict=True))
                name = f"atom_proj_dos{tail}_{element}{atom:04d}.dat" if by_atom else f"{element}_l_proj_dos{tail}.dat"
                (tmp_path / name).write_text("# part\n# Energy (eV) total dos l= 0 l= 1 l= 2\n" + "\n".join(lines) + "\n")
    assert_parts(projections_of(file, read_dos(file)), *spins)


def complete_dos(*spins: np.ndarray):  # type: ignore[no-untyped-def]
    from pymatgen.core import Lattice, Structure
    from pymatgen.electronic_structure.core import Orbital, Spin
    from pymatgen.electronic_structure.dos import CompleteDos, Dos

    keys = (Spin.up, Spin.down)
    structure = Structure(Lattice.cubic(3.8), ["Ni", "Pt", "Pt", "Pt"], [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    total = Dos(1.25, E, dict(zip(keys, spins, strict=False)))
    orbitals = [Orbital(number) for number in range(9)]
    parts = {
        site: {
            orbital: dict(zip(keys, (spin * share / 4 for spin in spins), strict=False))
            for orbital, share in zip(orbitals, SHARES, strict=True)
        }
        for site in structure
    }
    return CompleteDos(structure, total, parts)


@pytest.mark.parametrize("spins", [(UP,), (UP, DOWN)])
def test_pymatgen(spins: tuple[np.ndarray, ...], tmp_path: Path) -> None:
    dos = complete_dos(*spins)
    file = tmp_path / "dos.json"
    file.write_text(json.dumps({"data": dos.as_dict()}, default=lambda each: each.tolist()))
    assert_parts(projections_of(file, read_dos(file)), *spins)
    found = projections_of_object(dos, from_pymatgen(dos))
    assert found is not None
    assert_parts(found, *spins)


def test_siesta(tmp_path: Path) -> None:
    values = "\n".join(f"{energy:.4f}" for energy in E)
    orbitals = ""
    for number, (species, momentum, share) in enumerate([("Ni", 2, 0.5), ("Pt_1", 0, 0.25), ("Pt_1", 1, 0.25)], 1):
        rows = "\n".join(f"{share * value:.6f}" for value in UP)
        orbitals += f'<orbital index="{number}" atom_index="1" species="{species}" n="3" l="{momentum}" m="0" z="1">\n<data>\n{rows}\n</data>\n</orbital>\n'
    file = tmp_path / "x.PDOS.xml"
    file.write_text(
        f"<pdos>\n<nspin>1</nspin>\n<norbitals>3</norbitals>\n<fermi_energy units='eV'>1.25</fermi_energy>\n"
        f'<energy_values units="eV">\n{values}\n</energy_values>\n{orbitals}</pdos>\n'
    )
    found = projections_of(file, read_dos(file))
    assert found.labels == (("Ni", "d"), ("Pt", "s"), ("Pt", "p"))
    np.testing.assert_allclose(found.of("Ni", "d")[0], UP / 2, atol=1e-5)


def test_what_holds_none_says_so(tmp_path: Path) -> None:
    file = tmp_path / "curve.csv"
    file.write_text("energy,dos\n" + "\n".join(f"{e},{d}" for e, d in zip(E, UP, strict=True)))
    with pytest.raises(FileFormatError, match=r"curve.csv holds no projections \(table\); give a file of docs/formats.md"):
        projections_of(file, read_dos(file))


@pytest.mark.parametrize(
    "change",
    [
        ('<set comment="ion 3">', ""),
        ("<field>dxy</field>".replace("dxy", "  dxy"), ""),
        ("<field>    s</field>", "<field>tot</field>"),
    ],
)
def test_damaged_projections_are_one_line(change: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "vasprun.xml"
    text = vasprun(UP).decode().replace("</total></dos></calc", f"</total>{partial(UP).replace(*change)}</dos></calc")
    file.write_text(text)
    with pytest.raises(FileFormatError, match=r"^[^\n]*(?:damaged|not known)[^\n]*$"):
        projections_of(file, read_dos(file))


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("s", "s"),
        ("tots", ""),
        ("py", "p"),
        ("dx2", "d"),
        ("x2-y2", "d"),
        ("3d_x^2-y^2", "d"),
        ("f-3", "f"),
        ("fy(3x2-y2)", "f"),
        ("5f_0", "f"),
        ("d+2", "d"),
    ],
)
def test_names_of_orbitals(name: str, letter: str) -> None:
    if letter:
        assert orbital_of(name) == letter
    else:
        with pytest.raises(FileFormatError, match="projects on an orbital"):
            orbital_of(name)
