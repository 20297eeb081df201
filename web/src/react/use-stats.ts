import { useMemo } from 'react'
import type { JobName } from '../job-types'
import type { Stats } from '../protocol'
import { useClient } from './context'
import { useShared } from './shared-stores'
import { NO_STATS, StatsStore } from './stats-store'

export interface UseStatsOptions {
  /** Of this job, or of one of these. None given, or none in the list: of all. */
  jobName?: JobName | readonly JobName[] | undefined
  /** All of them must match. */
  labels?: Record<string, string> | undefined
  /** How far back, in milliseconds. Default: a day. */
  windowMs?: number | undefined
  /** In stretches of so many milliseconds. Default: a 30th of the window. */
  bucketMs?: number | undefined
}

export interface UseStatsResult {
  /** `null` until they are loaded. What was loaded stays when a later look fails. */
  stats: Stats | null
  isLoading: boolean
  error: string | null
}

const A_DAY_MS = 86_400_000
const USUAL_BUCKETS = 30

/** How the runs of each job ended of late, how long they took, and what waits; kept current. */
export function useStats({
  jobName,
  labels,
  windowMs = A_DAY_MS,
  bucketMs = Math.ceil(windowMs / USUAL_BUCKETS),
}: UseStatsOptions = {}): UseStatsResult {
  const durably = useClient()
  const jobNames = jobName === undefined ? [] : [jobName].flat()
  const key = JSON.stringify({
    jobName: jobNames.length === 0 ? undefined : jobNames,
    labels,
    windowMs,
    bucketMs,
  })
  const make = useMemo(
    () => () => {
      const { windowMs, bucketMs, ...filter } = JSON.parse(key) as Asked
      return new StatsStore(durably, filter, { windowMs, bucketMs })
    },
    [durably, key],
  )
  return useShared(durably, `stats ${key}`, NO_STATS, make)
}

interface Asked {
  jobName?: string[]
  labels?: Record<string, string>
  windowMs: number
  bucketMs: number
}
