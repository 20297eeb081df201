import type { ReactNode } from 'react'
import type { ClientRun, Progress } from 'durably'
import { formatNumber } from '../format'
import { WORDS } from '../words'

interface ProgressBarProps {
  run: ClientRun
  /** The bar alone: what it says is told beside it. */
  isSlim?: boolean
}

export function ProgressBar({ run, isSlim = false }: ProgressBarProps): ReactNode {
  if (run.progress === null) return null
  const { current, total, message } = run.progress
  const isKnown = total !== undefined && total > 0
  const percent = isKnown ? Math.min(100, (100 * current) / total) : 0
  const count = countOf(run.progress)
  return (
    <div className="progress" data-status={run.status}>
      <div
        className="progress-track"
        role="progressbar"
        aria-label={WORDS.run.progress}
        aria-valuemin={0}
        aria-valuemax={isKnown ? total : undefined}
        aria-valuenow={isKnown ? current : undefined}
        aria-valuetext={progressWords(run.progress)}
      >
        <div
          className={isKnown ? 'progress-bar' : 'progress-bar progress-endless'}
          style={isKnown ? { inlineSize: `${percent}%` } : undefined}
        />
      </div>
      {!isSlim && (
        <div className="progress-words" aria-hidden="true">
          <span>{message}</span>
          <span className="number">{count}</span>
        </div>
      )}
    </div>
  )
}

/** `12 of 40 rows` */
export function progressWords(progress: Progress): string {
  return [countOf(progress), progress.message ?? ''].join(' ').trim()
}

function countOf({ current, total }: Progress): string {
  if (total === undefined || total <= 0) return formatNumber(current)
  return WORDS.run.progressOf(formatNumber(current), formatNumber(total))
}
