import { asError, guarded, isNotFound } from './errors'
import { JobNames } from './job-names'
import type { InputOf, OutputOf, RegisteredJobs } from './job-types'
import type {
  ClientRun,
  EngineEvent,
  EngineEventType,
  EngineStatus,
  EventFilter,
  JobInfo,
  LogEntry,
  QueryParameters,
  QueryResult,
  RunFilter,
  RunOutcome,
  RunStatus,
  Stats,
  Step,
  StorageInfo,
  TriggerOptions,
  TriggerResult,
} from './protocol'
import { pause, retrying } from './retrying'
import type { EventListener, Transport } from './transport'
import { BrowserTransport, type BrowserOptions } from './transports/browser'
import { HttpTransport, type HttpOptions } from './transports/http'
import { triggerAndWait, waitForRun, type WaitOptions } from './waiting'

/** How many runs the engine takes in one request. */
const MOST_RUNS = 1000

export interface CallOptions {
  /** Aborting gives up the answer. What was asked for may be done all the same. */
  signal?: AbortSignal | undefined
}

export interface GetRunOptions extends CallOptions, Pick<RunFilter, 'view'> {}
export interface TriggerCallOptions extends TriggerOptions, CallOptions {}
export interface TriggerAndWaitOptions extends TriggerOptions, Omit<WaitOptions, 'jobName'> {}

export interface BatchItem<Input> extends TriggerOptions {
  input: Input
}

/** What a run returned. */
export interface RunResult<Output> extends TriggerResult {
  output: Output
}

export interface SubscribeOptions extends EventFilter, CallOptions {
  /**
   * From here on nothing is missed: what was before has to be asked for. Called again after each gap,
   * when the engine was started anew or the connection was lost.
   */
  onOpen?: (() => void) | undefined
  /** Nothing is heard at the moment. It is tried again, unless the client was closed. */
  onError?: ((error: Error) => void) | undefined
}

/** A job, ready to be triggered. */
export interface JobHandle<Input = unknown, Output = unknown> {
  readonly name: string
  trigger(input: Input, options?: TriggerCallOptions): Promise<TriggerResult>
  /** Rejects with a `RunFailedError`, or a `DurablyError` with the code `cancelled` or `timeout`. */
  triggerAndWait(input: Input, options?: TriggerAndWaitOptions): Promise<RunResult<Output>>
  /** Many runs in one transaction: all or none. */
  batchTrigger(items: readonly BatchItem<Input>[], options?: CallOptions): Promise<TriggerResult[]>
  /** The run, if it is one of this job. */
  getRun(runId: string, options?: GetRunOptions): Promise<ClientRun<Input, Output> | null>
  /** Newest first. */
  getRuns(filter?: Omit<RunFilter, 'jobName'>, options?: CallOptions): Promise<ClientRun<Input, Output>[]>
}

export type JobHandles<Jobs> = {
  readonly [Name in keyof Jobs]: JobHandle<InputOf<Name, Jobs>, OutputOf<Name, Jobs>>
}

/** The client of an engine: in a worker of this page, or on a server. */
export interface Durably<Jobs extends object = RegisteredJobs> {
  /** `durably.jobs['import-csv'].trigger({ … })`. A job goes by its name and by its registration key. */
  readonly jobs: JobHandles<Jobs>
  readonly status: EngineStatus
  /** The database as a whole. Only where the engine is in this browser. */
  readonly storage: DatabaseStorage

