"""Candidates computed: which crystals, what their DOS and energy turn out to be, and the verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.hull import Hull
from dosmith.crystals.molecules import BOND_LENGTHS, molecule
from dosmith.crystals.potential import Potential
from dosmith.crystals.structures import structures
from dosmith.crystals.survey import SurveyIndex
from dosmith.dft import campaign
from dosmith.dft.plan import Entry
from dosmith.dft.planning import BOX
from dosmith.errors import NotFoundError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.library.ledger import Ledger
from dosmith.library.stability import MOLECULE, elemental_energies, formation_energy
from dosmith.records import Material
from dosmith.settings import DftSettings
from dosmith.spectra.similarity import MATCH, similarity
from dosmith.spectra.standard import standardise
from dosmith.verification.designed import Designed, DesignFolder

FloatArray = NDArray[np.float64]

STABLE, MAKEABLE = 0.025, 0.1
"""Heights above the hull, eV/atom: up to the first a crystal counts as stable, up to the second as one that may be made."""


@dataclass(frozen=True, eq=False)
class Checked:
    """A candidate and what came of it.

    Attributes:
        candidate: of the design.
        source: "library" when it was computed before, else the program's name; "" when it was not computed.
        material: as computed; None when it was not.
        curve: its standard DOS, 1/eV, shape (points,).
        similarity: cosine of that to the target.
        formation_energy: eV/atom, None where energies of the elements are missing.
        above_hull: among the library's crystals of the same settings, eV/atom; None where there are none.
        reason: why there is no result; "".
    """

    candidate: Designed
    source: str
    material: Material | None = None
    curve: FloatArray | None = None
    similarity: float | None = None
    formation_energy: float | None = None
    above_hull: float | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """The verdict in a few words."""
        if self.similarity is None:
            return self.reason or "not computed"
        alike = "has the target's DOS" if self.similarity > MATCH else "has another DOS"
        if self.above_hull is not None:
            height = self.above_hull
            stable = "stable" if height <= STABLE else "may be made" if height <= MAKEABLE else "unstable"
        elif self.formation_energy is not None:
            stable = "forms from its elements" if self.formation_energy <= 0 else "does not form from its elements"
        else:
            stable = "stability unknown"
        return f"{alike}, {stable}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values; energies in eV/atom."""
        facts = self.material.provenance if self.material else {}
        return {
            "rank": self.candidate.rank,
            "formula": self.candidate.formula,
            "crystal": self.material.id if self.material else None,
            "space_group": self.material.space_group if self.material else None,
            "source": self.source,
            "expected_similarity": self.candidate.similarity,
            "expected_kind": self.candidate.similarity_kind,
            "similarity": self.similarity,
            "formation_energy": self.formation_energy,
            "above_hull": self.above_hull,
            "energy_per_atom": facts.get("energy_per_atom"),
            "volume_per_atom": facts.get("volume_per_atom"),
            "volume_from": facts.get("volume_from"),
            "magnetic_moment": facts.get("magnetic_moment"),
            "gap": self.material.spectrum.gap if self.material else None,
            "code": facts.get("code"),
            "seconds": facts.get("seconds"),
            "verdict": self.verdict,
        }


@dataclass(frozen=True, eq=False)
class Task:
    """What there is to compute for a design.

    Attributes:
        design: the design.
        entries: crystal of each candidate, by formula.
        known: those that the library holds at these settings, by formula.
        elements: crystals of the elements for which the library has no energies of these settings.
        missing: why a candidate has no crystal, by formula.
    """

    design: DesignFolder
    entries: Mapping[str, Entry]
    known: Mapping[str, Material]
    elements: Sequence[Entry]
    missing: Mapping[str, str]

    @property
    def remaining(self) -> list[Entry]:
        """All that must be computed, candidates first."""
        wanted = [entry for formula, entry in self.entries.items() if formula not in self.known]
        unique = {entry.id: entry for entry in (*wanted, *(self.elements if wanted else ()))}
        return list(unique.values())


