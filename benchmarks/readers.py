"""Every reader of files with the files that fuzzing starts from: those in tests/fixtures, and real curves and crystals as each program writes them."""

from __future__ import annotations

import functools
import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape

import layouts
import lists
import numpy as np
from requests_to_board import ask, requests
from written import FERMI, FIXTURES, Named, beside_curve, materials, one_point, run_files, runs, whole_runs, written

from dosmith.library import ParquetLibrary
from dosmith.library.ledger import Ledger, Outcome
from dosmith.sources.files import read_dos_stream


@dataclass
class Reader:
    """A reader and how sound files of its kind are made: `read` takes name and content and hands out what it found."""

    name: str
    make: Callable[[], Sequence[Named]]
    read: Callable[[str, bytes], object]

    @functools.cached_property
    def samples(self) -> Sequence[Named]:
        """Sound files of its kind."""
        return self.make()


def _fixtures(pattern: str) -> list[Named]:
    return [(path.stem, gzip.decompress(path.read_bytes())) for path in sorted(FIXTURES.rglob(pattern)) if path.is_file()]


def _running(curve: np.ndarray) -> np.ndarray:
    return np.cumsum(curve) * 0.05


def _rows(*columns: np.ndarray, form: str = "{:.6g}", sep: str = " ") -> str:
    return "".join(sep.join(form.format(value) for value in row) + "\n" for row in zip(*columns, strict=True))


