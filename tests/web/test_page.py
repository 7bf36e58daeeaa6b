"""The page itself, in headless Chromium: a hand draws, the materials change."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pymatgen.core.structure import Structure

from board_page import IN_BROWSER, answered, box, drag, ids, named, rows, settled, state
from dosmith.models.registry import open_model

pytestmark = IN_BROWSER


def test_a_drawn_peak_changes_the_ranking(page: Page) -> None:
    first, before = (ids(page, "known"), ids(page, "new")), answered(page)
    page.get_by_role("button", name="Peak").click()
    drag(page, (0.85, 0.9), (0.86, 0.1))
    settled(page)
    now = state(page)
    assert now["name"] == "Pt3Ni *"
    assert sum(now["values"]) * 0.1 == pytest.approx(1, abs=1e-6)
    assert 4 < -7.5 + 0.1 * max(range(151), key=now["values"].__getitem__) < 6.5
    assert (ids(page, "known"), ids(page, "new")) != first
    assert answered(page) > before + 1  # it was answered on the way, too
    page.keyboard.press("Control+z")
    settled(page)
    assert (ids(page, "known"), ids(page, "new")) == first
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#target")).to_contain_text("edited")


def test_every_tool_leaves_a_sound_curve(page: Page) -> None:
    for tool, start, stop, what in (
        ("Bend", (0.3, 0.5), (0.3, 0.1), "values"),
        ("Paint", (0.6, 0.5), (0.9, 0.2), "values"),
        ("Smooth", (0.2, 0.5), (0.5, 0.5), "values"),
        ("Erase", (0.44, 0.5), (0.44, 0.5), "values"),
        ("Shift", (0.3, 0.5), (0.4, 0.5), "values"),
        ("Stretch", (0.2, 0.5), (0.1, 0.5), "values"),
        ("Gap", (0.55, 0.5), (0.7, 0.5), "values"),
        ("Window", (0.2, 0.5), (0.6, 0.5), "window"),
        ("Weights", (0.2, 0.9), (0.6, 0.2), "weights"),
    ):
        before = state(page)
        page.get_by_role("button", name=tool, exact=True).click()
        drag(page, start, stop)
        settled(page)
        now = state(page)
        assert now[what] != before[what], tool
        assert sum(now["values"]) * 0.1 == pytest.approx(1, abs=1e-6) and min(now["values"]) >= 0
        if tool == "Gap":
            assert max(now["values"][77:88]) < 0.05 * max(now["values"])
        if tool == "Window":
            assert now["window"] == pytest.approx([-4.5, 1.5], abs=0.2)
            expect(page.locator("#target-facts")).to_contain_text("counts")
            expect(rows(page, "new").first.locator(".probability")).to_have_text(
                re.compile(r"^\d+\s%$")
            )  # calibrated for a part, too
        expect(page.locator("#problem")).to_be_hidden()
        page.keyboard.press("Control+z")
        assert state(page)["values"] == pytest.approx(before["values"])


def test_the_curve_functions_keep_their_promises(page: Page) -> None:
    """States are conserved where they should be, and no density is negative."""
    found = page.evaluate(
        """async () => {
          const c = await import('./curves.js');
          const E = Array.from({ length: 151 }, (_, i) => -7.5 + 0.1 * i);
          const v = c.normalised(E.map((e) => Math.exp(-((e + 2) ** 2)) + 0.5 * Math.exp(-((e - 1.5) ** 2) / 0.3)), E);
          const area = (w) => c.area(w, E), low = (w) => Math.min(...w);
          const made = [c.bend(v, E, -2, 0.01, 0.5), c.bend(v, E, 3, 0.3, 0.5), c.shift(v, E, 0.73), c.stretch(v, E, 1.2),
            c.smooth(v, E, -2, 0.6), c.erase(v, E, 1.4), c.gap(v, E, 1.7, 0.15), c.paint(v, E, { energy: 4, height: 0.2 }, { energy: 2, height: -1 })];
          return { low: Math.min(...made.map(low)), finite: made.every((w) => w.length === 151 && w.every(Number.isFinite)),
            shifted: area(made[2]), stretched: area(made[3]), smoothed: area(made[4]), erased: Math.max(...made[5].slice(85)),
            at: made[1][c.nearest(E, 3)], down: made[0][c.nearest(E, -2)], cosine: c.cosine(v, v),
            back: Math.max(...c.shift(c.shift(v, E, 0.5), E, -0.5).map((x, i) => Math.abs(x - v[i]))) };
        }"""
    )
    assert found["low"] >= 0 and found["finite"]
    assert found["shifted"] == pytest.approx(1, abs=1e-3) and found["stretched"] == pytest.approx(1, abs=1e-3)
    assert found["smoothed"] == pytest.approx(1, abs=0.01) and found["erased"] < 0.06
    assert found["at"] == pytest.approx(0.3) and found["down"] == pytest.approx(0.01)
    assert found["cosine"] == pytest.approx(1) and found["back"] < 1e-9


@pytest.mark.parametrize("page", ["wide", "narrow"], indirect=True)
def test_forbidding_platinum(page: Page) -> None:
    platinum = page.locator('.element[data-symbol="Pt"]')
    platinum.click()
    expect(platinum).to_have_attribute("data-what", "require")
    platinum.click()
    expect(platinum).to_have_attribute("data-what", "forbid")
    settled(page)
    found = ids(page, "known") + ids(page, "new")
    assert found and not [each for each in found if "Pt" in each]
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    page.get_by_role("button", name="allow all").click()
    expect(rows(page, "known").first).to_have_attribute("data-id", "Pt3Ni-L1_2")


def test_keys_alone_are_enough(page: Page) -> None:
    page.locator("#plot").focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowUp", "Shift+ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator("#target")).to_contain_text("edited")
    expect(page.locator("#spoken")).to_contain_text("best predicted crystal")
    page.locator('.element[data-symbol="Ni"]').focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.symbol") == "Pd"
    page.keyboard.press("f")
    expect(page.locator('.element[data-symbol="Pd"]')).to_have_attribute("data-what", "forbid")
    rows(page, "new").first.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()


def test_a_crystal_opens_and_leaves_as_a_file(page: Page, tmp_path: Path) -> None:
    identifier = ids(page, "new")[0]
    rows(page, "new").first.click()
    expect(page.locator("#crystal[data-drawn]")).to_be_visible()
    assert page.locator("#crystal canvas").count() == 1
    with page.expect_download() as found:
        page.get_by_role("link", name="CIF").click()
    assert found.value.suggested_filename == f"{identifier}.cif"
    file = tmp_path / "crystal.cif"
    found.value.save_as(file)
    assert Structure.from_file(file).composition.reduced_formula
    with page.expect_download() as table:
        page.get_by_role("link", name="DOS as CSV").click()
    assert "dos" in table.value.suggested_filename


def test_a_calculation_outlives_a_reload(page: Page) -> None:
    page.locator("#name").fill("Al")
    page.keyboard.press("Enter")
    expect(rows(page, "known").first).to_have_attribute("data-id", "Al-A1")
    rows(page, "known").first.click()
    page.get_by_role("button", name="Verify by DFT").click()
    job = page.locator("#jobs .job").first
    expect(job).to_have_attribute("data-state", "running", timeout=60_000)
    page.reload()
    expect(page.locator("#target")).to_have_text("Al")  # so does the board
    expect(page.locator("#jobs-link")).to_be_in_viewport()  # wherever the list of calculations is
    expect(job).to_have_attribute("data-state", "done", timeout=240_000)
    expect(job).to_contain_text("to your curve")
    with page.expect_download() as found:
        job.get_by_role("link", name="dos.csv").click()
    assert "dos.csv" in found.value.suggested_filename
    job.get_by_role("button", name="Remove").click()
    expect(page.locator("#jobs-section")).to_be_hidden()


def test_what_is_computed_here_moves_to_the_known_at_once(page: Page) -> None:
    page.locator('.element[data-symbol="Na"]').click()
    page.locator('.element[data-symbol="Al"]').click()
    page.locator("#count").select_option("two")
    settled(page)
    row = rows(page, "new").first
    identifier, formula = str(row.get_attribute("data-id")), row.locator("b").inner_text()
    row.click()
    page.get_by_role("button", name="Verify by DFT").click()
    moved = page.locator(f'#known tr[data-id="{identifier}"]')
    expect(moved).to_be_visible(timeout=240_000)
    expect(moved).to_contain_text("computed here")
    keep = page.locator("#jobs .job").first.get_by_role("button", name="Keep curve")
    keep.focus()
    page.keyboard.press("Enter")  # its curve is shown by key, beside target and prediction
    expect(page.locator("#keys")).to_contain_text(f"{formula}, computed by DFT")
    expect(page.locator(f'#new tr[data-id="{identifier}"]')).to_have_count(0)
    expect(page.locator("#problem")).to_contain_text("stands among the known crystals now")
    expect(page.locator("#card .badge").first).to_have_text("computed")  # the card shows what is known now
    expect(page.locator("#card-title")).to_have_text(formula)
    page.locator("#jobs .job").first.get_by_role("button", name="Remove").click()
    expect(moved).to_have_count(0)
    expect(page.locator(f'#new tr[data-id="{identifier}"]')).to_have_count(1)
    settled(page)


def test_a_broken_file_is_told_and_changes_nothing(page: Page) -> None:
    before = state(page)["values"]
    drop(page, "vasprun.xml", "<modeling><broken")
    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("#problem")).to_contain_text("vasprun.xml")
    drop(page, "doscar", "nonsense")
    expect(page.locator("#problem")).to_contain_text("The file doscar is")  # its name as it is
    assert state(page)["values"] == before
    drop(page, "dos.csv", "energy,dos\n" + "\n".join(f"{e / 10},{abs(e) % 30}" for e in range(-100, 101)))
    expect(page.locator("#target")).to_have_text("dos.csv")
    expect(page.locator("#problem")).to_be_hidden()


def test_the_fermi_level_is_asked_for(page: Page) -> None:
    drop(page, "late.csv", "\n".join(f"{e / 10} {1 + max(0, 5 - abs(e - 100) / 10)}" for e in range(20, 221)))
    expect(page.locator("#fermi-box")).to_be_visible()
    expect(page.locator("#fermi-why")).not_to_contain_text("--")  # no options of the command line
    page.locator("#fermi-of-file").fill("12")
    page.locator("#fermi-go").click()
    expect(page.locator("#target")).to_have_text("late.csv")
    expect(page.locator("#fermi-box")).to_be_hidden()
    values = state(page)["values"]
    assert -7.5 + 0.1 * values.index(max(values)) == pytest.approx(-2, abs=0.11)


def drop(page: Page, name: str, content: str) -> None:
    page.evaluate(
        """([name, content]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([content], name));
          for (const type of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [name, content],
    )


