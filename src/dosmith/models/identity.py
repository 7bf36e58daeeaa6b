"""Whose density of states is this? The likelihood of correlated errors.

A prediction errs along the energies in ways that belong together: a band that is too low is too low throughout. Taken as Gaussian with the
covariance that predictions of unseen chemistry have, such an error is more or less likely, and so is every composition whose spectrum is
expected. That names the very composition more often than similarity does; materials that merely have the same DOS it ranks lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.compositions import Compositions
from dosmith.errors import ModelError
from dosmith.formulas import Composition
from dosmith.spectra.code import Coded
from dosmith.spectra.count import Electrons
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.similarity import unit

FloatArray = NDArray[np.float64]

FILE = "identity.safetensors"
"""Name of the file in the folder of a model."""
SHRUNK = 0.1
"""Share of the errors' covariance that is taken as the same for all points and uncorrelated."""
_FEWER = 0.25
"""Power of the share of points that count, by which probabilities of compositions differ less: of windows of 4 to 10 eV, held out."""
_UNKNOWN = float(np.log(2.0))
"""How far apart numbers of states are taken to be where one is unknown: as a rival's usually are."""
_EVEN, _LEAST = 0.5, 1e-4
"""Probability to exist where it is unknown, and at least."""
_FEWEST = 30
"""Known numbers of states from which their spread is learned."""
_ASKED = 1000
"""Targets from which probabilities are learned, at most."""


