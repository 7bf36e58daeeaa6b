"""The one call that everything else serves: a target DOS in, ranked candidates out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.constraints import Constraints
from dosmith.designs import Design, Model, Neighbour, caveats
from dosmith.errors import ConstraintError, ModelError
from dosmith.formulas import Composition
from dosmith.library import Library, ParquetLibrary
from dosmith.models.paper.kbest import k_best
from dosmith.models.paper.model import ANY, Checkpoint
from dosmith.models.store import find_checkpoint, read_spec
from dosmith.models.tight_binding.model import ForwardSearch, Proposal
from dosmith.records import Candidate
from dosmith.settings import Settings, load_settings
from dosmith.shipped import shipped_folder
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import similarity
from dosmith.spectra.standard import standardise_library
from dosmith.targets import Target, TargetLike, resolve_target

FloatArray = NDArray[np.float64]

CRYSTAL_SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")


class Designer:
    """A library and a model, held ready for many targets.

    Args:
        library: where known DOS come from; the open DOS set when None.
        model: a checkpoint, its folder, or the name of a shipped one; `settings.design.model` when None.
        settings: from file and environment when None.
    """

    def __init__(
        self, library: Library | None = None, model: Model | str | None = None, settings: Settings | None = None
    ) -> None:
        self.settings = settings or load_settings()
        self.library = open_dos_set() if library is None else library
        self.checkpoint = open_model(model or self.settings.design.model) if isinstance(model, str | None) else model

    @cached_property
    def standard(self) -> tuple[NDArray[np.intp], FloatArray]:
        """Rows of the library, shape (M,), and their standard vectors, 1/eV, shape (M, levels)."""
        return standardise_library(self.library, self.checkpoint.recipe)

    @cached_property
    def _squares(self) -> FloatArray:
        """Sum of squares of each standard vector, shape (M,)."""
        vectors = self.standard[1]
        return np.asarray(np.einsum("ij,ij->i", vectors, vectors))

    @cached_property
    def _places(self) -> dict[int, int]:
        """Row of the library -> place among the standard vectors."""
        return {int(row): place for place, row in enumerate(self.standard[0])}

    def target(
        self,
        target: TargetLike | Target,
        *,
        crystal_system: str | None = None,
        fermi: float | None = None,
        electrons: float | None = None,
        broadening: float | None = None,
    ) -> Target:
        """The target that someone means; see `resolve_target`."""
        if isinstance(target, Target):
            return target
        return resolve_target(
            target,
            self.library,
            self.checkpoint.recipe,
            crystal_system=_known_system(crystal_system),
            fermi=fermi,
            electrons=electrons,
            broadening=broadening,
            files=self.settings.files,
        )

    def design(
        self,
        target: TargetLike | Target,
        *,
        top: int | None = None,
        crystal_system: str | None = None,
        elements: str | Iterable[str] | None = None,
        require: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        n_elements: int | None = None,
        ratio: str | tuple[int, ...] | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        metric: str | None = None,
        fermi: float | None = None,
        broadening: float | None = None,
    ) -> Design:
        """Ranked compositions whose DOS should be like the target's.

        Args:
            target: formula, id, file, Spectrum, Material, pymatgen Dos, or (energies, densities).
            top: how many candidates.
            crystal_system: of the candidates: selects the network trained on it and the known DOS that count.
            elements: only these may take part.
            require: each of these must take part.
            exclude: none of these may.
            n_elements: how many elements a candidate has.
            ratio: its counts in any order, as in "3:1".
            window: energies that count in the similarity, "LOWER:UPPER" in eV. The model sees the whole curve.
            weights: of each level in the similarity, shape (levels,).
            metric: cosine, tanimoto or wasserstein.
            fermi: Fermi level on the curve's own axis, eV, when the stated one is wrong or missing.
            broadening: Gaussian sigma the curve already carries, eV.

        Returns:
            the answer.

        Raises:
            DosmithError: something given cannot be used; the message is one line and says what to do.
        """
        crystal_system = _known_system(crystal_system)
        network = crystal_system or ANY
        constraints = Constraints.of(elements=elements, require=require, exclude=exclude, n_elements=n_elements, ratio=ratio)
        found = self.target(target, crystal_system=crystal_system, fermi=fermi, broadening=broadening)
        top = _whole(self.settings.design.top if top is None else top)
        metric = metric or self.settings.design.metric
        window = _window(window)
        scores = self._scores(found, metric, window, weights)
        proposals: dict[Composition, Proposal] = {}
        costs: list[float | None]
        if isinstance(self.checkpoint, ForwardSearch):
            network = ANY
            plain = metric == "cosine" and window is None and weights is None
            proposals = {
                proposal.composition: proposal
                for proposal in self.checkpoint.propose(
                    found.standard.values,
                    self._known(scores, crystal_system),
                    top,
                    constraints,
                    crystal_system,
                    None if plain else lambda vectors: self._alike(found, vectors, metric, window, weights),
                )
            }
            compositions, costs = list(proposals), [None] * len(proposals)
        else:
            best = k_best(
                self.checkpoint.costs(found.standard.values, network), self.checkpoint.element_vectors.symbols, top, constraints
            )
            compositions, costs = [composition for _, composition in best], [cost for cost, _ in best]
        candidates = tuple(
            self._candidate(rank, cost, composition, scores, metric, crystal_system, network, proposals.get(composition))
            for rank, (cost, composition) in enumerate(zip(costs, compositions, strict=True), 1)
        )
        similar = self._neighbours(found, scores, metric, 5, crystal_system)
        ids = {c.structure_id for c in candidates if c.structure_id} | {n.id for n in similar}
        return Design(
            target=found,
            candidates=candidates,
            similar=similar,
            settings=constraints.as_dict()
            | {
                "top": top,
                "crystal_system": crystal_system,
                "window": None if window is None else [window.lower, window.upper],
                "metric": metric,
                "grid": self.checkpoint.recipe.grid.key,
                "broadening_ev": self.checkpoint.recipe.broadening,
                "zero": self.checkpoint.recipe.zero,
            },
            model=model_facts(self.checkpoint) | {"network": network},
            caveats=caveats(found, self.checkpoint, network, candidates, similar, self.library),
            energies=self.checkpoint.recipe.grid.energies,
            curves={identifier: self._curve(identifier) for identifier in sorted(ids)},
            library=self.library,
            predicted={
                formulas.write(composition): proposal
                for composition, proposal in proposals.items()
                if proposal.crystal is not None
            },
        )

    def similar(
        self,
        target: TargetLike | Target,
        *,
        top: int = 10,
        crystal_system: str | None = None,
        window: Window | str | tuple[float, float] | None = None,
        weights: FloatArray | None = None,
        metric: str | None = None,
        fermi: float | None = None,
        broadening: float | None = None,
    ) -> tuple[Neighbour, ...]:
        """The known materials with the most similar DOS, best first. Arguments and errors as in `design`."""
        crystal_system = _known_system(crystal_system)
        found = self.target(target, crystal_system=crystal_system, fermi=fermi, broadening=broadening)
        metric = metric or self.settings.design.metric
        scores = self._scores(found, metric, _window(window), weights)
        return self._neighbours(found, scores, metric, _whole(top), crystal_system)

    def _scores(self, target: Target, metric: str, window: Window | None, weights: FloatArray | None) -> FloatArray:
        return self._alike(target, self.standard[1], metric, window, weights, self._squares)

    def _alike(
        self,
        target: Target,
        vectors: FloatArray,
        metric: str,
        window: Window | None,
        weights: FloatArray | None,
        squares: FloatArray | None = None,
    ) -> FloatArray:
        grid = self.checkpoint.recipe.grid
        return similarity(target.standard.values, vectors, metric, grid=grid, window=window, weights=weights, squares=squares)

    def _known(self, scores: FloatArray, crystal_system: str | None) -> dict[Composition, float]:
        """Similarity of each composition's best known spectrum of the crystal system."""
        best: dict[Composition, float] = {}
        for row, score in zip(self.standard[0].tolist(), scores.tolist(), strict=True):
            composition = self.library.compositions[row]
            if crystal_system in (None, self.library.crystal_systems[row]) and score > best.get(composition, -np.inf):
                best[composition] = score
        return best

    def _curve(self, identifier: str) -> FloatArray:
        return np.asarray(self.standard[1][self._places[self.library.row_of(identifier)]])

    def _candidate(
        self,
        rank: int,
        cost: float | None,
        composition: Composition,
        scores: FloatArray,
        metric: str,
        crystal_system: str | None,
        network: str,
        proposal: Proposal | None,
    ) -> Candidate:
        rows = [row for row in self.library.rows_of(composition, crystal_system) if row in self._places]
        rows.sort(key=lambda row: -scores[self._places[row]])
        in_training = composition in self.checkpoint.trained_on(network)
        if not rows and proposal is not None and proposal.crystal is not None:
            return Candidate(
                rank=rank,
                composition=composition,
                distance=None,
                in_training=in_training,
                known_dos=False,
                similarity=proposal.similarity,
                similarity_kind="predicted",
                metric=metric,
                prototype=proposal.crystal.prototype,
                crystal_system=proposal.crystal.crystal_system,
                probability=proposal.probability,
                formation_energy=proposal.crystal.formation_energy,
            )
        return Candidate(
            rank=rank,
            composition=composition,
            distance=None if cost is None else float(np.sqrt(max(cost, 0.0))),
            in_training=in_training,
            known_dos=bool(rows),
            similarity=float(scores[self._places[rows[0]]]) if rows else None,
            similarity_kind="computed" if rows else None,
            metric=metric,
            structure_id=self.library.ids[rows[0]] if rows else None,
            structure_ids=tuple(self.library.ids[row] for row in rows),
            prototype=self.library.prototypes[rows[0]] if rows else None,
            crystal_system=self.library.crystal_systems[rows[0]] if rows else None,
        )

    def _neighbours(
        self, target: Target, scores: FloatArray, metric: str, top: int, crystal_system: str | None = None
    ) -> tuple[Neighbour, ...]:
        library, rows = self.library, self.standard[0]
        order = [int(place) for place in np.argsort(-scores, kind="stable")]
        if crystal_system is not None:
            order = [place for place in order if library.crystal_systems[rows[place]] == crystal_system]
        return tuple(
            Neighbour(
                rank,
                library.ids[rows[place]],
                library.formulas[rows[place]],
                float(scores[place]),
                metric,
                library.prototypes[rows[place]],
                library.crystal_systems[rows[place]],
                library.ids[rows[place]] == target.material_id,
            )
            for rank, place in enumerate(order[:top], 1)
        )


