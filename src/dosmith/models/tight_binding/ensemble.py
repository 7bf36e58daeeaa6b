"""The forward model: an ensemble of tight binding and plain networks, each trained without one fold of the chemical systems.

What a member makes of the fold it has not seen says how far the model is to be trusted on new chemistry: from these
predictions come its accuracy, the width of its bands and the probability that a material matches a target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import ModelError, NotFoundError
from dosmith.formulas import Composition
from dosmith.models.calibration import Calibration, calibrate
from dosmith.models.identity import Identity, learn_identity, states_apart
from dosmith.models.tight_binding.atoms import Atoms, Scale, crystal_input
from dosmith.models.tight_binding.band_centres import BandCentres, learn_corrections
from dosmith.models.tight_binding.orbital_shares import FEWEST, OrbitalShares
from dosmith.settings import ForwardSettings
from dosmith.spectra.similarity import unit
from dosmith.spectra.standard import Recipe

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.crystals.potential import Potential
    from dosmith.models.tight_binding.batches import CrystalInput
    from dosmith.models.tight_binding.network import PlainNetwork, TightBinding, Told

FloatArray = NDArray[np.float64]
Label = tuple[str, str]
"""Element and orbital."""

_EMPTY = 1e-6
"""Density, of a curve of norm 1, below which no polarisation is told."""

Progress = Callable[[str, int, int, float], None]


@dataclass(frozen=True, eq=False)
class Member:
    """One tight binding and one plain network, with the scales of their features."""

    tight_binding: TightBinding
    plain: PlainNetwork
    bond_scale: Scale
    plain_scale: Scale

    def inputs(self, crystals: Sequence[Atoms], symbols: Sequence[str]) -> list[CrystalInput]:
        """The crystals as the tight binding takes them."""
        return [crystal_input(each, symbols, self.bond_scale, self.tight_binding.settings) for each in crystals]

    def told(self, crystals: Sequence[Atoms], symbols: Sequence[str], recipe: Recipe) -> list[Told]:
        """What tight binding tells of crystals, some at once."""
        import torch

        from dosmith.models.tight_binding.batches import in_batches

        grid, network = torch.tensor(recipe.grid.energies, dtype=torch.float32), self.tight_binding
        with torch.inference_mode():
            batches = in_batches(self.inputs(crystals, symbols))
            return [network.told(batch, grid, network.settings.broadening) for batch in batches]

    def magnetism(self, atoms: Atoms, symbols: Sequence[str], recipe: Recipe) -> tuple[FloatArray, float, float]:
        """Polarisation at each energy, the cell's moment in Bohr magnetons, the half-metallic gap in eV; of a magnetic crystal."""
        (found,) = self.told([atoms], symbols, recipe)
        total, more = found.curves[0]
        polarisation = (more / total.clamp_min(_EMPTY)).clamp(-1, 1)
        return polarisation.numpy().astype(np.float64), float(found.moments[0]), float(found.half_gaps[0])

    def spins(self, atoms: Atoms, symbols: Sequence[str], recipe: Recipe) -> tuple[FloatArray, FloatArray]:
        """What tight binding makes of spin up and of spin down in a magnetic crystal, of norm 1 together, shape (points,) each."""
        (found,) = self.told([atoms], symbols, recipe)
        total, more = found.curves[0].numpy().astype(np.float64)
        more = np.clip(more, -total, total)
        return (total + more) / 2, (total - more) / 2

    def parts(self, crystals: Sequence[Atoms], symbols: Sequence[str], recipe: Recipe) -> list[dict[Label, FloatArray]]:
        """By element and orbital, the density expected of each crystal, see `projected.member_parts`."""
        from dosmith.models.tight_binding.projected import member_parts

        return member_parts(self, crystals, symbols, recipe, self.tight_binding.settings)

    def answers(self, crystals: Sequence[Atoms], symbols: Sequence[str], recipe: Recipe) -> Answers:
        """Spectra and gaps of crystals."""
        import torch

        from dosmith.models.tight_binding.fitting import plain_spectra

        if not crystals:
            return Answers(np.zeros((0, recipe.grid.points)), np.zeros(0), np.zeros(0))
        told, share = self.told(crystals, symbols, recipe), self.tight_binding.settings.share
        with torch.inference_mode():
            plain = plain_spectra(self.plain, [self.plain_scale(each.plain_features) for each in crystals])
            spectra = share * torch.cat([each.curves[:, 0] for each in told]) + (1 - share) * plain
        gaps, half_gaps = (torch.cat([getattr(each, name) for each in told]) for name in ("gaps", "half_gaps"))
        return Answers(*(each.numpy().astype(np.float64) for each in (spectra, gaps, half_gaps)))


