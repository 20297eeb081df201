import { useMemo, useSyncExternalStore } from 'react'
import type { JobName, RunOf } from '../job-types'
import type { RunStatus } from '../protocol'
import { NO_RUNS } from './runs-state'
import { hasMore, RunsStore } from './runs-store'
import { useRunsStore } from './use-runs-store'

export interface UseRunsOptions<Name extends JobName = JobName> {
  /** Of this job, or of one of these. None given, or none in the list: of any. */
  jobName?: Name | readonly Name[] | undefined
  /** In this status, or in one of these. None given, or none in the list: in any. */
  status?: RunStatus | readonly RunStatus[] | undefined
  /** All of them must match. */
  labels?: Record<string, string> | undefined
  /** Default: 10. */
  pageSize?: number | undefined
  /** Keep the list current. Default: true. */
  realtime?: boolean | undefined
  /** `summary` leaves out inputs and outputs, for lists that don't show them. Default: `full`. */
  view?: 'full' | 'summary' | undefined
}

export interface UseRunsResult<Name extends JobName = JobName> {
  /** Newest first. */
  runs: readonly RunOf<Name>[]
  /** 0 is the newest. */
  page: number
  hasMore: boolean
  /** At first, and whenever another page or a refresh was asked for. */
  isLoading: boolean
  error: string | null
  nextPage: () => void
  prevPage: () => void
  goToPage: (page: number) => void
  refresh: () => void
}

/** A page of the list of runs, kept current in place. */
export function useRuns<Name extends JobName = JobName>({
  jobName,
  status,
  labels,
  pageSize = 10,
  realtime = true,
  view = 'full',
}: UseRunsOptions<Name> = {}): UseRunsResult<Name> {
  const store = useRunsStore(RunsStore, { jobName, status, labels, pageSize, realtime, view })
  const state = useSyncExternalStore(store.subscribe, store.getSnapshot, () => NO_RUNS)
  const runs = useMemo(() => state.listed.slice(0, pageSize) as RunOf<Name>[], [state.listed, pageSize])
  return {
    runs,
    page: state.page,
    hasMore: hasMore(state, { pageSize }),
    isLoading: state.isLoading,
    error: state.error?.message ?? null,
    nextPage: store.nextPage,
    prevPage: store.prevPage,
    goToPage: store.goToPage,
    refresh: store.refresh,
  }
}
