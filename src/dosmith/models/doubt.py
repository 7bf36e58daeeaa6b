"""Probabilities are learned from curves like the training spectra. Of another curve they promise too much, and this takes it back.

Two ways of being another are told from the curve alone: it is broader than the model's spectra, so that details by which materials differ are
gone; or it does not lie near the space that expected spectra span, as no density of states computed like those does. What cannot be told, such
as a metal's curve with a wrong Fermi level, is not taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import ModelError
from dosmith.spectra.blur import recognised_broadening
from dosmith.spectra.similarity import unit
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

FILE = "doubt.safetensors"
"""Name of the file in the folder of a model."""
COMPONENTS = 40
"""Of the space that expected spectra span."""
_USUAL = 0.99
"""Share of held-out spectra that is not doubted, in either way."""
_TOLD = 0.1
"""eV, or a tenth of the usual distance: less excess is not remarked on."""


@dataclass(frozen=True, eq=False)
class Doubt:
    """What makes a curve one of another kind, and what that costs.

    Attributes:
        mean: of expected spectra of norm 1, shape (points,).
        components: orthonormal directions in which they differ, shape (K, points).
        broadest: broadening up to which a curve is usual, eV.
        farthest: distance to the space up to which it is usual, of norm 1.
        blur: change of the logit of a probability for each eV of excess broadening, and the change of its slope.
        distance: the same for each unit of the logarithm of the distance over the farthest.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    broadest: float
    farthest: float
    blur: tuple[float, float] = (0.0, 0.0)
    distance: tuple[float, float] = (0.0, 0.0)

    def excess(self, target: FloatArray, recipe: Recipe) -> tuple[float, float]:
        """How much broader a whole curve is than usual, eV, and the logarithm of how much farther; 0 for a usual one."""
        return self._excess(np.asarray(target, dtype=np.float64).tobytes(), recipe)

    @cached_property
    def _excess(self) -> Callable[[bytes, Recipe], tuple[float, float]]:
        """The same of a curve as bytes; an answer asks for it more than once."""
        return lru_cache(maxsize=8)(self._excess_of)

    def _excess_of(self, content: bytes, recipe: Recipe) -> tuple[float, float]:
        target = np.frombuffer(content)
        broad = recognised_broadening(recipe.grid.energies, target)
        away = unit(target) - self.mean
        away = away - (away @ self.components.T) @ self.components
        far = float(np.log(max(float(np.linalg.norm(away)), 1e-12) / self.farthest))
        return max(broad - self.broadest, 0.0), max(far, 0.0)

    def widened(self, probabilities: FloatArray, excess: tuple[float, float]) -> FloatArray:
        """Probabilities as they are for such a curve, shape as given."""
        if excess == (0.0, 0.0):
            return probabilities
        clipped = np.clip(probabilities, 1e-9, 1 - 1e-7)  # single precision tells the latter from 1
        logit = np.log(clipped / (1 - clipped))
        change = sum(
            each * (shift + slope * logit) for each, (shift, slope) in zip(excess, (self.blur, self.distance), strict=True)
        )
        return np.asarray(1 / (1 + np.exp(-(logit + change))))

    def remarks(self, excess: tuple[float, float]) -> list[str]:
        """What to say of a curve, a sentence each."""
        found = []
        if excess[0] > _TOLD:
            found.append(
                f"The curve looks broadened by about {excess[0] + self.broadest:.1f} eV, more than the model's spectra: materials that differ"
                " in details cannot be told apart by it; probabilities allow for that."
            )
        if excess[1] > _TOLD:
            found.append(
                "The curve is unlike the spectra that the model was trained on, by noise perhaps; probabilities allow for that."
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """What stands in checkpoint.json."""
        return {
            "broadest": self.broadest,
            "farthest": self.farthest,
            "blur": list(self.blur),
            "distance": list(self.distance),
        }

    def as_bytes(self) -> bytes:
        """The contents of `FILE`."""
        from safetensors.numpy import save

        return save({"mean": np.ascontiguousarray(self.mean), "components": np.ascontiguousarray(self.components)})

    @classmethod
    def read(cls, content: bytes, facts: dict[str, Any], points: int) -> Doubt:
        """What `as_bytes` and `as_dict` wrote.

        Raises:
            ModelError: it is not.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(content)
            if tensors["mean"].shape != (points,) or tensors["components"].shape[1:] != (points,):
                raise ValueError("it is of another grid")
            blur, distance = ((float(first), float(second)) for first, second in (facts["blur"], facts["distance"]))
            return cls(tensors["mean"], tensors["components"], float(facts["broadest"]), float(facts["farthest"]), blur, distance)
        except (SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
            raise ModelError(f"what the model knows of curves unlike its own is damaged ({error})") from None


def usual(expected: NDArray[np.floating[Any]], vectors: FloatArray, recipe: Recipe) -> Doubt:
    """What is usual, without what it costs not to be.

    Args:
        expected: spectra that the model expects of many crystals, shape (C, points).
        vectors: computed standard vectors, shape (M, points).
        recipe: of both.
    """
    shapes = unit(np.asarray(expected, dtype=np.float64))
    mean = shapes.mean(axis=0)
    values, directions = np.linalg.eigh((shapes - mean).T @ (shapes - mean))
    components = directions[:, np.argsort(-values)[:COMPONENTS]].T
    away = unit(vectors) - mean
    far = np.linalg.norm(away - (away @ components.T) @ components, axis=1)
    broad = [recognised_broadening(recipe.grid.energies, each) for each in vectors]
    return Doubt(
        mean.astype(np.float32),
        components.astype(np.float32),
        round(float(np.quantile(broad, _USUAL)), 4),
        round(float(np.quantile(far, _USUAL)), 4),
    )


def learned_cost(probabilities: Sequence[FloatArray], matches: Sequence[FloatArray], excess: FloatArray) -> tuple[float, float]:
    """The change of logit and slope for each unit of an excess, from what was promised of disturbed curves and what came true.

    Args:
        probabilities: of the best candidates of each curve.
        matches: whether they matched, 0 or 1.
        excess: of each curve, shape (T,).
    """
    from scipy.optimize import minimize

    chance = np.clip(np.concatenate(probabilities), 1e-9, 1 - 1e-9)
    happened, weight = np.concatenate(matches), np.repeat(excess, [len(each) for each in probabilities])
    logit = np.log(chance / (1 - chance))

    def loss(coefficients: FloatArray) -> float:
        changed = logit + weight * (coefficients[0] + coefficients[1] * logit)
        return float((np.logaddexp(0, changed) - happened * changed).mean() + 1e-4 * (coefficients**2).sum())

    found = minimize(loss, np.zeros(2), method="BFGS").x
    return round(float(found[0]), 4), round(float(found[1]), 4)
