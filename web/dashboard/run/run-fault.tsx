import type { ClientRun } from 'durably'
import type { ReactNode } from 'react'
import { WORDS } from '../words'

const SAID = WORDS.run

export function RunFault({ run }: { run: ClientRun }): ReactNode {
  if (run.status !== 'failed') return null
  return (
    <div className="fault" role="group" aria-label={SAID.error}>
      <p className="fault-message">
        {run.errorType !== null && <b>{run.errorType}: </b>}
        {run.error ?? SAID.noMessage}
      </p>
      {run.failedStepName !== null && (
        <p>
          {SAID.failedStep} <code>{run.failedStepName}</code>
        </p>
      )}
      {run.errorTraceback !== null && (
        <details open>
          <summary>{SAID.traceback}</summary>
          <pre tabIndex={0}>{run.errorTraceback}</pre>
        </details>
      )}
    </div>
  )
}
