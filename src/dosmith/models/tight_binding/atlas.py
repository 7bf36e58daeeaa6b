"""Crystals with the spectra that were predicted of them, held ready for many targets. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from dosmith.comparison import Comparison, Judged
from dosmith.crystals.existence import Heights, HullEnergies, shipped_existence, shipped_facts
from dosmith.crystals.surveyed import SurveyedRows
from dosmith.formulas import Composition
from dosmith.kept import kept
from dosmith.library.stability import above_pair_hulls
from dosmith.models.calibration import Calibration
from dosmith.models.doubt import Doubt
from dosmith.models.identity import Identity
from dosmith.models.tight_binding.candidates import METAL, Candidates
from dosmith.ranking import Entries, penalised
from dosmith.spectra.code import Coded
from dosmith.spectra.count import Count
from dosmith.spectra.descriptors import DESCRIPTORS
from dosmith.spectra.grid import Window
from dosmith.spectra.match import GAPPED, Gaps
from dosmith.spectra.shape import band_centres, densities_at_zero
from dosmith.spectra.similarity import Curves
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

EMPTY = 0.02
"""Of the norm of a spectrum: one with less of it where energies count is no answer."""
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
        bands: makes the descriptors of their bands, shapes (C,), when first asked; None where no projections were predicted.
        made_of: what changes the candidates, see `kept`; None where nobody can say.
    """

    candidates: Candidates
    recipe: Recipe
    calibration: Calibration
    height_penalty: float
    identity: Identity | None = None
    doubt: Doubt | None = None
    bands: Callable[[], Mapping[str, FloatArray]] | None = None
    made_of: Sequence[object] | None = None

    def __len__(self) -> int:
        return len(self.crystals)

    @property
    def crystals(self) -> SurveyedRows:
        """The crystals in the order of the survey."""
        return self.candidates.crystals

    @property
    def certainties(self) -> NDArray[np.float32]:
        """Norms of the expected spectra: 1 where the members agree in every detail, shape (C,)."""
        return self.candidates.norms

    @cached_property
    def entries(self) -> Entries:
        """Their compositions and crystals, and the merits that no target changes."""
        return Entries(
            self.crystals.compositions,
            self.crystals.crystal_systems,
            self.crystals.prototypes,
            lambda: self.crystals.space_groups,
            {
                "formation_energy": lambda: self.formation_energies,
                "above_hull": lambda: self.heights.above,
                "gap": lambda: self.gaps,
                "band_centre": lambda: band_centres(self.recipe.grid.energies, self._shapes.vectors),
                "dos_at_fermi": lambda: densities_at_zero(self.recipe.grid.energies, self._shapes.vectors),
                "half_metallic_gap": lambda: self.half_metallic_gaps,
            }
            | {name: partial(self._band, name) for name in DESCRIPTORS if name.split("_band_")[0] in ("d", "p")},
        )

    def _band(self, name: str) -> FloatArray:
        return np.asarray(self._bands.get(name, np.full(len(self), np.nan)))

    @cached_property
    def _bands(self) -> Mapping[str, FloatArray]:
        return {} if self.bands is None else self.bands()

    @property
    def half_metallic_gaps(self) -> FloatArray:
        """Expected gaps of one spin while the other conducts, eV, 0 where there is none, NaN where unknown, shape (C,)."""
        found = self.candidates.half_gaps
        return np.full(len(self), np.nan) if found is None else found.astype(np.float64)

    @cached_property
    def heights(self) -> Heights:
        """How high they lie above the hull of the potential."""
        made_of = self.made_of and [*self.made_of, shipped_facts()]
        return Heights(**kept("candidate-heights", made_of, lambda: vars(self._heights)))

    @property
    def _heights(self) -> Heights:
        sizes, existence = self.crystals.compositions.sizes, shipped_existence(self.crystals.potential)
        above, rivals, balances = self.candidates.heights, self.candidates.rivals, self.candidates.balances
        if above is None or rivals is None or balances is None:
            nothing = np.zeros(len(self), dtype=np.intp)
            return Heights.in_potential(self._pair_heights, nothing, sizes, nothing, existence)
        return Heights.in_potential(above.astype(np.float64), rivals.astype(np.intp), sizes, balances.astype(np.intp), existence)

    @property
    def _pair_heights(self) -> FloatArray:
        """Of binaries, where a file does not tell heights; NaN for others, shape (C,)."""
        compositions, found = self.crystals.compositions, np.full(len(self), np.nan)
        pairs = np.flatnonzero(compositions.sizes == 2)
        shares = 1 - compositions.counts[pairs, 0] / compositions.counts[pairs].sum(axis=1)
        found[pairs] = above_pair_hulls(compositions.elements[pairs, :2], shares, self.formation_energies[pairs])
        return found

    def hull_energies(self, compositions: Sequence[Composition]) -> HullEnergies:
        """Of the potential that heights are of, at compositions."""
        if not len(compositions):
            return HullEnergies(np.zeros(0), self.crystals.potential)
        energies = self.formation_energies - self.heights.above
        there = np.flatnonzero(~np.isnan(energies))
        places = self.crystals.compositions.taken(there).places(compositions)
        return HullEnergies(np.append(energies[there], np.nan)[places], self.crystals.potential)

    @cached_property
    def _gaps(self) -> tuple[FloatArray, FloatArray] | None:
        """Expected gaps and their standard deviations, eV, shapes (C,); None where the model was not asked for them."""
        if self.candidates.gaps is None or self.candidates.spreads is None or self.calibration.gaps is None:
            return None
        return self.calibration.gaps.expected(self.candidates.gaps.astype(np.float64), self.candidates.spreads.astype(np.float64))

    @property
    def gaps(self) -> FloatArray:
        """Expected gaps, eV, 0 for metals, NaN where unknown, shape (C,)."""
        return np.full(len(self), np.nan) if self._gaps is None else self._gaps[0]

    @property
    def gap_spreads(self) -> FloatArray:
        """Their standard deviations, eV, shape (C,)."""
        return np.full(len(self), np.nan) if self._gaps is None else self._gaps[1]

    @cached_property
    def crystal_systems(self) -> tuple[str, ...]:
        """Crystal systems of the crystals, by name."""
        return tuple(sorted(set(self.crystals.crystal_systems)))

    @property
    def formation_energies(self) -> FloatArray:
        """Formation energies in the potential, eV/atom, shape (C,)."""
        return self.crystals.formation_energies

    @cached_property
    def _shapes(self) -> Curves:
        """The expected spectra with norm 1."""
        spectra = self.candidates.spectra
        if isinstance(spectra, Coded):
            return Curves(spectra.scaled(1 / self.certainties))
        return Curves(spectra.astype(np.float64) / self.certainties[:, None])

    def similarities(self, target: FloatArray, alike: Alike | None = None) -> FloatArray:
        """The expected similarity of each crystal to the target, shape (C,).

        Args:
            target: standard vector, shape (points,).
            alike: another similarity than the cosine of the whole curves.
        """
        if alike is not None:
            return np.asarray(alike(self._shapes) * self.certainties)
        unit = (target / np.linalg.norm(target)).astype(np.float32)
        return np.asarray(self.candidates.spectra @ unit, dtype=np.float32)

    @cached_property
    def _errors_within(self) -> Callable[[bytes], tuple[Identity, FloatArray, FloatArray]]:
        """What errors are like where some points count, with the crystals' norms there and what `log_likelihoods` needs of them."""

        def made(counted: bytes) -> tuple[Identity, FloatArray, FloatArray]:
            assert self.identity is not None
            mask = np.frombuffer(counted, dtype=np.bool_)
            found = self.identity if mask.all() else self.identity.within(mask)
            norms = found.norms(self.candidates.spectra)
            norms = np.where(norms > EMPTY * self.certainties, norms, np.inf)
            return found, norms, found.quadratics(self.candidates.spectra) / norms**2

        return lru_cache(maxsize=4)(made)

    def errors_within(self, window: Window | None = None) -> Identity:
        """What errors are like in a window; only with an `identity`."""
        return self._errors_within(self._mask(window))[0]

    def log_likelihoods(self, target: FloatArray, window: Window | None = None) -> FloatArray:
        """Logarithm of the likelihood of the error that each crystal would mean, shape (C,); only with an `identity`.

        Args:
            target: standard vector, shape (points,).
            window: energies that are known and count; all when None.
        """
        identity, norms, squares = self._errors_within(self._mask(window))
        found = identity.log_likelihoods(target, self.candidates.spectra, squares, norms)
        return np.where(np.isfinite(norms), found, -np.inf)

    def _mask(self, window: Window | None) -> bytes:
        grid = self.recipe.grid
        return (np.ones(grid.points, dtype=np.bool_) if window is None else window.mask(grid)).tobytes()

    def scores(self, similarities: FloatArray) -> FloatArray:
        """What the crystals are ranked by: similarities less a penalty for what lies above its elements, shape (C,)."""
        return np.asarray(similarities + self._penalties)

    @cached_property
    def _penalties(self) -> FloatArray:
        return penalised(np.zeros(len(self)), self.formation_energies, self.height_penalty).astype(np.float32)

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
        found = self.calibration.probability(similarities, self.certainties, like)
        if self.doubt is None or target is None or window is not None:
            return found
        return self.doubt.widened(found, self.doubt.excess(target, self.recipe))

    def judged(self, comparison: Comparison) -> Judged:
        """What is thought of each crystal as an answer to a target."""
        similarities = self.similarities(comparison.target, None if comparison.whole else comparison)
        match, told = self.match_chances(similarities, comparison), similarities
        if comparison.count is not None:
            told = similarities * comparison.agreement(self.candidates.spectra, self.states(comparison.count))
        likeness = self.scores(told) if comparison.curve else np.ones(len(self))
        return Judged(told, likeness, match, self._exist, self._of_class(comparison.gaps))

    def states(self, count: Count) -> FloatArray:
        """Numbers of states as a target's are counted, NaN where unknown, shape (C,)."""
        return count.of_cells(count.electrons.states(self.entries.table, self.candidates.spectra), self.crystals.sites)

    def match_chances(self, similarities: FloatArray, comparison: Comparison) -> FloatArray | None:
        """The probability that each crystal matches, DOS and gap, shape (C,); None where that is not calibrated.

        Args:
            similarities: as of `similarities`, shape (C,).
            comparison: with the target.
        """
        agree = None if comparison.gaps is None else self._agreement(comparison.gaps)
        if not comparison.curve:
            return agree
        if not comparison.calibrated:
            return None
        window = comparison.counted
        if window is None and agree is not None and comparison.gaps is not None:
            found = self.calibration.match(similarities, self.certainties, agree, comparison.gaps)
            return found if self.doubt is None else self.doubt.widened(found, self.doubt.excess(comparison.target, self.recipe))
        alike = self.probabilities(similarities, window, comparison.target)
        return alike if alike is None or agree is None else alike * agree

    def _agreement(self, wanted: Gaps) -> FloatArray | None:
        """The probability that each gap lies in an interval, shape (C,); None where the model was not asked for gaps."""
        return self._agreements(wanted)

    @cached_property
    def _agreements(self) -> Callable[[Gaps], FloatArray | None]:
        return lru_cache(maxsize=8)(self._agreed)  # the same while a curve is dragged

    def _agreed(self, wanted: Gaps) -> FloatArray | None:
        if self._gaps is None or self.calibration.gaps is None or self.candidates.gaps is None:
            return None
        found = np.full(len(self), float(wanted.lower <= 0))  # of those that can have no gap
        found[self._able] = self.calibration.gaps.hold(self.candidates.gaps[self._able].astype(np.float64), wanted)
        return found.astype(np.float32)

    def _of_class(self, wanted: Gaps | None) -> FloatArray | None:
        """The probability that each is a metal, or has a gap, as is wanted, shape (C,); None where either will do, or nothing is known."""
        if wanted is None or self._gapped is None or not (wanted.metallic or wanted.lower >= GAPPED):
            return None
        return 1 - self._gapped if wanted.metallic else self._gapped

    @cached_property
    def _gapped(self) -> FloatArray | None:
        """The probability that each has a gap, shape (C,); None where the model was not asked for gaps."""
        return self._agreement(Gaps(GAPPED, np.inf))

    @cached_property
    def _able(self) -> NDArray[np.intp]:
        """Crystals that may have a gap."""
        assert self.candidates.gaps is not None
        return np.flatnonzero(self.candidates.gaps > METAL)

    @cached_property
    def _exist(self) -> NDArray[np.float32]:
        """In the precision of the spectra: many targets a second are judged by it."""
        return self.heights.chances.astype(np.float32)

    def curve(self, place: int) -> tuple[FloatArray, FloatArray]:
        """The spectrum that is expected of a crystal and the half-width of the band around it, 1/eV, shapes (points,)."""
        vector = self.candidates.spectrum(place)
        vector /= vector.sum() * self.recipe.grid.step
        return vector, self.calibration.half_widths(vector)
