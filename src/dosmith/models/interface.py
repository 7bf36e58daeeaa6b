"""What a model is, whatever its kind: one folder, opened without executing anything in it, that answers a spectrum with compositions.

A kind is a subclass of `Model` in a folder of its own, named in `registry.py`. `tests/models/test_model_contract.py` holds every
kind to this page.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.comparison import Comparison
from dosmith.constraints import Constraints
from dosmith.errors import ModelError, OptionError, SpectrumError
from dosmith.formulas import Composition
from dosmith.models.store import SPEC, find_checkpoint, read_spec, read_tensors

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.library import Library
    from dosmith.models.tight_binding.atlas import Atlas
    from dosmith.spectra.parts import Part
    from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

ANY = "any"
"""The part of a model that answers for all crystal systems together."""

COMPOSITIONS = frozenset({"top", "elements", "require", "exclude", "avoid", "n_elements", "ratio"})
"""Options of a question that every model honours."""
CRYSTALS = frozenset({"above_hull", "count", "formula", "gap", "price", "prototype", "real", "space_group", "variety"})
"""Further options, of a model that proposes crystals."""
CURVES = frozenset(
    {
        "atlas",
        "broadening",
        "crystal_system",
        "electrons",
        "fermi",
        "keep",
        "library",
        "metric",
        "out",
        "project",
        "rank_by",
        "spin",
        "stability",
        "weights",
        "window",
        "zero",
    }
)
"""Further options, of a question about a density of states."""


class ProposedCrystal(Protocol):
    """A crystal whose spectrum is predicted."""

    @property
    def composition(self) -> Composition:
        """Reduced."""

    @property
    def prototype(self) -> str | None:
        """Strukturbericht symbol or AFLOW label; None when it has no name."""

    @property
    def crystal_system(self) -> str:
        """Of its space group."""

    @property
    def formation_energy(self) -> float | None:
        """eV/atom in a potential; None when unknown."""

    @property
    def structure(self) -> Structure:
        """The crystal."""


@dataclass(frozen=True, eq=False)
class Seen:
    """M spectra that are known.

    Attributes:
        compositions: of the crystals.
        vectors: the spectra, shape (M, points).
        chances: that the crystals exist, NaN where unknown, shape (M,).
        apart: logarithms of the target's number of states over theirs, NaN where unknown, shape (M,); None where that does not count.
    """

    compositions: Sequence[Composition]
    vectors: FloatArray
    chances: FloatArray
    apart: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Proposal:
    """A composition that a model proposes.

    Attributes:
        composition: reduced.
        similarity: to the target: as computed of a spectrum among the model's own, else to be expected; None where only the asker knows its
            spectrum, or the model predicts none.
        distance: Euclidean, of the predicted composition vector to this composition's, no unit; None from a model without one.
        crystal: whose spectrum is predicted; None where it is known, or where the model knows no crystals.
        p_match: the probability that its DOS matches; None where it is known, or where that is not calibrated.
        p_exists: the probability that it exists; None where it is known, or its height above the hull is not.
        gap: to be expected, eV, 0 for a metal; None where it is known, or none is predicted.
        gap_spread: its standard deviation, eV.
        above_hull: height above the hull of the potential, eV/atom; None where unknown.
        rivals: other compositions in that hull that hold no element besides.
        vector: its predicted standard vector, 1/eV, shape (points,); None where none is predicted.
        half_width: of the band around it, 1/eV, shape (points,).
        known: id of the spectrum among the model's own that this is, or None.
        parts: its predicted projections by element and orbital, in any unit they share, shape (points,) each; empty where none are.
        identity: the probability that the target's spectrum is of this composition; None unless that was asked (`Model.identify`).
        half_metallic_gap: to be expected of one spin while the other conducts, eV, 0 where there is none; None where that is not predicted.
    """

    composition: Composition
    similarity: float | None = None
    distance: float | None = None
    crystal: ProposedCrystal | None = None
    p_match: float | None = None
    p_exists: float | None = None
    gap: float | None = None
    gap_spread: float | None = None
    above_hull: float | None = None
    rivals: int | None = None
    vector: FloatArray | None = None
    half_width: FloatArray | None = None
    known: str | None = None
    parts: Mapping[tuple[str, str], FloatArray] = field(default_factory=dict)
    identity: float | None = None
    half_metallic_gap: float | None = None


@dataclass(frozen=True)
class Summary:
    """What `dosmith model info` tells a person.

    Attributes:
        headline: what the model is, without its name.
        accuracy: of what, and on which data, the rows tell.
        columns: names of the columns of `rows`; empty where rows are a label and a number.
        rows: one line each.
        table: the same and more for other programs, header first.
    """

    headline: str
    accuracy: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    table: tuple[tuple[str, ...], ...]


class Predicted(Protocol):
    """A spectrum that was not computed but predicted."""

    @property
    def name(self) -> str:
        """What was asked for."""

    @property
    def formula(self) -> str:
        """Reduced."""

    @property
    def structure(self) -> Structure | None:
        """The crystal; None when only its composition is known."""

    @property
    def axis(self) -> FloatArray:
        """The axis of the spectrum, rising, shape (points,)."""

    @property
    def values(self) -> FloatArray:
        """The spectrum, shape (points,)."""

    @property
    def parts(self) -> Mapping[tuple[str, str], FloatArray]:
        """Of a density of states, its projections by element and orbital, shape (points,) each; empty where none are predicted."""

    def headline(self) -> str:
        """What is predicted, in one line."""

    def row(self) -> dict[str, str]:
        """The same as cells of a table, by column."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""

    def to_csv(self) -> str:
        """The curve as CSV text with a header."""


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """An opened model; arrays and networks are read on first use.

    Attributes:
        folder: where it lies.
        spec: the contents of its checkpoint.json.
    """

    folder: Path
    spec: Mapping[str, Any]

    kind: ClassVar[str]
    """In checkpoint.json, and in the registry."""
    described: ClassVar[str]
    """What a model of this kind is, to follow "is"."""
    denial: ClassVar[str]
    """What a message says of a model of another kind."""
    keys: ClassVar[frozenset[str]]
    """What checkpoint.json must hold."""
    essentials: ClassVar[tuple[str, ...]]
    """Properties that are read from the spec when it is opened, so that damage is found at once."""
    honours: ClassVar[frozenset[str]]
    """Options of a question that it honours, of `COMPOSITIONS` and `CURVES`; all others are refused."""

    @classmethod
    def open(cls, name: str | Path) -> Self:
        """The model in a folder, or the shipped one of that name.

        Raises:
            NotFoundError: there is none.
            ModelError: it is of another kind, damaged, or was written by a newer dosmith.
        """
        folder = find_checkpoint(name)
        spec = read_spec(folder)
        if spec.get("kind") != cls.kind:
            raise ModelError(f"the model in {folder} {cls.denial}; it is of kind '{spec.get('kind')}'")
        missing = cls.keys - set(spec)
        if missing:
            raise ModelError(f"the model in {folder} is damaged: {SPEC} lacks {', '.join(sorted(missing))}")
        model = cls(folder, spec)
        for name in cls.essentials:
            try:
                getattr(model, name)
            except (KeyError, TypeError, ValueError, AttributeError, SpectrumError) as error:
                raise ModelError(f"the model in {folder} is damaged: {name} in {SPEC} cannot be used ({error})") from None
        return model

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.spec["name"])

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that it knows, by atomic number."""
        return tuple(self.spec["elements"])

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """How many elements its compositions may have, rising."""

    @property
    @abstractmethod
    def ratios(self) -> tuple[tuple[int, ...], ...]:
        """Counts of the compositions that it may propose, falling each; those of few elements first."""

    @property
    def max_ratio(self) -> int:
        """Largest count of an element in its compositions."""
        return max((max(counts) for counts in self.ratios), default=1)

    @property
    def recipe(self) -> Recipe:
        """How a density of states is standardised for it.

        Raises:
            ModelError: its spectra are no densities of states.
        """
        raise ModelError(
            f"the model '{self.name}' is of spectra that are no densities of states; ask it with 'dosmith design TARGET --model"
            f" {self.folder}', or in Python with open_model(...).propose(...)"
        )

    @property
    def of_dos(self) -> bool:
        """Whether its spectra are densities of states, so that it has a recipe."""
        return True

    def target(self, text: str) -> tuple[FloatArray, str]:
        """The spectrum that a person names, on the model's axis, shape (points,), and what it is.

        A density of states is resolved by `dosmith.targets` instead.

        Args:
            text: a file of two columns, or an id or formula of a spectrum that the model knows.

        Raises:
            NotFoundError: it is none of these.
            FileFormatError: the file does not fit.
        """
        raise ModelError(f"the model '{self.name}' is {self.described}; its targets are resolved by dosmith.targets")

    @property
    @abstractmethod
    def axis(self) -> FloatArray:
        """The axis of its spectra, rising, shape (points,): eV from the energy zero for a density of states."""

    def of_part(self, part: Part) -> Model:
        """The model that answers with a part of each density of states, from an element or an orbital.

        Raises:
            OptionError: it predicts no parts.
        """
        raise OptionError(
            f"the model '{self.name}' predicts no {part} states of its candidates; 'dosmith similar' with the same options lists the known"
            " materials whose projections are like it"
        )

    @property
    def atlas(self) -> Atlas | None:
        """Crystals with the spectra that it predicted of them; None for a model that only names compositions."""
        return None

    @cached_property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """All arrays of the weights file by name."""
        return read_tensors(self.folder, self.spec)

    @abstractmethod
    def propose(
        self,
        target: FloatArray,
        top: int,
        constraints: Constraints | None = None,
        *,
        known: Mapping[Composition, float] | None = None,
        crystal_system: str | None = None,
        comparison: Comparison | None = None,
    ) -> list[Proposal]:
        """The best compositions for a target, best first.

        Args:
            target: on the model's axis, shape (points,).
            top: how many.
            constraints: what the compositions must be.
            known: score of the compositions whose spectrum the asker knows, as of `ranking.Judged.scores`, or -inf of those that he does not want. A model that predicts
                similarities ranks them among its own; another leaves them to the asker.
            crystal_system: of the crystals.
            comparison: with the target: which gaps are wanted, another similarity than the cosine of the whole curves, what is ranked by.

        Raises:
            ConstraintError: no composition satisfies the constraints.
            ModelError: it knows no such crystals, or the target does not fit its axis.
            OptionError: it cannot honour one of the options.
        """

    def identify(
        self,
        target: FloatArray,
        top: int,
        constraints: Constraints | None = None,
        *,
        known: Seen | None = None,
        crystal_system: str | None = None,
        comparison: Comparison | None = None,
        real: bool = False,
    ) -> list[Proposal]:
        """The compositions whose spectrum the target most probably is, best first; what merely is like it comes later.

        Args:
            target: on the model's axis, shape (points,).
            top: how many.
            constraints: what the compositions must be.
            known: spectra that the asker knows: their compositions count as these.
            crystal_system: of the crystals.
            comparison: with the target: energies at which it is known and counts, and its number of states where that counts.
            real: whether the target is of a material that exists, so that probabilities to exist count.

        Raises:
            OptionError: it does not know what its errors are like.
            ConstraintError, ModelError: as of `propose`.
        """
        raise OptionError(
            f"the model '{self.name}' is {self.described} and cannot tell whose a spectrum is; leave --rank-by identity out"
        )

    def on_axis(self, target: FloatArray) -> FloatArray:
        """The target, checked to have as many points as the axis.

        Raises:
            ModelError: it has not.
        """
        if target.shape != self.axis.shape:
            raise ModelError(f"the model '{self.name}' needs spectra of {len(self.axis)} points, not of {target.shape[-1]}")
        return target

    def part_for(self, crystal_system: str | None) -> str:
        """The part of the model that answers for a crystal system; most have but one."""
        return ANY

    def trained_on(self, part: str = ANY) -> frozenset[Composition]:
        """The compositions whose spectra a part of it saw."""
        return self._formulas

    @cached_property
    def _formulas(self) -> frozenset[Composition]:
        return frozenset(map(formulas.parse, self.spec["formulas"]))

    @abstractmethod
    def remarks(self, proposals: Sequence[Proposal], part: str) -> list[str]:
        """What to bear in mind about an answer of its, a sentence each."""

    def doubts(self, target: FloatArray) -> list[str]:
        """What makes a whole curve unlike those that the model was trained on, so that its answer is worth less, a sentence each.

        Args:
            target: on the model's axis, shape (points,).
        """
        return []

    def facts(self) -> dict[str, Any]:
        """What tells the model apart, as it stands in a design's JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "dosmith_version": self.spec["dosmith_version"],
            "trained_on": self.spec["library"],
            "networks": self.parts(),
            "elements": list(self.elements),
            "n_elements": max(self.sizes),
            "sizes": list(self.sizes),
            "max_ratio": self.max_ratio,
        }

    @abstractmethod
    def parts(self) -> dict[str, Any]:
        """What each part was trained on and how good it is, by name of the part, as plain values."""

    @abstractmethod
    def summary(self) -> Summary:
        """What `dosmith model info` tells."""

    def as_dict(self) -> dict[str, Any]:
        """What `dosmith model info --format json` tells: the spec whole."""
        return dict(self.spec)

    def predict(self, what: Sequence[str | Structure], library: Library, prototype: str | None = None) -> Sequence[Predicted]:
        """The spectra expected of what a person names.

        Args:
            what: crystals (structures, structure files, formulas, ids in the library), or formulas for a model that knows only these.
            library: where ids and formulas are looked up.
            prototype: crystal of all formulas.

        Raises:
            ModelError: it predicts no spectra, or does not know an element.
            OptionError: it knows no crystals, and a prototype is given.
            DosmithError: one of them is not what it should be.
        """
        raise ModelError(f"the model '{self.name}' does not predict a DOS; predict needs one like 'dosmith'")

    def refuse(self, given: Iterable[str]) -> None:
        """Raise OptionError when an option was given that the model cannot honour.

        Args:
            given: names as in Python; the message writes them as on the command line.
        """
        others = sorted(set(given) - self.honours)
        if others:
            options = " and ".join(f"--{name.replace('_', '-')}" for name in others)
            them = "it" if len(others) == 1 else "them"
            raise OptionError(f"the model '{self.name}' is {self.described} and cannot honour {options}; leave {them} out")
