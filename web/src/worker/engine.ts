import { DurablyError } from '../errors'
import type { Between, Manifest, Overdue, RequestMessage, WireError } from '../protocol'
import type { Python } from './pyodide'

/** What Python calls. All bodies are JSON text. */
export interface EngineHooks {
  respond: (id: number, ok: boolean, body: string) => void
  events: (body: string) => void
  /** No run is begun: the body is a `WireError`. `""`: they are begun again. */
  paused: (body: string) => void
  /** The database turned out to be damaged; the body is a `WireError`. */
  damaged: (body: string) => void
  /** How often the WAL was flushed. */
  countFlushes: () => number
  /** Ids of runs, one in each line: their code is to stop in the middle of what it does. */
  cancelsAsked: () => string
  /** The body is a `Limit`. */
  limit: (body: string) => void
}

/** What is done before any run is begun. */
export interface Beforehand {
  first: readonly RequestMessage[]
  overdue: readonly Overdue[]
}

export interface Engine {
  /** Answers through `respond`. */
  request(message: RequestMessage): void
  /** Brings the database's file up to date, for a copy. */
  pack(): Promise<void>
  /** What executes is given back, and the database is closed. */
  stop(): Promise<void>
  /** What executes is given back between two steps, or has ended. False: it takes too long, and the engine goes on. */
  handOver(between: Between): Promise<boolean>
}

/** How long a hand-over waits for a step that executes, and for the runs: no other is begun meanwhile. */
const HAND_OVER_MS: Record<Between, number> = { steps: 2000, runs: 500 }

interface BridgeModule {
  prepare(jobsModule: string): void
  start(
    databasePath: string,
    jobsModule: string,
    options: string,
    hooks: EngineHooks & { failed: (body: string) => void },
    first: string,
    overdue: string,
  ): Promise<BridgeProxy>
}

interface BridgeProxy {
  request(id: number, operation: string, body: string, command: string, isRepeated: boolean): void
  pack(): Promise<string>
  stop(): Promise<void>
  hand_over(timeoutMs: number, between: Between): Promise<boolean>
}

/** `spa_runtime.storage`. Each function answers with the JSON text of a `WireError`, or with `""`. */
interface StorageModule {
  pack(path: string): string
  check(path: string): string
  verify(path: string): string
}

/** Imports engine and jobs, which takes a while. */
export function prepareEngine(python: Python, manifest: Manifest): void {
  const module = python.pyodide.pyimport('spa_runtime.bridge') as BridgeModule
  module.prepare(manifest.jobsModule)
}

/** Starts the Python engine on the mounted database. */
export async function startEngine(
  python: Python,
  manifest: Manifest,
  databasePath: string,
  hooks: EngineHooks,
  { first, overdue }: Beforehand,
): Promise<Engine> {
  let failure = ''
  const bridge = await (async () => {
    try {
      const module = python.pyodide.pyimport('spa_runtime.bridge') as BridgeModule
      const options = JSON.stringify({ ...manifest.options, build: manifest.build })
      const failed = (body: string) => (failure = body)
      return await module.start(
        databasePath,
        manifest.jobsModule,
        options,
        { ...hooks, failed },
        JSON.stringify(first.map(argumentsOf)),
        JSON.stringify(
          overdue.map(({ runId, attempt, stepName, timeoutMs }) => [runId, attempt, stepName, timeoutMs]),
        ),
      )
    } catch (error) {
      expectNoError(failure)
      throw error
    }
  })()
  return {
    request: (message) => bridge.request(...argumentsOf(message)),
    pack: async () => expectNoError(await bridge.pack()),
    stop: () => bridge.stop(),
    handOver: (between) => bridge.hand_over(HAND_OVER_MS[between], between),
  }
}

function argumentsOf({ id, operation, body, command, isRepeated }: RequestMessage) {
  return [id, operation, body, command, isRepeated] as const
}

/** What is done with a database that no engine has open. */
export class DatabaseTools {
  readonly #module: StorageModule

  constructor(python: Python) {
    this.#module = python.pyodide.pyimport('spa_runtime.storage') as StorageModule
  }

  /** Brings the file up to date, for a copy. */
  pack(path: string): void {
    expectNoError(this.#module.pack(path))
  }

  /** What damage there is, or null. */
  findDamage(path: string): WireError | null {
    return parsed(this.#module.check(path))
  }

  /** Throws unless an engine can go on with this database. */
  verify(path: string): void {
    expectNoError(this.#module.verify(path))
  }
}

function parsed(body: string): WireError | null {
  return body === '' ? null : (JSON.parse(body) as WireError)
}

function expectNoError(body: string): void {
  const error = parsed(body)
  if (error !== null) throw new DurablyError(error)
}
