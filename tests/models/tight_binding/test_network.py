"""Tight binding: physics that holds whatever the parameters."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.element_facts import valence_electrons
from dosmith.models.descriptors import first_orbitals, first_radii
from dosmith.models.tight_binding.lattice import Lattice
from dosmith.settings import ForwardSettings

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")

SYMBOLS = ["O", "Na", "Mg", "Al", "Cl", "Ti", "Ni", "Cu", "Pt"]
GRID = torch.linspace(-7.5, 7.5, 151)
FEATURES = 5
SETTINGS = ForwardSettings(zero="filling", shift_change=0.0)


def speaking():
    """A network with every silent part made to speak, so that nothing is tested at zero."""
    from dosmith.models.tight_binding.network import TightBinding

    torch.manual_seed(1)
    made = TightBinding(
        torch.tensor(first_orbitals(SYMBOLS), dtype=torch.float32),
        torch.tensor(first_radii(SYMBOLS), dtype=torch.float32),
        FEATURES,
        SETTINGS,
    )
    with torch.no_grad():
        for value in made.parameters():
            value += 0.05 * torch.randn_like(value)
    return made.eval()


@pytest.fixture
def network():
    return speaking()


def crystal(structure, density: float = 8.0):
    from dosmith.models.tight_binding.batches import CrystalBatch, CrystalInput

    symbols = [site.specie.symbol for site in structure]
    codes = np.random.default_rng(0).normal(size=(len(SYMBOLS), FEATURES))
    places = [SYMBOLS.index(symbol) for symbol in symbols]
    electrons = float(sum(map(valence_electrons, symbols)))
    scale = (structure.volume / len(structure)) ** (1 / 3)
    features = torch.tensor(codes[places], dtype=torch.float32)
    return CrystalBatch.of([CrystalInput(Lattice.of(structure, density, SETTINGS.reach), scale, places, features, electrons)])


def made(name: str, elements: list[str], volume: float = 14.0):
    return PROTOTYPES[name].structure(elements, volume)


@pytest.mark.parametrize(
    ("name", "elements"),
    [("A1", ["Cu"]), ("B1", ["Mg", "O"]), ("L1_2", ["Pt", "Ni"]), ("D0_19", ["Ti", "Al"]), ("C1", ["Na", "O"])],
)
def test_the_hamiltonian_is_hermitian(network, name: str, elements: list[str]) -> None:
    matrices = network.hamiltonians(crystal(made(name, elements)))[0]
    assert matrices.shape[1:] == (9 * len(made(name, elements)),) * 2
    assert float((matrices - matrices.mH).abs().max().detach()) < 1e-4 * float(matrices.abs().max().detach())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("orbital_unit", 5.0), ("orbital_change", 3.0), ("strength_change", 0.6), ("radius_change", 0.2), ("range_change", 0.6),
        ("range_limit", 0.8), ("pair_limit", 1.0), ("closest", 0.5), ("farthest", -0.5), ("reach", 2.5), ("filling_width", 0.3),
        ("unfilled", 0.3), ("zero", "bands"),
    ],
)  # fmt: skip
def test_each_factor_of_the_network_is_a_setting(network, setting: str, value: float) -> None:
    from dosmith.models.tight_binding.network import TightBinding

    other = TightBinding(
        torch.zeros(len(SYMBOLS), 3), torch.ones(len(SYMBOLS)), FEATURES, SETTINGS.model_copy(update={setting: value})
    )
    other.load_state_dict(network.state_dict())
    seen = crystal(made("B1", ["Mg", "O"]))
    usual, changed = (each.eval()(seen, GRID, 0.3).detach() for each in (network, other))
    assert float((usual - changed).abs().max()) > 3e-4


def test_a_cell_taken_twice_has_the_same_dos(network) -> None:
    """Folding bands back changes nothing but the mesh."""
    single = made("B2", ["Ni", "Al"])
    double = single.copy()
    double.make_supercell([2, 1, 1])
    one, two = (network(crystal(each, 24.0), GRID, 0.4)[0].detach() for each in (single, double))
    assert float(one @ two) > 0.999


def test_turning_the_crystal_changes_nothing(network) -> None:
    from pymatgen.core.operations import SymmOp

    still = made("L1_2", ["Pt", "Ni"])
    turned = still.copy()
    turned.apply_operation(SymmOp.from_axis_angle_and_translation([1, 2, 3], 37))
    first, second = (network.eigenvalues(crystal(each)).flatten().sort().values for each in (still, turned))
    if len(first) == len(second):
        np.testing.assert_allclose(first.detach(), second.detach(), atol=2e-3)
    one, two = (network(crystal(each, 20.0), GRID, 0.4)[0].detach() for each in (still, turned))
    assert float(one @ two) > 0.999


def test_cubic_symmetry_makes_the_degeneracies_it_must(network) -> None:
    """At the zone centre of a cube: s alone, p threefold, d as three and two."""
    levels = np.sort(network.eigenvalues(crystal(made("A1", ["Cu"])))[0, :9].detach().numpy())
    sizes = np.diff(np.flatnonzero(np.r_[True, np.diff(levels) > 1e-3, True]))
    assert sorted(sizes.tolist()) == [1, 2, 3, 3]


@pytest.mark.parametrize(("name", "elements"), [("A1", ["Al"]), ("L1_2", ["Pt", "Ni"]), ("B1", ["Na", "Cl"])])
def test_the_fermi_level_holds_the_valence_electrons(network, name: str, elements: list[str]) -> None:
    seen = crystal(made(name, elements))
    filled = torch.sigmoid(-network.eigenvalues(seen) / SETTINGS.filling_width)
    held = 2 * float((seen.weights * filled).sum().detach())
    assert held == pytest.approx(float(seen.electrons[0]) - SETTINGS.unfilled * float(seen.atoms[0]), abs=0.01)


@pytest.mark.parametrize("sigma", [0.05, 0.15, 0.3, 0.6])
def test_levels_are_broadened_as_by_a_gaussian_each(sigma: float) -> None:
    """Those beyond the grid and far beyond it included, and their gradients."""
    from dosmith.models.tight_binding.filling import broadened

    generator = torch.Generator().manual_seed(0)
    energies = (6 * torch.randn(3, 5, 40, generator=generator, dtype=torch.float64)).requires_grad_()
    shares, towards = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25]).double(), torch.randn(3, 151, generator=generator).double()
    found = broadened(energies.flatten(1), shares.repeat_interleave(40).expand(3, -1), GRID.double(), sigma)
    one_by_one = torch.exp(-0.5 * ((GRID - energies[..., None]) / sigma) ** 2).sum(dim=2)
    expected = torch.einsum("k,bkg->bg", shares, one_by_one)
    assert float((found - expected).detach().abs().max()) < 3e-4 * float(expected.detach().max())
    slopes = [torch.autograd.grad((curve * towards).sum(), energies)[0] for curve in (found, expected)]
    assert float((slopes[0] - slopes[1]).abs().max()) < 5e-3 * float(slopes[1].abs().max())


def test_gradients_are_those_of_finite_differences(network) -> None:
    """Degenerate levels and the moving Fermi level included."""
    seen, target = crystal(made("L1_2", ["Pt", "Ni"])), torch.linspace(0, 1, 151)
    network = network.double()
    from dataclasses import replace

    seen = replace(
        seen,
        **{
            name: getattr(seen, name).double()
            for name in ("distance", "length", "angular", "splitting", "weights", "features", "electrons")
        },
        parts=tuple(replace(part, phases=part.phases.double()) for part in seen.parts),
    )

    def loss():
        return network(seen, GRID.double(), 0.4)[0] @ target.double()

    network.zero_grad()
    loss().backward()
    for name, place in (
        ("orbital", (SYMBOLS.index("Pt"), 2)),
        ("radius", (SYMBOLS.index("Ni"),)),
        ("bond", (3,)),
        ("split", (1,)),
    ):
        value, step = getattr(network, name), 2e-3
        with torch.no_grad():
            value[place] += step
            above = float(loss())
            value[place] -= 2 * step
            below = float(loss())
            value[place] += step
        assert float(value.grad[place]) == pytest.approx((above - below) / (2 * step), rel=0.02, abs=1e-4), name


def test_unlike_crystals_can_be_worked_on_together(network) -> None:
    from dosmith.models.tight_binding.batches import CrystalInput, spectra

    def one(name: str, elements: list[str], volume: float) -> CrystalInput:
        structure = made(name, elements, volume)
        places = [SYMBOLS.index(site.specie.symbol) for site in structure]
        features = torch.randn(len(places), FEATURES, generator=torch.Generator().manual_seed(sum(places)))
        electrons = float(sum(valence_electrons(SYMBOLS[place]) for place in places))
        return CrystalInput(Lattice.of(structure, 6, SETTINGS.reach), volume ** (1 / 3), places, features, electrons)

    mixed = [
        one("L1_2", ["Pt", "Ni"], 13.7),
        one("B2", ["Ni", "Al"], 12.0),
        one("L1_2", ["Al", "Ti"], 16.0),
        one("A1", ["Cu"], 12.0),
    ]
    together = spectra(network, mixed, GRID, 0.4).detach()
    for place, each in enumerate(mixed):
        alone = spectra(network, [each], GRID, 0.4)[0].detach()
        np.testing.assert_allclose(together[place], alone, atol=1e-5)
    backwards = spectra(network, mixed[::-1], GRID, 0.4).detach()
    np.testing.assert_allclose(backwards.flip(0), together, atol=1e-5)


def test_an_insulators_zero_is_at_its_valence_band_top() -> None:
    """Free atoms with hardly a bond: filled anion p below the zero, nothing just above it."""
    from dosmith.models.tight_binding.network import TightBinding

    orbitals, radii = (torch.tensor(of(SYMBOLS), dtype=torch.float32) for of in (first_orbitals, first_radii))
    network = TightBinding(orbitals, 0.4 * radii, FEATURES, SETTINGS).eval()
    levels = network.eigenvalues(crystal(made("B1", ["Na", "Cl"], 22.0))).detach()
    below, above = levels[levels < 0.25], levels[levels > 0.25]
    assert -0.3 < float(below.max()) < 0.05 and float(above.min()) > 1.0


def test_the_plain_network_adds_atoms_up() -> None:
    from dosmith.models.tight_binding.fitting import plain_spectra
    from dosmith.models.tight_binding.network import PlainNetwork

    torch.manual_seed(0)
    network = PlainNetwork(FEATURES, 151, SETTINGS).eval()
    atoms = torch.randn(3, FEATURES)
    spectra = plain_spectra(network, [atoms, atoms.repeat(2, 1), atoms[:1]])
    np.testing.assert_allclose(spectra[0].detach(), spectra[1].detach(), atol=1e-6)  # a cell taken twice
    np.testing.assert_allclose(spectra.norm(dim=1).detach(), 1, rtol=1e-5)
    assert (spectra >= 0).all() and float(spectra[0] @ spectra[2]) < 0.9999
