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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith import symmetry
from dosmith.atomic import write_text
from dosmith.crystals.ions import Candidate, Seed, candidates, charges
from dosmith.crystals.plausible import ELEMENTS
from dosmith.crystals.potential import Potential, Relaxed
from dosmith.crystals.relaxation import relax
from dosmith.dft.cp2k_kinds import FROZEN_4F, UCL
from dosmith.dft.engine import is_magnetic
from dosmith.dft.known import textbook
from dosmith.dft.order import cost
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
RELAXING_STEPS = 40
MOMENT = 0.3
"""Bohr magnetons, as CHGNet has them, from which a site begins with a moment."""
NAME = "substitution into a known structure, relaxed in CHGNet 0.3.0"


def extend(
    path: str | Path,
    count: int,
    potential: Potential | None = None,
    progress: Progress | None = None,
    known: Iterable[str] = (),
    seeds: list[Seed] | None = None,
) -> list[Entry]:
    """Add crystals to a plan, saving it after each.

    Each time the likeliest candidate for its computing time is taken, less for every crystal that its elements and its prototype have
    already, so that the plan grows broad.

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
    waiting = [candidate for candidate in candidates(seeds, REPLACEABLE) if candidate.id not in past]
    used: Counter[str] = Counter()
    for entry in entries.values():
        used.update([entry.prototype, *set(entry.species)])
    times = {each.id: cost(_unrelaxed(each, seeds[each.seed])) for each in waiting}
    for _ in range(count):
        if not waiting:
            break
        best = max(waiting, key=lambda candidate: _worth(candidate, seeds, used) - math.log(times[candidate.id]))
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


def relaxed(candidate: Candidate, seed: Seed, potential: Potential) -> tuple[Entry | None, str]:
    """The crystal of a candidate at its lowest energy in the potential; None with the reason where it is not one that could be."""
    try:
        found = relax(_unrelaxed(candidate, seed).structure, potential, steps=RELAXING_STEPS)
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


def _unrelaxed(candidate: Candidate, seed: Seed) -> Entry:
    ions = dict(candidate.ions)
    structure = seed.structure.copy()
    structure.scale_lattice(structure.volume * _swelling(seed, ions))
    structure.replace_species({symbol: ion.element.symbol for symbol, ion in ions.items()})
    return Entry.of(structure, seed.prototype)


def _worth(candidate: Candidate, seeds: list[Seed], used: Counter[str]) -> float:
    """The likelihood, less for what the plan has plenty of."""
    symbols = [ion.element.symbol for _, ion in candidate.ions]
    crowd = math.log1p(used[seeds[candidate.seed].prototype]) + np.mean([math.log1p(used[symbol]) for symbol in symbols])
    return float(candidate.likelihood / len(symbols) - crowd)


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
    except (ValueError, AttributeError, RecursionError):
        raise FileFormatError(f"{record} is not the record of a plan; remove it to try everything again") from None
