"""The original's React client, from the npm registry, against our server: what it can show, it shows.

``tests/browser/original`` uses nothing but its public API. Where it has a fault of its own, a comment says so.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Playwright, Request, expect

from tests.browser.api_server import api_app
from tests.browser.browser import Chromium, app_served, launched, wait_for
from tests.browser.conftest import PATIENCE_MS, ROOT

PAGE = ROOT / "build" / "original"
FOR_LONG = 10_000

# Whoever watches the bar writes down where it was.
WATCH = """
window.seen = []
new MutationObserver(() => {
  const bar = document.querySelector('progress')
  if (bar && window.seen.at(-1) !== bar.value) window.seen.push(bar.value)
}).observe(document, { subtree: true, childList: true, attributes: true })
"""


@dataclass
class Client:
    """A page with the original's client, and the server that it talks to."""

    page: Page
    url: str
    requests: list[Request] = field(default_factory=list)
    """Those to the API."""

    def open(self, name: str, run_id: str | None = None) -> Locator:
        """Show an example, on a page that is loaded anew."""
        anchor = name if run_id is None else f"{name}?{run_id}"
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}#{anchor}")
        main = self.page.get_by_role("main")
        expect(main).not_to_be_empty()
        return main

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the server answers someone else."""
        answer = self.page.request.fetch(f"{self.url}{path}", method=method, data=body)
        assert answer.ok, answer.text()
        return answer.json()

    def trigger(self, job: str, input: dict[str, Any], **options: Any) -> str:
        body = {"jobName": job, "input": input, **options}
        return str(self.call("POST", "api/durably/trigger", body)["runId"])

    def count(self, to: int, pause_ms: int = 0, **options: Any) -> str:
        return self.trigger("count-to", {"to": to, "pause_ms": pause_ms}, **options)

    def fail(self, reason: str) -> str:
        return self.trigger("fail", {"reason": reason})

    def get_run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.call("GET", f"api/durably/run?runId={run_id}")
        return run

    def ended(self, run_id: str) -> str:
        wait_for(self.page, lambda: self.get_run(run_id)["isTerminal"])
        return run_id

    def executing(self, run_id: str) -> str:
        wait_for(self.page, lambda: self.get_run(run_id)["status"] == "leased")
        return run_id

    def cut(self) -> int:
        """End all streams that are open; how many there were."""
        return int(self.call("POST", "cut")["cut"])

    def streams(self) -> int:
        return int(self.call("GET", "streams"))


@pytest.fixture(scope="module")
def browser_of_module(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with launched(playwright, tmp_path_factory.mktemp("original") / "profile") as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser


@pytest.fixture
def client(browser_of_module: Chromium, tmp_path: Path) -> Iterator[Client]:
    """With a server and a database of its own."""
    with app_served(api_app(PAGE, tmp_path / "app.db"), PAGE) as site:
        page = browser_of_module.context.new_page()
        page.add_init_script(WATCH)
        opened = Client(page, site.url)
        page.on("request", lambda request: _note(opened, request))
        yield opened
        page.context.set_offline(False)
        page.close()


def _note(client: Client, request: Request) -> None:
    if "/api/durably/" in request.url:
        client.requests.append(request)


def start(main: Locator, to: int) -> None:
    main.get_by_label("To").fill(str(to))
    main.get_by_role("button", name="Count").click()


def items(main: Locator, name: str) -> Locator:
    return main.get_by_role("list", name=name).get_by_role("listitem")


def rows(main: Locator) -> Locator:
    return items(main, "Runs")


def counted(line: str) -> int:
    """The number in the job's log line, which is the line's only one in its message."""
    match = re.fullmatch(r"info counted (\d+)(?: \{.*\})?", line)
    assert match is not None, line
    return int(match[1])


# ---------------------------------------------------------------- a job


def test_trigger_shows_progress_that_moves_while_the_run_executes(client: Client) -> None:
    main = client.open("job")
    start(main, FOR_LONG)
    expect(main.get_by_role("status")).to_have_text("leased")
    client.page.wait_for_function("window.seen.length >= 3")
    seen = client.page.evaluate("window.seen")
    assert seen == sorted(seen)
    expect(main.get_by_text("counting")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("leased")


def test_job_under_the_key_of_its_registration_runs(client: Client) -> None:
    # The client sends a property's name as the job's name. The original's server looks for a job of that
    # name, and answers 404 where it was registered under that key with another name.
    main = client.open("registered")
    main.get_by_role("button", name="Count").click()
    expect(main.get_by_text("Total: 6")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("completed")


def test_logs_arrive_with_level_message_and_data(client: Client) -> None:
    main = client.open("job")
    start(main, 8)
    expect(items(main, "Logs").last).to_have_text('info counted 8 {"total":36}')


def test_completion_shows_the_output(client: Client) -> None:
    main = client.open("job")
    start(main, 4)
    expect(main.get_by_text("Total: 10")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("completed")
    expect(main.get_by_role("alert")).to_have_count(0)


def test_waiting_for_a_run_gives_its_output(client: Client) -> None:
    # Of outputs that are as good as nothing to JavaScript (0, "", null) the client waits for ever.
    main = client.open("wait")
    main.get_by_role("button", name="Count", exact=True).click()
    expect(main.get_by_label("Answer")).to_have_text('It gave {"total":6}.')


def test_waiting_for_a_run_that_fails_gives_its_error(client: Client) -> None:
    main = client.open("wait")
    main.get_by_role("button", name="Fail").click()
    expect(main.get_by_label("Answer")).to_have_text("no more paper")


def test_waiting_for_a_run_that_is_cancelled_ends(client: Client) -> None:
    main = client.open("wait")
    main.get_by_role("button", name="Count for long").click()
    expect(main.get_by_role("status")).to_have_text("leased")
    [run] = client.call("GET", "api/durably/runs?status=leased")
    client.call("POST", f"api/durably/cancel?runId={run['id']}")
    expect(main.get_by_label("Answer")).to_have_text("Job cancelled")


def test_refused_trigger_shows_the_servers_sentence(client: Client) -> None:
    # The client's error is the whole body of the answer, as text.
    main = client.open("job")
    start(main, 0)
    answer = main.get_by_label("Answer")
    expect(answer).not_to_be_empty()
    assert "greater than or equal to 1" in json.loads(answer.inner_text())["error"]
    expect(main.get_by_role("status")).to_have_text("none")


def test_job_that_someone_else_triggers_is_followed(client: Client) -> None:
    main = client.open("job")
    wait_for(client.page, lambda: client.streams() == 1)
    run_id = client.count(3, 50)
    expect(main.get_by_label("Run", exact=True)).to_have_text(run_id)
    expect(main.get_by_text("Total: 6")).to_be_visible()


def test_run_that_executes_is_resumed_after_a_reload(client: Client) -> None:
    main = client.open("job")
    start(main, FOR_LONG)
    expect(main.get_by_role("progressbar")).to_be_visible()
    run_id = main.get_by_label("Run", exact=True).inner_text()
    client.page.reload()
    expect(main.get_by_label("Run", exact=True)).to_have_text(run_id)
    expect(main.get_by_role("status")).to_have_text("leased")
    client.page.wait_for_function("window.seen.length >= 2")


def test_run_that_waits_is_resumed_after_a_reload(client: Client) -> None:
    first = client.executing(client.count(FOR_LONG, 50, concurrencyKey="k"))
    second = client.count(2, 0, concurrencyKey="k")
    main = client.open("job")
    expect(main.get_by_label("Run", exact=True)).to_have_text(first)
    client.call("POST", f"api/durably/cancel?runId={first}")
    expect(main.get_by_label("Run", exact=True)).to_have_text(second)
    expect(main.get_by_text("Total: 3")).to_be_visible()


def test_reset_forgets_the_run(client: Client) -> None:
    main = client.open("job")
    start(main, 2)
    expect(main.get_by_text("Total: 3")).to_be_visible()
    main.get_by_role("button", name="Reset").click()
    expect(main.get_by_role("status")).to_have_text("none")
    expect(items(main, "Logs")).to_have_count(0)


# ---------------------------------------------------------------- a run


def test_run_is_shown_from_where_it_is_to_its_end(client: Client) -> None:
    run_id = client.executing(client.count(40, 50))
    main = client.open("run", run_id)
    expect(main.get_by_role("progressbar")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("leased")
    expect(main.get_by_text("Told: start, complete", exact=True)).to_be_visible()
    expect(main.get_by_text("Total: 820")).to_be_visible()


def test_run_that_is_finished_is_shown_with_its_output(client: Client) -> None:
    main = client.open("run", client.ended(client.count(4)))
    expect(main.get_by_role("status")).to_have_text("completed")
    expect(main.get_by_text("Total: 10")).to_be_visible()
    expect(main.get_by_role("alert")).to_have_count(0)


def test_run_that_failed_is_shown_with_its_error(client: Client) -> None:
    main = client.open("run", client.ended(client.fail("no more paper")))
    expect(main.get_by_role("status")).to_have_text("failed")
    expect(main.get_by_role("alert")).to_have_text("no more paper")
    expect(main.get_by_text("Told: start, fail", exact=True)).to_be_visible()


def test_run_that_is_cancelled_says_so(client: Client) -> None:
    run_id = client.executing(client.count(FOR_LONG, 50))
    main = client.open("run", run_id)
    expect(main.get_by_role("status")).to_have_text("leased")
    client.call("POST", f"api/durably/cancel?runId={run_id}")
    expect(main.get_by_role("status")).to_have_text("cancelled")


def test_run_that_there_is_not_shows_a_failed_connection(client: Client) -> None:
    # The client knows no "not found": a stream that is refused is a failed connection.
    main = client.open("run", "none")
    expect(main.get_by_role("alert")).to_have_text("Connection failed")


def test_logs_keep_the_last_lines_that_were_asked_for(client: Client) -> None:
    # The client drops the step's name of each line.
    main = client.open("logs", client.executing(client.count(60, 50)))
    expect(items(main, "Logs")).to_have_text(["info counted 59", "info counted 60"])
    main.get_by_role("button", name="Clear").click()
    expect(items(main, "Logs")).to_have_count(0)


# ---------------------------------------------------------------- lists


def test_list_is_told_in_pages(client: Client) -> None:
    for to in (1, 2, 3, 4):
        client.ended(client.count(to))
    main = client.open("runs")
    expect(rows(main)).to_have_text([re.compile(f'"total":{total}}}') for total in (10, 6, 3)])
    main.get_by_role("button", name="Older").click()
    expect(rows(main)).to_have_text([re.compile('"total":1}')])
    expect(main.get_by_text("Page 2")).to_be_visible()
    expect(main.get_by_role("button", name="Older")).to_be_disabled()
    main.get_by_role("button", name="Newer").click()
    expect(rows(main)).to_have_count(3)
    expect(main.get_by_role("button", name="Newer")).to_be_disabled()


def test_list_shows_runs_as_they_come_and_go_on(client: Client) -> None:
    main = client.open("runs")
    wait_for(client.page, lambda: client.streams() == 1)
    run_id = client.count(FOR_LONG, 50)
    expect(rows(main)).to_have_text([re.compile(r"count-to leased \d+/10000")])
    first = rows(main).inner_text()
    expect(rows(main)).not_to_have_text(first)
    client.call("POST", f"api/durably/cancel?runId={run_id}")
    expect(rows(main)).to_have_text([re.compile("count-to cancelled")])
    client.fail("no more paper")
    expect(rows(main)).to_have_text(
        [re.compile("fail failed .*no more paper"), re.compile("count-to cancelled")]
    )


def test_run_that_is_deleted_leaves_the_list(client: Client) -> None:
    run_id = client.ended(client.count(1))
    main = client.open("runs")
    expect(rows(main)).to_have_count(1)
    wait_for(client.page, lambda: client.streams() == 1)
    client.call("DELETE", f"api/durably/run?runId={run_id}")
    expect(rows(main)).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Jobs", "fail", ["fail failed"]),
        ("Jobs", "fail count-to", ["fail failed", "count-to completed", "count-to completed"]),
        ("Statuses", "failed", ["fail failed"]),
        ("Statuses", "failed completed", ["fail failed", "count-to completed", "count-to completed"]),
        ("Statuses", "pending", []),
        ("Team", "blue", ["count-to completed"]),
    ],
)
def test_list_shows_only_what_was_asked_for(client: Client, name: str, value: str, shown: list[str]) -> None:
    client.ended(client.count(1, labels={"team": "blue"}))
    client.ended(client.count(2, labels={"team": "red"}))
    client.ended(client.fail("x"))
    main = client.open("runs")
    expect(rows(main)).to_have_count(3)
    main.get_by_label(name).fill(value)
    expect(rows(main)).to_have_text([re.compile(row) for row in shown])


def test_list_of_a_label_updates_for_that_label_alone(client: Client) -> None:
    main = client.open("runs")
    main.get_by_label("Team").fill("blue")
    wait_for(client.page, lambda: client.requests[-1].url.endswith("label.team=blue"))
    wait_for(client.page, lambda: client.streams() == 1)
    client.ended(client.count(1, labels={"team": "red"}))
    client.ended(client.count(2, labels={"team": "blue"}))
    expect(rows(main)).to_have_text([re.compile('"total":3')])


def test_list_that_the_server_refuses_shows_an_error(client: Client) -> None:
    # The client shows the status text; it does not read the body.
    main = client.open("runs")
    main.get_by_label("Statuses").fill("strange")
    expect(main.get_by_role("alert")).to_have_text("Failed to fetch runs: Bad Request")


# ---------------------------------------------------------------- actions


def press(client: Client, button: str) -> Locator:
    """Press a button of the only run; what the page says then."""
    main = client.page.get_by_role("main")
    main.get_by_role("button", name=button, exact=True).click()
    answer = main.get_by_label("Answer")
    expect(answer).not_to_be_empty()
    return answer


def test_cancel_ends_a_run(client: Client) -> None:
    client.executing(client.count(FOR_LONG, 50))
    main = client.open("actions")
    expect(press(client, "Cancel")).to_have_text("Cancelled.")
    expect(rows(main)).to_have_text([re.compile("count-to cancelled")])


def test_retrigger_gives_the_new_run(client: Client) -> None:
    old = client.ended(client.count(2))
    main = client.open("actions")
    new = press(client, "Again").inner_text().removeprefix("Again: ")
    assert new != old
    expect(rows(main)).to_have_text([re.compile("count-to completed")] * 2)
    assert client.get_run(client.ended(new))["output"] == {"total": 3}


def test_delete_removes_a_run(client: Client) -> None:
    client.ended(client.count(1))
    main = client.open("actions")
    expect(press(client, "Delete")).to_have_text("Deleted.")
    expect(rows(main)).to_have_count(0)


def test_run_is_read_with_its_output(client: Client) -> None:
    client.ended(client.count(3))
    client.open("actions")
    expect(press(client, "Describe")).to_have_text('count-to completed, its output {"total":6}')


def test_run_that_there_is_not_is_null(client: Client) -> None:
    client.open("actions")
    expect(press(client, "Describe none")).to_have_text("It is gone.")


def test_steps_of_a_run_come_in_order(client: Client) -> None:
    client.ended(client.count(2))
    client.open("actions")
    expect(press(client, "Steps")).to_have_text("number-1 completed 1; number-2 completed 2")


@pytest.mark.parametrize("action", ["Cancel", "Again", "Delete"])
def test_conflict_shows_the_servers_sentence(client: Client, action: str) -> None:
    is_active = action != "Cancel"
    run_id = client.executing(client.count(FOR_LONG, 50)) if is_active else client.ended(client.count(1))
    client.open("actions")
    with client.page.expect_response(lambda response: response.request.method in ("POST", "DELETE")) as caught:
        answer = press(client, action)
    assert caught.value.status == 409
    assert caught.value.json()["error"] == answer.inner_text()
    assert run_id in answer.inner_text()


def test_retrigger_with_a_concurrency_key_that_waits_is_a_conflict(client: Client) -> None:
    # Its hooks can't trigger with keys; but what is retriggered keeps its own.
    client.ended(client.count(1, concurrencyKey="k"))
    client.executing(client.count(FOR_LONG, 50, concurrencyKey="k"))
    client.count(1, concurrencyKey="k")
    main = client.open("actions")
    done = rows(main).filter(has_text="completed")
    with client.page.expect_response(lambda response: response.request.method == "POST") as caught:
        done.get_by_role("button", name="Again").click()
    assert caught.value.status == 409
    expect(main.get_by_label("Answer")).to_have_text(caught.value.json()["error"])


# ---------------------------------------------------------------- when the connection fails


@contextmanager
def offline(client: Client) -> Iterator[None]:
    """The browser has lost its connections, and gets no others meanwhile."""
    client.page.context.set_offline(True)
    assert client.cut() > 0
    yield
    client.page.context.set_offline(False)


def test_nothing_is_lost_or_doubled_when_the_server_cuts_the_streams(client: Client) -> None:
    main = client.open("job")
    start(main, 100)
    expect(items(main, "Logs")).not_to_have_count(0)
    assert client.cut() == 2
    expect(main.get_by_text("Total: 5050")).to_be_visible()
    numbers = [counted(line) for line in items(main, "Logs").all_inner_texts()]
    # Lines that were written before the page knew the run's id are not told to it.
    assert numbers == list(range(numbers[0], 101))
    expect(main.get_by_role("alert")).to_have_count(0)


def test_nothing_is_lost_or_doubled_when_the_browser_was_offline(client: Client) -> None:
    main = client.open("job")
    start(main, 100)
    expect(items(main, "Logs")).not_to_have_count(0)
    with offline(client):
        client.ended(main.get_by_label("Run", exact=True).inner_text())
        expect(main.get_by_role("status")).to_have_text("leased")
    expect(main.get_by_text("Total: 5050")).to_be_visible()
    numbers = [counted(line) for line in items(main, "Logs").all_inner_texts()]
    assert numbers == list(range(numbers[0], 101))
    expect(main.get_by_role("alert")).to_have_count(0)


def test_list_goes_on_after_the_server_cut_its_stream(client: Client) -> None:
    main = client.open("runs")
    wait_for(client.page, lambda: client.streams() == 1)
    client.cut()
    client.ended(client.count(1))
    expect(rows(main)).to_have_text([re.compile("count-to completed")])


def test_list_catches_up_when_the_browser_was_offline(client: Client) -> None:
    main = client.open("runs")
    wait_for(client.page, lambda: client.streams() == 1)
    with offline(client):
        client.ended(client.count(1))
        expect(rows(main)).to_have_count(0)
    expect(rows(main)).to_have_text([re.compile("count-to completed")])


def test_stream_of_a_run_that_ended_is_not_asked_for_again(client: Client) -> None:
    # The client does not close its stream when the run has ended. Of the original's server a browser asks it
    # again every three seconds; an answer that forbids that would show as a failed connection.
    main = client.open("run", client.ended(client.count(2)))
    expect(main.get_by_text("Total: 3")).to_be_visible()
    client.page.evaluate("window.clock = new EventSource('api/durably/runs/subscribe')")
    wait_for(client.page, lambda: client.streams() == 1)
    client.cut()
    wait_for(client.page, lambda: len(client.requests) >= 3)
    assert ["runId" in request.url for request in client.requests] == [True, False, False]
    expect(main.get_by_role("status")).to_have_text("completed")
    expect(main.get_by_role("alert")).to_have_count(0)
