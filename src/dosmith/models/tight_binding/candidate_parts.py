"""The projections that a forward model expects of its candidates: shares of each expected spectrum. Reading them needs no PyTorch.

On disk a share is a byte at every third grid point, straight between those, told by how much it differs from the one before; parts with hardly any
states are left out. So the projections of a crystal take about twice as much room as its spectrum.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith.errors import FileFormatError, ModelError, SpectrumError
from dosmith.library.arrow import integers, numbers
from dosmith.models.calibration import Calibration
from dosmith.models.tight_binding.candidates import bytes_of
from dosmith.spectra.descriptors import ANIONS, bands_of
from dosmith.spectra.parts import Part

if TYPE_CHECKING:
    from dosmith.models.tight_binding.atlas import Atlas
    from dosmith.models.tight_binding.atoms import Atoms
    from dosmith.models.tight_binding.candidates import Candidates
    from dosmith.models.tight_binding.ensemble import ForwardModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Label = tuple[str, str]
Spectra = Callable[[IntArray], NDArray[np.floating[Any]]]
"""Places of crystals -> their expected spectra, shape (places, points)."""
Progress = Callable[[int, int], None]

FILE, SPIN_FILE = "projections.parquet", "spins.parquet"
"""Names of the files in the folder of a model: of elements and orbitals, and of the spins of what is magnetic."""
EVERY = 3
"""Grid points from one stored share to the next."""
WHOLE = 255
LEAST = 0.005
"""Of the states of a crystal: parts with fewer are not stored."""
_AT_ONCE = 64  # crystals predicted
_CALIBRATION, _CHANGES = b"dosmith_calibration", "changes"
_STEPS = 1024  # of a certainty


@dataclass(frozen=True, eq=False)
class CandidateParts:
    """L parts of C crystals.

    Attributes:
        owners: crystal of each part, rising, shape (L,).
        elements: of each, shape (L,).
        orbitals: of each, shape (L,); of spins up and down, without an element.
        certainties: norm of the mean of the members' curves of norm 1, shape (L,).
        shares: of the expected spectrum at every third grid point, in 255ths, shape (L, S).
        calibration: what the errors of such parts are like.
    """

    owners: IntArray
    elements: NDArray[np.str_]
    orbitals: NDArray[np.str_]
    certainties: FloatArray
    shares: NDArray[np.uint8]
    calibration: Calibration

    def as_bytes(self) -> bytes:
        """The contents of a file that holds them."""
        changes = self.shares - np.pad(self.shares[:, :-1], ((0, 0), (1, 0)))  # modulo 256; small, so that few bits tell them
        columns = {
            "crystal": pa.array(self.owners, pa.int32()),
            "element": pa.array(self.elements.tolist()).dictionary_encode(),
            "orbital": pa.array(self.orbitals.tolist()).dictionary_encode(),
            "certainty": pa.array(np.round(self.certainties * _STEPS) / _STEPS, pa.float32()),
            _CHANGES: pa.array([row.tobytes() for row in changes], pa.binary(changes.shape[1])),
        }
        table = pa.table(columns).replace_schema_metadata({_CALIBRATION: json.dumps(self.calibration.as_dict()).encode()})
        content = io.BytesIO()
        apart = {"crystal": "DELTA_BINARY_PACKED", "certainty": "BYTE_STREAM_SPLIT"}
        named = ["element", "orbital"]
        pq.write_table(table, content, compression="zstd", compression_level=15, use_dictionary=named, column_encoding=apart)
        return content.getvalue()

    @classmethod
    def read(cls, content: bytes) -> CandidateParts:
        """Parts from the contents of a file.

        Raises:
            FileFormatError: it is not what `as_bytes` made.
        """
        try:
            with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
                table = file.read(use_threads=False)
            table = table.combine_chunks()
            owners, certainties = numbers(table["crystal"]).astype(np.intp), numbers(table["certainty"])
            elements, orbitals = _texts(table["element"]), _texts(table["orbital"])
            told = _CHANGES if _CHANGES in table.column_names else "shares"  # as older files have them
            width = table.schema.field(told).type.byte_width
            shares = bytes_of(table[told].chunk(0)) if len(table) else np.zeros((0, width), dtype=np.uint8)
            if told == _CHANGES:
                shares = np.cumsum(shares, axis=1, dtype=np.uint8)
            calibration = Calibration(**json.loads(table.schema.metadata[_CALIBRATION]))
        except (pa.ArrowException, KeyError, ValueError, TypeError, OSError, RecursionError) as error:
            raise FileFormatError(f"the projections of the model's candidates are damaged ({error})") from None
        return cls(owners, elements, orbitals, certainties, shares, calibration)

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """The same as arrays, none of objects, which `of_arrays` takes as they are: mapped into memory, say."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "calibration"}
        return arrays | {"calibration": np.array([json.dumps(self.calibration.as_dict())], dtype=np.str_)}

    @classmethod
    def of_arrays(cls, held: Mapping[str, NDArray[Any]]) -> CandidateParts:
        """Parts from `as_arrays`."""
        calibration = Calibration(**json.loads(str(held["calibration"][0])))
        return cls(calibration=calibration, **{name: values for name, values in held.items() if name != "calibration"})

    def rows(self, part: Part) -> IntArray:
        """Which parts belong to a wider one, rising."""
        chosen = np.ones(len(self.owners), dtype=np.bool_)
        if part.element is not None:
            chosen &= self.elements == part.element
        if part.orbital is not None:
            chosen &= self.orbitals == part.orbital
        return np.flatnonzero(chosen)

    def curves(self, rows: IntArray, expected: NDArray[np.floating[Any]]) -> FloatArray:
        """Densities of parts, in the unit of the expected spectra.

        Args:
            rows: R parts.
            expected: spectra of their crystals, shape (R, points), or (1, points) where they are of one.

        Returns:
            shape (R, points).
        """
        return np.asarray((self.shares[rows] / WHOLE) @ _straight(self.shares.shape[1], expected.shape[1]) * expected)

    def of_crystal(self, place: int, expected: NDArray[np.floating[Any]]) -> dict[Label, FloatArray]:
        """The densities of one crystal by element and orbital, in the unit of its expected spectrum, of shape (points,) as each."""
        rows = np.arange(np.searchsorted(self.owners, place), np.searchsorted(self.owners, place, side="right"))
        labels = zip(self.elements[rows].tolist(), self.orbitals[rows].tolist(), strict=True)
        return dict(zip(labels, self.curves(rows, expected[None]), strict=True))

    def taken(self, places: IntArray) -> CandidateParts:
        """The parts of some of the crystals alone, which are counted anew; places rise."""
        where = np.searchsorted(places, self.owners)
        there = (where < len(places)) & (places[np.minimum(where, len(places) - 1)] == self.owners)
        return self._numbered(np.where(there, where, -1))

    def moved(self, to: IntArray) -> CandidateParts:
        """The parts of the same crystals where they stand now, -1 where one is gone; of shape (C,) or longer."""
        return self._numbered(to[self.owners])

    def _numbered(self, owners: IntArray) -> CandidateParts:
        kept = np.flatnonzero(owners >= 0)
        kept = kept[np.argsort(owners[kept], kind="stable")]
        return replace(
            self,
            owners=owners[kept],
            elements=self.elements[kept],
            orbitals=self.orbitals[kept],
            certainties=self.certainties[kept],
            shares=self.shares[kept],
        )

    @classmethod
    def joined(cls, parts: Sequence[CandidateParts], calibration: Calibration) -> CandidateParts:
        """Parts of different crystals as one, with one calibration."""
        names = [each.name for each in fields(cls) if each.name != "calibration"]
        columns = {name: np.concatenate([getattr(each, name) for each in parts]) for name in names}
        whole = cls(calibration=calibration, **columns)
        return whole._numbered(whole.owners)

    def of(self, part: Part, at: Spectra) -> tuple[IntArray, FloatArray]:
        """The crystals that have a part, and its expected spectra, of norm 1 or less as those of the whole.

        Args:
            part: without spin.
            at: the expected spectra of crystals.

        Returns:
            places of the crystals, shape (P,); spectra, shape (P, points).
        """
        rows = self.rows(part)
        places, first, owner = np.unique(self.owners[rows], return_index=True, return_inverse=True)
        expected = at(places)
        if not len(places):
            return places, np.zeros((0, expected.shape[1]))
        curves = self.curves(rows, expected[owner])
        sizes = np.linalg.norm(curves, axis=1)
        certainty = np.add.reduceat(sizes * self.certainties[rows], first) / np.maximum(np.add.reduceat(sizes, first), 1e-30)
        sums = np.add.reduceat(curves, first)
        norms = np.linalg.norm(sums, axis=1)
        kept = norms > 0
        return places[kept], sums[kept] * (certainty[kept] / norms[kept])[:, None]

    def descriptors(self, energies: FloatArray, at: Spectra, count: int, element: str | None = None) -> dict[str, FloatArray]:
        """The band descriptors of all crystals, shapes (C,), NaN where there is no such band; see `descriptors.of_curves`.

        Args:
            energies: of the grid, eV, shape (points,).
            at: the expected spectra of crystals.
            count: of all crystals.
            element: whose d band it is; all together when None.
        """
        d_rows = self.rows(Part(element, "d"))
        places, first, owner = np.unique(self.owners[d_rows], return_index=True, return_inverse=True)
        d_states = np.add.reduceat(self.curves(d_rows, at(places)[owner]), first) if len(places) else np.zeros((0, len(energies)))
        found = {f"d_band_{name}": _among(count, places, values) for name, values in bands_of(energies, d_states).items()}
        of_anion = np.full(count, len(self.owners))
        for symbol in reversed(ANIONS):
            rows = self.rows(Part(symbol, "p"))
            of_anion[self.owners[rows]] = rows
        there = np.flatnonzero(of_anion < len(self.owners))
        found["p_band_centre"] = _among(count, there, bands_of(energies, self.curves(of_anion[there], at(there)))["centre"])
        return found


