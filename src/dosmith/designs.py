"""The answer to a target: ranked candidates, the known materials beside them, what to bear in mind; as JSON, CSV, table."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.library import Library
from dosmith.models.interface import Model, Proposal
from dosmith.records import Candidate
from dosmith.spectra.count import Count
from dosmith.targets import Target

FloatArray = NDArray[np.float64]

ALIKE = 0.8
"""Similarity below which the most similar known DOS is remarked on."""


SHAPE_ONLY = "Shape only: electron count is not compared, since all curves are scaled to the same area."
"""What a similarity does not tell, beside every list."""


def counted_too(count: Count, probabilities: bool = True, identity: bool = False) -> str:
    """What it tells where numbers of states count."""
    if identity:
        return (
            f"Electron count is compared: the target has {count}; the further a composition's number is from that, the less likely it is."
            " Similarities and P are of shape and gap alone."
        )
    rest = "; probabilities are of shape and gap alone" if probabilities else ""
    return (
        "Electron count is compared: the similarity of the shapes is multiplied by the smaller number of states per atom over the larger"
        f" (the target: {count}){rest}."
    )


@dataclass(frozen=True)
class Neighbour:
    """A material of the library whose DOS is like the target's.

    Attributes:
        rank: from 1.
        id: in the library.
        formula: reduced.
        similarity: to the target.
        metric: name of the similarity.
        prototype: Strukturbericht symbol, or None.
        crystal_system: or None.
        is_target: whether it is the very material that is the target.
    """

    rank: int
    id: str
    formula: str
    similarity: float
    metric: str
    prototype: str | None
    crystal_system: str | None
    is_target: bool

    def as_dict(self) -> dict[str, Any]:
        """The neighbour as it stands in the JSON answer."""
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False)
class Design:
    """The answer to a target.

    Attributes:
        target: what was asked for, with what was done to it.
        candidates: ranked compositions.
        similar: known materials with the most similar DOS: the honest baseline beside every design.
        settings: the options that led here, plain values.
        model: which model answered, plain values.
        caveats: what to bear in mind, one sentence each.
        energies: points of the curves, eV from the energy zero, shape (points,).
        curves: standard DOS by id of every material named in `candidates` and `similar`, 1/eV, shape (points,).
        library: where ids are looked up.
        predicted: what the model expects of the candidates without a known DOS, by formula: crystal, standard vector, band.
    """

    target: Target
    candidates: tuple[Candidate, ...]
    similar: tuple[Neighbour, ...]
    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    caveats: tuple[str, ...]
    energies: FloatArray
    curves: Mapping[str, FloatArray] = field(repr=False)
    library: Library = field(repr=False)
    predicted: Mapping[str, Proposal] = field(default_factory=dict, repr=False)

    def curve(self, candidate: Candidate) -> FloatArray | None:
        """The standard DOS of a candidate, known or predicted, 1/eV, shape (points,); None where there is none."""
        proposal = self.predicted.get(candidate.formula)
        return proposal.vector if proposal is not None else self.curves.get(candidate.structure_id or "")

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain values; the layout is documented in docs/json.md and stable."""
        return {
            "target": self.target.as_dict(),
            "settings": dict(self.settings),
            "model": dict(self.model),
            "candidates": [candidate.as_dict() for candidate in self.candidates],
            "similar": [neighbour.as_dict() for neighbour in self.similar],
            "caveats": list(self.caveats),
        }

    def to_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False)

    def to_csv(self) -> str:
        """The candidates as CSV text with a header."""
        return csv_text([candidate.as_dict() for candidate in self.candidates])

    def _repr_html_(self) -> str:
        predicting = bool(self.predicted)
        head = (
            "rank",
            "formula",
            str(self.settings["metric"]),
            "probability" if predicting else "distance",
            "its DOS is",
            "crystal",
        )
        rows = [
            (
                str(c.rank),
                c.formula,
                _rounded(c.similarity, 3),
                _rounded(c.probability, 2) if predicting else _rounded(c.distance, 3),
                "known" if c.known_dos else c.similarity_kind or "unknown",
                c.structure_id or c.crystal_id or c.prototype or "",
            )
            for c in self.candidates
        ]
        cells = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        header = "".join(f"<th>{name}</th>" for name in head)
        caption = f"Candidates with the DOS of {html.escape(self.target.name)}"
        return f"<table><caption>{caption}</caption><thead><tr>{header}</tr></thead><tbody>{cells}</tbody></table>"


def _rounded(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Dictionaries with the same keys as CSV text; lists are joined by blanks, compositions left to the formula."""
    text = io.StringIO()
    names = [name for name in rows[0] if name != "composition"] if rows else []
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        values = (row[name] for name in names)
        writer.writerow(
            " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else value for value in values
        )
    return text.getvalue()


def caveats(
    target: Target,
    model: Model,
    part: str,
    proposals: Sequence[Proposal],
    similar: tuple[Neighbour, ...],
    library: Library,
    count: Count | None = None,
    identity: bool = False,
    real: bool = False,
) -> tuple[str, ...]:
    """What to bear in mind, a sentence each.

    Args:
        target: what was asked for.
        model: that answered.
        part: of the model.
        proposals: its answer.
        similar: the known materials beside it.
        library: where those are.
        count: the target's number of states, where that counts.
        identity: whether it was asked whose DOS it is.
        real: whether the target's material exists.
    """
    found = []
    if target.composition is not None:
        formula = formulas.write(target.composition)
        if len(target.composition) not in model.sizes:
            found.append(
                f"The model proposes compositions of {' or '.join(map(str, model.sizes))} elements, so {formula} itself cannot be a candidate."
            )
        elif target.composition in model.trained_on(part):
            same = "this DOS" if target.material_id and library.name == model.spec["library"]["name"] else "another DOS"
            named = target.composition in [each.composition for each in proposals]
            verdict = "finding it again is in-sample, not a discovery" if named else "yet it is not among the candidates"
            found.append(f"The model was trained on {same} of {formula}; {verdict}.")
    found += model.remarks(proposals, part)
    if target.standard.covered is None:
        found += model.doubts(target.standard.values)
    best = next((n.similarity for n in similar if not n.is_target), 0.0)
    if best < ALIKE:
        found.append(f"No other known DOS is much like the target's (best similarity {best:.2f}).")
    if target.standard.coverage < 0.999:
        found.append(f"The target covers {target.standard.coverage:.0%} of the model's window; the rest counts as empty.")
    if real:
        found.append(
            "You said that the material exists, so each candidate's probability was multiplied by P(exists) before all were shared out."
        )
    found.append(SHAPE_ONLY if count is None else counted_too(count, identity=identity))
    found.append(
        "A similar DOS is a hint, not a proof: the stability of every candidate, and the DOS of unknown ones, are still to be computed."
    )
    found.extend(f"Damaged part of {library.name} left out: {shard}." for shard in library.damaged)
    return tuple(found)
