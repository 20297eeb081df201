import type { Manifest } from './manifest'
import { DATABASE_FOLDER, type Python } from './python'

/** What Python calls. All bodies are JSON text. */
export interface EngineCallbacks {
  respond: (id: number, ok: boolean, body: string) => void
  events: (body: string) => void
  /** The engine could not be started; the body is a `WireError`. */
  failed: (body: string) => void
}

export interface Engine {
  /** Answers through `respond`. */
  request(id: number, operation: string, body: string): void
}

interface BridgeModule {
  start(
    databasePath: string,
    jobsModule: string,
    options: string,
    respond: EngineCallbacks['respond'],
    events: EngineCallbacks['events'],
    failed: EngineCallbacks['failed'],
  ): Promise<BridgeProxy>
}

interface BridgeProxy {
  request(id: number, operation: string, body: string): void
}

/** Starts the Python engine on the mounted database. */
export async function startEngine(
  python: Python,
  manifest: Manifest,
  database: string,
  callbacks: EngineCallbacks,
): Promise<Engine> {
  const bridge = python.pyodide.pyimport('spa_runtime.bridge') as BridgeModule
  return await bridge.start(
    `${DATABASE_FOLDER}/${database}.db`,
    manifest.jobsModule,
    JSON.stringify(manifest.options),
    callbacks.respond,
    callbacks.events,
    callbacks.failed,
  )
}
