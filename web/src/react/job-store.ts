import type { Durably, RunResult, TriggerAndWaitOptions, TriggerCallOptions } from '../client'
import { asError } from '../errors'
import type { EngineEvent, RunStatus, TriggerResult } from '../protocol'
import { withCallbacks } from '../waiting'

export interface JobState {
  runId: string | null
  /** What the run is known to be, until it has been asked for. */
  assumed: RunStatus | null
  /** Why the last trigger was refused, or no run could be looked for. */
  error: Error | null
}

export interface JobStoreOptions {
  initialRunId: string | null
  autoResume: boolean
  followLatest: boolean
}

type Client = Pick<Durably, 'subscribe' | 'getRuns' | 'trigger' | 'waitForRun'>

/** Which run of a job is shown: the one triggered here, one that executes already, or the latest. */
export class JobStore {
  readonly #client: Client
  readonly #jobName: string
  readonly #options: JobStoreOptions
  readonly #listeners = new Set<() => void>()
  #state: JobState
  #disconnect: (() => void) | null = null
  /** Once a run was triggered or given up here, none is looked for. */
  #isTouched = false
  /** Only the answer to the newest trigger decides which run is shown. */
  #newestTrigger = 0

  constructor(client: Client, jobName: string, options: JobStoreOptions) {
    this.#client = client
    this.#jobName = jobName
    this.#options = options
    this.#state = { runId: options.initialRunId, assumed: null, error: null }
  }

  readonly getSnapshot = (): JobState => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    this.#disconnect ??= this.#connect()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#disconnect?.()
      this.#disconnect = null
    }
  }

  readonly trigger = async (input: unknown, options?: TriggerCallOptions): Promise<TriggerResult> => {
    const isNewest = this.#beginTrigger()
    try {
      const triggered = await this.#client.trigger(this.#jobName, input, options)
      if (isNewest()) this.#show(triggered.runId, 'pending')
      return triggered
    } catch (reason) {
      if (isNewest()) this.#set({ ...NO_RUN_YET, error: asError(reason) })
      throw reason
    }
  }

  /** Settles with the run, also when the component that asked is gone. */
  readonly triggerAndWait = (
    input: unknown,
    { timeoutMs, onProgress, onLog, ...options }: TriggerAndWaitOptions = {},
  ): Promise<RunResult<unknown>> =>
    withCallbacks(
      this.#client,
      this.#jobName,
      { onProgress, onLog },
      () => this.trigger(input, options),
      async (triggered) => {
        const waiting = { jobName: this.#jobName, timeoutMs, signal: options.signal }
        const run = await this.#client.waitForRun(triggered.runId, waiting)
        return { ...triggered, output: run.output ?? null }
      },
    )

  readonly reset = (): void => {
    this.#isTouched = true
    this.#newestTrigger++
    this.#set(NO_RUN_YET)
  }

  #beginTrigger(): () => boolean {
    const trigger = ++this.#newestTrigger
    this.#isTouched = true
    this.#set({ runId: null, assumed: 'pending', error: null })
    return () => trigger === this.#newestTrigger
  }

  #connect(): () => void {
    const ended = new AbortController()
    const { initialRunId, autoResume, followLatest } = this.#options
    if (autoResume && initialRunId === null) {
      // Not before the effects of one go are over: React may connect twice at first.
      queueMicrotask(() => void this.#resume(ended.signal))
    }
    if (followLatest) {
      this.#client.subscribe((events) => this.#follow(events), {
        jobName: this.#jobName,
        signal: ended.signal,
      })
    }
    return () => ended.abort()
  }

  /** Shows a run that executes, or else one that waits. */
  async #resume(signal: AbortSignal): Promise<void> {
    const isIdle = (): boolean => !signal.aborted && !this.#isTouched && this.#state.runId === null
    if (!isIdle()) return
    const newest = (status: RunStatus) =>
      this.#client.getRuns({ jobName: this.#jobName, status, limit: 1, view: 'summary' }, { signal })
    try {
      const [[leased], [pending]] = await Promise.all([newest('leased'), newest('pending')])
      const run = leased ?? pending
      if (run !== undefined && isIdle()) this.#show(run.id, run.status)
    } catch (reason) {
      if (isIdle()) this.#set({ ...this.#state, error: asError(reason) })
    }
  }

  #follow(events: readonly EngineEvent[]): void {
    const latest = events.findLast(({ type }) => type in FOLLOWED)
    if (latest === undefined || !('runId' in latest) || latest.runId === null) return
    if (latest.runId !== this.#state.runId) this.#show(latest.runId, FOLLOWED[latest.type] ?? null)
  }

  #show(runId: string, assumed: RunStatus | null): void {
    this.#set({ runId, assumed, error: null })
  }

  #set(state: JobState): void {
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}

export const NO_RUN_YET: JobState = { runId: null, assumed: null, error: null }

const FOLLOWED: { [Type in EngineEvent['type']]?: RunStatus } = {
  'run:trigger': 'pending',
  'run:coalesced': 'pending',
  'run:leased': 'leased',
}
