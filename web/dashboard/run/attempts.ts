import type { ClientRun, EngineEvent } from 'durably'

export type AttemptEvent = Extract<EngineEvent, { type: 'run:leased' | 'run:requeue' }>

/** One claim of a run, from when it was claimed to when it waited again or ended. In milliseconds. */
export interface Attempt {
  number: number
  start: number
  /** Null: it goes on. */
  end: number | null
}

/** Oldest first. Events may be missing: what was purged is told by the run as far as it knows. */
export function attemptsOf(run: ClientRun, events: readonly AttemptEvent[]): Attempt[] {
  const attempts: Attempt[] = []
  for (const event of events) {
    const at = Date.parse(event.timestamp)
    const open = attempts.at(-1)
    if (open?.end === null) open.end = at
    if (event.type === 'run:leased') attempts.push({ number: event.attempt, start: at, end: null })
  }
  if (run.startedAt !== null && attempts.length === 0) {
    attempts.push({ number: Math.max(1, run.attempt), start: Date.parse(run.startedAt), end: null })
  }
  const last = attempts.at(-1)
  if (last?.end === null && run.completedAt !== null) last.end = Date.parse(run.completedAt)
  return attempts
}
