import type { ReactNode } from 'react'
import type { ClientRun } from '../../src'

export function RunFault({ run }: { run: ClientRun }): ReactNode {
  if (run.status !== 'failed') return null
  return (
    <div className="fault" role="group" aria-label="Error">
      <p className="fault-message">
        {run.errorType !== null && <b>{run.errorType}: </b>}
        {run.error ?? 'The run failed without a message.'}
      </p>
      {run.failedStepName !== null && (
        <p>
          The step <code>{run.failedStepName}</code> failed.
        </p>
      )}
      {run.errorTraceback !== null && (
        <details>
          <summary>Traceback</summary>
          <pre>{run.errorTraceback}</pre>
        </details>
      )}
    </div>
  )
}
