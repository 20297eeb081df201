"""What is acknowledged is on disk."""

from tests.browser.browser import (
    AnyPage,
    Chromium,
    Site,
    count_messages,
    trigger,
    wait_until_ended,
    wait_until_ready,
)


def flushes_of_a_run(page: AnyPage, steps: int) -> int:
    """How often the write-ahead log is flushed from before the trigger until the run has ended."""
    before = wal_flushes(page)
    wait_until_ended(page, trigger(page, "count", {"count": steps}))
    return wal_flushes(page) - before


def wal_flushes(page: AnyPage) -> int:
    return int(
        page.evaluate("async () => (await window.durably.storage.getInfo()).files['main.db-wal'].flushes")
    )


def test_each_committed_step_is_flushed_exactly_once(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    without_steps = flushes_of_a_run(page, 0)
    assert without_steps == 3  # trigger, claim, completion
    assert flushes_of_a_run(page, 1) == without_steps + 1
    assert flushes_of_a_run(page, 50) == without_steps + 50


RUN = """
async (steps) => {
  const before = window.messages
  const ended = new Promise((resolve) => {
    const stop = window.durably.subscribe((events) => {
      if (!events.some((event) => event.type === 'run:complete')) return
      stop()
      resolve()
    })
  })
  await window.durably.trigger('count', { count: steps })
  await ended
  return window.messages - before
}"""


def test_events_of_a_run_share_messages(chromium: Chromium, test_site: Site) -> None:
    chromium.context.add_init_script(count_messages("Worker"))
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    page.evaluate(RUN, 0)
    for steps in (3, 50):
        # The trigger, that it happened, its answer, that the run begins, and that it has ended. Where a step
        # takes long, it is told of at once.
        assert 4 <= page.evaluate(RUN, steps) <= 6 + steps


def test_page_is_cross_origin_isolated(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    assert page.evaluate("window.crossOriginIsolated") is True


def test_own_tables_can_be_queried_and_not_changed(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run = wait_until_ended(page, trigger(page, "own-tables", {"count": 3}))
    assert run["status"] == "completed", run
    page.reload()
    wait_until_ready(page)
    found = page.evaluate("window.durably.query('SELECT number FROM own WHERE number > ?', [0])")
    assert found == {"columns": ["number"], "rows": [[1], [2]], "truncated": False}
    refused = page.evaluate("window.durably.query('DELETE FROM own').catch((error) => error.message)")
    assert "may only read" in refused
