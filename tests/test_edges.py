import pytest

from dosmith.edges import BandEdges, edges_of_eigenvalues


def test_edges_are_the_highest_full_and_the_lowest_empty_band_of_all_k_points() -> None:
    found = edges_of_eigenvalues([[[-3.0, -1.0, 2.0], [-2.5, -0.5, 3.0]]], [2])
    assert found == BandEdges(-0.5, 2.0) and found.gap == 2.5 and found.middle == 0.75


def test_spin_channels_may_hold_different_numbers_of_electrons() -> None:
    up, down = [[-2.0, -1.0, 3.0]], [[-2.0, 1.0, 4.0]]
    assert edges_of_eigenvalues([up, down], [2, 1]) == BandEdges(-1.0, 1.0)


def test_bands_that_overlap_are_a_metal() -> None:
    found = edges_of_eigenvalues([[[-2.0, 0.5], [0.8, 1.0]]], [1])
    assert found is not None and found.gap == 0.0 and found.conduction < found.valence


@pytest.mark.parametrize("occupied", [0, 3])
def test_nothing_is_told_without_a_full_and_an_empty_band(occupied: int) -> None:
    assert edges_of_eigenvalues([[[-2.0, 0.5, 1.0]]], [occupied]) is None
