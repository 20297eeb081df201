import type { ReactNode } from 'react'
import { useEngineStatus } from 'durably/react'

/** The reason is told once: a stopped engine has its own notice. */
export function LoadFailure({ what, error }: { what: string; error: string }): ReactNode {
  const { state } = useEngineStatus()
  const isTold = state === 'failed' || state === 'closed'
  return (
    <p className="hint">
      The {what} could not be loaded{isTold ? ', because the engine stopped.' : `. ${error}`}
    </p>
  )
}