def plan(
    design: DesignFolder,
    library: Library,
    survey: SurveyIndex,
    top: int,
    *,
    own_elements: bool,
    potential: Potential | None = None,
) -> Task:
    """The crystals to compute for the first candidates of a design.

    Args:
        design: the design.
        library: known materials.
        survey: crystals of candidates that the design has none for.
        top: how many candidates.
        own_elements: compute all elements, since the library's were computed otherwise, not only those that it lacks;
            nothing counts as known then.
        potential: finds crystals that nobody knows; None leaves those candidates out.
    """
    entries: dict[str, Entry] = {}
    known: dict[str, Material] = {}
    missing: dict[str, str] = {}
    for candidate in design.candidates[:top]:
        formula = candidate.formula
        if candidate.structure_id is not None and candidate.structure_id in library:
            material = library.material(candidate.structure_id)
            if material.provenance.get("settings") == "converged" and not own_elements:
                known[formula] = material
        try:
            entries[formula] = _entry(candidate, library, survey, potential)
        except NotFoundError as error:
            missing[formula] = str(error)
    symbols = sorted({symbol for entry in entries.values() for symbol in entry.species}, key=formulas.atomic_number)
    if not own_elements:
        held = references(library)[0]
        symbols = [symbol for symbol in symbols if symbol not in held]
    elements = [_element(symbol, library) for symbol in symbols]
    return Task(design, entries, known, [each for each in elements if each is not None], missing)


def ledger_for(folder: Path, settings: DftSettings, relax_volume: bool) -> Ledger:
    """The ledger of these settings in a folder: results of other settings stay apart."""
    key = json.dumps(settings.model_dump() | {"relax_volume": relax_volume}, sort_keys=True)
    return Ledger(folder / f"ledger-{hashlib.sha256(key.encode()).hexdigest()[:8]}")


def compute(
    task: Task,
    ledger: Ledger,
    settings: DftSettings,
    *,
    relax_volume: bool = True,
    workers: int = 1,
    cluster: str | None = None,
    retry_failed: bool = False,
    progress: campaign.Progress | None = None,
) -> tuple[dict[str, Material], dict[str, str]]:
    """Compute what remains of a task, and go on where it was stopped.

    Returns:
        the materials by entry, and the reasons of what failed.

    Raises:
        EngineError: no CP2K here (local processes only).
        MissingExtraError, LibraryError: see `campaign.run_entries`.
    """
    entries = task.remaining
    if campaign.remaining(entries, ledger, retry_failed):
        what = campaign.outcome_at_lowest_volume if relax_volume else campaign.outcome_of
        campaign.run_entries(entries, ledger, settings, workers, cluster, None, retry_failed, progress, what)
    wanted = {entry.id for entry in entries}
    outcomes = [outcome for outcome in ledger.outcomes() if outcome.entry in wanted]
    return (
        {outcome.entry: outcome.material for outcome in outcomes if outcome.material is not None},
        {outcome.entry: outcome.reason for outcome in outcomes if outcome.reason is not None},
    )


def check(
    task: Task, computed: Mapping[str, Material], reasons: Mapping[str, str], library: Library, source: str, own_elements: bool
) -> list[Checked]:
    """The verdict on each candidate of a task.

    Args:
        task: what was to compute.
        computed: results by entry id.
        reasons: why others failed, by entry id.
        library: whose converged crystals make the hull.
        source: the program.
        own_elements: whether all energies of the elements come from `computed`, none from the library.
    """
    elements = {each.composition[0][0]: _energy(computed[each.id]) for each in task.elements if each.id in computed}
    hull = None
    if not own_elements:
        held, hull = references(library)
        elements |= held
    judge = partial(_checked, design=task.design, elements=elements, hull=hull)
    found = []
    for candidate in task.design.candidates:
        formula = candidate.formula
        if formula in task.missing:
            found.append(Checked(candidate, "", reason=task.missing[formula]))
        elif formula in task.known:
            found.append(judge(candidate, task.known[formula], "library"))
        elif formula in task.entries:
            identifier = task.entries[formula].id
            if identifier in computed:
                found.append(judge(candidate, computed[identifier], source))
            else:
                found.append(Checked(candidate, "", reason=reasons.get(identifier, "not computed yet")))
    return found