  /** The same as `jobs[jobName].trigger`, for names that are known only at run time. */
  trigger(jobName: string, input: unknown, options?: TriggerCallOptions): Promise<TriggerResult>
  getJobs(options?: CallOptions): Promise<JobInfo[]>
  getRun(runId: string, options?: GetRunOptions): Promise<ClientRun | null>
  /** Newest first. */
  getRuns(filter?: RunFilter, options?: CallOptions): Promise<ClientRun[]>
  countRuns(filter?: RunCountFilter, options?: CallOptions): Promise<Record<RunStatus, number>>
  /** How the runs of each job ended within some time, and what waits now. */
  getStats(query: StatsQuery, options?: CallOptions): Promise<Stats>
  getSteps(runId: string, options?: CallOptions): Promise<Step[]>
  getLogs(runId: string, options?: CallOptions): Promise<LogEntry[]>
  /** The runs that repeat that one: the newest hundred, newest first. Without inputs and outputs. */
  getRetriggers(runId: string, options?: CallOptions): Promise<ClientRun[]>
  /** What is in the log of events, oldest first. */
  getEvents(query?: EventQuery, options?: CallOptions): Promise<EngineEvent[]>
  /** The run, once it has completed; rejects as `triggerAndWait` does. */
  waitForRun(runId: string, options?: WaitOptions): Promise<ClientRun>
  /** What one SELECT finds in the engine's database. One that would write is refused. Only in this browser. */
  query(sql: string, parameters?: QueryParameters, options?: CallOptions): Promise<QueryResult>
  cancel(runId: string, options?: CallOptions): Promise<void>
  /** Starts a new run with the input of a finished one. */
  retrigger(runId: string, options?: CallOptions): Promise<{ runId: string }>
  deleteRun(runId: string, options?: CallOptions): Promise<void>
  /** The same for several runs, with what became of each: one that is refused stops no other. */
  cancelRuns(runIds: readonly string[], options?: CallOptions): Promise<RunOutcome[]>
  retriggerRuns(runIds: readonly string[], options?: CallOptions): Promise<RunOutcome[]>
  deleteRuns(runIds: readonly string[], options?: CallOptions): Promise<RunOutcome[]>
  /** Deletes runs that ended before that time, those that ended first; tells how many. */
  purgeRuns(purge: { olderThan: Date; limit?: number }, options?: CallOptions): Promise<number>

  /** Hears events of the engine, in batches, oldest first. Returns the way to stop. */
  subscribe(listener: (events: readonly EngineEvent[]) => void, options?: SubscribeOptions): () => void
  onStatus(listener: (status: EngineStatus) => void): () => void
  /** Settles when the engine is ready; rejects when it can't start. */
  ready(options?: CallOptions): Promise<void>
  close(): void
  /**
   * Like `close`, but an engine in this browser first gives back what executes, so that it goes on at once where the next
   * engine is. Settles when this one is gone, within five seconds.
   */
  stop(): Promise<void>
  /**
   * Has the engine move from another tab into this one, at once: a step that executes there begins anew here. Settles when
   * this tab leads; rejects with a `DurablyError` when the other tab does not answer. A tab that someone looks at does this by
   * itself, between two steps, unless the other one is looked at, too.
   */
  takeOver(): Promise<void>
}

export type RunCountFilter = Pick<RunFilter, 'jobName' | 'status' | 'labels'>

export interface StatsQuery extends RunCountFilter {
  since: Date
  /** Not itself in it. Default: now. */
  until?: Date | undefined
  /** In stretches of so many milliseconds, 1000 at most. Default: in 30. */
  bucketMs?: number | undefined
}

export interface EventQuery {
  /** The number of the last event that is known already. */
  after?: number
  runId?: string
  types?: EngineEventType[]
  limit?: number
}

/** What can be done with the database as a whole. Works also when the engine could not be started. */
export interface DatabaseStorage {
  /** How much is stored and may be stored, and what was written since the engine started. */
  getInfo(): Promise<StorageInfo>
  /** Asks the browser never to delete the data by itself, and tells its answer. */
  persist(): Promise<boolean>
  /** The whole database as one SQLite file. */
  export(): Promise<Blob>
  /**
   * Goes on with a database that was exported, in the place of this one, which is deleted. A file that is
   * damaged or no database of Durably's is refused, and nothing is changed.
   */
  import(file: Blob): Promise<void>
  /** Deletes everything: the database, and those that were set aside. */
  clear(): Promise<void>
  /** The files of a database that was set aside: see `status.storage.setAside`. */
  exportSetAside(generation: number): Promise<File[]>
  deleteSetAside(generation: number): Promise<void>
}

export interface SpaOptions {
  /** Run the engine in this browser. */
  spa: BrowserOptions
}

export type DurablyOptions = SpaOptions | HttpOptions

/** Connects to an engine. The same client for every transport. */
export function createDurably<Jobs extends object = RegisteredJobs>(options: DurablyOptions): Durably<Jobs> {
  return new Client<Jobs>('spa' in options ? new BrowserTransport(options.spa) : new HttpTransport(options))
}

class Client<Jobs extends object> implements Durably<Jobs> {
  readonly jobs: JobHandles<Jobs>
  readonly storage: DatabaseStorage
  readonly #transport: Transport
  readonly #jobNames = new JobNames(() => this.getJobs())
  readonly #statusListeners = new Set<(status: EngineStatus) => void>()
  readonly #closing = new AbortController()
  #isAsking = false

