import { abortable } from '../abort'
import { CLOSED, DurablyError, notJson } from '../errors'
import {
  BOOTING,
  PROTOCOL_VERSION,
  STORAGE_OPERATIONS,
  type EngineEvent,
  type EngineStatus,
  type EventFilter,
  type FromWorker,
  type Manifest,
  type OperationName,
  type Operations,
  type RequestMessage,
  type ResponseMessage,
  type StartMessage,
  type StopMessage,
  type StorageKind,
  type WireError,
} from '../protocol'
import { Subscribers } from '../subscribers'
import type { EventListener, RequestOptions, Transport } from '../transport'

/** Where `durably/vite` put the Python runtime; nothing defines it elsewhere. */
declare const __DURABLY_RUNTIME_URL__: string | undefined
const RUNTIME_URL = typeof __DURABLY_RUNTIME_URL__ === 'string' ? __DURABLY_RUNTIME_URL__ : 'durably/'

export interface WorkerPortOptions {
  /** Folder that holds the Python runtime; relative to the document. Default: `durably/`, or where the Vite plugin put it. */
  runtimeUrl?: string | undefined
  /** Name of the database; letters, digits, `-` and `_`. Default: `main`. */
  database?: string | undefined
  /**
   * Where the database is kept: `opfs`, on this device (the default), or `memory`, until the page is
   * left or its worker ends. There is no falling back from the one to the other.
   */
  storage?: StorageKind | undefined
  /** Ask the browser, after the first trigger, never to delete the data by itself. Default: true. */
  persist?: boolean | undefined
  /** Starts the engine’s worker: for a page that has its script elsewhere than a bundler would put it. */
  worker?: (() => Worker) | undefined
}

interface Waiting {
  message: RequestMessage
  /** To the worker that lives now. */
  isSent: boolean
  resolve: (body: unknown) => void
  reject: (error: DurablyError) => void
}

/**
 * A worker that dies this often in a row, with nothing finished in between, is not started again. More
 * often than the engine's `max_attempts`: a run that kills its worker is given up by the engine before.
 */
const MOST_DEATHS = 12

/** An engine that was ready for so long counts as healthy: its death begins a new row. */
const HEALTHY_MS = 30_000

/** How long a new worker may take to say its first word, while its script is fetched. */
const FIRST_WORD_MS = 30_000

/** How long an engine may take to give back what executes. Python that computes without a pause does not hear of it. */
const STOP_MS = 5000

/** Operations that change nothing: after a restart they are simply asked again. */
const READS: ReadonlySet<OperationName> = new Set([
  'jobs',
  'getRun',
  'countRuns',
  'getEvents',
  'query',
  'getRuns',
  'getSteps',
  'getLogs',
  'storage',
  'exportDatabase',
  'exportSetAside',
])

/** After these there is something worth keeping. */
const TRIGGERS: ReadonlySet<OperationName> = new Set(['trigger', 'batchTrigger', 'importDatabase'])

/** Talks to the engine in a dedicated worker of this page, and starts a new one when it dies. */
export class WorkerPort implements Transport {
  readonly #options: ReturnType<typeof checked>
  #status: EngineStatus
  #worker: Worker | null = null
  /** Held by the worker as long as it lives. */
  #aliveLock = ''
  /** The runtime that the first worker found. */
  #manifest: Manifest | null = null
  #onStatus: ((status: EngineStatus) => void) | null = null
  readonly #subscribers = new Subscribers()
  /** Requests without an answer yet. They are sent once the page sees an engine that can answer. */
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #deaths = 0
  #readyAt = 0
  #hasAskedToPersist = false

