import type { OfflineStatus } from 'durably/offline'
import type { ReactNode } from 'react'
import { useIsOnline } from './use-is-online'

/** Whether the page can do without a network, quietly. Nothing where that is not offered. */
export function OfflineWords({ status }: { status: OfflineStatus }): ReactNode {
  const words = useWords(status)
  return (
    <div className="offline hint" role="status">
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
      return `Not available offline yet. ${error?.message ?? ''} It is tried again at the next visit.`
    case 'ready':
      if (!isOnline) return 'You are offline, and it works.'
      if (percent !== null) return 'Downloading a new version …'
      if (error === null) return 'Works offline'
      return `Works offline. A new version could not be downloaded: ${error.message} It is tried again.`
    case 'starting':
    case 'unsupported':
      return null
  }
}
