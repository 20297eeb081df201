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

interface Counting {
  query: string
  isUnderWay: boolean
  /** Something changed while it was under way. */
  isOutdated: boolean
  /** Not sooner is counted again. */
  nextAt: number
}

/** How many runs there are in each status, with these jobs and labels. `changed`: another object when runs have changed. */
export function useRunCounts({ jobNames, labels }: RunFilters, changed: unknown): RunCounts | null {
  const { durably } = useDurably()
  const [counted, setCounted] = useState<Counted | null>(null)
  const [round, setRound] = useState(0)
  const latest = useRef<Counting | null>(null)
  // No name in the list would mean none of the jobs.
  const query = JSON.stringify({ ...(jobNames.length > 0 && { jobName: jobNames }), labels })
  useEffect(() => {
    const last = latest.current?.query === query ? latest.current : null
    if (last?.isUnderWay === true) {
      // One at a time: where runs change faster than they are counted, no count would come to its end.
      last.isOutdated = true
      return
    }
    const count = async (): Promise<void> => {
      const counting: Counting = { query, isUnderWay: true, isOutdated: false, nextAt: 0 }
      latest.current = counting
      const begin = performance.now()
      try {
        const counts = await durably.countRuns(JSON.parse(query) as { jobName: string[] })
        const end = performance.now()
        counting.nextAt = end + Math.max(SOONEST_MS, REST * (end - begin))
        if (latest.current === counting) setCounted({ query, counts })
      } catch {
        // What could not be counted is counted after the next change.
      }
      counting.isUnderWay = false
      if (counting.isOutdated) setRound((before) => before + 1)
    }
    const waitMs = Math.max(0, (last?.nextAt ?? 0) - performance.now())
    const timer = setTimeout(() => void count(), waitMs)
    return () => clearTimeout(timer)
  }, [durably, query, changed, round])
  return counted?.query === query ? counted.counts : null
}
