import { useMemo, useSyncExternalStore } from 'react'
import type { JobInfo } from '../protocol'
import { useDurably } from './context'
import { LiveStore } from './live-store'
import { NO_JOBS, reduceJobs, type JobsState } from './reducer'

/** The jobs that the engine knows, with the schemas of their inputs and outputs. */
export function useJobs(): JobsState {
  const durably = useDurably()
  const store = useMemo(
    () =>
      new LiveStore<JobsState, readonly JobInfo[]>(durably, {
        initial: NO_JOBS,
        load: (client) => client.getJobs(),
        reduce: reduceJobs,
        outdates: () => false,
      }),
    [durably],
  )
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
}
