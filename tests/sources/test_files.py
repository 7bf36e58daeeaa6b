"""Files of other programs: what is read, what is decided and noted, and what is refused in one line."""

from __future__ import annotations

import errno
import functools
import gzip
import io
import json
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dosmith.errors import DosmithError, FileFormatError, NotFoundError, SpectrumError
from dosmith.records import Spectrum
from dosmith.sources.files import FileDos, from_pymatgen, read_dos, read_dos_stream

ALN = Path(__file__).parents[1] / "fixtures" / "vasprun-AlN.xml.gz"
REAL = Path(__file__).parents[3] / "shared" / "data" / "real"

E = np.round(np.linspace(-10.0, 10.0, 201), 3)
UP = np.round(1.0 + np.sin(E) ** 2, 4)
DOWN = np.round(0.5 + np.cos(E / 2) ** 2, 4)


def running(density: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.diff(E) * (density[1:] + density[:-1]) / 2)])


def table(*columns: np.ndarray, sep: str = " ", head: str = "", comma: bool = False) -> bytes:
    rows = "\n".join(sep.join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    return (head + (rows.replace(".", ",") if comma else rows) + "\n").encode()


def parse(content: bytes, **options: object) -> FileDos:
    return read_dos_stream(io.BytesIO(content), "upload", **options)  # type: ignore[arg-type]


def assert_curve(spectrum: Spectrum, *densities: np.ndarray, fermi: float, energies: np.ndarray = E) -> None:
    np.testing.assert_allclose(spectrum.energies, energies, atol=1e-9)
    np.testing.assert_allclose(spectrum.densities, np.stack(densities), atol=1e-5)
    assert spectrum.fermi == pytest.approx(fermi, abs=1e-9)


def noted(dos: FileDos, text: str) -> bool:
    return any(text in note for note in dos.spectrum.notes)


def vasprun(
    *spins: np.ndarray,
    energies: np.ndarray = E,
    fermi: str = '<i name="efermi">  1.25 </i>',
    ismear: int = 0,
    atoms: tuple[str, ...] = ("Ni", "Pt", "Pt", "Pt"),
    more_dos: str = "",
) -> bytes:
    sets = "".join(
        f'<set comment="spin {i}">'
        + "".join(f"<r> {e:9.4f} {d:9.4f} 0.0 </r>\n" for e, d in zip(energies, spin, strict=True))
        + "</set>"
        for i, spin in enumerate(spins, start=1)
    )
    names = "".join(f"<rc><c>{atom} </c><c> 1</c></rc>" for atom in atoms)
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <incar><i type="int" name="ISMEAR"> 1</i><i name="SIGMA"> 0.5</i></incar>
 <parameters><i type="int" name="ISMEAR"> {ismear}</i><i name="SIGMA">      0.20000000</i></parameters>
 <atominfo><atoms> 4 </atoms><array name="atoms" ><set>{names}</set></array></atominfo>
 <calculation><dos><i name="efermi"> 9.0 </i><total><array><set><set><r> 0 1 0 </r></set></set></array></total></dos>
 </calculation>
 <calculation><dos>{fermi}<total><array><field>energy</field><set>{sets}</set></array></total></dos>{more_dos}</calculation>
</modeling>
""".encode()


def doscar(*spins: np.ndarray, energies: np.ndarray = E, grid: str | None = None) -> bytes:
    columns = [energies, *spins, *(running(spin) for spin in spins)]
    grid = grid or f"{energies[-1]:16.8f}{energies[0]:16.8f}{len(energies):5d}{1.25:16.8f}{1.0:16.8f}"
    rows = [f"   {row[0]:8.3f}" + "".join(f"{value:12.4E}" for value in row[1:]) for row in zip(*columns, strict=True)]
    atom = [grid] + [f"   {e:8.3f}  0.1000E+00  0.1000E+00  0.1000E+00" for e in energies]  # a block of LORBIT
    head = ["   4   4   1   0", "  0.13E+02  0.28E-09  0.28E-09", "  1.0E-004", "  CAR ", " Pt3Ni"]
    return "\n".join([*head, grid, *rows, *atom]).encode()


def dos_json(name: str = "Dos", **changes: object) -> bytes:
    whole = {"@class": name, "efermi": 1.25, "energies": E.tolist(), "densities": {"1": UP.tolist(), "-1": DOWN.tolist()}}
    return json.dumps({**whole, **changes}).encode()


# --- vasprun.xml -------------------------------------------------------------------------------------------------


def test_vasprun_of_a_real_run() -> None:
    dos = read_dos(ALN)
    assert (dos.format, dos.composition) == ("vasprun.xml", (("N", 1), ("Al", 1)))
    assert dos.spectrum.fermi == 5.87567302
    assert dos.spectrum.densities.shape == (1, 5000)
    assert dos.spectrum.energies[[0, 1, -1]] == pytest.approx([-10.6416, -10.6350, 22.3336])
    assert dos.spectrum.total.max() == 17.9145
    assert dos.spectrum.broadening == pytest.approx(0.01 / math.sqrt(2))  # ISMEAR = 0, SIGMA = 0.01
    below = dos.spectrum.energies <= dos.spectrum.fermi
    assert np.trapezoid(dos.spectrum.total[below], dos.spectrum.energies[below]) == pytest.approx(16, abs=0.01)  # electrons


def test_vasprun_as_pymatgen_reads_it() -> None:
    from pymatgen.io.vasp import Vasprun

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Vasprun(ALN, parse_dos=True, parse_eigen=False, parse_potcar_file=False)
    ours = read_dos(ALN).spectrum
    golden = from_pymatgen(theirs.tdos)
    np.testing.assert_array_equal(ours.energies, golden.energies)
    np.testing.assert_array_equal(ours.densities, golden.densities)
    assert ours.fermi == golden.fermi == theirs.efermi


@pytest.mark.parametrize(
    ("name", "fermi", "peak", "composition", "lowest"),
    [
        ("vasprun.xml.JVASP-39.gz", 5.87567302, 17.9145, (("N", 1), ("Al", 1)), 0.0),
        ("vasprun.xml.JVASP-42538.gz", 14.86633629, 34.5085, (("N", 1), ("O", 5), ("Cr", 1), ("Ta", 2)), 0.0),
    ],
)
def test_vasprun_in_shared_data(name: str, fermi: float, peak: float, composition: object, lowest: float) -> None:
    if not (REAL / name).exists():
        pytest.skip(f"{REAL / name} is not here")
    dos = read_dos(REAL / name)
    assert (dos.spectrum.fermi, dos.spectrum.total.max(), dos.composition) == (fermi, peak, composition)
    assert dos.spectrum.total.min() == lowest


def test_vasprun_last_dos_spin_and_atoms() -> None:
    dos = parse(vasprun(UP, DOWN))
    assert_curve(dos.spectrum, UP, DOWN, fermi=1.25)
    assert dos.composition == (("Ni", 1), ("Pt", 3))
    assert dos.spectrum.broadening == pytest.approx(0.2 / math.sqrt(2))  # of <parameters>, not of <incar>


@pytest.mark.parametrize(("ismear", "sigma", "note"), [(-5, 0.0, False), (-1, 0.0, True), (2, 0.0, True), (0, 0.1414, False)])
def test_vasprun_smearing(ismear: int, sigma: float, note: bool) -> None:
    dos = parse(vasprun(UP, ismear=ismear))
    assert dos.spectrum.broadening == pytest.approx(sigma, abs=1e-4)
    assert noted(dos, "not a Gaussian") is note
    assert parse(vasprun(UP, ismear=ismear), broadening=0.3).spectrum.broadening == 0.3


def test_vasprun_dips_of_methfessel_paxton_count_as_zero() -> None:
    dipped = UP.copy()
    dipped[50] = -0.08 * UP.max()
    dos = parse(vasprun(dipped, ismear=1))
    assert dos.spectrum.total[50] == 0.0 and noted(dos, "Methfessel-Paxton")
    with pytest.raises(SpectrumError, match="negative"):
        parse(vasprun(dipped, ismear=0))
    with pytest.raises(SpectrumError, match="negative"):
        parse(vasprun(-UP, ismear=1))


def test_vasprun_noncollinear_keeps_the_total() -> None:
    dos = parse(vasprun(UP, DOWN - 1, DOWN - 1, DOWN - 1))
    assert_curve(dos.spectrum, UP, fermi=1.25)
    assert noted(dos, "noncollinear")


def test_vasprun_kpoints_opt_is_second_choice() -> None:
    other = '<dos comment="kpoints_opt"><i name="efermi"> 7 </i><total><array><set/></array></total></dos>'
    assert_curve(parse(vasprun(UP, more_dos=other)).spectrum, UP, fermi=1.25)
    only = vasprun(UP).replace(b"<dos>", b'<dos comment="kpoints_opt">')
    assert_curve(parse(only).spectrum, UP, fermi=1.25)


def test_vasprun_without_fermi_level() -> None:
    for missing in ("", '<i name="efermi"> ******** </i>'):
        with pytest.raises(SpectrumError, match=r"^upload: .*--fermi"):
            parse(vasprun(UP, fermi=missing))
        assert parse(vasprun(UP, fermi=missing), fermi=0.5).spectrum.fermi == 0.5


def test_vasprun_number_too_wide_for_its_field() -> None:
    content = vasprun(UP)
    dos = parse(content.replace(b" 0.0 </r>", b" ********* </r>"))  # the integrated column is not needed
    assert_curve(dos.spectrum, UP, fermi=1.25)
    with pytest.raises(SpectrumError, match="NaN"):
        parse(content.replace(f" {UP[50]:.4f} ".encode(), b" ****** "))


def test_vasprun_unknown_atoms_leave_the_curve() -> None:
    dos = parse(vasprun(UP, atoms=("Qq",)))
    assert dos.composition is None and noted(dos, "Qq")
    assert parse(vasprun(UP, atoms=("r",))).composition == (("Zr", 1),)


LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol">%s]>
<modeling><dos><total>&lol9;</total></dos></modeling>""" % b"".join(
    b'<!ENTITY lol%d "%s">' % (i, b"&lol%d;" % (i - 1) * 10) for i in range(1, 10)
)
EXTERNAL = b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><modeling><dos><total>&x;</total></dos></modeling>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAUGHS, "declares entities"),
        (EXTERNAL, "declares entities"),
        (b"<?xml version='1.0'?><svg/>", "not a vasprun.xml"),
        (vasprun(UP)[:-400], "is truncated"),
        (vasprun(UP)[:900], "is truncated"),
        (b"<modeling><incar/></modeling>", "holds no density of states"),
        (b"<modeling><dos></dos></modeling>", "holds no density of states"),
        (b"<modeling><dos><total></total></dos></modeling>", "holds no density of states"),
        (b"<modeling><dos><total></modeling>", "truncated within its density"),
        (b"<modeling><dos><total><array><set><set><r>1</r></set></set></array></total></dos></modeling>", "fewer than two"),
        (b"<modeling><dos><total><r></total></dos></modeling>", "damaged within <total>"),
        (b"<modeling><dos><total>&lol;</total></dos></modeling>", "damaged within <total>"),
        (b"<modeling><dos><total>" + b"<r/>" * 1_000_001 + b"</total></dos></modeling>", "over 1,000,000 tags"),
    ],
)
def test_vasprun_refused(content: bytes, message: str) -> None:
    for packed in (content, gzip.compress(content, 1)):
        with pytest.raises(FileFormatError, match=message) as caught:
            parse(packed)
        assert str(caught.value).startswith("upload ") and "\n" not in str(caught.value)