  constructor(options: WorkerPortOptions = {}) {
    this.#options = checked(options)
    this.#status = BOOTING
    // Rendered on a server: this client is replaced by the browser's own, and nobody asks it anything.
    if (typeof Worker === 'undefined') return
    if (!isSecureContext) {
      this.#status = { ...this.#status, state: 'failed', error: INSECURE }
      return
    }
    this.#boot()
    addEventListener('pagehide', this.#onPageHide)
    addEventListener('pageshow', this.#onPageShow)
  }

  get status(): EngineStatus {
    return this.#status
  }

  connect(listener: (status: EngineStatus) => void): void {
    this.#onStatus = listener
  }

  subscribe(filter: EventFilter, listener: EventListener): () => void {
    const subscriber = this.#subscribers.add(filter, listener)
    queueMicrotask(() => this.#subscribers.open('new'))
    return () => this.#subscribers.delete(subscriber)
  }

  request<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['in'],
    { file, signal }: RequestOptions = {},
  ): Promise<Operations[Name]['out']> {
    if (typeof Worker === 'undefined') return Promise.reject(new DurablyError(NO_BROWSER))
    if (!this.#canAnswer(operation) && this.#status.error !== null) {
      return Promise.reject(new DurablyError(this.#status.error))
    }
    let text: string
    try {
      text = JSON.stringify(body)
    } catch (error) {
      return Promise.reject(new DurablyError(notJson(error)))
    }
    const message: RequestMessage = { type: 'request', id: ++this.#lastId, operation, body: text, file }
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    const answer = new Promise<Operations[Name]['out']>((resolve, reject) => {
      this.#waiting.set(message.id, {
        message,
        isSent: false,
        resolve: resolve as (body: unknown) => void,
        reject,
      })
    })
    this.#send()
    // What waits for the engine is not sent at all then; an answer that still comes finds no one.
    return abortable(answer, signal, () => this.#waiting.delete(message.id))
  }

  /** Whether there is someone to answer now. Storage is looked after also when the engine could not be started. */
  #canAnswer(operation: OperationName): boolean {
    const { state } = this.#status
    if (this.#worker === null) return false
    return state === 'ready' || (state === 'failed' && isStorageOperation(operation))
  }

  #send(): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.isSent || !this.#canAnswer(waiting.message.operation)) continue
      waiting.isSent = true
      this.#worker?.postMessage(waiting.message)
    }
  }

  close(): void {
    if (typeof Worker === 'undefined' || this.#status.state === 'closed') return
    removeEventListener('pagehide', this.#onPageHide)
    removeEventListener('pageshow', this.#onPageShow)
    this.#end({ ...this.#status, state: 'closed', error: CLOSED })
    this.#subscribers.failed(new DurablyError(CLOSED), 'all')
  }

  async stop(): Promise<void> {
    const worker = this.#worker
    // One that is still booting has nothing to give back.
    if (worker === null || this.#status.state !== 'ready') {
      this.close()
      return
    }
    // From here on its end is no death that calls for another one.
    this.#worker = null
    this.close()
    worker.postMessage({ type: 'stop' } satisfies StopMessage)
    const timer = setTimeout(() => worker.terminate(), STOP_MS)
    await navigator.locks.request(this.#aliveLock, () => undefined)
    clearTimeout(timer)
    worker.terminate()
  }

  // ---------------------------------------------------------------- the worker's life

  #boot(): void {
    const worker = this.#options.worker()
    const aliveLock = `durably-alive:${crypto.randomUUID()}`
    this.#aliveLock = aliveLock
    let hasSpoken = false
    const firstWord = setTimeout(() => this.#worker === worker && this.#restart(), FIRST_WORD_MS)
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      // What a worker that was ended had still said counts no more.
      if (this.#worker !== worker) return
      // Its first message says that the worker holds the lock; from then on getting it means that it died.
      if (!hasSpoken) void this.#watch(worker, aliveLock)
      hasSpoken = true
      clearTimeout(firstWord)
      this.#receive(event.data)
    }
    worker.onerror = (event) => {
      // Later errors are those of callbacks in job code: the browser logs them, the engine lives on.
      if (hasSpoken) return
      clearTimeout(firstWord)
      event.preventDefault()
      const reason = event.message || 'its script could not be loaded'
      this.#fail({
        code: 'worker',
        status: 500,
        message: `The engine’s worker stopped: ${reason}. Reload the page to start it again.`,
      })
    }
    this.#worker = worker
    this.#setStatus({ ...BOOTING, epoch: this.#status.epoch + 1 })
    worker.postMessage({
      type: 'start',
      protocol: PROTOCOL_VERSION,
      manifest: this.#manifest,
      runtimeUrl: new URL(this.#options.runtimeUrl, document.baseURI).href,
      database: this.#options.database,
      storage: this.#options.storage,
      epoch: this.#status.epoch,
      aliveLock,
    } satisfies StartMessage)
  }

  async #watch(worker: Worker, aliveLock: string): Promise<void> {
    await navigator.locks.request(aliveLock, () => undefined)
    if (this.#worker === worker) this.#restart()
  }

  /** The worker died without a word: out of memory, lost file handles, or ended from outside. */
  #restart(): void {
    const wasHealthy = this.#status.state === 'ready' && performance.now() - this.#readyAt > HEALTHY_MS
    this.#deaths = wasHealthy ? 1 : this.#deaths + 1
    this.#terminate()
    if (this.#deaths < MOST_DEATHS) {
      this.#boot()
    } else {
      this.#fail({
        code: 'worker',
        status: 500,
        message:
          'The engine’s worker has died again and again. A job may have used up its memory. Reload the page to start it again.',
      })
    }
  }

  #terminate(): void {
    this.#worker?.terminate()
    this.#worker = null
    // What was sent may have been carried out though its answer is lost.
    for (const [id, waiting] of this.#waiting) {
      if (waiting.isSent && !READS.has(waiting.message.operation)) {
        this.#waiting.delete(id)
        waiting.reject(new DurablyError(INTERRUPTED))
      }
      waiting.isSent = false
    }
  }

  // A page in the back/forward cache must hold neither lock nor file handles.
  readonly #onPageHide = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#terminate()
  }

