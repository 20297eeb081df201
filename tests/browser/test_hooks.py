"""Every hook of ``durably/react``, through the examples of the docs, in this browser and over HTTP.

The pages are built for development, so that React's StrictMode does everything twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, Playwright, Request, expect

from spa_runtime import bundle
from tests.browser.api_server import api_app
from tests.browser.browser import app_served, launched, served, wait_for
from tests.browser.conftest import PATIENCE_MS, ROOT, sources

HOOKS = ROOT / "build" / "hooks"
JOBS = Path(__file__).parent / "hooks" / "jobs.py"

# What the page asks its worker for.
RECORD = """
window.asked = []
const post = Worker.prototype.postMessage
Worker.prototype.postMessage = function (message, ...more) {
  if (message.type === 'request') window.asked.push(message.operation)
  return post.call(this, message, ...more)
}
"""

pytestmark = pytest.mark.usefixtures("no_runs")


@dataclass
class Examples:
    """The page with the examples, over one of the transports."""

    page: Page
    url: str
    is_http: bool
    said: list[str] = field(default_factory=list)
    """What was written to the console as a warning or an error."""
    requests: list[str] = field(default_factory=list)
    """Over HTTP: method and path of each request to the API."""

    def open(self, name: str, run_id: str | None = None) -> Locator:
        """Show an example; a second time anew."""
        anchor = name if run_id is None else f"{name}?{run_id}"
        self.page.evaluate("location.hash = ''")
        expect(self.page.get_by_role("main")).to_be_empty()
        self.page.evaluate("(anchor) => { location.hash = anchor }", anchor)
        main = self.page.get_by_role("main")
        expect(main).not_to_be_empty()
        return main

    def call(self, code: str, *arguments: Any) -> Any:
        """What ``code``, a function of the client and the arguments, gives."""
        return self.page.evaluate(f"(args) => ({code})(window.durably, ...args)", list(arguments))

    def finish(self, job: str, **input: Any) -> str:
        """The id of a run that has ended."""
        code = """async (durably, job, input) => {
          const { runId } = await durably.trigger(job, input)
          await durably.waitForRun(runId).catch(() => undefined)
          return runId
        }"""
        run_id: str = self.call(code, job, input)
        return run_id

    def start(self, job: str, **input: Any) -> str:
        run_id: str = self.call(
            "async (durably, job, input) => (await durably.trigger(job, input)).runId", job, input
        )
        return run_id


OURS = ["spa-react19", "http-react19", "http-react18"]


@pytest.fixture(scope="module", params=[*OURS, "plain-react19"])
def opened(
    request: pytest.FixtureRequest, playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examples]:
    """The same page over each transport. ``plain``: a server that only does what the original's does."""
    transport, react = request.param.split("-")
    folder = tmp_path_factory.mktemp("hooks")
    page_folder = HOOKS / react
    if transport == "spa":
        site_folder = folder / "site"
        bundle.write(bundle.plan(sources(JOBS, bundle.SPA_OPTIONS, page=page_folder)), site_folder)
        serving = served(site_folder)
    else:
        app = api_app(page_folder, folder / "app.db", plain=transport == "plain")
        serving = app_served(app, folder)
    with serving as site, launched(playwright, folder / "profile") as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        query = "" if transport == "spa" else "?api=/api/durably"
        page = browser.context.new_page()
        page.add_init_script(RECORD)
        examples = Examples(page, site.url, transport != "spa")
        page.on("console", lambda message: _note(examples, message))
        page.on("request", lambda request: _count(examples, request))
        page.goto(site.url + query)
        page.evaluate("window.durably.ready()")
        yield examples


def _note(examples: Examples, message: ConsoleMessage) -> None:
    if message.type in {"warning", "error"}:
        examples.said.append(message.text)


def _count(examples: Examples, request: Request) -> None:
    _, found, path = request.url.partition("/api/durably/")
    if found:
        examples.requests.append(f"{request.method} {path}")


