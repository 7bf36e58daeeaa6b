"""Densities of states of JARVIS-DFT (NIST) out of its set `edos_pdos`: interpolated, normalised, spin up alone, without an axis.

The axis is an assumption, -5 ... 10 eV from the Fermi level in steps of 0.05 eV, and is checked before anything is taken over: in the
curves of insulators, whose gaps the set `dft_3d` states, the gap must be where the axis has its zero, and as wide. What cannot be checked is refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.atomic import replacing
from dosmith.errors import DosmithError, FileFormatError, MissingExtraError, SpectrumError
from dosmith.records import Material, Spectrum
from dosmith.sources.crystal import Crystal
from dosmith.sources.fetching import Ledger, Progress, Query, Store, Tally, TransientError, fill, patiently
from dosmith.sources.json_values import PIECE, values

FloatArray = NDArray[np.float64]

ENERGIES: FloatArray = np.array(-5.0 + 0.05 * np.arange(300), dtype=np.float64)
"""The assumed axis, eV from the Fermi level."""
INSULATOR, NARROW = 0.5, 1.0
"""Crystals with a stated gap from the first on take part in the check; those up to the second tell where the zero is, wider ones the step, eV."""
ENOUGH, SHARE = 20, 0.9
"""The check needs this many insulators with a narrow gap, and this share of them, and of all insulators, must fit."""

_EMPTY, _REACH, _SLACK = 0.02, 0.3, 0.5
_FACTS = ("jid", "optb88vdw_bandgap", "crys", "spg_symbol", "formation_energy_peratom", "ehull", "func")


def fetch(
    folder: Path,
    query: Query,
    store: Store,
    ledger: Ledger,
    progress: Progress = lambda what, done, whole: None,
    download: Callable[[str, Path], Path] | None = None,
) -> Tally:
    """Fetch what the query asks for and the store does not have yet; the downloaded sets stay in `folder` for the next time.

    Raises:
        MissingExtraError: jarvis-tools is not installed.
        DosmithError: a set cannot be had or is damaged, or the assumed axis does not fit it.
    """
    files = []
    for name in ("dft_3d", "edos_pdos"):
        progress(f"downloading {name}", 0, None)
        files.append((download or download_set)(name, folder))
    progress("reading dft_3d", 0, None)
    facts = {str(entry["jid"]): {name: entry.get(name) for name in _FACTS} for entry in entries(files[0]) if entry.get("jid")}
    progress("checking the axis", 0, None)
    check_axis(entries(files[1]), facts)
    found = (
        (name, _attempt(entry, facts.get(name)))
        for name, entry in _wanted(entries(files[1]), facts, query)
        if name not in store and name not in ledger.refused
    )
    before = sum(name in store for name in facts)
    tally = fill(store, ledger, found, lambda done: progress("reading edos_pdos", done, None))
    tally.present = before
    return tally


def check_axis(curves: Iterator[dict[str, Any]], facts: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """How many insulators have their gap where the assumed axis has its zero, and how many there are.

    Raises:
        DosmithError: too few, or too few of them: the axis is another one, and nothing is taken over.
    """
    gaps, fits = [], []
    for entry in curves:
        gap = _number(facts.get(str(entry.get("jid")), {}).get("optb88vdw_bandgap"))
        density = _density(entry)
        if gap is not None and gap >= INSULATOR and density is not None and len(density) == len(ENERGIES):
            gaps.append(gap)
            fits.append(gap_fits(density, gap))
    narrow = [fit for gap, fit in zip(gaps, fits, strict=True) if gap <= NARROW]
    if len(narrow) < ENOUGH or sum(narrow) < SHARE * len(narrow) or sum(fits) < SHARE * len(fits):
        raise DosmithError(
            f"the assumed axis of JARVIS' edos_pdos (-5 ... 10 eV, 0.05 eV) is not borne out: the gaps of {sum(fits)} of {len(fits)}"
            f" insulators, of {sum(narrow)} of {len(narrow)} with a narrow one, are at its zero; nothing is taken over"
        )
    return sum(fits), len(fits)


def gap_fits(density: FloatArray, gap: float) -> bool:
    """Whether the curve on the assumed axis is empty around its zero over about `gap` (eV), or nowhere near it when there is none."""
    filled = density > _EMPTY * density[np.abs(ENERGIES) <= 5].mean()
    near = np.flatnonzero(~filled & (np.abs(ENERGIES) <= _REACH))
    if gap < INSULATOR:
        return not len(near) or _width(filled, near) < gap + 2 * _SLACK
    return bool(len(near)) and abs(_width(filled, near) - gap) <= max(_SLACK, 0.3 * gap)


def material(entry: Mapping[str, Any], facts: Mapping[str, Any] | None) -> Material:
    """The Material of an entry of `edos_pdos` with the facts that `dft_3d` has of it.

    Raises:
        SpectrumError: it has no curve, or one that cannot be checked or does not fit its stated gap.
    """
    density = _density(entry)
    if density is None:
        raise SpectrumError("it has no density of states")
    if len(density) != len(ENERGIES):
        raise SpectrumError(f"its curve has {len(density)} points, not the {len(ENERGIES)} of the assumed axis")
    gap = _number((facts or {}).get("optb88vdw_bandgap"))
    if facts is None or gap is None:
        raise SpectrumError("no gap is stated for it, so its axis cannot be checked")
    if not gap_fits(density, gap):
        raise SpectrumError(f"its curve does not show the stated gap of {gap:g} eV at the zero of the assumed axis")
    notes = (
        "the axis -5 ... 10 eV from the Fermi level in 0.05 eV steps is assumed; the stated gap is where it has its zero",
        "spin up alone, normalised: not in states/eV",
    )
    species, lattice, coordinates = _crystal(entry)
    crystal = Crystal(lattice, species, coordinates)
    system, symbol = facts.get("crys"), facts.get("spg_symbol")
    return Material(
        id=str(entry["jid"]),
        composition=crystal.composition,
        spectrum=Spectrum(ENERGIES, density[None], 0.0, notes=notes),
        crystal_system=str(system).lower() if system and system != "na" else None,
        space_group=str(symbol) if symbol and symbol != "na" else None,
        lattice=lattice,
        species=species,
        frac_coords=coordinates,
        provenance={
            "source": "jarvis-dft",
            "code": "VASP",
            "functional": "OptB88vdW",
            "set": "edos_pdos",
            "band_gap_stated": gap,
            **{
                name: value
                for name, key in (("formation_energy_per_atom", "formation_energy_peratom"), ("energy_above_hull", "ehull"))
                if (value := _number(facts.get(key))) is not None
            },
        },
    )


def entries(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of the JSON list in a zip archive, one at a time, so that a set of any size fits in memory.

    Raises:
        FileFormatError: it is no such archive, or it is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as stream:
            for entry in values(stream, list_alone=True):
                if not isinstance(entry, dict) or not isinstance(entry.get("atoms") or {}, dict):
                    raise ValueError("not a list of materials")
                yield entry
    except (OSError, ValueError, IndexError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{file} is damaged ({str(error)[:80]}); remove it and fetch again") from None


def download_set(name: str, folder: Path) -> Path:
    """The archive of one of JARVIS' sets, whole, from where jarvis-tools says it is."""
    try:
        import requests
        from jarvis.db.figshare import get_db_info
    except ImportError:
        raise MissingExtraError("fetching from JARVIS", "jarvis") from None
    url, inside = get_db_info()[name][:2]

    def once() -> None:
        try:
            download(url, folder / f"{inside}.zip", requests.get)
        except (requests.RequestException, zipfile.BadZipFile) as error:
            raise TransientError(str(error)[:200]) from None

    if not (folder / f"{inside}.zip").exists():
        patiently(once)
    return folder / f"{inside}.zip"