# --- DOSCAR ------------------------------------------------------------------------------------------------------


def test_doscar() -> None:
    dos = parse(doscar(UP))
    assert (dos.format, dos.composition) == ("DOSCAR", None)
    assert_curve(dos.spectrum, UP, fermi=1.25)
    assert_curve(parse(doscar(UP, DOWN)).spectrum, UP, DOWN, fermi=1.25)
    assert parse(doscar(UP), fermi=2.0).spectrum.fermi == 2.0
    assert noted(parse(doscar(UP), fermi=2.0), "replaces")


def test_doscar_with_five_digit_nedos_touching_its_neighbour() -> None:
    fine = np.linspace(-10, 10, 10001)
    content = doscar(energies=fine, grid=f"{10:16.8f}{-10:16.8f}{10001:5d}{1.25:16.8f}{1:16.8f}")
    content = b"\n".join(line + (b"  1.0  0.5" if i > 5 else b"") for i, line in enumerate(content.split(b"\n")))
    assert b"-10.0000000010001 " in content
    assert_curve(parse(content).spectrum, np.ones(10001), fermi=1.25, energies=fine)


def test_doscar_with_energies_rounded_until_they_repeat() -> None:
    fine = np.linspace(-1.0, 1.0, 5001)  # 0.4 meV steps, printed to 1 meV
    content = doscar(energies=fine, grid=f"{1:16.8f}{-1:16.8f} 5001{0.25:16.8f}{1:16.8f}")
    content = b"\n".join(line + (b"  1.0  0.5" if i > 5 else b"") for i, line in enumerate(content.split(b"\n")))
    dos = parse(content)
    np.testing.assert_allclose(dos.spectrum.energies, fine, atol=1e-9)
    assert noted(dos, "rounded to 3 decimals")


