import type { ReactNode } from 'react'
import type { JobInfo } from '../../src'
import type { RunsState } from '../../src/react'
import { useNow } from '../lib/use-now'
import { LoadFailure } from '../shell/load-failure'
import { Skeleton } from '../shell/skeleton'
import { NoRuns } from './no-runs'
import { RunRow } from './run-row'

interface RunListProps {
  runs: RunsState
  jobs: readonly JobInfo[]
  selectedId: string | null
}

export function RunList({ runs: { status, runs, error }, jobs, selectedId }: RunListProps): ReactNode {
  const now = useNow(10_000)
  return (
    <section className="card" aria-labelledby="runs-title" aria-busy={status === 'loading'}>
      <h2 className="card-title" id="runs-title">
        Runs
        {runs.length > 0 && <span className="count">{runs.length}</span>}
      </h2>
      {status === 'loading' && <Skeleton rows={2} />}
      {error !== null && <LoadFailure what="runs" error={error} />}
      {status === 'ready' && runs.length === 0 && <NoRuns jobs={jobs} />}
      {runs.length > 0 && (
        <ol className="run-list">
          {runs.map((run) => (
            <RunRow key={run.id} run={run} isSelected={run.id === selectedId} now={now} />
          ))}
        </ol>
      )}
    </section>
  )
}