def _checked(
    candidate: Designed,
    material: Material,
    source: str,
    *,
    design: DesignFolder,
    elements: Mapping[str, float],
    hull: Hull | None,
) -> Checked:
    curve = standardise(material.spectrum, design.recipe).values
    alike = float(similarity(design.target, curve[None, :], "cosine", grid=design.recipe.grid)[0])
    formation = formation_energy(material.composition, _energy(material), elements)
    height = None
    if hull is not None and formation is not None:
        height = max(hull.height(material.composition, formation).above_hull, 0.0)
    return Checked(candidate, source, material, curve, alike, formation, height)


def add_to_library(checked: Iterable[Checked], library: Library) -> list[str]:
    """Append the materials that were computed to a library; those whose ids it holds are left as they are. Their ids, if added.

    Raises:
        LibraryError: another program is writing to it, or it cannot be written.
    """
    found: dict[str, Material] = {}
    for each in checked:
        if each.material is not None and each.source != "library":
            facts = {"formation_energy": each.formation_energy, "energy_above_hull": each.above_hull}
            provenance = dict(each.material.provenance) | {"source": "verified"}
            provenance |= {key: value for key, value in facts.items() if value is not None}
            found[each.material.id] = replace(each.material, provenance=provenance)
    return library.add(list(found.values()))


def _energy(material: Material) -> float:
    """eV/atom by density-functional theory."""
    facts = material.provenance
    return float(facts.get("dft_energy_per_atom", facts["energy_per_atom"]))


def references(library: Library) -> tuple[dict[str, float], Hull]:
    """What a crystal computed with the default settings is judged by: energies of the elements, eV/atom, and the hull."""
    converged = list(_converged(library))
    return elemental_energies(converged), Hull(
        (composition, formation) for composition, _, formation in converged if len(composition) > 1
    )


def _converged(library: Library) -> Iterable[tuple[Composition, float, float]]:
    """Composition, energy and formation energy of a library's crystals that were computed with the default settings."""
    for formula, facts, energy in zip(library.formulas, library.provenances, library._index["energy_per_atom"], strict=True):
        if facts.get("settings") == "converged" and facts.get("formation_energy") is not None:
            yield formulas.parse(formula), float(facts.get("dft_energy_per_atom", energy)), float(facts["formation_energy"])


def _entry(candidate: Designed, library: Library, survey: SurveyIndex, potential: Potential | None) -> Entry:
    structure, name, origin = candidate.structure, candidate.prototype, "design"
    if structure is None:
        found = structures(candidate.composition, library, survey, potential, crystal_system=candidate.crystal_system)[0]
        structure, name, origin = found.structure, found.prototype, found.source
    return Entry(
        name or symmetry.space_group(structure)[0],
        tuple(site.specie.symbol for site in structure),
        np.array(structure.lattice.matrix),
        np.array(structure.frac_coords),
        volume_from=origin,
    )


def _element(symbol: str, library: Library) -> Entry | None:
    """An element in the crystal in which the library finds it lowest, or as a molecule; None when it knows none."""
    if symbol in BOND_LENGTHS:
        structure, name = molecule(symbol, BOX), MOLECULE
    else:
        rows = library.rows_of(((symbol, 1),))
        converged = [row for row in rows if library.provenances[row].get("formation_energy") is not None]
        rows = sorted(converged, key=lambda row: float(library.provenances[row]["formation_energy"])) or rows
        material = library.material(library.ids[rows[0]]) if rows else None
        if material is None or material.structure is None:
            return None
        structure, name = material.structure, material.prototype or "element"
    species = tuple(site.specie.symbol for site in structure)
    return Entry(name, species, np.array(structure.lattice.matrix), np.array(structure.frac_coords), volume_from="library")
