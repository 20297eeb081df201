import type { EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { useEngineStatus } from 'durably/react'
import { WORDS, type Failing } from '../words'
import { Icon } from './icons'

const SAID = WORDS.failure

interface LoadFailureProps {
  what: Failing
  error: string
  /** What was loaded before is still shown. */
  hasOlder?: boolean
  /** What it says stands above what it is about, and must not be missed. */
  isNotice?: boolean
}

/** The reason is told once: a stopped engine has its own notice, and the header says that a server is away. */
export function LoadFailure({
  what,
  error,
  hasOlder = false,
  isNotice = false,
}: LoadFailureProps): ReactNode {
  const { state } = useEngineStatus()
  const name = SAID.what[what]
  return (
    <p className={isNotice ? 'load-notice' : 'hint'}>
      {isNotice && <Icon name="bang" />}
      <span>
        {hasOlder && state === 'offline' ? SAID.older(name) : SAID.notLoaded(name, reasonFor(state, error))}
      </span>
    </p>
  )
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
