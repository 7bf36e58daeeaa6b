"""A design as files in a folder: report.html, candidates.json, candidates.csv, and a CIF for every known structure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dosmith.designer import Design
from dosmith.errors import DosmithError
from dosmith.report.html import Curve, ReportData, render
from dosmith.version import __version__


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
    }
    for identifier in sorted({i for candidate in design.candidates for i in candidate.structure_ids}):
        structure = design.library.material(identifier).structure
        if structure is not None:
            contents[f"structures/{identifier}.cif"] = structure.to(fmt="cif", symprec=1e-3)
    try:
        (folder / "structures").mkdir(parents=True, exist_ok=True)
        for stale in (folder / "structures").glob("*.cif"):
            if f"structures/{stale.name}" not in contents:
                stale.unlink()
        for name, text in contents.items():
            _write(folder / name, text)
    except OSError as error:
        raise DosmithError(f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out") from None
    return [folder / name for name in contents]


def report_data(design: Design, command: str = "") -> ReportData:
    """What the HTML report shows of a design."""
    target, standard = design.target, design.target.standard
    window = design.settings.get("window")
    known = [
        (
            c.as_dict(),
            None if c.structure_id is None else Curve(c.formula, "candidate", design.curves[c.structure_id], c.structure_id),
        )
        for c in design.candidates
    ]
    similar = [(n.as_dict(), Curve(n.formula, "similar", design.curves[n.id], n.id)) for n in design.similar]
    facts = [("Source", target.source), *((f"Step {i}", step) for i, step in enumerate(standard.steps, 1))]
    return ReportData(
        title=target.name,
        energies=design.energies,
        target=Curve(target.name, "target", standard.values),
        candidates=known,
        similar=similar,
        target_facts=facts,
        settings=[(name.replace("_", " "), _plain(value)) for name, value in design.settings.items()],
        model=_model_rows(design.model),
        caveats=design.caveats,
        window=None if window is None else (window[0], window[1]),
        version=__version__,
        command=command or f'dosmith.design("{target.name}")',
    )


def _model_rows(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    network = model["networks"][model["network"]]
    score = network["in_sample"]["top_5"]
    return [
        ("Model", f"{model['name']} (dosmith {model['dosmith_version']})"),
        ("Trained on", f"{model['trained_on']['name']}, {model['trained_on']['count']:,} spectra"),
        ("Network", f"{model['network']} crystals, {network['spectra']:,} spectra"),
        (
            "Composition accuracy, in-sample",
            f"{score['mean']:.3f} ({score['low']:.3f}-{score['high']:.3f}) among five, {network['in_sample']['n']:,} training spectra;"
            " says nothing of unseen compositions",
        ),
        ("Elements", " ".join(model["elements"])),
        ("Compositions", f"{model['n_elements']} elements, counts up to {model['max_ratio']}"),
    ]


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "any"
    return " ".join(str(part) for part in value) if isinstance(value, (list, tuple)) else str(value)


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.writing")
    try:
        with open(aside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
