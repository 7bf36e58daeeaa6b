"""The open DOS set as a folder: shards, manifest and the card that people read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dosmith.atomic import write_text
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.library.ledger import Ledger
from dosmith.library.stability import CHGNET, FAR, FORMATION, GROUND_STATES, MOLECULE, SEVENNET, stabilities
from dosmith.library.store import ParquetLibrary, write_library
from dosmith.records import Material
from dosmith.sources.open_set import FIRST_BASIS, NAME, SETTINGS, read_batch

LICENCE = "CC-BY-4.0"
REFERENCES = "ground states"
"""What formation energies refer to, in the manifest."""
FIRST = ("converged", "fine", "fast")
"""Labels of settings that the card always counts; others where there are any."""


def build_open_set(
    batches: Iterable[str | Path], folder: str | Path, ledgers: Iterable[str | Path] = (), energies: str | Path | None = None
) -> ParquetLibrary:
    """Write the open DOS set: Parquet shards, manifest with SHA-256, README.md.

    Args:
        batches: files of the first computations, JSON lines.
        folder: of the set.
        ledgers: folders that campaigns wrote; what they hold stands in place of a batch's entry of the same id, and in place of
            what an earlier ledger holds. Molecules count in formation energies and are no part of the set; what `FIRST_BASIS` spoilt is left out.

        energies: Parquet with `id` and formation energies of materials in SevenNet (eV/atom), as `tools/energies.py` writes it.

    Raises:
        NotFoundError, FileFormatError: a batch or the file of energies cannot be read.
        LibraryError: two entries of the batches are of the same formula and prototype, or a ledger is damaged.
    """
    first = [material for batch in batches for material in read_batch(batch)]
    computed = {
        outcome.entry: outcome.material
        for ledger in ledgers
        for outcome in Ledger(ledger).outcomes()
        if outcome.material is not None and outcome.material.provenance["settings"] != FIRST_BASIS
    }
    converged = [material for material in computed.values() if material.provenance["settings"] == "converged"]
    stable = stabilities(converged)
    computed = {identifier: material for identifier, material in computed.items() if material.prototype != MOLECULE}
    for identifier in stable.keys() & computed.keys():
        stability = stable[identifier]
        facts = {"formation_energy": stability.formation_energy, "energy_above_hull": stability.above_hull, "far": stability.far}
        computed[identifier] = replace(computed[identifier], provenance=dict(computed[identifier].provenance) | facts)
    kept = [material for material in first if material.id not in computed]
    mixed = {material.formula for material in kept}
    materials = kept + [_by_potential(material) if material.formula in mixed else material for material in computed.values()]
    materials.sort(key=lambda material: (len(material.composition), material.id))
    if energies is not None:
        told = _energies(Path(energies))
        materials = [
            replace(each, provenance=dict(each.provenance) | {FORMATION[SEVENNET]: told[each.id]}) if each.id in told else each
            for each in materials
        ]
    library = write_library(materials, folder, NAME, {"licence": LICENCE, "references": REFERENCES})
    write_text(Path(folder) / "README.md", card(library))
    return library


def _energies(path: Path) -> dict[str, float | None]:
    """Formation energies in SevenNet by id, eV/atom."""
    try:
        table = pq.read_table(path, columns=["id", FORMATION[SEVENNET]], use_threads=False)
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileFormatError(f"{path} holds no formation energies ({str(error)[:80]})") from None
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _by_potential(material: Material) -> Material:
    """The material with the potential's energy in front, to stand in order with polymorphs that have no other."""
    facts = dict(material.provenance)
    energies = {
        "dft_energy_per_atom": facts["energy_per_atom"],
        "energy_per_atom": facts["potential_energy"],
        "energy_per_atom_from": "CHGNet 0.3.0, equation of state",
    }
    return replace(material, provenance=facts | energies)


def card(library: ParquetLibrary) -> str:
    """The data card of the open DOS set in Markdown, counted from the set itself."""
    summary = library.summary()
    tiers = Counter(json.loads(text)["settings"] for text in library._table(("provenance",))["provenance"].to_pylist())
    tier_rows = "\n".join(
        f"| {tier} | {tiers[tier]:,} | {meaning} |" for tier, meaning in SETTINGS.items() if tiers[tier] or tier in FIRST
    )
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
| spin-polarised | {summary["spin_polarized"]:,} |
| with a gap of 0.3 eV or more | {summary["gapped"]:,} |
| with projections | {summary["projected"]:,} |
| on the hull of this set | {summary["on_hull"]:,} |
| of unknown height above it | {summary["hull_unknown"]:,} |
| so far above it that nobody will make them | {summary["far"]:,} |
| by element ({len(summary["by_element"])}) | {counted("by_element")} |

## How it was computed

CP2K 2023.1, PBE, Gaussian basis DZVP-MOLOPT-SR-GTH, GTH-PBE pseudopotentials; Gaussian broadening sigma = 0.1 eV. Meshes and settings
stand with each entry.

| settings | entries | meaning |
|---|---|---|
{tier_rows}

