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
            raise LibraryError(f"the basis of its codes is damaged ({error})") from None
        if vectors.ndim != 2 or vectors.shape[1] != recipe.grid.points:
            raise LibraryError("the basis of its codes is damaged: it is of another grid")
        return cls(vectors, recipe)


@dataclass(frozen=True, eq=False)
class Coded:
    """N spectra by their coordinates; what many targets ask of them is answered without decoding.

    >>> recipe = Recipe()
    >>> curves = np.exp(-0.5 * (recipe.grid.energies[None] - np.array([[-2.0], [1.0]])) ** 2).astype(np.float32)
    >>> coded = Coded.of(curves, recipe)
    >>> bool(np.allclose(coded @ curves[0], curves @ curves[0], rtol=1e-3))
    True

    Attributes:
        basis: of the coordinates.
        coordinates: shape (N, size).
    """

    basis: Basis
    coordinates: NDArray[np.float32]

    @classmethod
    def of(cls, spectra: NDArray[np.floating[Any]], recipe: Recipe, size: int = SIZE) -> Coded:
        """Spectra of norm 1 or less, shape (N, points), in the basis that keeps most of them."""
        basis = Basis.of(spectra, recipe, size)
        return cls.from_codes(basis, basis.encode(spectra))

    @classmethod
    def from_codes(cls, basis: Basis, codes: Codes) -> Coded:
        """Those of codes, shape (N, size)."""
        coordinates = codes.astype(np.float32)
        coordinates /= STEPS
        return cls(basis, coordinates)

    @property
    def codes(self) -> Codes:
        """Coordinates in whole steps, shape (N, size)."""
        return np.asarray(np.rint(self.coordinates * STEPS), dtype=np.int16)

    def __len__(self) -> int:
        return len(self.coordinates)

    def __matmul__(self, curve: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Inner products with a curve, shape (points,) -> (N,)."""
        return np.asarray(self.coordinates @ (self.basis.vectors @ curve).astype(np.float32))

    def scaled(self, factors: NDArray[np.floating[Any]]) -> Coded:
        """Each times a factor, shape (N,)."""
        return Coded(self.basis, self.coordinates * factors[:, None].astype(np.float32))

    def taken(self, places: NDArray[np.intp]) -> Coded:
        """Some of them, in this order."""
        return Coded(self.basis, self.coordinates[places])

    def squares(self, form: FloatArray | None = None) -> FloatArray:
        """Squared norms, shape (N,), or the values of a quadratic form without negative ones, shape (points, points)."""
        turned = self.coordinates
        if form is not None:
            turned = turned @ (self.basis.vectors @ form @ self.basis.vectors.T).astype(np.float32)
        return np.asarray(np.maximum(np.einsum("ij,ij->i", turned, self.coordinates, dtype=np.float64), 0.0))

    def turned(self, matrix: FloatArray) -> NDArray[np.float32]:
        """Products with a matrix from the right, shape (points, M) -> (N, M)."""
        return np.asarray(self.coordinates @ (self.basis.vectors @ matrix).astype(np.float32))

    def spectrum(self, place: int) -> FloatArray:
        """What is kept of one of them, shape (points,); never below zero."""
        return np.asarray(np.maximum(self.coordinates[place].astype(np.float64) @ self.basis.vectors, 0.0))

    @cached_property
    def spectra(self) -> NDArray[np.float32]:
        """What is kept of the spectra, shape (N, points); never below zero."""
        found = self.coordinates @ self.basis.vectors.astype(np.float32)
        return np.asarray(np.maximum(found, 0.0, out=found))
