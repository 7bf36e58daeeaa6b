"""A made-up law from compositions to signed spectra, which a network can learn and a test can know."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core.periodic_table import Element

from dosmith import formulas

METALS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Ti", "Zr", "Ni", "Pd")
OTHERS = ("O", "S", "Se", "F", "Cl", "Br")
AXIS = np.linspace(-10.0, 10.0, 81)


def spectrum(composition: formulas.Composition) -> np.ndarray:
    """Each element gives a peak where its electronegativity puts it, metals below zero, others above."""
    total = np.zeros_like(AXIS)
    for symbol, count in composition:
        element = Element(symbol)
        sign = -1.0 if element.is_metal else 1.0
        total += sign * count * np.exp(-0.5 * ((AXIS - 5 * (element.X - 2) - 0.3 * element.row) / 1.2) ** 2)
    return total


@pytest.fixture(scope="session")
def law():
    return spectrum


@pytest.fixture(scope="session")
def axis() -> np.ndarray:
    return AXIS


@pytest.fixture(scope="session")
def table_file(tmp_path_factory) -> Path:
    """All binaries of the metals with the others in three ratios but for those of K and of Se together."""
    rows = []
    for metal, other, counts in itertools.product(METALS, OTHERS, ((1, 1), (1, 2), (2, 1))):
        if (metal, other) != ("K", "Se"):
            composition = formulas.reduce(zip((metal, other), counts, strict=True))
            rows.append((formulas.write(composition), spectrum(composition)))
    path = tmp_path_factory.mktemp("table") / "spectra.parquet"
    columns = {
        "formula": [formula for formula, _ in rows],
        "spectrum": [values.tolist() for _, values in rows],
        "axis": [AXIS.tolist()] * len(rows),
    }
    pq.write_table(pa.table(columns), path)
    return path
