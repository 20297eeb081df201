import { useCallback, useSyncExternalStore } from 'react'
import { BOOTING, type EngineStatus } from '../protocol'
import { useClient } from './context'

/** The state of the engine: booting, waiting for another tab, ready, offline, failed or closed. */
export function useEngineStatus(): EngineStatus {
  const durably = useClient()
  const subscribe = useCallback((listener: () => void) => durably.onStatus(listener), [durably])
  return useSyncExternalStore(
    subscribe,
    () => durably.status,
    () => BOOTING,
  )
}
