import type { ReactNode } from 'react'
import { useEngineStatus, useJobs, useRuns } from '../src/react'
import { useNewestRunAtFirst } from './lib/use-newest-run-at-first'
import { useSelectedRun } from './lib/use-selected-run'
import { RunDetail } from './run/run-detail'
import { RunList } from './runs/run-list'
import { Header } from './shell/header'
import { Notices } from './shell/notices'
import { StartJob } from './start/start-job'

export function App(): ReactNode {
  const status = useEngineStatus()
  const jobs = useJobs()
  const runs = useRuns({ pageSize: 50, view: 'summary' })
  const selectedId = useSelectedRun()
  useNewestRunAtFirst(runs, selectedId)
  return (
    <div className="app" data-engine={status.state}>
      <Header status={status} />
      <Notices status={status} />
      <main className="columns">
        <div className="column column-start">
          <StartJob jobs={jobs} />
          <RunList runs={runs} jobs={jobs.jobs} selectedId={selectedId} />
        </div>
        <div className="column column-detail">
          <RunDetail key={selectedId} runId={selectedId} />
        </div>
      </main>
    </div>
  )
}
