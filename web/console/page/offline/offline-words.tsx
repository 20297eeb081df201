import type { OfflineStatus } from 'durably/offline'
import type { ReactNode } from 'react'
import { useIsOnline } from './use-is-online'

/** Whether the page can do without a network, quietly. Nothing where that is not offered. */
export function OfflineWords({ status }: { status: OfflineStatus }): ReactNode {
  const words = useWords(status)
  return (
    <div className="offline quiet" role="status">
      {words !== null && <span>{words}</span>}
      {words !== null && status.percent !== null && (
        <progress aria-label="Download" value={status.percent} max={100} />
      )}
    </div>
  )
}

function useWords({ state, percent, error }: OfflineStatus): string | null {
  const isOnline = useIsOnline()
  switch (state) {
    case 'installing':
      return 'Becoming available offline …'
    case 'failed':
      return `Not available offline. ${error?.message ?? ''}`
    case 'ready':
      if (!isOnline) return 'You are offline. Everything here works all the same.'
      if (percent !== null) return 'Downloading a new version …'
      return error === null ? 'Works offline' : `There is a new version, but not here yet. ${error.message}`
    case 'starting':
    case 'unsupported':
      return null
  }
}
