import type { ClientRun, RunFilter } from '../protocol'
import { fakeEvents, turn } from './fake-events'

const MOST_PER_REQUEST = 1000

interface FakeRunsOptions {
  /** False: as servers that list by offset alone. */
  knowsCursors?: boolean
}

/** For tests: an engine whose runs are an array, newest first, and whose answers can be held back or refused. */
export function fakeRuns(stored: ClientRun[], { knowsCursors = true }: FakeRunsOptions = {}) {
  const client = fakeEvents()
  const asked: RunFilter[] = []
  let gate: Promise<void> | null = null
  let refusal: Error | null = null
  const getRuns = async (filter: RunFilter = {}, { signal }: { signal?: AbortSignal } = {}) => {
    signal?.throwIfAborted()
    asked.push(filter)
    const { cursor, offset = 0, limit = 99, status } = filter
    if (limit > MOST_PER_REQUEST) throw new Error('too many')
    const found = stored
      .filter(({ id }) => cursor === undefined || !knowsCursors || id < cursor)
      .filter((each) => status === undefined || [status].flat().includes(each.status))
      .slice(offset, offset + limit)
    await gate
    signal?.throwIfAborted()
    if (refusal !== null) throw refusal
    return found
  }
  return {
    client: { ...client, getRuns },
    asked,
    /** From now on, until it is null again. */
    refuse: (error: Error | null) => (refusal = error),
    /** Nothing more is answered, until what this returns is called. */
    hold: () => {
      let release: () => void = () => undefined
      gate = new Promise((resolve) => (release = resolve))
      return async () => {
        gate = null
        release()
        await turn()
      }
    },
  }
}
