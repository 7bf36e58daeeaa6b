"""Whole curves of JARVIS-DFT (NIST): the vasprun.xml of a material's own run, downloaded one by one.

The set `dft_3d` lists for each material the archives of its runs, as "CATEGORY,NAME.zip,URL" in `raw_files`; each holds the vasprun.xml of one.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from dosmith import formulas
from dosmith.errors import DosmithError, FileFormatError, MissingExtraError, NotFoundError, SpectrumError
from dosmith.records import Material
from dosmith.sources import jarvis
from dosmith.sources.fetching import Ledger, Progress, Query, Store, Tally, TransientError, fill, patiently
from dosmith.sources.files import FileDos, read_dos_stream

CATEGORIES = ("OPT-LOPTICS", "DFT-SCF")
"""Runs with OptB88vdW whose DOS is taken, the first that a material has: that on a dense mesh, then the relaxation."""
HOST = "figshare.com"
"""Nothing is downloaded from elsewhere."""

Get = Callable[..., Any]
"""`requests.get`, or what answers like it."""


def fetch(
    folder: Path,
    query: Query,
    ids: Collection[str] | None,
    store: Store,
    ledger: Ledger,
    progress: Progress = lambda what, done, whole: None,
    get: Get | None = None,
    download: Callable[[str, Path], Path] | None = None,
) -> Tally:
    """Fetch the whole curves of what the query asks for, or of some ids, that the store does not have yet.

    Args:
        folder: for downloads; the set `dft_3d` stays there for the next time.
        query: which materials.
        ids: JVASP numbers, in place of the query; None for all that it finds.
        store: to add to.
        ledger: of what cannot be had.
        progress: called after each.
        get: asks for an archive.
        download: asks for the set.

    Raises:
        MissingExtraError: jarvis-tools is not installed.
        NotFoundError: there is no such id.
        DosmithError: the set cannot be had or is damaged, or the server did not answer often enough; what was fetched is kept.
    """
    progress("downloading dft_3d", 0, None)
    file = (download or jarvis.download_set)("dft_3d", folder)
    progress("reading dft_3d", 0, None)
    found = {str(entry.get("jid")): entry for entry in map(_short, jarvis.entries(file)) if _wanted(entry, query, ids)}
    if missing := sorted(set(ids or ()) - set(found)):
        raise NotFoundError(f"{', '.join(missing[:5])}: not in JARVIS' set dft_3d; ids are like JVASP-1002")
    new = [entry for name, entry in found.items() if name not in store and name not in ledger.refused]
    materials = ((str(entry["jid"]), _attempt(entry, folder, get or _get())) for entry in new)
    tally = fill(store, ledger, materials, lambda done: progress("fetching", done, len(new)))
    tally.present = sum(name in store for name in found) - tally.added
    return tally


def _short(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed of an entry of `dft_3d`, which has much else."""
    return {name: entry.get(name) for name in (*jarvis._FACTS, "atoms", "raw_files")}


def _wanted(entry: Mapping[str, Any], query: Query, ids: Collection[str] | None) -> bool:
    if ids is not None:
        return str(entry.get("jid")) in ids
    symbols = {str(symbol).strip() for symbol in (entry.get("atoms") or {}).get("elements", ())}
    return (
        0 < len(symbols) <= query.max_elements
        and (query.elements is None or symbols <= set(query.elements))
        and query.crystal_system in (None, str(entry.get("crys") or "").lower())
    )


def _attempt(entry: Mapping[str, Any], folder: Path, get: Get) -> Material | DosmithError:
    try:
        category, url = link(entry.get("raw_files"))
    except DosmithError as error:
        return error
    archive = folder / f"raw-{entry['jid']}.zip"
    try:
        patiently(lambda: _ask(url, archive, get))
        return material(entry, category, read_archive(archive))
    except (NotFoundError, FileFormatError, SpectrumError) as error:
        return error
    finally:
        archive.unlink(missing_ok=True)


