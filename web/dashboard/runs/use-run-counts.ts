import type { RunStatus } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useRef, useState } from 'react'
import type { RunFilters } from '../addresses'

export type RunCounts = Record<RunStatus, number>

/** Counting may read very much: at most so often, and in a tenth of the time. */
const SOONEST_MS = 500
const REST = 10

interface Counted {
  query: string
  counts: RunCounts
}

/** How many runs there are in each status, with these jobs and labels. `changed`: another object when runs have changed. */
export function useRunCounts({ jobNames, labels }: RunFilters, changed: unknown): RunCounts | null {
  const { durably } = useDurably()
  const [counted, setCounted] = useState<Counted | null>(null)
  const again = useRef({ query: '', at: 0 })
  // No name in the list would mean none of the jobs.
  const query = JSON.stringify({ ...(jobNames.length > 0 && { jobName: jobNames }), labels })
  useEffect(() => {
    let isCurrent = true
    const count = async (): Promise<void> => {
      const begin = performance.now()
      const counts = await durably.countRuns(JSON.parse(query) as { jobName: string[] })
      const end = performance.now()
      again.current = { query, at: end + Math.max(SOONEST_MS, REST * (end - begin)) }
      if (isCurrent) setCounted({ query, counts })
    }
    const { query: last, at } = again.current
    const waitMs = last === query ? Math.max(0, at - performance.now()) : 0
    // What could not be counted is counted after the next change.
    const timer = setTimeout(() => void count().catch(() => undefined), waitMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [durably, query, changed])
  return counted?.query === query ? counted.counts : null
}
