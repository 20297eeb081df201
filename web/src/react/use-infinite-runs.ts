import { useSyncExternalStore } from 'react'
import type { JobName, RunOf } from '../job-types'
import { hasMore, NOTHING_READ } from './infinite-runs-state'
import { InfiniteRunsStore } from './infinite-runs-store'
import type { UseRunsOptions } from './use-runs'
import { useRunsStore } from './use-runs-store'

export interface UseInfiniteRunsOptions<Name extends JobName = JobName> extends Omit<
  UseRunsOptions<Name>,
  'pageSize' | 'view'
> {
  /** How many to begin with, and how many more each time. Default: 50. */
  pageSize?: number | undefined
  /** `full` has inputs and outputs, too. Default: `summary`. */
  view?: 'full' | 'summary' | undefined
}

export interface UseInfiniteRunsResult<Name extends JobName = JobName> {
  /** Newest first. */
  runs: readonly RunOf<Name>[]
  hasMore: boolean
  /** At first, and whenever a refresh was asked for. */
  isLoading: boolean
  isLoadingMore: boolean
  error: string | null
  /** Appends the next older ones. Does nothing while some are under way, or when there are no more. */
  loadMore: () => void
  refresh: () => void
}

/** The list of runs from the newest on, longer each time older ones are asked for, kept current in place. */
export function useInfiniteRuns<Name extends JobName = JobName>({
  jobName,
  status,
  labels,
  pageSize = 50,
  realtime = true,
  view = 'summary',
}: UseInfiniteRunsOptions<Name> = {}): UseInfiniteRunsResult<Name> {
  const store = useRunsStore(InfiniteRunsStore, { jobName, status, labels, pageSize, realtime, view })
  const state = useSyncExternalStore(store.subscribe, store.getSnapshot, () => NOTHING_READ)
  const runs = state.runs as readonly RunOf<Name>[]
  return {
    runs,
    hasMore: hasMore(state),
    isLoading: state.isLoading,
    isLoadingMore: state.isLoadingMore,
    error: state.error?.message ?? null,
    loadMore: store.loadMore,
    refresh: store.refresh,
  }
}