@pytest.fixture
def examples(opened: Examples) -> Iterator[Examples]:
    yield opened
    # React's warnings are faults of ours; that a request was refused is what some tests are about.
    said = [text for text in opened.said if "Failed to load resource" not in text]
    opened.said.clear()
    assert said == []


@pytest.fixture
def no_runs(opened: Examples) -> None:
    """Nothing is left of the test before."""
    opened.page.evaluate("location.hash = ''")
    opened.call(
        """async (durably) => {
          for (const { id, isTerminal } of await durably.getRuns()) {
            if (!isTerminal) await durably.cancel(id).catch(() => undefined)
            // What was cancelled can be deleted once its code has stopped.
            for (let error = {}; error !== null; ) {
              error = await durably.deleteRun(id).then(() => null, (reason) => reason)
              if (error !== null && error.code !== 'conflict') throw error
            }
          }
        }"""
    )
    opened.requests.clear()


def is_plain(examples: Examples) -> bool:
    return examples.is_http and examples.call("(durably) => durably.status.versions.engine") is None


def settled(examples: Examples, **filter: Any) -> None:
    """Until what an example shows is kept current: over HTTP its stream has to be open first."""
    code = """(durably, filter) => new Promise((resolve) => {
      const stop = durably.subscribe(() => {}, { ...filter, onOpen: () => resolve(stop()) })
    })"""
    examples.call(code, filter)


def cut(examples: Examples) -> int:
    """Ends the streams of events that the server has open; how many there were."""
    code = "async () => (await (await fetch('/cut', { method: 'POST' })).json()).cut"
    return int(examples.page.evaluate(code))


def streams(examples: Examples) -> int:
    """How many streams of events the server has open."""
    return int(examples.page.evaluate("async () => (await fetch('/streams')).json()"))


def asked(examples: Examples) -> list[str]:
    """The operations that were asked for since the last time."""
    if not examples.is_http:
        operations: list[str] = examples.page.evaluate("window.asked.splice(0)")
        return operations
    paths = [request.partition("?")[0] for request in examples.requests]
    examples.requests.clear()
    return [{"GET runs": "getRuns"}.get(path, path) for path in paths]


# ------------------------------------------------------------------ useJob


