"""The paper's examples: its targets, its candidates, and ours beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dosmith import formulas
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.models.paper.model import PaperModel
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.settings import Settings
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.similarity import similarity
from dosmith.targets import Target


@dataclass(frozen=True)
class Case:
    """One example of Bang et al. 2024.

    Attributes:
        key: short name.
        figure: of the paper.
        target: formula of the DOS that more is wanted of.
        target_system: crystal system of the target.
        crystal_system: of the candidates.
        prototypes: that count as the wanted kind of crystal; empty for all of the crystal system.
        ratio: of the candidates' elements; None for any.
        n_elements: of the candidates.
        published: the paper's candidates in order, with the similarity it states or None.
        note: what else it says of them.
    """

    key: str
    figure: str
    target: str
    target_system: str
    crystal_system: str
    published: tuple[tuple[str, float | None], ...]
    prototypes: tuple[str, ...] = ()
    ratio: tuple[int, ...] | None = None
    n_elements: int = 2
    note: str = ""


CASES = (
    Case("Al3Zr", "Fig. 4b", "Al3Zr", "cubic", "cubic", (("Al3Zr", None), ("Al3Hf", 0.96))),
    Case("Sn3Bi", "Fig. 4c", "Sn3Bi", "cubic", "cubic", (("Sn3Bi", None), ("Sn3Sb", 0.98))),
    Case(
        "Pt3Ni",
        "Fig. 5",
        "Pt3Ni",
        "cubic",
        "cubic",
        (("Pt3Ni", None), ("Pt3Co", 0.94), ("Pt3Rh", None), ("Pt3Fe", None), ("Pt3Mn", None)),
        note="Catalysts for oxygen reduction; Pt3Co, Pt3Rh and Pt3Mn were not in the paper's training data.",
    ),
    Case(
        "Pt3Ni-hexagonal",
        "Fig. S2",
        "Pt3Ni",
        "cubic",
        "hexagonal",
        (("AuCo2", 0.9), ("PtMn2", 0.9), ("PtFe2", 0.9)),
        note="P6_3/mmc. The paper finds formation energies below zero for PtMn2 and PtFe2, slightly above for AuCo2.",
    ),
    Case(
        "Pt3Ni-tetragonal",
        "Fig. S3",
        "Pt3Ni",
        "cubic",
        "tetragonal",
        (("CoRh2Pd", 0.9), ("ZrRh2Ir", 0.8), ("ScRh2Ir", 0.8)),
        prototypes=("P4/mmm AB2C",),
        ratio=(1, 1, 2),
        n_elements=3,
        note="P4/mmm. The paper finds formation energies near zero for CoRh2Pd, below zero for the others.",
    ),
    Case(
        "Pd",
        "Fig. 6",
        "Pd",
        "cubic",
        "cubic",
        (("Pt3Ni", None), ("Pt3Co", None), ("Pt3Fe", None), ("Mo3Ni", None), ("Mo3Co", None)),
        prototypes=("L1_2",),
        note="Hydrogen storage; all in L1_2.",
    ),
    Case(
        "BaTiO3",
        "Fig. S4",
        "BaTiO3",
        "cubic",
        "cubic",
        (("SrTiO3", 0.85), ("BaMnO3", 0.8), ("BaZrO3", 0.8)),
        prototypes=("E2_1",),
        ratio=(1, 1, 3),
        n_elements=3,
        note="Cubic perovskites; the paper finds all formation energies below zero.",
    ),
)

PAPER, OWN = "paper", "dosmith"
"""The shipped models."""

FEWEST = 100
"""Spectra of the wanted kind that a network is trained from for a case."""

CANDIDATES = 5


def case(wanted: Case, library: Library, settings: Settings) -> dict[str, Any]:
    """Ask one of the paper's questions again.

    Candidates come from the shipped model of the paper's kind; where it does not propose that many elements, from the paper's network
    trained on the wanted kind of crystal, as soon as the library holds `FEWEST` of them. Beside them stand those of dosmith's own model.

    Returns:
        `energies` and `curve` of the target; `published` and `ours`: candidates with formula, stated similarity, id, similarity,
        formation energy (eV/atom) and curve where the library knows them; `own`: those of dosmith's own model, with the
        probability of unknown ones; `missing`: why there is no answer, or None.
    """
    model = PaperModel.open(PAPER)
    designer = Designer(library, model, settings)
    grid = model.recipe.grid
    try:
        target = designer.target(wanted.target, crystal_system=wanted.target_system)
    except NotFoundError as error:
        return {"missing": str(error), "published": [], "ours": [], "own": [], "spectra": 0, "retrieved": []}
    known = {
        composition: _describe(composition, wanted, target, designer)
        for composition in [formulas.parse(formula) for formula, _ in wanted.published]
    }
    published = [{"formula": formula, "stated": stated} | known[formulas.parse(formula)] for formula, stated in wanted.published]
    ours, missing, spectra = _candidates(wanted, target, designer, model, settings)
    neighbours = [
        {"id": each.id, "formula": each.formula, "similarity": each.similarity}
        for each in designer.similar(target, top=CANDIDATES + 1, crystal_system=wanted.crystal_system)
        if not each.is_target
    ][:CANDIDATES]
    return {
        "missing": missing,
        "spectra": spectra,
        "energies": _rounded(grid.energies),
        "curve": _rounded(target.standard.values),
        "target": target.material_id,
        "published": published,
        "ours": [{"formula": formulas.write(c)} | _describe(c, wanted, target, designer) for c in ours],
        "own": _own(wanted, library, settings),
        "retrieved": neighbours,
    }


def _own(wanted: Case, library: Library, settings: Settings) -> list[dict[str, Any]]:
    """Candidates of dosmith's own model, but for the target itself; none where it does not propose such crystals."""
    model = TightBindingModel.open(OWN)
    if wanted.n_elements not in model.sizes or wanted.crystal_system not in model.atlas.crystal_systems:
        return []
    designer = Designer(library, model, settings)
    target = designer.target(wanted.target, crystal_system=wanted.target_system)
    answer = designer.design(
        target, top=CANDIDATES + 1, crystal_system=wanted.crystal_system, ratio=wanted.ratio, n_elements=wanted.n_elements
    )
    return [
        {"formula": each.formula, "id": each.structure_id, "similarity": each.similarity, "probability": each.probability}
        for each in answer.candidates
        if each.composition != target.composition
    ][:CANDIDATES]


