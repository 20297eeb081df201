import { useJobs } from 'durably/react'
import type { ReactNode } from 'react'
import { EngineNotice } from './engine/engine-notice'
import { EngineWords } from './engine/engine-words'
import { JobPane } from './jobs/job-pane'
import { RunPane } from './run/run-pane'
import { RunsPane } from './runs/runs-pane'
import { useSelectedRun } from './selection'

export function App(): ReactNode {
  const jobs = useJobs()
  const runId = useSelectedRun()
  return (
    <>
      <header className="header">
        <h1>Durably</h1>
        <EngineWords />
      </header>
      <EngineNotice />
      <main className="columns">
        <JobPane jobs={jobs} />
        <RunsPane selectedId={runId} />
        {runId !== null && <RunPane key={runId} runId={runId} />}
      </main>
    </>
  )
}