@dataclass(frozen=True, eq=False)
class Identity:
    """What errors on new chemistry are like.

    Attributes:
        precision: inverse covariance of the errors of spectra of norm 1, shape (points, points).
        power: how fast probabilities fall with the squared distance that the precision measures. A power, as of Student's t, and not an
            exponential: how large errors are differs from crystal to crystal.
        floor: added to the squared distance.
        counted: the points that are known and count, shape (points,); all when None.
        spread: of logarithms of numbers of states over those that are expected, for Student's t; None where that was not learned.
        freedom: its degrees of freedom.
    """

    precision: NDArray[np.float32]
    power: float
    floor: float
    counted: NDArray[np.bool_] | None = None
    spread: float | None = None
    freedom: float = 2.0

    def within(self, counted: NDArray[np.bool_]) -> Identity:
        """The same for curves of which only some points are known or count, shape (points,); all of norm 1 there.

        The errors of these points are correlated as they are among all. Few points tell less, so that probabilities differ less: the power
        falls with their share, as it does on held-out chemistry (docs/identity.md).
        """
        there = np.flatnonzero(counted)
        covariance = np.linalg.inv(self.precision.astype(np.float64))[np.ix_(there, there)]
        precision = np.zeros_like(self.precision)
        precision[np.ix_(there, there)] = np.linalg.inv(covariance)
        power = self.power * (len(there) / len(counted)) ** _FEWER
        return replace(self, precision=precision, power=power, counted=np.asarray(counted, dtype=np.bool_))

    def norms(self, shapes: NDArray[np.floating[Any]] | Coded) -> FloatArray:
        """Of curves where they count, shape (C, points) -> (C,)."""
        if isinstance(shapes, Coded):
            return np.sqrt(shapes.squares(None if self.counted is None else np.diag(self.counted.astype(np.float64))))
        return np.asarray(np.linalg.norm(shapes if self.counted is None else shapes[:, self.counted], axis=1))

    def quadratics(self, shapes: NDArray[np.floating[Any]] | Coded) -> FloatArray:
        """What `log_likelihoods` needs of candidates of norm 1, shape (C, points), whatever the target; shape (C,)."""
        if isinstance(shapes, Coded):
            return shapes.squares(self.precision.astype(np.float64))
        return np.concatenate(
            [np.einsum("cp,cp->c", part @ self.precision, part, dtype=np.float64) for part in _parts(shapes)] or [np.zeros(0)]
        )

    def log_likelihoods(
        self,
        target: FloatArray,
        shapes: NDArray[np.floating[Any]] | Coded,
        quadratics: FloatArray | None = None,
        norms: NDArray[np.floating[Any]] | float = 1.0,
    ) -> FloatArray:
        """Logarithm of the likelihood of the error that each candidate would mean, shape (C,); 0 without an error.

        Args:
            target: any norm, shape (points,).
            shapes: of the candidates, shape (C, points), or as codes.
            quadratics: of these with norm 1, if they are known.
            norms: of the candidates, by which they are divided, shape (C,).
        """
        mine = unit(target if self.counted is None else target * self.counted)
        turned = self.precision.astype(np.float64) @ mine
        sizes = np.maximum(norms, 1e-9)
        squares = self.quadratics(shapes) / sizes**2 if quadratics is None else quadratics
        met = (shapes @ (turned if isinstance(shapes, Coded) else turned.astype(shapes.dtype))).astype(np.float64) / sizes
        return np.asarray(met - 0.5 * squares - 0.5 * float(mine @ turned))

    def evidence(
        self, log_likelihoods: FloatArray, apart: FloatArray | None = None, chances: NDArray[np.floating[Any]] | None = None
    ) -> FloatArray:
        """What speaks for each candidate, as the logarithm of a probability less a constant, shape (N,).

        Args:
            log_likelihoods: shape (N,).
            apart: logarithms of the target's number of states over the candidates', NaN where unknown, shape (N,); None where shapes alone count.
            chances: that the candidates exist, where the target's material does, NaN where unknown, shape (N,); None where all may be meant.
        """
        found = -self.power * np.log(np.maximum(-2 * log_likelihoods, 0.0) + self.floor)
        if apart is not None and self.spread is not None:
            scaled = np.where(np.isnan(apart), _UNKNOWN, apart) / self.spread
            found = found - (self.freedom + 1) / 2 * np.log1p(scaled**2 / self.freedom)
        if chances is not None:
            found = found + np.log(np.clip(np.where(np.isnan(chances), _EVEN, chances), _LEAST, 1.0))
        return np.asarray(found)

    def probabilities(self, evidence: FloatArray) -> FloatArray:
        """The probability of each composition that the spectrum is its, if it is one of the list's at all; shape (N,), their sum is 1.

        Args:
            evidence: of all compositions on the list, each of its best crystal, shape (N,).
        """
        weights = np.exp(evidence - evidence.max(initial=-np.inf))
        return np.asarray(weights / weights.sum())

    def as_dict(self) -> dict[str, float]:
        """What stands in checkpoint.json."""
        counts = {} if self.spread is None else {"spread": self.spread, "freedom": self.freedom}
        return {"power": self.power, "floor": self.floor} | counts

    def as_bytes(self) -> bytes:
        """The contents of `FILE`."""
        from safetensors.numpy import save

        return save({"precision": np.ascontiguousarray(self.precision)})

    @classmethod
    def read(cls, content: bytes, facts: dict[str, float], points: int) -> Identity:
        """What `as_bytes` and `as_dict` wrote.

        Raises:
            ModelError: it is not.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            precision = load(content)["precision"]
            if precision.shape != (points, points):
                raise ValueError(f"it is of {len(precision)} points")
            spread = None if facts.get("spread") is None else float(facts["spread"])
            return cls(precision, float(facts["power"]), float(facts["floor"]), None, spread, float(facts.get("freedom", 2.0)))
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelError(f"what the model knows of its errors is damaged ({error})") from None


def learn_identity(
    expected: FloatArray, vectors: FloatArray, compositions: Sequence[Composition], apart: FloatArray | None = None
) -> Identity:
    """From predictions of chemistry that was not seen.

    Every computed spectrum is a target, every prediction a candidate. How far numbers of states are from those that are expected is learned by
    maximum likelihood of Student's t.

    Args:
        expected: held-out predictions, as in `calibration.calibrate`, shape (M, points).
        vectors: the computed spectra, 1/eV, shape (M, points).
        compositions: of the crystals.
        apart: see `states_apart`; None where numbers of states are not known.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp
    from scipy.stats import t as student

    true, guess = unit(vectors), unit(expected)
    errors = true - guess
    points = errors.shape[1]
    covariance = errors.T @ errors / len(errors)
    covariance = (1 - SHRUNK) * covariance + SHRUNK * np.eye(points) * covariance.trace() / points
    found = Identity(np.linalg.inv(covariance).astype(np.float32), 1.0, 1.0)
    best, own = best_by_composition(found, vectors, expected, compositions)
    squared = np.exp(-best) - found.floor  # of power 1

    def loss(coefficients: FloatArray) -> float:
        power, floor = np.exp(coefficients)
        logits = -power * np.log(squared + floor)
        return float((logsumexp(logits, axis=1) - np.take_along_axis(logits, own[:, None], axis=1)[:, 0]).mean())

    learned = minimize(loss, np.log([10.0, 20.0]), method="Nelder-Mead", options={"xatol": 1e-2, "fatol": 1e-4, "maxiter": 80})
    power, floor = np.exp(learned.x)
    whole = Identity(found.precision, round(float(power), 3), round(float(floor), 3))
    known = np.empty(0) if apart is None else apart[np.isfinite(apart)]
    if len(known) < _FEWEST:
        return whole

    def unlikely(coefficients: FloatArray) -> float:
        spread, freedom = np.exp(coefficients)
        return -float(student.logpdf(known / spread, freedom).mean() - np.log(spread))

    spread, freedom = np.exp(minimize(unlikely, np.log([0.05, 2.0]), method="Nelder-Mead").x)
    return replace(whole, spread=round(float(spread), 4), freedom=round(float(freedom), 3))


