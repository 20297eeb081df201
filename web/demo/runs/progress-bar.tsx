import type { ReactNode } from 'react'
import type { ClientRun } from '../../src'
import { formatNumber } from '../../dashboard/format'

export function ProgressBar({ run }: { run: ClientRun }): ReactNode {
  if (run.progress === null) return null
  const { current, total, message } = run.progress
  const isKnown = total !== undefined && total > 0
  const percent = isKnown ? Math.min(100, (100 * current) / total) : 0
  const count = isKnown ? `${formatNumber(current)} of ${formatNumber(total)}` : formatNumber(current)
  return (
    <div className="progress" data-status={run.status}>
      <div
        className="progress-track"
        role="progressbar"
        aria-label="Progress"
        aria-valuemin={0}
        aria-valuemax={isKnown ? total : undefined}
        aria-valuenow={isKnown ? current : undefined}
        aria-valuetext={`${count}${message === undefined ? '' : `, ${message}`}`}
      >
        <div
          className={isKnown ? 'progress-bar' : 'progress-bar progress-endless'}
          style={isKnown ? { inlineSize: `${percent}%` } : undefined}
        />
      </div>
      <div className="progress-words" aria-hidden="true">
        <span>{message}</span>
        <span className="number">{count}</span>
      </div>
    </div>
  )
}
