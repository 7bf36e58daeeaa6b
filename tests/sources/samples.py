"""Curves and files that the tests of several readers share: the same two densities, written as each program would."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from dosmith.errors import DosmithError
from dosmith.records import Spectrum
from dosmith.sources.files import FileDos, read_dos_stream

E = np.round(np.linspace(-10.0, 10.0, 201), 3)
UP = np.round(1.0 + np.sin(E) ** 2, 4)
DOWN = np.round(0.5 + np.cos(E / 2) ** 2, 4)


def running(density: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.diff(E) * (density[1:] + density[:-1]) / 2)])


def table(*columns: np.ndarray, sep: str = " ", head: str = "", comma: bool = False) -> bytes:
    rows = "\n".join(sep.join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    return (head + (rows.replace(".", ",") if comma else rows) + "\n").encode()


def parse(content: bytes, **options: object) -> FileDos:
    return read_dos_stream(io.BytesIO(content), "upload", **options)  # type: ignore[arg-type]


def assert_curve(spectrum: Spectrum, *densities: np.ndarray, fermi: float, energies: np.ndarray = E) -> None:
    np.testing.assert_allclose(spectrum.energies, energies, atol=1e-9)
    np.testing.assert_allclose(spectrum.densities, np.stack(densities), atol=1e-5)
    assert spectrum.fermi == pytest.approx(fermi, abs=1e-9)


def noted(dos: FileDos, text: str) -> bool:
    return any(text in note for note in dos.spectrum.notes)


def vasprun(
    *spins: np.ndarray,
    energies: np.ndarray = E,
    fermi: str = '<i name="efermi">  1.25 </i>',
    ismear: int = 0,
    atoms: tuple[str, ...] = ("Ni", "Pt", "Pt", "Pt"),
    more_dos: str = "",
) -> bytes:
    sets = "".join(
        f'<set comment="spin {i}">'
        + "".join(f"<r> {e:9.4f} {d:9.4f} 0.0 </r>\n" for e, d in zip(energies, spin, strict=True))
        + "</set>"
        for i, spin in enumerate(spins, start=1)
    )
    names = "".join(f"<rc><c>{atom} </c><c> 1</c></rc>" for atom in atoms)
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <incar><i type="int" name="ISMEAR"> 1</i><i name="SIGMA"> 0.5</i></incar>
 <parameters><i type="int" name="ISMEAR"> {ismear}</i><i name="SIGMA">      0.20000000</i></parameters>
 <atominfo><atoms> 4 </atoms><array name="atoms" ><set>{names}</set></array></atominfo>
 <calculation><dos><i name="efermi"> 9.0 </i><total><array><set><set><r> 0 1 0 </r></set></set></array></total></dos>
 </calculation>
 <calculation><dos>{fermi}<total><array><field>energy</field><set>{sets}</set></array></total></dos>{more_dos}</calculation>
</modeling>
""".encode()


def doscar(*spins: np.ndarray, energies: np.ndarray = E, grid: str | None = None) -> bytes:
    columns = [energies, *spins, *(running(spin) for spin in spins)]
    grid = grid or f"{energies[-1]:16.8f}{energies[0]:16.8f}{len(energies):5d}{1.25:16.8f}{1.0:16.8f}"
    rows = [f"   {row[0]:8.3f}" + "".join(f"{value:12.4E}" for value in row[1:]) for row in zip(*columns, strict=True)]
    atom = [grid] + [f"   {e:8.3f}  0.1000E+00  0.1000E+00  0.1000E+00" for e in energies]  # a block of LORBIT
    head = ["   4   4   1   0", "  0.13E+02  0.28E-09  0.28E-09", "  1.0E-004", "  CAR ", " Pt3Ni"]
    return "\n".join([*head, grid, *rows, *atom]).encode()


def dos_json(name: str = "Dos", **changes: object) -> bytes:
    whole = {"@class": name, "efermi": 1.25, "energies": E.tolist(), "densities": {"1": UP.tolist(), "-1": DOWN.tolist()}}
    return json.dumps({**whole, **changes}).encode()


def survives(content: bytes) -> None:
    """Whatever is in a file, the outcome is a DOS or one line."""
    try:
        spectrum = parse(content, max_mebibytes=4).spectrum
    except DosmithError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        assert np.isfinite(spectrum.densities).all()


def mutated(content: bytes, edits: list[tuple[float, bytes, int]]) -> bytes:
    """The content with edits (place as a share of the length, new bytes, bytes cut away)."""
    for where, new, cut in edits:
        at = int(where * len(content))
        content = content[:at] + new + content[at + cut :]
    return content
