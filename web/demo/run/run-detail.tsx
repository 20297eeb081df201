import { useEffect, useRef, type ReactNode } from 'react'
import { useJobRun } from '../../src/react'
import { shortId } from '../../dashboard/format'
import { LoadFailure } from '../shell/load-failure'
import { Skeleton } from '../../dashboard/skeleton'
import { RunIntro } from './run-intro'
import { RunView } from './run-view'

const ONE_COLUMN = '(max-width: 899px)'

/** Rendered anew for each run, so that nothing of one run shows in the next. */
export function RunDetail({ runId }: { runId: string | null }): ReactNode {
  const state = useJobRun({ runId })
  const section = useScrolledTo(runId)
  return (
    <section className="card detail" ref={section} tabIndex={-1} aria-label="Selected run">
      {runId === null && <RunIntro />}
      {state.isLoading && <Skeleton rows={5} />}
      {state.isNotFound && (
        <div className="detail-empty">
          <h2>There is no run {runId === null ? '' : shortId(runId)}.</h2>
          <p>It was deleted, or it belongs to the database of another browser.</p>
        </div>
      )}
      {state.error !== null && state.error !== state.run?.error && (
        <LoadFailure what="run" error={state.error} />
      )}
      {state.run !== null && <RunView state={state} run={state.run} />}
    </section>
  )
}

/** In one column the detail lies below the list: a run chosen there comes into view. */
function useScrolledTo(runId: string | null) {
  const section = useRef<HTMLElement>(null)
  useEffect(() => {
    if (runId === null || !window.matchMedia(ONE_COLUMN).matches) return
    section.current?.scrollIntoView({ block: 'start' })
  }, [runId])
  return section
}
