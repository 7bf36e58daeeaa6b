from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dosmith import formulas
from dosmith.atlas import generating
from dosmith.atlas.generating import HIGHEST, SCHEMA, Wanted, generate, tried, wanted
from dosmith.atlas.reading import crystal_of, items
from dosmith.crystals.common import common_compounds
from dosmith.crystals.filling import patterns, volume_of
from dosmith.crystals.plausible import balance
from dosmith.crystals.survey import shipped_survey
from dosmith.errors import FileFormatError

SYMBOLS = ("Li", "O", "Na", "Mg", "Al", "S", "Cl", "Ti", "Fe", "Ni", "Cu", "Zn", "Zr", "Pt")
BEST = 15.0  # Angstrom^3/atom


class StandIn:
    """A potential in which every crystal is lowest at one volume, every third too high, and large ones have no energy."""

    def energies(self, structures):
        found = []
        for each in structures:
            high = sum(each.atomic_numbers) % 3 == 0
            size = math.log(each.volume / len(each) / BEST)
            found.append(None if len(each) > 20 else 5 * size**2 + (10.0 if high else -9.0))
        return found


@pytest.fixture(scope="module")
def todo():
    return wanted(SYMBOLS, 100_000)


@pytest.fixture(scope="module")
def counts():
    return {each.name: each.counts for each in patterns()}


def test_what_is_wanted_comes_once_and_is_not_in_the_survey(todo, counts):
    assert len(todo) > 1000
    seen, group = set(), {each.name: each.space_group for each in patterns()}
    for each in todo:
        assert set(each.elements) <= set(SYMBOLS) and len(set(each.elements)) == len(each.elements)
        composition = formulas.reduce(zip(each.elements, counts[each.prototype], strict=True))
        assert (each.prototype, composition) not in seen
        seen.add((each.prototype, composition))
    assert {each.origin for each in todo} == {"known", "ions", "metals"}
    assert {len(each.elements) for each in todo} >= {2, 3, 4}
    volumes = shipped_survey().crystals.volumes
    known = {(composition, group) for composition, group in common_compounds() if set(SYMBOLS).issuperset(dict(composition))}
    have = {(composition, group[name]) for name, composition in seen}
    have |= {(formulas.reduce(zip(elements, counts[name], strict=True)), group[name]) for name, elements in volumes}
    assert len(known) > 30 and {formulas.write(composition) for composition, _ in known - have} == {"Fe3O4"}
    assert not any((each.prototype, each.elements) in volumes for each in todo)


def test_any_beginning_of_the_list_is_broad(todo):
    assert len({each.prototype for each in todo[:150]}) > 100


def test_small_cells_are_filled_with_more_elements_at_the_end_of_the_list(monkeypatch, counts):
    symbols = [*SYMBOLS, "V", "Co", "Y", "Nb", "Pd", "Ag", "In", "Sn", "Sb"]
    found = wanted(symbols, 10**6)
    monkeypatch.setattr(generating, "ALIKE_IN_SMALL", generating.ALIKE)
    before = wanted(symbols, 10**6)
    assert found[: len(before)] == before and wanted(symbols, len(before) + 7) == before
    more = found[len(before) :]
    assert len(more) > 20 and all(sum(counts[each.prototype]) <= 6 and len(each.elements) >= 3 for each in more)
    assert len({each.prototype for each in more[:50]}) > 3


def test_ratios_reach_one_to_five_two_to_three_and_three_to_four(todo, counts):
    ratios = set()
    for each in todo:
        reduced = formulas.reduce(zip(each.elements, counts[each.prototype], strict=True))
        ratios.add(tuple(sorted(count for _, count in reduced)))
    assert {(1, 5), (2, 3), (3, 4)} <= ratios


def test_ions_keep_their_charge(todo, counts):
    oxides = [each for each in todo if each.origin == "ions" and "O" in each.elements]
    balanced = [balance(formulas.reduce(zip(each.elements, counts[each.prototype], strict=True))) == 1 for each in oxides]
    assert len(oxides) > 1000 and all(balanced)