  constructor(transport: Transport) {
    this.#transport = transport
    this.jobs = jobHandles<Jobs>((name) => this.#handle(name))
    this.storage = databaseStorage(transport)
    transport.connect((status) => notify(this.#statusListeners, status))
  }

  get status(): EngineStatus {
    return this.#transport.status
  }

  // ---------------------------------------------------------------- requests

  trigger(
    jobName: string,
    input: unknown,
    { signal, ...options }: TriggerCallOptions = {},
  ): Promise<TriggerResult> {
    return this.#transport.request('trigger', { ...options, jobName, input }, { signal })
  }

  getJobs(options?: CallOptions): Promise<JobInfo[]> {
    return this.#transport.request('jobs', {}, options)
  }

  getRun(runId: string, { view, signal }: GetRunOptions = {}): Promise<ClientRun | null> {
    return orNull(this.#transport.request('getRun', { runId, view }, { signal }))
  }

  getRuns(filter: RunFilter = {}, options?: CallOptions): Promise<ClientRun[]> {
    return this.#transport.request('getRuns', filter, options)
  }

  countRuns(filter: RunCountFilter = {}, options?: CallOptions): Promise<Record<RunStatus, number>> {
    return this.#transport.request('countRuns', filter, options)
  }

  getStats({ since, until, ...query }: StatsQuery, options?: CallOptions): Promise<Stats> {
    const input = { ...query, since: since.toISOString(), until: until?.toISOString() }
    return this.#transport.request('getStats', input, options)
  }

  getSteps(runId: string, options?: CallOptions): Promise<Step[]> {
    return this.#transport.request('getSteps', { runId }, options)
  }

  getLogs(runId: string, options?: CallOptions): Promise<LogEntry[]> {
    return this.#transport.request('getLogs', { runId }, options)
  }

  getRetriggers(runId: string, options?: CallOptions): Promise<ClientRun[]> {
    return this.#transport.request('getRetriggers', { runId }, options)
  }

  getEvents(query: EventQuery = {}, options?: CallOptions): Promise<EngineEvent[]> {
    return this.#transport.request('getEvents', query, options)
  }

  query(sql: string, parameters: QueryParameters = [], options?: CallOptions): Promise<QueryResult> {
    return this.#transport.request('query', { sql, parameters }, options)
  }

  async cancel(runId: string, options?: CallOptions): Promise<void> {
    await this.#transport.request('cancel', { runId }, options)
  }

  async retrigger(runId: string, options?: CallOptions): Promise<{ runId: string }> {
    const { runId: newRunId } = await this.#transport.request('retrigger', { runId }, options)
    return { runId: newRunId }
  }

  async deleteRun(runId: string, options?: CallOptions): Promise<void> {
    await this.#transport.request('deleteRun', { runId }, options)
  }

  cancelRuns(runIds: readonly string[], options?: CallOptions): Promise<RunOutcome[]> {
    return this.#ofSeveral('cancelRuns', runIds, options)
  }

  retriggerRuns(runIds: readonly string[], options?: CallOptions): Promise<RunOutcome[]> {
    return this.#ofSeveral('retriggerRuns', runIds, options)
  }

  deleteRuns(runIds: readonly string[], options?: CallOptions): Promise<RunOutcome[]> {
    return this.#ofSeveral('deleteRuns', runIds, options)
  }

  async #ofSeveral(
    operation: 'cancelRuns' | 'retriggerRuns' | 'deleteRuns',
    runIds: readonly string[],
    options?: CallOptions,
  ): Promise<RunOutcome[]> {
    const answers: RunOutcome[][] = []
    for (let begin = 0; begin < runIds.length; begin += MOST_RUNS) {
      const body = { runIds: runIds.slice(begin, begin + MOST_RUNS) }
      answers.push(await this.#transport.request(operation, body, options))
    }
    return answers.flat()
  }

  async purgeRuns(
    { olderThan, ...purge }: { olderThan: Date; limit?: number },
    options?: CallOptions,
  ): Promise<number> {
    const body = { olderThan: olderThan.toISOString(), ...purge }
    return (await this.#transport.request('purgeRuns', body, options)).deleted
  }

  async ready(options?: CallOptions): Promise<void> {
    // The engine answers requests once it is up, and rejects them when it can't start.
    await this.#transport.request('getRuns', { limit: 0 }, options)
  }

  waitForRun(runId: string, options: WaitOptions = {}): Promise<ClientRun> {
    return waitForRun(this, runId, options)
  }

  // ---------------------------------------------------------------- events and status

  subscribe(
    listener: (events: readonly EngineEvent[]) => void,
    { signal, onOpen = ignore, onError = ignore, ...filter }: SubscribeOptions = {},
  ): () => void {
    if (signal?.aborted === true) return ignore
    const ended = new AbortController()
    const stop = (): void => ended.abort()
    signal?.addEventListener('abort', stop, { once: true, signal: ended.signal })
    void this.#listen(filter, { open: onOpen, events: listener, failed: onError }, ended.signal)
    return stop
  }

  async #listen(filter: EventFilter, listener: EventListener, ended: AbortSignal): Promise<void> {
    let resolved = filter
    if (filter.jobName !== undefined) {
      const jobName = await this.#resolveJobs([filter.jobName].flat(), listener.failed, ended)
      resolved = { ...filter, jobName }
    }
    if (ended.aborted) return
    const stop = this.#transport.subscribe(resolved, listener)
    ended.addEventListener('abort', stop)
  }

  /** Events name jobs by their names. Tried until the engine tells them. */
  async #resolveJobs(
    names: readonly string[],
    failed: (error: Error) => void,
    ended: AbortSignal,
  ): Promise<readonly string[]> {
    for (let failures = 1; !ended.aborted; failures++) {
      try {
        return await Promise.all(names.map((name) => this.#jobNames.resolve(name)))
      } catch (error) {
        failed(asError(error))
        if (this.status.state === 'closed') break
        await pause(failures, AbortSignal.any([ended, this.#closing.signal]))
      }
    }
    return names
  }

  onStatus(listener: (status: EngineStatus) => void): () => void {
    this.#statusListeners.add(listener)
    this.#askWhetherItIsThere()
    return () => this.#statusListeners.delete(listener)
  }

  /** A server is known to be there only once it was asked something. */
  #askWhetherItIsThere(): void {
    if (this.#isAsking || this.status.state !== 'starting' || this.status.role !== 'remote') return
    this.#isAsking = true
    retrying(() => this.ready(), this.#closing.signal).catch(ignore)
  }

  close(): void {
    this.#closing.abort()
    this.#transport.close()
    this.#statusListeners.clear()
  }

  takeOver(): Promise<void> {
    return this.#transport.takeOver()
  }

  async stop(): Promise<void> {
    const stopped = this.#transport.stop()
    this.close()
    await stopped
  }

  // ---------------------------------------------------------------- jobs

  #handle(name: string): JobHandle {
    return {
      name,
      trigger: (input, options) => this.trigger(name, input, options),
      triggerAndWait: (input, { timeoutMs, signal, onProgress, onLog, ...options } = {}) =>
        triggerAndWait(this, name, { timeoutMs, signal, onProgress, onLog }, () =>
          this.trigger(name, input, { ...options, signal }),
        ),
      batchTrigger: (items, options) =>
        this.#transport.request('batchTrigger', { jobName: name, items: [...items] }, options),
      getRun: async (runId, options) => {
        const run = await this.getRun(runId, options)
        if (run === null || run.jobName === name) return run
        return run.jobName === (await this.#jobNames.resolve(name)) ? run : null
      },
      getRuns: (filter, options) => this.getRuns({ ...filter, jobName: name }, options),
    }
  }
}

function ignore(): void {
  // Nobody wants to hear of it.
}

function databaseStorage(transport: Transport): DatabaseStorage {
  return {
    getInfo: () => transport.request('storage', {}),
    persist: async () => {
      await transport.request('storage', {})
      const isPersisted = await navigator.storage.persist()
      await transport.request('storage', {})
      return isPersisted
    },
    export: async () => {
      const [file] = await transport.request('exportDatabase', {})
      return file ?? new Blob()
    },
    import: async (file) => {
      await transport.request('importDatabase', {}, { file })
    },
    clear: async () => {
      await transport.request('clearStorage', {})
    },
    exportSetAside: (generation) => transport.request('exportSetAside', { generation }),
    deleteSetAside: async (generation) => {
      await transport.request('deleteSetAside', { generation })
    },
  }
}

/** Any name is a handle: whether the engine knows the job is the engine's answer to give. */
function jobHandles<Jobs extends object>(make: (name: string) => JobHandle): JobHandles<Jobs> {
  const handles = new Map<string, JobHandle>()
  const handle = (name: string): JobHandle => {
    const found = handles.get(name) ?? make(name)
    handles.set(name, found)
    return found
  }
  // `then` must stay undefined, or awaiting the object would call it as a promise.
  return new Proxy(Object.create(null) as JobHandles<Jobs>, {
    get: (_target, key) => (typeof key === 'string' && key !== 'then' ? handle(key) : undefined),
  })
}

async function orNull<Value>(found: Promise<Value>): Promise<Value | null> {
  try {
    return await found
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}

function notify<Value>(listeners: ReadonlySet<(value: Value) => void>, value: Value): void {
  for (const listener of [...listeners]) guarded(() => listener(value))
}
