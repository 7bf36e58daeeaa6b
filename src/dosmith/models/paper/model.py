"""The model of Bang et al. (2024) at work, run by ONNX Runtime.

checkpoint.json       format version, recipe, settings, elements, training formulas, accuracies, SHA-256 of the rest
weights.safetensors   element vectors, centroid DOS and the weights of every network
inverse-*.onnx        the inverse networks: one trained on all crystal systems, one for each common system
card.md               what it is, how it was made, how good it is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.comparison import Comparison
from dosmith.constraints import Constraints
from dosmith.errors import ModelError, OptionError
from dosmith.formulas import Composition
from dosmith.models.interface import ANY, COMPOSITIONS, CURVES, Model, Proposal, Summary
from dosmith.models.paper.composition_vectors import slot_costs
from dosmith.models.paper.element_vectors import ElementVectors
from dosmith.models.paper.kbest import k_best
from dosmith.models.store import open_session
from dosmith.ranking import SUPPLY
from dosmith.spectra.standard import Recipe

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_BATCH = 256
"""Vectors that a network sees at once: its layers need a hundred times their memory."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PaperModel(Model):
    """From a DOS to the vector of a composition, and so to the nearest compositions."""

    kind: ClassVar[str] = "paper"
    described: ClassVar[str] = "a network from a DOS to compositions"
    denial: ClassVar[str] = "does not name compositions for a DOS"
    keys: ClassVar[frozenset[str]] = frozenset(
        {
            "name",
            "dosmith_version",
            "library",
            "recipe",
            "settings",
            "networks",
            "elements",
            "max_ratio",
            "n_elements",
            "sha256",
        }
    )
    essentials: ClassVar[tuple[str, ...]] = ("recipe", "networks", "n_elements", "max_ratio")
    honours: ClassVar[frozenset[str]] = COMPOSITIONS | CURVES

    @property
    def n_elements(self) -> int:
        """Elements of the compositions it proposes."""
        return int(self.spec["n_elements"])

    @property
    def sizes(self) -> tuple[int, ...]:
        """See `Model.sizes`: one number."""
        return (self.n_elements,)

    @property
    def max_ratio(self) -> int:
        """Largest count of an element in them."""
        return int(self.spec["max_ratio"])

    @property
    def ratios(self) -> tuple[tuple[int, ...], ...]:
        """See `Model.ratios`."""
        falling = combinations_with_replacement(range(self.max_ratio, 0, -1), self.n_elements)
        return tuple(sorted(counts for counts in falling if gcd(*counts) == 1))

    @property
    def networks(self) -> tuple[str, ...]:
        """Crystal systems it has a network for, `ANY` first."""
        others = [name for name in self.spec["networks"] if name != ANY]
        return (ANY, *others) if self.spec["networks"][ANY] else ()

    @cached_property
    def recipe(self) -> Recipe:
        """See `Model.recipe`."""
        return Recipe.from_dict(self.spec["recipe"])

    @cached_property
    def element_vectors(self) -> ElementVectors:
        """The element vectors."""
        return ElementVectors(tuple(self.spec["elements"]), self.tensors["element_vectors"].astype(np.float64))

    @property
    def axis(self) -> FloatArray:
        """See `Model.axis`."""
        return self.recipe.grid.energies

    def part_for(self, crystal_system: str | None) -> str:
        """See `Model.part_for`: its networks are named by the crystal system that they were trained on."""
        return crystal_system or ANY

    def trained_on(self, part: str = ANY) -> frozenset[Composition]:
        """See `Model.trained_on`."""
        return self._training_sets[self._known(part)]

    @cached_property
    def _training_sets(self) -> dict[str, frozenset[Composition]]:
        return {name: frozenset(map(formulas.parse, facts["formulas"])) for name, facts in self.spec["networks"].items()}

    def composition_vectors(self, vectors: FloatArray, network: str = ANY) -> FloatArray:
        """Composition vectors of standard vectors: (M, points) or (points,) -> (M, n_elements * EV length)."""
        batch = np.atleast_2d(vectors).astype(np.float32)
        if batch.shape[1] != self.recipe.grid.points:
            raise ModelError(f"the model needs vectors of {self.recipe.grid.points} points, got {batch.shape[1]}")
        session = self._session(self._known(network))
        parts = [
            session.run(None, {"vectors": batch[first : first + _BATCH]})[0] for first in range(0, max(len(batch), 1), _BATCH)
        ]
        return np.asarray(np.concatenate(parts), dtype=np.float64)

    def costs(self, vector: FloatArray, network: str = ANY) -> FloatArray:
        """What the search needs for one standard vector (points,): squared distances, shape (slots, E, max_ratio)."""
        return slot_costs(self.composition_vectors(vector, network)[0], self.element_vectors, self.max_ratio)

    def _known(self, network: str) -> str:
        if network not in self.spec["networks"]:
            raise ModelError(
                f"the model '{self.name}' was not trained on {network} crystals; it knows {', '.join(self.networks)}"
            )
        return network

    def propose(
        self,
        target: FloatArray,
        top: int,
        constraints: Constraints | None = None,
        *,
        known: Mapping[Composition, float] | None = None,
        crystal_system: str | None = None,
        comparison: Comparison | None = None,
    ) -> list[Proposal]:
        """See `Model.propose`: the compositions of the nearest vectors. Similarities are left to the asker."""
        constraints = constraints or Constraints()
        unable = [str(each) for each in constraints.conditions if each.name not in SUPPLY]
        if unable:
            raise OptionError(
                f"the model '{self.name}' is {self.described} and cannot honour {' and '.join(unable)}; it can bound {', '.join(SUPPLY)}"
            )
        costs = self.costs(target, self.part_for(crystal_system))
        found = k_best(costs, self.element_vectors.symbols, top, constraints)
        return [Proposal(composition, distance=float(np.sqrt(max(cost, 0.0)))) for cost, composition in found]

    def remarks(self, proposals: Sequence[Proposal], part: str) -> list[str]:
        """See `Model.remarks`."""
        usual, first = self.spec["networks"][part]["distance_95"], proposals[0].distance if proposals else None
        if first is None or first <= usual:
            return []
        return [
            f"The target is unlike what the model was trained on: its first candidate is at distance {first:.2f}, against"
            f" at most {usual:.2f} for 95 % of the training spectra. Trust the known materials with this DOS more than the candidates."
        ]

    def parts(self) -> dict[str, Any]:
        """See `Model.parts`."""
        stated = ("spectra", "in_sample", "in_sample_varied")
        return {name: {key: facts[key] for key in stated} for name, facts in self.spec["networks"].items()}

    def summary(self) -> Summary:
        """See `Model.summary`."""
        from dosmith.models.paper.card import COLUMNS, accuracy_rows

        library, rows = self.spec["library"], tuple(tuple(map(str, row)) for row in accuracy_rows(self.spec))
        return Summary(
            f"({self.kind}): trained on {library['name']} ({library['count']:,} spectra), {len(self.elements)} elements,"
            f" {self.n_elements}-element compositions with counts up to {self.max_ratio}",
            "Composition accuracy, in-sample: share of training spectra whose own composition is found (95 % interval)",
            COLUMNS,
            rows,
            (tuple(name.replace(",", "").replace(" ", "_") for name in COLUMNS), *rows),
        )

    def as_dict(self) -> dict[str, Any]:
        """See `Model.as_dict`: without the formulas that it was trained on."""
        return self.facts()

    def _session(self, network: str) -> InferenceSession:
        if network not in self._sessions:
            self._sessions[network] = open_session(self.folder, self.spec["networks"][network]["file"], self.spec)
        return self._sessions[network]

    @cached_property
    def _sessions(self) -> dict[str, InferenceSession]:
        return {}
