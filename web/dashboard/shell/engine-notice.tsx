import type { ReactNode } from 'react'
import type { EngineStatus } from 'durably'
import { useDurably } from 'durably/react'
import { FailureNotice } from './failure-notice'
import { Notice } from '../parts/notice'
import { WORDS } from '../words'
import { ProblemNotice } from './problem-notice'

const SAID = WORDS.notices

/** Why nothing can be done at the moment. */
export function EngineNotice({ status }: { status: EngineStatus }): ReactNode {
  switch (status.state) {
    case 'waiting':
      return <WaitingNotice status={status} />
    case 'failed':
    case 'closed':
      return <FailureNotice status={status} />
    case 'offline':
    case 'starting':
    case 'ready':
      return <ProblemNotice key={status.epoch} pause={status.pause} />
  }
}

function WaitingNotice({ status: { blocker } }: { status: EngineStatus }): ReactNode {
  if (blocker !== null) {
    return (
      <Notice title={SAID.anotherTab} actions={blocker.code === 'another_tab' && <TakeOverButton />}>
        <p>{blocker.message}</p>
      </Notice>
    )
  }
  return (
    <Notice title={SAID.filesHeld}>
      <p>{SAID.filesHeldText}</p>
    </Notice>
  )
}

/** What comes of it shows in the status. */
function TakeOverButton(): ReactNode {
  const { durably } = useDurably()
  return (
    <button
      type="button"
      className="button button-primary"
      onClick={() => void durably.takeOver().catch(() => undefined)}
    >
      {SAID.useHere}
    </button>
  )
}
