"""What the dashboard tells of the engine and its storage, in one tab and in two."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import Chromium, Site, wait_until_ready
from tests.browser.dashboard import go

LEADS = "The engine is in this tab. Other tabs of this site use it, too."
FOLLOWS = "The engine is in another tab; this one uses it."


def storage_of(chromium: Chromium, site: Site) -> Page:
    page = chromium.open(f"{site.url}#/storage")
    wait_until_ready(page)
    return page


def engine(page: Page) -> Locator:
    return page.get_by_role("region", name="Engine")


def fact(page: Page, name: str) -> Locator:
    return engine(page).locator("div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def test_two_tabs_tell_who_leads_and_the_engine_can_be_moved(chromium: Chromium, demo_site: Site) -> None:
    first = storage_of(chromium, demo_site)
    expect(engine(first)).to_contain_text(LEADS)
    expect(fact(first, "Tabs")).to_have_text("1 (this tab leads)")
    second = storage_of(chromium, demo_site)
    expect(engine(second)).to_contain_text(FOLLOWS)
    expect(fact(second, "Tabs")).to_have_text("2 (another tab leads)")
    first.bring_to_front()
    expect(fact(first, "Tabs")).to_have_text("2 (this tab leads)")
    second.bring_to_front()
    move = second.get_by_role("button", name="Move it into this tab")
    move.focus()
    second.keyboard.press("Enter")
    expect(engine(second)).to_contain_text(LEADS)
    expect(move).to_have_count(0)
    expect(engine(first)).to_contain_text(FOLLOWS)
    expect(fact(second, "Tabs")).to_have_text("2 (this tab leads)")
    first.close()
    expect(fact(second, "Tabs")).to_have_text("1 (this tab leads)")


def test_phases_of_the_last_start_are_told(chromium: Chromium, demo_site: Site) -> None:
    page = storage_of(chromium, demo_site)
    start = page.get_by_role("region", name=re.compile("^Last start"))
    names = start.locator(".phases > li > span:first-child")
    expect(names).to_have_text(["Database lock", "Storage", "Python", "Engine"])
    expect(start.locator(".phases .number")).to_have_text([re.compile(r"^(< 1|[\d.]+) m?s$")] * 4)
    expect(start).to_contain_text("Python started from its files, as at a first visit.")


def test_what_the_browser_promises_is_told(chromium: Chromium, demo_site: Site) -> None:
    page = storage_of(chromium, demo_site)
    database = page.get_by_role("region", name="Database")
    expect(database).to_contain_text("The browser may delete it when the device runs out of space.")
    origin = demo_site.url.rstrip("/")
    chromium.context.new_cdp_session(page).send(
        "Browser.setPermission",
        {"permission": {"name": "persistent-storage"}, "setting": "granted", "origin": origin},
    )
    database.get_by_role("button", name="Ask the browser to keep it").click()
    expect(database).to_contain_text("The browser keeps it until you delete it.")
    expect(database.get_by_role("meter", name="Storage in use")).to_have_attribute(
        "aria-valuetext", re.compile("stored of")
    )
    go(page, "/runs")
    expect(page.get_by_role("link", name=re.compile("stored"))).to_be_visible()
