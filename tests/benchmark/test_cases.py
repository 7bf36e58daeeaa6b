"""The paper's examples, asked again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dosmith import formulas
from dosmith.benchmark.cases import CASES, FEWEST, case
from dosmith.library import MemoryLibrary
from dosmith.settings import BenchmarkSettings, PaperSettings, Settings

BY_KEY = {each.key: each for each in CASES}


def test_the_papers_examples_are_all_there() -> None:
    assert {each.figure for each in CASES} == {"Fig. 4b", "Fig. 4c", "Fig. 5", "Fig. S2", "Fig. S3", "Fig. 6", "Fig. S4"}
    for each in CASES:
        for formula, _ in each.published:
            assert len(formulas.parse(formula)) == each.n_elements


@pytest.mark.parametrize(("key", "second", "least"), [("Al3Zr", "Al3Hf", 0.9), ("Sn3Bi", "Sn3Sb", 0.9)])
def test_the_papers_second_candidate_has_the_dos_of_the_target(open_set, key: str, second: str, least: float) -> None:
    found = case(BY_KEY[key], open_set, Settings())
    published = {each["formula"]: each for each in found["published"]}
    assert published[key]["similarity"] == pytest.approx(1.0)
    assert least < published[second]["similarity"] < 1.0
    assert (published[second]["formation_energy"] < -0.2) == (key == "Al3Zr")  # a strong compound; the other is none
    assert found["missing"] is None and len(found["ours"]) == 5
    ours = [each["formula"] for each in found["ours"]]  # in-sample
    assert ours[0] == key if key == "Al3Zr" else key in ours[:2]  # the network takes Sn3Sb, of nearly the same DOS, for Sn3Bi
    assert all(each["id"] != found["target"] for each in found["retrieved"])


def test_candidates_are_of_the_wanted_crystal_system(open_set) -> None:
    found = case(BY_KEY["Pt3Ni-hexagonal"], open_set, Settings())
    known = [each["id"] for each in [*found["published"], *found["ours"]] if each["id"]]
    systems = {open_set.crystal_systems[open_set.row_of(identifier)] for identifier in known}
    assert systems <= {"hexagonal"}


def test_a_case_without_its_target_says_so(make_material, open_set) -> None:
    library = MemoryLibrary([make_material("Al-A1", "Al", d_band=None)])
    found = case(BY_KEY["Pd"], library, Settings())
    assert "Pd" in found["missing"] and found["ours"] == []


@pytest.mark.training
def test_a_ternary_case_fills_itself_as_soon_as_there_are_enough(make_material, open_set) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    wanted = BY_KEY["BaTiO3"]
    metals = ("Ti", "Zr", "Hf", "V", "Nb", "Ta", "Sn", "Pb", "Ge", "Mo", "W", "Ru", "Rh", "Ir", "Pd")
    made = [
        make_material(f"{a}{b}O3-E2_1", f"{a}{b}O3", d_band=(1.0 + 0.2 * place, 0.7 + 0.1 * len(a)), prototype="E2_1")
        for place, b in enumerate(metals)
        for a in ("Ba", "Sr", "Ca", "K", "Na", "Rb", "Cs")
    ]
    few, enough = MemoryLibrary(made[: FEWEST - 1]), MemoryLibrary(made)
    settings = Settings(paper=PaperSettings(autoencoder_epochs=20), benchmark=BenchmarkSettings(in_sample_steps=30))
    found = case(wanted, few, settings)
    assert found["ours"] == [] and str(FEWEST) in found["missing"] and found["spectra"] == FEWEST - 1
    found = case(wanted, enough, settings)
    assert found["missing"] is None and len(found["ours"]) == 5
    for each in found["ours"]:
        composition = formulas.parse(each["formula"])
        assert sorted(count for _, count in composition) == [1, 1, 3]
        assert {symbol for symbol, _ in composition} <= {"Ba", "Sr", "Ca", "K", "Na", "Rb", "Cs", "O", *metals}


def test_a_prototype_narrows_what_counts_as_known(open_set) -> None:
    free = case(replace(BY_KEY["Pd"], prototypes=()), open_set, Settings())
    narrow = case(BY_KEY["Pd"], open_set, Settings())
    ids = [each["id"] for each in narrow["published"] if each["id"]]
    assert ids and all(identifier.endswith("L1_2") for identifier in ids)
    assert sum(each["id"] is not None for each in free["published"]) >= len(ids)
