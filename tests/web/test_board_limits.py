"""Limits on the page: of gap, energies, height above the hull and price, by fields and sliders."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from board_page import IN_BROWSER, cells, named, rows, settled, state

pytestmark = IN_BROWSER


@pytest.mark.parametrize("page", ["wide", "narrow"], indirect=True)
def test_bounds_by_fields_and_sliders(page: Page) -> None:
    limits = page.locator("#limits")
    limits.locator("summary").click()
    least, most = limits.get_by_label("Gap at least, eV"), limits.get_by_label("Gap at most, eV")
    least.fill("2")
    least.press("Enter")
    expect(limits.get_by_label("Gap at least, slider")).to_have_value("20")
    settled(page)
    assert min(cells(page, "new", "gap") + cells(page, "known", "gap")) >= 2
    expect(page.locator("#notes")).to_contain_text("The curve itself has no gap")
    most.fill("1")  # it takes the other end along
    most.press("Enter")
    assert state(page)["gap"] == [0.9, 1]
    slider = limits.get_by_label("Price of the elements at most, slider")
    slider.focus()
    for _ in range(60):
        slider.press("ArrowLeft")
    assert state(page)["price"] == 100
    energies = limits.get_by_label("Energies that count to, eV")
    energies.fill("1.5")
    energies.press("Enter")
    settled(page)
    assert state(page)["window"] == [-7.5, 1.5]
    expect(limits.locator("summary")).to_contain_text("gap 0.9 to 1 eV, −7.5 to 1.5 eV count, up to 100 USD/kg")
    limits.get_by_role("button", name="remove all limits").click()
    expect(rows(page, "known").first).to_have_attribute("data-id", "Pt3Ni-L1_2")
    page.keyboard.press("Control+z")
    expect(least).to_have_value("0.9")
    expect(page.locator("html[data-remembered=yes]")).to_have_count(1)
    page.reload()
    expect(page.get_by_label("Price of the elements at most, USD/kg")).to_have_value("100")
    settled(page)


def test_candidates_without_the_wished_gap_are_told_and_it_can_be_asked_for(page: Page) -> None:
    named(page, "MgO")
    expect(page.locator("#notes")).to_contain_text("probably have another gap than the curve")
    page.locator("#gap-as-drawn").click()
    settled(page)
    low, high = state(page)["gap"]
    assert low < 4.2 < high
    gaps = cells(page, "new", "gap")
    assert gaps and all(low - 0.05 <= gap <= high + 0.05 for gap in gaps)  # which are shown to a tenth
    expect(page.locator("#gap-as-drawn")).to_have_count(0)
    head = page.locator('#new th[data-sort="gap"]')
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    settled(page)
    assert cells(page, "new", "gap") == sorted(gaps, reverse=True)