def states_apart(
    expected: FloatArray, vectors: FloatArray, compositions: Sequence[Composition], states: FloatArray, grid: EnergyGrid
) -> FloatArray:
    """Logarithms of computed numbers of states over those that are expected by the sum rule, NaN where unknown, shape (M,).

    Args:
        expected, vectors, compositions: as of `learn_identity`.
        states: computed states per atom within the window, NaN where unknown, shape (M,).
        grid: of the spectra.
    """
    table = Compositions.of(compositions)
    electrons = Electrons.learned(table, vectors, states, grid)
    believed, told = electrons.believed(table, vectors, states), electrons.states(table, expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(np.where(believed > 0, believed, np.nan) / np.where(told > 0, told, np.nan)))


def best_by_composition(
    identity: Identity,
    vectors: FloatArray,
    expected: FloatArray,
    compositions: Sequence[Composition],
    counts: tuple[FloatArray, FloatArray] | None = None,
    chances: FloatArray | None = None,
    among: NDArray[np.intp] | None = None,
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Held-out evidence: of each composition for some targets, drawn with seed 0, and the place of each target's own composition.

    Args:
        identity: learned from other crystals.
        vectors, expected, compositions: as of `learn_identity`.
        counts: numbers of states, computed and expected, NaN where unknown, shapes (M,); None where shapes alone count.
        chances: that the crystals exist, shape (M,); None where that does not count.
        among: the crystals of which targets are drawn; all when None.

    Returns:
        shapes (T, N) and (T,), N the different compositions in order of appearance.
    """
    place: dict[Composition, int] = {}
    group = np.array([place.setdefault(each, len(place)) for each in compositions])
    shapes = unit(expected)
    norms = np.maximum(identity.norms(shapes), 1e-6)
    squares = identity.quadratics(shapes) / norms**2
    drawn = np.random.default_rng(0).permutation(len(vectors))
    asked = np.sort(drawn[:_ASKED] if among is None else drawn[np.isin(drawn, among)][:_ASKED])
    best = np.full((len(asked), len(place)), -np.inf)
    for row, target in zip(best, asked, strict=True):
        found = identity.log_likelihoods(vectors[target], shapes, squares, norms)
        apart = None if counts is None else np.log(counts[0][target] / counts[1])
        np.maximum.at(row, group, identity.evidence(found, apart, chances))
    return best, group[asked]


def _parts(shapes: NDArray[np.floating[Any]], rows: int = 4096) -> list[NDArray[np.floating[Any]]]:
    return [shapes[start : start + rows] for start in range(0, len(shapes), rows)]
