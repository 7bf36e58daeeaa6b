"""Tables: separators, headers, columns, Fermi levels, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from samples import DOWN, UP, E, assert_curve, noted, parse, running, table

from dosmith.errors import FileFormatError, SpectrumError


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
    with pytest.raises(
        SpectrumError,
        match=r"^upload: no Fermi level is stated; give it with --fermi, or the number of electrons with --electrons$",
    ):
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
        ((UP, DOWN), (UP,), "# Energy DOS Integrated DOS\n"),
        ((UP, DOWN, running(UP + DOWN)), (UP, DOWN), ""),
        ((UP, DOWN, running(UP), running(DOWN)), (UP, DOWN), ""),
    ],
)
def test_table_integrated_column(columns: tuple[np.ndarray, ...], densities: tuple[np.ndarray, ...], head: str) -> None:
    dos = parse(table(E, *columns, head=head))
    assert_curve(dos.spectrum, *densities, fermi=0.0)
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
        ("energy,dos_up,dos", (E, DOWN, UP), (UP,)),
        ("energy,ldos,pdos_tot", (E, DOWN, UP), (UP,)),
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
        (table(E), "neither a table"),
        (b"hello\nworld\n", "neither a table"),
        (b"# only a comment\n", "neither a table"),
        (table(E, UP) + b"end of file\n", "line 202 is not a row of 2 numbers"),
        (table(E, UP) + b"1_0 2\n", "line 202 is not a row of 2 numbers"),
        (table(E, UP) + b"10.1\n", "line 202 is not a row of 2 numbers"),
        (table(E, UP, DOWN, DOWN), "4 columns and no header"),
        (table(E, UP, DOWN, sep=",", head="energy,dos_A,dos_B\n"), "several columns of density .dos_A, dos_B."),
        (table(E, UP, DOWN, sep=",", head="energy,dos_s,dos_p\n"), "only a part of the states .dos_s."),
        (table(E, UP, sep=",", head="E (eV),PDOS\n"), "only a part of the states .PDOS."),
        (table(E, UP, head="# phonon DOS of Si\n"), "holds phonons or frequencies"),
        (table(E, UP, sep=",", head="Frequency,DOS\n"), "holds phonons or frequencies"),
        (table(E, UP, sep=",", head="energy,dos_up\n"), "only a part of the states .dos_up."),
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