  readonly #onPageShow = (event: PageTransitionEvent): void => {
    if (event.persisted && this.#worker === null && this.#status.error === null) this.#boot()
  }

  // ---------------------------------------------------------------- messages

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'status':
        this.#follow(message.status)
        return
      case 'manifest':
        this.#manifest = message.manifest
        return
      case 'response':
        this.#settle(message)
        return
      case 'events': {
        const events = JSON.parse(message.body) as EngineEvent[]
        if (events.some(({ type }) => type === 'step:complete' || type === 'run:complete')) this.#deaths = 0
        this.#subscribers.events(events)
      }
    }
  }

  #settle({ id, ok, body, files }: ResponseMessage): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    const answer: unknown = files ?? JSON.parse(body)
    if (!ok) {
      waiting.reject(new DurablyError(answer as WireError))
      return
    }
    waiting.resolve(answer)
    if (TRIGGERS.has(waiting.message.operation)) this.#askToPersist().catch(() => undefined)
  }

  async #askToPersist(): Promise<void> {
    const { storage } = this.#status
    if (this.#hasAskedToPersist || !this.#options.persist || storage?.kind !== 'opfs') return
    this.#hasAskedToPersist = true
    if (storage.isPersisted) return
    await navigator.storage.persist()
    await this.request('storage', {})
  }

  #follow(status: EngineStatus): void {
    if (status.error !== null && status.phase !== 'engine') {
      this.#fail(status.error)
      return
    }
    if (status.error !== null && this.#status.error === null) this.#rejectAll(status.error, isForEngine)
    if (status.state === 'ready' && this.#status.state !== 'ready') this.#readyAt = performance.now()
    this.#setStatus(status)
  }

  #fail(error: WireError): void {
    this.#end({ ...this.#status, state: 'failed', error })
  }

  #rejectAll(error: WireError, which: (waiting: Waiting) => boolean = () => true): void {
    for (const [id, waiting] of this.#waiting) {
      if (!which(waiting)) continue
      this.#waiting.delete(id)
      waiting.reject(new DurablyError(error))
    }
  }

  #end(status: EngineStatus & { error: WireError }): void {
    this.#worker?.terminate()
    this.#worker = null
    this.#rejectAll(status.error)
    this.#setStatus(status)
  }

  #setStatus(status: EngineStatus): void {
    const isAnew = status.epoch > this.#status.epoch
    this.#status = status
    // Before listeners hear of it: what they ask for is sent once, by `request`.
    this.#send()
    this.#onStatus?.(status)
    // The engine that was there before may have told things that were lost with it.
    if (isAnew) this.#subscribers.open('all')
  }
}

/** What is given as `undefined` is not given. */
function checked({
  runtimeUrl = RUNTIME_URL,
  database = 'main',
  storage = 'opfs',
  persist = true,
  worker = startWorker,
}: WorkerPortOptions) {
  if (!/^[\w-]{1,64}$/.test(database)) {
    const name = JSON.stringify(database)
    throw invalid(`The database name ${name} must be 1 to 64 letters, digits, "-" or "_".`)
  }
  // Checked where types are not: what is neither must not be taken for memory, which forgets.
  if (!['opfs', 'memory'].includes(storage)) {
    throw invalid(`The storage ${JSON.stringify(storage)} must be "opfs" or "memory".`)
  }
  // A folder, also where the slash is missing.
  return { runtimeUrl: runtimeUrl.replace(/\/*$/, '/'), database, storage, persist, worker }
}

function startWorker(): Worker {
  return new Worker(new URL('../worker/entry.ts', import.meta.url), { type: 'module', name: 'durably' })
}

function invalid(message: string): DurablyError {
  return new DurablyError({ code: 'validation', status: 400, message })
}

function isStorageOperation(operation: OperationName): boolean {
  return STORAGE_OPERATIONS.some((each) => each === operation)
}

/** The worker answers the others also when the engine could not be started. */
function isForEngine({ message }: Waiting): boolean {
  return !isStorageOperation(message.operation)
}

const INSECURE: WireError = {
  code: 'storage_unavailable',
  status: 503,
  message:
    'Browsers keep a database only for pages that come over https or from localhost. Open the page there.',
}

const NO_BROWSER: WireError = {
  code: 'unsupported',
  status: 501,
  message: 'The engine runs in a browser. While a page is rendered on a server it can’t be asked anything.',
}

const INTERRUPTED: WireError = {
  code: 'interrupted',
  status: 503,
  message: 'The engine was restarted before it answered. See whether it was done before you try again.',
}
