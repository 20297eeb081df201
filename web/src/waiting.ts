import type { Durably, RunResult } from './client'
import { abortable, newestOnly } from './abort'
import { DurablyError, guarded, RunFailedError } from './errors'
import { endsRun, filterEvents, toLogEntry } from './events'
import type { ClientRun, EngineEvent, LogEntry, Progress, TriggerResult } from './protocol'
import { retrying } from './retrying'

export interface WaitOptions extends RunCallbacks {
  /** The run's job, where it is known: a server is then spared the events of other jobs. */
  jobName?: string | undefined
  /** How long to wait, in milliseconds; the run itself goes on. Default: as long as it takes. */
  timeoutMs?: number | undefined
  /** Ends the waiting; the run itself goes on. */
  signal?: AbortSignal | undefined
}

/** What a run tells while it is waited for, from then on. */
export interface RunCallbacks {
  onProgress?: ((progress: Progress) => void) | undefined
  onLog?: ((entry: LogEntry) => void) | undefined
}

/** What waiting needs of a client. */
export type WaitingClient = Pick<Durably, 'subscribe' | 'getRun'>

/** The longest time that a timer can hold; more is as good as for ever. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** How long the last words of a run are waited for, which may come after it is seen to have ended. */
const LAST_WORDS_MS = 1000

/**
 * The run, once it has completed. Rejects with a `RunFailedError`, or a `DurablyError` with the code
 * `cancelled`, `not_found`, `timeout` or `closed`, or with the reason of the signal.
 */
export async function waitForRun(
  client: WaitingClient,
  runId: string,
  { jobName, timeoutMs, signal, onProgress, onLog }: WaitOptions,
): Promise<ClientRun> {
  signal?.throwIfAborted()
  const over = new AbortController()
  const limit = timeLimit(timeoutMs, signal, over.signal)
  limit.runId = runId
  const nextLook = newestOnly(over.signal)
  const ended = new Promise<ClientRun>((resolve, reject) => {
    // Inputs may be large, and are not needed before the run has ended.
    let view: 'full' | 'summary' = 'summary'
    const look = (): void => {
      // Only the newest look counts, and goes on looking.
      const newest = nextLook()
      retrying(() => client.getRun(runId, { view, signal: newest }), newest).then(
        (run) => {
          if (newest.aborted) return
          if (view === 'summary' && hasOutcome(run)) lookAtAll()
          else settle(run, runId, resolve, reject)
        },
        (error: unknown) => newest.aborted || reject(error as Error),
      )
    }
    const lookAtAll = (): void => {
      view = 'full'
      look()
    }
    const hear = (events: readonly EngineEvent[]): void => {
      for (const event of events) {
        tell(event, { onProgress, onLog })
        if (endsRun(event)) lookAtAll()
      }
    }
    client.subscribe(hear, { runId, jobName, signal: over.signal, onOpen: look, onError: look })
  })
  try {
    return await abortable(ended, limit.signal)
  } finally {
    over.abort()
  }
}

/** Whether who waits for it is given the run itself. */
function hasOutcome(run: ClientRun | null): boolean {
  return run?.status === 'completed' || run?.status === 'failed'
}

function settle(
  run: ClientRun | null,
  runId: string,
  resolve: (run: ClientRun) => void,
  reject: (error: Error) => void,
): void {
  if (run === null) reject(new DurablyError({ ...GONE, message: `There is no run ${runId}.` }))
  else if (run.status === 'completed') resolve(run)
  else if (run.status === 'failed') reject(new RunFailedError(run))
  else if (run.status === 'cancelled') {
    reject(new DurablyError({ ...CANCELLED, message: `The run ${runId} was cancelled.` }))
  }
}

const GONE = { code: 'not_found', status: 404 }
const CANCELLED = { code: 'cancelled', status: 409 }

