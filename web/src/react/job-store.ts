import { newestOnly } from '../abort'
import type { Durably, RunResult, TriggerAndWaitOptions, TriggerCallOptions } from '../client'
import { asError } from '../errors'
import { isRunEvent } from '../events'
import type { EngineEvent, RunEvent, RunStatus, TriggerResult } from '../protocol'
import { retrying } from '../retrying'
import { triggerAndWait } from '../waiting'
import { Store } from './store'

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

type Client = Pick<Durably, 'subscribe' | 'getRun' | 'getRuns' | 'trigger'>

/** Which run of a job is shown: the one triggered here, one that executes already, or the latest. */
export class JobStore extends Store<JobState> {
  readonly #client: Client
  readonly #jobName: string
  readonly #options: JobStoreOptions
  /** Once a run was triggered or given up here, none is looked for. */
  #isTouched = false
  /** The run that `reset` took off: its being claimed does not bring it back. */
  #givenUp: string | null = null
  /** Only the answer to the newest trigger decides which run is shown. */
  #newestTrigger = 0

  constructor(client: Client, jobName: string, options: JobStoreOptions) {
    super({ runId: options.initialRunId, assumed: null, error: null })
    this.#client = client
    this.#jobName = jobName
    this.#options = options
  }

  /** A refusal is told by the state, too: a rejection that nobody looks at is none that was overlooked. */
  readonly trigger = (input: unknown, options?: TriggerCallOptions): Promise<TriggerResult> =>
    quiet(this.#send(this.#beginTrigger(), input, options))

  /** Settles with the run, also when the component that asked is gone. */
  readonly triggerAndWait = (input: unknown, options?: TriggerAndWaitOptions): Promise<RunResult<unknown>> =>
    quiet(this.#sendAndWait(this.#beginTrigger(), input, options))

  async #send(isNewest: () => boolean, input: unknown, options?: TriggerCallOptions): Promise<TriggerResult> {
    try {
      const triggered = await this.#client.trigger(this.#jobName, input, options)
      if (isNewest()) this.#show(triggered.runId, 'pending')
      return triggered
    } catch (reason) {
      if (isNewest()) this.change({ ...NO_RUN_YET, error: asError(reason) })
      throw reason
    }
  }

  async #sendAndWait(
    isNewest: () => boolean,
    input: unknown,
    { timeoutMs, signal, onProgress, onLog, ...options }: TriggerAndWaitOptions = {},
  ): Promise<RunResult<unknown>> {
    const waiting = { timeoutMs, signal, onProgress, onLog }
    try {
      return await triggerAndWait(this.#client, this.#jobName, waiting, () =>
        this.#send(isNewest, input, { ...options, signal }),
      )
    } catch (reason) {
      // Given up before there was a run.
      const isWithoutRun = isNewest() && this.getSnapshot().runId === null
      if (isWithoutRun) this.change({ ...NO_RUN_YET, error: asError(reason) })
      throw reason
    }
  }

  readonly reset = (): void => {
    this.#isTouched = true
    this.#newestTrigger++
    this.#givenUp = this.getSnapshot().runId
    this.change(NO_RUN_YET)
  }

  #beginTrigger(): () => boolean {
    const trigger = ++this.#newestTrigger
    this.#isTouched = true
    this.change({ runId: null, assumed: 'pending', error: null })
    return () => trigger === this.#newestTrigger
  }

  protected override connect(): () => void {
    const ended = new AbortController()
    const { signal } = ended
    const nextLook = newestOnly(signal)
    const resume = (): void => void this.#resume(nextLook())
    if (this.#options.followLatest) {
      // What was begun before the events are heard has to be looked for.
      const options = { jobName: this.#jobName, signal, onOpen: resume, onError: resume }
      this.#client.subscribe((events) => this.#follow(events), options)
    } else {
      // Not before the effects of one go are over: React may connect twice at first.
      queueMicrotask(resume)
    }
    return () => ended.abort()
  }

  /** Shows a run that executes, or else one that waits. */
  async #resume(signal: AbortSignal): Promise<void> {
    const { autoResume, initialRunId } = this.#options
    const isIdle = (): boolean => !signal.aborted && !this.#isTouched && this.getSnapshot().runId === null
    if (!autoResume || initialRunId !== null || !isIdle()) return
    const newest = (status: RunStatus) =>
      this.#client.getRuns({ jobName: this.#jobName, status, limit: 1, view: 'summary' }, { signal })
    const find = () => Promise.all([newest('leased'), newest('pending')])
    try {
      const [[leased], [pending]] = await retrying(find, signal)
      const run = leased ?? pending
      if (run !== undefined && isIdle()) this.#show(run.id, run.status)
      else if (isIdle()) this.change(NO_RUN_YET)
    } catch (reason) {
      if (isIdle()) this.change({ ...NO_RUN_YET, error: asError(reason) })
    }
  }

  #follow(events: readonly EngineEvent[]): void {
    const latest = events.findLast((event) => isRunEvent(event) && this.#isFollowed(event))
    if (latest === undefined || !isRunEvent(latest) || latest.runId === this.getSnapshot().runId) return
    this.#show(latest.runId, FOLLOWED[latest.type] ?? null)
  }

  #isFollowed({ type, runId }: RunEvent): boolean {
    return type in FOLLOWED && !(type === 'run:leased' && runId === this.#givenUp)
  }

  #show(runId: string, assumed: RunStatus | null): void {
    // An answer to a trigger may come after the news of what became of its run.
    const known = runId === this.getSnapshot().runId ? this.getSnapshot().assumed : null
    this.change({ runId, assumed: known ?? assumed, error: null })
  }
}

function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined)
  return promise
}

export const NO_RUN_YET: JobState = { runId: null, assumed: null, error: null }

const FOLLOWED: { [Type in EngineEvent['type']]?: RunStatus } = {
  'run:trigger': 'pending',
  'run:coalesced': 'pending',
  'run:leased': 'leased',
}
