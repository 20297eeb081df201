import { useClient } from './context'
import { LOADING_RUN, makeRunStore, NO_RUN, type RunState } from './run-state'
import { useShared } from './shared-stores'

/** One run with its steps and logs, kept current; all who look at it share one answer. `null`: none. */
export function useRunState(runId: string | null, jobName?: string): RunState {
  const durably = useClient()
  const initial = runId === null ? NO_RUN : LOADING_RUN
  return useShared(durably, `run ${runId ?? ''}`, initial, () =>
    runId === null ? NONE : makeRunStore(durably, runId, jobName),
  )
}

const NONE = { subscribe: () => () => undefined, getSnapshot: () => NO_RUN }
