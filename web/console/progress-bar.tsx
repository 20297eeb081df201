import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'

/** How far the run is; without a total only how much was done. */
export function ProgressBar({ run }: { run: ClientRun }): ReactNode {
  if (run.progress === null) return null
  const { current, total, message } = run.progress
  const isKnown = total !== undefined && total > 0
  return (
    <span className="progress" title={message}>
      {isKnown && <progress aria-label={`Progress of ${run.jobName}`} value={current} max={total} />}
      <span className="number">{isKnown ? `${current} / ${total}` : current}</span>
    </span>
  )
}
