"""Where a band's centre lies, corrected by what is computed: of the d bands of transition metals and the p bands of anions.

The centre of a band depends on how many of its states lie high above the Fermi level, where tight binding with one shell of each kind has too few; how
much this matters differs from element to element and from neighbour to neighbour. A kernel regression learns it from predictions of chemistry that
was not seen, and the shares of the band are tilted until the centre is where it should be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import ModelError
from dosmith.models.tight_binding.orbital_shares import FEWEST, Label, OrbitalShares, block_of, with_sum
from dosmith.spectra.descriptors import ANIONS, bands_of

FloatArray = NDArray[np.float64]

FILE = "centres.safetensors"
"""Name of the file in the folder of a model."""
LEAST = 0.05
"""Of a crystal's states: parts with fewer are neither learned from nor corrected."""
_LENGTH = 1.2  # of the kernel, in spreads of the inputs
_NOISE = 0.08  # variance of what is not learned, in units of what is
_ROUNDS = 5
_STEEPEST = 0.5  # 1/eV; a share changes no faster, by its exponential


@dataclass(frozen=True, eq=False)
class Regression:
    """Kernel ridge regression with a Gaussian kernel, as the mean of a Gaussian process.

    Attributes:
        mean, spread: of the inputs, shapes (F,).
        inputs: scaled, shape (N, F).
        weights: of their kernels, shape (N,).
        offset: far from all inputs.
    """

    mean: FloatArray
    spread: FloatArray
    inputs: FloatArray
    weights: FloatArray
    offset: float

    @classmethod
    def learn(cls, inputs: FloatArray, outputs: FloatArray) -> Regression:
        """From inputs of shape (N, F) and outputs of shape (N,)."""
        mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
        spread[spread < 1e-9] = 1.0
        scaled, offset = (inputs - mean) / spread, float(outputs.mean())
        kernel = _kernel(scaled, scaled) + _NOISE * np.eye(len(scaled))
        return cls(mean, spread, scaled, np.asarray(np.linalg.solve(kernel, outputs - offset)), offset)

    def __call__(self, inputs: FloatArray) -> FloatArray:
        """Outputs of inputs of shape (M, F), shape (M,)."""
        return np.asarray(self.offset + _kernel((inputs - self.mean) / self.spread, self.inputs) @ self.weights)


def _kernel(first: FloatArray, second: FloatArray) -> FloatArray:
    squares = ((first[:, None] - second) ** 2).sum(axis=2)
    return np.asarray(np.exp(-0.5 * squares / _LENGTH**2))


