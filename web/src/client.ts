import type {
  ClientRun,
  EngineEvent,
  EngineStatus,
  JobInfo,
  Json,
  LogEntry,
  QueryParameters,
  QueryResult,
  RunFilter,
  Step,
  StorageInfo,
  TriggerOptions,
  TriggerResult,
} from './protocol'
import type { Transport } from './transport'
import { WorkerPort, type WorkerPortOptions } from './transports/worker-port'

/** Inputs and outputs by job name. `durably types` writes such an interface from the Python models. */
export type JobTypes = Record<string, { input: unknown; output: unknown }>
export type AnyJobs = Record<string, { input: Json; output: Json }>

export interface JobHandle<Input> {
  readonly name: string
  trigger(input: Input, options?: TriggerOptions): Promise<TriggerResult>
}

export interface Durably<Jobs extends JobTypes = AnyJobs> {
  /** `durably.jobs['import-csv'].trigger({ … })` */
  readonly jobs: { readonly [Name in keyof Jobs]: JobHandle<Jobs[Name]['input']> }
  readonly status: EngineStatus

  /** The same as `jobs[jobName].trigger`, for names that are known only at run time. */
  trigger(jobName: string, input: unknown, options?: TriggerOptions): Promise<TriggerResult>
  getJobs(): Promise<JobInfo[]>
  getRun(runId: string): Promise<ClientRun>
  /** Newest first. */
  getRuns(filter?: RunFilter): Promise<ClientRun[]>
  getSteps(runId: string): Promise<Step[]>
  getLogs(runId: string): Promise<LogEntry[]>
  /** What one SELECT finds in the engine's database. One that would write is refused. */
  query(sql: string, parameters?: QueryParameters): Promise<QueryResult>
  cancel(runId: string): Promise<void>
  /** Starts a new run with the input of a finished one. */
  retrigger(runId: string): Promise<{ runId: string }>
  deleteRun(runId: string): Promise<void>
  /** The database as a whole. */
  readonly storage: DatabaseStorage

  /** Hears every event of the engine, in batches, oldest first. Returns the way to stop. */
  subscribe(listener: (events: readonly EngineEvent[]) => void): () => void
  onStatus(listener: (status: EngineStatus) => void): () => void
  /** Settles when the engine is ready; rejects when it can't start. */
  ready(): Promise<void>
  close(): void
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

export interface DurablyOptions {
  /** Run the engine in this browser. */
  spa: WorkerPortOptions
}

/** Connects to an engine. The same client for every transport. */
export function createDurably<Jobs extends JobTypes = AnyJobs>(options: DurablyOptions): Durably<Jobs> {
  return new Client<Jobs>(new WorkerPort(options.spa))
}

class Client<Jobs extends JobTypes> implements Durably<Jobs> {
  readonly jobs: { readonly [Name in keyof Jobs]: JobHandle<Jobs[Name]['input']> }
  readonly storage: DatabaseStorage
  readonly #transport: Transport
  readonly #eventListeners = new Set<(events: readonly EngineEvent[]) => void>()
  readonly #statusListeners = new Set<(status: EngineStatus) => void>()

  constructor(transport: Transport) {
    this.#transport = transport
    this.jobs = jobHandles(transport)
    this.storage = databaseStorage(transport)
    transport.connect({
      status: (status) => notify(this.#statusListeners, status),
      events: (events) => notify(this.#eventListeners, events),
    })
  }

  get status(): EngineStatus {
    return this.#transport.status
  }

  trigger(jobName: string, input: unknown, options?: TriggerOptions): Promise<TriggerResult> {
    return this.#transport.request('trigger', { ...options, jobName, input })
  }

  getJobs(): Promise<JobInfo[]> {
    return this.#transport.request('jobs', {})
  }

  getRun(runId: string): Promise<ClientRun> {
    return this.#transport.request('getRun', { runId })
  }

  getRuns(filter: RunFilter = {}): Promise<ClientRun[]> {
    return this.#transport.request('getRuns', filter)
  }

  getSteps(runId: string): Promise<Step[]> {
    return this.#transport.request('getSteps', { runId })
  }

  getLogs(runId: string): Promise<LogEntry[]> {
    return this.#transport.request('getLogs', { runId })
  }

  query(sql: string, parameters: QueryParameters = []): Promise<QueryResult> {
    return this.#transport.request('query', { sql, parameters })
  }

  async cancel(runId: string): Promise<void> {
    await this.#transport.request('cancel', { runId })
  }

  async retrigger(runId: string): Promise<{ runId: string }> {
    const { runId: newRunId } = await this.#transport.request('retrigger', { runId })
    return { runId: newRunId }
  }

  async deleteRun(runId: string): Promise<void> {
    await this.#transport.request('deleteRun', { runId })
  }

  subscribe(listener: (events: readonly EngineEvent[]) => void): () => void {
    return register(this.#eventListeners, listener)
  }

  onStatus(listener: (status: EngineStatus) => void): () => void {
    return register(this.#statusListeners, listener)
  }

  async ready(): Promise<void> {
    // The engine answers requests once it is up, and rejects them when it can't start.
    await this.#transport.request('jobs', {})
  }

  close(): void {
    this.#transport.close()
    this.#eventListeners.clear()
    this.#statusListeners.clear()
  }
}

function databaseStorage(transport: Transport): DatabaseStorage {
  return {
    getInfo: () => transport.request('storage', {}),
    persist: async () => {
      const isPersisted = await navigator.storage.persist()
      await transport.request('storage', {})
      return isPersisted
    },
    export: async () => {
      const [file] = await transport.request('exportDatabase', {})
      return file ?? new Blob()
    },
    import: async (file) => {
      await transport.request('importDatabase', {}, file)
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
function jobHandles<Jobs extends JobTypes>(
  transport: Transport,
): { readonly [Name in keyof Jobs]: JobHandle<Jobs[Name]['input']> } {
  const handles = new Map<string, JobHandle<unknown>>()
  const handle = (name: string): JobHandle<unknown> => {
    let found = handles.get(name)
    if (found === undefined) {
      found = {
        name,
        trigger: (input, options) => transport.request('trigger', { ...options, jobName: name, input }),
      }
      handles.set(name, found)
    }
    return found
  }
  // `then` must stay undefined, or awaiting the object would call it as a promise.
  return new Proxy(Object.create(null) as { [Name in keyof Jobs]: JobHandle<Jobs[Name]['input']> }, {
    get: (_target, key) => (typeof key === 'string' && key !== 'then' ? handle(key) : undefined),
  })
}

function register<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function notify<Value>(listeners: ReadonlySet<(value: Value) => void>, value: Value): void {
  for (const listener of [...listeners]) {
    try {
      listener(value)
    } catch (error) {
      // A listener's fault is its own: the others still hear the event.
      reportError(error)
    }
  }
}
