import type { EngineStatus } from 'durably'
import { useDurably, useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'

/** What the person has to know about the engine: nothing, once it runs. */
export function EngineNotice(): ReactNode {
  const status = useEngineStatus()
  const fault = faultOf(status)
  if (fault !== null) {
    return (
      <p className="notice" role="alert" data-kind="bad">
        {fault}
      </p>
    )
  }
  const words = wordsFor(status)
  return (
    <div role="status">
      {words !== null && (
        <p className="notice">
          {words}
          {status.blocker?.code === 'another_tab' && <TakeOverButton />}
          {status.state === 'starting' && status.role !== 'remote' && (
            <progress aria-label="Start of Python" value={status.percent} max={100} />
          )}
        </p>
      )}
    </div>
  )
}

function faultOf({ state, error, pause }: EngineStatus): string | null {
  if (state === 'offline') return `The server can’t be reached. It is tried again. ${error?.message ?? ''}`
  if (error !== null) return error.message
  return pause === null ? null : `No run is begun at the moment. ${pause.message}`
}

function wordsFor({ state, role, blocker }: EngineStatus): string | null {
  switch (state) {
    case 'starting':
      return role === 'remote' ? 'Asking the server …' : 'Starting Python …'
    case 'waiting':
      return blocker?.message ?? 'Waiting for the database …'
    case 'closed':
      return 'The engine was stopped. Reload the page to start it again.'
    case 'ready':
    case 'offline':
    case 'failed':
      return null
  }
}

/** What comes of it shows in the status. */
function TakeOverButton(): ReactNode {
  const { durably } = useDurably()
  return (
    <button type="button" onClick={() => void durably.takeOver().catch(() => undefined)}>
      Use it here
    </button>
  )
}
