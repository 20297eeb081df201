import { DurablyError, wireOf } from '../errors'
import { MemoryFolder } from '../opfs/memory-folder'
import { openOpfsFolder } from '../opfs/opfs-folder'
import {
  BOOTING,
  BOOT_PHASES,
  PROTOCOL_VERSION,
  CANCELS,
  STORAGE_OPERATIONS,
  type Between,
  type BootPhase,
  type EngineStatus,
  type EventsMessage,
  type FromWorker,
  type KeptMessage,
  type LimitMessage,
  type Manifest,
  type Overdue,
  type ManifestMessage,
  type RequestMessage,
  type ResponseMessage,
  type MakeSnapshotMessage,
  type SnapshotMessage,
  type StartedFrom,
  type StartMessage,
  type StatusMessage,
  type StorageOperation,
  type ToWorker,
  type WarmMessage,
  type WireError,
} from '../protocol'
import { Cancels } from '../cancels'
import {
  DatabaseTools,
  prepareEngine,
  startEngine,
  type Beforehand,
  type Engine,
  type EngineHooks,
} from './engine'
import { interruptRegularly } from './interrupts'
import { fetchManifest } from './manifest'
import { memoryOf } from './pyodide'
import { loadPython, makeSnapshot, type Python } from './python'
import { DatabaseStorage } from './storage'
import { holdAliveLock, takeTabLock } from './tab-lock'

/** How far along each phase begins, in percent. Loading Python is most of the way. */
const BEGINS_AT: Record<BootPhase, number> = { lock: 0, storage: 5, python: 10, engine: 85, ready: 100 }

/** A reloaded page waits a moment for its own past self: nothing to tell anyone. */
const QUIET_WAIT_MS = 500

/** In a full storage: how often room is looked for, and how much is worth starting the engine anew. */
const ROOM_INTERVAL_MS = 2000
const WORTHWHILE_BYTES = 512 * 1024

/** How long an engine that could not be started for want of room is left alone. */
const PATIENCE_MS = 15_000

/** How often it is looked how much memory Python has. */
const MEMORY_INTERVAL_MS = 1000

/** How often the figures of the storage are looked up. */
const FIGURES_INTERVAL_MS = 60_000

/** What the engine needs to start again in this worker. */
interface Parts {
  storage: DatabaseStorage
  python: Python
  manifest: Manifest
  tools: DatabaseTools
}

interface Loaded {
  manifest: Manifest
  python: Python
}

/** The answer to a storage operation. */
interface Answer {
  result?: unknown
  files?: Blob[]
}

/**
 * The worker's side of the port: boots lock → storage → Python → engine → ready, then passes
 * requests to Python and its answers and events back. What is about the database as a whole it does
 * itself, and starts the engine anew where that replaces the database.
 */
export class EngineHost {
  readonly #post: (message: FromWorker) => void
  #asked: StartMessage | null = null
  /** Python, from when it was first wanted. */
  #loading: Promise<Loaded> | null = null
  #status: EngineStatus = BOOTING
  #phaseBegan = performance.now()
  #bootBegan = this.#phaseBegan
  /** When Python was first wanted, and when it was there: other phases go on meanwhile. */
  #loadBegan = 0
  #loadEnded = 0
  #parts: Parts | null = null
  #engine: Engine | null = null
  /** Requests that came while the engine was being started anew. */
  #held: RequestMessage[] = []
  /** Storage operations, one at a time. */
  #turns: Promise<unknown> = Promise.resolve()
  #wasChecked = false
  /** Counts engines: what one that was stopped still tells counts no more. */
  #starts = 0
  #cancels = new Cancels(null)
  #overdue: readonly Overdue[] = []
  /** Until then the lock is left to others. */
  #asideUntil = 0

  constructor(post: (message: FromWorker) => void) {
    this.#post = post
  }

