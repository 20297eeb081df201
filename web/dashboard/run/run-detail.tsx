import { useJobRun } from 'durably/react'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { runsAddress, type RunFilters } from '../addresses'
import { useExtras } from '../extras'
import { shortId } from '../format'
import { Icon } from '../parts/icons'
import { LoadFailure } from '../parts/load-failure'
import { Skeleton } from '../parts/skeleton'
import { WORDS } from '../words'
import { RunView } from './run-view'

const SAID = WORDS.run

/** Rendered anew for each run, so that nothing of one run shows in the next. */
export function RunDetail({ runId, filters }: { runId: string | null; filters: RunFilters }): ReactNode {
  const state = useJobRun({ runId })
  const { intro } = useExtras()
  return (
    <section className="card detail" tabIndex={-1} aria-label={SAID.title}>
      <Link className="back" href={runsAddress(filters)}>
        <Icon name="back" />
        {SAID.back}
      </Link>
      {runId === null && (intro ?? <p className="detail-empty hint">{SAID.choose}</p>)}
      {state.isLoading && <Skeleton rows={5} />}
      {state.isNotFound && (
        <div className="detail-empty">
          <h2>{SAID.notFound(runId === null ? '' : shortId(runId))}</h2>
          <p>{SAID.notFoundHint}</p>
        </div>
      )}
      {state.error !== null && state.error !== state.run?.error && (
        <LoadFailure what="run" error={state.error} hasOlder={state.run !== null} />
      )}
      {state.run !== null && <RunView state={state} run={state.run} filters={filters} />}
    </section>
  )
}
