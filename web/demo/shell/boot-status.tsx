import type { ReactNode } from 'react'
import { BOOT_PHASES, type BootPhase, type EngineStatus } from '../../src'
import { formatDuration } from '../../dashboard/format'
import { useDismissable } from '../lib/use-dismissable'

const PHASE_WORDS: Record<BootPhase, string> = {
  lock: 'Asking for the database…',
  storage: 'Opening the database…',
  python: 'Starting Python…',
  engine: 'Loading the jobs…',
  ready: 'Almost ready…',
}

const PHASE_NAMES: Record<BootPhase, string> = {
  lock: 'Database lock',
  storage: 'Storage',
  python: 'Python',
  engine: 'Engine',
  ready: 'Ready',
}

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
      return PHASE_WORDS[status.phase]
    case 'waiting':
      return status.blocker === null ? 'Waiting for the database’s files' : 'Waiting for the other tab'
    case 'ready':
      return status.role === 'follower' ? 'Ready, in another tab' : 'Ready'
    case 'offline':
      return 'The server can’t be reached'
    case 'failed':
      return 'Stopped'
    case 'closed':
      return 'Closed'
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
        <span className="wide-only">boot </span>
        {formatDuration(total)}
      </summary>
      <dl className="popover">
        {phases.map(({ phase, ms }) => (
          <div key={phase}>
            <dt>{PHASE_NAMES[phase]}</dt>
            <dd>{formatDuration(ms)}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
