import type { ReactNode } from 'react'
import type { EngineStatus } from 'durably'
import { formatDuration } from '../format'
import { bootTimesOf } from '../parts/boot-times'
import { useDismissable } from '../parts/use-dismissable'
import { WORDS } from '../words'

const SAID = WORDS.boot
const READY = { leader: SAID.ready, follower: SAID.readyElsewhere, remote: SAID.readyRemote }

export function BootStatus({ status }: { status: EngineStatus }): ReactNode {
  return (
    <div className="boot-status" data-state={status.state}>
      <span className="boot-words" role="status">
        <span className="dot" aria-hidden="true" />
        {wordsFor(status)}
      </span>
      {status.state === 'ready' && <BootTimings status={status} />}
    </div>
  )
}

function wordsFor(status: EngineStatus): string {
  switch (status.state) {
    case 'starting':
      return status.role === 'remote' ? SAID.asking : SAID.words[status.phase]
    case 'waiting':
      return status.blocker === null ? SAID.waitingForFiles : SAID.waitingForTab
    case 'ready':
      return READY[status.role ?? 'leader']
    case 'offline':
      return SAID.offline
    case 'failed':
      return SAID.stopped
    case 'closed':
      return SAID.closed
  }
}

function BootTimings({ status }: { status: EngineStatus }): ReactNode {
  const { phases, total } = bootTimesOf(status)
  const details = useDismissable()
  if (phases.length === 0) return null
  return (
    <details className="header-details" ref={details}>
      <summary>
        <span className="wide-only">{SAID.label}</span>
        {formatDuration(total)}
      </summary>
      <dl className="popover">
        {phases.map(({ phase, ms }) => (
          <div key={phase}>
            <dt>{SAID.names[phase]}</dt>
            <dd>{formatDuration(ms)}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
