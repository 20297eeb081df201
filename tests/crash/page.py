"""The page that works until it is killed: a script that triggers all the time and tells everything."""

import json
from typing import Any

from playwright.sync_api import Page

from tests.crash.plans import Trigger

MOST_OPEN = 6
"""Runs that have not ended, before the page waits with the next trigger."""

OPEN_RUNS = "SELECT count(*) FROM durably_runs WHERE status IN ('pending', 'leased')"

WORK = """
addEventListener('DOMContentLoaded', async () => {
  const { triggers, again, mostOpen, openRuns } = %s
  const durably = window.durably
  const tell = (what, body) => console.log('page: ' + JSON.stringify({ what, ...body }))
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const trigger = async ({ key, input }) => {
    tell('asked', { key })
    try {
      const { runId, disposition } = await durably.trigger('work', input, { idempotencyKey: key })
      tell('acknowledged', { key, runId, disposition })
    } catch (error) {
      tell('refused', { key, message: error.message })
    }
  }
  durably.subscribe((events) => {
    const told = events.map(({ type, sequence, runId, stepName, error }) => (
      { type, sequence, runId, stepName, error }
    ))
    tell('events', { events: told })
  })
  durably.onStatus(({ state, phase, error, epoch }) => tell('status', { state, phase, error, epoch }))
  // The first ones wait in the page until the engine is there.
  for (const each of again) void trigger(each)
  for (const each of triggers) {
    void trigger(each)
    await pause(each.pauseMs)
    while ((await durably.query(openRuns)).rows[0][0] >= mostOpen) await pause(10)
  }
})
"""


def work(page: Page, triggers: tuple[Trigger, ...], again: list[Trigger]) -> None:
    """Make the page work from its next navigation on. ``again``: triggers whose answer was not heard."""
    settings: dict[str, Any] = {
        "triggers": [trigger.for_page() for trigger in triggers],
        "again": [trigger.for_page() for trigger in again],
        "mostOpen": MOST_OPEN,
        "openRuns": OPEN_RUNS,
    }
    page.add_init_script(WORK % json.dumps(settings))


def open_runs(page: Page) -> int:
    return int(page.evaluate("async (sql) => (await window.durably.query(sql)).rows[0][0]", OPEN_RUNS))
