"""Expected spectra as short codes: their coordinates in an orthonormal basis, rounded to whole steps.

The basis holds the principal components of spectra that a model expects, with a little of what any curve of the recipe's broadening may
be, so that what is unlike all of them is kept as well. Similarities to a target are inner products of codes with the target's own
coordinates: nothing is decoded to search.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import LibraryError
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int16]

SIZE = 64
"""Coordinates that are kept."""
STEPS = 2048
"""Steps of a coordinate of 1."""
LARGEST_ERROR = 0.002
"""Of the cosine between a spectrum and what its code keeps of it."""
_ANYTHING = 1e-3
"""Share of any curve of the recipe's broadening in what the basis is made for."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What codes are coordinates in.

    Attributes:
        vectors: orthonormal rows, those that matter most first, shape (size, points).
        recipe: of the spectra.
    """

    vectors: FloatArray
    recipe: Recipe

    @classmethod
    def of(cls, spectra: NDArray[np.floating[Any]], recipe: Recipe, size: int = SIZE) -> Basis:
        """The basis that keeps most of some spectra, shape (N, points), none to go by the broadening alone."""
        energies = recipe.grid.energies
        anything = np.exp(-((energies[:, None] - energies) ** 2) / (4 * recipe.broadening**2))
        seen = np.zeros_like(anything)
        for start in range(0, len(spectra), 8192):  # in parts: no copy of all of them
            part = np.asarray(spectra[start : start + 8192], dtype=np.float64)
            seen += part.T @ part
        weight = _ANYTHING if len(spectra) else 1.0
        whole = seen / max(float(np.trace(seen)), 1e-30) + weight * anything / np.trace(anything)
        _, vectors = np.linalg.eigh(whole)
        chosen = vectors[:, ::-1][:, : min(size, len(energies))].T
        turned = np.where(chosen.sum(axis=1, keepdims=True) < 0, -chosen, chosen)
        return cls(np.ascontiguousarray(turned.astype(np.float32).astype(np.float64)), recipe)

    @property
    def size(self) -> int:
        """How many numbers a code has."""
        return len(self.vectors)

    @cached_property
    def digest(self) -> str:
        """Tells one basis from another."""
        return hashlib.sha256(self.vectors.astype(np.float32).tobytes()).hexdigest()[:16]

    def encode(self, spectra: NDArray[np.floating[Any]]) -> Codes:
        """Codes of spectra of norm 1 or less, shape (N, points) -> (N, size)."""
        found = np.rint(np.asarray(spectra, dtype=np.float64) @ self.vectors.T * STEPS)
        return np.asarray(np.clip(found, -32768, 32767), dtype=np.int16)

    def decode(self, codes: Codes) -> FloatArray:
        """What codes keep of spectra, shape (N, size) -> (N, points); never below zero."""
        return np.maximum(codes.astype(np.float64) / STEPS @ self.vectors, 0.0)

    def coordinates(self, target: FloatArray) -> FloatArray:
        """A target's coordinates: their inner product with a code's is the similarity, shape (points,) -> (size,)."""
        return np.asarray(self.vectors @ (target / np.linalg.norm(target)))

    def errors(self, spectra: NDArray[np.floating[Any]], codes: Codes) -> FloatArray:
        """1 less the cosine between spectra and what their codes keep, shape (N,)."""
        kept, given = self.decode(codes), np.asarray(spectra, dtype=np.float64)
        sizes = np.linalg.norm(kept, axis=1) * np.linalg.norm(given, axis=1)
        return np.asarray(1.0 - (kept * given).sum(axis=1) / np.where(sizes > 0, sizes, 1.0))

    def as_bytes(self) -> bytes:
        """The contents of a file that holds it."""
        from safetensors.numpy import save

        return save({"vectors": self.vectors.astype(np.float32)})

    @classmethod
    def read(cls, content: bytes, recipe: Recipe) -> Basis:
        """The basis in a file's contents.

        Raises:
            LibraryError: there is none for this recipe in it.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            vectors = load(content)["vectors"].astype(np.float64)
        except (SafetensorError, KeyError, ValueError) as error:
            raise LibraryError(f"the basis of the atlas is damaged ({error})") from None
        if vectors.ndim != 2 or vectors.shape[1] != recipe.grid.points:
            raise LibraryError("the basis of the atlas is damaged: it is of another grid")
        return cls(vectors, recipe)