def test_doscar_lost_exponent_letter() -> None:
    content = doscar(UP).replace(f"{UP[50]:.4E}".encode(), f"{UP[50]:.4f}-101".encode()).replace(b"E+00", b"D+00")
    spectrum = parse(content).spectrum
    assert 0 < spectrum.total[50] < 1e-99
    assert spectrum.total.max() == pytest.approx(UP.max(), abs=1e-4)


def test_doscar_refused() -> None:
    lines = doscar(UP).splitlines()
    with pytest.raises(FileFormatError, match=r"^upload is truncated: 201 energies announced, 100 found"):
        parse(b"\n".join(lines[:106]))
    with pytest.raises(FileFormatError, match="3 columns"):
        parse(b"\n".join(lines[:206]) + b"\n 1.0")
    with pytest.raises(SpectrumError, match="NaN"):
        parse(b"\n".join([*lines[:100], b" 0.1 ****** 1.0", *lines[101:]]))


# --- pymatgen ----------------------------------------------------------------------------------------------------


def test_pymatgen_json_and_object() -> None:
    from pymatgen.core import Lattice, Structure
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.electronic_structure.dos import CompleteDos, Dos

    both = Dos(1.25, E, {Spin.up: UP, Spin.down: DOWN})
    crystal = Structure(Lattice.cubic(3.8), ["Ni", "Pt", "Pt", "Pt"], [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    complete = CompleteDos(crystal, both, {site: {} for site in crystal})
    for dos, composition in ((both, None), (complete, (("Ni", 1), ("Pt", 3)))):
        found = parse(json.dumps(dos.as_dict()).encode())
        assert (found.format, found.composition) == ("pymatgen JSON", composition)
        assert_curve(found.spectrum, UP, DOWN, fermi=1.25)
    assert_curve(from_pymatgen(both, broadening=0.1), UP, DOWN, fermi=1.25)
    assert from_pymatgen(both, broadening=0.1).broadening == 0.1
    assert_curve(from_pymatgen(Dos(1.25, E, {Spin.up: UP})), UP, fermi=1.25)
    with pytest.raises(SpectrumError, match="ndarray is not a pymatgen Dos"):
        from_pymatgen(UP)


def test_pymatgen_json_arrays_as_monty_writes_them() -> None:
    wrapped = {"@module": "numpy", "@class": "array", "dtype": "float64", "data": E.tolist()}
    assert_curve(parse(dos_json(energies=wrapped)).spectrum, UP, DOWN, fermi=1.25)


def test_pymatgen_json_without_fermi_level() -> None:
    with pytest.raises(SpectrumError, match="--fermi"):
        parse(dos_json(efermi=None))
    assert parse(dos_json(efermi=None), fermi=1.0).spectrum.fermi == 1.0


def test_pymatgen_json_with_shared_sites_has_no_composition() -> None:
    site = {"species": [{"element": "Ni", "occu": 0.5}, {"element": "Pt", "occu": 0.5}]}
    dos = parse(dos_json("CompleteDos", structure={"sites": [site]}))
    assert dos.composition is None and noted(dos, "no whole-number composition")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (dos_json()[:500], "is truncated"),
        (b"[" * 100_000, "is truncated"),
        (b"[" * 1_000_001, "over 1,000,000 lists"),
        (b"[1, 2]", "not a pymatgen Dos"),
        (b'{"a": 1}', "not a pymatgen Dos"),
        (dos_json("PhononDos"), "not a pymatgen Dos"),
        (dos_json(energies={}), "without usable"),
        (dos_json(energies=[[1], [1, 2]]), "without usable"),
        (dos_json(energies=[10**400]), "without usable"),
        (dos_json(energies=3.0), "do not belong together"),
        (dos_json(densities=[1]), "without usable"),
        (dos_json(densities={"up": [1]}), "without usable"),
        (dos_json(densities={"-1": [1]}), "keyed by spin"),
        (dos_json(densities={"1": UP.tolist(), "-1": [1]}), "differ in length"),
        (dos_json(densities={"1": [float("nan")] * len(E)}), "NaN"),
        (dos_json(efermi="?"), "without usable"),
        (dos_json(efermi=99), "outside the energies"),
    ],
)
def test_pymatgen_json_refused(content: bytes, message: str) -> None:
    with pytest.raises((FileFormatError, SpectrumError), match=message) as caught:
        parse(content)
    assert "\n" not in str(caught.value)


