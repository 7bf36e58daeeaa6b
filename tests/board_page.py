"""The drawing board's page in headless Chromium, as its tests use it: what stands on it, and a hand that draws."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Locator, Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
IN_BROWSER = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")]
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 390, "height": 844}}

expect.set_options(timeout=20_000)


def rows(page: Page, kind: str) -> Locator:
    return page.locator(f"#{kind} tbody tr")


def ids(page: Page, kind: str) -> list[str]:
    return [str(row.get_attribute("data-id")) for row in rows(page, kind).all()]


def drag(page: Page, start: tuple[float, float], *stops: tuple[float, float]) -> None:
    """With the mouse over the curve; places are shares of its width and height from the upper left."""
    box = page.locator("#plot .u-over").bounding_box()
    assert box is not None

    def at(place: tuple[float, float]) -> tuple[float, float]:
        return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]

    page.mouse.move(*at(start))
    page.mouse.down()
    for stop in stops:
        page.mouse.move(*at(stop), steps=3)
    page.mouse.up()


def state(page: Page) -> dict:
    return page.evaluate("import('./state.js').then((m) => { const { facts, ...rest } = m.state; return rest; })")


def answered(page: Page) -> int:
    return int(page.evaluate("document.documentElement.dataset.answered"))


def settled(page: Page) -> None:
    """Wait until the answers to the last change are on the page, and nothing moves any more."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.evaluate(
        """() => Promise.allSettled(document.getAnimations()
             .filter((each) => each.effect.getTiming().iterations < Infinity).map((each) => each.finished))"""
    )


def named(page: Page, text: str) -> None:
    page.locator("#name").fill(text)
    page.keyboard.press("Enter")


def box(locator: Locator) -> tuple[float, float, float, float]:
    """Left, top, right and lower edge on the screen."""
    found = locator.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def cells(page: Page, kind: str, name: str) -> list[float]:
    """A column of numbers, from highest row to lowest."""
    return [float(text.replace("\u2212", "-")) for text in page.locator(f"#{kind} tbody .{name}").all_inner_texts()]
