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

/** A worker that dies this often before it is ready once is not started again. */
const MOST_FAILED_BOOTS = 3

/** Operations that change nothing: after a restart they are simply asked again. */
const READS: ReadonlySet<OperationName> = new Set([
  'jobs',
  'getRun',
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
  /** Requests without an answer yet; those made before the engine is ready wait in the worker. */
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #failedBoots = 0

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
    const message: RequestMessage = {
      type: 'request',
      id: ++this.#lastId,
      operation,
      body: JSON.stringify(body),
    }
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { message, resolve: resolve as (body: unknown) => void, reject })
      this.#worker?.postMessage(message)
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
    let watched = false
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      // Its first message says that the worker holds the lock; from then on getting it means that it died.
      if (!watched) void this.#watch(worker, aliveLock)
      watched = true
      this.#receive(event.data)
    }
    worker.onerror = (event) => {
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
    for (const { message } of this.#waiting.values()) worker.postMessage(message)
  }

  async #watch(worker: Worker, aliveLock: string): Promise<void> {
    await navigator.locks.request(aliveLock, () => undefined)
    if (this.#worker === worker) this.#restart()
  }

  /** The worker died without a word: out of memory, or ended from outside. */
  #restart(): void {
    const wasReady = this.#status.state === 'ready'
    this.#failedBoots = wasReady ? 0 : this.#failedBoots + 1
    this.#terminate(wasReady)
    if (this.#failedBoots < MOST_FAILED_BOOTS) {
      this.#boot()
    } else {
      this.#fail({
        code: 'worker',
        status: 500,
        message:
          'The engine’s worker dies each time it is started. Close other tabs to free memory, then reload the page.',
      })
    }
  }

  /** `wasReady`: requests may have been carried out, though their answers are lost. */
  #terminate(wasReady: boolean): void {
    this.#worker?.terminate()
    this.#worker = null
    if (!wasReady) return
    for (const [id, { message, reject }] of this.#waiting) {
      if (READS.has(message.operation)) continue
      this.#waiting.delete(id)
      reject(new DurablyError(INTERRUPTED))
    }
  }

  // A page in the back/forward cache must hold neither lock nor file handles.
  readonly #onPageHide = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#terminate(this.#status.state === 'ready')
  }

  readonly #onPageShow = (event: PageTransitionEvent): void => {
    if (event.persisted && this.#worker === null && this.#status.error === null) this.#boot()
  }

  // ---------------------------------------------------------------- messages

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'status':
        if (message.status.error === null) this.#setStatus(message.status)
        else this.#fail(message.status.error)
        return
      case 'response': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.ok) waiting?.resolve(JSON.parse(message.body))
        else waiting?.reject(new DurablyError(JSON.parse(message.body) as WireError))
        return
      }
      case 'events':
        this.#listener?.events(JSON.parse(message.body) as EngineEvent[])
    }
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

const INTERRUPTED: WireError = {
  code: 'interrupted',
  status: 503,
  message: 'The engine was restarted before it answered. See the list of runs before you try again.',
}