# --- tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sep", [" ", "  ", "\t", ",", ", ", ";", "; "])
@pytest.mark.parametrize("head", ["", "# energy and DOS\n", "sep=\n", "Energy (eV){}DOS (states/eV)\n"])
def test_table_separators_and_headers(sep: str, head: str) -> None:
    dos = parse(table(E, UP, sep=sep, head=head.format(sep)))
    assert dos.format == "table"
    assert_curve(dos.spectrum, UP, fermi=0.0)
    assert noted(dos, "no Fermi level is stated")


@pytest.mark.parametrize("sep", [";", "\t", " ", " ; "])
def test_table_decimal_commas(sep: str) -> None:
    dos = parse(table(E, UP, DOWN, sep=sep, comma=True, head="E_F = 1,25 eV\n"))
    assert_curve(dos.spectrum, UP, DOWN, fermi=1.25)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_table_encodings(encoding: str, newline: str) -> None:
    text = table(E, UP, sep="\t", head="Énergie µ\n").decode().replace("\n", newline)
    assert_curve(parse(text.encode(encoding)).spectrum, UP, fermi=0.0)


def test_table_quoted_cells_trailing_separator_and_unicode_minus() -> None:
    text = "".join(f'"{e:.3f}","{d:.4f}",\n' for e, d in zip(E, UP, strict=True)).replace("-", "\N{MINUS SIGN}")
    assert_curve(parse(text.encode()).spectrum, UP, fermi=0.0)


