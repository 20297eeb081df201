import type { Durably } from './client'
import { DurablyError, reportFault, RunFailedError } from './errors'
import { endsRun, filterEvents, toLogEntry } from './events'
import type { ClientRun, EngineEvent, LogEntry, Progress } from './protocol'

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
type Client = Pick<Durably, 'subscribe' | 'getRun'>

/**
 * The run, once it has completed. Rejects with a `RunFailedError`, or a `DurablyError` with the code
 * `cancelled`, `not_found`, `timeout` or `closed`, or with the reason of the signal.
 */
export async function waitForRun(
  client: Client,
  runId: string,
  { jobName, timeoutMs, signal, onProgress, onLog }: WaitOptions,
): Promise<ClientRun> {
  signal?.throwIfAborted()
  const cleanUps: (() => void)[] = []
  try {
    return await new Promise<ClientRun>((resolve, reject) => {
      const look = (): void => {
        client.getRun(runId).then(
          (run) => settle(run, runId, resolve, reject),
          // Once the engine can be heard again, it is asked again.
          (error: unknown) => isPassing(error) || reject(error as Error),
        )
      }
      const hear = (events: readonly EngineEvent[]): void => {
        for (const event of events) {
          tell(event, { onProgress, onLog })
          if (endsRun(event)) look()
        }
      }
      cleanUps.push(
        client.subscribe(hear, { runId, ...(jobName && { jobName }), onOpen: look, onError: look }),
      )
      if (signal !== undefined) {
        const onAbort = (): void => reject(signal.reason as Error)
        signal.addEventListener('abort', onAbort)
        cleanUps.push(() => signal.removeEventListener('abort', onAbort))
      }
      if (timeoutMs !== undefined) {
        const timer = setTimeout(() => reject(tooLong(runId, timeoutMs)), timeoutMs)
        cleanUps.push(() => clearTimeout(timer))
      }
    })
  } finally {
    for (const cleanUp of cleanUps) cleanUp()
  }
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

function isPassing(error: unknown): boolean {
  return error instanceof DurablyError && (error.code === 'network' || error.code === 'interrupted')
}

function tooLong(runId: string, timeoutMs: number): DurablyError {
  const message = `The run ${runId} did not end within ${timeoutMs} ms. It goes on.`
  return new DurablyError({ code: 'timeout', status: 504, message })
}

function tell(event: EngineEvent, { onProgress, onLog }: RunCallbacks): void {
  try {
    if (event.type === 'run:progress') onProgress?.(event.progress)
    if (event.type === 'log:write') onLog?.(toLogEntry(event))
  } catch (error) {
    reportFault(error)
  }
}

/**
 * Starts a run that tells the callbacks all that it has to say: they listen before it is there.
 * `begin` triggers it; `listen` is over when it has ended.
 */
export async function withCallbacks<Result extends { runId: string }, Ended>(
  client: Pick<Durably, 'subscribe'>,
  jobName: string,
  callbacks: RunCallbacks,
  begin: () => Promise<Result>,
  end: (result: Result) => Promise<Ended>,
): Promise<Ended> {
  if (callbacks.onProgress === undefined && callbacks.onLog === undefined) return await end(await begin())
  let runId: string | null = null
  let early: EngineEvent[] = []
  const hear = (events: readonly EngineEvent[]): void => {
    if (runId === null) early = early.concat(events)
    else for (const event of filterEvents({ runId }, events)) tell(event, callbacks)
  }
  let stop: () => void = () => undefined
  await new Promise<void>((resolve) => {
    // Nothing can be heard: the run is worth more than its progress.
    stop = client.subscribe(hear, { jobName, onOpen: resolve, onError: () => resolve() })
  })
  try {
    const result = await begin()
    runId = result.runId
    hear(early)
    return await end(result)
  } finally {
    stop()
  }
}
