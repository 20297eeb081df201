import type { EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { useEngineStatus } from 'durably/react'
import { WORDS, type Failing } from '../words'

const SAID = WORDS.failure

/** The reason is told once: a stopped engine has its own notice, and the header says that a server is away. */
export function LoadFailure({ what, error }: { what: Failing; error: string }): ReactNode {
  const { state } = useEngineStatus()
  return <p className="hint">{SAID.notLoaded(SAID.what[what], reasonFor(state, error))}</p>
}

function reasonFor(state: EngineStatus['state'], error: string): string {
  switch (state) {
    case 'failed':
    case 'closed':
      return SAID.engineStopped
    case 'offline':
      return SAID.serverAway
    default:
      return SAID.because(error)
  }
}
