"""Where the energy zero is, what spins and f orbitals do to it: physics that holds whatever the parameters."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.element_facts import F_ELECTRONS, valence_electrons
from dosmith.models.descriptors import first_orbitals, first_radii
from dosmith.models.tight_binding.lattice import Lattice
from dosmith.settings import ForwardSettings

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")

SYMBOLS = ["O", "Na", "Mg", "Al", "Cl", "Mn", "Fe", "Cu", "La", "Ce"]
GRID = torch.linspace(-7.5, 7.5, 151)
SETTINGS = ForwardSettings()


def network(settings: ForwardSettings = SETTINGS, size: float = 1.0):
    from dosmith.models.tight_binding.network import TightBinding

    orbitals, radii = (torch.tensor(of(SYMBOLS), dtype=torch.float32) for of in (first_orbitals, first_radii))
    return TightBinding(orbitals, size * radii, 3, settings).eval()


def seen(name: str, elements: list[str], volume: float, moments: list[float] | None = None, f_levels: bool = True):
    from dosmith.models.tight_binding.batches import CrystalInput

    structure = PROTOTYPES[name].structure(elements, volume)
    symbols = [site.specie.symbol for site in structure]
    f_atoms = [place for place, symbol in enumerate(symbols) if symbol in F_ELECTRONS] if f_levels else []
    electrons = float(sum(map(valence_electrons, symbols)) + sum(F_ELECTRONS[symbols[place]] for place in f_atoms))
    return CrystalInput(
        Lattice.of(structure, 6, SETTINGS.reach),
        volume ** (1 / 3),
        [SYMBOLS.index(symbol) for symbol in symbols],
        torch.ones(len(symbols), 3),
        electrons,
        None if moments is None else torch.tensor(moments),
        f_atoms,
    )


def batch(*crystals):
    from dosmith.models.tight_binding.batches import CrystalBatch

    return CrystalBatch.of(crystals)


def test_the_zero_of_a_gapped_crystal_is_its_valence_band_top() -> None:
    levels = network(size=0.4).eigenvalues(batch(seen("B1", ["Na", "Cl"], 22.0)))[0].detach()
    assert float(levels[levels < 0.5].max()) == pytest.approx(0.0, abs=1e-3)
    assert float(levels[levels > 0.5].min()) > 1.0


def test_the_zero_of_a_metal_holds_all_valence_electrons() -> None:
    crystals = batch(seen("A1", ["Al"], 16.5), seen("A2", ["Na"], 38.0), seen("A1", ["Cu"], 11.8))
    filled = torch.sigmoid(-network().eigenvalues(crystals).detach() / SETTINGS.filling_width)
    np.testing.assert_allclose(2 * (crystals.weights * filled).sum(dim=1), crystals.electrons, atol=0.01)


def test_edges_are_those_of_bands_that_do_not_cross_the_fermi_level() -> None:
    from dosmith.models.tight_binding.filling import band_edges, energy_zero

    gapped, crossing = torch.tensor([[[-2.0, 1.0], [-1.0, 2.0]]]), torch.tensor([[[-2.0, 1.0], [-1.0, -0.5]]])
    tops, gaps = band_edges([gapped, crossing], torch.tensor([0.3, 0.0]))
    assert tops.tolist() == [-1.0, 0.0] and gaps.tolist() == [2.0, 0.0]
    found = energy_zero(tops, gaps, torch.tensor([0.3, 0.0]), 0.3, 0.05)
    np.testing.assert_allclose(found, [-1.0, 0.0], atol=1e-6)
    # Below the smallest gap a crystal is a metal.
    assert float(energy_zero(torch.tensor([-0.1]), torch.tensor([0.1]), torch.tensor([0.0]), 0.3, 0.02)[0]) > -0.001


def test_two_spins_without_a_moment_are_one() -> None:
    alike, apart = seen("B2", ["Fe", "Al"], 12.0), seen("B2", ["Fe", "Al"], 12.0, [0.0, 0.0])
    found = network().curves(batch(alike, apart), GRID, 0.3).detach()
    np.testing.assert_allclose(found[0, 0], found[1, 0], atol=1e-5)
    np.testing.assert_allclose(found[:, 1], 0, atol=1e-6)


def test_spin_up_of_a_magnet_lies_lower_and_holds_more() -> None:
    crystals = batch(seen("A2", ["Fe"], 11.4, [2.2]), seen("A1", ["Al"], 16.5))
    model = network()
    total, more = model.curves(crystals, GRID, 0.3)[0].detach()
    assert (more.abs() <= total + 1e-6).all()
    assert float((GRID * more).sum()) < -0.1 * float(total.sum())
    moments, half = model.told(crystals, GRID, 0.3)[2:]
    assert 1 < float(moments[0]) < 5 and float(moments[1]) == 0 and not half.any()
    filled = torch.sigmoid(-model.eigenvalues(crystals).detach() / SETTINGS.filling_width)
    np.testing.assert_allclose(2 * (crystals.weights * filled).sum(dim=1), crystals.electrons, atol=0.01)


def test_a_half_metal_has_a_gap_in_one_spin() -> None:
    """Manganese ions with hardly a bond, whose d orbitals of spin up fill one after the other while sodium's electron is there too."""
    model = network(size=0.35)
    with torch.no_grad():
        model.orbital[SYMBOLS.index("Mn"), 0] += 3  # no s electron stays
    moments, half = model.told(batch(seen("A1", ["Mn"], 30.0, [6.0])), GRID, 0.3)[2:]
    assert float(moments[0]) == pytest.approx(3.0, abs=0.05) and bool(half[0])


