"""A first visit: examples, where to drag, half a minute of being shown around; and it is not in the way afterwards."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from board_page import IN_BROWSER, box, drag, rows, settled

pytestmark = IN_BROWSER


def test_the_introduction_goes_for_good(page: Page) -> None:
    page.locator("#examples").get_by_role("button", name="MgO").click()
    expect(page.locator("#target")).to_have_text("MgO")
    page.get_by_role("button", name="Close the introduction").click()
    page.reload()
    expect(rows(page, "known").first).to_be_visible()
    expect(page.locator("#welcome")).to_be_hidden()
    settled(page)


@pytest.mark.parametrize("page", ["wide", "narrow"], indirect=True)
def test_one_is_shown_around_by_keys_alone(page: Page) -> None:
    page.get_by_role("button", name="Show me around").first.focus()
    page.keyboard.press("Enter")
    told = page.locator("#tour")
    words = ""
    for stop in range(1, 7):
        expect(page.locator("#tour-at")).to_have_text(f"{stop} of 6")
        words += f" {page.locator('#tour-text').inner_text()}"
        settled(page)
        left, top, right, bottom = box(told)
        size = page.viewport_size
        assert size is not None and left >= 0 and top >= 0 and right <= size["width"] and bottom <= size["height"]
        _, upper, _, lower = box(page.locator(".shown"))
        assert lower > 0 and upper < size["height"]  # what is spoken of is in sight
        page.keyboard.press("Enter")
    expect(told).to_be_hidden()
    assert len(words.split()) < 30 / 60 * 230  # in half a minute, at 230 words a minute
    assert page.locator(".shown").count() == 0
    page.reload()
    expect(rows(page, "known").first).to_be_visible()
    expect(page.locator("#welcome")).to_be_hidden()
    settled(page)


def test_being_shown_around_can_be_ended_and_asked_for_again(page: Page) -> None:
    page.get_by_role("button", name="Show me around").first.click()
    expect(page.locator("#tour")).to_be_visible()
    expect(page.locator("#welcome")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "plot"
    page.locator("#tour-again").click()
    expect(page.locator("#tour-title")).to_have_text("Drag the curve")
    page.get_by_role("button", name="End", exact=True).click()
    assert page.evaluate("document.activeElement.id") == "tour-again"


@pytest.mark.parametrize("page", ["wide", "narrow"], indirect=True)
def test_axe_finds_nothing_against_the_guidelines_while_one_is_shown_around(page: Page) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Show me around").first.click()
    expect(page.locator("#tour")).to_be_visible()
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = axe.Axe().run(page, options={"runOnly": levels}).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []


def test_where_to_drag_is_said_until_one_has(page: Page) -> None:
    expect(page.get_by_text("drag here")).to_be_visible()
    drag(page, (0.3, 0.5), (0.3, 0.2))
    settled(page)
    expect(page.get_by_text("drag here")).to_have_count(0)
