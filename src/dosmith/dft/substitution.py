"""Planning real crystals: known structures with other ions on their sites, as data mining lets one expect.

Seeds are the AFLOW prototypes that pymatgen holds (M. J. Mehl et al., Comput. Mater. Sci. 136, S1 (2017)) and the textbook crystals, of at
most `ATOMS` atoms and balanced charge. An ion is replaced by others as the Inorganic Crystal Structure Database has them in each
other's place (G. Hautier et al., Inorg. Chem. 50, 656 (2011)); charges must balance again. Cell and atoms are relaxed in the
CHGNet potential. What was tried is recorded by what it was, so that a seed that comes later is tried, and nothing twice.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith import formulas, symmetry
from dosmith.atomic import write_text
from dosmith.crystals.plausible import ELEMENTS
from dosmith.crystals.potential import Potential, Relaxed
from dosmith.crystals.prototypes import crystal_id
from dosmith.crystals.relaxation import relax
from dosmith.dft.cp2k_kinds import FROZEN_4F, UCL
from dosmith.dft.engine import is_magnetic
from dosmith.dft.known import textbook
from dosmith.dft.plan import Entry, prototype_of, read_plan, write_plan
from dosmith.errors import FileFormatError, NotFoundError

if TYPE_CHECKING:
    from pymatgen.core.periodic_table import Species
    from pymatgen.core.structure import Structure

Progress = Callable[[str, int], None]
"""Called after each crystal that was tried: what became of it, and how many the plan has by now."""

ATOMS = 16
"""In the primitive cell of a seed, at most."""
REPLACEABLE = frozenset(ELEMENTS) | ((FROZEN_4F | UCL) - {"Eu", "Yb"})
"""Elements that may be put in: those that can be computed right. Eu and Yb are divalent in many crystals."""
LIKELY = 3e-3
"""Least probability of an ion in another's place."""
OTHERS = 10
"""Ions tried in the place of each, likeliest first."""
RELAXING_STEPS = 80
MOMENT = 0.3
"""Bohr magnetons, as CHGNet has them, from which a site begins with a moment."""
NAME = "substitution into a known structure, relaxed in CHGNet 0.3.0"


@dataclass(frozen=True, eq=False)
class Seed:
    """A known crystal with charges.

    Attributes:
        prototype: its name.
        structure: primitive.
        ions: the species of each element.
    """

    prototype: str
    structure: Structure
    ions: dict[str, Species]


@dataclass(frozen=True)
class Candidate:
    """A seed with other ions.

    Attributes:
        id: formula and prototype.
        seed: its number.
        ions: what stands in the place of each element of the seed.
        likelihood: logarithm of the product of the probabilities.
    """

    id: str
    seed: int
    ions: tuple[tuple[str, Species], ...]
    likelihood: float


def extend(
    path: str | Path,
    count: int,
    potential: Potential | None = None,
    progress: Progress | None = None,
    known: Iterable[str] = (),
    seeds: list[Seed] | None = None,
) -> list[Entry]:
    """Add crystals to a plan, saving it after each.

    Each time the likeliest candidate is taken, less for every crystal that its elements and its prototype have already, so that the
    plan grows broad.

    Args:
        path: of the plan (Parquet); the record of what was tried is `record_path(path)`.
        count: crystals to try at most.
        potential: CHGNet when None.
        progress: called after each.
        known: ids that are computed already elsewhere.
        seeds: `all_seeds()` when None.

    Raises:
        FileFormatError: the plan or its record is damaged.
        MissingExtraError: CHGNet is not installed.
    """
    path = Path(path)
    potential = potential or Potential()
    entries = {entry.id: entry for entry in read_plan(path)} if path.is_file() else {}
    tried = _tried(path)
    seeds = all_seeds() if seeds is None else seeds
    past = {*tried, *entries, *known}
    waiting = [candidate for candidate in candidates(seeds) if candidate.id not in past]
    used: Counter[str] = Counter()
    for entry in entries.values():
        used.update([entry.prototype, *set(entry.species)])
    for _ in range(count):
        if not waiting:
            break
        best = max(waiting, key=lambda candidate: _worth(candidate, seeds, used))
        waiting = [candidate for candidate in waiting if candidate.id != best.id]
        used.update([seeds[best.seed].prototype, *(ion.element.symbol for _, ion in best.ions)])
        found, outcome = relaxed(best, seeds[best.seed], potential)
        tried[best.id] = outcome
        if found is not None:
            entries.setdefault(found.id, found)
        write_plan(entries.values(), path)
        write_text(record_path(path), json.dumps(tried, indent=0, sort_keys=True) + "\n")
        if progress:
            progress(f"{best.id}: {outcome}", len(entries))
    return list(entries.values())


