"""Crystals as columns are the crystals that they were made of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.survey import expected_crystals, shipped_survey
from dosmith.crystals.surveyed import SCHEMA, Surveyed, SurveyedRows, as_table
from dosmith.library.stability import CHGNET, FORMATION, SEVENNET

CRYSTALS = [
    Surveyed("L1_2", ("Pt", "Ni"), 13.7, 1.0, -6.0, -0.1),
    Surveyed("E2_1", ("Ba", "Ti", "O"), 12.9, 1.0, -8.0, -3.4),
    Surveyed("A15", ("Nb", "Sn"), 16.0, 1.0, -7.0, -0.2),
    Surveyed("L1_2", ("Al", "Zr"), 16.6, 1.0, -5.0, -0.5),
]


def test_columns_give_the_crystals_back() -> None:
    rows = SurveyedRows.of(CRYSTALS)
    assert (list(rows), rows[1], list(rows[2:]), list(rows.taken(np.array([3, 0])))) == (
        CRYSTALS,
        CRYSTALS[1],
        CRYSTALS[2:],
        [CRYSTALS[3], CRYSTALS[0]],
    )
    assert list(rows.compositions) == [each.composition for each in CRYSTALS]
    assert rows.prototypes == [each.prototype for each in CRYSTALS]
    assert rows.crystal_systems == [each.crystal_system for each in CRYSTALS]
    assert rows.space_groups.tolist() == [PROTOTYPES[each.prototype].space_group for each in CRYSTALS]
    assert (rows.formation_energies.tolist(), rows.energies.tolist()) == ([-0.1, -3.4, -0.2, -0.5], [-6.0, -8.0, -7.0, -5.0])
    assert list(SurveyedRows.of([])) == list(SurveyedRows.of([]).compositions) == []


def test_a_table_gives_them_back_also_a_part_of_one() -> None:
    table = as_table(CRYSTALS)
    for start in range(4):
        found = list(SurveyedRows.from_table(table.slice(start)))
        assert [(each.prototype, each.elements) for each in found] == [
            (each.prototype, each.elements) for each in CRYSTALS[start:]
        ]
        assert [each.volume for each in found] == pytest.approx([each.volume for each in CRYSTALS[start:]])
    assert len(SurveyedRows.from_table(SCHEMA.empty_table())) == 0


def test_the_formation_energies_of_the_better_potential_count_where_a_list_has_them() -> None:
    table = as_table(CRYSTALS)
    assert SurveyedRows.from_table(table).potential == CHGNET
    better = [-0.15, -3.0, -0.25, -0.45]
    rows = SurveyedRows.from_table(table.append_column(FORMATION[SEVENNET], pa.array(better, pa.float32())))
    assert rows.potential == SEVENNET and rows.formation_energies == pytest.approx(better)
    assert rows.energies == pytest.approx([each.energy for each in CRYSTALS])
    again = SurveyedRows.from_table(as_table(list(rows)))
    assert again.potential == SEVENNET and again.formation_energies == pytest.approx(better)
    assert [each.key for each in again] == [each.key for each in SurveyedRows.from_table(table)]
    assert rows.taken(np.array([2])).potential == SEVENNET


@pytest.mark.parametrize(("prototype", "elements"), [("B99", ["Pt", "Ni"]), ("L1_2", ["Pt", "Ni", "Co"]), ("L1_2", ["Pt"])])
def test_what_no_crystal_can_be_is_refused(prototype, elements) -> None:
    row = {"prototype": prototype, "elements": elements, "volume": 1.0, "stretch": 1.0, "energy": 0.0, "formation_energy": 0.0}
    with pytest.raises(ValueError, match="prototype"):
        SurveyedRows.from_table(pa.Table.from_pylist([row], schema=SCHEMA))


def test_the_shipped_crystals_have_the_compositions_that_their_prototypes_say() -> None:
    rows = shipped_survey().crystals.rows
    for place in range(0, len(rows), 997):
        assert rows[place].composition == rows.compositions[place]


def test_crystals_that_come_with_dosmith_are_judged_by_the_better_potential_and_yours_by_chgnet() -> None:
    ours, yours = expected_crystals().rows, shipped_survey().rivals.rows
    assert ours.potential == SEVENNET and np.isfinite(ours.formation_energies).mean() > 0.99
    assert yours.potential == CHGNET and len(yours) == len(ours)
    assert np.nanmean(np.abs(ours.formation_energies - yours.formation_energies)) > 0.03
