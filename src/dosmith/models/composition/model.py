"""A model of other spectra at work: what to expect of a composition, and which compositions answer a target. Needs no PyTorch.

checkpoint.json   format version, settings, elements, what is to be expected on new chemistry, SHA-256 of the rest
network.onnx      features of an element in a composition -> its contribution, the mean of all members
known.parquet     the spectra it was trained on
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.comparison import Comparison
from dosmith.constraints import Constraints
from dosmith.errors import ConstraintError, ModelError, NotFoundError
from dosmith.formulas import Composition
from dosmith.models.composition.features import Parts
from dosmith.models.composition.table import SpectraTable
from dosmith.models.interface import ANY, COMPOSITIONS, Model, Proposal, Summary
from dosmith.models.store import open_session, read_checked
from dosmith.ranking import merged

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from pymatgen.core.structure import Structure

    from dosmith.library import Library

FloatArray = NDArray[np.float64]

NETWORK, KNOWN = "network.onnx", "known.parquet"
_TOGETHER = 4096  # compositions expected at a time


@dataclass(frozen=True, eq=False)
class PredictedSpectrum:
    """A spectrum that was not measured or computed but predicted from a composition.

    Attributes:
        name: what was asked for.
        composition: reduced.
        axis: rising, in the unit of the table that the model was trained on, shape (L,).
        values: of norm 1, or about as much less as they are uncertain, shape (L,).
    """

    name: str
    composition: Composition
    axis: FloatArray
    values: FloatArray

    structure = None

    @property
    def parts(self) -> Mapping[tuple[str, str], FloatArray]:
        """None: it knows no orbitals."""
        return {}

    @property
    def formula(self) -> str:
        """Reduced."""
        return formulas.write(self.composition)

    def headline(self) -> str:
        """What is predicted, in one line."""
        row = self.row()
        return f"predicted, largest at {row['largest at']}, norm {row['norm']} (1: all members agree); the curve: --format csv, or --out DIR"

    def row(self) -> dict[str, str]:
        """Cells of a table, by column."""
        norm = (self.values @ self.values) ** 0.5
        largest = self.axis[abs(self.values).argmax()]
        return {"name": self.name, "formula": self.formula, "largest at": f"{largest:g}", "norm": f"{norm:.2f}"}

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"formula": self.formula, "kind": "predicted", "axis": self.axis.tolist(), "spectrum": self.values.tolist()}

    def to_csv(self) -> str:
        """The spectrum as CSV text with a header."""
        return "axis,spectrum\n" + "".join(f"{x:.6g},{y:.6g}\n" for x, y in zip(self.axis, self.values, strict=True))


@dataclass(frozen=True, eq=False)
class CompositionModel(Model):
    """From a composition to any spectrum that is a vector on an axis, and back."""

    kind: ClassVar[str] = "composition"
    described: ClassVar[str] = "of spectra that are no densities of states"
    denial: ClassVar[str] = "is not of other spectra"
    keys: ClassVar[frozenset[str]] = frozenset({"name", "dosmith_version", "elements", "settings", "axis", "held_out", "sha256"})
    essentials: ClassVar[tuple[str, ...]] = ("elements",)
    honours: ClassVar[frozenset[str]] = COMPOSITIONS

    @property
    def of_dos(self) -> bool:
        """See `Model.of_dos`."""
        return False

    @property
    def axis(self) -> FloatArray:
        """See `Model.axis`."""
        return self.known.axis

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """See `Model.sizes`: those of the known compositions, whose elements are replaced one by one."""
        return tuple(sorted({len(composition) for composition in self.known.compositions}))

    @cached_property
    def ratios(self) -> tuple[tuple[int, ...], ...]:
        """See `Model.ratios`."""
        found = {tuple(sorted((count for _, count in each), reverse=True)) for each in self.known.compositions}
        return tuple(sorted(found, key=lambda counts: (len(counts), counts)))

    @cached_property
    def known(self) -> SpectraTable:
        """The spectra it was trained on."""
        return SpectraTable.read(read_checked(self.folder, KNOWN, self.spec))

    def expected(self, compositions: Sequence[Composition]) -> FloatArray:
        """Spectra to be expected, of norm 1 or about as much less as they are uncertain, shape (C, L).

        Raises:
            ModelError: an element is not known.
        """
        strange = sorted({symbol for each in compositions for symbol, _ in each} - set(self.elements))
        if strange:
            raise ModelError(f"the model does not know {' '.join(strange)}; it knows {' '.join(self.elements)}")
        found = [np.zeros((0, len(self.known.axis)))]
        for start in range(0, len(compositions), _TOGETHER):
            parts = Parts.of(compositions[start : start + _TOGETHER])
            (contributions,) = self._session.run(None, {"features": parts.features.astype(np.float32)})
            found.append(parts.total(contributions.astype(np.float64)))
        return np.concatenate(found)

    def propose(
        self,
        target: FloatArray,
        top: int,
        constraints: Constraints | None = None,
        *,
        known: Mapping[Composition, float] | None = None,
        crystal_system: str | None = None,
        comparison: Comparison | None = None,
        without: Iterable[str] = (),
    ) -> list[Proposal]:
        """See `Model.propose`.

        Candidates are the known compositions, and what comes of them when one element is replaced by another of its group.
        A known one counts as its most similar spectrum, unless `known` says otherwise; spectra named in `without` do not count.
        """
        if crystal_system is not None or comparison is not None:
            self.refuse(["crystal_system"] if crystal_system is not None else ["metric"])
        constraints = constraints or Constraints()
        wanted = self.on_axis(target) / np.linalg.norm(target)
        own: dict[Composition, tuple[float, str | None]] = {}
        ignored = set(without)
        similarities = self.known.unit @ wanted
        for composition, identifier, similarity in zip(self.known.compositions, self.known.ids, similarities, strict=True):
            usable = identifier not in ignored and constraints.admit(composition)
            if usable and (composition not in own or similarity > own[composition][0]):
                own[composition] = float(similarity), identifier
        for composition, score in (known or {}).items():
            if constraints.admit(composition):
                own[composition] = score, None
        others = [each for each in self._relatives if each not in own and constraints.admit(each)]
        names = {composition: formulas.write(composition) for composition in (*own, *others)}
        scores = {composition: score for composition, (score, _) in own.items()}
        predicted = zip(others, (self.expected(others) @ wanted).tolist(), range(len(others)), strict=True)
        by_name = {composition: scores[composition] for composition in sorted(scores, key=lambda each: names[each])}
        found = merged(by_name, sorted(predicted, key=lambda each: (-each[1], names[each[0]])), top)
        if not found:
            raise ConstraintError("the constraints leave none of the model's candidates; allow more")
        return [
            Proposal(composition, score, known=own[composition][1] if composition in own else None)
            for composition, score, _ in found
        ]

    def trained_on(self, part: str = ANY) -> frozenset[Composition]:
        """See `Model.trained_on`."""
        return frozenset(self.known.compositions)

    def remarks(self, proposals: Sequence[Proposal], part: str) -> list[str]:
        """See `Model.remarks`."""
        return []

    def parts(self) -> dict[str, Any]:
        """See `Model.parts`."""
        return {ANY: {"spectra": self.spec["spectra"], "held_out": self.spec["held_out"]}}

    def summary(self) -> Summary:
        """See `Model.summary`."""
        found, (lower, upper, points) = self.spec["held_out"], self.spec["axis"]
        return Summary(
            f"(from a composition to {points} points, {lower:g} to {upper:g}): trained on {self.spec['spectra']:,} spectra,"
            f" {len(self.elements)} elements",
            f"Held-out chemical systems, {found['count']:,} spectra, each by the one network that did not see it",
            (),
            (
                ("mean cosine to the true spectrum", f"{found['cosine']:.3f}"),
                ("the same of the mean spectrum", f"{found['mean_cosine']:.3f}"),
                ("R^2 against the mean spectrum", f"{found['determination']:.3f}"),
            ),
            (("quantity", "value"), *((key, str(value)) for key, value in found.items())),
        )

    def predict(self, what: Sequence[str | Structure], library: Library, prototype: str | None = None) -> list[PredictedSpectrum]:
        """See `Model.predict`; of a structure the composition counts."""
        if prototype is not None:
            self.refuse(["prototype"])
        names = [each if isinstance(each, str) else each.composition.reduced_formula for each in what]
        compositions = [formulas.parse(name) for name in names]
        spectra = self.expected(compositions)
        return [PredictedSpectrum(*each[:2], self.axis, each[2]) for each in zip(names, compositions, spectra, strict=True)]

    def target(self, text: str) -> tuple[FloatArray, str]:
        """The curve that someone means, on the model's axis, and what it is: a file of two columns, or an id or formula of a known one.

        Raises:
            NotFoundError: it is none of these.
            FileFormatError: the file does not fit.
        """
        path = Path(text)
        if path.is_file():
            axis, values = read_curve(path)
            return self.known.on_axis(axis, values, path.name), path.name
        if text in self.known.ids:
            return self.known.values[self.known.ids.index(text)], text
        if formulas.looks_like_formula(text) and formulas.parse(text) in self.known.compositions:
            place = self.known.compositions.index(formulas.parse(text))
            return self.known.values[place], f"{text} ({self.known.ids[place]})"
        raise NotFoundError(f"'{text}' is no file, and neither an id nor a formula among the model's {len(self.known):,} spectra")

    @cached_property
    def _relatives(self) -> list[Composition]:
        """The known compositions, and those with one element replaced by another of its group."""
        found: dict[Composition, None] = {}
        for composition in self.known.compositions:
            found.setdefault(composition)
            symbols = {symbol for symbol, _ in composition}
            for symbol, _ in composition:
                for other in group_of(symbol, self.elements):
                    if other not in symbols:
                        found.setdefault(formulas.reduce((other if s == symbol else s, count) for s, count in composition))
        return list(found)

    @cached_property
    def _session(self) -> InferenceSession:
        return open_session(self.folder, NETWORK, self.spec)


def read_curve(path: Path) -> tuple[FloatArray, FloatArray]:
    """The first two columns of a text file, shapes (N,); lines that do not begin with two numbers are left out.

    Raises:
        FileFormatError: fewer than two lines do.
    """
    from dosmith.errors import FileFormatError

    rows = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            cells = line.replace(",", " ").replace(";", " ").split()[:2]
            try:
                rows.append((float(cells[0]), float(cells[1])))
            except (ValueError, IndexError):
                continue
    points = np.array(rows, dtype=np.float64).reshape(-1, 2)
    if len(points) < 2 or not np.isfinite(points).all():
        raise FileFormatError(f"{path.name} holds no two columns of numbers")
    return points[:, 0], points[:, 1]


@lru_cache(maxsize=512)
def group_of(symbol: str, symbols: tuple[str, ...]) -> tuple[str, ...]:
    """The symbols that stand in an element's group, itself left out."""
    from pymatgen.core.periodic_table import Element

    group = Element(symbol).group
    return tuple(other for other in symbols if other != symbol and Element(other).group == group)
