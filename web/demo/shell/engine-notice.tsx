import type { ReactNode } from 'react'
import type { EngineStatus } from '../../src'
import { FailureNotice } from './failure-notice'
import { Notice } from './notice'
import { ProblemNotice } from './problem-notice'

/** Why nothing can be done at the moment. */
export function EngineNotice({ status }: { status: EngineStatus }): ReactNode {
  switch (status.state) {
    case 'waiting':
      return <WaitingNotice phase={status.phase} />
    case 'failed':
    case 'closed':
      return <FailureNotice status={status} />
    case 'offline':
    case 'starting':
    case 'ready':
      return <ProblemNotice key={status.epoch} pause={status.pause} />
  }
}

function WaitingNotice({ phase }: Pick<EngineStatus, 'phase'>): ReactNode {
  if (phase === 'lock') {
    return (
      <Notice title="Durably is open in another tab.">
        <p>
          Only one tab at a time can work on this browser’s database. This tab takes over by itself as soon as
          the other one is closed.
        </p>
      </Notice>
    )
  }
  return (
    <Notice title="The database’s files are not free yet.">
      <p>A tab that was closed a moment ago may still hold them. This tab goes on by itself.</p>
    </Notice>
  )
}
