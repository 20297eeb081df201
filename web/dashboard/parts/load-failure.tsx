import type { EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { useEngineStatus } from 'durably/react'

/** The reason is told once: a stopped engine has its own notice, and the header says that a server is away. */
export function LoadFailure({ what, error }: { what: string; error: string }): ReactNode {
  const { state } = useEngineStatus()
  return (
    <p className="hint">
      The {what} could not be loaded{reasonFor(state, error)}
    </p>
  )
}

function reasonFor(state: EngineStatus['state'], error: string): string {
  switch (state) {
    case 'failed':
    case 'closed':
      return ', because the engine stopped.'
    case 'offline':
      return ', because the server is away. Loading goes on by itself once it is back.'
    default:
      return `. ${error}`
  }
}
