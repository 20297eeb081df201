import type { ClientRun } from 'durably'
import { useDurably } from 'durably/react'
import { useEffect, useMemo, useState } from 'react'
import { attemptsOf, type Attempt, type AttemptEvent } from './attempts'

/** When the run was claimed, and when it waited again. */
export function useAttempts(run: ClientRun): Attempt[] {
  const { durably } = useDurably()
  const [events, setEvents] = useState<readonly AttemptEvent[]>([])
  const { id, attempt, status } = run
  useEffect(() => {
    let isCurrent = true
    durably
      .getEvents({ runId: id, types: ['run:leased', 'run:requeue'] })
      .then((found) => isCurrent && setEvents(found.filter(isOfAttempt)))
      // What is not known of them is told by the run itself.
      .catch(() => undefined)
    return () => {
      isCurrent = false
    }
    // Each claim and each return is a new attempt or another status.
  }, [durably, id, attempt, status])
  return useMemo(() => attemptsOf(run, events), [run, events])
}

function isOfAttempt(event: { type: string }): event is AttemptEvent {
  return event.type === 'run:leased' || event.type === 'run:requeue'
}