def _among(count: int, places: IntArray, values: FloatArray) -> FloatArray:
    """Values at some places of so many, NaN at the others."""
    found = np.full(count, np.nan)
    found[places] = values
    return found


@lru_cache(maxsize=4)
def _straight(stored: int, points: int) -> FloatArray:
    """What takes stored shares to straight lines between them, shape (stored, points)."""
    return np.stack([np.interp(np.arange(points), np.arange(stored) * EVERY, one) for one in np.eye(stored)])


def _texts(column: pa.ChunkedArray) -> NDArray[np.str_]:
    """A column of texts, few of them different."""
    held = column.combine_chunks()
    held = held if pa.types.is_dictionary(held.type) else held.dictionary_encode()
    return np.array(held.dictionary.to_pylist(), dtype=np.str_)[integers(held.indices)]


def atlas_of_part(atlas: Atlas, parts: CandidateParts, part: Part) -> tuple[Atlas, IntArray]:
    """The crystals of an atlas that have a part, with the spectra expected of it, and their places in the atlas.

    Args:
        atlas: of all crystals.
        parts: theirs; spins where a spin is wanted.
        part: of an element or orbital, or a spin, not of both.

    Raises:
        SpectrumError: none of them has it.
    """
    wanted = part if part.spin is None else Part(orbital=part.spin)
    places, spectra = parts.of(wanted, atlas.candidates.at)
    if not len(places):
        raise SpectrumError(f"none of the model's candidates has {part} states")
    candidates = replace(atlas.candidates.taken(places), spectra=spectra.astype(np.float32))
    own = {field.name: getattr(parts.calibration, field.name) for field in fields(Calibration) if field.name in _OF_PARTS}
    return replace(atlas, candidates=candidates, calibration=replace(atlas.calibration, **own), made_of=None), places