def record_path(path: str | Path) -> Path:
    """Where a plan says which substitutions were tried and what became of them."""
    path = Path(path)
    return path.with_name(f"{path.stem}-tried.json")


def all_seeds() -> list[Seed]:
    """The AFLOW prototypes and the textbook crystals that can be seeds, each prototype of each set of charges once."""
    found: dict[tuple[Any, ...], Seed] = {}
    for structure in itertools.chain((entry.structure for entry in textbook()), _aflow()):
        if not 2 <= len(structure) <= ATOMS:
            continue
        ions = charges(structure)
        if ions is None:
            continue
        prototype = prototype_of(structure)
        key = (prototype, *sorted(float(ion.oxi_state or 0) for ion in ions.values()))
        found.setdefault(key, Seed(prototype, structure.copy(site_properties={}), ions))
    return list(found.values())


def _aflow() -> Iterator[Structure]:
    """Primitive cells of pymatgen's AFLOW prototypes."""
    import pymatgen.analysis.prototypes as package
    from monty.json import MontyDecoder

    file = Path(package.__file__).with_name("aflow_prototypes.json.gz")
    with gzip.open(file, "rt", encoding="utf-8") as text:
        rows = json.load(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in rows:
            yield symmetry.primitive(MontyDecoder().process_decoded(row["snl"]).structure)


def charges(structure: Structure) -> dict[str, Species] | None:
    """The ion of each element; None where charges do not balance with whole numbers, one for each element."""
    from pymatgen.core.periodic_table import Species

    if len(structure.composition) < 2:
        return None
    guesses = structure.composition.oxi_state_guesses(max_sites=-1)
    if not guesses or not all(float(charge).is_integer() and charge for charge in guesses[0].values()):
        return None
    return {symbol: Species(symbol, int(charge)) for symbol, charge in guesses[0].items()}


def candidates(seeds: list[Seed], likely: float = LIKELY, others_tried: int = OTHERS) -> list[Candidate]:
    """All substitutions of all seeds with balanced charge, each crystal once, likeliest first.

    Args:
        seeds: known crystals.
        likely: least probability of an ion in another's place.
        others_tried: ions tried in the place of each.
    """
    from pymatgen.core.structure_prediction.substitution_probability import SubstitutionProbability

    probability = SubstitutionProbability()  # type: ignore[no-untyped-call]
    species = [ion for ion in probability.species if ion.element.symbol in REPLACEABLE]
    others: dict[Species, list[tuple[Species, float]]] = {}
    best: dict[str, Candidate] = {}
    for number, seed in enumerate(seeds):
        for ion in seed.ions.values():
            if ion not in others:
                found = [(other, _probability(probability, ion, other)) for other in species]
                chosen = sorted((pair for pair in found if pair[1] >= likely), key=lambda pair: -pair[1])[:others_tried]
                others[ion] = chosen if any(other == ion for other, _ in chosen) else [(ion, 1.0), *chosen]
        counts = {symbol: int(count) for symbol, count in seed.structure.composition.get_el_amt_dict().items()}
        symbols = list(seed.ions)
        for choice in itertools.product(*(others[seed.ions[symbol]] for symbol in symbols)):
            ions = [ion for ion, _ in choice]
            elements = [ion.element.symbol for ion in ions]
            if len(set(elements)) < len(elements) or not set(elements) <= REPLACEABLE:
                continue
            if sum(counts[symbol] * float(ion.oxi_state or 0) for symbol, ion in zip(symbols, ions, strict=True)):
                continue
            composition = formulas.reduce(zip(elements, (counts[symbol] for symbol in symbols), strict=True))
            identifier = crystal_id(composition, seed.prototype)
            likelihood = sum(math.log(share) for _, share in choice)
            if identifier not in best or likelihood > best[identifier].likelihood:
                best[identifier] = Candidate(identifier, number, tuple(zip(symbols, ions, strict=True)), likelihood)
    return sorted(best.values(), key=lambda candidate: (-candidate.likelihood, candidate.id))


def relaxed(candidate: Candidate, seed: Seed, potential: Potential) -> tuple[Entry | None, str]:
    """The crystal of a candidate at its lowest energy in the potential; None with the reason where it is not one that could be."""
    ions = dict(candidate.ions)
    structure = seed.structure.copy()
    structure.scale_lattice(structure.volume * _swelling(seed, ions))
    structure.replace_species({symbol: ion.element.symbol for symbol, ion in ions.items()})
    try:
        found = relax(structure, potential, steps=RELAXING_STEPS)
        crystal = Relaxed(found.structure, found.energy)
        if not potential.could_be(crystal):
            return None, "its volume or a distance is not that of a crystal"
        formation = potential.formation_energy(crystal)
        if formation > 0:
            return None, f"{formation:.2f} eV/atom above its elements"
        name = prototype_of(found.structure)
    except (NotFoundError, ValueError) as error:
        return None, str(error)
    if name != seed.prototype:
        return None, f"it becomes {name}"
    species = [site.specie.symbol for site in found.structure]
    moments = _moments(found.structure, potential)
    entry = Entry.of(found.structure.copy(site_properties={} if moments is None else {"magmom": moments}), name)
    facts = {"potential_energy": found.energy, "potential_formation_energy": formation, "volume_from": NAME}
    kept = Entry(entry.prototype, entry.species, entry.lattice, entry.frac_coords, moments=entry.moments, purpose="real", **facts)  # type: ignore[arg-type]
    return kept, f"{formation:.3f} eV/atom{', magnetic' if moments or is_magnetic(species) else ''}"


def _probability(probability: Any, first: Species, second: Species) -> float:
    return float(probability.cond_prob(second, first)) if first in probability.species else 0.0


def _worth(candidate: Candidate, seeds: list[Seed], used: Counter[str]) -> float:
    """The likelihood, less for what the plan has plenty of; magnets, which take ten times as long, come late."""
    symbols = [ion.element.symbol for _, ion in candidate.ions]
    crowd = math.log1p(used[seeds[candidate.seed].prototype]) + np.mean([math.log1p(used[symbol]) for symbol in symbols])
    return float(candidate.likelihood / len(symbols) - crowd - 4.0 * is_magnetic(symbols))


def _swelling(seed: Seed, ions: dict[str, Species]) -> float:
    """How much larger the cell becomes, by the radii of the ions weighted with their numbers."""
    counts = seed.structure.composition.get_el_amt_dict()
    before, after = (sum(counts[symbol] * _radius(of[symbol]) for symbol in counts) for of in (seed.ions, ions))
    return float((after / before) ** 3)


def _radius(ion: Species) -> float:
    """Angstrom: Shannon's for six neighbours, else the element's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(ion.ionic_radius or ion.element.atomic_radius or 1.0)


def _moments(structure: Structure, potential: Potential) -> list[float] | None:
    """Unpaired electrons at the start where the potential expects moments; None where it does not."""
    found = potential.view(structure).moments
    if found.max() < MOMENT:
        return None
    return [round(float(moment), 1) if moment >= MOMENT else 0.0 for moment in found]


def _tried(path: Path) -> dict[str, str]:
    record = record_path(path)
    if not record.is_file():
        return {}
    try:
        return {str(key): str(value) for key, value in json.loads(record.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError):
        raise FileFormatError(f"{record} is not the record of a plan; remove it to try everything again") from None
