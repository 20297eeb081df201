import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { runAddress, type RunFilters } from '../addresses'
import { durationOf, formatDateTime, formatNumber, formatRelative, shortId } from '../format'
import { LabelChips } from '../parts/label-chips'
import { ProgressBar, progressWords } from '../parts/progress-bar'
import { ResumedBadge } from '../parts/resumed-badge'
import { StatusChip } from '../parts/status-chip'
import { RunActions } from '../run/run-actions'
import { WORDS } from '../words'

interface RunRowProps {
  run: ClientRun
  index: number
  /** Where it lies in the list, in pixels. */
  top: number
  /** Of all rows; -1: not known. */
  count: number
  /** Its details are shown. */
  isShown: boolean
  /** It is chosen for what is done with several. */
  isSelected: boolean
  /** There is no such job any more. */
  isOrphan: boolean
  filters: RunFilters
  now: number
  onToggle: (runId: string) => void
}

export function RunRow({ run, index, top, count, isShown, isSelected, ...props }: RunRowProps): ReactNode {
  const { isOrphan, filters, now, onToggle } = props
  const duration = durationOf(run, now)
  const steps = run.completedStepCount
  // Why it failed, and how far it is, say more.
  const isStepCountTold = steps > 0 && run.status !== 'failed' && !(run.isActive && run.progress !== null)
  return (
    <li
      className="run-row"
      data-index={index}
      data-selected={isShown}
      aria-posinset={index + 1}
      aria-setsize={count}
      style={{ translate: `0 ${top}px` }}
    >
      <input
        type="checkbox"
        className="run-check"
        aria-label={WORDS.runs.select(run.jobName, shortId(run.id))}
        checked={isSelected}
        onChange={() => onToggle(run.id)}
      />
      <Link
        className="run-link"
        href={runAddress(run.id, filters)}
        aria-current={isShown ? 'true' : undefined}
      >
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
          {isOrphan && (
            <span className="badge" title={WORDS.run.orphan(run.jobName)}>
              {WORDS.run.noSuchJob}
            </span>
          )}
          {duration !== null && <span className="number">{duration}</span>}
          {isStepCountTold && <span>{WORDS.run.stepCount(steps, formatNumber(steps))}</span>}
          {run.isActive && run.progress !== null && <span>{progressWords(run.progress)}</span>}
        </span>
        {run.status === 'failed' && run.error !== null && <span className="run-error">{run.error}</span>}
      </Link>
      <span className="run-labels">
        <LabelChips labels={run.labels} />
      </span>
      <RunActions run={run} filters={filters} compact />
      {!run.isTerminal && <ProgressBar run={run} isSlim />}
    </li>
  )
}
