import type { ReactNode } from 'react'
import { BOOT_PHASES, type EngineStatus } from 'durably'
import { formatDuration } from '../format'
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
      {status.state === 'ready' && <BootTimings timings={status.timings} />}
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

function BootTimings({ timings }: Pick<EngineStatus, 'timings'>): ReactNode {
  const phases = BOOT_PHASES.flatMap((phase) => {
    const ms = timings[phase]
    return ms === undefined ? [] : [{ phase, ms }]
  })
  const details = useDismissable()
  if (phases.length === 0) return null
  const total = phases.reduce((sum, { ms }) => sum + ms, 0)
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
