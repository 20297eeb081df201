import { useRunActions, useRuns } from 'durably/react'
import { ActionButton } from './action-button'
import { StatusBadge } from './status-badge'

export function RecentRuns() {
  const { runs, page, hasMore, isLoading, nextPage, prevPage, error } = useRuns({
    jobName: 'count-words',
    pageSize: 5,
  })
  const { retrigger, deleteRun } = useRunActions()

  return (
    <section className="card" aria-label="Recent runs">
      <h2>Recent runs</h2>
      {error !== null && <p role="alert">{error}</p>}
      {runs.length === 0 && error === null && <p>{isLoading ? 'Loading …' : 'None yet.'}</p>}
      <ul className="runs">
        {runs.map((run) => (
          <li key={run.id} className="row">
            <time dateTime={run.createdAt}>{new Date(run.createdAt).toLocaleTimeString()}</time>
            <StatusBadge status={run.status} />
            <span className="grow">{run.output && `${run.output.words.toLocaleString()} words`}</span>
            {run.isTerminal && (
              <span className="row">
                <ActionButton action={() => retrigger(run.id)}>Again</ActionButton>
                <ActionButton action={() => deleteRun(run.id)}>Delete</ActionButton>
              </span>
            )}
          </li>
        ))}
      </ul>
      {(page > 0 || hasMore) && (
        <div className="row">
          <button type="button" className="quiet" disabled={page === 0} onClick={prevPage}>
            Newer
          </button>
          <button type="button" className="quiet" disabled={!hasMore} onClick={nextPage}>
            Older
          </button>
        </div>
      )}
    </section>
  )
}
