import { useRuns } from 'durably/react'

export function RecentRuns() {
  const { runs, error } = useRuns({ jobName: 'send-newsletter', pageSize: 10 })
  return (
    <section className="card" aria-label="Recent runs">
      <h2>Recent runs</h2>
      {error !== null && <p role="alert">{error}</p>}
      <ul className="runs">
        {runs.map((run) => (
          <li key={run.id} className="row">
            <time dateTime={run.createdAt}>{new Date(run.createdAt).toLocaleTimeString()}</time>
            <span className={`badge ${run.status}`}>{run.status}</span>
            <span className="grow">
              {run.input?.subject}
              {run.status === 'leased' && run.progress && `: ${run.progress.message}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