def _candidates(
    wanted: Case, target: Target, designer: Designer, model: PaperModel, settings: Settings
) -> tuple[list[Composition], str | None, int]:
    """Our candidates, why there are none, and how many spectra the network saw."""
    if wanted.n_elements == model.n_elements:
        network = wanted.crystal_system if wanted.crystal_system in model.networks else None
        answer = designer.design(target, top=CANDIDATES, crystal_system=network, ratio=wanted.ratio)
        spectra = int(model.spec["networks"][network or "any"]["spectra"])
        return [candidate.composition for candidate in answer.candidates], None, spectra
    library = designer.library
    rows = [row for row in range(len(library)) if library.prototypes[row] in wanted.prototypes]
    if len(rows) < FEWEST:
        return [], f"the set holds {len(rows)} crystals of this kind; {FEWEST} are needed to train a network for it", len(rows)
    return _special_network(wanted, target, designer, settings, rows), None, len(rows)


def _special_network(wanted: Case, target: Target, designer: Designer, settings: Settings, rows: list[int]) -> list[Composition]:
    """The paper's network trained for this case alone: on the wanted kind of crystal, element vectors from the whole library."""
    import torch

    from dosmith.constraints import Constraints
    from dosmith.models.paper.composition_vectors import composition_vector, slot_costs
    from dosmith.models.paper.kbest import k_best
    from dosmith.models.paper.train import train_element_vectors, train_inverse
    from dosmith.spectra.standard import standardise_library

    recipe, library = designer.model.recipe, designer.library
    paper = settings.paper.model_copy(update={"n_elements": wanted.n_elements, "batch": settings.benchmark.in_sample_batch})
    places, vectors = standardise_library(library, recipe)
    torch.manual_seed(settings.benchmark.seed)
    compositions = [formulas.parse(library.formulas[row]) for row in places]
    _, elements = train_element_vectors(compositions, vectors, paper, recipe)
    members = np.flatnonzero(np.isin(places, rows))
    members = np.array([place for place in members if max(count for _, count in compositions[place]) <= paper.max_ratio])
    targets = np.array([composition_vector(compositions[place], elements) for place in members])
    epochs = max(settings.benchmark.in_sample_steps * paper.batch // len(members), 1)
    paper = paper.model_copy(update={"epochs": epochs})
    network = train_inverse(vectors[members], targets, paper, recipe)
    with torch.no_grad():
        point = network(torch.tensor(target.standard.values[None, :], dtype=torch.float32)).numpy()[0]
    present = {symbol for place in members for symbol, _ in compositions[place]}
    constraints = Constraints(allowed=frozenset(present), ratio=wanted.ratio)
    try:
        found = k_best(slot_costs(point.astype(np.float64), elements, paper.max_ratio), elements.symbols, CANDIDATES, constraints)
    except ConstraintError:
        return []
    return [composition for _, composition in found]


def _describe(composition: Composition, wanted: Case, target: Target, designer: Designer) -> dict[str, Any]:
    """What the library knows of a composition in the wanted kind of crystal."""
    library = designer.library
    rows = [
        row
        for row in library.rows_of(composition, wanted.crystal_system)
        if not wanted.prototypes or library.prototypes[row] in wanted.prototypes
    ]
    if not rows:
        return {"id": None, "similarity": None, "formation_energy": None, "curve": None}
    material = library.material(library.ids[rows[0]])
    vector = designer.target(material).standard.values
    grid: EnergyGrid = designer.model.recipe.grid
    return {
        "id": material.id,
        "similarity": float(similarity(target.standard.values, vector, grid=grid)[0]),
        "formation_energy": material.provenance.get("formation_energy"),
        "curve": _rounded(vector),
    }


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 5) for value in values]
