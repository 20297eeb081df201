import type { ClientRun } from 'durably'
import { useEngineStatus, type RunFacts as Facts } from 'durably/react'
import { Suspense, type ReactNode } from 'react'
import type { RunFilters } from '../addresses'
import { useJobExtras } from '../extras'
import { shortId } from '../format'
import { Boundary } from '../parts/boundary'
import { ProgressBar } from '../parts/progress-bar'
import { ResumedBadge } from '../parts/resumed-badge'
import { Skeleton } from '../parts/skeleton'
import { StatusChip } from '../parts/status-chip'
import { WORDS } from '../words'
import { JsonView } from './json-view'
import { LogList } from './log-list'
import { OrphanNote } from './orphan-note'
import { PullThePlug } from './pull-the-plug'
import { RunActions } from './run-actions'
import { RunFacts } from './run-facts'
import { RunFault } from './run-fault'
import { Timeline } from './timeline'

const SAID = WORDS.run

interface RunViewProps {
  state: Facts
  run: ClientRun
  filters: RunFilters
}

export function RunView({ state, run, filters }: RunViewProps): ReactNode {
  const { Result } = useJobExtras(run.jobName)
  const isHere = useEngineStatus().role !== 'remote'
  return (
    <>
      <header className="detail-header">
        <h2>
          {run.jobName} <code>{shortId(run.id)}</code>
        </h2>
        <div className="detail-badges">
          <StatusChip status={run.status} />
          <ResumedBadge attempt={run.attempt} />
        </div>
        <RunActions run={run} filters={filters} />
      </header>
      <p className="visually-hidden" role="status">
        {SAID.told(shortId(run.id), WORDS.status[run.status])}
      </p>
      {!hasFailedAtOnce(run) && <ProgressBar run={run} />}
      {run.status === 'leased' && isHere && <PullThePlug />}
      {run.status === 'pending' && <OrphanNote jobName={run.jobName} />}
      <RunFault run={run} />
      <RunFacts run={run} steps={state.steps} />
      <RunResult run={run} />
      <Timeline state={state} run={run} />
      <LogList logs={state.logs} isGrowing={!run.isTerminal} />
      {run.input !== undefined && <JsonView title={SAID.input} value={run.input} />}
      {run.output !== undefined && run.status === 'completed' && (
        <JsonView title={SAID.output} value={run.output} isOpenAtFirst={Result === undefined} />
      )}
    </>
  )
}

/** Its bar is empty for good: the error says more. */
function hasFailedAtOnce({ status, progress }: ClientRun): boolean {
  return status === 'failed' && progress?.current === 0
}

function RunResult({ run }: { run: ClientRun }): ReactNode {
  const { Result } = useJobExtras(run.jobName)
  // The event that ends a run has no output: it comes with the next answer.
  if (Result === undefined || run.status !== 'completed' || run.output === undefined || run.output === null) {
    return null
  }
  return (
    <Boundary fallback={<p className="hint">{SAID.noResult}</p>}>
      <Suspense fallback={<Skeleton rows={4} />}>
        <Result run={run} />
      </Suspense>
    </Boundary>
  )
}
