import { useMemo } from 'react'
import type { ClientRun, Step } from '../protocol'
import { useClient } from './context'

export interface RunActions {
  /** Starts a new run with the input of one that has ended; gives its id. */
  retrigger: (runId: string) => Promise<string>
  cancel: (runId: string) => Promise<void>
  /** Deletes a run that has ended, with its steps and logs. */
  deleteRun: (runId: string) => Promise<void>
  getRun: (runId: string) => Promise<ClientRun | null>
  getSteps: (runId: string) => Promise<Step[]>
}

/** What can be done with any run. All of them reject with a `DurablyError` that says what is wrong. */
export function useRunActions(): RunActions {
  const durably = useClient()
  return useMemo(
    () => ({
      retrigger: async (runId) => (await durably.retrigger(runId)).runId,
      cancel: (runId) => durably.cancel(runId),
      deleteRun: (runId) => durably.deleteRun(runId),
      getRun: (runId) => durably.getRun(runId),
      getSteps: (runId) => durably.getSteps(runId),
    }),
    [durably],
  )
}
