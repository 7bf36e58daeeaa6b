"""Crystals with the spectra that were predicted of them, held ready for many targets. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.survey import Surveyed
from dosmith.models.calibration import Calibration
from dosmith.models.doubt import Doubt
from dosmith.models.identity import Identity
from dosmith.models.tight_binding.candidates import Candidates
from dosmith.ranking import Entries, penalised
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import Curves
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

Alike = Callable[[Curves], FloatArray]
"""C spectra -> their similarity to a target, shape (C,)."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """C crystals.

    Attributes:
        candidates: the crystals, and the spectrum expected of each.
        recipe: of the spectra.
        calibration: what their errors on new chemistry are like.
        height_penalty: similarity that a crystal loses for each eV/atom of a positive formation energy.
        identity: how likely errors are, to tell whose a spectrum is; None when that was not learned.
        doubt: what it costs a curve to be unlike the training spectra; None when that was not learned.
    """

    candidates: Candidates
    recipe: Recipe
    calibration: Calibration
    height_penalty: float
    identity: Identity | None = None
    doubt: Doubt | None = None

    def __len__(self) -> int:
        return len(self.crystals)

    @property
    def crystals(self) -> tuple[Surveyed, ...]:
        """The crystals in the order of the survey."""
        return self.candidates.crystals

    @property
    def certainties(self) -> NDArray[np.float32]:
        """Norms of the expected spectra: 1 where the members agree in every detail, shape (C,)."""
        return self.candidates.norms

    @cached_property
    def entries(self) -> Entries:
        """Their compositions and crystal systems."""
        return Entries([each.composition for each in self.crystals], [each.crystal_system for each in self.crystals])

    @cached_property
    def crystal_systems(self) -> tuple[str, ...]:
        """Crystal systems of the crystals, by name."""
        return tuple(sorted({each.crystal_system for each in self.crystals}))

    @cached_property
    def formation_energies(self) -> FloatArray:
        """Formation energies in the CHGNet potential, eV/atom, shape (C,)."""
        return np.array([each.formation_energy for each in self.crystals], dtype=np.float64)

    @cached_property
    def _shapes(self) -> Curves:
        """The expected spectra with norm 1."""
        return Curves(self.candidates.expected.astype(np.float64) / self.certainties[:, None])

    def similarities(self, target: FloatArray, alike: Alike | None = None) -> FloatArray:
        """The expected similarity of each crystal to the target, shape (C,).

        Args:
            target: standard vector, shape (points,).
            alike: another similarity than the cosine of the whole curves.
        """
        if alike is not None:
            return np.asarray(alike(self._shapes) * self.certainties)
        unit = (target / np.linalg.norm(target)).astype(np.float32)
        return np.asarray((self.candidates.expected @ unit).astype(np.float64))

    @cached_property
    def _quadratics(self) -> FloatArray:
        assert self.identity is not None
        squares = self.identity.quadratics(self.candidates.expected)
        return np.asarray(squares / np.maximum(self.certainties.astype(np.float64), 1e-9) ** 2)

    def log_likelihoods(self, target: FloatArray) -> FloatArray:
        """Logarithm of the likelihood of the error that each crystal would mean, shape (C,); only with an `identity`."""
        assert self.identity is not None
        return self.identity.log_likelihoods(target, self.candidates.expected, self._quadratics, self.certainties)

    def scores(self, similarities: FloatArray) -> FloatArray:
        """What the crystals are ranked by: similarities less a penalty for what lies above its elements, shape (C,)."""
        return penalised(similarities, self.formation_energies, self.height_penalty)

    def probabilities(
        self, similarities: FloatArray, window: Window | None = None, target: FloatArray | None = None
    ) -> FloatArray | None:
        """The probability that the DOS of each crystal matches, shape (C,).

        Args:
            similarities: expected cosines, in the window when there is one, shape (C,).
            window: energies that count; all when None.
            target: standard vector, shape (points,): where it counts as a whole, what makes it unlike the training spectra counts too.

        Returns:
            None where the calibration knows no window like that.
        """
        like = None if window is None else self.calibration.window_like(window)
        if window is not None and like is None:
            return None
        found = self.calibration.probability(similarities, self.certainties.astype(np.float64), like)
        if self.doubt is None or target is None or window is not None:
            return found
        return self.doubt.widened(found, self.doubt.excess(target, self.recipe))

    def curve(self, place: int) -> tuple[FloatArray, FloatArray]:
        """The spectrum that is expected of a crystal and the half-width of the band around it, 1/eV, shapes (points,)."""
        vector = self.candidates.expected[place].astype(np.float64)
        vector /= vector.sum() * self.recipe.grid.step
        return vector, self.calibration.half_widths(vector)