@pytest.mark.parametrize(
    "head",
    [
        "# efermi = 1.25",
        "# E_fermi: 1.25",
        "Fermi level 1.25 eV",
        "# Fermi energy (eV): 1.25",
        "# the Fermi level is 1.25eV, PBE",
        "! Ef=1.25",
        "% E_F = 1.25 eV",
        "@ subtitle E-fermi :   1.25     XC(G=0): -3.2",
        "Fermi_level_eV;1,25",
        "#  E (eV)   dos(E)     Int dos(E) EFermi =    1.250 eV",
    ],
)
def test_table_states_its_fermi_level(head: str) -> None:
    dos = parse(table(E, UP, head=head + "\n"))
    assert_curve(dos.spectrum, UP, fermi=1.25)
    assert not dos.spectrum.notes
    overridden = parse(table(E, UP, head=head + "\n"), fermi=2.5)
    assert overridden.spectrum.fermi == 2.5 and noted(overridden, "replaces the file's 1.25 eV")


@pytest.mark.parametrize(
    "head",
    [
        "E-Ef,DOS",
        "E - E_F (eV),DOS",
        "Energy (eV) - E_Fermi,DOS",
        "# energy relative to the Fermi level",
        "E-EF,DOS\n# E_F = 5.1 eV",
    ],
)
def test_table_relative_to_its_fermi_level(head: str) -> None:
    dos = parse(table(E, UP, sep=",", head=head + "\n"))
    assert_curve(dos.spectrum, UP, fermi=0.0)
    assert noted(dos, "relative to the Fermi level") and not noted(dos, "no Fermi level")