@dataclass(frozen=True, eq=False)
class BandCentres:
    """Corrections of band centres.

    Attributes:
        shifts: by orbital, what to add to a centre, eV, from what `_described` tells.
    """

    shifts: Mapping[str, Regression]

    def corrected(
        self, parts: Mapping[Label, FloatArray], species: Iterable[str], energies: FloatArray
    ) -> dict[Label, FloatArray]:
        """The densities of a crystal by element and orbital, shapes (points,), with the same sum as before.

        Args:
            parts: densities, with shares of orbitals corrected.
            species: symbols of its atoms.
            energies: of the points, eV.
        """
        found, whole = dict(parts), sum(parts.values(), np.zeros(1))
        aims = {}
        for label, inputs in _described(parts, Counter(species), energies).items():
            if label[1] in self.shifts:
                aims[label] = inputs[_CENTRE] + float(self.shifts[label[1]](inputs[None])[0])
        tilts = dict.fromkeys(aims, 0.0)
        for _ in range(_ROUNDS if aims else 0):
            bands = bands_of(energies, np.array([found[label] for label in aims]))
            for label, centre, width in zip(aims, bands["centre"], bands["width"], strict=True):
                step = (aims[label] - centre) / max(width**2, 0.5)
                if np.isfinite(step):
                    tilts[label] = float(np.clip(tilts[label] + step, -_STEEPEST, _STEEPEST))
            tilted = {label: curve * np.exp(tilts.get(label, 0.0) * energies) for label, curve in parts.items()}
            found = with_sum(tilted, whole)
        return found

    @classmethod
    def learn(
        cls,
        expected: Sequence[Mapping[Label, FloatArray]],
        computed: Sequence[Mapping[Label, FloatArray]],
        species: Sequence[Iterable[str]],
        energies: FloatArray,
    ) -> BandCentres:
        """The shifts that bring centres to where they are computed; of orbitals with fewer than `FEWEST` bands none.

        Args:
            expected: of each crystal, densities by element and orbital, shapes (points,), with shares of orbitals corrected.
            computed: of each crystal, the same.
            species: symbols of the atoms of each crystal.
            energies: of the points, eV.
        """
        inputs: dict[str, list[FloatArray]] = {}
        outputs: dict[str, list[float]] = {}
        for ours, theirs, symbols in zip(expected, computed, species, strict=True):
            whole = sum(float(curve.sum()) for curve in theirs.values())
            for label, described in _described(ours, Counter(symbols), energies, least=0.0).items():
                curve = theirs.get(label, np.zeros(len(energies)))
                centre = bands_of(energies, curve[None])["centre"][0]
                if curve.sum() >= LEAST * whole and np.isfinite(centre):
                    inputs.setdefault(label[1], []).append(described)
                    outputs.setdefault(label[1], []).append(centre - described[_CENTRE])
        return cls(
            {
                orbital: Regression.learn(np.array(rows), np.array(outputs[orbital]))
                for orbital, rows in inputs.items()
                if len(rows) >= FEWEST
            }
        )

    def as_bytes(self) -> bytes:
        """The contents of `FILE`."""
        from safetensors.numpy import save

        tensors = {}
        for orbital, each in self.shifts.items():
            for name in ("mean", "spread", "inputs", "weights", "offset"):
                tensors[f"{orbital}:{name}"] = np.ascontiguousarray(getattr(each, name), dtype=np.float64)
        return save(tensors)

    @classmethod
    def read(cls, content: bytes) -> BandCentres:
        """What `as_bytes` wrote.

        Raises:
            ModelError: it is not.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(content)
            shifts = {}
            for orbital in sorted({name.split(":")[0] for name in tensors}):
                mean, spread, inputs, weights, offset = (
                    tensors[f"{orbital}:{name}"] for name in ("mean", "spread", "inputs", "weights", "offset")
                )
                if not (len(mean) == len(spread) == inputs.shape[1] == _FEATURES and weights.shape == inputs.shape[:1]):
                    raise ValueError("its numbers do not fit together")
                shifts[orbital] = Regression(mean, spread, inputs, weights, offset.item())
            return cls(shifts)
        except (SafetensorError, ValueError, KeyError, IndexError, TypeError) as error:
            raise ModelError(f"the band centres of the model are damaged ({error}); train or install it again") from None


def learn_corrections(
    expected: Sequence[Mapping[Label, FloatArray]],
    computed: Sequence[Mapping[Label, FloatArray]],
    species: Sequence[Iterable[str]],
    energies: FloatArray,
) -> tuple[OrbitalShares, BandCentres]:
    """Both corrections of projections, the second of what the first leaves; arguments as of `BandCentres.learn`, `expected` as members have it."""
    shares = OrbitalShares.learn(expected, computed, energies)
    return shares, BandCentres.learn([shares.corrected(parts) for parts in expected], computed, species, energies)


_CENTRE = 4
_FEATURES = 11


def _described(
    parts: Mapping[Label, FloatArray], counts: Mapping[str, int], energies: FloatArray, least: float = LEAST
) -> dict[Label, FloatArray]:
    """What a shift follows from, of each band that has one, shapes (F,).

    These are group and row of the element, its share of the atoms, how much more its neighbours attract electrons (Pauling), centre and width of the
    band, its share of the states, and the shares of elements of each block of the periodic table among the atoms.
    """
    atoms, whole = sum(counts.values()), sum(float(curve.sum()) for curve in parts.values())
    anion = next((symbol for symbol in ANIONS if symbol in counts), None) if len(counts) > 1 else None
    labels = [label for label in parts if label == (anion, "p") or (label[1] == "d" and _place(label[0])[2])]
    labels = [label for label in labels if parts[label].any() and parts[label].sum() >= least * whole]
    if not labels:
        return {}
    bands, found = bands_of(energies, np.array([parts[label] for label in labels])), {}
    for label, centre, width in zip(labels, bands["centre"], bands["width"], strict=True):
        if not np.isfinite(centre + width):
            continue
        symbol = label[0]
        group, row, _ = _place(symbol)
        others = {each: count for each, count in counts.items() if each != symbol}
        pull = sum(count * (_electronegativity(each) - _electronegativity(symbol)) for each, count in others.items())
        blocks = [sum(count for each, count in others.items() if block_of(each) == block) / atoms for block in "sdfp"]
        share = float(parts[label].sum()) / whole
        found[label] = np.array(
            [group, row, counts.get(symbol, 0) / atoms, pull / max(sum(others.values()), 1), centre, width, share, *blocks]
        )
    return found


@lru_cache(maxsize=128)
def _place(symbol: str) -> tuple[int, int, bool]:
    """Group and row of an element, and whether it is a transition metal."""
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    return int(element.group), int(element.row), bool(element.is_transition_metal)


@lru_cache(maxsize=128)
def _electronegativity(symbol: str) -> float:
    """Pauling's; that of boron where there is none, as of noble gases."""
    import warnings

    from pymatgen.core.periodic_table import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns where there is none
        value = float(Element(symbol).X)
    return value if np.isfinite(value) else 2.04
