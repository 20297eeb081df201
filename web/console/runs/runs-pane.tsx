import { useRuns } from 'durably/react'
import type { ReactNode } from 'react'
import { useSelection } from '../selection'
import { useNow } from '../use-now'
import { RunRow } from './run-row'

const PAGE_SIZE = 20

/** Without a job: the runs of all. */
export function RunsPane({ jobName }: { jobName: string | undefined }): ReactNode {
  const { runId } = useSelection()
  const { runs, page, hasMore, isLoading, error, nextPage, prevPage } = useRuns({
    jobName,
    pageSize: PAGE_SIZE,
    view: 'summary',
  })
  const now = useNow(runs.some((run) => run.isActive))
  return (
    <section className="card" aria-labelledby="runs-title">
      <h2 id="runs-title">Runs</h2>
      {error !== null && <p role="alert">{error}</p>}
      {runs.length === 0 && error === null && (
        <p className="quiet">{isLoading ? 'Loading …' : 'None yet. Trigger a job.'}</p>
      )}
      {runs.length > 0 && (
        <table aria-labelledby="runs-title" aria-busy={isLoading}>
          <thead>
            <tr>
              <th scope="col">Job</th>
              <th scope="col">Status</th>
              <th scope="col">Progress</th>
              <th scope="col" className="number">
                Duration
              </th>
              <th scope="col" className="number">
                Triggered
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <RunRow key={run.id} run={run} isSelected={run.id === runId} now={now} />
            ))}
          </tbody>
        </table>
      )}
      {(page > 0 || hasMore) && (
        <nav className="buttons" aria-label="Pages of runs">
          <button type="button" disabled={page === 0} onClick={prevPage}>
            Newer
          </button>
          <span>Page {page + 1}</span>
          <button type="button" disabled={!hasMore} onClick={nextPage}>
            Older
          </button>
        </nav>
      )}
    </section>
  )
}
