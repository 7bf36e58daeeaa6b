"""Designs and neighbours where numbers of states count (`--count`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dosmith import Designer
from dosmith.errors import DosmithError, OptionError
from dosmith.records import Material, Spectrum

ENERGIES = np.linspace(-12, 12, 481)


@pytest.fixture(scope="module")
def designer() -> Designer:
    return Designer()


def of(material: Material, factor: float = 1.0, cells: int = 1) -> Material:
    """The material with so many times the states, of so many cells taken together."""
    spectrum = replace(material.spectrum, densities=material.spectrum.densities * factor * cells)
    return replace(
        material,
        id="other",
        spectrum=spectrum,
        species=material.species * cells,
        frac_coords=np.concatenate([material.frac_coords] * cells),
        projections=None,
    )


def test_a_similarity_falls_by_the_ratio_of_states(designer: Designer) -> None:
    """The same shape with a fifth more states, as if every band held more: itself at 1/1.2, whatever the cell and the metric."""
    platinum = designer.library.material("Pt3Ni-L1_2")
    for metric in ("cosine", "tanimoto", "wasserstein"):
        (shape,) = designer.similar(platinum, top=1, metric=metric)
        (own,) = designer.similar(of(platinum, cells=3), top=1, metric=metric, count=True)
        assert (own.id, own.similarity) == (shape.id, pytest.approx(1.0, abs=1e-6))
        scores = {each.id: each.similarity for each in designer.similar(of(platinum, 1.2), top=50, metric=metric, count=True)}
        assert scores["Pt3Ni-L1_2"] == pytest.approx(1 / 1.2, rel=1e-3)


def test_in_a_window_the_states_of_the_window_count(designer: Designer) -> None:
    """What lies elsewhere takes nothing."""
    one = designer.library.material("Pt3Ni-L1_2")
    energies = one.spectrum.energies - one.spectrum.fermi
    more = one.spectrum.densities * np.where(energies > 5.0, 1.5, 1.0)
    raised = replace(one, id="raised", projections=None, spectrum=replace(one.spectrum, densities=more))
    inside = {each.id: each.similarity for each in designer.similar(raised, top=5, window="-6:2", count=True)}
    whole = {each.id: each.similarity for each in designer.similar(raised, top=5, count=True)}
    assert inside["Pt3Ni-L1_2"] == pytest.approx(1.0, abs=1e-4) and whole["Pt3Ni-L1_2"] < 0.99


def test_neighbours_of_silicon_hold_as_many_electrons_as_it(designer: Designer) -> None:
    """By shape alone SnS comes beside Li3Sb, which has two valence electrons per atom; silicon has four."""
    shapes = [each.formula for each in designer.design("Si", top=8).candidates]
    counted = designer.design("Si", top=8, count=True)
    electrons = {"Li": 1, "Be": 2, "Mg": 2, "Si": 4, "Ge": 4, "Sn": 4, "Pb": 4, "Sb": 5, "Bi": 5, "S": 6, "Se": 6, "Te": 6}

    def poor(formula: str, composition: tuple[tuple[str, int], ...]) -> bool:
        return sum(electrons.get(s, 3) * n for s, n in composition) / sum(n for _, n in composition) <= 2.0

    assert any(each.startswith("Li3") for each in shapes)
    assert not any(poor(each.formula, each.composition) for each in counted.candidates)
    assert counted.settings["count"] and any("Electron count is compared" in each for each in counted.caveats)
    assert counted.target.as_dict()["states_per_atom"] == pytest.approx(6.73, abs=0.05)
    assert all(each.similarity <= 1 for each in counted.candidates)


def test_a_curve_that_is_no_crystal_has_no_absolute_scale(designer: Designer) -> None:
    with pytest.raises(OptionError, match="no absolute scale") as told:
        designer.similar((ENERGIES, np.exp(-(ENERGIES**2))), count=True)
    assert "\n" not in str(told.value) and "--count" in str(told.value)


def test_a_target_of_which_the_atoms_alone_are_known_counts_by_its_electrons(designer: Designer) -> None:
    one = designer.library.material("MgO-B1")
    bare = Material("bare", one.composition, one.spectrum)
    target = designer.target(bare)
    assert target.states is None
    count = designer.compare(target, count=True).count
    assert count is not None and count.wanted == pytest.approx(3.15, rel=0.1) and "by the electrons" in str(count)


def test_what_cannot_be_counted_is_refused_in_one_line(
    designer: Designer,
) -> None:
    for options, words in (
        ({"target": "Pt3Ni", "real": True}, "in --rank-by identity alone"),
        ({"gap": "2:4"}, "there is none"),
    ):
        with pytest.raises(OptionError, match=words) as told:
            designer.design(count=True, **options)
        assert "\n" not in str(told.value)
    with pytest.raises(OptionError, match="whole curves alone"):
        designer.similar((ENERGIES, np.exp(-(ENERGIES**2))), project="Pt:d", count=True)
    with pytest.raises(DosmithError, match="cannot honour --count"):
        Designer(model="paper").design("Pt3Ni", count=True)
    assert Designer(model="paper").similar("Pt3Ni", top=2, count=True)[0].id == "Pt3Ni-L1_2"


def test_whose_a_curve_is_follows_from_its_number_of_states_too(designer: Designer) -> None:
    """A curve alone is taken to be in states/eV of a primitive cell; half the states are those of another composition."""
    one = designer.library.material("MgO-B1")
    energies, density = one.spectrum.energies - one.spectrum.fermi, one.spectrum.densities.sum(axis=0)
    other = np.interp(energies, 1.08 * energies, density)  # stretched, as from another functional
    options = {"rank_by": "identity", "top": 50, "broadening": one.spectrum.broadening}
    found = {factor: designer.design((energies, factor * other), count=True, **options) for factor in (1.0, 2.0)}
    chances = {factor: {each.formula: each.identity for each in answer.candidates} for factor, answer in found.items()}
    assert chances[1.0]["MgO"] > 5 * chances[2.0].get("MgO", 0.0)
    assert any("states per primitive cell, if the curve is in" in each for each in found[1.0].caveats)
    shape = designer.design((energies, other), **options)
    similar = {each.formula: each.similarity for each in shape.candidates}
    assert all(similar.get(each.formula, each.similarity) == each.similarity for each in found[1.0].candidates)
    named = designer.design(one, rank_by="identity", count=True, top=3)
    assert named.candidates[0].formula == "MgO" and any("states per atom" in each for each in named.caveats)


def test_of_a_material_that_exists_what_does_not_is_less_likely(designer: Designer) -> None:
    one = designer.library.material("MgO-B1")
    curve = (one.spectrum.energies - one.spectrum.fermi, one.spectrum.densities.sum(axis=0))
    plain, real = (designer.design(curve, rank_by="identity", top=100, real=each) for each in (False, True))
    assert real.settings["real"] and not plain.settings["real"]

    def exist(answer: object) -> float:
        return float(np.mean([each.p_exists or 0.0 for each in answer.candidates[:50]]))  # type: ignore[attr-defined]

    assert exist(real) > exist(plain) + 0.1


def test_a_library_of_ones_own_is_counted_by_the_open_set() -> None:
    """Its spectra may be in any unit: what is no number of states is left out, and told by a similarity of 0."""
    from dosmith.library import MemoryLibrary

    whole = Designer().library.material("MgO-B1")
    normalised = replace(of(whole, 0.01), id="normalised")
    nowhere = Material(
        "nowhere", whole.composition, Spectrum(whole.spectrum.energies, whole.spectrum.densities, whole.spectrum.fermi)
    )
    found = Designer(MemoryLibrary([whole, normalised, nowhere])).similar("MgO-B1", count=True)
    assert {each.id: round(each.similarity, 3) for each in found} == {"MgO-B1": 1.0, "normalised": 0.0, "nowhere": 0.0}


def test_the_command_line_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from dosmith.cli import main

    monkeypatch.setattr("sys.argv", ["dosmith", "similar", "Al", "--top", "3", "--count"])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as over:
        main()
    plain = " ".join(capsys.readouterr().out.split())
    assert over.value.code == 0
    assert "Electron count is compared" in plain and "6.04 states per atom" in plain and "Shape only" not in plain
