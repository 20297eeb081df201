import { useDurably, useEngineStatus } from 'durably/react'
import type { ReactNode } from 'react'
import { WORDS } from '../words'
import { Icon } from './icons'
import { useAction } from './use-action'

interface ViewNoticeProps {
  children: ReactNode
  /** What can be tried. Without it, a server that is away is asked whether it is back. */
  onRetry?: () => void
}

/** Within a view: what it can't show or do at the moment, and why. */
export function ViewNotice({ children, onRetry }: ViewNoticeProps): ReactNode {
  const { durably } = useDurably()
  const isAway = useEngineStatus().state === 'offline'
  const { isBusy, perform } = useAction()
  // Any answer tells everybody that the server is back; that it is not, is what stands here already.
  const askServer = (): void =>
    perform(async () => {
      await durably.getJobs()
    })
  return (
    <div className="view-notice" role="alert">
      <Icon name={isAway ? 'offline' : 'bang'} />
      <div className="view-notice-words">{children}</div>
      {(isAway || onRetry !== undefined) && (
        <button type="button" className="button" aria-disabled={isBusy} onClick={onRetry ?? askServer}>
          {WORDS.failure.tryAgain}
        </button>
      )}
    </div>
  )
}