def test_metals_and_anions_do_not_change_places(todo):
    salts = [each for each in todo if each.origin == "metals" and each.prototype == "AB2_hP3_164_a_d"]  # CdI2
    assert salts
    assert {each.elements[1] for each in salts} <= {"O", "S", "Cl"}


def test_crystals_are_brought_to_their_volume():
    told = Wanted("A2B3_hR10_167_c_e", ("Ni", "O"), "ions")
    (pattern,) = (each for each in patterns() if each.name == told.prototype)
    volume = volume_of(pattern, told.elements)
    (row,) = tried([told], StandIn())
    assert abs(math.log(row["volume"] / volume)) == pytest.approx(2 * generating.STEP)  # no farther than two steps
    assert volume < row["volume"] < BEST


def test_a_list_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, todo):
    monkeypatch.setattr(generating, "wanted", lambda symbols, most: todo[:most])
    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts.parquet"
    generate(whole, SYMBOLS, 150, StandIn())
    for _ in range(3):
        generate(parts, SYMBOLS, 150, StandIn(), limit=50)
    assert pq.read_table(whole).equals(pq.read_table(parts))
    longer = tmp_path / "longer.parquet"
    for most in (60, 150, 40):  # a finished list can be made longer, never shorter
        generate(longer, SYMBOLS, most, StandIn())
    assert pq.read_table(whole).equals(pq.read_table(longer))
    table = pq.read_table(whole).to_pylist()
    made = [row for row in table if row["origin"] != "survey"]
    assert len(table) - len(made) > 300 and 20 < len(made) < 150
    assert all(row["formation_energy"] <= HIGHEST for row in made if row["origin"] != "known")
    assert sum(abs(row["volume"] - BEST) < 1e-3 for row in made) > 10  # parabolas are found exactly
    with pytest.raises(FileFormatError, match="begun for other elements"):
        generate(whole, SYMBOLS[:3], 150, StandIn())
    whole.write_bytes(b"PAR1 and nothing")
    with pytest.raises(FileFormatError, match="not a list of crystals"):
        generate(whole, SYMBOLS, 150, StandIn())


def test_elements_that_the_survey_lacks_have_references_of_their_own():
    class Other(StandIn):
        def energies(self, structures):
            return [-9.0 for _ in structures]

        def elemental_energy(self, symbol):
            assert symbol == "Dy"
            return -4.0

    row = tried([Wanted("B2", ("Dy", "Ni"), "metals")], Other())[0]
    nickel = shipped_survey().elemental_energies["Ni"]
    assert "Dy" not in shipped_survey().crystals.elemental_energies
    assert row["formation_energy"] == pytest.approx(-9.0 - (nickel + shipped_survey().elemental_energies.get("Dy", -4.0)) / 2)


def test_a_list_is_read_as_crystals(tmp_path):
    path = tmp_path / "list.parquet"
    rows = [
        {"prototype": "B1", "elements": ["Na", "Cl"], "volume": 22.0, "stretch": 1.0, "origin": "survey"},
        {"prototype": "A2B3_hR10_167_c_e", "elements": ["Fe", "O"], "volume": 10.0, "stretch": 1.0, "origin": "ions"},
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    found = list(items([path]))
    assert [crystal_of(each).composition.reduced_formula for each in found] == ["NaCl", "Fe2O3"]
    assert [(each.source, each.built[0]) for each in found] == [("generated", "B1"), ("generated", "A2B3_hR10_167_c_e")]
    volumes = [crystal_of(each).volume / len(crystal_of(each)) for each in found]
    np.testing.assert_allclose(volumes, [22.0, 10.0], rtol=1e-5)
    (tmp_path / "other.parquet").write_bytes(b"PAR1")
    (broken,) = items([tmp_path / "other.parquet"])
    with pytest.raises(FileFormatError, match="no list of crystals"):
        crystal_of(broken)