def download(url: str, path: Path, get: Callable[..., Any]) -> None:
    """A zip archive from the network, written aside and renamed when it is whole.

    Raises:
        zipfile.BadZipFile: what came is cut short or no archive.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with get(url, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        with replacing(path) as file:
            for piece in answer.iter_content(PIECE):
                file.write(piece)
            file.flush()
            with zipfile.ZipFile(file.name) as archive:
                archive.namelist()


def _wanted(
    curves: Iterator[dict[str, Any]], facts: Mapping[str, Mapping[str, Any]], query: Query
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Entries that the query asks for, with their ids."""
    for entry in curves:
        name = str(entry.get("jid"))
        symbols = {str(symbol).strip() for symbol in (entry.get("atoms") or {}).get("elements", ())}
        system = str(facts.get(name, {}).get("crys") or "").lower()
        if (
            0 < len(symbols) <= query.max_elements
            and (query.elements is None or symbols <= set(query.elements))
            and query.crystal_system in (None, system)
        ):
            yield name, entry


def _attempt(entry: Mapping[str, Any], facts: Mapping[str, Any] | None) -> Material | DosmithError:
    try:
        return material(entry, facts)
    except DosmithError as error:
        return error


def _crystal(entry: Mapping[str, Any]) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Elements, lattice (Angstrom) and fractional coordinates of an entry."""
    try:
        atoms = entry["atoms"]
        species = tuple(str(symbol).strip() for symbol in atoms["elements"])
        lattice = np.array(atoms["lattice_mat"], dtype=np.float64).reshape(3, 3)
        coordinates = np.array(atoms["coords"], dtype=np.float64).reshape(len(species), 3)
        return species, lattice, coordinates @ np.linalg.inv(lattice) if atoms.get("cartesian") else coordinates
    except (KeyError, TypeError, ValueError, OverflowError, np.linalg.LinAlgError) as error:
        raise SpectrumError(f"its crystal cannot be read ({type(error).__name__})") from None


def _density(entry: Mapping[str, Any]) -> FloatArray | None:
    """The curve of an entry; None when it has none ('na')."""
    values = entry.get("edos_up")
    if not isinstance(values, list):
        return None
    try:
        density = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return density if density.ndim == 1 and np.isfinite(density).all() and density.any() else None


def _width(filled: NDArray[np.bool_], near: NDArray[np.intp]) -> float:
    """Width of the widest empty stretch through one of the levels `near`, eV."""
    edges = np.flatnonzero(filled)
    widths = []
    for level in near:
        below, above = edges[edges < level], edges[edges > level]
        widths.append(((above[0] if len(above) else len(filled)) - (below[-1] if len(below) else -1) - 1) * 0.05)
    return float(max(widths))


def _number(value: Any) -> float | None:
    """A number; None for 'na' and the like."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