def test_columns_are_pasted(page: Page) -> None:
    page.get_by_role("button", name="Paste columns").click()
    page.locator("#columns").fill("nonsense")
    page.locator("#paste-go").click()
    expect(page.locator("#paste-problem")).to_contain_text("The pasted table is")
    page.locator("#columns").fill("\n".join(f"{e / 10} {max(0, 5 - abs(e + 20) / 10)}" for e in range(-100, 101)))
    page.locator("#paste-go").click()
    expect(page.locator("#target")).to_have_text("Pasted columns")
    values = state(page)["values"]
    assert -7.5 + 0.1 * values.index(max(values)) == pytest.approx(-2, abs=0.11)


def test_pasted_columns_without_a_fermi_level_take_the_number_of_electrons(page: Page) -> None:
    page.get_by_role("button", name="Paste columns").click()
    page.locator("#columns").fill("\n".join(f"{e / 10} {max(0, 5 - abs(e - 100) / 10)}" for e in range(20, 221)))
    page.locator("#paste-go").click()
    expect(page.locator("#paste-problem")).to_contain_text("the number of electrons")
    page.locator("#electrons").fill("12.5")
    page.locator("#paste-go").click()
    expect(page.locator("#target")).to_have_text("Pasted columns")
    values = state(page)["values"]
    assert -7.5 + 0.1 * values.index(max(values)) == pytest.approx(0, abs=0.11)  # half of its 25 states are filled


