"""Tiny models of every kind, as this version of dosmith writes them: `python tests/golden_models.py` makes tests/fixtures/models-VERSION.

Run it once when `dosmith.models.store.FORMAT_VERSION` goes up, and never again for that version. Needs dosmith[relax,train].
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np

from dosmith import MemoryLibrary, Settings, formulas, open_dos_set, train
from dosmith.crystals.survey import read_survey, write_survey
from dosmith.models.composition.table import SpectraTable
from dosmith.models.store import FORMAT_VERSION
from dosmith.settings import ForwardSettings, OtherSpectraSettings, PaperSettings, SpectraSettings
from dosmith.shipped import shipped_folder

TINY = Settings(
    spectra=SpectraSettings(levels=76),
    paper=PaperSettings(latent=4, hidden=8, autoencoder_epochs=20, kernels=4, kernel_size=5, epochs=8, system_epochs=2),
    forward=ForwardSettings(members=2, hidden=4, plain_hidden=4, epochs=2, plain_epochs=4, density=4),
    other_spectra=OtherSpectraSettings(members=2, hidden=4, epochs=3),
)
ELEMENTS = {"Pt", "Pd", "Ni", "Al", "Cu", "Ag", "Mg"}


def alloys(step: int) -> MemoryLibrary:
    """Crystals of a few elements."""
    library = open_dos_set()
    rows = [row for row in range(len(library)) if {symbol for symbol, _ in library.compositions[row]} <= ELEMENTS]
    return MemoryLibrary([library.material(library.ids[row]) for row in rows[::step]], "a few alloys")


def made_up_spectra() -> SpectraTable:
    """One peak for each element, by its atomic number."""
    axis = np.linspace(-10.0, 10.0, 21)
    pairs = itertools.product(("Li", "Na", "Mg", "Ca", "Ti"), ("O", "S", "Cl"), ((1, 1), (1, 2)))
    compositions = tuple(formulas.reduce(zip(elements, counts, strict=True)) for *elements, counts in pairs)
    values = [
        sum(count * np.exp(-((axis + 10 - formulas.atomic_number(symbol)) ** 2) / 4) for symbol, count in composition)
        for composition in compositions
    ]
    return SpectraTable(tuple(map(str, range(len(values)))), compositions, axis, np.array(values))


def main() -> None:
    """Train and save them."""
    folder = Path(__file__).parent / "fixtures" / f"models-{FORMAT_VERSION}"
    folder.mkdir()
    train(folder / "paper", model="paper", library=alloys(1), settings=TINY)
    train(folder / "composition", spectra=made_up_spectra(), settings=TINY)
    with tempfile.TemporaryDirectory() as scratch:
        crystals = read_survey(shipped_folder("survey") / "crystals.parquet")
        survey = Path(scratch) / "survey.parquet"
        write_survey(survey, [each for each in crystals if set(each.elements) <= {"Pt", "Ni", "Al"}])
        train(folder / "tight_binding", library=alloys(3), survey=survey, settings=TINY)


if __name__ == "__main__":
    main()
