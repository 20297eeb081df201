import type { ClientRun, EngineEvent } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useState } from 'react'

/** Several at once are looked at once. */
const SETTLED_MS = 300

interface Found {
  runId: string
  runs: readonly ClientRun[]
}

/** The runs that repeat this one, kept current. Only one that has ended can be repeated. */
export function useRetriggers({ id, jobName, labels, isTerminal }: ClientRun): readonly ClientRun[] {
  const { durably } = useDurably()
  const [found, setFound] = useState<Found | null>(null)
  const labelsAsText = JSON.stringify(labels)
  useEffect(() => {
    if (!isTerminal) return
    const over = new AbortController()
    const { signal } = over
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = (): void => {
      timer = undefined
      durably.getRetriggers(id, { signal }).then(
        (runs) => signal.aborted || setFound({ runId: id, runs }),
        // What could not be asked is asked when events are heard again.
        () => undefined,
      )
    }
    const lookSoon = (): void => {
      timer ??= setTimeout(look, SETTLED_MS)
    }
    const hear = (events: readonly EngineEvent[]): void => {
      if (events.some(({ type }) => type === 'run:trigger' || type === 'run:delete')) lookSoon()
    }
    // What repeats a run has its job and its labels.
    const filter = { jobName, labels: JSON.parse(labelsAsText) as Record<string, string> }
    durably.subscribe(hear, { ...filter, signal, onOpen: look })
    return () => {
      over.abort()
      clearTimeout(timer)
    }
  }, [durably, id, jobName, labelsAsText, isTerminal])
  return found?.runId === id ? found.runs : []
}
