import type { ReactNode } from 'react'
import type { ClientRun } from '../../src'
import type { RunFacts } from '../../src/react'
import { formatDuration, plural } from '../../dashboard/format'
import { useNow } from '../../dashboard/use-now'
import { useStickToEnd } from '../lib/use-stick-to-end'
import { layoutSteps, type StepRow } from './step-layout'

export function StepTimeline({ state, run }: { state: RunFacts; run: ClientRun }): ReactNode {
  const now = useNow(state.runningSteps.length > 0 ? 250 : null)
  const rows = layoutSteps(state.steps, state.runningSteps, now)
  const list = useStickToEnd<HTMLOListElement>(rows.length, !run.isTerminal)
  return (
    <section className="part" aria-labelledby="steps-title">
      <h3 className="part-title" id="steps-title">
        Steps {rows.length > 0 && <span className="count">{rows.length}</span>}
      </h3>
      {rows.length === 0 && <p className="hint">{wordsWithoutSteps(run)}</p>}
      {rows.length > 0 && (
        <ol className="steps" tabIndex={0} aria-labelledby="steps-title" {...list}>
          {rows.map((row) => (
            <StepItem key={row.key} row={row} />
          ))}
        </ol>
      )}
    </section>
  )
}

function wordsWithoutSteps(run: ClientRun): string {
  if (!run.isTerminal) return 'No step has begun yet.'
  if (run.completedStepCount === 0) return 'No step was finished.'
  return `This run finished ${plural(run.completedStepCount, 'step')}; their records were removed when it ended.`
}

const STATUS_WORDS = {
  completed: 'done',
  failed: 'failed',
  cancelled: 'stopped',
  running: 'running',
} as const

function StepItem({ row }: { row: StepRow }): ReactNode {
  return (
    <>
      {row.pauseMs !== null && <li className="step-pause">{formatDuration(row.pauseMs)} without a step</li>}
      {row.newBuild !== null && <li className="step-pause">from here on build {row.newBuild}</li>}
      <li className="step" data-status={row.status}>
        <span className="step-name" title={row.name}>
          {row.name}
        </span>
        <span className="step-axis" aria-hidden="true">
          <span
            className="step-bar"
            style={{ insetInlineStart: `${Math.min(row.offset, 99)}%`, inlineSize: `${row.width}%` }}
          />
        </span>
        <span className="step-time number">
          {row.status !== 'completed' && <em>{STATUS_WORDS[row.status]} </em>}
          {formatDuration(row.durationMs)}
        </span>
        {row.error !== null && <span className="step-error">{row.error}</span>}
      </li>
    </>
  )
}
