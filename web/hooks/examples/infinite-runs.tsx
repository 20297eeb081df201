import { useInfiniteRuns } from 'durably/react'
import { useEffect, useRef } from 'react'

export function EndlessRunList() {
  const { runs, hasMore, isLoading, isLoadingMore, error, loadMore, refresh } = useInfiniteRuns({
    jobName: 'count-to',
    pageSize: 5,
  })
  const end = useRef<HTMLDivElement>(null)
  // Anew for each page: the end may still be in sight when the page is shorter than the window.
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.at(-1)?.isIntersecting) loadMore()
    })
    if (end.current !== null) observer.observe(end.current)
    return () => observer.disconnect()
  }, [loadMore, runs.length])

  return (
    <section>
      <button onClick={refresh}>Refresh</button>
      <div style={{ height: 120, overflowY: 'auto' }} tabIndex={0} role="group" aria-label="All runs">
        <ol aria-label="Runs" aria-busy={isLoading || isLoadingMore}>
          {runs.map(({ id, status, completedStepCount }) => (
            <li key={id} style={{ height: 40 }}>
              {status} after {completedStepCount}
            </li>
          ))}
        </ol>
        <div ref={end} style={{ height: 1 }} />
      </div>
      {error !== null && <p role="alert">{error}</p>}
      {hasMore ? <button onClick={loadMore}>More</button> : <p>{runs.length} in all</p>}
    </section>
  )
}
