"""Files of known programs that hold no density of states: each is called by its program's name, with what to give in its place."""

from __future__ import annotations

import io

import pytest

from dosmith.errors import FileFormatError
from dosmith.sources.files import read_dos_stream
from dosmith.sources.unreadable import what

FILES = [
    ("OUTCAR", " vasp.6.3.0 20Jan22 (build x) complex\n executed on   LinuxGNU date 2022\n", "VASP's OUTCAR; give the vasprun.xml"),
    ("EIGENVAL", "  2  2  1  1\n 0.2E+02\n 1.0E-004\n  CAR \n Si\n  8  29  8\n\n 0.1 0.1 0.1 0.1\n 1 -5.8 1.0\n", "VASP's EIGENVAL; give"),
    ("INCAR", "ISMEAR = 0\nSIGMA = 0.05\n", "a file of VASP without a density of states"),
    ("pw.out", "\n     Program PWSCF v.6.7MaX starts on 23Nov2026\n", r"pw\.x of Quantum ESPRESSO prints; give the \*\.dos"),
    ("aims.out", "------\n          Invoking FHI-aims ...\n", "FHI-aims prints; give KS_DOS_total.dat"),
    ("run.abo", "\n.Version         9.6.2  of ABINIT \n", r"ABINIT prints; give the \*_DOS"),
    ("siesta.out", "Executable      : siesta\nVersion         : 4.1.5\n", r"SIESTA prints; give the \.PDOS\.xml"),
    ("x.KP", "   2\n" + "".join(f"  {n} 0.1 0.2 0.3 0.5\n" for n in range(1, 9)), "a file of SIESTA without a density of states"),
    ("x.scf", ":ITE001:  1. ITERATION\n:NATO  :  2\n", r"WIEN2k's case\.scf; give the case\.dosNev"),
    ("x.castep", " | Welcome to Academic Release CASTEP version 19.11 |\n", r"CASTEP prints; give the \.bands"),
    ("x.odi", "# OptaDOS\nTASK : dos\nBROADENING : adaptive\n", r"settings of OptaDOS \(\.odi\); give the \*\.adaptive\.dat"),
    ("x.phonon", " BEGIN header\n Number of ions         2\n", r"CASTEP's \.phonon; 'dosmith train --spectra'"),
    ("x.out", " EEEEEEEEEE STARTING  DATE 12 01 2020\n", r"CRYSTAL prints; give the DOSS\.DAT"),
    ("fort.25", "-%-0DOSS    1  300 0.1 0.1 0.1\n", r"CRYSTAL's fort\.25; give the DOSS\.DAT"),
    ("COOP.DAT", '# NEPTS 3 NPROJ 1 NSPIN 1\n@ YAXIS LABEL "COOP"\n' + " -0.1 0.2\n 0.0 0.3\n 0.1 0.4\n" * 3, "COOP or COHP"),
    ("x.out", " Welcome to OpenMX   Ver. 3.9 \n", r"OpenMX's; give the \*\.DOS\.Gaussian"),
    ("x.out", "    <>-------------\nRunning octopus\n", r"Octopus prints; give the total-dos\.dat"),
    ("x.out", "|====\n|\n|  DFTB+ release 21.2\n", r"DFTB\+ prints; give band\.out"),
    ("INFO.OUT", "+----+\n| Elk version 8.4.30 started |\n+----\n", r"Elk or exciting prints; give TDOS\.OUT"),
    ("EIGVAL.OUT", "     8 : nkpt\n    13 : nstsv\n\n  1  0.0  0.0  0.0 : k-point, vkl\n", r"Elk's EIGVAL\.OUT .*give the TDOS\.OUT"),
    ("orca.out", "      *****************\n      * O   R   C   A *\n", "a program for molecules"),
    ("x.cif", "data_Si\n_symmetry_space_group_name_H-M 'P 1'\n_cell_length_a 5.4\n", "a CIF, a crystal without a density of states"),
    ("input.xml", "<?xml version='1.0'?>\n<input>\n<title>x</title></input>", r"input of exciting; give the dos\.xml"),
    ("out.xml", "<fleurOutput fleurOutputVersion='0.34'></fleurOutput>", r"FLEUR's out\.xml; give the banddos\.hdf"),
    ("page.html", "<html><body>404</body></html>", "a web page; download the file itself"),
    ("x.nc", b"CDF\x02\0\0\0\0", r"NetCDF .*give the \*_DOS of ABINIT"),
    ("x.npy", b"\x93NUMPY\x01\0v\0{'descr'", "an array of NumPy"),
    ("x.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 200, "damaged HDF5"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"), FILES, ids=[f"{name}-{number}" for number, (name, _, _) in enumerate(FILES)]
)
def test_what_it_is_and_what_to_give(name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        read_dos_stream(io.BytesIO(content if isinstance(content, bytes) else content.encode()), name)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(name)


def test_of_no_program_that_is_known() -> None:
    assert what("remember the milk\n", "notes.txt") is None


@pytest.mark.parametrize("piece", ["1", " ", "1 ", "\n", " \n", "|", "data_", ":", "* ", "-%-", "task ", "#", "a=b:", "\t1"])
def test_no_pattern_takes_long(piece: str) -> None:
    assert what(piece * 4000) is None  # one of them took hours