def _vaspruns() -> list[Named]:
    made = []
    for one in materials():
        spectrum = one.spectrum
        sets = "".join(
            f'<set comment="spin {number}">\n'
            + "".join(
                f"<r> {e:9.4f} {d:9.4f} {s:9.4f} </r>\n" for e, d, s in zip(spectrum.energies, row, _running(row), strict=True)
            )
            + "</set>\n"
            for number, row in enumerate(spectrum.densities, start=1)
        )
        atoms = "".join(f"<rc><c>{symbol:2s}</c><c>   1</c></rc>\n" for symbol in one.species)
        made.append(
            (
                "vasprun.xml",
                f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <incar>
  <i type="int" name="ISMEAR">     0</i>
 </incar>
 <parameters><i type="int" name="ISMEAR">     0</i><i name="SIGMA">      0.10000000</i></parameters>
 <atominfo><atoms>{len(one.species):8d}</atoms><array name="atoms" ><set>{atoms}</set></array></atominfo>
 <calculation><dos><i name="efermi">{spectrum.fermi:14.8f} </i><total><array><field>energy</field><set>
{sets}</set></array></total></dos></calculation>
</modeling>
""".encode(),
            )
        )
    return [*_fixtures("vasprun*.xml.gz"), *_short_vaspruns(), *made]


def _doscars(lobster: bool) -> list[Named]:
    made = []
    for one in materials():
        spectrum = one.spectrum
        first, last = spectrum.energies[[0, -1]]
        grid = f"{last:16.8f}{first:16.8f}{len(spectrum.energies):5d}{spectrum.fermi:16.8f}{1.0:16.8f}"
        columns = [spectrum.energies, *spectrum.densities, *(map(_running, spectrum.densities))]
        rows = "".join(f"{r[0]:11.3f}" + "".join(f"{v:12.4E}" for v in r[1:]) + "\n" for r in zip(*columns, strict=True))
        head = f"   {len(one.species)}   {len(one.species)}   1   0\n  0.13E+02  0.28E-09  0.28E-09\n  1.0E-004\n  CAR \n {one.formula}\n"
        block = grid + (f"; {one.species[0]};  5s 5p_y" if lobster else "") + "\n"
        made.append(("DOSCAR.lobster" if lobster else "DOSCAR", (head + grid + "\n" + rows + block + rows).encode()))
    return made


def _aims() -> list[Named]:
    made = []
    for one in materials():
        head = "# total density of states output by FHI-aims \n# The energy reference for this output is the chemical potential, mu =  -4.25 eV\n#  Energy (eV)      DOS \n"
        rows = _rows(one.spectrum.energies, *one.spectrum.densities, form="{:16.8f}")
        made.append(("KS_DOS_total.dat", (head + rows).encode()))
    return made


def _pymatgen() -> list[Named]:
    from monty.json import MontyEncoder
    from pymatgen.electronic_structure.dos import CompleteDos

    made = []
    for one in materials():
        dos = one.spectrum.to_pymatgen()
        made.append(("dos.json", json.dumps(dos.as_dict(), cls=MontyEncoder).encode()))
        complete = CompleteDos(one.structure, dos, {site: {} for site in one.structure})
        made.append(("complete.json", json.dumps(complete.as_dict(), cls=MontyEncoder).encode()))
    return made


def _tables() -> list[Named]:
    metal, gapped, spins = (one.spectrum for one in materials())
    comma = _rows(gapped.energies, gapped.total, sep=";").replace(".", ",")
    integrated = _rows(metal.energies, metal.total, _running(metal.total))
    both = _rows(spins.energies, *spins.densities, sep=",")
    return [
        ("dos.csv", ("Energy (eV),DOS up,DOS down\n" + both).encode()),
        ("dos.tsv", ("# E - E_F (eV)\tDOS (states/eV)\n" + _rows(metal.energies, metal.total, sep="\t")).encode()),
        ("dos.txt", ("Energie;Zustandsdichte\n" + comma).encode("utf-8-sig")),
        ("unicode.txt", ("E (eV)\tDOS\n" + _rows(metal.energies, metal.total, sep="\t")).encode("utf-16")),
        ("dos.dat", ("# efermi = 1.25 eV\n" + integrated).encode()),
        ("dos.agr", ('@ title "DOS"\n@type xy\n' + _rows(metal.energies, metal.total) + "&\n").encode()),
        ("dos.xlsx", _spreadsheet(metal.energies, metal.total)),
    ]


def _spreadsheet(*columns: np.ndarray) -> bytes:
    """A minimal Excel workbook with one sheet."""
    rows = "".join(
        f'<row r="{number}">'
        + "".join(f'<c r="{"ABCD"[place]}{number}"><v>{value:.6g}</v></c>' for place, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(zip(*columns, strict=True), start=1)
    )
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    main, office = (
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    )
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="{escape("DOS")}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, head + text)
    return file.getvalue()


def _dos(name: str, content: bytes) -> object:
    fermi = next((level for start, level in _ELSEWHERE.items() if name.startswith(start) and "Gaussian" not in name), None)
    return read_dos_stream(io.BytesIO(content), name, fermi=fermi)


_ELSEWHERE = {
    "espresso-si.pdos_tot": 8.0,
    "espresso-ni.pdos_tot": 13.8,
    "sio_DS2_EIG": 6.1,
    "x.DOS": FERMI,
    "total-dos.dat": FERMI,
}
"""Fermi levels that the programs state in other files, eV, by the beginning of the file's name."""


def _crystals() -> list[Named]:
    made: list[Named] = []
    for one in materials():
        structure = one.structure
        assert structure is not None
        for name, form in (
            ("a.cif", "cif"),
            ("POSCAR", "poscar"),
            ("a.json", "json"),
            ("a.cssr", "cssr"),
            ("a.xsf", "xsf"),
            ("a.res", "res"),
        ):
            made.append((name, str(structure.to(fmt=form)).encode()))
        made.append(("a.cif", str(structure.to(fmt="cif", symprec=1e-2)).encode()))
    return [*made, *_short_vaspruns()]


def _through_file(read: Callable[[Path], object]) -> Callable[[str, bytes], object]:
    """A reader of paths, given a file of that name in a folder that goes afterwards."""

    def through(name: str, content: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="dosmith-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            return read(path)

    return through


def _crystal(path: Path) -> object:
    from dosmith.crystals.find import from_file

    return from_file(path)


def _short_vaspruns() -> list[Named]:
    """The run in the fixtures without its steps but the last, and with every twentieth row of its DOS: most mutations would be there."""
    ((name, content),) = _fixtures("vasprun-AlN.xml.gz")
    head, start, rest = content.partition(b"<total>")
    first, last = head.index(b"<calculation>"), head.rindex(b"<calculation>")
    lines = rest.splitlines(keepends=True)
    kept = b"".join(line for number, line in enumerate(lines) if b"<r>" not in line or number % 20 == 10)
    return [(name, head[:first] + head[last:] + start + kept)]


_AIMS = "# made\n" + "".join(f"lattice_vector {' '.join('4.2' if i == k else '0.0' for k in range(3))}\n" for i in range(3))


def _beside() -> list[Named]:
    """Files that a crystal is taken from when they lie beside a density of states."""
    one = materials()[0]
    assert one.structure is not None
    return [
        ("POSCAR", str(one.structure.to(fmt="poscar")).encode()),
        ("geometry.in", (_AIMS + "atom_frac 0 0 0 Mg\natom 2.1 2.1 2.1 O1\n").encode()),
        *(
            (name.partition("-")[2], content)
            for kind in ("xml", "out", "inp", "gpw")
            for name, content in _fixtures(f"[ceg]*-*.{kind}.gz")
        ),
    ]


_CURVES = {
    "POSCAR": "DOSCAR",
    "geometry.in": "KS_DOS_total.dat",
    "si.xml": "espresso-si.dos",
    "al.nscf.out": "espresso-al.dos",
} | {
    "si_k.inp": "cp2k-si_k-1.dos",
    "Al.gpw": "gpaw-Al-gpaw.csv",
}


def _projected() -> list[Named]:
    """Files that hold projections: of their own curve, or of dosmith's beside them."""
    run = _two_atoms()
    energies, total, fermi = run.energies, run.densities[0], run.fermi
    grid = f"{energies[-1]:16.8f}{energies[0]:16.8f}{len(energies):5d}{fermi:16.8f}{1.0:16.8f}"
    rows = "".join(f"{e:11.3f}{d:12.4E}{n:12.4E}\n" for e, d, n in zip(energies, total, run.counts[0], strict=True))
    atom = "".join(f"{e:11.3f}" + f"{d / 6:12.4E}" * 3 + "\n" for e, d in zip(energies, total, strict=True))
    head = f"   2   2   1   0\n  0.13E+02  0.28E-09  0.28E-09\n  1.0E-004\n  CAR \n made\n{grid}\n{rows}"
    lobster = head.replace(f"made\n{grid}", f"made\n{grid};") + "".join(
        f"{grid}; Z= {z}; 4s 3d_xy 3d_yz\n{atom}" for z in (28, 78)
    )
    parts = "".join(f"{e - fermi:.4f},{d / 4:.6g},{3 * d / 4:.6g}\n" for e, d in zip(energies, total, strict=True))
    return [
        ("DOSCAR", (head + f"{grid}\n{atom}" * 2).encode()),
        ("DOSCAR.lobster", lobster.encode()),
        ("PROCAR", layouts.vasp_procar(run)),
        ("x.PDOS.xml", layouts.siesta_pdos(run)),
        ("projections.csv", f"energy_ev,Ni_d,Pt_d\n{parts}".encode()),
    ]


@functools.cache
def _two_atoms() -> layouts.Run:
    run = runs()[0]
    places = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    return replace(run, densities=run.densities[:1], channels=run.channels[:1], species=("Ni", "Pt"), places=places)


def _projections(path: Path) -> object:
    """Of a file beside the crystal of its run, or beside the curve that it belongs to."""
    from dosmith.sources.files import read_dos
    from dosmith.sources.projected import projections_of

    (path.parent / "POSCAR").write_text("made\n1.0\n4 0 0\n0 4 0\n0 0 4\nNi Pt\n1 1\nDirect\n0 0 0\n.5 .5 .5\n")
    if path.name == "projections.csv":
        path = path.with_name("dos.csv")
        path.write_bytes(layouts.own(_two_atoms()))
    return projections_of(path, read_dos(path))


def _add(path: Path) -> object:
    """What `dosmith data add` makes of the folder."""
    from dosmith.adding import add_files
    from dosmith.library import MemoryLibrary

    curve = _CURVES[path.name]
    (path.parent / (curve.partition("-")[2] or curve)).write_bytes(_curves()[curve])
    library = MemoryLibrary([], "beside")
    return list(add_files(library, [path.parent])), [library.material(each).structure for each in library.ids]


@functools.cache
def _curves() -> dict[str, bytes]:
    return dict([*_doscars(False)[:1], *_aims()[:1], *_fixtures("espresso*"), *_fixtures("cp2k*"), *_fixtures("gpaw*")])


def _vasp_run(path: Path) -> object:
    """A finished run of a folder that dosmith wrote; only structure and elements of its entry matter."""
    from dosmith.dft.vasp import _read

    entry: Any = SimpleNamespace(
        species=("Al", "N"), id="AlN-B4", composition=(("N", 1), ("Al", 1)), crystal_system="hexagonal", prototype="B4"
    )
    return _read(entry, path)


def _batches() -> list[Named]:
    made = []
    for one in materials()[:2]:
        assert one.structure is not None and one.frac_coords is not None and one.lattice is not None
        entry = {
            "formula": one.formula,
            "prototype": one.prototype.replace("_", "") if one.prototype else None,
            "crystal_system": one.crystal_system,
            "species": list(one.species),
            "lattice": one.lattice.tolist(),
            "frac": one.frac_coords.tolist(),
            "dos": one.spectrum.densities.round(4).tolist(),
            **{"volume_per_atom": 12.1, "chgnet_e": -5.7, "chgnet_ef": -0.06, "fermi_ev": 8.25, "gap_ev": 0.0, "n_electrons": 72},
            **{"spin_polarized": False, "moment_window": 0.0, "kscf": [4, 4, 4], "kdos": [9, 9, 9], "settings": "fast"},
            **{"energy_ev": -16500.5, "seconds": 120.5},
        }
        made.append(("batch.jsonl", (json.dumps(entry) + "\n").encode() * 2))
    return [*made, ("batch.jsonl.gz", gzip.compress(made[0][1]))]


def _batch(path: Path) -> object:
    from dosmith.sources.open_set import read_batch

    return list(read_batch(path))


def _jarvis() -> list[Named]:
    from dosmith.sources.jarvis import ENERGIES

    one = materials()[0]
    curve = np.interp(ENERGIES, one.spectrum.energies, one.spectrum.total)
    assert one.structure is not None
    atoms = {
        "elements": list(one.species),
        "lattice_mat": one.structure.lattice.matrix.tolist(),
        "coords": one.structure.cart_coords.tolist(),
        "cartesian": True,
    }
    rows = [{"jid": f"JVASP-{number}", "atoms": atoms, "edos_up": curve.tolist()} for number in range(4)]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edos_pdos.json", json.dumps(rows))
    return [("edos_pdos.json.zip", file.getvalue())]


def _jarvis_set(path: Path) -> object:
    """Every entry, taken over or refused, as a fetch does."""
    from dosmith.sources.fetching import Query
    from dosmith.sources.jarvis import _attempt, _wanted, entries

    facts = {f"JVASP-{number}": {"optb88vdw_bandgap": 0.0, "crys": "cubic", "spg_symbol": "Pm-3m"} for number in range(4)}
    return [_attempt(entry, facts.get(name)) for name, entry in _wanted(entries(path), facts, Query())]


def _project() -> list[Named]:
    made = []
    for one in materials():
        assert one.structure is not None
        rows = {str(1 - 2 * spin): row.tolist() for spin, row in enumerate(one.spectrum.densities)}
        dos = {"energies": one.spectrum.energies.tolist(), "densities": rows, "efermi": one.spectrum.fermi, "run_type": "GGA"}
        summary = {
            "material_id": "mp-1",
            "structure": one.structure.as_dict(),
            "symmetry": {"crystal_system": "Cubic", "symbol": "Pm-3m"},
            "efermi": 1.0,
        }
        made.append(("answer.json", json.dumps({"summary": summary | {"band_gap": 0.0, "is_metal": True}, "dos": dos}).encode()))
    return made


def _answer(name: str, content: bytes) -> object:
    """A document and a row of the Materials Project, as its client hands them out; what is no JSON does not get so far."""
    from dosmith.sources.materials_project import _attempt
    from dosmith.sources.mp_client import TaskDos

    try:
        answer = json.loads(content)
        dos = answer["dos"]
        row = TaskDos(
            dos["energies"], {int(spin): values for spin, values in dos["densities"].items()}, dos["efermi"], dos["run_type"]
        )
        summary = {"material_id": "?"} | answer["summary"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    return _attempt(summary, row)


def _spectra_tables() -> list[Named]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = materials()[0].spectrum
    made = []
    for compression in ("none", "zstd"):
        file = io.BytesIO()
        columns = {
            "formula": ["Pt3Ni", "AlN", "Fe2O3"],
            "spectrum": [one.total.tolist()] * 3,
            "axis": [one.energies.tolist()] * 3,
            "id": ["a", "b", "c"],
        }
        pq.write_table(pa.table(columns), file, compression=compression)
        made.append((f"{compression}.parquet", file.getvalue()))
    return made


def _spectra_table(path: Path) -> object:
    from dosmith.models.composition.table import SpectraTable

    return SpectraTable.read(path)


def _packs() -> list[Named]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(folder)
        for one in materials():
            ledger.append(Outcome(one.id, one, None, 1.0, "2026-01-01T00:00:00"))
        ledger.pack()
        return [(path.name, path.read_bytes()) for path in Path(folder).glob("pack*")]


def _pack(path: Path) -> object:
    ledger = Ledger(path.parent)
    return ledger.reasons(), list(ledger.outcomes())


def _manifests() -> list[Named]:
    with tempfile.TemporaryDirectory() as folder:
        ParquetLibrary.at(Path(folder) / "library", "fuzzed").add(list(materials()))
        return [(path.name, path.read_bytes()) for path in (Path(folder) / "library").iterdir() if path.suffix == ".json"]


@functools.cache
def _shard() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    home = tempfile.TemporaryDirectory()
    ParquetLibrary.at(Path(home.name) / "library", "fuzzed").add(list(materials()))
    (shard,) = (Path(home.name) / "library").glob("part-*.parquet")
    return home, shard


def _library(path: Path) -> object:
    shard = _shard()[1]
    (path.parent / shard.name).symlink_to(shard)
    library = ParquetLibrary(path.parent)
    return [library.material(each) for each in library.ids], [block.densities for block in library.spectra()]


@functools.cache
def _designs() -> list[Named]:
    from dosmith import design
    from dosmith.report.output import write_design

    with tempfile.TemporaryDirectory() as folder:
        write_design(design("Pt3Ni", top=3), Path(folder) / "run")
        return [(name, (Path(folder) / "run" / name).read_bytes()) for name in ("candidates.json", "curves.csv")]


def _design_folder(path: Path) -> object:
    from dosmith.verification.designed import read_design

    for name, content in _designs():
        if name != path.name:
            (path.parent / name).write_bytes(content)
    return read_design(path.parent)


def _settings() -> list[Named]:
    text = "".join(
        f"[{section}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        for section, values in _defaults().items()
    )
    return [("settings.toml", text.encode())]


def _defaults() -> dict[str, dict[str, Any]]:
    from dosmith import Settings

    return Settings().model_dump()


def _settings_file(path: Path) -> object:
    from dosmith.settings import load_settings

    return load_settings(path, {})


READERS = (
    Reader("VASP: vasprun.xml", _vaspruns, _dos),
    Reader("VASP: DOSCAR", functools.partial(_doscars, False), _dos),
    Reader("VASP: PROCAR", written(("PROCAR", layouts.vasp_procar)), _dos),
    Reader("VASP: finished runs", _short_vaspruns, _through_file(_vasp_run)),
    Reader("LOBSTER", functools.partial(_doscars, True), _dos),
    Reader("Quantum ESPRESSO", lambda: _fixtures("espresso*"), _dos),
    Reader(
        "Quantum ESPRESSO XML", lambda: [("data-file-schema.xml", content) for _, content in _fixtures("espresso*xml.gz")], _dos
    ),
    Reader("CP2K", lambda: [(name, content) for name, content in _fixtures("cp2k*") if "_spin-" not in name], _dos),
    Reader("GPAW, ASE", lambda: _fixtures("gpaw*"), _dos),
    Reader("FHI-aims", _aims, _dos),
    Reader("ABINIT", whole_runs("abinit-*/*"), _dos),
    Reader(
        "Elk, exciting",
        lambda: [*whole_runs("elk-*/TDOS*")(), *written(("TDOS.OUT", layouts.elk_tdos), ("dos.xml", layouts.exciting_xml))()],
        _dos,
    ),
    Reader("SIESTA", written(("x.DOS", layouts.siesta_dos), ("x.PDOS.xml", layouts.siesta_pdos), ("x.EIG", one_point)), _dos),
    Reader("WIEN2k", written(("x.dos1ev", lambda run: layouts.wien2k(run, 0))), _dos),
    Reader("CASTEP, OptaDOS", written(("x.bands", layouts.castep_bands), ("x.adaptive.dat", layouts.optados)), _dos),
    Reader("CRYSTAL", written(("DOSS.DAT", layouts.crystal_doss)), _dos),
    Reader("OpenMX, Octopus", written(("x.DOS.Gaussian", layouts.openmx), ("total-dos.dat", layouts.octopus)), _dos),
    Reader("DFTB+", written(("band.out", layouts.dftb_bands)), _dos),
    Reader("dosmith's own dos.csv", written(("dos.csv", layouts.own)), _dos),
    Reader("vaspout.h5", written(("vaspout.h5", layouts.vaspout)), _dos),
    Reader("FLEUR", written(("banddos.hdf", layouts.banddos)), _dos),
    Reader(
        "NOMAD, AiiDA, OPTIMADE",
        written(("a.json", layouts.nomad), ("b.json", layouts.aiida), ("c.json", layouts.optimade), ("d.json", layouts.store)),
        _dos,
    ),
    Reader("files of one run", run_files, _through_file(beside_curve)),
    Reader("phonopy", lambda: _fixtures("phonopy*"), _dos),
    Reader("pymatgen JSON", _pymatgen, _dos),
    Reader("tables, spreadsheets", _tables, _dos),
    Reader("crystals", _crystals, _through_file(_crystal)),
    Reader("crystal lists", lists.crystal_lists, _through_file(lists.read_list)),
    Reader("atlas", lists.atlas_files, _through_file(lists.read_atlas)),
    Reader("projections", _projected, _through_file(_projections)),
    Reader("files beside a curve", _beside, _through_file(_add)),
    Reader("open DOS batches", _batches, _through_file(_batch)),
    Reader("Materials Project", _project, _answer),
    Reader("JARVIS", _jarvis, _through_file(_jarvis_set)),
    Reader("spectra, Parquet", _spectra_tables, _through_file(_spectra_table)),
    Reader("ledger", _packs, _through_file(_pack)),
    Reader("library manifest", _manifests, _through_file(_library)),
    Reader("design folder", _designs, _through_file(_design_folder)),
    Reader("settings", _settings, _through_file(_settings_file)),
    Reader("drawing board", requests, ask),
)
