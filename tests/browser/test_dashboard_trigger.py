"""How the dashboard starts runs: by a form, by JSON, with keys and labels."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import (
    Chromium,
    Site,
    open_gate,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.dashboard import address, count_of, detail, go, open_view, triggered


@pytest.fixture(scope="module")
def opened(shared_chromium: Chromium, test_site: Site) -> Page:
    page = shared_chromium.open(f"{test_site.url}#/trigger")
    wait_until_ready(page)
    return page


@pytest.fixture
def page(opened: Page) -> Page:
    """With no draft."""
    go(opened, "/trigger/doom")
    expect(opened.get_by_role("button", name="Start doom")).to_be_visible()
    return opened


def form_of(page: Page, job: str, kind: str = "Form") -> Locator:
    go(page, f"/trigger/{job}")
    card = page.get_by_role("region", name=job, exact=True)
    card.get_by_role("button", name=kind, exact=True).click()
    return card


def start(page: Page, job: str) -> None:
    page.get_by_role("button", name=f"Start {job}").click()


def run_id_of(page: Page) -> str:
    """Of the run that is shown."""
    wait_for(page, lambda: re.match("/runs/[0-9A-Z]{26}", address(page)) is not None)
    return address(page).removeprefix("/runs/")[:26]


# ---------------------------------------------------------------------- form


def test_faults_stand_at_their_fields(page: Page) -> None:
    form = form_of(page, "gate")
    form.get_by_label("Count").fill("2")
    start(page, "gate")
    field = form.locator(".field").filter(has=page.get_by_label("Closed at", exact=False))
    expect(field.locator(".errors")).to_contain_text("required", ignore_case=True)
    expect(form.get_by_label("Closed at")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("Count")).not_to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("status")).to_contain_text("The job was not started. Closed at:")
    # What was said of a field says nothing of its new value.
    form.get_by_label("Closed at").fill("7")
    expect(form.locator(".errors")).to_have_count(0)


def test_form_starts_a_run_by_keyboard(page: Page) -> None:
    form = form_of(page, "count")
    form.get_by_label("Count").fill("2")
    page.keyboard.press("Enter")
    expect(detail(page).get_by_role("heading", level=2)).to_contain_text("count")
    assert wait_until_ended(page, run_id_of(page))["output"] == {"total": 1}


def test_several_faults_are_counted(page: Page) -> None:
    form = form_of(page, "gate")
    start(page, "gate")
    expect(form.get_by_role("status")).to_have_text("The job was not started: 2 values cannot be used.")


# ---------------------------------------------------------------------- JSON


def text_of(form: Locator) -> Locator:
    return form.get_by_role("textbox", name=re.compile("as JSON"))


def test_what_is_no_json_is_told(page: Page) -> None:
    form = form_of(page, "talk", "JSON")
    text_of(form).fill('{"lines": [')
    start(page, "talk")
    expect(form.get_by_role("alert")).to_contain_text("This is no JSON: ")
    expect(text_of(form)).to_have_attribute("aria-invalid", "true")
    text_of(form).fill('{"lines": []}')
    expect(form.get_by_role("alert")).to_have_count(0)


def test_faults_that_python_finds_are_listed_with_their_paths(page: Page) -> None:
    form = form_of(page, "talk", "JSON")
    text_of(form).fill(json.dumps({"lines": [{"text": "a"}, {"text": 3}, {"level": "loud", "text": "b"}]}))
    start(page, "talk")
    expect(form.get_by_role("alert").locator("code")).to_have_text(["lines.1.text: ", "lines.2.level: "])
    expect(form.get_by_role("status")).to_have_text("The job was not started: 2 values cannot be used.")
    # Nothing of it is lost.
    expect(text_of(form)).to_have_value(re.compile("loud"))


def test_json_starts_a_run(page: Page) -> None:
    form = form_of(page, "count", "JSON")
    text_of(form).fill('{"count": 4}')
    start(page, "count")
    assert wait_until_ended(page, run_id_of(page))["output"] == {"total": 6}


def test_draft_is_shared_between_form_and_json(page: Page) -> None:
    form = form_of(page, "gate")
    form.get_by_label("Count").fill("3")
    form.get_by_role("button", name="JSON", exact=True).click()
    assert json.loads(text_of(form).input_value())["count"] == 3
    text_of(form).fill('{"count": 3, "closed_at": 9}')
    form.get_by_role("button", name="Form", exact=True).click()
    expect(form.get_by_label("Closed at")).to_have_value("9")
    expect(form.get_by_label("Count")).to_have_value("3")


def test_draft_survives_a_visit_to_another_view(page: Page) -> None:
    form = form_of(page, "gate")
    form.get_by_label("Count").fill("3")
    open_view(page, "Runs")
    open_view(page, "Trigger")
    expect(form.get_by_label("Count")).to_have_value("3")


# ---------------------------------------------------------------------- keys and labels


def with_options(page: Page, job: str, text: str) -> Locator:
    form = form_of(page, job, "JSON")
    text_of(form).fill(text)
    options = form.locator("details.options")
    options.locator("summary").click()
    return options


def test_labels_are_given(page: Page) -> None:
    options = with_options(page, "count", '{"count": 1}')
    options.get_by_label("Labels").fill("tenant:acme, plan=pro")
    expect(options.locator("summary .count")).to_have_text("1")
    start(page, "count")
    run_id = run_id_of(page)
    expect(detail(page).locator(".label-chip")).to_have_text(["tenantacme", "planpro"])
    assert wait_until_ended(page, run_id)["labels"] == {"tenant": "acme", "plan": "pro"}


def test_what_is_no_label_is_told_and_starts_nothing(page: Page) -> None:
    before = count_of(page, "true")
    options = with_options(page, "count", '{"count": 1}')
    options.get_by_label("Labels").fill("acme")
    expect(options.get_by_text("“acme” is no label. Write key:value.")).to_be_visible()
    start(page, "count")
    expect(page.locator(".outcome")).to_have_text("“acme” is no label. Write key:value.")
    assert count_of(page, "true") == before


def test_idempotency_key_leads_to_the_same_run(page: Page) -> None:
    found = set()
    for _ in range(2):
        go(page, "/trigger/doom")
        options = with_options(page, "count", '{"count": 1}')
        options.get_by_label("Idempotency key").fill("once")
        start(page, "count")
        found.add(run_id_of(page))
    assert len(found) == 1
    assert count_of(page, "idempotency_key = 'once'") == 1


@pytest.mark.parametrize(("choice", "count"), [("Join the one that waits", 1), ("Join it, with this input", 2)])
def test_run_that_waits_is_joined(page: Page, choice: str, count: int) -> None:
    key = f"joined-{count}"
    holder = triggered(page, "gate", {"count": 1, "closed_at": 0}, {}, concurrencyKey=key)
    wait_for(page, lambda: count_of(page, f"id = '{holder}' and status = 'leased'") == 1)
    waiting = triggered(page, "count", {"count": 1}, {}, concurrencyKey=key)
    options = with_options(page, "count", '{"count": 2}')
    expect(options.get_by_label("If one with this key waits already")).to_have_count(0)
    options.get_by_label("Concurrency key").fill(key)
    options.get_by_label("If one with this key waits already").select_option(choice)
    start(page, "count")
    assert run_id_of(page) == waiting
    open_gate(page)
    run = wait_until_ended(page, waiting)
    assert run["input"] == {"count": count}


def test_job_that_is_not_there_is_told(page: Page) -> None:
    go(page, "/trigger/nowhere")
    expect(page.get_by_text("There is no job nowhere.")).to_be_visible()
    page.get_by_role("navigation", name="Jobs").get_by_role("link", name=re.compile("^count")).click()
    expect(page.get_by_role("button", name="Start count")).to_be_visible()
