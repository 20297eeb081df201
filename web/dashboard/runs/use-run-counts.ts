import type { RunStatus } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useRef, useState } from 'react'
import type { RunFilters } from '../addresses'
import { Recount } from './recount'

export type RunCounts = Record<RunStatus, number>

interface Counted {
  query: string
  counts: RunCounts
}

/** How many runs there are in each status, with these jobs and labels. `changed`: another object when runs have changed. */
export function useRunCounts({ jobNames, labels }: RunFilters, changed: unknown): RunCounts | null {
  const { durably } = useDurably()
  const [counted, setCounted] = useState<Counted | null>(null)
  const recount = useRef<Recount<RunCounts> | null>(null)
  // No name in the list would mean none of the jobs.
  const query = JSON.stringify({ ...(jobNames.length > 0 && { jobName: jobNames }), labels })
  useEffect(() => {
    const made = new Recount(
      () => durably.countRuns(JSON.parse(query) as { jobName: string[] }),
      (counts) => setCounted({ query, counts }),
    )
    recount.current = made
    return () => made.close()
  }, [durably, query])
  useEffect(() => recount.current?.changed(), [durably, query, changed])
  return counted?.query === query ? counted.counts : null
}
