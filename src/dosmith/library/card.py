"""The open DOS set as a folder: shards, manifest and the card that people read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from dosmith.atomic import write_text
from dosmith.library.store import ParquetLibrary, write_library
from dosmith.sources.open_set import NAME, SETTINGS, read_batch

LICENCE = "CC-BY-4.0"


def build_open_set(batches: Iterable[str | Path], folder: str | Path) -> ParquetLibrary:
    """Write the open DOS set from computed batches: Parquet shards, manifest with SHA-256, README.md.

    Raises:
        NotFoundError, FileFormatError: a batch cannot be read.
        LibraryError: two entries are of the same formula and prototype.
    """
    materials = [material for batch in batches for material in read_batch(batch)]
    materials.sort(key=lambda material: (len(material.composition), material.id))
    library = write_library(materials, folder, NAME, {"licence": LICENCE})
    write_text(Path(folder) / "README.md", card(library))
    return library


def card(library: ParquetLibrary) -> str:
    """The data card of the open DOS set in Markdown, counted from the set itself."""
    summary = library.summary()
    tiers = Counter(json.loads(text)["settings"] for text in library._table(("provenance",))["provenance"].to_pylist())
    tier_rows = "\n".join(f"| {tier} | {tiers[tier]:,} | {meaning} |" for tier, meaning in SETTINGS.items())
    shards = "\n".join(
        f"| {name} | {facts['rows']:,} | {facts['bytes']:,} | `{facts['sha256']}` |"
        for name, facts in library.manifest["shards"].items()
    )

    def counted(name: str) -> str:
        return ", ".join(f"{key} {count:,}" for key, count in summary[name].items())

    return f"""# The open DOS set

Electronic densities of states of {summary["count"]:,} crystals, computed for dosmith by density-functional theory.
Licence: {LICENCE}; please cite dosmith (CITATION.cff). Written by `dosmith data build-open-set`; this card is generated.

| what | count |
|---|---|
| by number of elements | {counted("by_n_elements")} |
| by crystal system | {counted("by_crystal_system")} |
| by prototype | {counted("by_prototype")} |
| spin-polarised | {summary["spin_polarized"]} |
| by element ({len(summary["by_element"])}) | {counted("by_element")} |

## How it was computed

CP2K 2023.1, PBE, Gaussian basis DZVP-MOLOPT-SR-GTH, GTH-PBE pseudopotentials. A self-consistent run on a Monkhorst-Pack mesh with
Fermi-Dirac smearing, then eigenvalues on the irreducible points of a finer Gamma-centred mesh; Fermi level solved on the fine mesh;
Gaussian broadening sigma = 0.1 eV. Meshes and settings stand with each entry.

| settings | entries | meaning |
|---|---|---|
{tier_rows}

Crystals: for random element pairs and stoichiometries AB, A2B, A3B, the prototype of lowest CHGNet 0.3.0 energy, kept when its formation
energy in that potential is below 0.10 eV/atom; volume from a CHGNet equation of state. Elements in A1, A2, A3, A4.

## Columns

`id`, `formula` (reduced), `elements`, `n_elements`, `crystal_system`, `prototype` (Strukturbericht), `space_group`, `species`,
`lattice` (Angstrom, three rows), `frac_coords`; the curve: `dos_up`, `dos_down` (states/eV/cell; `dos_down` is null when spins are summed
in `dos_up`) at `energy_first` + i `energy_step` (eV; -10 ... 10 in steps of 0.05), `fermi` (eV on that axis), `broadening` (eV, already in the
curve), `gap` (eV); `energy_per_atom` (eV, CHGNet: orders polymorphs, nothing else), `source`, `code`, `functional`; `provenance` (JSON: AFLOW label,
basis, k-points, spin treatment, moment, absolute Fermi level, number of electrons, total energy, volume, seconds).

## Known limits

- Non-magnetic, but for Cr, Mn, Fe, Co and Ni as elements, which are spin-polarised from a ferromagnetic start. Their compounds are not.
- The Fermi level of a gapped entry lies anywhere in its gap; dosmith moves the energy zero to the valence-band top.
- `gap` is the smallest difference on the mesh: up to about 0.3 eV it may be an artefact of a metal's coarse mesh.
- Total energies compare only within one `settings`, and are rough with `fast`.
- No lanthanides, actinides or noble gases, no Tc. Strongly bound molecular crystals (H2, N2, halogens) are in metal-like prototypes.

## Files

| file | rows | bytes | SHA-256 |
|---|---|---|---|
{shards}
"""
