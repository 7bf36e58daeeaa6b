"""A basis, and crystals with expected spectra."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from atlas_samples import RECIPE, make_crystals, peaks
from dosmith.atlas import AtlasCrystal
from dosmith.spectra.code import Basis


@pytest.fixture(scope="session")
def basis() -> Basis:
    return Basis.of(peaks(np.random.default_rng(5), 500), RECIPE)


@pytest.fixture
def crystals() -> Callable[..., list[AtlasCrystal]]:
    return make_crystals
