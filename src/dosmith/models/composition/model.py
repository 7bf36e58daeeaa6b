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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.constraints import Constraints
from dosmith.errors import ConstraintError, ModelError, NotFoundError
from dosmith.formulas import Composition
from dosmith.models.composition import KIND
from dosmith.models.composition.features import Parts
from dosmith.models.composition.table import SpectraTable
from dosmith.models.store import find_checkpoint, read_checked, read_spec

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FloatArray = NDArray[np.float64]

NETWORK, KNOWN = "network.onnx", "known.parquet"
_TOGETHER = 4096  # compositions expected at a time


@dataclass(frozen=True)
class Match:
    """A composition that answers a target.

    Attributes:
        rank: from 1.
        composition: reduced.
        similarity: cosine to the target: of its known spectrum, else to be expected.
        known: id of that spectrum, or None.
    """

    rank: int
    composition: Composition
    similarity: float
    known: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rank": self.rank,
            "formula": formulas.write(self.composition),
            "similarity": self.similarity,
            "similarity_kind": "computed" if self.known is not None else "predicted",
            "id": self.known,
        }


@dataclass(frozen=True, eq=False)
class SpectrumModel:
    """An opened model.

    Attributes:
        folder: where it lies.
        spec: the contents of its checkpoint.json.
    """

    folder: Path
    spec: Mapping[str, Any]

    @classmethod
    def open(cls, name: str | Path) -> SpectrumModel:
        """The model in a folder.

        Raises:
            NotFoundError: there is none.
            ModelError: it is of another kind, damaged, or was written by a newer dosmith.
        """
        folder = find_checkpoint(name)
        spec = read_spec(folder)
        if spec.get("kind") != KIND:
            raise ModelError(f"the model in {folder} is not of other spectra; it is of kind '{spec.get('kind')}'")
        if not {"name", "elements", "settings", "held_out", "sha256"} <= set(spec):
            raise ModelError(f"the model in {folder} is damaged: checkpoint.json is incomplete")
        return cls(folder, spec)

    @cached_property
    def known(self) -> SpectraTable:
        """The spectra it was trained on."""
        return SpectraTable.read(read_checked(self.folder, KNOWN, self.spec))

    @property
    def elements(self) -> tuple[str, ...]:
        """Those that it knows."""
        return tuple(self.spec["elements"])

    def expect(self, compositions: Sequence[Composition]) -> FloatArray:
        """Spectra to be expected, of length 1 or about as much less as they are uncertain, shape (C, L).

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
        self, target: FloatArray, top: int, constraints: Constraints | None = None, without: Iterable[str] = ()
    ) -> list[Match]:
        """The compositions whose spectra are most like a target, best first.

        Candidates are the known compositions, and what comes of them when one element is replaced by another of its group.
        A known one counts as its most similar spectrum.

        Args:
            target: on the model's axis, shape (L,).
            top: how many.
            constraints: what the compositions must be.
            without: ids of known spectra that do not count.

        Raises:
            ConstraintError: no candidate satisfies the constraints.
        """
        constraints = constraints or Constraints()
        wanted = target / np.linalg.norm(target)
        best: dict[Composition, tuple[float, str | None]] = {}
        ignored = set(without)
        similarities = self.known.unit @ wanted
        for composition, identifier, similarity in zip(self.known.compositions, self.known.ids, similarities, strict=True):
            usable = identifier not in ignored and constraints.admit(composition)
            if usable and (composition not in best or similarity > best[composition][0]):
                best[composition] = float(similarity), identifier
        others = [each for each in self._relatives if each not in best and constraints.admit(each)]
        for composition, similarity in zip(others, self.expect(others) @ wanted, strict=True):
            best[composition] = float(similarity), None
        if not best:
            raise ConstraintError("the constraints leave none of the model's candidates; allow more")
        order = sorted(best.items(), key=lambda each: (-each[1][0], formulas.write(each[0])))[:top]
        return [Match(rank, composition, *found) for rank, (composition, found) in enumerate(order, 1)]

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
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        try:
            return onnxruntime.InferenceSession(read_checked(self.folder, NETWORK, self.spec), providers=["CPUExecutionProvider"])
        except ModelError:
            raise
        except Exception as error:  # ONNX Runtime raises classes of its own for bad files
            raise ModelError(f"the model in {self.folder} is damaged: {str(error).splitlines()[0]}") from None


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
    """Those of the symbols that stand in an element's group, itself left out."""
    from pymatgen.core.periodic_table import Element

    group = Element(symbol).group
    return tuple(other for other in symbols if other != symbol and Element(other).group == group)
