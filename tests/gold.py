"""What the shipped weights say to fixed questions. `python tests/gold.py` writes gold.json: after `make model`, never to silence a failing test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dosmith import formulas
from dosmith.comparison import Comparison
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.models.paper.model import PaperModel
from dosmith.models.tight_binding.model import TightBindingModel

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

GOLD = Path(__file__).with_name("gold.json")


def curve(energies: np.ndarray) -> np.ndarray:
    """A target that no material has quite."""
    vector = np.exp(-0.5 * ((energies + 2.0) / 1.5) ** 2)
    return np.asarray(vector / vector.sum() / (energies[1] - energies[0]))


def crystal() -> Structure:
    """One whose DOS is predicted."""
    return PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 13.9)


if __name__ == "__main__":
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    paper, search = PaperModel.open("paper"), TightBindingModel.open("dosmith")
    target = curve(search.recipe.grid.energies)
    proposals = search.propose(target, 5, comparison=Comparison(target, search.recipe.grid, by="similarity"))
    gold = {
        "composition_vector": paper.composition_vectors(curve(paper.recipe.grid.energies))[0].round(6).tolist(),
        "proposals": [
            [formulas.write(each.composition), round(each.similarity, 5), round(each.p_match, 5)] for each in proposals
        ],
        "predicted": open_ensemble("dosmith").predict([crystal()]).vectors[0].round(6).tolist(),
    }
    GOLD.write_text(json.dumps(gold) + "\n", encoding="utf-8")
