import { DurablyError } from '../errors'
import { openHandles } from '../opfs/handles'
import type { OpfsFileSystem } from '../opfs/file-system'
import {
  BOOT_PHASES,
  PROTOCOL_VERSION,
  type BootPhase,
  type EngineStatus,
  type EventsMessage,
  type FromWorker,
  type RequestMessage,
  type ResponseMessage,
  type StartMessage,
  type StatusMessage,
  type ToWorker,
  type WireError,
} from '../protocol'
import { startEngine, type Engine } from './engine'
import { fetchManifest } from './manifest'
import { loadPython, mountDatabase } from './python'
import { holdAliveLock, takeTabLock } from './tab-lock'

/** How far along each phase begins, in percent. Loading Python is most of the way. */
const BEGINS_AT: Record<BootPhase, number> = { lock: 0, storage: 5, python: 10, engine: 85, ready: 100 }

/**
 * The worker's side of the port: boots lock → storage → Python → engine → ready, then passes
 * requests to Python and its answers and events back.
 */
export class EngineHost {
  readonly #post: (message: FromWorker) => void
  #status: EngineStatus = {
    state: 'starting',
    phase: 'lock',
    percent: 0,
    timings: {},
    error: null,
    epoch: 0,
  }
  #phaseBegan = performance.now()
  #engine: Engine | null = null
  #fileSystem: OpfsFileSystem | null = null

  constructor(post: (message: FromWorker) => void) {
    this.#post = post
  }

  receive(message: ToWorker): void {
    if (message.type === 'start') void this.#start(message)
    else if (this.#engine !== null) this.#handle(this.#engine, message)
  }

  async #start(message: StartMessage): Promise<void> {
    this.#status = { ...this.#status, epoch: message.epoch }
    try {
      await this.#boot(message)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #boot(message: StartMessage): Promise<void> {
    if (message.protocol !== PROTOCOL_VERSION) {
      throw new Error('This page and its worker are of different versions: reload the page.')
    }
    await holdAliveLock(message.aliveLock)
    this.#enter('lock')
    await takeTabLock(message.database, () => this.#report({ state: 'waiting' }))
    this.#enter('storage')
    // Python is loaded meanwhile: the files are nothing that it needs to start.
    const loading = fetchManifest(message.runtimeUrl).then(async (manifest) => ({
      manifest,
      python: await loadPython(message.runtimeUrl, manifest, (part) => this.#advance('python', part)),
    }))
    loading.catch(() => undefined)
    const handles = await openHandles(message.database)
    this.#enter('python')
    const { manifest, python } = await loading
    this.#enter('engine')
    // Lost handles can't be had back: this worker ends, the page starts another.
    this.#fileSystem = mountDatabase(python, handles, () => self.close())
    this.#engine = await startEngine(python, manifest, message.database, {
      respond: (id, ok, body) => this.#post({ type: 'response', id, ok, body } satisfies ResponseMessage),
      events: (body) => this.#post({ type: 'events', body } satisfies EventsMessage),
      failed: (body) => this.#fail(new DurablyError(JSON.parse(body) as WireError)),
    })
    this.#enter('ready')
  }

  #handle(engine: Engine, { id, operation, body }: RequestMessage): void {
    if (operation === 'storage') {
      const answer = JSON.stringify({ files: this.#fileSystem?.counters ?? {} })
      this.#post({ type: 'response', id, ok: true, body: answer } satisfies ResponseMessage)
    } else {
      engine.request(id, operation, body)
    }
  }

  #enter(phase: BootPhase): void {
    const now = performance.now()
    const done = BOOT_PHASES[BOOT_PHASES.indexOf(phase) - 1]
    const timings = done === undefined ? {} : { ...this.#status.timings, [done]: now - this.#phaseBegan }
    this.#phaseBegan = now
    this.#report({
      state: phase === 'ready' ? 'ready' : 'starting',
      phase,
      percent: BEGINS_AT[phase],
      timings,
    })
  }

  /** `part` of a phase is done, from 0 to 1; said only while that phase is the current one. */
  #advance(phase: 'python', part: number): void {
    if (this.#status.phase !== phase) return
    this.#report({ percent: Math.round(BEGINS_AT[phase] + part * (BEGINS_AT.engine - BEGINS_AT[phase])) })
  }

  /** The page ends this worker when it hears of an error, and with it lock and handles. */
  #fail(error: unknown): void {
    if (this.#status.state === 'failed') return
    this.#report({ state: 'failed', error: wireError(error) })
  }

  #report(change: Partial<EngineStatus>): void {
    this.#status = { ...this.#status, ...change }
    this.#post({ type: 'status', status: this.#status } satisfies StatusMessage)
  }
}

function wireError(error: unknown): WireError {
  if (error instanceof DurablyError) {
    return { code: error.code, status: error.status, message: error.message }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'engine', status: 500, message: `The engine could not go on. ${message}` }
}
