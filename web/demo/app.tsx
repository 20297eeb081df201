import type { ReactNode } from 'react'
import { useEngineStatus, useJobs, useRuns } from '../src/react'
import { Overview } from '../dashboard/overview/overview'
import { useNewestRunAtFirst } from './lib/use-newest-run-at-first'
import { runHref, useSelectedRun } from './lib/use-selected-run'
import { overviewHref, useOverview } from './lib/use-view'
import { RunDetail } from './run/run-detail'
import { RunList } from './runs/run-list'
import { Header } from './shell/header'
import { Notices } from './shell/notices'
import { StartJob } from './start/start-job'

export function App(): ReactNode {
  const status = useEngineStatus()
  const jobs = useJobs()
  const runs = useRuns({ pageSize: 50, view: 'summary' })
  const overview = useOverview()
  const selectedId = useSelectedRun()
  useNewestRunAtFirst(runs, selectedId)
  return (
    <div className="app" data-engine={status.state}>
      <Header status={status} isOverview={overview !== null} selectedId={selectedId} />
      <Notices status={status} />
      <main>
        {/* What was typed stays there meanwhile. */}
        <div className="columns" hidden={overview !== null}>
          <div className="column column-start">
            <StartJob jobs={jobs} />
            <RunList runs={runs} jobs={jobs.jobs} selectedId={selectedId} />
          </div>
          <div className="column column-detail">
            <RunDetail key={selectedId} runId={selectedId} />
          </div>
        </div>
        {overview !== null && <Overview query={overview} hrefOf={overviewHref} runHref={runHref} />}
      </main>
    </div>
  )
}
