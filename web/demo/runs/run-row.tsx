import type { ReactNode } from 'react'
import type { ClientRun } from '../../src'
import { formatDateTime, formatRelative, plural, shortId } from '../../dashboard/format'
import { runHref } from '../lib/use-selected-run'
import { ProgressBar } from './progress-bar'
import { ResumedBadge } from './resumed-badge'
import { RunActions } from './run-actions'
import { StatusChip } from './status-chip'

interface RunRowProps {
  run: ClientRun
  isSelected: boolean
  now: number
}

export function RunRow({ run, isSelected, now }: RunRowProps): ReactNode {
  return (
    <li className="run-row" data-selected={isSelected}>
      <a className="run-link" href={runHref(run.id)} aria-current={isSelected ? 'true' : undefined}>
        <span className="run-line">
          <StatusChip status={run.status} />
          <b className="run-name">{run.jobName}</b>
          <code className="run-id">{shortId(run.id)}</code>
          <ResumedBadge attempt={run.attempt} />
        </span>
        <span className="run-line run-meta">
          <time dateTime={run.createdAt} title={formatDateTime(run.createdAt)}>
            {formatRelative(run.createdAt, now)}
          </time>
          {run.completedStepCount > 0 && <span>{plural(run.completedStepCount, 'step')}</span>}
          {run.status === 'failed' && run.error !== null && <span className="run-error">{run.error}</span>}
        </span>
      </a>
      <RunActions run={run} compact />
      {!run.isTerminal && <ProgressBar run={run} />}
    </li>
  )
}
