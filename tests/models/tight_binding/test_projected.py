"""Projections of tight binding: sum rules that hold whatever the parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_network import FEATURES, SETTINGS, SYMBOLS, speaking

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.element_facts import valence_electrons
from dosmith.models.tight_binding.lattice import Lattice

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")

WIDE = torch.linspace(-400, 400, 4001)


@pytest.fixture(scope="module")
def network():
    return speaking()


def crystal(name: str, elements: list[str]):
    from dosmith.models.tight_binding.batches import CrystalInput

    structure = PROTOTYPES[name].structure(elements, 14.0)
    symbols = [site.specie.symbol for site in structure]
    codes = np.random.default_rng(0).normal(size=(len(SYMBOLS), FEATURES))
    places = [SYMBOLS.index(symbol) for symbol in symbols]
    features = torch.tensor(codes[places], dtype=torch.float32)
    lattice = Lattice.of(structure, 6.0, SETTINGS.reach)
    return CrystalInput(lattice, 14.0 ** (1 / 3), places, features, float(sum(map(valence_electrons, symbols))))


CRYSTALS = [("A1", ["Cu"]), ("B1", ["Mg", "O"]), ("L1_2", ["Pt", "Ni"])]


@pytest.mark.parametrize(("name", "elements"), CRYSTALS)
def test_each_orbital_has_all_its_states(network, name: str, elements: list[str]) -> None:
    """Eigenvectors are complete: over all energies an atom has one s, three p and five d orbitals."""
    from dosmith.models.tight_binding.projected import projected

    with torch.inference_mode():
        parts = projected(network, crystal(name, elements), WIDE, 0.3).numpy()
    assert (parts > -1e-6 * parts.max()).all()
    states = parts.sum(axis=2)
    np.testing.assert_allclose(states / states[:, :1], np.tile([1.0, 3.0, 5.0], (len(states), 1)), rtol=1e-3)
    np.testing.assert_allclose(states[:, 0], states[0, 0], rtol=1e-3)


@pytest.mark.parametrize(("name", "elements"), CRYSTALS)
def test_parts_sum_up_to_the_whole(network, name: str, elements: list[str]) -> None:
    from dosmith.models.tight_binding.batches import spectra
    from dosmith.models.tight_binding.projected import projected

    grid = torch.linspace(-7.5, 7.5, 151)
    one = crystal(name, elements)
    with torch.inference_mode():
        whole = spectra(network, [one], grid, 0.3)[0].numpy()
        parts = projected(network, one, grid, 0.3).numpy()
    np.testing.assert_allclose(parts.sum(axis=(0, 1)), whole, atol=2e-4)


def test_elements_do_not_depend_on_which_points_stand_for_others(network) -> None:
    """Symmetry leaves few points, in whose eigenvectors equal atoms differ; the sum over them does not."""
    from dosmith.models.tight_binding.projected import projected

    grid = torch.linspace(-7.5, 7.5, 151)
    one = crystal("L1_2", ["Pt", "Ni"])
    structure = PROTOTYPES["L1_2"].structure(["Pt", "Ni"], 14.0)
    unlike = structure.copy()
    for site, symbol in enumerate(("O", "Na", "Mg", "Al")):  # as if no two atoms were alike
        unlike.replace(site, symbol)
    many = replace(one, lattice=Lattice.of(unlike, 6.0, SETTINGS.reach))
    assert len(many.lattice.weights) > len(one.lattice.weights)
    with torch.inference_mode():
        few, all_of_them = (projected(network, each, grid, 0.3).numpy() for each in (one, many))
    kinds = np.array(one.elements)
    for element in set(one.elements):
        first, second = (parts[kinds == element].sum(axis=0) for parts in (few, all_of_them))
        np.testing.assert_allclose(first, second, atol=3e-3)


def test_projections_that_are_known_are_learned() -> None:
    """Taught the projections of another network, they come nearer to them than by its totals alone."""
    from dosmith.models.tight_binding.batches import CrystalBatch
    from dosmith.models.tight_binding.fitting import Parts, fit_tight_binding
    from dosmith.models.tight_binding.projected import projected

    grid, wide = torch.linspace(-7.5, 7.5, 151), SETTINGS.model_copy(update={"epochs": 60, "dropout": 0.0})
    found = [("B1", ["Mg", "O"]), ("B1", ["Na", "Cl"]), ("L1_2", ["Pt", "Ni"]), ("B2", ["Al", "Ni"])]
    crystals = [crystal(*each) for each in found]
    teacher = speaking()
    totals, taught = [], []
    for each in crystals:
        with torch.inference_mode():
            parts = projected(teacher, each, grid, wide.broadening).numpy()
        symbols = [SYMBOLS[place] for place in each.elements]
        densities: dict[tuple[str, str], np.ndarray] = {}
        for symbol, orbitals in zip(symbols, parts, strict=True):
            for letter, part in zip("spd", orbitals, strict=True):
                densities[symbol, letter] = densities.get((symbol, letter), 0.0) + part
        totals.append(parts.sum(axis=(0, 1)))
        taught.append(Parts.of(symbols, densities))
    assert Parts.of(["Mg", "O"], {("Eu", "f"): np.zeros(151)}) is None

    def error(weight: float) -> float:
        settings = wide.model_copy(update={"part_weight": weight})
        student = fit_tight_binding(crystals, np.array(totals), grid.numpy(), SYMBOLS, settings, 0, parts=taught)
        with torch.inference_mode():
            _, parts = student.curves_and_parts(
                CrystalBatch.of(crystals), [each.groups for each in taught], grid, wide.broadening
            )
        return float(np.mean([float((part - each.targets).square().sum()) for part, each in zip(parts, taught, strict=True)]))

    assert error(1.0) < 0.5 * error(0.0)