def link(raw_files: object) -> tuple[str, str]:
    """Category and address of the archive to take, out of what `dft_3d` lists.

    Raises:
        NotFoundError: none of `CATEGORIES` is there, or it is not at figshare.
    """
    listed: dict[str, str] = {}
    for text in raw_files if isinstance(raw_files, list) else ():
        category, _, rest = str(text).partition(",")
        listed.setdefault(category, rest.partition(",")[2])
    usable = [name for name in CATEGORIES if name in listed]
    if not usable:
        raise NotFoundError(f"no run with a DOS is listed for it ({', '.join(sorted(listed))[:200] or 'none at all'})")
    category = usable[0]
    address = urlsplit(listed[category])
    host = address.hostname or ""
    if address.scheme not in ("http", "https") or not (host == HOST or host.endswith(f".{HOST}")):
        raise NotFoundError(f"its archive is not at {HOST}")
    return category, listed[category]


def read_archive(path: Path) -> FileDos:
    """The density of states in the vasprun.xml of an archive.

    Raises:
        FileFormatError: it is damaged, or holds no vasprun.xml.
        SpectrumError: there is no usable DOS in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if PurePosixPath(name).name in ("vasprun.xml", "vasprun.xml.gz")]
            if not names:
                raise FileFormatError("its archive holds no vasprun.xml")
            with archive.open(min(names, key=len)) as stream:
                return read_dos_stream(stream, "vasprun.xml")  # type: ignore[arg-type]  # typeshed's IO[bytes] is a BinaryIO
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise FileFormatError(f"its archive is damaged ({str(error)[:80]})") from None


def material(entry: Mapping[str, Any], category: str, found: FileDos) -> Material:
    """The Material of an entry and the file of its run.

    Raises:
        SpectrumError: the file is of another material, or does not hold its crystal.
    """
    crystal = found.crystal
    listed = formulas.reduce((str(symbol).strip(), 1) for symbol in entry["atoms"]["elements"])
    if crystal is None or crystal.composition != listed:
        holds = "no crystal" if crystal is None else formulas.write(crystal.composition)
        raise SpectrumError(f"its archive holds {holds}, not {formulas.write(listed)}")
    system, symbol = entry.get("crys"), entry.get("spg_symbol")
    stated = {
        "band_gap_stated": "optb88vdw_bandgap",
        "formation_energy_per_atom": "formation_energy_peratom",
        "energy_above_hull": "ehull",
    }
    return Material(
        id=str(entry["jid"]),
        composition=listed,
        spectrum=replace(found.spectrum, notes=(*found.spectrum.notes, f"vasprun.xml of JARVIS' {category}")),
        crystal_system=str(system).lower() if system and system != "na" else None,
        space_group=str(symbol) if symbol and symbol != "na" else None,
        lattice=np.array(crystal.lattice),
        species=crystal.species,
        frac_coords=np.array(crystal.frac_coords),
        provenance={
            "source": "jarvis-dft",
            "code": "VASP",
            "functional": "OptB88vdW",
            "set": category,
            **({} if found.electrons is None else {"n_electrons": found.electrons}),
            **{name: value for name, key in stated.items() if (value := jarvis._number(entry.get(key))) is not None},
        },
    )


def _get() -> Get:
    try:
        import requests
    except ImportError:
        raise MissingExtraError("fetching from JARVIS", "jarvis") from None
    return requests.get


def _ask(url: str, path: Path, get: Get) -> None:
    """Download an archive.

    Raises:
        NotFoundError: the server refuses it.
        TransientError: asking again may help.
    """
    import requests

    try:
        jarvis.download(url, path, get)
    except requests.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        if 400 <= status < 500 and status not in (408, 429):
            raise NotFoundError(f"its archive cannot be had (HTTP {status})") from None
        raise TransientError(str(error)[:200]) from None
    except (requests.RequestException, zipfile.BadZipFile) as error:
        raise TransientError(str(error)[:200]) from None
