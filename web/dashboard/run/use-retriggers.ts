import type { ClientRun } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useState } from 'react'

interface Found {
  runId: string
  runs: readonly ClientRun[]
}

/** The runs that repeat this one. Only one that has ended can be repeated. Where it is not known, none. */
export function useRetriggers({ id, isTerminal }: ClientRun): readonly ClientRun[] {
  const { durably } = useDurably()
  const [found, setFound] = useState<Found | null>(null)
  useEffect(() => {
    if (!isTerminal) return
    const over = new AbortController()
    durably.getRetriggers(id, { signal: over.signal }).then(
      (runs) => over.signal.aborted || setFound({ runId: id, runs }),
      () => undefined,
    )
    return () => over.abort()
  }, [durably, id, isTerminal])
  return found?.runId === id ? found.runs : []
}
