"""VASP's vasprun.xml and DOSCAR, LOBSTER's DOSCAR."""

from __future__ import annotations

import gzip
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from samples import DOWN, UP, assert_curve, doscar, noted, parse, vasprun

from dosmith.errors import FileFormatError, SpectrumError
from dosmith.sources.files import from_pymatgen, read_dos

ALN = Path(__file__).parents[1] / "fixtures" / "vasprun-AlN.xml.gz"
REAL = Path(__file__).parents[3] / "shared" / "data" / "real"


def test_vasprun_of_a_real_run() -> None:
    dos = read_dos(ALN)
    assert (dos.format, dos.composition) == ("vasprun.xml", (("N", 1), ("Al", 1)))
    assert dos.spectrum.fermi == 5.87567302
    assert dos.spectrum.densities.shape == (1, 4999)  # Gaussian smearing: means over the steps, at their middles
    assert dos.spectrum.energies[[0, 1, -1]] == pytest.approx([-10.6383, -10.6317, 22.3303], abs=1e-4)
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
    half = (golden.energies[-1] - golden.energies[0]) / (len(golden.energies) - 1) / 2
    np.testing.assert_allclose(ours.energies, golden.energies[1:] - half, atol=1e-4)  # rounded in the file
    np.testing.assert_array_equal(ours.densities, golden.densities[:, 1:])
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
    with pytest.raises(FileFormatError, match=r"no number for the density at -5 eV"):
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
        (b"<?xml version='1.0'?><plist/>", "not a vasprun.xml"),
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
    with pytest.raises(SpectrumError, match="energies must increase"):
        parse(b"\n".join([*lines[:100], b" 0.1 ****** 1.0", *lines[101:]]))


def test_doscar_star_is_filled_from_the_integrated_column() -> None:
    lines = doscar(UP).splitlines()
    energy, _, count = lines[100].split()
    dos = parse(b"\n".join([*lines[:100], b" ".join([energy, b"******", count]), *lines[101:]]))
    assert dos.spectrum.total[94] == pytest.approx(UP[94], abs=0.02) and noted(dos, "density at -0.6 eV is not printed")