def test_table_without_fermi_level() -> None:
    with pytest.raises(SpectrumError, match=r"^upload: no Fermi level is stated; give it with --fermi$"):
        parse(table(E + 10.0, UP))  # zero is an end, not inside
    assert_curve(parse(table(E + 10.0, UP), fermi=4.0).spectrum, UP, fermi=4.0, energies=E + 10.0)
    with pytest.raises(SpectrumError, match="lies outside"):
        parse(table(E, UP), fermi=40.0)
    with pytest.raises(SpectrumError, match="not a number"):
        parse(table(E, UP), fermi=math.nan)


def test_table_spin_down_below_zero() -> None:
    dos = parse(table(E, UP, -DOWN))
    assert_curve(dos.spectrum, UP, DOWN, fermi=0.0)
    assert noted(dos, "its sign is changed")
    plain = parse(table(E, UP, DOWN))
    assert_curve(plain.spectrum, UP, DOWN, fermi=0.0)
    assert not noted(plain, "sign")
    assert_curve(parse(table(E, UP, 0 * DOWN)).spectrum, UP, 0 * DOWN, fermi=0.0)


@pytest.mark.parametrize(
    ("columns", "densities", "head"),
    [
        ((UP, running(UP)), (UP,), ""),
        ((UP, running(UP) + 3.0), (UP,), ""),
        ((UP, running(UP)), (UP,), "#  E (eV)   dos(E)     Int dos(E) EFermi =    1.250 eV\n"),
        ((UP, DOWN), (UP,), "#  E (eV)   dos(E)     Int dos(E) EFermi =    1.250 eV\n"),  # the header decides
        ((UP, DOWN), (UP,), "# Energy DOS Integrated DOS\n"),
        ((UP, DOWN, running(UP + DOWN)), (UP, DOWN), "#  E (eV)  dosup(E)     dosdw(E)   Int dos(E) EFermi =    1.250 eV\n"),
        ((UP, DOWN, running(UP + DOWN)), (UP, DOWN), ""),
        ((UP, DOWN, running(UP), running(DOWN)), (UP, DOWN), ""),
    ],
)
def test_table_integrated_column(columns: tuple[np.ndarray, ...], densities: tuple[np.ndarray, ...], head: str) -> None:
    dos = parse(table(E, *columns, head=head))
    assert_curve(dos.spectrum, *densities, fermi=1.25 if "EFermi" in head else 0.0)
    assert noted(dos, "not read")