@dataclass(frozen=True, eq=False)
class Answers:
    """What a member expects of M crystals.

    Attributes:
        spectra: each the mixture of two of norm 1 and so itself of norm 1 or less, shape (M, points).
        gaps: by the tight binding's eigenvalues, eV, below zero where bands overlap, shape (M,); see `filling.signed_gaps`.
        half_gaps: the gap of the one spin that has one, eV, 0 where both conduct or none does, shape (M,).
    """

    spectra: FloatArray
    gaps: FloatArray
    half_gaps: FloatArray


@dataclass(frozen=True, eq=False)
class Magnetism:
    """What the model expects of the spins of a crystal.

    Attributes:
        polarisation: share of the DOS that is of spin up less the share that is of spin down, shape (points,).
        moment: of the cell, Bohr magnetons.
        half_metal: share of the members in which one spin alone has a gap at the Fermi level.
        half_metallic_gap: mean of these gaps, eV, 0 in the members without one.
    """

    polarisation: FloatArray
    moment: float
    half_metal: float
    half_metallic_gap: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model expects of M crystals.

    Attributes:
        expected: mean of the members' spectra of norm 1; its inner product with a target of norm 1 is the similarity to be
            expected, and the lower its norm, the less the members agree, shape (M, points).
        vectors: standard vectors, 1/eV, shape (M, points).
        half_widths: of a band around them that holds 68 % of the grid points of new chemistry, 1/eV, shape (M, points).
        signed_gaps: mean of the members' gaps by eigenvalues, eV, below zero where bands overlap, shape (M,).
        gaps: to be expected, eV, 0 for metals, NaN where that was not learned, shape (M,).
        gap_spreads: their standard deviations, eV, shape (M,).
    """

    expected: FloatArray
    vectors: FloatArray
    half_widths: FloatArray
    signed_gaps: FloatArray
    gaps: FloatArray
    gap_spreads: FloatArray


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """The ensemble.

    Attributes:
        members: its parts.
        symbols: elements it knows, by atomic number.
        recipe: of its spectra.
        settings: how it was trained.
        calibration: what its errors on new chemistry are like.
        identity: how likely they are, to tell whose a spectrum is; None when that was not learned.
        unseen: of each chemical system in its training the number of the one member that has not seen it.
        shares: corrects the shares of orbitals; None when that was not learned.
        centres: then corrects the centres of bands; None when that was not learned.
    """

    members: tuple[Member, ...]
    symbols: tuple[str, ...]
    recipe: Recipe
    settings: ForwardSettings
    calibration: Calibration
    identity: Identity | None = None
    unseen: Mapping[str, int] = field(default_factory=dict)
    shares: OrbitalShares | None = None
    centres: BandCentres | None = None

    def without(self, composition: Composition) -> ForwardModel:
        """The one member that has not seen a composition's chemical system, as a model; all, where none has seen it.

        Args:
            composition: of which what it predicts shall not come from its training.
        """
        number = self.unseen.get(formulas.chemical_system(composition))
        return self if number is None else replace(self, members=(self.members[number],))

    @cached_property
    def _potential(self) -> Potential:
        from dosmith.crystals.potential import Potential

        return Potential()

    def prepare(self, structure: Structure) -> Atoms:
        """A crystal prepared for `predict_atoms`.

        Raises:
            ModelError: it holds an element that the model does not know.
            NotFoundError: its atoms are too far apart for CHGNet.
            MissingExtraError: CHGNet is not installed.
        """
        return self.prepare_each([structure])[0]

    def prepare_each(self, structures: Sequence[Structure]) -> list[Atoms]:
        """Crystals prepared together, which is several times faster than one by one; errors as of `prepare`."""
        found = {symbol for structure in structures for symbol in structure.symbol_set}
        unknown = sorted(found - set(self.symbols))
        if unknown:
            raise ModelError(f"the forward model does not know {' '.join(unknown)}; it knows {' '.join(self.symbols)}")
        prepared = Atoms.of_each(structures, self._potential, self.settings)
        for structure, atoms in zip(structures, prepared, strict=True):
            if atoms is None:
                raise NotFoundError(f"the atoms of {structure.reduced_formula} are too far apart for CHGNet")
        return [atoms for atoms in prepared if atoms is not None]

    def predict(self, structures: Sequence[Structure]) -> Prediction:
        """The DOS of crystals; errors as of `prepare`."""
        return self.predict_atoms(self.prepare_each(structures))

    def magnetism(self, atoms: Atoms) -> Magnetism | None:
        """What is expected of the spins of a prepared crystal; None where they are alike."""
        if not atoms.magnetic:
            return None
        polarisations, moments, gaps = zip(
            *(each.magnetism(atoms, self.symbols, self.recipe) for each in self.members), strict=True
        )
        half = float(np.mean(np.array(gaps) > 0))
        return Magnetism(np.mean(polarisations, axis=0), float(np.mean(moments)), half, float(np.mean(gaps)))

    def spins(self, structure: Structure) -> dict[Label, FloatArray]:
        """The densities expected of spin up and spin down, shape (points,) each; empty where they are alike; errors as of `prepare`."""
        from dosmith.models.tight_binding.projected import expected_spins

        return {label: curve for label, (curve, _) in expected_spins(self, self.prepare(structure)).items()}

    def parts(self, structure: Structure) -> dict[Label, FloatArray]:
        """By element and orbital, the density expected of a crystal, shape (points,) each; errors as of `prepare`."""
        from dosmith.models.tight_binding.projected import parts_of

        return parts_of(self, [self.prepare(structure)])[0]

    def answers(self, crystals: Sequence[Atoms]) -> list[Answers]:
        """What each member expects of prepared crystals."""
        return [member.answers(crystals, self.symbols, self.recipe) for member in self.members]

    def predict_atoms(self, crystals: Sequence[Atoms]) -> Prediction:
        """The DOS of prepared crystals, and their gaps: these by eigenvalues, since the mean of several spectra fills a gap up."""
        answers, scale = self.answers(crystals), self.calibration.gaps
        expected = np.mean([each.spectra for each in answers], axis=0)
        area = expected.sum(axis=1, keepdims=True) * self.recipe.grid.step
        vectors = expected / area
        signed = np.stack([each.gaps for each in answers])
        middle, spreads = signed.mean(axis=0), signed.std(axis=0)
        unknown = np.full(len(middle), np.nan)
        gaps, gap_spreads = (unknown, unknown) if scale is None else scale.expected(middle, spreads)
        return Prediction(expected, vectors, self.calibration.half_widths(vectors), middle, gaps, gap_spreads)


class MemberStore(Protocol):
    """Keeps trained members, so that an interrupted training is resumed."""

    def load(self, number: int) -> Member | None:
        """The member of this number, counted from 0; None when it is not stored."""

    def store(self, number: int, member: Member) -> None:
        """Stores a member."""


def train(
    crystals: Sequence[Atoms],
    compositions: Sequence[Composition],
    vectors: FloatArray,
    recipe: Recipe,
    settings: ForwardSettings,
    progress: Progress | None = None,
    store: MemberStore | None = None,
    kinds: Sequence[str] = (),
    differences: FloatArray | None = None,
    gaps: FloatArray | None = None,
    classes: Mapping[str, NDArray[np.bool_]] | None = None,
    parts: Sequence[Mapping[Label, FloatArray]] = (),
    pool: Executor | None = None,
    states: FloatArray | None = None,
) -> ForwardModel:
    """Train the ensemble.

    Args:
        crystals: M of them.
        compositions: theirs; crystals of one chemical system are left out together.
        vectors: their standard vectors, 1/eV, shape (M, points).
        recipe: of the vectors.
        settings: how.
        progress: called after each epoch.
        store: keeps each member that is trained; None keeps none.
        kinds: kind of each crystal, so that the accuracy of each kind is known, and rare ones count more; all count alike without.
        differences: how much more of each vector is of spin up than of spin down, 1/eV, shape (M, points); None when unknown.
        gaps: computed ones, eV, 0 for metals, shape (M,), so that it is known what the model's gaps are worth; None when that does not matter.
        classes: which crystals belong to classes whose accuracy shall be known, shapes (M,).
        parts: of each vector what is computed of its densities by element and orbital, 1/eV, shapes (points,); nothing when left out.
        pool: processes that train members side by side; one after the other in this one when None.
        states: computed states per atom within the window, NaN where unknown, shape (M,), so that it is known how far they are from what the
            model expects; None when that does not matter.

    Raises:
        ModelError: there are too few chemical systems.
    """
    from dosmith.models.splits import held_out_system

    splits = held_out_system(compositions, np.ones(len(crystals), dtype=bool), settings.members, settings.seed)
    if any(len(split.test) == 0 for split in splits):
        raise ModelError(f"training the forward model needs {settings.members} chemical systems or more")
    symbols = tuple(sorted({symbol for each in crystals for symbol in each.symbols}, key=formulas.atomic_number))
    spectra = unit(vectors)
    more = np.zeros_like(spectra) if differences is None else differences / np.linalg.norm(vectors, axis=1, keepdims=True)
    norms = np.linalg.norm(vectors, axis=1)
    shares = [{label: part / norm for label, part in each.items()} for each, norm in zip(parts, norms, strict=False)]
    members = {} if store is None else {number: member for number in range(len(splits)) if (member := store.load(number))}

    def given(number: int) -> dict[str, Any]:
        train = splits[number].train.tolist()
        return {
            "crystals": [crystals[row] for row in train],
            "unit": spectra[train],
            "symbols": symbols,
            "recipe": recipe,
            "settings": settings,
            "seed": settings.seed + number + 1,
            "more": more[train],
            "weights": weights_of([kinds[row] for row in train], settings) if kinds else None,
            "parts": [shares[row] for row in train] if shares else (),
        }

    def keep(number: int, member: Member) -> None:
        members[number] = member
        if store:
            store.store(number, member)

    missing = [number for number in range(len(splits)) if number not in members]
    if pool is None:
        for number in missing:
            keep(number, train_member(**given(number), progress=_numbered(progress, number + 1, settings.members)))
    else:
        waiting = {pool.submit(_member_alone, given(number)): number for number in missing}
        for done, each in enumerate(as_completed(waiting), len(members) + 1):
            keep(waiting[each], each.result())
            if progress is not None:
                progress("members", done, len(splits), 0.0)
    unseen, signed = np.zeros_like(spectra), np.zeros(len(crystals))
    for number, split in enumerate(splits):
        new = [crystals[row] for row in split.test]
        found = members[number].answers(new, symbols, recipe)
        unseen[split.test], signed[split.test] = found.spectra, found.gaps
    systems = [formulas.chemical_system(composition) for composition in compositions]
    calibration = calibrate(unseen, vectors, systems, recipe, kinds, gaps, signed, classes)
    apart = None if states is None else states_apart(unseen, vectors, compositions, states, recipe.grid)
    identity = learn_identity(unseen, vectors, compositions, apart)
    held = {systems[row]: number for number, split in enumerate(splits) for row in split.test.tolist()}
    every = tuple(members[number] for number in range(len(splits)))
    told = [row for row, each in enumerate(parts) if each]
    corrections: tuple[OrbitalShares, BandCentres] | tuple[()] = ()
    if len(told) >= FEWEST:
        expected = [members[held[systems[row]]].parts([crystals[row]], symbols, recipe)[0] for row in told]
        computed, species = [parts[row] for row in told], [crystals[row].symbols for row in told]
        corrections = learn_corrections(expected, computed, species, recipe.grid.energies)
    return ForwardModel(every, symbols, recipe, settings, calibration, identity, held, *corrections)


def _member_alone(given: Mapping[str, Any]) -> Member:
    """`train_member` in a process of its own."""
    import torch

    torch.set_num_threads(1)  # as side by side
    return train_member(**given)


def _numbered(progress: Progress | None, number: int, members: int) -> Progress | None:
    if progress is None:
        return None
    return lambda what, done, count, loss: progress(f"{what} {number} of {members}", done, count, loss)


def train_member(
    crystals: Sequence[Atoms],
    unit: FloatArray,
    symbols: Sequence[str],
    recipe: Recipe,
    settings: ForwardSettings,
    seed: int,
    progress: Progress | None = None,
    more: FloatArray | None = None,
    weights: FloatArray | None = None,
    parts: Sequence[Mapping[Label, FloatArray]] = (),
) -> Member:
    """Train one member.

    Args:
        crystals: M of them.
        unit: their spectra, of norm 1, shape (M, points).
        symbols: elements of the tables.
        recipe: of the spectra.
        settings: how.
        seed: of weights and batches.
        progress: called after each epoch.
        more: how much more of the spectra is of spin up than of spin down, shape (M, points); None when unknown.
        weights: how much each crystal counts, shape (M,); all alike when None.
        parts: of each spectrum its densities by element and orbital, in its unit, shapes (points,); nothing when left out.
    """
    from dosmith.models.tight_binding.fitting import Parts, fit_plain, fit_tight_binding

    bond_scale = Scale.of([each.bond_features for each in crystals])
    plain_scale = Scale.of([each.plain_features for each in crystals])
    targets, norms = broadened(unit, recipe, settings.broadening), _norms(unit, recipe, settings.broadening)
    if settings.spin and more is not None and more.any():
        targets = np.hstack([targets, _spread(more, recipe, settings.broadening) / norms])
    wide = [
        {label: _spread(part, recipe, settings.broadening) / float(norm) for label, part in each.items()}
        for each, norm in zip(parts, norms[:, 0], strict=False)
    ]
    tight_binding = fit_tight_binding(
        [crystal_input(each, symbols, bond_scale, settings) for each in crystals],
        targets,
        recipe.grid.energies,
        symbols,
        settings,
        seed,
        progress,
        weights,
        [Parts.of(atoms.symbols, each) for atoms, each in zip(crystals, wide, strict=False)],
    )
    plain = fit_plain([plain_scale(each.plain_features) for each in crystals], unit, settings, seed, progress, weights)
    return Member(tight_binding, plain, bond_scale, plain_scale)


def weights_of(kinds: Sequence[str], settings: ForwardSettings) -> FloatArray:
    """How much each crystal counts in the training, 1 on average, shape (M,): those of rare kinds more, by the root of how rare.

    >>> weights_of(["B1"] * 400 + ["quartz"] * 4, ForwardSettings())[[0, -1]].round(3)
    array([0.99, 1.98])
    """
    _, places, counts = np.unique(np.array(kinds, dtype=str), return_inverse=True, return_counts=True)
    weights = np.clip(np.sqrt(settings.usual / counts), 1.0, settings.heaviest)[places]
    return np.asarray(weights / weights.mean())


def broadened(unit: FloatArray, recipe: Recipe, sigma: float) -> FloatArray:
    """Spectra of norm 1 brought from the recipe's broadening to a larger one, norm 1 again."""
    return np.asarray(_spread(unit, recipe, sigma) / _norms(unit, recipe, sigma))


def _norms(unit: FloatArray, recipe: Recipe, sigma: float) -> FloatArray:
    return np.asarray(np.linalg.norm(_spread(unit, recipe, sigma), axis=1, keepdims=True))


def _spread(curves: FloatArray, recipe: Recipe, sigma: float) -> FloatArray:
    """Curves brought from the recipe's broadening to a larger one, in a unit of its own."""
    further = max(sigma**2 - recipe.broadening**2, 0.0)
    if further == 0.0:
        return curves
    energies = recipe.grid.energies
    return np.asarray(curves @ np.exp(-0.5 * (energies[:, None] - energies) ** 2 / further))
