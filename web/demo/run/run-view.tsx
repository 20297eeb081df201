import { Suspense, type ReactNode } from 'react'
import type { ClientRun } from '../../src'
import type { RunFacts as Facts } from '../../src/react'
import { RESULT_VIEWS } from '../jobs/registry'
import { shortId } from '../../dashboard/format'
import { ProgressBar } from '../runs/progress-bar'
import { ResumedBadge } from '../runs/resumed-badge'
import { RunActions } from '../runs/run-actions'
import { StatusChip, statusWord } from '../runs/status-chip'
import { Skeleton } from '../../dashboard/skeleton'
import { Boundary } from '../shell/boundary'
import { JsonView } from './json-view'
import { LogList } from './log-list'
import { OrphanNote } from './orphan-note'
import { PullThePlug } from './pull-the-plug'
import { RunFacts } from './run-facts'
import { RunFault } from './run-fault'
import { StepTimeline } from './step-timeline'

export function RunView({ state, run }: { state: Facts; run: ClientRun }): ReactNode {
  return (
    <>
      <header className="detail-header">
        <div className="detail-title">
          <h2>
            {run.jobName} <code>{shortId(run.id)}</code>
          </h2>
          <StatusChip status={run.status} />
          <ResumedBadge attempt={run.attempt} />
        </div>
        <RunActions run={run} />
      </header>
      <p className="visually-hidden" role="status">
        Run {shortId(run.id)}: {statusWord(run.status)}
      </p>
      <ProgressBar run={run} />
      {run.status === 'leased' && <PullThePlug />}
      {run.status === 'pending' && <OrphanNote jobName={run.jobName} />}
      <RunFacts run={run} />
      <RunFault run={run} />
      <RunResult run={run} />
      <StepTimeline state={state} run={run} />
      <LogList logs={state.logs} isGrowing={!run.isTerminal} />
      {run.input !== undefined && <JsonView title="Input" value={run.input} />}
      {run.output !== undefined && run.status === 'completed' && (
        <JsonView title="Output" value={run.output} />
      )}
    </>
  )
}

function RunResult({ run }: { run: ClientRun }): ReactNode {
  const View = RESULT_VIEWS[run.jobName]
  // The event that ends a run has no output: it comes with the next answer.
  if (View === undefined || run.status !== 'completed' || run.output === undefined || run.output === null) {
    return null
  }
  return (
    <Boundary fallback={<p className="hint">The result could not be drawn. Its JSON is below.</p>}>
      <Suspense fallback={<Skeleton rows={4} />}>
        <View run={run} />
      </Suspense>
    </Boundary>
  )
}