  receive(message: ToWorker): void {
    if (message.type === 'start') void this.#start(message)
    else if (message.type === 'warm-up') void this.#warmUp()
    else if (message.type === 'make-snapshot') void this.#makeSnapshot(message)
    else if (message.type === 'stop') void this.#stop()
    else if (message.type === 'hand-over') void this.#handOver(message.between)
    else if (message.type === 'stand-aside') this.#asideUntil = performance.now() + message.forMs
    else if (isStorageOperation(message.operation)) void this.#answer(message, message.operation)
    else if (this.#status.error !== null) this.#refuse(message.id, new DurablyError(this.#status.error))
    else if (this.#engine === null) this.#held.push(message)
    else this.#engine.request(message)
  }

  // ---------------------------------------------------------------- boot

  async #start(message: StartMessage): Promise<void> {
    this.#status = { ...this.#status, epoch: message.epoch }
    this.#asked = message
    this.#bootBegan = performance.now()
    this.#cancels = new Cancels(message.cancels)
    this.#overdue = message.overdue
    try {
      await this.#boot(message)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The page knows by the worker's end that it is done. */
  async #stop(): Promise<void> {
    try {
      await this.#inTurn(() => this.#stopEngine())
    } finally {
      self.close()
    }
  }

  async #stopEngine(): Promise<void> {
    const engine = this.#engine
    // What is asked from here on is asked again of the next engine, by the page.
    this.#engine = null
    await engine?.stop()
  }

  async #handOver(between: Between): Promise<void> {
    try {
      const hasEnded = await this.#inTurn(async () => {
        if (this.#engine === null || !(await this.#engine.handOver(between))) return false
        await this.#stopEngine()
        return true
      })
      if (hasEnded) self.close()
      else this.#post({ type: 'kept' } satisfies KeptMessage)
    } catch {
      // Nobody would have the engine: the next worker finds out what is wrong.
      self.close()
    }
  }

  async #boot(message: StartMessage): Promise<void> {
    if (message.protocol !== PROTOCOL_VERSION) {
      throw new Error('This page and its worker are of different versions: reload the page.')
    }
    await holdAliveLock(message.aliveLock)
    this.#enter('lock')
    // What is in memory is this worker's alone.
    if (message.storage === 'opfs') {
      const standsAside = (): boolean => performance.now() < this.#asideUntil
      await this.#patiently(takeTabLock(message.database, standsAside))
    }
    this.#report({ role: 'leader' })
    this.#enter('storage')
    // Python is loaded meanwhile: the files are nothing that it needs to start.
    const loading = this.#load(message)
    loading.catch(() => undefined)
    const storage = await this.#patiently(openStorage(message))
    this.#enter('python')
    const { manifest, python } = await loading
    this.#tellVersions(manifest)
    this.#enter('engine')
    this.#parts = { storage, python, manifest, tools: new DatabaseTools(python) }
    setInterval(() => void this.#lookUpFigures(), FIGURES_INTERVAL_MS)
    setInterval(() => void this.#inTurn(() => this.#makeRoom()), ROOM_INTERVAL_MS)
    setInterval(() => this.#lookAtMemory(python), MEMORY_INTERVAL_MS)
    try {
      await this.#startEngine(this.#parts)
    } finally {
      this.#lookAtMemory(python)
      // What the first job need not wait for.
      void this.#inTurn(() => storage.tidy())
      void this.#lookUpFigures()
    }
  }

  /** A tab that follows does what it can beforehand. What fails is told when it takes over. */
  async #warmUp(): Promise<void> {
    if (this.#asked === null) return
    const loaded = await this.#load(this.#asked).catch(() => null)
    if (loaded === null) return
    prepareEngine(loaded.python, loaded.manifest)
    this.#post({ type: 'warm' } satisfies WarmMessage)
  }

  /** This worker does nothing else. */
  async #makeSnapshot({ protocol, runtimeUrl, manifest }: MakeSnapshotMessage): Promise<void> {
    try {
      if (protocol === PROTOCOL_VERSION) await makeSnapshot(runtimeUrl, manifest)
    } catch (error) {
      // The next start takes as long as this one, and tries again.
      console.warn('Python’s memory could not be kept for the next start.', error)
    }
    this.#post({ type: 'snapshot' } satisfies SnapshotMessage)
  }

  #load(message: StartMessage): Promise<Loaded> {
    this.#loading ??= this.#loadAnew(message)
    return this.#loading
  }

  async #loadAnew({ runtimeUrl, manifest: known, snapshot }: StartMessage): Promise<Loaded> {
    this.#loadBegan = performance.now()
    const manifest = known ?? (await fetchManifest(runtimeUrl))
    this.#post({ type: 'manifest', manifest } satisfies ManifestMessage)
    const watcher = {
      progress: (part: number) => this.#advance('python', part),
      startsFrom: (startedFrom: StartedFrom) => this.#report({ startedFrom }),
    }
    const python = await loadPython(runtimeUrl, manifest, watcher, snapshot)
    interruptRegularly(python, this.#cancels)
    this.#loadEnded = performance.now()
    return { manifest, python }
  }

  /** Says that something is waited for, should it take longer than a moment. */
  async #patiently<Result>(work: Promise<Result>): Promise<Result> {
    const timer = setTimeout(() => this.#report({ state: 'waiting' }), QUIET_WAIT_MS)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }

  async #startEngine(parts: Parts): Promise<void> {
    const beforehand = this.#takeBeforehand()
    try {
      this.#engine = await this.#startOn(parts, beforehand)
    } catch (error) {
      if (!(error instanceof DurablyError) || error.code !== 'storage_damaged') throw error
      await parts.storage.setAside(error.message)
      this.#engine = await this.#startOn(parts, beforehand)
    }
    this.#enter('ready')
    for (const message of this.#held.splice(0)) this.#engine.request(message)
  }

  async #startOn({ storage, python, manifest }: Parts, beforehand: Beforehand): Promise<Engine> {
    storage.unmount()
    // Lost handles can't be had back: this worker ends, the page starts another.
    storage.mount(python, () => self.close())
    const start = ++this.#starts
    const ifCurrent = (work: () => void): void => {
      if (start === this.#starts) work()
    }
    const hooks: EngineHooks = {
      respond: (id, ok, body) => this.#post({ type: 'response', id, ok, body } satisfies ResponseMessage),
      events: (body) => this.#post({ type: 'events', body } satisfies EventsMessage),
      paused: (body) => ifCurrent(() => this.#pause(body === '' ? null : (JSON.parse(body) as WireError))),
      damaged: () => ifCurrent(() => void this.#inTurn(() => this.#lookForDamage())),
      countFlushes: () => storage.walFlushes,
      cancelsAsked: () => this.#cancels.read(),
      limit: (body) => this.#post({ type: 'limit', body } satisfies LimitMessage),
    }
    return await startEngine(python, manifest, storage.path, hooks, beforehand)
  }

  /** A run that is to be cancelled must not be begun again before. */
  #takeBeforehand(): Beforehand {
    const first = this.#held.filter(({ operation }) => CANCELS.has(operation))
    this.#held = this.#held.filter((message) => !first.includes(message))
    const overdue = this.#overdue
    this.#overdue = []
    return { first, overdue }
  }

  // ---------------------------------------------------------------- the database as a whole

  async #answer({ id, body, file }: RequestMessage, operation: StorageOperation): Promise<void> {
    try {
      const { result, files } = await this.#inTurn(() => this.#carryOut(operation, body, file))
      await this.#lookUpFigures()
      const text = JSON.stringify(result ?? { success: true })
      this.#post({ type: 'response', id, ok: true, body: text, files } satisfies ResponseMessage)
    } catch (error) {
      this.#refuse(id, error)
    }
  }

  #refuse(id: number, error: unknown): void {
    const body = JSON.stringify(wireError(error))
    this.#post({ type: 'response', id, ok: false, body } satisfies ResponseMessage)
  }

  async #carryOut(operation: StorageOperation, body: string, file?: Blob): Promise<Answer> {
    const parts = this.#parts
    if (parts === null) throw new DurablyError(NOT_OPEN)
    const { storage, python, tools } = parts
    const { generation } = JSON.parse(body) as { generation: number }
    switch (operation) {
      case 'storage':
        return { result: await storage.getInfo() }
      case 'exportDatabase':
        if (this.#engine !== null) await this.#engine.pack()
        else tools.pack(storage.path)
        return { files: [storage.copy()] }
      case 'importDatabase': {
        const incoming = await storage.receive(python, file ?? new Blob(), (path) => tools.verify(path))
        await this.#restart(parts, () => storage.adopt(incoming))
        this.#wasChecked = false
        return {}
      }
      case 'clearStorage':
        await this.#restart(parts, () => storage.clear())
        this.#wasChecked = false
        return {}
      case 'exportSetAside':
        return { files: await storage.readSetAside(generation) }
      case 'deleteSetAside':
        await storage.deleteSetAside(generation)
        return {}
    }
  }

  /** Stops the engine, changes what is on disk, and starts it again on what is there then. */
  async #restart(parts: Parts, change: () => Promise<void>): Promise<void> {
    const engine = this.#engine
    this.#engine = null
    this.#starts += 1
    this.#phaseBegan = performance.now()
    this.#report({
      state: 'starting',
      phase: 'engine',
      percent: BEGINS_AT.engine,
      error: null,
      pause: null,
      epoch: this.#status.epoch + 1,
    })
    try {
      await engine?.stop()
      await change()
    } finally {
      await this.#startEngine(parts).catch((error: unknown) => this.#fail(error))
    }
  }

  /** Something in the database could not be read. Looked for once: it may be a table of a job's own. */
  async #lookForDamage(): Promise<void> {
    const parts = this.#parts
    if (parts === null || this.#engine === null || this.#wasChecked) return
    this.#wasChecked = true
    await this.#restart(parts, async () => {
      const damage = parts.tools.findDamage(parts.storage.path)
      if (damage?.code === 'storage_damaged') await parts.storage.setAside(damage.message)
    })
    await this.#lookUpFigures()
  }

  /** The engine deletes what it can do without; the browser gives the room back when the files are closed. */
  async #makeRoom(): Promise<void> {
    const parts = this.#parts
    if (parts === null) return
    const { pause, error } = this.#status
    const isWorthwhile = pause?.code === 'storage_full' && parts.storage.released >= WORTHWHILE_BYTES
    const isStuck = error?.code === 'storage_full' && performance.now() - this.#phaseBegan > PATIENCE_MS
    if (isWorthwhile || isStuck) await this.#restart(parts, () => parts.storage.reopen())
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turns.then(work)
    this.#turns = turn.catch(() => undefined)
    return turn
  }

  // ---------------------------------------------------------------- status

  #pause(pause: WireError | null): void {
    this.#report({ pause })
    void this.#lookUpFigures()
  }

  async #lookUpFigures(): Promise<void> {
    const storage = await this.#parts?.storage.getStatus().catch(() => null)
    if (storage !== null && storage !== undefined) this.#report({ storage })
  }

  #lookAtMemory(python: Python): void {
    const memory = memoryOf(python)
    if (memory !== this.#status.memory) this.#report({ memory })
  }

  #enter(phase: BootPhase): void {
    const now = performance.now()
    const done = BOOT_PHASES[BOOT_PHASES.indexOf(phase) - 1]
    const { timings, began } = this.#status
    const tookMs = done === 'python' ? this.#loadEnded - this.#loadBegan : now - this.#phaseBegan
    const at = phase === 'python' ? this.#loadBegan : now
    this.#phaseBegan = now
    this.#report({
      state: phase === 'ready' ? 'ready' : 'starting',
      phase,
      percent: BEGINS_AT[phase],
      timings: done === undefined ? {} : { ...timings, [done]: tookMs },
      began: phase === 'ready' ? began : { ...began, [phase]: at - this.#bootBegan },
    })
  }

  #tellVersions({ engine, build, pyodide }: Manifest): void {
    this.#report({ versions: { ...this.#status.versions, engine, build, pyodide: pyodide.version } })
  }

  /** `part` of a phase is done, from 0 to 1; said only while that phase is the current one. */
  #advance(phase: 'python', part: number): void {
    if (this.#status.phase !== phase) return
    this.#report({ percent: Math.round(BEGINS_AT[phase] + part * (BEGINS_AT.engine - BEGINS_AT[phase])) })
  }

  /** Where the database is open, this worker stays, so that the person can have it out. */
  #fail(error: unknown): void {
    if (this.#status.state === 'failed') return
    this.#held = []
    this.#report({ state: 'failed', error: wireError(error) })
  }

  #report(change: Partial<EngineStatus>): void {
    this.#status = { ...this.#status, ...change }
    this.#post({ type: 'status', status: this.#status } satisfies StatusMessage)
  }
}

const NOT_OPEN: WireError = { code: 'storage', status: 503, message: 'The database is not open yet.' }

async function openStorage({ storage: kind, database }: StartMessage): Promise<DatabaseStorage> {
  const folder = kind === 'opfs' ? await openOpfsFolder(database) : new MemoryFolder()
  return await DatabaseStorage.open(folder, kind, database, () => self.close())
}

function isStorageOperation(operation: string): operation is StorageOperation {
  return STORAGE_OPERATIONS.some((each) => each === operation)
}

function wireError(error: unknown): WireError {
  if (error instanceof DurablyError) return wireOf(error)
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'engine', status: 500, message: `The engine could not go on. ${message}` }
}