function tooLong(runId: string | null, timeoutMs: number): DurablyError {
  const message =
    runId === null
      ? `No run was begun within ${timeoutMs} ms. It may be yet.`
      : `The run ${runId} did not end within ${timeoutMs} ms. It goes on.`
  return new DurablyError({ code: 'timeout', status: 504, message })
}

function tell(event: EngineEvent, { onProgress, onLog }: RunCallbacks): void {
  guarded(() => {
    if (event.type === 'run:progress') onProgress?.(event.progress)
    if (event.type === 'log:write') onLog?.(toLogEntry(event))
  })
}

/** Starts a run by `trigger`, and gives what it returned. Rejects as `waitForRun` does. */
export async function triggerAndWait(
  client: WaitingClient,
  jobName: string,
  { timeoutMs, signal, ...callbacks }: Omit<WaitOptions, 'jobName'>,
  trigger: () => Promise<TriggerResult>,
): Promise<RunResult<unknown>> {
  const over = new AbortController()
  const limit = timeLimit(timeoutMs, signal, over.signal)
  try {
    const { onProgress, onLog } = callbacks
    const isDeaf = onProgress === undefined && onLog === undefined
    const ear = isDeaf ? DEAF : await listening(client, jobName, callbacks, limit.signal, over.signal)
    const triggered = await abortable(trigger(), limit.signal)
    limit.runId = triggered.runId
    ear.follow(triggered.runId)
    const run = await waitForRun(client, triggered.runId, { jobName, signal: limit.signal })
    await abortable(ear.lastWords(), limit.signal)
    return { ...triggered, output: run.output ?? null }
  } finally {
    over.abort()
  }
}

interface Limit {
  signal: AbortSignal
  /** The run that is waited for, once there is one: the reason names it. */
  runId: string | null
}

/** Aborts with the given signal, and when the time is up. */
function timeLimit(timeoutMs: number | undefined, signal: AbortSignal | undefined, over: AbortSignal): Limit {
  const late = new AbortController()
  const signals = signal === undefined ? [late.signal] : [signal, late.signal]
  const limit: Limit = { signal: AbortSignal.any(signals), runId: null }
  if (timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS) {
    const timer = setTimeout(() => late.abort(tooLong(limit.runId, timeoutMs)), timeoutMs)
    over.addEventListener('abort', () => clearTimeout(timer))
  }
  return limit
}

interface Ear {
  /** From now on, and with what was heard already, tells of that run. */
  follow: (runId: string) => void
  /** Until the run's end was told, for a moment at most: it may be seen to have ended before. */
  lastWords: () => Promise<void>
}

/** The callbacks listen before there is a run, so that they hear all that it has to say. */
async function listening(
  client: WaitingClient,
  jobName: string,
  callbacks: RunCallbacks,
  signal: AbortSignal,
  over: AbortSignal,
): Promise<Ear> {
  let followed: string | null = null
  let early: EngineEvent[] = []
  let ended: () => void = () => undefined
  const told = new Promise<void>((resolve) => (ended = resolve))
  const hear = (events: readonly EngineEvent[]): void => {
    if (followed === null) {
      early = early.concat(events)
      return
    }
    for (const event of filterEvents({ runId: followed }, events)) {
      tell(event, callbacks)
      if (endsRun(event)) ended()
    }
  }
  await abortable(opened(client, jobName, hear, over), signal)
  return {
    follow: (runId) => {
      followed = runId
      hear(early)
    },
    lastWords: async () => {
      const timer = setTimeout(ended, LAST_WORDS_MS)
      await told
      clearTimeout(timer)
    },
  }
}

const DEAF: Ear = { follow: () => undefined, lastWords: () => Promise.resolve() }

/** Until the events of a job are heard, or can't be: its runs are worth more than their progress. */
async function opened(
  client: WaitingClient,
  jobName: string,
  hear: (events: readonly EngineEvent[]) => void,
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve) => {
    client.subscribe(hear, { jobName, signal, onOpen: resolve, onError: () => resolve() })
  })
}