def test_use_job_starts_a_run_and_shows_it(examples: Examples) -> None:
    main = examples.open("trigger")
    expect(main.get_by_role("status")).to_have_text("nothing yet")
    # Long enough to be seen: the page is looked at less and less often.
    main.get_by_label("To").fill("30")
    main.get_by_role("button", name="Count").click()
    expect(main.get_by_role("progressbar")).to_have_attribute("max", "30")
    expect(main.get_by_text("Total: 465")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("completed")
    [run] = examples.call("(durably) => durably.getRuns()")
    assert run["labels"] == {"origin": "button"}
    main.get_by_role("button", name="Reset").click()
    expect(main.get_by_role("status")).to_have_text("nothing yet")
    expect(main.get_by_text("Total")).to_have_count(0)


def test_use_job_tells_why_a_trigger_was_refused(examples: Examples) -> None:
    main = examples.open("trigger")
    main.get_by_label("To").fill("0")
    main.get_by_role("button", name="Count").click()
    expect(main.get_by_role("alert")).to_contain_text("to: Input should be greater than or equal to 1")
    main.get_by_label("To").fill("1")
    main.get_by_role("button", name="Count").click()
    expect(main.get_by_text("Total: 1")).to_be_visible()
    expect(main.get_by_role("alert")).to_have_count(0)


def test_use_job_waits_and_tells_progress_and_logs(examples: Examples) -> None:
    main = examples.open("trigger-and-wait")
    main.get_by_role("button", name="Count", exact=True).click()
    expect(main.get_by_text("created: 6")).to_be_visible()
    said = main.get_by_role("listitem").all_text_contents()
    assert [words for words in said if "info" in words] == [f"info: counted {n}" for n in (1, 2, 3)]
    assert said[-1] == "created: 6"
    # Reports in quick succession may be joined; the last one never is.
    assert "3 of 3" in said


def test_use_job_stops_waiting_after_the_time_given(examples: Examples) -> None:
    main = examples.open("trigger-and-wait")
    main.get_by_role("button", name="at most").click()
    sentence = re.compile(r"timeout: The run \w+ did not end within 2000 ms\. It goes on\.")
    expect(main.get_by_text(sentence)).to_be_visible()
    expect(main.get_by_text("100 of 100")).to_have_count(0)


def test_use_job_stops_waiting_when_told_to(examples: Examples) -> None:
    main = examples.open("abort")
    main.get_by_role("button", name="Count").click()
    expect(main.get_by_role("status")).to_have_text("leased")
    main.get_by_role("button", name="Stop waiting").click()
    expect(main.get_by_text("I have seen enough.")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("completed")
    expect(main.get_by_text("Total")).to_have_count(0)


def test_use_job_settles_for_falsy_outputs(examples: Examples) -> None:
    main = examples.open("falsy")
    main.get_by_role("button", name="Run both").click()
    expect(main.get_by_text("[0,null]", exact=True)).to_be_visible()
    expect(main.get_by_text("[true,0,true,null]")).to_be_visible()


def test_use_job_shows_a_finished_run_as_it_is(examples: Examples) -> None:
    run_id = examples.finish("count-to", to=4, pause_ms=0)
    main = examples.open("initial-run", run_id)
    expect(main.get_by_text("completed")).to_be_visible()
    expect(main.get_by_text("Total: 10")).to_be_visible()
    # The original's server does not keep logs.
    logs = 0 if is_plain(examples) else 4
    expect(main.get_by_text(f"4 steps, {logs} log lines")).to_be_visible()


def test_use_job_resumes_a_run_that_was_there_before(examples: Examples) -> None:
    run_id = examples.start("count-to", to=100, pause_ms=100)
    resumed, fresh = examples.open("auto-resume").get_by_role("definition").all()
    expect(resumed).to_have_text(run_id)
    expect(fresh).to_have_text("none")


def test_use_job_follows_the_latest_run(examples: Examples) -> None:
    main = examples.open("follow-latest")
    latest, own = main.get_by_role("definition").all()
    expect(latest).to_have_text("none")
    settled(examples, jobName="count-to")
    elsewhere = examples.start("count_to", to=1)
    expect(latest).to_have_text(elsewhere)
    expect(own).to_have_text("none")
    main.get_by_role("button", name="Count").click()
    expect(own).not_to_have_text("none")
    expect(latest).to_have_text(own.text_content() or "")


# ------------------------------------------------------------------ useJobRun, useJobLogs


def test_use_job_run_follows_a_run_to_its_end(examples: Examples) -> None:
    # Long enough to be seen: the page is looked at less and less often.
    run_id = examples.start("count-to", to=20, pause_ms=200)
    main = examples.open("job-run", run_id)
    expect(main.get_by_role("progressbar")).to_have_attribute("max", "20")
    expect(main.get_by_text(re.compile(r"number-\d+: running"))).to_be_visible()
    expect(main.get_by_text("Total: 210")).to_be_visible()
    expect(main.get_by_text("Told: start, complete 210")).to_be_visible()
    steps = main.get_by_role("list", name="Steps").get_by_role("listitem")
    expect(steps).to_have_text([f"number-{number}: completed" for number in range(1, 21)])


def test_use_job_run_shows_a_finished_run_at_once(examples: Examples) -> None:
    run_id = examples.finish("count-to", to=2, pause_ms=0)
    main = examples.open("job-run", run_id)
    expect(main.get_by_text("Total: 3")).to_be_visible()
    expect(main.get_by_text("Told: complete 3")).to_be_visible()


def test_use_job_run_tells_a_failure(examples: Examples) -> None:
    run_id = examples.finish("fail", reason="no more paper")
    main = examples.open("job-run", run_id)
    expect(main.get_by_role("alert")).to_have_text("no more paper")
    expect(main.get_by_text("Told: fail no more paper")).to_be_visible()
    expect(main.get_by_text("break: failed")).to_be_visible()


def test_use_job_run_tells_a_cancellation_and_a_deletion(examples: Examples) -> None:
    run_id = examples.start("count-to", to=100, pause_ms=100)
    main = examples.open("job-run", run_id)
    expect(main.get_by_text("Told: start")).to_be_visible()
    settled(examples, runId=run_id)
    examples.call("(durably, id) => durably.cancel(id)", run_id)
    expect(main.get_by_text("Told: start, cancel")).to_be_visible()
    if not examples.is_http:
        examples.call("(durably, id) => durably.deleteRun(id)", run_id)
        expect(main.get_by_text("There is no such run.")).to_be_visible()


def test_use_job_run_says_that_there_is_no_run(examples: Examples) -> None:
    main = examples.open("job-run", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(main.get_by_text("There is no such run.")).to_be_visible()


def test_use_job_logs_shows_the_newest_lines_and_clears(examples: Examples) -> None:
    run_id = examples.start("count-to", to=8, pause_ms=150)
    main = examples.open("job-logs", run_id)
    lines = main.get_by_role("list", name="Logs").get_by_role("listitem")
    expect(lines).to_contain_text(["info counted 6", "info counted 7", "info counted 8"])
    expect(lines.last).to_contain_text('{"total":36}' if not is_plain(examples) else "counted 8")
    main.get_by_role("button", name="Clear").click()
    expect(lines).to_have_count(0)


# ------------------------------------------------------------------ useRuns, useInfiniteRuns, useRunActions


def test_use_runs_turns_pages(examples: Examples) -> None:
    for number in range(7):
        examples.finish("count-to", to=number + 1, pause_ms=0)
    main = examples.open("runs")
    rows = main.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(rows).to_contain_text(['{"total":28}', '{"total":21}', '{"total":15}'])
    older, newer = main.get_by_role("button", name="Older"), main.get_by_role("button", name="Newer")
    expect(newer).to_be_disabled()
    older.click()
    expect(rows).to_contain_text(['{"total":10}', '{"total":6}', '{"total":3}'])
    older.click()
    expect(rows).to_contain_text(['{"total":1}'])
    expect(older).to_be_disabled()
    newer.click()
    expect(main.get_by_text("Page 2")).to_be_visible()
    main.get_by_role("button", name="First").click()
    expect(rows).to_contain_text(['{"total":28}', '{"total":21}', '{"total":15}'])


def test_use_runs_keeps_the_list_current_in_place(examples: Examples) -> None:
    main = examples.open("runs")
    expect(main.get_by_role("list", name="Runs")).to_have_attribute("aria-busy", "false")
    settled(examples)
    asked(examples)
    run_id = examples.start("count-to", to=30, pause_ms=30)
    rows = main.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(rows).to_have_text([re.compile(r"count-to leased \d+/30")])
    expect(rows).to_have_text([re.compile(r'count-to completed 30/30 \{"total":465\}')])
    # 30 steps, 30 reports of progress and 30 log lines: the list is asked for the run's input and for its
    # output, and once more should either come too late.
    assert 2 <= asked(examples).count("getRuns") <= 4
    examples.call("(durably, id) => durably.deleteRun(id)", run_id)
    expect(rows).to_have_count(0)


def test_use_runs_filters_by_job_label_and_status(examples: Examples) -> None:
    main = examples.open("runs-filtered")
    settled(examples)
    mine = main.get_by_role("list", name="Mine").get_by_role("listitem")
    trigger = "(durably, job, input, labels) => durably.trigger(job, input, { labels })"
    examples.call(trigger, "count-to", {"to": 1, "pause_ms": 0}, {"origin": "mine"})
    examples.call(trigger, "fail", {"reason": "x"}, {"origin": "mine"})
    examples.call(trigger, "count-to", {"to": 1, "pause_ms": 0}, {"origin": "other"})
    examples.call(trigger, "zero", {}, {"origin": "mine"})
    expect(mine).to_have_text(["fail failed", "count-to completed"])
    main.get_by_label("Only active").check()
    expect(mine).to_have_count(0)
    settled(examples)
    examples.call(trigger, "count-to", {"to": 5, "pause_ms": 150}, {"origin": "mine"})
    expect(mine).to_have_text([re.compile("count-to (pending|leased)")])
    expect(mine).to_have_count(0)
    # What does not listen shows what was there.
    expect(main.get_by_text("0 Refresh")).to_be_visible()
    main.get_by_role("button", name="Refresh").click()
    expect(main.get_by_text("3 Refresh")).to_be_visible()


def test_use_infinite_runs_appends_older_ones_where_the_list_ends(examples: Examples) -> None:
    for number in range(1, 13):
        examples.finish("count-to", to=number, pause_ms=0)
    main = examples.open("infinite-runs")
    rows = main.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(rows).to_have_text([f"completed after {number}" for number in range(12, 7, -1)])
    main.get_by_role("group", name="All runs").evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    expect(rows).to_have_text([f"completed after {number}" for number in range(12, 2, -1)])
    settled(examples, jobName="count-to")
    newest = examples.finish("count-to", to=13, pause_ms=0)
    expect(rows).to_have_text([f"completed after {number}" for number in range(13, 2, -1)])
    main.get_by_role("button", name="More").click()
    expect(rows).to_have_text([f"completed after {number}" for number in range(13, 0, -1)])
    expect(main.get_by_text("13 in all")).to_be_visible()
    examples.call("(durably, id) => durably.deleteRun(id)", newest)
    expect(rows).to_have_text([f"completed after {number}" for number in range(12, 0, -1)])


@pytest.mark.parametrize("opened", ["http-react19"], indirect=True)
def test_use_infinite_runs_reads_all_that_it_shows_after_a_lost_connection(examples: Examples) -> None:
    for number in range(1, 8):
        examples.finish("count-to", to=number, pause_ms=0)
    main = examples.open("infinite-runs")
    rows = main.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(rows).to_have_count(5)
    main.get_by_role("button", name="More").click()
    expect(rows).to_have_count(7)
    settled(examples, jobName="count-to")
    examples.page.context.set_offline(True)
    main.get_by_role("button", name="Refresh").click()
    expect(main.get_by_role("alert")).to_contain_text("be reached.")
    expect(rows).to_have_count(7)
    examples.page.context.set_offline(False)
    expect(main.get_by_role("alert")).to_have_count(0)
    examples.finish("count-to", to=8, pause_ms=0)
    expect(rows).to_have_text([f"completed after {number}" for number in range(8, 0, -1)])


def test_use_run_actions_act_on_runs(examples: Examples) -> None:
    examples.finish("count-to", to=2, pause_ms=0)
    main = examples.open("run-actions")
    rows = main.get_by_role("list", name="Runs").get_by_role("listitem")
    status = main.get_by_role("status")
    rows.first.get_by_role("button", name="Describe").click()
    expect(status).to_have_text("completed after 2 steps")
    rows.first.get_by_role("button", name="Cancel").click()
    expect(status).to_contain_text("completed")
    rows.first.get_by_role("button", name="Again").click()
    expect(status).to_have_text("again")
    expect(rows).to_contain_text(["count-to completed", "count-to completed"])
    rows.first.get_by_role("button", name="Delete").click()
    expect(status).to_have_text("deleted")
    expect(rows).to_have_count(1)


# ------------------------------------------------------------------ the rest


def test_provider_waits_for_a_promise(examples: Examples) -> None:
    main = examples.open("provider")
    expect(main).to_have_text(f"Engine: {'remote' if examples.is_http else 'leader'}")


@pytest.mark.parametrize("opened", OURS, indirect=True)  # the original's server has no batches
def test_use_durably_gives_the_client(examples: Examples) -> None:
    main = examples.open("durably")
    settled(examples, jobName="zero")
    main.get_by_role("button", name="Run two").click()
    # Twice: triggered, leased, its step begun and done, completed.
    expect(main.get_by_text("10 events")).to_be_visible()
    expect(main.get_by_role("status")).to_have_text("Both have completed.")


def test_engine_status_and_jobs(examples: Examples) -> None:
    main = examples.open("engine-status")
    expect(main.get_by_role("status")).to_have_text("ready")
    if not is_plain(examples):
        expect(main.get_by_role("listitem")).to_contain_text(["count-to: Counts"])


@pytest.mark.parametrize("opened", OURS, indirect=True)  # the original's server has no figures
def test_stats_follow_the_runs(examples: Examples) -> None:
    main = examples.open("stats")
    expect(main.get_by_text("Loading")).to_have_count(0)
    examples.finish("count-to", to=1, pause_ms=0)
    expect(main.get_by_role("row")).to_contain_text(["count-to1 completed0 failed"])
    expect(main.get_by_role("row")).to_contain_text(["0 waitingin 1 of 24 hours"])
    examples.finish("fail", reason="x")
    expect(main.get_by_role("row")).to_contain_text(["count-to1 completed0 failed", "fail0 completed1 failed"])


def test_run_that_failed_rejects_with_its_run(examples: Examples) -> None:
    failed = examples.call(
        """(durably) => durably.jobs.fail.triggerAndWait({ reason: 'x' })
             .catch(({ name, code, message, run }) => [name, code, message, run.errorType])"""
    )
    assert failed == ["RunFailedError", "run_failed", "x", "ValueError"]


def test_job_handle_knows_its_own_runs(examples: Examples) -> None:
    run_id = examples.finish("count-to", to=1, pause_ms=0)
    found = examples.call(
        """async (durably, id) => [
             (await durably.jobs['count-to'].getRun(id))?.id,
             (await durably.jobs.zero.getRun(id)),
             (await durably.jobs['count-to'].getRuns()).length,
             (await durably.getRun('none')),
           ]""",
        run_id,
    )
    assert found == [run_id, None, 1, None]


# ------------------------------------------------------------------ when the connection fails


@pytest.mark.parametrize("opened", ["http-react19", "plain-react19"], indirect=True)
def test_nothing_is_missed_and_nothing_doubled_by_lost_connections(examples: Examples) -> None:
    run_id = examples.start("count-to", to=12, pause_ms=150)
    main = examples.open("job-run", run_id)
    for _ in range(3):
        wait_for(examples.page, lambda: cut(examples) > 0)
    expect(main.get_by_text("Told: start, complete 78")).to_be_visible()
    steps = main.get_by_role("list", name="Steps").get_by_role("listitem")
    expect(steps).to_have_text([f"number-{number}: completed" for number in range(1, 13)])


@pytest.mark.parametrize("opened", ["http-react19"], indirect=True)
def test_page_that_was_offline_catches_up_by_itself(examples: Examples) -> None:
    main = examples.open("runs")
    rows = main.get_by_role("list", name="Runs").get_by_role("listitem")
    settled(examples)
    context = examples.page.context
    context.set_offline(True)
    refused = examples.call("(durably) => durably.getRuns().catch(({ code }) => code)")
    assert refused == "network"
    assert examples.call("(durably) => durably.status.state") == "offline"
    main.get_by_role("button", name="Refresh").click()
    expect(main.get_by_role("alert")).to_contain_text("be reached.")
    context.set_offline(False)
    examples.finish("count-to", to=1, pause_ms=0)
    expect(rows).to_have_text([re.compile("count-to completed")])
    expect(main.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("opened", ["http-react19"], indirect=True)
def test_whole_page_needs_one_stream(examples: Examples) -> None:
    run_id = examples.finish("count-to", to=1, pause_ms=0)
    for example in ("runs", "auto-resume", "runs-filtered"):
        examples.open(example, run_id)
        settled(examples)
        wait_for(examples.page, lambda: streams(examples) == 1)


@pytest.mark.parametrize("opened", ["spa-react19"], indirect=True)
def test_hooks_go_on_after_the_engine_was_started_anew(examples: Examples) -> None:
    main = examples.open("trigger")
    main.get_by_label("To").fill("30")
    main.get_by_role("button", name="Count").click()
    expect(main.get_by_role("progressbar")).to_have_attribute("max", "30")
    [worker] = examples.page.workers
    worker.evaluate("() => { setTimeout(() => self.close()) }")
    expect(main.get_by_text("Total: 465")).to_be_visible()
    assert examples.call("(durably) => durably.status.epoch") == 2