_OF_PARTS = frozenset(
    {"count", "cosine", "above", "determination", "intercept", "slope", "certainty", "width", "floor", "kinds", "windows"}
)
"""What of a calibration is measured on parts; whatever else it holds is of the crystal, as its gap is."""


def predict_parts(
    model: ForwardModel,
    prepared: Sequence[Atoms],
    candidates: Candidates,
    calibration: Calibration,
    spins: bool = False,
    progress: Progress | None = None,
) -> CandidateParts:
    """What a model expects of the parts of its candidates, or of the spins of those that are magnetic.

    Args:
        model: the networks.
        prepared: the candidates' crystals, in order.
        candidates: with their expected spectra.
        calibration: of parts, or of spins.
        spins: whether spins are wanted, not elements and orbitals.
        progress: called after each few: how many are done, and how many there are.

    Raises:
        ModelError: the crystals are not those of the candidates.
    """
    from dosmith.models.tight_binding.projected import expected_parts, expected_spins

    if len(prepared) != len(candidates.crystals):
        raise ModelError("the crystals are not those of the model's candidates")
    owners, labels, certainties = [], [], []
    shares = [np.zeros((0, len(range(0, model.recipe.grid.points, EVERY))), dtype=np.uint8)]
    for start in range(0, len(prepared), _AT_ONCE):
        some = prepared[start : start + _AT_ONCE]
        told = [expected_spins(model, each) for each in some] if spins else expected_parts(model, some)
        for place, found in enumerate(told, start):
            whole = np.sum([curve for curve, _ in found.values()], axis=0)
            for label, (curve, certainty) in found.items():
                if curve.sum() > LEAST * whole.sum():
                    share = np.divide(curve, whole, out=np.zeros_like(curve), where=whole > 0)
                    owners.append(place)
                    labels.append(label)
                    certainties.append(certainty)
                    shares.append(np.rint(WHOLE * np.clip(share[None, ::EVERY], 0, 1)).astype(np.uint8))
        if progress is not None:
            progress(start + len(some), len(prepared))
    elements, orbitals = (np.array([label[place] for label in labels], dtype=np.str_) for place in (0, 1))
    return CandidateParts(
        np.array(owners, dtype=np.intp),
        elements,
        orbitals,
        np.array(certainties, dtype=np.float64),
        np.concatenate(shares),
        calibration,
    )
