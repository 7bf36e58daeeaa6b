"""Small inputs, each with one fault, become the targets that they should be: zero, gap, coverage, and what is said of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from dosmith import MemoryLibrary, Recipe, load_dos
from dosmith.targets import resolve_target

CASES = Path(__file__).parent / "fixtures" / "cases"


@pytest.mark.parametrize(
    ("name", "zero", "gap", "coverage", "said"),
    [
        ("DOSCAR.halfstep", 0.0, 0.0, 1.0, "it stands in their middle"),
        ("DOSCAR.undersampled", 0.0, 0.0, 1.0, "the curve is made from that column"),
        ("DOSCAR.spike", -0.842, 1.825, 1.0, "the curve is made from that column"),
        ("DOSCAR.relaxation", -1.131, 2.709, 1.0, "VASP divides the DOSCAR of a relaxation by its steps"),
        ("DOSCAR.narrow-band", 0.0, 0.0, 1.0, "metal"),
        ("vasprun-stars.xml", 0.0, 0.0, 1.0, "the density at -10 eV is not printed; it is taken from the integrated column"),
        ("Cu-narrow.csv", 0.0, 0.0, 0.663, "are compared, the rest of the curve is unknown"),
        ("qe-efermi0.dos", 6.197, 0.606, 1.0, "its Fermi level of 0 eV is none"),
        ("semimetal-E2.csv", 0.0, 0.0, 1.0, "metal"),
        ("spiky-al.dat", 11.208, 0.0, 1.0, "metal"),
    ],
)
def test_a_file_becomes_the_target_that_it_means(
    name: str, zero: float, gap: float, coverage: float, said: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.decompress((CASES / f"{name}.gz").read_bytes()))
    standard = resolve_target(file, MemoryLibrary([]), Recipe()).standard
    assert standard.zero == pytest.approx(zero, abs=0.01)
    assert standard.gap == pytest.approx(gap, abs=0.02)
    assert standard.coverage == pytest.approx(coverage, abs=0.01)
    assert said in " ".join(standard.steps)


def test_half_a_step_is_taken_back(tmp_path: Path) -> None:
    """Each density is the mean over the step below its energy."""
    text = gzip.decompress((CASES / "DOSCAR.halfstep.gz").read_bytes()).decode()
    (tmp_path / "DOSCAR").write_text(text, encoding="utf-8")
    first = [float(line.split()[0]) for line in text.splitlines()[6:9]]
    found = load_dos(tmp_path / "DOSCAR")
    assert np.diff(first) == pytest.approx([0.4, 0.4], abs=1e-3)
    assert np.abs(found.energies - (first[1] - 0.2)).min() < 1e-3 < 0.1 < np.abs(found.energies - first[1]).min()
