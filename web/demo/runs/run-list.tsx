import type { ReactNode } from 'react'
import type { JobInfo } from '../../src'
import type { UseRunsResult } from '../../src/react'
import { useNow } from '../../dashboard/use-now'
import { LoadFailure } from '../shell/load-failure'
import { Skeleton } from '../../dashboard/skeleton'
import { NoRuns } from './no-runs'
import { RunRow } from './run-row'

interface RunListProps {
  runs: UseRunsResult
  jobs: readonly JobInfo[]
  selectedId: string | null
}

export function RunList({ runs: { isLoading, runs, error }, jobs, selectedId }: RunListProps): ReactNode {
  const now = useNow(10_000)
  return (
    <section className="card" aria-labelledby="runs-title" aria-busy={isLoading}>
      <h2 className="card-title" id="runs-title">
        Runs
        {runs.length > 0 && <span className="count">{runs.length}</span>}
      </h2>
      {isLoading && runs.length === 0 && <Skeleton rows={2} />}
      {error !== null && <LoadFailure what="runs" error={error} />}
      {!isLoading && error === null && runs.length === 0 && <NoRuns jobs={jobs} />}
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
