import { Cancels } from '../cancels'
import { Recycling } from './recycling'
import { SnapshotMaker } from './snapshot-maker'
import {
  PROTOCOL_VERSION,
  type Between,
  type FromWorker,
  type Manifest,
  type ManifestMessage,
  type Overdue,
  type RequestMessage,
  type SnapshotMessage,
  type SnapshotUse,
  type StartMessage,
  type StorageKind,
  type ToWorker,
  type WireError,
} from '../protocol'

export interface EngineWorkerOptions {
  /** Absolute address of the folder that holds the manifest. */
  runtimeUrl: string
  database: string
  storage: StorageKind
  /** `warm`: while another tab has the database, Python waits for it here. */
  standby: 'cold' | 'warm'
  /** Whether Python's memory is kept on this device between its starts. */
  snapshot: boolean
  /** Bytes of Python's memory above which the worker is replaced, when no run executes. */
  memoryBudget: number
  worker: () => Worker
}

/** What the worker says of the engine. */
export type EngineMessage = Exclude<FromWorker, ManifestMessage | SnapshotMessage>

export interface EngineWorkerHooks {
  /**
   * A worker begins to live; those before have died. The number is higher than those of their engines. `isRecycled`: it takes
   * the place of one that was ready and had grown.
   */
  started: (epoch: number, isRecycled: boolean) => void
  /** The worker is about to be replaced: its database must not go to another tab. */
  recycling: () => void
  /** The runtime that this page's engines are made of. */
  found: (manifest: Manifest) => void
  received: (message: EngineMessage) => void
  /** There is none, and there will be none. */
  failed: (error: WireError) => void
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

/** How long a tab that was promised the database may take to have it. */
const STAND_ASIDE_MS = 3000

/** The life of this page's worker: it is started, watched, and started anew when it dies. */
export class EngineWorker {
  readonly #options: EngineWorkerOptions
  readonly #hooks: EngineWorkerHooks
  #worker: Worker | null = null
  /** Held by the worker as long as it lives. */
  #aliveLock = ''
  /** The runtime that the first worker found: the page stays with it. */
  #manifest: Manifest | null = null
  /** The highest number that an engine of this page has had: it counts their starts. */
  #epoch = 0
  #deaths = 0
  #readyAt = Infinity
  /** Why it will end, where that is no death that counts: it was told to leave, or is ended with what it executes. */
  #end: 'asked' | 'leaving' | 'ended' | 'recycled' | null = null
  #cancels = Cancels.create()
  /** For the next worker. */
  #overdue: Overdue[] = []
  #snapshot: SnapshotUse
  #startedFromSnapshot = false
  #snapshotMaker: SnapshotMaker | null = null
  readonly #recycling: Recycling

  constructor(options: EngineWorkerOptions, hooks: EngineWorkerHooks) {
    this.#options = options
    this.#hooks = hooks
    this.#snapshot = options.snapshot && options.storage === 'opfs' ? 'use' : 'ignore'
    // What is in memory is lost with the worker.
    const budget = options.storage === 'opfs' ? options.memoryBudget : Infinity
    this.#recycling = new Recycling(budget, (between) => this.#recycle(between))
  }

  get isThere(): boolean {
    return this.#worker !== null
  }

  post(message: RequestMessage): void {
    this.#tell(message)
  }

