import { useCallback, useSyncExternalStore } from 'react'
import type { EngineStatus } from '../protocol'
import { useDurably } from './context'

/** The state of the engine: booting, waiting for another tab, ready, failed or closed. */
export function useEngineStatus(): EngineStatus {
  const durably = useDurably()
  const subscribe = useCallback((listener: () => void) => durably.onStatus(listener), [durably])
  const getSnapshot = (): EngineStatus => durably.status
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot)
}