def test_a_target_that_is_being_read_is_named_at_once(page: Page) -> None:
    def late(route: Route) -> None:
        page.wait_for_timeout(600)
        route.continue_()

    page.route("**/api/target/**", late)
    drop(page, "slow.csv", "energy,dos\n" + "\n".join(f"{e / 10},{abs(e) % 30}" for e in range(-100, 101)))
    expect(page.locator("#problem")).to_have_text("Reading slow.csv \u2026")
    expect(page.locator("#target")).to_have_text("slow.csv")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_crystal_that_takes_time_to_open_is_named_meanwhile(page: Page) -> None:
    def late(route: Route) -> None:
        page.wait_for_timeout(1500)
        route.continue_()

    page.route(re.compile(r"/api/material\?"), late)
    rows(page, "new").first.get_by_role("button").click()
    expect(page.locator("#problem")).to_have_text(f"Opening {ids(page, 'new')[0]} \u2026")
    expect(page.locator("#card")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()


def test_energies_that_one_target_lacks_count_again_in_the_next(page: Page) -> None:
    drop(page, "part.csv", "energy,dos\n" + "\n".join(f"{e / 10},{3 - abs(e) / 10}" for e in range(-30, 31)))
    expect(page.locator("#target-facts")).to_contain_text("counts")
    assert state(page)["window"] is not None
    named(page, "Al")
    expect(page.locator("#target")).to_have_text("Al")
    assert state(page)["window"] is None
    page.get_by_role("button", name="Window", exact=True).click()
    drag(page, (0.2, 0.5), (0.6, 0.5))
    mine = state(page)["window"]
    named(page, "Pd")
    expect(page.locator("#target")).to_have_text("Pd")
    assert state(page)["window"] == mine  # what one has asked for stays


def test_a_board_is_shared_by_link_and_file(page: Page, browser: Browser, tmp_path: Path) -> None:
    page.get_by_role("button", name="Window").click()
    drag(page, (0.2, 0.5), (0.7, 0.5))
    page.locator('.element[data-symbol="Rh"]').click()
    page.locator("#ratio").select_option("3:1")
    settled(page)
    mine, shown = state(page), (ids(page, "known"), ids(page, "new"))
    page.get_by_role("button", name="Share").click()
    other = browser.new_page()
    other.goto(page.url)
    expect(rows(other, "new").first).to_be_visible()
    settled(other)
    theirs = state(other)
    assert theirs["values"] == pytest.approx(mine["values"], abs=1e-5)
    assert {k: theirs[k] for k in ("window", "ratio", "elements", "name")} == {
        k: mine[k] for k in ("window", "ratio", "elements", "name")
    }
    assert (ids(other, "known"), ids(other, "new")) == shown
    other.close()
    with page.expect_download() as found:
        page.get_by_role("button", name="Save").click()
    saved = tmp_path / "board.json"
    found.value.save_as(saved)
    page.locator("#name").fill("Al3Zr")
    page.keyboard.press("Enter")
    expect(page.locator("#target")).to_have_text("Al3Zr")
    page.locator("#file").set_input_files(saved)
    expect(page.locator("#target")).to_have_text("Pt3Ni")
    assert json.loads(saved.read_text())["dosmith_board"] == 1
    # The board may write its state into the address bar before the browser reports the address that was given.
    page.evaluate("() => { const own = location.href; location.hash = 'broken'; history.replaceState(null, '', own); }")
    expect(page.locator("#problem")).to_contain_text("link")


def test_the_report_is_exported(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as found:
        page.get_by_role("button", name="Report").click()
    file = tmp_path / "report.html"
    found.value.save_as(file)
    assert "Pt3Ni" in file.read_text(encoding="utf-8") and found.value.suggested_filename == "report.html"


def test_pictures_can_be_clicked(page: Page) -> None:
    expect(page.locator("#around .place").nth(20)).to_be_attached()
    page.locator("#map").scroll_into_view_if_needed()
    gold = page.locator('#map .spot:has-text("Au")')
    expect(gold).to_be_visible(timeout=120_000)  # it is worked out once, which takes seconds of a free core
    gold.click()
    expect(page.locator('.element[data-symbol="Au"]')).to_have_attribute("data-what", "require")
    settled(page)
    page.locator("#around .place.known circle:not(.touch)").nth(3).click(force=True)
    expect(page.locator("#card")).to_be_visible()


def test_names_around_the_target_do_not_lie_on_one_another(page: Page) -> None:
    expect(page.locator("#around .place").nth(20)).to_be_attached()
    settled(page)
    for place in page.locator("#around .place").all()[::9]:
        place.dispatch_event("pointerenter")
        settled(page)
        expect(page.locator("#around .place.hovered")).to_have_count(1)
        assert (
            page.evaluate(
                """() => {
              const shown = [...document.querySelectorAll("#around .place text")].filter((each) => getComputedStyle(each).opacity > 0.1);
              const boxes = shown.map((each) => each.getBoundingClientRect());
              return boxes.some((a, i) => boxes.slice(i + 1).some((b) =>
                Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.4 * a.height));
            }"""
            )
            is False
        )
        place.dispatch_event("pointerleave")


def test_the_curve_stays_in_sight_while_the_lists_scroll(page: Page) -> None:
    rows(page, "known").last.scroll_into_view_if_needed()
    expect(page.locator("#plot")).to_be_in_viewport(ratio=0.9)


@pytest.mark.parametrize("page", ["wide", "narrow"], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_the_guidelines(page: Page, scheme: str) -> None:
    """WCAG 2.2, A and AA, with the card open and elements of every kind."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.locator('.element[data-symbol="Ni"]').click()
    page.locator('.element[data-symbol="Zn"]').click(button="right")
    page.locator("#limits summary").click()
    settled(page)
    rows(page, "new").first.get_by_role("button").click()
    expect(page.locator("#card")).to_be_visible()
    page.locator("#keep").click()
    settled(page)
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = axe.Axe().run(page, options={"runOnly": levels}).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []


def test_the_page_is_small(page: Page) -> None:
    """Below 1 MB until a crystal is drawn; that needs another half."""
    sizes = page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')].map((e) => e.encodedBodySize)"
    )
    assert 50_000 < sum(sizes) < 1_000_000
    # Whatever the page begins with is asked for at once, not when another file has named it; nothing is asked for twice.
    static = Path(__file__).parents[2] / "src" / "dosmith" / "web" / "static"
    begun = set(
        re.findall(r'(?:modulepreload" href|script src)="(\w+\.js)"', (static / "index.html").read_text(encoding="utf-8"))
    )
    asked = page.evaluate("performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname.slice(1))")
    assert {name for name in asked if re.fullmatch(r"\w+\.js", name)} == begun
    assert asked.count("api/board") == 1 and not any("3Dmol" in name for name in asked)


def test_the_card_covers_nothing_that_one_needs(page: Page) -> None:
    for width in (1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        rows(page, "new").first.get_by_role("button").click()
        expect(page.locator("#card")).to_be_visible()
        settled(page)
        left, top, right, bottom = box(page.locator("#card"))
        for other in ("#elements", "#new", "#known", "#plot"):
            a, b, c, d = box(page.locator(other))
            assert c <= left or a >= right or d <= top or b >= bottom, other


def test_every_element_that_the_model_knows_can_be_chosen(page: Page) -> None:
    shown = page.evaluate("[...document.querySelectorAll('.element')].map((each) => each.dataset.symbol)")
    assert sorted(shown) == sorted(open_model("dosmith").elements) and {"Dy", "Xe"} <= set(shown)


@pytest.mark.parametrize("page", ["narrow"], indirect=True)
def test_curve_and_card_share_a_small_screen(page: Page) -> None:
    rows(page, "new").first.get_by_role("button").click()
    expect(page.locator("#card")).to_be_visible()
    settled(page)
    _, top, _, bottom = box(page.locator("#plot"))
    assert top > -1 and bottom < box(page.locator("#card"))[1] + 1
    for row in rows(page, "new").all():
        inner = row.locator("b").evaluate(
            "(e) => [e.getBoundingClientRect().right, e.closest('th').getBoundingClientRect().right]"
        )
        assert inner[0] <= inner[1] + 1  # no formula is cut off
    small = page.evaluate(
        "[...document.querySelectorAll('.element')].filter((e) => Math.min(e.offsetWidth, e.offsetHeight) < 24).length"
    )
    assert small == 0


def test_where_nothing_is_computed_the_prediction_may_be_the_target(page: Page) -> None:
    named(page, "Pt2RhNi")
    expect(page.locator("#problem")).to_contain_text("still shows Pt3Ni")
    page.locator("#problem").get_by_role("button").first.click()
    expect(page.locator("#target")).to_have_text("Pt2RhNi")
    expect(page.locator("#target-facts")).to_contain_text("predicted by dosmith and not computed")
    expect(page.locator("#problem")).to_be_hidden()
    named(page, "Xx9")
    expect(page.locator("#problem")).to_contain_text("did you mean Xe? The board still shows")
    named(page, "")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_formula_is_suggested_and_its_crystals_can_be_chosen(page: Page) -> None:
    page.locator("#name").press_sequentially("Al")
    expect(page.locator("#targets option").first).to_have_attribute("value", "Al-A1")
    named(page, "Al")
    expect(page.locator("#target")).to_have_text("Al")
    expect(page.locator("#target-facts")).not_to_contain_text("by id")  # they stand there to choose from
    page.locator("#polymorph").select_option("known Al-A3")
    expect(page.locator("#target-facts")).to_contain_text("Al-A3")
    assert page.locator("#polymorph").input_value() == "known Al-A3"


def test_curves_are_kept_beside_one_another_and_taken_away(page: Page, tmp_path: Path) -> None:
    for place in range(4):
        rows(page, "new").nth(place).get_by_role("button").click()
        expect(page.locator("#card-title")).to_have_text(rows(page, "new").nth(place).locator("b").inner_text())
        page.locator("#keep").click()
    assert page.locator("#keys").get_by_role("button", name="no longer").count() == 3  # the oldest made room
    for form in ("SVG", "PNG"):
        with page.expect_download() as found:
            page.get_by_role("button", name=form).click()
        found.value.save_as(tmp_path / f"plot.{form}")
    svg = ElementTree.fromstring((tmp_path / "plot.SVG").read_text(encoding="utf-8"))
    assert sum(each.get("stroke-width") == "2" and "L" in each.get("d", "") for each in svg.iter()) >= 4
    assert (tmp_path / "plot.PNG").read_bytes().startswith(b"\x89PNG")
    page.locator("#keys").get_by_role("button", name="no longer").first.click()
    assert page.locator("#keys").get_by_role("button", name="no longer").count() == 2


def test_lists_grow_are_sorted_and_leave_as_tables(page: Page, tmp_path: Path) -> None:
    page.locator("#more-new").click()
    expect(rows(page, "new")).to_have_count(24)
    head = page.locator('#new th[data-sort="price"]')
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    settled(page)
    with page.expect_download() as found:
        page.locator("#new-csv").click()
    found.value.save_as(tmp_path / "new.csv")
    lines = [line.split(",") for line in (tmp_path / "new.csv").read_text().splitlines()]
    prices = [float(line[lines[0].index("price_usd_per_kg")]) for line in lines[1:]]
    assert len(prices) == 24 and prices == sorted(prices)
    assert sorted(int(line[0]) for line in lines[1:]) == list(range(1, 25))  # ranks stay those of the answer


def test_arrow_keys_do_what_each_tool_does(page: Page) -> None:
    for tool, keys, what in (
        ("Paint", ["ArrowLeft", "ArrowUp"], "values"),
        ("Peak", ["Shift+ArrowRight", "ArrowUp"], "values"),
        ("Smooth", ["ArrowUp"], "values"),
        ("Erase", ["Enter"], "values"),
        ("Shift", ["ArrowRight"], "values"),
        ("Stretch", ["ArrowRight"], "values"),
        ("Gap", ["Shift+ArrowRight"], "values"),
        ("Window", ["Enter", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"], "window"),
        ("Weights", ["Shift+ArrowUp"], "weights"),
    ):
        before = state(page)[what]
        page.get_by_role("button", name=tool, exact=True).click()
        page.locator("#plot").focus()
        for key in keys:
            page.keyboard.press(key)
        now = state(page)
        assert now[what] != before, tool
        assert sum(now["values"]) * 0.1 == pytest.approx(1, abs=1e-6) and min(now["values"]) >= 0
    page.get_by_role("button", name="Window", exact=True).click()
    page.locator("#plot").focus()
    page.keyboard.press("Delete")
    assert state(page)["window"] is None


def test_steps_back_survive_a_reload_and_an_edit_credits_nobody(page: Page) -> None:
    page.get_by_role("button", name="Peak").click()
    drag(page, (0.85, 0.9), (0.86, 0.1))
    settled(page)
    expect(page.locator("#target-facts")).to_contain_text("edited by hand; began as Pt3Ni-L1_2")
    expect(page.locator("#target-facts")).not_to_contain_text("CP2K")
    expect(page.locator("html[data-remembered=yes]")).to_have_count(1)
    page.reload()
    expect(page.locator("#target")).to_contain_text("edited")
    settled(page)
    page.locator("#undo").click()
    expect(page.locator("#target")).to_have_text("Pt3Ni")
    settled(page)
