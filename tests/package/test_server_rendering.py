"""The hooks of the built package, rendered on a server by each version of React."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.package.conftest import NODE_MODULES, Consumer

PROGRAM = """
import { createElement as h, version } from 'react'
import { renderToString } from 'react-dom/server'
import { createDurably } from 'durably'
import { DurablyProvider, useEngineStatus, useInfiniteRuns, useJob, useJobLogs } from 'durably/react'
import { useJobRun, useJobs, useRuns } from 'durably/react'

function Everything() {
  const job = useJob('import-csv', { initialRunId: 'a' })
  const run = useJobRun({ runId: 'a', onStart: () => undefined })
  const { logs } = useJobLogs({ runId: 'a' })
  const { runs, isLoading } = useRuns()
  const all = useInfiniteRuns()
  const { jobs } = useJobs()
  const { state } = useEngineStatus()
  const page = [job.currentRunId, run.isLoading, logs.length, runs.length, isLoading, jobs.length, state]
  return [...page, all.runs.length, all.hasMore, all.isLoading].join(' ')
}

const never = new Promise(() => undefined)
for (const durably of [createDurably({ spa: {} }), createDurably({ api: '/api/durably' }), never]) {
  const properties = durably === never ? { durably, fallback: 'wait' } : { durably }
  const html = renderToString(h(DurablyProvider, properties, h(Everything)))
  console.log(version.split('.')[0], html.replace(/<[^>]*>/g, ''))
}
"""
NOT_KNOWN_YET = "a true 0 0 true 0 starting 0 false true"


def application(consumer: Consumer, folder: Path, version: str) -> Path:
    """A folder in which Node finds that React beside the package."""
    # Copies: Node looks for what they import from where they really are.
    modules = folder / "node_modules"
    shutil.copytree(consumer.package, modules / "durably")
    for name in ("react", "react-dom"):
        source = NODE_MODULES / (f"{name}-18" if version == "18" else name)
        shutil.copytree(source, modules / name)
    for name in ("scheduler", "eventsource-parser", "idb", "loose-envify", "js-tokens"):
        nested = NODE_MODULES / f"react-dom-{version}" / "node_modules" / name
        found = nested if nested.is_dir() else NODE_MODULES / name
        if found.is_dir():
            shutil.copytree(found, modules / name, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("version", ["18", "19"])
def test_hooks_show_on_a_server_what_is_not_known_yet(consumer: Consumer, tmp_path: Path, version: str) -> None:
    command = ["node", "--input-type=module", "--eval", PROGRAM]
    folder = application(consumer, tmp_path, version)
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    told = [f"{version} {NOT_KNOWN_YET}"] * 2 + [f"{version} wait"]
    assert done.stdout.splitlines() == told


DASHBOARD = """
import { createElement as h } from 'react'
import { renderToString } from 'react-dom/server'
import { createDurably } from 'durably'
import { DurablyDashboard } from 'durably/dashboard'
import { DurablyProvider } from 'durably/react'

const durably = createDurably({ api: '/api/durably' })
console.log(renderToString(h(DurablyProvider, { durably }, h(DurablyDashboard, { brand: 'Shop' }))))
"""


@pytest.mark.parametrize("version", ["18", "19"])
def test_dashboard_can_be_rendered_on_a_server(consumer: Consumer, tmp_path: Path, version: str) -> None:
    command = ["node", "--input-type=module", "--eval", DASHBOARD]
    folder = application(consumer, tmp_path, version)
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert 'class="durably"' in done.stdout
    assert "Shop" in done.stdout
