"""VASP's two columns against eigenvalues that are known: where the density stands, what it misses, what its Fermi level is worth."""

from __future__ import annotations

import numpy as np
import pytest
from crystal_like import eigenvalues, gaussians, vasp_columns, vasprun
from numpy.typing import NDArray
from samples import doscar, noted, parse

from dosmith.errors import FileFormatError
from dosmith.records import Spectrum
from dosmith.sources.files import FileDos
from dosmith.sources.integrated import Counted, rescaled, settle
from dosmith.spectra.standard import Recipe, standardise

FloatArray = NDArray[np.float64]
LEVELS = eigenvalues(gap=2.0)
PER = 2.0 / len(LEVELS)  # states of one eigenvalue, both spins together


def truth(levels: FloatArray, sigma: float, zero: float) -> FloatArray:
    """The standard vector made from the eigenvalues themselves."""
    energies = np.linspace(-15, 15, 6001)
    density, _ = gaussians(energies, levels, sigma, PER)
    return standardise(Spectrum(energies, density, zero, broadening=sigma, gap=0.0), Recipe(zero="fermi")).values


def cosine(first: FloatArray, second: FloatArray) -> float:
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def made(step: float, smearing: float = 0.14, *, listed: bool = True, fermi: float = 0.9, **options: object) -> FileDos:
    energies = np.arange(-15, 15 + step / 2, step)
    columns = [vasp_columns(energies, LEVELS, smearing, PER)]
    return parse(
        vasprun(energies, columns, [LEVELS] if listed else None, [2], fermi=fermi, electrons=4, smearing=smearing, **options)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("step", [0.02, 0.1, 0.2, 0.3])
def test_densities_that_are_differences_stand_in_the_middle_of_their_steps(step: float) -> None:
    dos = made(step)
    expected = truth(LEVELS, 0.1, 0.0)
    ours = standardise(dos.spectrum)
    assert noted(dos, "stands in their middle") and any("coarse" in step_ for step_ in ours.steps) is (step > 0.2)
    as_printed = Spectrum(dos.spectrum.energies + step / 2, dos.spectrum.densities, 0.9, 0.1, 2.0, 0.0)
    found = cosine(ours.values, expected)
    assert found > 0.999 - 0.1 * max(step - 0.1, 0)  # what the width of the steps itself blurs
    assert found >= cosine(standardise(as_printed).values, expected)
    assert (ours.zero, ours.gap) == pytest.approx((0.0, 2.0), abs=1e-3)


def test_values_at_the_energies_stay() -> None:
    energies = np.linspace(-15, 15, 301)
    pair = gaussians(energies, LEVELS, 0.1, PER)
    dos = parse(vasprun(energies, [pair], [LEVELS], [2], fermi=1.0, electrons=4, ismear=-5))
    np.testing.assert_allclose(dos.spectrum.energies, energies, atol=1e-4)
    assert not noted(dos, "middle")


@pytest.mark.parametrize("in_doscar", [False, True])
def test_states_that_the_density_misses_come_from_the_integrated_column(in_doscar: bool) -> None:
    energies = np.linspace(-15, 15, 101)
    pair = gaussians(energies, LEVELS, 0.01, PER)  # point values, 0.3 eV apart, of Gaussians of 0.01 eV
    if in_doscar:
        rows = "\n".join(f"{e:11.3f} {d:11.4E} {n:11.4E}" for e, d, n in zip(energies, *pair, strict=True))
        head = ["   1   1   0   0", " 0.1E+02 0.3E-09", " 1.0E-004", " CAR", " made"]
        grid = f"{energies[-1]:16.8f}{energies[0]:16.8f}{len(energies):5d}{1.0:16.8f}{1.0:16.8f}"
        dos = parse("\n".join([*head, grid, rows]).encode())
    else:
        dos = parse(vasprun(energies, [pair], None, [], fermi=1.0, electrons=4, smearing=0.014))
    assert noted(dos, "levels are narrower than the steps")
    below = dos.spectrum.energies < 1
    assert dos.spectrum.total[below].sum() * 0.3 == pytest.approx(4, rel=1e-3)
    assert cosine(standardise(dos.spectrum, Recipe(zero="fermi")).values, truth(LEVELS, 0.1, 1.0)) > 0.96


def test_a_count_that_does_not_hold_the_electrons_gives_way_to_the_density() -> None:
    energies = np.linspace(-15, 15, 601)
    density, count = gaussians(energies, LEVELS, 0.1, PER)
    found = settle(energies, density[None], 0.6 * count[None], 1.0, 4.0)
    np.testing.assert_array_equal(found.densities[0], density)
    assert found.count is None and "density is used" in found.notes[0]
    trusted = settle(energies, 0.6 * density[None], count[None], 1.0, 4.0)
    assert trusted.densities.sum() * 0.05 == pytest.approx(8, rel=1e-3)


def test_spins_are_settled_together() -> None:
    energies = np.linspace(-15, 15, 301)
    up, down = (vasp_columns(energies, LEVELS + shift, 0.2, PER / 2) for shift in (-0.4, 0.4))
    dos = parse(vasprun(energies, [up, down], [LEVELS - 0.4, LEVELS + 0.4], [2, 2], fermi=1.0, electrons=4))
    assert dos.spectrum.densities.shape == (2, 300)
    assert (dos.spectrum.gap, dos.spectrum.valence_top) == pytest.approx((1.2, 0.4), abs=1e-4)


def test_a_metal_by_its_eigenvalues_has_no_gap_whatever_the_curve_shows() -> None:
    metal = np.concatenate([LEVELS[:, :1], LEVELS[:, 1:2] + 0.5, LEVELS[:, 2:]], axis=1)
    metal[:, 2] -= 2.2
    energies = np.linspace(-15, 15, 601)
    dos = parse(vasprun(energies, [vasp_columns(energies, metal, 0.1, PER)], [metal], [2], fermi=0.1, electrons=4))
    assert dos.spectrum.gap == 0.0 and standardise(dos.spectrum).zero == 0.1
    odd = parse(vasprun(energies, [vasp_columns(energies, LEVELS, 0.1, PER)], [LEVELS], [2], fermi=-0.8, electrons=3))
    assert odd.spectrum.gap == 0.0


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("fermi", [-1.0, -0.5, 0.0, 1.0, 2.0, 2.6, 4.0])
def test_a_wrong_fermi_level_does_not_move_the_zero(fermi: float, listed: bool) -> None:
    dos = made(0.02, listed=listed, fermi=fermi)
    standard = standardise(dos.spectrum)
    assert standard.zero == pytest.approx(0.0, abs=0.001 if listed else 0.1)
    assert standard.gap == pytest.approx(2.0, abs=0.001 if listed else 0.3)
    assert noted(dos, "stated Fermi level") is not (0.0 <= fermi <= 2.0)
    assert dos.spectrum.fermi_from == ("stated" if 0.0 <= fermi <= 2.0 else "eigenvalues" if listed else "electrons")


def test_a_coarse_mesh_is_noted() -> None:
    assert noted(made(0.1, divisions=2), "2 x 2 x 2 k-points are up to 0.79 /A apart")
    assert not noted(made(0.1), "apart: a coarse mesh")


def test_curves_of_a_relaxation_are_brought_back_by_the_electrons() -> None:
    energies = np.linspace(-15, 15, 1501)
    density, count = vasp_columns(energies, LEVELS, 0.14, PER)
    dos = parse(vasprun(energies, [(density / 5, count / 5)], None, [], fermi=1.0, electrons=4))
    assert noted(dos, "after a relaxation") and dos.spectrum.total.sum() * 0.02 == pytest.approx(8, rel=2e-3)
    whole = Counted(energies, density[None], count, ())
    assert rescaled(whole, 1.0, 4.0) is whole


def test_stars_are_filled_or_named() -> None:
    energies = np.linspace(-15, 15, 601)
    density, count = gaussians(energies, LEVELS, 0.1, PER)
    holed = density.copy()
    holed[300] = np.nan
    found = settle(energies, holed[None], count[None], 1.0)
    assert found.densities[0, 300] == pytest.approx(density[300], abs=0.02) and "density at 0 eV" in found.notes[0]
    with pytest.raises(FileFormatError, match="no number for the density at 0 eV"):
        settle(energies, holed[None], np.zeros((1, 601)), 1.0)
    holed[:100] = np.nan
    with pytest.raises(FileFormatError, match="no number"):
        settle(energies, holed[None], count[None], 1.0)


def test_a_doscar_of_few_states_is_told_to_be_of_a_relaxation() -> None:
    energies = np.linspace(-10, 10, 201)
    density = np.exp(-((energies + 2) ** 2)) / 500
    assert noted(parse(doscar(density, energies=energies)), "divides the DOSCAR of a relaxation")
