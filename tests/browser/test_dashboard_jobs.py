"""The jobs of the demo, started and looked at in the dashboard."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import Chromium, Site, wait_for, wait_until_ready
from tests.browser.dashboard import detail, go, link_of, rows
from tests.browser.test_crash import kill_renderer

HEADLINE = re.compile(r"^3 pictures resized, [\d.]+ kB together$")
NAMES = ["landscape", "chart", "ring on nothing"]
COLOURS = """
(picture) => {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 32
  const context = canvas.getContext('2d')
  context.drawImage(picture, 0, 0, 32, 32)
  const words = new Uint32Array(context.getImageData(0, 0, 32, 32).data.buffer)
  return new Set(words).size
}
"""
DIFFERENCE = """
(figure) => {
  const [before, after] = [figure.querySelector('canvas'), figure.querySelector('img')].map((picture) => {
    const canvas = document.createElement('canvas')
    canvas.width = canvas.height = 16
    const context = canvas.getContext('2d')
    context.imageSmoothingQuality = 'high'
    context.drawImage(picture, 0, 0, 16, 16)
    return context.getImageData(0, 0, 16, 16).data
  })
  return before.reduce((sum, byte, index) => sum + Math.abs(byte - after[index]), 0) / before.length
}
"""


@pytest.fixture
def page(chromium: Chromium, demo_site: Site) -> Page:
    page = chromium.open(f"{demo_site.url}#/trigger")
    wait_until_ready(page)
    return page


# ---------------------------------------------------------------------- resize-images


def resize(page: Page, side: str = "320 pixels") -> None:
    go(page, "/trigger/resize-images")
    page.get_by_role("button", name="Use three drawn pictures").click()
    chosen = page.get_by_role("list", name="Chosen pictures").get_by_role("listitem")
    expect(chosen.locator("span")).to_have_text(NAMES)
    page.get_by_role("combobox", name="Longest side").select_option(side)
    page.get_by_role("button", name="Start resize-images").click()


def expect_pictures(page: Page, side: int) -> None:
    """Before and after, of which each shows something, and both the same."""
    expect(page.get_by_role("heading", name=HEADLINE)).to_be_visible()
    sizes = {"landscape": (1200, 800), "chart": (1000, 750), "ring on nothing": (800, 800)}
    for name, (width, height) in sizes.items():
        figure = page.get_by_role("figure").filter(has=page.get_by_role("heading", name=name))
        before = figure.get_by_role("img", name=f"{name}, before")
        after = figure.get_by_role("img", name=f"{name}, resized and enlarged again")
        assert before.evaluate("({ width, height }) => [width, height]") == [width, height]
        expected = [side, round(side * height / width)]
        wait_for(page, lambda after=after: after.evaluate("({ complete }) => complete"))  # type: ignore[misc]
        natural = after.evaluate("({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight]")
        assert natural == expected
        assert before.evaluate(COLOURS) > 5
        assert after.evaluate(COLOURS) > 5
        assert figure.evaluate(DIFFERENCE) < 20


def test_drawn_pictures_end_as_smaller_ones(page: Page) -> None:
    resize(page, "160 pixels")
    expect_pictures(page, 160)
    slider = page.get_by_role("slider", name="How much of chart is shown as it was before")
    slider.focus()
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "100 % before, 0 % after")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the PNG of chart").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG\r\n")


def test_pictures_go_on_after_a_kill_in_the_middle(chromium: Chromium, page: Page) -> None:
    resize(page)
    expect(page.get_by_text("image-1-strip-5", exact=True)).to_be_visible()
    page = kill_renderer(chromium, page)
    expect_pictures(page, 320)
    run = page.evaluate("async () => (await durably.getRuns({ view: 'summary' }))[0]")
    assert run["attempt"] == 2
    names = page.evaluate("async (id) => (await durably.getSteps(id)).map(({ name }) => name)", run["id"])
    assert len(names) == len(set(names)) == run["completedStepCount"]
    expect(page.locator(".step[data-replayed=true]").first).to_be_visible()


def test_start_without_a_picture_is_told(page: Page) -> None:
    go(page, "/trigger/resize-images")
    page.get_by_role("button", name="Start resize-images").click()
    expect(page.get_by_text("Choose a picture first, or use the drawn ones.")).to_be_visible()


# ---------------------------------------------------------------------- sync-notes


def notes(page: Page) -> Page:
    go(page, "/trigger/sync-notes")
    return page


def choose_mood(page: Page, mood: str) -> None:
    page.get_by_role("radio", name=re.compile(f"^{mood}")).check()


def add(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="New note").fill(text)
    page.keyboard.press("Enter")


def note(page: Page, text: str) -> Locator:
    return page.get_by_role("list", name="Notes").get_by_role("listitem").filter(has_text=text)


def test_note_of_a_page_without_network_reaches_the_server_in_the_end(chromium: Chromium, page: Page) -> None:
    notes(page)
    choose_mood(page, "Flaky")
    chromium.context.set_offline(True)
    add(page, "Buy milk")
    expect(note(page, "Buy milk").get_by_role("status")).to_have_text(re.compile("^On the server"))
    chromium.context.set_offline(False)
    pushed = page.evaluate("async () => (await durably.getRuns())[0].output.pushed")
    assert [each["words"] for each in pushed] == ["“Buy milk”"]


def test_note_that_a_server_never_took_is_named_and_can_be_sent_again(page: Page) -> None:
    notes(page)
    choose_mood(page, "Down")
    add(page, "Call home")
    expect(note(page, "Call home").get_by_role("status")).to_have_text("On its way")
    expect(note(page, "Call home").get_by_role("status")).to_have_text("Saved here")
    go(page, "/runs")
    link_of(rows(page).first).click()
    error = detail(page).get_by_role("group", name="Error")
    expect(error).to_contain_text("Call home")
    expect(error).to_contain_text("did not reach the server in 5 tries")
    expect(error).to_contain_text("In the step note-1-try-5")
    notes(page)
    choose_mood(page, "Steady")
    page.get_by_role("button", name="Send 1 change to the server").click()
    expect(note(page, "Call home").get_by_role("status")).to_have_text(re.compile("^On the server"))
    expect(page.get_by_role("button", name=re.compile("^Send"))).to_have_count(0)


def test_notes_survive_a_reload(page: Page) -> None:
    notes(page)
    add(page, "Water the plants")
    state = note(page, "Water the plants").get_by_role("status")
    expect(state).to_have_text(re.compile("^On the server"))
    page.get_by_role("button", name="Edit Water the plants").click()
    page.get_by_role("textbox", name="Text of the note").fill("Water the cactus")
    page.keyboard.press("Enter")
    state = note(page, "Water the cactus").get_by_role("status")
    expect(state).to_have_text("On the server, revision 2")
    page.reload()
    expect(state).to_have_text("On the server, revision 2")
    page.get_by_role("button", name="Delete Water the cactus").click()
    expect(page.get_by_text("There is no note yet.")).to_be_visible()


def test_note_that_the_server_refuses_is_told(page: Page) -> None:
    notes(page)
    add(page, "They refuse this")
    expect(note(page, "They refuse this").get_by_role("status")).to_have_text(re.compile("^Refused: "))
    go(page, "/runs")
    link_of(rows(page).first).click()
    expect(page.get_by_role("heading", name="0 changes on the server, 1 refused")).to_be_visible()