@pytest.mark.parametrize(
    ("head", "order", "used"),
    [
        ("Energy (eV),Total DOS,s,p", (E, UP, DOWN, DOWN), (UP,)),
        ("energy,dos_s,dos_p,dos_tot", (E, DOWN, DOWN, UP), (UP,)),
        ("DOS,Energy", (UP, E), (UP,)),
        ("Energy,spin down,spin up", (E, DOWN, UP), (UP, DOWN)),
        ("Energy [eV],TDOS_up,TDOS_down,Total", (E, UP, DOWN, UP + DOWN), (UP, DOWN)),
        ("Energy,Spin up DOS (states/eV),Spin down DOS (states/eV)", (E, UP, -DOWN), (UP, DOWN)),
        ("energy,dos_up", (E, UP), (UP,)),
    ],
)
def test_table_columns_by_header(head: str, order: tuple[np.ndarray, ...], used: tuple[np.ndarray, ...]) -> None:
    assert_curve(parse(table(*order, sep=",", head=head + "\n")).spectrum, *used, fermi=0.0)


def test_table_reversed() -> None:
    dos = parse(table(E[::-1], UP[::-1]))
    assert_curve(dos.spectrum, UP, fermi=0.0)
    assert noted(dos, "reversed")


def test_table_uneven_grid_is_kept() -> None:
    uneven = np.sign(E) * np.abs(E) ** 1.5
    assert_curve(parse(table(np.round(uneven, 4), UP)).spectrum, UP, fermi=0.0, energies=np.round(uneven, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(E, np.where(E == 0, np.nan, UP)), "NaN"),
        (table(E, UP - 5), "negative"),
        (table(E, 0 * UP), "zero everywhere"),
        (table(np.roll(E, 3), UP), "energies must increase"),
        (table(E[96:106], UP[96:106]), "only 10 energies"),
        (table(np.round(E), UP), "energies must increase"),  # repeats, but not the rounding of an even grid to few digits
        (table(E), "is none of"),
        (b"hello\nworld\n", "is none of"),
        (b"# only a comment\n", "is none of"),
        (table(E, UP) + b"end of file\n", "line 202 is not a row of 2 numbers"),
        (table(E, UP) + b"1_0 2\n", "line 202 is not a row of 2 numbers"),
        (table(E, UP) + b"10.1\n", "line 202 is not a row of 2 numbers"),
        (table(E, UP, DOWN, DOWN), "4 columns and no header"),
        (table(E, UP, DOWN, sep=",", head="energy,dos_s,dos_p\n"), "several columns of density .dos_s, dos_p."),
        (table(E, UP, sep=",", head="Energy (Ry),DOS (states/Ry)\n"), "energies in Ry"),
        (b"#\n" * 1_000_001, "too long"),
        (b"1 " * 10_000, "too long"),
    ],
)
def test_table_refused(content: bytes, message: str) -> None:
    with pytest.raises((FileFormatError, SpectrumError), match=message) as caught:
        parse(content)
    assert str(caught.value).startswith("upload") and "\n" not in str(caught.value)


def test_table_of_too_many_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dosmith.sources.tables.MAX_NUMBERS", 300)
    assert len(parse(table(E[:150], UP[:150]), fermi=0.0 + E[0]).spectrum.energies) == 150
    with pytest.raises(FileFormatError, match="or 300 numbers"):
        parse(table(E, UP))


def test_table_below_many_remarks() -> None:
    head = "# efermi = 1.25\n" + "# ((((( no header\n" * 5000 + "# Energy DOS IDOS\n"
    assert_curve(parse(table(E, UP, DOWN, head=head)).spectrum, UP, fermi=1.25)


# --- any file ----------------------------------------------------------------------------------------------------


def test_format_is_seen_in_the_content(tmp_path: Path) -> None:
    for content, kind in [
        (vasprun(UP), "vasprun.xml"),
        (doscar(UP), "DOSCAR"),
        (dos_json(densities={"1": UP.tolist()}), "pymatgen JSON"),
        (table(E, UP, head="\ufeff# Ef = 1.25\n"), "table"),
    ]:
        for packed in (content, gzip.compress(content)):
            path = tmp_path / "a.png"
            path.write_bytes(packed)
            dos = read_dos(str(path))
            assert dos.format == kind
            assert_curve(dos.spectrum, UP, fermi=1.25)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path / "nothing.xml", "cannot be opened .No such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "a\nb", r"a\?b cannot be opened"),
        ("a\0b", r"a\?b cannot be opened"),
        ("/dev/null", "not a regular file"),
        ("x" * 5000, "cannot be opened .File name too long"),
    ]:
        with pytest.raises(NotFoundError, match=message) as caught:
            read_dos(path)
        assert "\n" not in str(caught.value)