def open_dos_set() -> ParquetLibrary:
    """The open DOS set that comes with dosmith."""
    return ParquetLibrary(shipped_folder("open-dos"))


@lru_cache(maxsize=1)
def default_designer() -> Designer:
    """The open DOS set and the model of the settings, opened once."""
    return Designer()


def design(target: TargetLike, *, model: Model | str | None = None, library: Library | None = None, **options: Any) -> Design:
    """Ranked compositions whose DOS should be like the target's; options as in `Designer.design`.

    Examples:
        >>> design("Pt3Ni", top=3, exclude=["Rh"])  # doctest: +SKIP

    Raises:
        DosmithError: something given cannot be used; the message is one line and says what to do.
    """
    return _designer(model, library).design(target, **options)


def similar(
    target: TargetLike, *, model: Model | str | None = None, library: Library | None = None, **options: Any
) -> tuple[Neighbour, ...]:
    """The known materials with the most similar DOS; options as in `Designer.similar`."""
    return _designer(model, library).similar(target, **options)


def _designer(model: Model | str | None, library: Library | None) -> Designer:
    return default_designer() if model is None and library is None else Designer(library, model)


def open_model(name: str) -> Model:
    """The model in a folder, or the shipped one of that name, whatever its kind.

    Raises:
        NotFoundError: there is none.
        ModelError: it is damaged, or cannot propose compositions.
    """
    kind = read_spec(find_checkpoint(name)).get("kind")
    return ForwardSearch.open(name) if kind == "forward" else Checkpoint.open(name)


