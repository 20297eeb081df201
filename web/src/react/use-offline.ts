import { useCallback, useSyncExternalStore } from 'react'
import type { Offline, OfflineStatus } from '../offline/index'
import { STARTING, UNSUPPORTED } from '../offline/status'

/**
 * Whether the app works offline, and whether a new version waits. Null: a page that has no service worker. The page counts as one
 * that asks the person as long as the component is mounted.
 */
export function useOffline(offline: Offline | null): OfflineStatus {
  const subscribe = useCallback(
    (listener: () => void) => offline?.onStatus(listener) ?? (() => undefined),
    [offline],
  )
  return useSyncExternalStore(
    subscribe,
    () => offline?.status ?? UNSUPPORTED,
    () => STARTING,
  )
}