def test_f_levels_hold_their_electrons() -> None:
    with_f, without = network(), network(ForwardSettings(f_levels=False))
    lanthanum, cerium = seen("A1", ["La"], 37.0), seen("A1", ["Ce"], 26.0)
    crystals = batch(lanthanum, cerium)
    assert crystals.weights.sum(dim=1).tolist() == pytest.approx([16.0, 16.0])
    filled = torch.sigmoid(-with_f.eigenvalues(crystals).detach() / SETTINGS.filling_width)
    np.testing.assert_allclose(2 * (crystals.weights * filled).sum(dim=1), [3, 4], atol=0.01)
    with torch.no_grad():
        with_f.level[SYMBOLS.index("La")] = 3.0  # far above
    one = with_f.curves(batch(lanthanum), GRID, 0.3)[0, 0].detach()
    other = without.curves(batch(seen("A1", ["La"], 37.0, f_levels=False)), GRID, 0.3)[0, 0].detach()
    occupied = GRID < -0.5
    np.testing.assert_allclose(one[occupied] / one[occupied].sum(), other[occupied] / other[occupied].sum(), atol=1e-4)


def test_every_element_has_somewhere_to_begin() -> None:
    from dosmith.formulas import HEAVIEST, symbol_of

    symbols = [symbol_of(number) for number in range(1, HEAVIEST + 1)]
    orbitals, radii = first_orbitals(symbols), first_radii(symbols)
    assert np.isfinite(orbitals).all() and ((radii > 0.2) & (radii < 3.2)).all()
    lanthanides = [symbol_of(number) for number in range(57, 72)]
    assert all(valence_electrons(symbol) == 3 for symbol in lanthanides)
    rows = first_orbitals(lanthanides)
    assert (rows[:, 2] < rows[:, 0] + 2).all() and (np.diff(first_radii(lanthanides)) < 0).all()
    assert [valence_electrons(symbol) for symbol in ("He", "Ne", "Xe")] == [2, 8, 8]


def test_gaps_are_those_between_filled_and_empty_bands() -> None:
    """Also where spins are told apart, each of whose bands holds one electron."""
    from dosmith.models.tight_binding.filling import ODD

    salt, twice = seen("B1", ["Na", "Cl"], 22.0), seen("B1", ["Na", "Cl"], 22.0, [0.0, 0.0])
    odd = seen("A1", ["Al"], 16.5)
    found = network(size=0.4).told(batch(salt, twice, odd), GRID, 0.3).gaps.tolist()
    assert found[0] > 1.0 and found[1] == pytest.approx(found[0], abs=1e-3) and found[2] == ODD
    metal = network().told(batch(seen("B2", ["Mg", "Na"], 30.0), seen("A1", ["Mg"], 23.0)), GRID, 0.3).gaps.tolist()
    assert metal[0] == ODD and -9 < metal[1] < 0
