import { useClient } from './context'
import { LOADING_RUN, makeRunStore, NO_RUN, type RunState } from './run-state'
import { useShared } from './shared-stores'

/** One run with its steps and logs, kept current; all who look at it share one answer. `null`: none. */
export function useRunState(runId: string | null, jobName?: string): RunState {
  const durably = useClient()
  const make = runId === null ? null : () => makeRunStore(durably, runId, jobName)
  return useShared(durably, `run:${runId ?? ' none'}`, runId === null ? NO_RUN : LOADING_RUN, make)
}
