import { useMemo, useSyncExternalStore } from 'react'
import type { RunResult, TriggerAndWaitOptions, TriggerCallOptions } from '../client'
import type { InputOf, JobName, OutputOf } from '../job-types'
import type { TriggerResult } from '../protocol'
import { useClient } from './context'
import { JobStore } from './job-store'
import { toFacts, type RunFacts } from './run-result'
import { useRunState } from './use-run-state'

export interface UseJobOptions {
  /** The run of this job to show at first. */
  initialRunId?: string | null | undefined
  /** Without `initialRunId`: show a run that executes or waits already. Default: true. */
  autoResume?: boolean | undefined
  /** Show each run of the job that is triggered or begun, by whomever. Default: true. */
  followLatest?: boolean | undefined
}

export interface UseJobResult<Input, Output> extends RunFacts<Input, Output> {
  /** Starts a run, and shows it. */
  trigger: (input: Input, options?: TriggerCallOptions) => Promise<TriggerResult>
  /**
   * The same, and settles when that run has ended; rejects with a `RunFailedError`, or a
   * `DurablyError` with the code `cancelled` or `timeout`.
   */
  triggerAndWait: (input: Input, options?: TriggerAndWaitOptions) => Promise<RunResult<Output>>
  /** The run that is shown. */
  currentRunId: string | null
  /** Shows no run, until the next one. */
  reset: () => void
}

/** Starts runs of a job, and shows one of them as it goes on. A name is the job's own or its registration key. */
export function useJob<Name extends JobName>(
  jobName: Name,
  { initialRunId = null, autoResume = true, followLatest = true }: UseJobOptions = {},
): UseJobResult<InputOf<Name>, OutputOf<Name>> {
  const durably = useClient()
  const store = useMemo(
    () => new JobStore(durably, jobName, { initialRunId, autoResume, followLatest }),
    [durably, jobName, initialRunId, autoResume, followLatest],
  )
  const { runId, assumed, error } = useSyncExternalStore(
    store.subscribe,
    store.getSnapshot,
    store.getSnapshot,
  )
  const state = useRunState(runId, jobName)
  return {
    ...toFacts<InputOf<Name>, OutputOf<Name>>(state, assumed, error),
    trigger: store.trigger,
    triggerAndWait: store.triggerAndWait as UseJobResult<InputOf<Name>, OutputOf<Name>>['triggerAndWait'],
    currentRunId: runId,
    reset: store.reset,
  }
}
