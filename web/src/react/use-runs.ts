import { useMemo, useSyncExternalStore } from 'react'
import type { ClientRun, EngineEvent } from '../protocol'
import { useDurably } from './context'
import { LiveStore } from './live-store'
import { NO_RUNS, reduceRuns, type RunsState } from './reducer'

export interface UseRunsOptions {
  /** Default: 50. */
  limit?: number
}

/** The newest runs without their inputs and outputs, kept current. */
export function useRuns({ limit = 50 }: UseRunsOptions = {}): RunsState {
  const durably = useDurably()
  const store = useMemo(
    () =>
      new LiveStore<RunsState, readonly ClientRun[]>(durably, {
        initial: NO_RUNS,
        load: (client) => client.getRuns({ view: 'summary', limit }),
        reduce: (state, action) => reduceRuns(state, action, limit),
        outdates: (state, events) => events.some((event) => opensGap(state, event, limit)),
      }),
    [durably, limit],
  )
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
}

/** Whether a run may be missing: an older one moves up, or one is claimed that was never heard of. */
function opensGap({ runs, status }: RunsState, event: EngineEvent, limit: number): boolean {
  if (status !== 'ready') return false
  if (event.type === 'run:delete') return runs.length === limit - 1
  return event.type === 'run:leased' && runs.length < limit && !runs.some((run) => run.id === event.runId)
}