`converged`: a self-consistent run on a Gamma-centred mesh, eigenvalues on the irreducible points of one three times finer, splines
between those, energy by the Harris functional (docs/convergence.md). Where `protocol` is `converged 2`, eigenvalues and projections come from
the real-space matrices, and a magnetic crystal is the lower of a start with moments and one without. `fine` and `fast`, the first batch: a self-consistent run on a
Monkhorst-Pack mesh, eigenvalues on a finer Gamma-centred one, no splines. Anyone can go on: `dosmith compute --plan
data/campaign/crystals.parquet --ledger data/campaign/crystals` computes what the ledger does not hold, and `dosmith data build-open-set`
writes this folder from it.

Crystals: what the method's paper names; elements in A1, A2, A3, A4 and simple cubic; for random pairs of elements and stoichiometries AB, A2B, AB2,
A3B, AB3 the cubic and the hexagonal prototype of lowest CHGNet 0.3.0 energy; perovskites, half and full Heusler and P4/mmm crystals of formulas
that chemistry lets one expect. Kept is what lies within 0.1 eV/atom of the hull in that potential, and a tenth of what lies within 0.5 (the first batch:
a formation energy below 0.10 eV/atom). Volumes are those of lowest CHGNet energy (docs/volumes.md).
To these come the elements' ground states, crystals that textbooks name with their measured lattice constants, and the original crystals of
AFLOW's prototypes; molecules and salts of molecular ions in simple lattices, packed as close as radii allow, so that their packing is not that of
true crystals; `purpose` says which. Not all of the plan is computed yet.

Energy above the hull of this set's own `converged` entries, eV/atom: {counted("energy_above_hull")}.

## Columns

`id`, `formula` (reduced), `elements`, `n_elements`, `crystal_system`, `prototype` (Strukturbericht), `space_group`, `species`,
`lattice` (Angstrom, three rows), `frac_coords`; the curve: `dos_up`, `dos_down` (states/eV/cell; `dos_down` is null when spins are summed
in `dos_up`) at `energy_first` + i `energy_step` (eV; -10 ... 10 in steps of 0.05), `fermi` (eV on that axis), `broadening` (eV, already in the
curve), `gap` (eV), `valence_top` (eV on that axis, null for metals); `projection_labels` ("Ni d": element and orbital) and `projections` (Loewdin's: shares
of the curve in 255ths for each spin, label and every second energy; null where not computed); `energy_per_atom` (eV; DFT where all polymorphs of the composition are `converged`, else CHGNet: orders polymorphs, nothing else), `source`, `code`, `functional`; `provenance` (JSON: AFLOW label,
basis, k-points, spin treatment, moment, absolute Fermi level, number of electrons, volume, seconds; where `converged` also `formation_energy` and
`energy_above_hull`, eV/atom, null where nothing else is known in the chemical system; `{FORMATION[SEVENNET]}` is that of the same crystal in
the potential SevenNet-0, `{FORMATION[CHGNET]}` in CHGNet; `far` is true {FAR:g} eV/atom above everything: such crystals are here to
learn from and cannot be made; `Library.far` says which for all rows).

{_references(library)}

## Known limits

- Crystals with Cr, Mn, Fe, Co or Ni are spin-polarised where `converged`, from moments that are parallel unless the plan says otherwise (Cr, Mn, O, MnO, FeO,
  CoO, NiO, MnS, MnSe begin antiferromagnetic); of the first batch only the elements are, and the rest of it is not magnetic here though it may be.
- S is in rings of six, not eight, and Mn face-centred and antiferromagnetic, not alpha-Mn: their true ground states have too many atoms.
- `gap` of `fine` and `fast` is the smallest difference on the mesh: up to about 0.3 eV it may be an artefact of a metal's coarse mesh. Their
  Fermi level lies anywhere in a gap; dosmith moves the energy zero to the valence-band top.
- Hull and formation energies know the crystals of this set only. Nothing is corrected: PBE binds O2 too strongly, so oxides come out less stable than they are.
- Lanthanides have their 4f electrons in the core and are trivalent (LnPP2; La and Ce by BASIS_MOLOPT_UCL, Ce with its 4f electron), so nothing is said of 4f bands and
  moments, and divalent Eu and Yb are wrong: they are not planned. No actinides.

## Files

| file | rows | bytes | SHA-256 |
|---|---|---|---|
{shards}
"""


def _references(library: ParquetLibrary) -> str:
    """What formation energies refer to, in words."""
    if library.manifest.get("references") != REFERENCES:
        return """Formation energies refer to each element's lowest crystal in this set, built before the ground states were among them: where that is a simple metal's, as of B, P, S, Se, Te, As,
Sb, Bi and Cr, they are too low by up to 0.6 eV/atom of the element."""
    by_crystal: dict[str, list[str]] = {}
    for symbol, crystal in GROUND_STATES.items():
        by_crystal.setdefault(crystal, []).append(symbol)
    grounds = "; ".join(f"{crystal} {' '.join(symbols)}" for crystal, symbols in by_crystal.items())
    return f"""Formation energies refer to each element's ground state at zero temperature: {grounds}. H, N, O and the halogens have their molecule in a box of 8 Angstrom
too, and the lower of the two counts. What holds an element whose ground state is not computed has no formation energy."""
