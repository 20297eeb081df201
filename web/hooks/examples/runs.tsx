import { useRuns } from 'durably/react'

export function RunList() {
  const { runs, page, hasMore, isLoading, error, nextPage, prevPage, goToPage, refresh } = useRuns({
    pageSize: 3,
  })
  return (
    <section>
      <ol aria-label="Runs" aria-busy={isLoading}>
        {runs.map(({ id, jobName, status, progress, output }) => (
          <li key={id}>
            {jobName} {status} {progress !== null && `${progress.current}/${progress.total}`}{' '}
            {status === 'completed' && JSON.stringify(output)}
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
      <button onClick={refresh}>Refresh</button>
    </section>
  )
}
