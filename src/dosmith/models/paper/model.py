"""A trained model on disk and at work: one folder, run by ONNX Runtime, opened without executing anything in it.

checkpoint.json       format version, recipe, settings, elements, training formulas, accuracies, SHA-256 of the rest
weights.safetensors   element vectors, centroid DOS and the weights of every network
inverse-*.onnx        the inverse networks: one trained on all crystal systems, one for each common system
card.md               what it is, how it was made, how good it is
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import ModelError
from dosmith.formulas import Composition
from dosmith.models.paper.composition_vectors import slot_costs
from dosmith.models.paper.element_vectors import ElementVectors
from dosmith.models.store import SPEC, find_checkpoint, read_checked, read_spec, read_tensors
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_KEYS = {
    "name",
    "kind",
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
ANY = "any"
"""The network trained on all crystal systems together."""
_BATCH = 256
"""Vectors that a network sees at once: its layers need a hundred times their memory."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An opened checkpoint; weights are read on first use.

    Attributes:
        folder: where it lies.
        spec: the contents of checkpoint.json.
    """

    folder: Path
    spec: Mapping[str, Any]

    @classmethod
    def open(cls, name: str | Path) -> Checkpoint:
        """The checkpoint in a folder, or the shipped one of that name.

        Raises:
            NotFoundError: there is none.
            ModelError: it is damaged, or was written by a newer dosmith.
        """
        folder = find_checkpoint(name)
        spec = read_spec(folder)
        if spec.get("kind") == "forward":
            raise ModelError(
                f"the model in {folder} predicts the DOS of crystals (dosmith predict); design needs one like 'paper'"
            )
        missing = _KEYS - set(spec)
        if missing or ANY not in spec["networks"]:
            raise ModelError(f"the model in {folder} is damaged: {SPEC} lacks {', '.join(sorted(missing)) or ANY}")
        checkpoint = cls(folder, spec)
        try:
            _ = checkpoint.recipe
        except (KeyError, TypeError, AttributeError):
            raise ModelError(f"the model in {folder} is damaged: the recipe in {SPEC} is incomplete") from None
        return checkpoint

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.spec["name"])

    @property
    def n_elements(self) -> int:
        """Elements of the compositions it proposes."""
        return int(self.spec["n_elements"])

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many elements its compositions have: one number."""
        return (self.n_elements,)

    @property
    def max_ratio(self) -> int:
        """Largest count of an element in them."""
        return int(self.spec["max_ratio"])

    @property
    def networks(self) -> tuple[str, ...]:
        """Crystal systems it has a network for, `ANY` first."""
        return tuple(self.spec["networks"])

    @cached_property
    def recipe(self) -> Recipe:
        """How spectra are standardised for it."""
        recipe = self.spec["recipe"]
        return Recipe(EnergyGrid.from_key(recipe["grid"]), recipe["broadening"], recipe["zero"], recipe["min_coverage"])

    @cached_property
    def element_vectors(self) -> ElementVectors:
        """The element vectors."""
        return ElementVectors(tuple(self.spec["elements"]), self.tensors["element_vectors"].astype(np.float64))

    @cached_property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """All arrays of the weights file by name."""
        return read_tensors(self.folder, self.spec)

    def trained_on(self, network: str = ANY) -> frozenset[Composition]:
        """The compositions whose spectra the network saw."""
        return self._training_sets[self._known(network)]

    @cached_property
    def _training_sets(self) -> dict[str, frozenset[Composition]]:
        return {name: frozenset(map(formulas.parse, facts["formulas"])) for name, facts in self.spec["networks"].items()}

    def predict(self, vectors: FloatArray, network: str = ANY) -> FloatArray:
        """Composition vectors of standard vectors: (M, levels) or (levels,) -> (M, n_elements * EV length)."""
        batch = np.atleast_2d(vectors).astype(np.float32)
        if batch.shape[1] != self.recipe.grid.levels:
            raise ModelError(f"the model needs vectors of {self.recipe.grid.levels} levels, got {batch.shape[1]}")
        session = self._session(self._known(network))
        parts = [
            session.run(None, {"vectors": batch[first : first + _BATCH]})[0] for first in range(0, max(len(batch), 1), _BATCH)
        ]
        return np.asarray(np.concatenate(parts), dtype=np.float64)

    def costs(self, vector: FloatArray, network: str = ANY) -> FloatArray:
        """What the search needs for one standard vector (levels,): squared distances, shape (slots, E, max_ratio)."""
        return slot_costs(self.predict(vector, network)[0], self.element_vectors, self.max_ratio)

    def _known(self, network: str) -> str:
        if network not in self.spec["networks"]:
            raise ModelError(
                f"the model '{self.name}' was not trained on {network} crystals; it knows {', '.join(self.networks)}"
            )
        return network

    def _session(self, network: str) -> InferenceSession:
        if network not in self._sessions:
            import onnxruntime

            onnxruntime.set_default_logger_severity(3)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1  # networks this small gain nothing from more, and starting threads takes time
            try:
                self._sessions[network] = onnxruntime.InferenceSession(
                    read_checked(self.folder, self.spec["networks"][network]["file"], self.spec),
                    options,
                    providers=["CPUExecutionProvider"],
                )
            except Exception as error:  # ONNX Runtime raises classes of its own for bad files
                raise ModelError(f"the model in {self.folder} is damaged: {str(error).splitlines()[0]}") from None
        return self._sessions[network]

    @cached_property
    def _sessions(self) -> dict[str, InferenceSession]:
        return {}