def model_facts(checkpoint: Model) -> dict[str, Any]:
    """What tells a model apart, as plain values."""
    spec = checkpoint.spec
    if isinstance(checkpoint, ForwardSearch):
        networks = {ANY: {"spectra": spec["library"]["count"], "held_out": spec["calibration"]}}
    else:
        networks = {
            name: {key: facts[key] for key in ("spectra", "in_sample", "in_sample_varied")}
            for name, facts in spec["networks"].items()
        }
    return {
        "name": checkpoint.name,
        "kind": spec["kind"],
        "dosmith_version": spec["dosmith_version"],
        "trained_on": spec["library"],
        "networks": networks,
        "elements": list(spec["elements"]),
        "n_elements": max(checkpoint.sizes),
        "sizes": list(checkpoint.sizes),
        "max_ratio": checkpoint.max_ratio,
    }


def _known_system(crystal_system: str | None) -> str | None:
    if crystal_system is None:
        return None
    system = str(crystal_system).lower()
    if system not in CRYSTAL_SYSTEMS:
        raise ModelError(f"'{crystal_system}' is not a crystal system; they are {', '.join(CRYSTAL_SYSTEMS)}")
    return system


def _window(window: Window | str | tuple[float, float] | None) -> Window | None:
    if window is None or isinstance(window, Window):
        return window
    return Window.parse(window if isinstance(window, str) else ":".join(str(energy) for energy in window))


def _whole(top: int) -> int:
    if not isinstance(top, int) or top < 1:
        raise ConstraintError(f"top is {top!r}; ask for a whole number of candidates, one or more")
    return top
