"""Files of known programs that hold no density of states, or none that is read: what they are, and what to give in their place."""

from __future__ import annotations

import re

_HEAD = 4000
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"\Aenergy_ev,[A-Z][a-z]?_[spdf]\b", "is dosmith's projections.csv; give the dos.csv beside it, with --project"),
    (r"\A\s*vasp\.\d[^\n]*\n[^\n]*executed on", "is VASP's OUTCAR; give the vasprun.xml or the DOSCAR of the run"),
    (
        r"\A *\d+ +\d+ +\d+ +\d+ *\n.*\n.*\n *CAR *\n.*\n *\d+ +\d+ +\d+ *\n",
        "is VASP's EIGENVAL; give the vasprun.xml or the DOSCAR of the run",
    ),
    (r"Program PWSCF v", "is what pw.x of Quantum ESPRESSO prints; give the *.dos of dos.x, or PREFIX.save/data-file-schema.xml"),
    (r"Program (?:DOS|PROJWFC) v", "is what a program of Quantum ESPRESSO prints; give the *.dos that dos.x writes"),
    (r"\A\s*&plot\s+nbnd=", "is a band structure of Quantum ESPRESSO; give the *.dos of dos.x"),
    (r"PROGRAM STARTED AT|CP2K\| version", "is what CP2K prints; give the *.dos that DFT/PRINT/DOS writes"),
    (r"Invoking FHI-aims", "is what FHI-aims prints; give KS_DOS_total.dat (keyword output dos)"),
    (r"^\.Version\s+\d|\.abinit\.org|ABINIT \d", "is what ABINIT prints; give the *_DOS of the run (prtdos)"),
    (
        r"(?i:welcome to siesta|^Executable\s*:\s*siesta|Siesta Version)",
        "is what SIESTA prints; give the .PDOS.xml, or the .DOS with the .EIG beside it",
    ),
    (
        r"^\s*(?i:SystemLabel|%block ProjectedDensityOfStates)\b",
        "is the input of SIESTA; give the .PDOS.xml, or the .DOS with the .EIG beside it",
    ),
    (r"\A.*:ITE001|^:(?:ENE|FER)\s", "is WIEN2k's case.scf; give the case.dosNev of tetra"),
    (r"Materials Studio|CASTEP version|\| +CCC +AA", "is what CASTEP prints; give the .bands, or the *.dat of OptaDOS"),
    (
        r"^\s*(?i:task\s*[:=]?\s*(?:dos|compare_dos|pdos|all)\b)",
        "is the settings of OptaDOS (.odi); give the *.adaptive.dat, *.fixed.dat or *.linear.dat that it writes",
    ),
    (r"\+\s*OptaDOS|OOO +PPPP", "is what OptaDOS prints (.odo); give its *.adaptive.dat, *.fixed.dat or *.linear.dat"),
    (r"\A\s*BEGIN header\n\s*Number of ions", "is CASTEP's .phonon; 'dosmith train --spectra' makes a model of such spectra"),
    (r"EEEEEEEEEE STARTING|\bCRYSTAL(?:09|14|17|23)\b", "is what CRYSTAL prints; give the DOSS.DAT of its program properties"),
    (r"^-%-\d(?:DOSS|BAND)", "is CRYSTAL's fort.25; give the DOSS.DAT of its program properties"),
    (
        r"\* O   p   e   n|Welcome to OpenMX|<?Atoms\.SpeciesAndCoordinates",
        "is OpenMX's; give the *.DOS.Gaussian or *.DOS.Tetrahedron of DosMain",
    ),
    (
        r"Running octopus|Octopus version",
        "is what Octopus prints; give the total-dos.dat (Output = dos) with total-dos-efermi.dat beside it",
    ),
    (r"\|\s+DFTB\+", "is what DFTB+ prints; give band.out, or dos_total.dat with band.out or detailed.out beside it"),
    (r"^\s*Fermi level:.*\bH\b.*\beV", "is DFTB+'s detailed.out; give band.out, or dos_total.dat with it beside"),
    (r"Elk code version|^\|\s*(?:Elk version|EXCITING)", "is what Elk or exciting prints; give TDOS.OUT or dos.xml"),
    (r"\A\s*\d+ : nkpt\b", "is Elk's EIGVAL.OUT or KPOINTS.OUT; give the TDOS.OUT with them beside it"),
    (
        r"\bO   R   C   A\b|Entering Gaussian System|Northwest Computational|Q-Chem",
        "is the output of a program for molecules; dosmith reads densities of states of crystals (docs/formats.md)",
    ),
    (r"\A\s*(?:\*|Average|<?COHP).*\n\s*\d+\s+[12]\s+\d+\s+-?\d", "is LOBSTER's COHPCAR or COOPCAR; give the DOSCAR.lobster"),
    (
        r"^data_.*(?:\n.*){0,60}_cell_length_a",
        "is a CIF, a crystal without a density of states; dosmith predict expects one for it",
    ),
    (
        r"ABACUS v|\bINPUT_PARAMETERS\b",
        "is ABACUS'; give the TDOS with the running_*.log beside it, or a table of energy and density",
    ),
)
_XML: tuple[tuple[bytes, str], ...] = (
    (b"html", "is a web page; download the file itself, not the page that shows it"),
    (b"cml", "is SIESTA's CML output; give the .PDOS.xml, or the .DOS with the .EIG beside it"),
    (b"fleurOutput", "is FLEUR's out.xml; give the banddos.hdf of a run with banddos dos=T"),
    (b"fleurInput", "is FLEUR's inp.xml; give the banddos.hdf of a run with banddos dos=T"),
    (b"bandstructure", "is a band structure of exciting; give the dos.xml or TDOS.OUT"),
    (b"input", "is the input of exciting; give the dos.xml or TDOS.OUT"),
    (b"info", "is exciting's info.xml; give the dos.xml or TDOS.OUT"),
    (b"Root", "is XML of Quantum ESPRESSO before 6.2; give the *.dos of dos.x"),
)
_NAMES: tuple[tuple[str, str], ...] = (
    (
        r"(?:INCAR|KPOINTS|POSCAR|CONTCAR|POTCAR|OUTCAR|OSZICAR|CHG|CHGCAR|LOCPOT|WAVECAR|XDATCAR|IBZKPT)\b.*",
        "is a file of VASP without a density of states; give the vasprun.xml or the DOSCAR of the run",
    ),
    (r"[A-Z][A-Z0-9_]*\.OUT", "is a file of Elk or exciting without a density of states; give the TDOS.OUT or the dos.xml"),
    (r"(?:geometry|control)\.in.*", "is an input of FHI-aims; give KS_DOS_total.dat (keyword output dos)"),
    (
        r".*\.(?:KP|XV|fdf)",
        "is a file of SIESTA without a density of states; give the .PDOS.xml, or the .DOS with the .EIG beside it",
    ),
    (r".*\.(?:scf\w*|struct|in\d\w*|qtl\w*)", "is a file of WIEN2k without a density of states; give the case.dosNev of tetra"),
    (
        r".*\.(?:cell|param|castep|geom)",
        "is a file of CASTEP without a density of states; give the .bands, or the *.dat of OptaDOS",
    ),
)
_BINARIES: tuple[tuple[bytes, str], ...] = (
    (b"CDF\x01", "is NetCDF (ABINIT, SIESTA or Octopus); give the *_DOS of ABINIT, the .PDOS.xml of SIESTA, or a table (CSV)"),
    (b"CDF\x02", "is NetCDF (ABINIT, SIESTA or Octopus); give the *_DOS of ABINIT, the .PDOS.xml of SIESTA, or a table (CSV)"),
    (b"\x93NUMPY", "is an array of NumPy; write it with numpy.savetxt, or give (energies, densities) in Python"),
    (b"PAR1", "is Parquet; a library of dosmith is given by --library, a table as CSV"),
    (b"MATLAB", "is of MATLAB; write a table (CSV)"),
)


def what(text: str, name: str = "") -> str | None:
    """What a file is that is no density of states, and what to give in its place; None when it is of no program known here.

    Args:
        text: how it begins.
        name: of the file, for those with nothing in them that tells.
    """
    head = text[:_HEAD]
    known = next((message for pattern, message in _TEXTS if re.search(pattern, head, re.MULTILINE)), None)
    return known or next((message for pattern, message in _NAMES if re.fullmatch(pattern, name.removesuffix(".gz"))), None)


def what_xml(root: bytes) -> str | None:
    """The same of XML, by the name of its outermost element."""
    return next((message for each, message in _XML if root == each), None)


def what_binary(content: bytes) -> str | None:
    """The same of content that is no text."""
    return next((message for magic, message in _BINARIES if content.startswith(magic)), None)