def test_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:  # root, who may run the tests, may read everything
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "DOSCAR").write_bytes(doscar(UP))
    monkeypatch.setattr("dosmith.sources.files.open", refuse, raising=False)
    with pytest.raises(NotFoundError, match=r"DOSCAR cannot be opened \(Permission denied\)"):
        read_dos(tmp_path / "DOSCAR")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n" * 9000, "is empty"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(table(E, UP))[:-300], "is truncated"),
        (b"\x1f\x8b", "is truncated"),
        (b"\x1f\x8bgarbage and more", "cannot be unpacked"),
        (gzip.compress(gzip.compress(table(E, UP))), "is binary"),
        (b"PK\x03\x04rest", "export the DOS as CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is binary"),
        (bytes(range(256)), "is binary"),
    ],
)
def test_content_refused(content: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        parse(content)
    assert str(caught.value).startswith("upload is ") and "\n" not in str(caught.value)


def test_size_is_limited() -> None:
    padded = table(E, UP, head="# " + "x" * 900 + "\n") + (b" " * 1023 + b"\n") * 2**10
    for content in (padded, gzip.compress(padded), b"0" * 2**21):
        with pytest.raises(FileFormatError, match=r"^upload is larger than 1 MiB unpacked; raise the setting files.max"):
            parse(content, max_mebibytes=1)
    assert_curve(parse(padded, max_mebibytes=2).spectrum, UP, fermi=0.0)


def test_gzip_bomb_is_not_unpacked() -> None:
    import tracemalloc

    bomb = gzip.compress(b"\0" * 2**28, 9)
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="larger than 1 MiB"):
            parse(bomb, max_mebibytes=1)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "negative.dat"
    path.write_bytes(table(E, UP - 5))
    with pytest.raises(SpectrumError, match=r"negative\.dat: the DOS is negative"):
        read_dos(path)


# --- whatever is in a file, one line ------------------------------------------------------------------------------


def survives(content: bytes) -> None:
    try:
        spectrum = parse(content, max_mebibytes=4).spectrum
    except DosmithError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        assert np.isfinite(spectrum.densities).all()


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_random_bytes(content: bytes) -> None:
    survives(content)
    survives(b"\x1f\x8b\x08\x00" + content)


@given(st.text(alphabet='0123456789.,;-+eE \t\n#fermi:=()[]{}<>"', max_size=300))
@settings(max_examples=200, deadline=None)
def test_random_text(text: str) -> None:
    survives(text.encode())
    survives(table(E, UP, head=text + "\n"))


@functools.cache
def samples() -> tuple[bytes, ...]:
    return (gzip.decompress(ALN.read_bytes()), vasprun(UP, DOWN), doscar(UP), dos_json(), table(E, UP, DOWN, sep=";", comma=True))


EDIT = st.tuples(st.floats(0, 1), st.binary(max_size=12), st.integers(0, 40))


@given(st.integers(0, 4), st.lists(EDIT, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_mutated_files(which: int, edits: list[tuple[float, bytes, int]]) -> None:
    content = samples()[which]
    for where, new, cut in edits:
        at = int(where * len(content))
        content = content[:at] + new + content[at + cut :]
    survives(content)


@given(st.floats(0, 1), st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_damaged_gzip(where: float, byte: int) -> None:
    packed = bytearray(gzip.compress(samples()[4]))
    packed[int(where * (len(packed) - 1))] = byte
    survives(bytes(packed))
    survives(bytes(packed[: int(where * len(packed))]))
