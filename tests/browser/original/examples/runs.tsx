import type { RunStatus } from '@coji/durably-react'
import { useState } from 'react'
import { durably } from '../durably'

export function RunList() {
  const [jobName, setJobName] = useState('')
  const [status, setStatus] = useState('')
  const [team, setTeam] = useState('')
  const { runs, page, hasMore, isLoading, error, nextPage, prevPage, goToPage, refresh } = durably.useRuns({
    jobName: jobName.split(' ').filter(Boolean),
    status: status.split(' ').filter(Boolean) as RunStatus[],
    labels: team === '' ? undefined : { team },
    pageSize: 3,
  })
  return (
    <section>
      <label>
        Jobs <input value={jobName} onChange={({ target }) => setJobName(target.value)} />
      </label>
      <label>
        Statuses <input value={status} onChange={({ target }) => setStatus(target.value)} />
      </label>
      <label>
        Team <input value={team} onChange={({ target }) => setTeam(target.value)} />
      </label>
      <ol aria-label="Runs" aria-busy={isLoading}>
        {runs.map(({ id, jobName, status, progress, output, error }) => (
          <li key={id}>
            {jobName} {status} {progress && `${progress.current}/${progress.total}`} {JSON.stringify(output)}{' '}
            {error}
          </li>
        ))}
      </ol>
      {error !== null && <p role="alert">{error}</p>}
      <button onClick={prevPage} disabled={page === 0}>
        Newer
      </button>
      <span>Page {page + 1}</span>
      <button onClick={nextPage} disabled={!hasMore}>
        Older
      </button>
      <button onClick={() => goToPage(0)}>First</button>
      <button onClick={() => void refresh()}>Refresh</button>
    </section>
  )
}
