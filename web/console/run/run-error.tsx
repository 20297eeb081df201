import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'

export function RunError({ run }: { run: ClientRun }): ReactNode {
  if (run.status !== 'failed') return null
  return (
    <section className="error" aria-label="Error">
      <p>
        {run.errorType !== null && <strong>{run.errorType}: </strong>}
        {run.error ?? 'The run failed without a message.'}
      </p>
      {run.failedStepName !== null && (
        <p>
          In the step <span className="name">{run.failedStepName}</span>.
        </p>
      )}
      {run.errorTraceback !== null && (
        <details open>
          <summary>Traceback</summary>
          <pre tabIndex={0} aria-label="Traceback">
            {run.errorTraceback}
          </pre>
        </details>
      )}
    </section>
  )
}
