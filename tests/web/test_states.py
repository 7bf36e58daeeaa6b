"""Which states are bent: chosen on the page, told in words, kept in the address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from board_page import IN_BROWSER, named, rows, settled, state
from dosmith.designer import Designer

pytestmark = IN_BROWSER


def test_states_are_chosen_and_their_band_is_told(page: Page, designer: Designer) -> None:
    library = designer.library
    known = next(library.ids[row] for row in library.projected("O", "p") if library.ids[row].startswith("BaO2"))
    named(page, known)
    expect(page.locator("#target")).to_contain_text("BaO")
    settled(page)
    whole = state(page)["values"]
    page.locator("#part").select_option("O:p")
    expect(page.locator("#target-facts")).to_contain_text("O p states only")
    settled(page)
    assert state(page)["part"] == "O:p" and state(page)["values"] != whole
    expect(page.locator("#target-facts")).to_contain_text("band centre")
    expect(rows(page, "known").first).to_have_attribute("data-id", known)
    page.locator("#plot").focus()
    page.keyboard.press("Control+z")
    settled(page)
    assert state(page)["part"] == "" and state(page)["values"] == pytest.approx(whole)


def test_a_drawn_curve_is_declared_to_be_of_some_states(page: Page) -> None:
    page.get_by_role("button", name="Start empty").click()
    settled(page)
    before = state(page)["values"]
    page.locator("#part").select_option("d")
    settled(page)
    assert state(page)["part"] == "d" and state(page)["values"] == pytest.approx(before)
    expect(page.locator("#target-facts")).to_contain_text("d states only \u00b7 band centre")
