"""Members of a model whose training is not at its end: kept beside its folder, so that a training that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith.atomic import replacing
from dosmith.models.tight_binding.checkpoint import member_of, tensors_of
from dosmith.models.tight_binding.ensemble import Member
from dosmith.settings import ForwardSettings
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]
_MARK, _TRACE = "training", "vectors"
_ALIKE = 1e-6
"""Vectors that differ by less are the same: how many threads add up changes their last digits."""


class Unfinished:
    """Members that are there already.

    Args:
        model: folder of the model; what is kept lies beside it.
        ids: of the crystals.
        vectors: their standard vectors, shape (M, points). Members that were trained on other data or otherwise do not count.
        elements: how many the model knows.
        recipe: of the vectors.
        settings: of the training.
    """

    def __init__(
        self, model: Path, ids: Sequence[str], vectors: FloatArray, elements: int, recipe: Recipe, settings: ForwardSettings
    ) -> None:
        self.folder = model.with_name(f".{model.name}-unfinished")
        self._shape = elements, recipe.grid.points, settings
        facts = json.dumps([settings.model_dump(), recipe.grid.key, list(ids)])
        self._mark, self._trace = hashlib.sha256(facts.encode()).hexdigest(), _trace(vectors)

    def load(self, number: int) -> Member | None:
        """A member that was kept; None when there is none of this training."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._file(number), framework="numpy") as file:
                known = file.metadata() or {}
                if known.get(_MARK) != self._mark or not np.isclose(float(known[_TRACE]), self._trace, rtol=_ALIKE):
                    return None
                return member_of({key: file.get_tensor(key) for key in file.keys()}, *self._shape)  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, RuntimeError, ValueError):
            return None

    def store(self, number: int, member: Member) -> None:
        """Keep a member; it is on disk when this returns."""
        from safetensors.numpy import save

        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: np.ascontiguousarray(value) for key, value in tensors_of(member).items()}
        with replacing(self._file(number)) as file:
            file.write(save(tensors, {_MARK: self._mark, _TRACE: repr(self._trace)}))

    def clear(self) -> None:
        """Nothing needs to be kept any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"member-{number}.safetensors"


def _trace(vectors: FloatArray) -> float:
    """One number that tells vectors from others, whatever their last digits."""
    generator = np.random.default_rng(0)
    return float(generator.uniform(1, 2, len(vectors)) @ vectors @ generator.uniform(1, 2, vectors.shape[1]))
