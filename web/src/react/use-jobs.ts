import { useMemo } from 'react'
import type { JobInfo } from '../protocol'
import { useClient } from './context'
import { LiveStore, type LiveAction } from './live-store'
import { useShared } from './shared-stores'

export interface JobsState {
  status: 'loading' | 'ready' | 'failed'
  jobs: readonly JobInfo[]
  error: string | null
}

/** The jobs that the engine knows, with the schemas of their inputs and outputs. */
export function useJobs(): JobsState {
  const durably = useClient()
  const make = useMemo(
    () => () =>
      new LiveStore<JobsState, readonly JobInfo[]>(durably, {
        initial: NO_JOBS,
        filter: undefined,
        load: () => durably.getJobs(),
        reduce: reduceJobs,
      }),
    [durably],
  )
  return useShared(durably, 'jobs', NO_JOBS, make)
}

const NO_JOBS: JobsState = { status: 'loading', jobs: [], error: null }

function reduceJobs(state: JobsState, action: LiveAction<readonly JobInfo[]>): JobsState {
  switch (action.type) {
    case 'loaded':
      return { status: 'ready', jobs: action.snapshot, error: null }
    case 'load-failed':
      return { ...state, status: 'failed', error: action.error.message }
    case 'heard':
      return state
  }
}
