import { DurablyError } from './errors'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

/** What may be otherwise in a moment: the network, or a server or engine that is being started anew. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof DurablyError)) return false
  return PASSING_CODES.has(error.code) || (error.code === 'internal' && PASSING_STATUSES.has(error.status))
}

const PASSING_CODES: ReadonlySet<string> = new Set(['network', 'interrupted'])
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** What `work` gives once it succeeds, as long as it only fails for reasons that may pass. */
export async function retrying<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
  const isOver = (): boolean => signal.aborted
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (isOver() || !isPassing(error)) throw error
      await pause(failures, signal)
      if (isOver()) throw error
    }
  }
}

/** Longer after each failure, and never the same for all pages; at once when the network is back. */
export async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1))
  const over = new AbortController()
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      over.abort()
      resolve()
    }
    const timer = setTimeout(done, most * (0.5 + Math.random() / 2))
    signal.addEventListener('abort', done, { signal: over.signal })
    if (signal.aborted) done()
    onBackOnline(done, over.signal)
  })
}

/** Called when the network is back, or the page after it was put aside: what was open then may be dead. */
export function onBackOnline(listener: () => void, signal: AbortSignal): void {
  if (typeof addEventListener !== 'function') return
  addEventListener('online', listener, { signal })
  addEventListener('pageshow', (event) => event.persisted && listener(), { signal })
}
