"""A design as files in a folder: report.html, candidates.json, candidates.csv, curves.csv, and a CIF for every known or predicted structure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith import symmetry
from dosmith.crystals.drawing import Drawing
from dosmith.designs import Design
from dosmith.outputs import write_texts
from dosmith.records import Candidate
from dosmith.report.html import Curve, ReportData, render
from dosmith.spectra.similarity import MATCH
from dosmith.version import __version__

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


_ASKED = {
    "elements": "Allowed elements",
    "require": "Required elements",
    "exclude": "Excluded elements",
    "ratio": "Ratio",
    "n_elements": "Number of elements",
    "formula": "Formula",
    "crystal_system": "Crystal system",
    "space_group": "Space group (number)",
    "prototype": "Prototype",
    "gap": "Gap (eV)",
    "keep": "Conditions",
    "rank_by": "Ranked by",
    "variety": "Variety",
    "top": "Candidates",
    "window": "Energies that count (eV)",
    "metric": "Similarity",
    "zero": "Energy zero",
    "grid": "Energies (eV): lowest, highest, points",
    "broadening_ev": "Broadening, sigma (eV)",
}
"""Settings of a design as the report names them; what says "any" is left out."""


def write_design(design: Design, folder: str | Path, command: str = "") -> list[Path]:
    """Write the answer to a folder, made when missing; each file is written aside and renamed.

    Args:
        design: the answer.
        folder: files of an earlier answer in it are replaced.
        command: what makes the answer again, for the report.

    Returns:
        the files, report first.

    Raises:
        DosmithError: the folder cannot be written.
    """
    folder = Path(folder)
    contents = {
        "report.html": render(report_data(design, command)),
        "candidates.json": design.to_json() + "\n",
        "candidates.csv": design.to_csv(),
        "curves.csv": curves_text(design),
    }
    known = {candidate.composition for candidate in design.candidates if candidate.known_dos}
    for identifier in sorted({i for candidate in design.candidates for i in candidate.structure_ids}):
        structure = design.library.material(identifier).structure
        if structure is not None:
            contents[f"structures/{_file_name(identifier)}.cif"] = symmetry.cif(structure)
    for formula, proposal in design.predicted.items():
        if proposal.crystal is not None and proposal.composition not in known:
            contents[_predicted_file(formula)] = symmetry.cif(proposal.crystal.structure)
    return write_texts(folder, contents, stale=lambda name: name.startswith("structures/"))


def curves_text(design: Design) -> str:
    """Target and candidates' curves, known or predicted, as CSV text: eV from the energy zero, 1/eV, unit area."""
    curves = {c.formula: curve.values for c in design.candidates if (curve := _curve(design, c)) is not None}
    columns = [design.energies, design.target.standard.values, *curves.values()]
    rows = (",".join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    return "\n".join([",".join(["energy_ev", "target", *curves]), *rows]) + "\n"


def _predicted_file(formula: str) -> str:
    return f"structures/{_file_name(formula)}-predicted.cif"


def _file_name(identifier: str) -> str:
    """An id as a file name that stays in its folder."""
    return re.sub(r"[^\w.+-]", "_", identifier).lstrip(".") or "_"


def report_data(design: Design, command: str = "") -> ReportData:
    """What the HTML report shows of a design."""
    target, standard = design.target, design.target.standard
    window = design.settings["window"]
    candidates = [(c.as_dict(), _curve(design, c)) for c in design.candidates]
    similar = [
        (
            n.as_dict(),
            Curve(n.formula, "similar", design.curves[n.id], n.id, None, *_crystal(design.library.material(n.id).structure)),
        )
        for n in design.similar
    ]
    facts = [("Source", target.source), *((f"Step {i}", step) for i, step in enumerate(standard.steps, 1))]
    return ReportData(
        title=target.name,
        energies=design.energies,
        target=Curve(target.name, "target", standard.values),
        candidates=candidates,
        similar=similar,
        target_facts=facts,
        settings=[(name, _plain(value)) for key, name in _ASKED.items() if (value := _asked(design, key)) not in (None, [])],
        model=_model_rows(design.model),
        caveats=design.caveats,
        window=None if window is None else (window[0], window[1]),
        version=__version__,
        command=command or _python_call(design),
        wanted="" if target.curve else _gap_in_words(design.settings["gap"]),
    )


def _curve(design: Design, candidate: Candidate) -> Curve | None:
    """The known DOS of a candidate, or the predicted one, or none."""
    if candidate.structure_id is not None:
        crystal = _crystal(design.library.material(candidate.structure_id).structure)
        return Curve(
            candidate.formula, "candidate", design.curves[candidate.structure_id], candidate.structure_id, None, *crystal
        )
    proposal = design.predicted.get(candidate.formula)
    if proposal is None or proposal.vector is None:
        return None
    crystal = _crystal(None if proposal.crystal is None else proposal.crystal.structure)
    return Curve(candidate.formula, "candidate", proposal.vector, "predicted, not computed", proposal.half_width, *crystal)


def _crystal(structure: Structure | None) -> tuple[str, str]:
    """A crystal as CIF and as a picture; disordered and unknown ones are not drawn."""
    if structure is None or not structure.is_ordered:
        return "", ""
    return symmetry.cif(structure), Drawing.of(symmetry.conventional(structure)).svg()


def _model_rows(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    network = model["networks"][model["network"]]
    if "held_out" in network:
        found = network["held_out"]
        accuracy = (
            "Predicted DOS, held-out chemical systems",
            f"mean cosine {found['cosine']:.3f} to the computed one, {found['above']:.0%} above {MATCH:g}, {found['count']:,} crystals",
        )
    else:
        score = network["in_sample"]["top_5"]
        accuracy = (
            "Composition accuracy, in-sample",
            f"{score['mean']:.3f} ({score['low']:.3f}-{score['high']:.3f}) among five, {network['in_sample']['n']:,} training spectra;"
            " says nothing of unseen compositions",
        )
    return [
        ("Model", f"{model['name']} (dosmith {model['dosmith_version']})"),
        ("Trained on", f"{model['trained_on']['name']}, {model['trained_on']['count']:,} spectra"),
        ("Network", f"{model['network']} crystals, {network['spectra']:,} spectra"),
        accuracy,
        ("Elements", " ".join(model["elements"])),
        ("Compositions", f"{' or '.join(map(str, model['sizes']))} elements, counts up to {model['max_ratio']}"),
    ]


def _python_call(design: Design) -> str:
    names = ("top", "crystal_system", "elements", "require", "exclude", "ratio", "n_elements", "gap", "keep", "window", "metric")
    chosen = {name: value for name in names if (value := _asked(design, name)) not in (None, [])}
    return f"dosmith.design({', '.join(['target', *(f'{name}={value!r}' for name, value in chosen.items())])})"


def _gap_in_words(gap: str) -> str:
    lower, _, upper = gap.partition(":")
    if gap == "metal":
        return "no gap"
    return f"a gap of {f'{lower} to {upper}' if upper and lower != '0' else f'at least {lower}' if lower != '0' else f'up to {upper}'} eV"


def _asked(design: Design, name: str) -> Any:
    """A setting; the gap is no condition besides where it was asked for by itself."""
    value = design.settings[name]
    if name == "keep" and design.settings["gap"] is not None:
        return [condition for condition in value if not condition.startswith("gap")]
    return value


def _plain(value: Any) -> str:
    return " ".join(str(part) for part in value) if isinstance(value, (list, tuple)) else str(value)
