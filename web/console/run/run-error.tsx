import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'
import { Traceback } from './traceback'

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
      {run.errorTraceback !== null && <Traceback text={run.errorTraceback} />}
    </section>
  )
}