  start(isRecycled = false): void {
    const worker = this.#options.worker()
    const aliveLock = `durably-alive:${crypto.randomUUID()}`
    this.#aliveLock = aliveLock
    this.#readyAt = Infinity
    this.#startedFromSnapshot = false
    this.#end = null
    this.#cancels.write([])
    let hasSpoken = false
    let isWatched = false
    const firstWord = setTimeout(() => this.#worker === worker && this.#restart(), FIRST_WORD_MS)
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      // What a worker that was ended had still said counts no more.
      if (this.#worker !== worker) return
      // Its first status says that the worker holds the lock; from then on getting it means that it died.
      if (!isWatched && event.data.type === 'status') {
        isWatched = true
        void this.#watch(worker, aliveLock)
      }
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
      this.#hooks.failed({
        code: 'worker',
        status: 500,
        message: `The engine’s worker stopped: ${reason}. Reload the page to start it again.`,
      })
    }
    this.#worker = worker
    this.#epoch += 1
    this.#hooks.started(this.#epoch, isRecycled)
    const { runtimeUrl, database, storage } = this.#options
    worker.postMessage({
      type: 'start',
      protocol: PROTOCOL_VERSION,
      manifest: this.#manifest,
      runtimeUrl,
      database,
      storage,
      epoch: this.#epoch,
      aliveLock,
      cancels: this.#cancels.memory,
      overdue: this.#overdue.splice(0),
      snapshot: this.#snapshot,
    } satisfies StartMessage)
    if (this.#snapshot === 'refuse') this.#snapshot = 'ignore'
    if (this.#options.standby === 'warm') this.warmUp()
  }

  /** Have Python up before the database is free. */
  warmUp(): void {
    this.#tell({ type: 'warm-up' })
  }

  /** The database is meant for another tab: let its worker pass. */
  standAside(): void {
    this.#tell({ type: 'stand-aside', forMs: STAND_ASIDE_MS })
  }

  /** Gives the database away; the worker after this one waits for it again. `politely`: unless a step takes long. */
  leave(how: 'politely' | 'now'): void {
    this.#end = how === 'now' ? 'leaving' : 'asked'
    this.#tell(how === 'now' ? { type: 'stop' } : { type: 'hand-over', between: 'steps' })
    const worker = this.#worker
    if (how === 'now') setTimeout(() => worker?.terminate(), STOP_MS)
  }

  /** A worker that has grown makes room for one that has not. */
  #recycle(between: Between): void {
    if (this.#end !== null) return
    this.#end = 'recycled'
    this.#hooks.recycling()
    this.#tell({ type: 'hand-over', between })
  }

  /** Has the code of these runs stop, and of no others, in the middle of what it computes, where that can be. */
  interrupt(runIds: readonly string[]): void {
    this.#cancels.write(runIds)
  }

  /** Ends the worker and what it executes; the next one goes on without what is overdue. */
  replace(overdue: readonly Overdue[]): void {
    // It ends already, and gives back what it executes.
    if (this.#end === 'leaving') return
    this.#end = 'ended'
    this.#overdue.push(...overdue)
    this.#worker?.terminate()
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }

  /** Something was finished: it is not the same death again and again. */
  hasProgressed(): void {
    this.#deaths = 0
  }

  end(): void {
    this.#recycling.reset()
    this.#snapshotMaker?.stop()
    this.#worker?.terminate()
    this.#worker = null
  }

  /** Lets the engine give back what executes. Settles when the worker is gone. */
  async stop(): Promise<void> {
    const worker = this.#worker
    if (worker === null) return
    // From here on its end is no death that calls for another one.
    this.#worker = null
    worker.postMessage({ type: 'stop' } satisfies ToWorker)
    const timer = setTimeout(() => worker.terminate(), STOP_MS)
    await navigator.locks.request(this.#aliveLock, () => undefined)
    clearTimeout(timer)
    worker.terminate()
  }

  #receive(message: FromWorker): void {
    if (message.type === 'snapshot') return
    if (message.type === 'manifest') {
      this.#manifest = message.manifest
      this.#hooks.found(message.manifest)
      return
    }
    if (message.type === 'kept') {
      if (this.#end === 'recycled') this.#recycling.kept()
      if (this.#end === 'recycled' || this.#end === 'asked') this.#end = null
    }
    if (message.type === 'status') {
      this.#startedFromSnapshot = message.status.startedFrom === 'snapshot'
      this.#epoch = Math.max(this.#epoch, message.status.epoch)
      this.#recycling.see(message.status)
      const isReady = message.status.state === 'ready'
      this.#readyAt = isReady ? Math.min(this.#readyAt, performance.now()) : Infinity
      if (isReady && message.status.startedFrom === 'files') this.#wantSnapshot()
    }
    this.#snapshotMaker?.postpone()
    this.#hooks.received(message)
  }

  /** The next start is to be quicker than this one was. */
  #wantSnapshot(): void {
    const manifest = this.#manifest
    if (this.#snapshot !== 'use' || manifest === null) return
    const { worker, runtimeUrl } = this.#options
    this.#snapshotMaker ??= new SnapshotMaker(worker, { runtimeUrl, manifest })
  }

  async #watch(worker: Worker, aliveLock: string): Promise<void> {
    await navigator.locks.request(aliveLock, () => undefined)
    if (this.#worker === worker) this.#restart()
  }

  /** The worker died without a word: out of memory, lost file handles, or ended from outside. */
  #restart(): void {
    const end = this.#end
    if (end !== null) {
      this.end()
      this.start(end === 'recycled')
      if (end === 'asked' || end === 'leaving') this.standAside()
      return
    }
    // It may be to blame. Without it there is one reason less to die.
    if (this.#readyAt === Infinity && this.#startedFromSnapshot) this.#snapshot = 'refuse'
    const wasHealthy = performance.now() - this.#readyAt > HEALTHY_MS
    this.#deaths = wasHealthy ? 1 : this.#deaths + 1
    this.end()
    if (this.#deaths < MOST_DEATHS) this.start()
    else this.#hooks.failed(DIES_AGAIN_AND_AGAIN)
  }
}

const DIES_AGAIN_AND_AGAIN: WireError = {
  code: 'worker',
  status: 500,
  message:
    'The engine’s worker has died again and again. A job may have used up its memory. Reload the page to start it again.',
}
