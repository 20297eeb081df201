import { DurablyError } from '../errors'
import {
  PROTOCOL_VERSION,
  type EngineEvent,
  type EngineStatus,
  type FromWorker,
  type OperationName,
  type Operations,
  type RequestMessage,
  type StartMessage,
  type WireError,
} from '../protocol'
import type { Transport, TransportListener } from '../transport'

export interface WorkerPortOptions {
  /** Folder that holds the Python runtime; relative to the document. Default: `durably/`. */
  runtimeUrl?: string
  /** Name of the database; letters, digits, `-` and `_`. Default: `main`. */
  database?: string
}

interface Waiting {
  message: RequestMessage
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
])

/** Talks to the engine in a dedicated worker of this page, and starts a new one when it dies. */
export class WorkerPort implements Transport {
  readonly #options: Required<WorkerPortOptions>
  #status: EngineStatus
  #worker: Worker | null = null
  #listener: TransportListener | null = null
  /** Requests without an answer yet. Only those that the page saw a ready engine for were sent. */
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #deaths = 0
  #readyAt = 0

  constructor(options: WorkerPortOptions = {}) {
    this.#options = { runtimeUrl: 'durably/', database: 'main', ...options }
    if (!/^[\w-]{1,64}$/.test(this.#options.database)) {
      throw new DurablyError({
        code: 'validation',
        status: 400,
        message: `The database name ${JSON.stringify(this.#options.database)} must be 1 to 64 letters, digits, "-" or "_".`,
      })
    }
    this.#status = { state: 'starting', phase: 'lock', percent: 0, timings: {}, error: null, epoch: 0 }
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

  connect(listener: TransportListener): void {
    this.#listener = listener
  }

  request<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['in'],
  ): Promise<Operations[Name]['out']> {
    if (this.#status.error !== null) return Promise.reject(new DurablyError(this.#status.error))
    let text: string
    try {
      text = JSON.stringify(body)
    } catch (error) {
      return Promise.reject(new DurablyError(notJson(error)))
    }
    const message: RequestMessage = { type: 'request', id: ++this.#lastId, operation, body: text }
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { message, resolve: resolve as (body: unknown) => void, reject })
      if (this.#status.state === 'ready') this.#worker?.postMessage(message)
    })
  }

  close(): void {
    removeEventListener('pagehide', this.#onPageHide)
    removeEventListener('pageshow', this.#onPageShow)
    this.#end({ ...this.#status, state: 'closed', error: CLOSED })
  }

  // ---------------------------------------------------------------- the worker's life

  #boot(): void {
    const worker = new Worker(new URL('../worker/entry.ts', import.meta.url), {
      type: 'module',
      name: 'durably',
    })
    const aliveLock = `durably-alive:${crypto.randomUUID()}`
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
    this.#setStatus({
      state: 'starting',
      phase: 'lock',
      percent: 0,
      timings: {},
      error: null,
      epoch: this.#status.epoch + 1,
    })
    worker.postMessage({
      type: 'start',
      protocol: PROTOCOL_VERSION,
      runtimeUrl: new URL(this.#options.runtimeUrl, document.baseURI).href,
      database: this.#options.database,
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
    // Nothing was sent before the page saw `ready`; after it, requests may have been carried out
    // though their answers are lost.
    if (this.#status.state !== 'ready') return
    for (const [id, { message, reject }] of this.#waiting) {
      if (READS.has(message.operation)) continue
      this.#waiting.delete(id)
      reject(new DurablyError(INTERRUPTED))
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
      case 'response': {
        const body: unknown = JSON.parse(message.body)
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.ok) waiting?.resolve(body)
        else waiting?.reject(new DurablyError(body as WireError))
        return
      }
      case 'events': {
        const events = JSON.parse(message.body) as EngineEvent[]
        if (events.some(({ type }) => type === 'step:complete' || type === 'run:complete')) this.#deaths = 0
        this.#listener?.events(events)
      }
    }
  }

  #follow(status: EngineStatus): void {
    if (status.error !== null) {
      this.#fail(status.error)
      return
    }
    if (status.state === 'ready') {
      this.#readyAt = performance.now()
      // Before listeners hear of it: what they ask for is sent once, by `request`.
      for (const { message } of this.#waiting.values()) this.#worker?.postMessage(message)
    }
    this.#setStatus(status)
  }

  #fail(error: WireError): void {
    this.#end({ ...this.#status, state: 'failed', error })
  }

  #end(status: EngineStatus & { error: WireError }): void {
    this.#worker?.terminate()
    this.#worker = null
    for (const { reject } of this.#waiting.values()) reject(new DurablyError(status.error))
    this.#waiting.clear()
    this.#setStatus(status)
  }

  #setStatus(status: EngineStatus): void {
    this.#status = status
    this.#listener?.status(status)
  }
}

const CLOSED: WireError = { code: 'closed', status: 503, message: 'This client was closed.' }

const INSECURE: WireError = {
  code: 'storage_unavailable',
  status: 503,
  message:
    'Browsers keep a database only for pages that come over https or from localhost. Open the page there.',
}

function notJson(error: unknown): WireError {
  const reason = error instanceof Error ? error.message : String(error)
  return { code: 'validation', status: 400, message: `The request can’t be written as JSON: ${reason}` }
}

const INTERRUPTED: WireError = {
  code: 'interrupted',
  status: 503,
  message: 'The engine was restarted before it answered. See the list of runs before you try again.',
}
