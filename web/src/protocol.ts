/**
 * What page and engine say to each other: types, and the names that both list. One union per direction.
 *
 * JSON bodies cross the worker port as text: Python writes and reads them itself, so nothing is
 * converted twice on the way.
 */

import { version } from '../package.json'

/** Raised when a message changes its shape; a page never talks to a worker of another version. */
export const PROTOCOL_VERSION = 3

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

// ---------------------------------------------------------------- values

export type RunStatus = 'pending' | 'leased' | 'completed' | 'failed' | 'cancelled'
export type Disposition = 'created' | 'idempotent' | 'coalesced'

export interface Progress {
  current: number
  total?: number
  message?: string
}

/** A run as its clients see it. Times are ISO 8601 in UTC. */
export interface ClientRun<Input = Json, Output = Json> {
  id: string
  jobName: string
  status: RunStatus
  labels: Record<string, string>
  /** Absent in summaries (`view: 'summary'`). */
  input?: Input
  /** Absent in summaries; null until the run has completed. */
  output?: Output | null
  /** The message of the error that ended the run. */
  error: string | null
  errorType: string | null
  errorTraceback: string | null
  failedStepName: string | null
  progress: Progress | null
  currentStepIndex: number
  completedStepCount: number
  /** How often a worker has claimed this run. */
  attempt: number
  /** The run that this one repeats. */
  retriggeredFrom: string | null
  isTerminal: boolean
  isActive: boolean
  startedAt: string | null
  completedAt: string | null
  createdAt: string
}

export interface Step {
  id: string
  runId: string
  name: string
  index: number
  status: 'completed' | 'failed' | 'cancelled'
  output: Json
  error: string | null
  startedAt: string
  completedAt: string
  /** Of the application, which executed it. Null where the engine was not told its name. */
  build: string | null
}

export interface LogEntry {
  id: string
  runId: string
  stepName: string | null
  level: 'info' | 'warn' | 'error'
  message: string
  data: Json
  createdAt: string
}

export interface JobInfo {
  name: string
  /** What the job was registered as: each of them is as good as its name. */
  keys: string[]
  description: string | null
  inputSchema: { [key: string]: Json }
  outputSchema: { [key: string]: Json } | null
}

/** One fault in an input: `path` leads to the field. */
export interface Issue {
  path: (string | number)[]
  message: string
}

/** An error that crossed the wire. `message` is a sentence for people. */
export interface WireError {
  code: string
  status: number
  message: string
  issues?: Issue[]
}

// ---------------------------------------------------------------- events

interface EventBase {
  /** Position in the database's log of events, from 1 up; 0 for what is not in the log, or not yet. */
  sequence: number
  timestamp: string
}

interface RunEventBase extends EventBase {
  runId: string
  jobName: string
  labels: Record<string, string>
}

interface StepEnd {
  stepName: string
  stepIndex: number
  /** Of the application, which executed it. Null, or missing, where the engine was not told its name. */
  build?: string | null | undefined
}

/** Engine events as the page receives them: without inputs and outputs, which may be large. */
export type EngineEvent =
  | (RunEventBase & { type: 'run:trigger' })
  | (RunEventBase & { type: 'run:coalesced'; skippedLabels: Record<string, string> })
  | (RunEventBase & { type: 'run:leased'; leaseOwner: string; leaseExpiresAt: string; attempt: number })
  | (RunEventBase & { type: 'run:lease-renewed'; leaseOwner: string; leaseExpiresAt: string })
  | (RunEventBase & { type: 'run:progress'; progress: Progress })
  | (RunEventBase & { type: 'run:requeue'; reason: 'expired' | 'released'; attempt: number })
  | (RunEventBase & { type: 'run:complete'; duration: number })
  | (RunEventBase & { type: 'run:fail'; error: string; failedStepName: string | null })
  | (RunEventBase & { type: 'run:cancel' })
  | (RunEventBase & { type: 'run:stop' })
  | (RunEventBase & { type: 'run:delete'; reason: 'deleted' | 'purged' })
  | (RunEventBase & { type: 'step:start'; stepName: string; stepIndex: number })
  | (RunEventBase & { type: 'step:complete'; duration: number } & StepEnd)
  | (RunEventBase & { type: 'step:fail'; error: string } & StepEnd)
  | (RunEventBase & { type: 'step:cancel' } & StepEnd)
  | (RunEventBase & {
      type: 'log:write'
      id: string
      createdAt: string
      stepName: string | null
      level: LogEntry['level']
      message: string
      data: Json
    })
  | (EventBase & { type: 'worker:error'; code: string; error: string; context: string; runId: string | null })
  | (EventBase & { type: 'worker:pause'; code: string; error: string })
  | (EventBase & { type: 'worker:resume' })
  | (EventBase & { type: 'worker:unknown-job'; jobName: string; waiting: number })

export type EngineEventType = EngineEvent['type']
/** What happened to a run. */
export type RunEvent = Extract<EngineEvent, { runId: string; jobName: string }>

/** Which events are heard. All that is given must match. */
export interface EventFilter {
  runId?: string | undefined
  jobName?: string | readonly string[] | undefined
  labels?: Record<string, string> | undefined
}

// ---------------------------------------------------------------- status of the engine

/** What the worker does on its way to the first job, in this order. */
export const BOOT_PHASES = ['lock', 'storage', 'python', 'engine', 'ready'] as const
export type BootPhase = (typeof BOOT_PHASES)[number]

export interface EngineStatus {
  /**
   * `starting`: booting; `waiting`: another tab holds the database, this one takes over when it
   * goes; `ready`; `offline`: the server can't be reached, which is tried again and again; `failed`:
   * see `error`; `closed`: the client was closed.
   */
  state: 'starting' | 'waiting' | 'ready' | 'offline' | 'failed' | 'closed'
  /** `leader`: this tab's worker is the engine; `follower`: another tab's is; `remote`: a server is. Null until that is known. */
  role: 'leader' | 'follower' | 'remote' | null
  versions: Versions
  phase: BootPhase
  /** 0 to 100. */
  percent: number
  /** Milliseconds that each finished phase took, from its own beginning: Python is loaded while the storage is opened. */
  timings: Partial<Record<BootPhase, number>>
  /** How many milliseconds after the first one each phase began. */
  began: Partial<Record<BootPhase, number>>
  /** From what Python started: its memory as it was kept on this device, or its files, as at a first visit. Null: it has not. */
  startedFrom: StartedFrom | null
  error: WireError | null
  /** Why no run is begun at the moment, though the engine is ready: `storage_full` above all. It tries again by itself. */
  pause: WireError | null
  /** While `waiting`: what keeps this tab from the engine, and what to do about it. */
  blocker: WireError | null
  /** Null until the database is open. */
  storage: StorageStatus | null
  /** Bytes of memory that Python has, and never gives back. Null: it is not up. */
  memory: number | null
  /** Counts the engine's starts: a higher number means that it was restarted. */
  epoch: number
}

export type StartedFrom = 'snapshot' | 'files'

/** What talks to what; null as long as that is not known. */
export interface Versions {
  client: string
  engine: string | null
  /** Hash over the Python runtime that the page loads, the jobs included. */
  build: string | null
  pyodide: string | null
}

/** The status of an engine that begins to boot. */
export const BOOTING: EngineStatus = {
  state: 'starting',
  role: null,
  versions: { client: version, engine: null, build: null, pyodide: null },
  phase: 'lock',
  percent: 0,
  timings: {},
  began: {},
  startedFrom: null,
  error: null,
  pause: null,
  blocker: null,
  storage: null,
  memory: null,
  epoch: 0,
}

/** `memory` lasts as long as the worker, and only for an app that asked for it. */
export type StorageKind = 'opfs' | 'memory'

export interface StorageStatus {
  kind: StorageKind
  /** Bytes that this site stores in all, and that it may store, as the browser estimates them. */
  usage: number | null
  quota: number | null
  /** Whether the browser deletes the data only when the person says so. */
  isPersisted: boolean
  /** Databases that are no longer used, kept for the person. */
  setAside: SetAsideDatabase[]
}

/** A database that was found damaged. `generation` names it. */
export interface SetAsideDatabase {
  generation: number
  at: string
  reason: string
  bytes: number
}

// ---------------------------------------------------------------- operations

export interface TriggerOptions {
  idempotencyKey?: string | undefined
  /** How long the idempotency key holds, in milliseconds. Default: as long as its run exists. */
  idempotencyTtlMs?: number | undefined
  concurrencyKey?: string | undefined
  /** What to do when a run of the job waits with that concurrency key: be content with it, or give it the new input. */
  coalesce?: 'skip' | 'queue' | undefined
  labels?: Record<string, unknown> | undefined
}

export interface TriggerResult {
  runId: string
  disposition: Disposition
}

/** What became of one of several runs. */
export type RunOutcome =
  /** `newRunId`: the run that repeats it, when it was retriggered. */
  | { runId: string; success: true; newRunId?: string }
  | { runId: string; success: false; error: string; code: string }

export interface RunFilter {
  jobName?: string | readonly string[] | undefined
  status?: RunStatus | readonly RunStatus[] | undefined
  /** All of them must match. */
  labels?: Record<string, string> | undefined
  limit?: number | undefined
  offset?: number | undefined
  /** The id of the last run of the page before. */
  cursor?: string | undefined
  /** `summary` leaves out input and output. */
  view?: 'full' | 'summary' | undefined
}

export type QueryParameters = Json[] | { [name: string]: Json }

export interface QueryResult {
  columns: string[]
  /** Bytes are in base64. */
  rows: Json[][]
  /** Whether there are more rows than were asked for. */
  truncated: boolean
}

/** How runs that ended within some time ended. */
export interface Outcomes {
  completed: number
  failed: number
  cancelled: number
  /** What half of those that completed took at most, from when they were first begun; null: none completed. */
  durationP50Ms: number | null
  durationP95Ms: number | null
}

export interface JobStats extends Outcomes {
  jobName: string
  /** At this moment. */
  pending: number
  leased: number
  /** When the run that has waited longest was triggered. */
  oldestPendingAt: string | null
  /** Oldest first. Those in which no run ended are left out. */
  buckets: (Outcomes & { at: string })[]
}

/** How the runs of each job ended within some time, and what waits now. */
export interface Stats {
  since: string
  /** Not itself in it. */
  until: string
  bucketMs: number
  /** By name. Jobs of which no run ended, waits or executes are left out. */
  jobs: JobStats[]
}

export interface StatsInput extends Pick<RunFilter, 'jobName' | 'status' | 'labels'> {
  since: string
  until?: string | undefined
  bucketMs?: number | undefined
}

/** An empty object. */
export type NoInput = Record<string, never>

/** Every operation of the engine: what goes in and what comes out. */
export interface Operations {
  jobs: { in: NoInput; out: JobInfo[] }
  trigger: { in: { jobName: string; input: unknown } & TriggerOptions; out: TriggerResult }
  batchTrigger: {
    in: { jobName: string; items: ({ input: unknown } & TriggerOptions)[] }
    out: TriggerResult[]
  }
  getRun: { in: { runId: string } & Pick<RunFilter, 'view'>; out: ClientRun }
  getRuns: { in: RunFilter; out: ClientRun[] }
  countRuns: { in: Pick<RunFilter, 'jobName' | 'status' | 'labels'>; out: Record<RunStatus, number> }
  getStats: { in: StatsInput; out: Stats }
  getEvents: {
    in: { after?: number; runId?: string; types?: EngineEventType[]; limit?: number }
    out: EngineEvent[]
  }
  getSteps: { in: { runId: string }; out: Step[] }
  getLogs: { in: { runId: string }; out: LogEntry[] }
  getRetriggers: { in: { runId: string }; out: ClientRun[] }
  query: { in: { sql: string; parameters?: QueryParameters; limit?: number }; out: QueryResult }
  cancel: { in: { runId: string }; out: { success: true } }
  retrigger: { in: { runId: string }; out: { success: true; runId: string } }
  deleteRun: { in: { runId: string }; out: { success: true } }
  cancelRuns: { in: { runIds: string[] }; out: RunOutcome[] }
  retriggerRuns: { in: { runIds: string[] }; out: RunOutcome[] }
  deleteRuns: { in: { runIds: string[] }; out: RunOutcome[] }
  purgeRuns: { in: { olderThan: string; limit?: number }; out: { deleted: number } }
  storage: { in: NoInput; out: StorageInfo }
  exportDatabase: { in: NoInput; out: Blob[] }
  importDatabase: { in: NoInput; out: { success: true } }
  clearStorage: { in: NoInput; out: { success: true } }
  exportSetAside: { in: { generation: number }; out: File[] }
  deleteSetAside: { in: { generation: number }; out: { success: true } }
}
export type OperationName = keyof Operations

/** Carried out before any run is begun, should they be asked for while the engine starts. */
export const CANCELS: ReadonlySet<OperationName> = new Set(['cancel', 'cancelRuns'])

/** Those that are about the database as a whole: they work also when the engine could not be started. */
export const STORAGE_OPERATIONS = [
  'storage',
  'exportDatabase',
  'importDatabase',
  'clearStorage',
  'exportSetAside',
  'deleteSetAside',
] as const satisfies OperationName[]
export type StorageOperation = (typeof STORAGE_OPERATIONS)[number]

export interface StorageInfo extends StorageStatus {
  /** Tabs that have this database open: one leads, the others follow. Null where the browser does not tell. */
  tabs: number | null
  /** What reached the database's files since the engine started, by name, e.g. `main.db-wal`. */
  files: Record<
    string,
    { flushes: number; writes: number; bytesWritten: number; bytes: number; bytesReleased: number }
  >
}

// ---------------------------------------------------------------- worker port

/** What the bundler wrote: `manifest.json` in the runtime folder. Paths are relative to it. */
export interface Manifest {
  manifestVersion: 2
  /** Version of the Python package. */
  engine: string
  /** Hash over everything that was built. */
  build: string
  pyodide: { version: string; url: string }
  /** The part of the standard library that is fetched when one of its modules is imported first. Null: there is none. */
  library: { path: string; modules: string[] } | null
  /** To unpack side by side: packages, engine, and last of all the jobs. */
  archives: string[]
  /** Name of the Python module that defines the jobs. */
  jobsModule: string
  /** As the engine will tell of them. Null: who built this could not say. */
  jobs: JobInfo[] | null
  /** Options of `create_durably`. */
  options: Record<string, unknown>
  /** Of all that is packed. The texts are in `licenses.txt`. */
  licenses: { name: string; version: string; license: string; page?: true }[]
  /** Every file that belongs together, by its path. */
  files: Record<string, { bytes: number; integrity: string }>
}

export interface StartMessage {
  type: 'start'
  protocol: number
  /** Absolute address of the folder that holds `manifest.json`. */
  runtimeUrl: string
  /** What an earlier worker of this page was told: the page stays with it, whatever is deployed meanwhile. */
  manifest: Manifest | null
  /** Name of the database. */
  database: string
  storage: StorageKind
  epoch: number
  /** The worker holds a Web Lock of this name for life: the page notices by it that the worker has died. */
  aliveLock: string
  /** See `Cancels`. Null: the page is not isolated. */
  cancels: SharedArrayBuffer | null
  /** The worker before this one was ended because their code did not stop: they fail. */
  overdue: Overdue[]
  snapshot: SnapshotUse
}

/** Whether Python's memory of an earlier start is taken. `refuse`: a start from it went wrong, it is removed for good. */
export type SnapshotUse = 'use' | 'refuse' | 'ignore'

/** Start Python, keep its memory for later starts, and end. */
export interface MakeSnapshotMessage {
  type: 'make-snapshot'
  protocol: number
  runtimeUrl: string
  manifest: Manifest
}

/** A run, or a step of it, that took longer than it may. */
export interface Overdue {
  runId: string
  /** Later attempts are none of its business. */
  attempt: number
  /** Null: the run itself. */
  stepName: string | null
  timeoutMs: number
}

export interface RequestMessage {
  type: 'request'
  id: number
  /** Names what is asked for, also when it is sent again to another engine: it is carried out once. */
  command: string
  /** An engine that is gone was asked before, and may have carried it out. */
  isRepeated: boolean
  operation: OperationName
  /** JSON text. */
  body: string
  /** What `importDatabase` imports. */
  file?: Blob | undefined
}

/** Start Python already, while another tab has the database: taking over is quick then. */
export interface WarmUpMessage {
  type: 'warm-up'
}

/** Give back what executes, and end. */
export interface StopMessage {
  type: 'stop'
}

/** The same, but cut off no step, or no run: where one takes long, the engine goes on, and says so (`KeptMessage`). */
export interface HandOverMessage {
  type: 'hand-over'
  between: Between
}
export type Between = 'steps' | 'runs'

/** Leave the lock to another worker that waits for it, for so long. */
export interface StandAsideMessage {
  type: 'stand-aside'
  forMs: number
}

export type ToWorker =
  | StartMessage
  | WarmUpMessage
  | RequestMessage
  | StopMessage
  | HandOverMessage
  | StandAsideMessage
  | MakeSnapshotMessage

export interface StatusMessage {
  type: 'status'
  status: EngineStatus
}

export interface ResponseMessage {
  type: 'response'
  id: number
  ok: boolean
  /** JSON text: the result, or a `WireError`. */
  body: string
  /** The result of an operation that gives files. */
  files?: Blob[] | undefined
}

export interface EventsMessage {
  type: 'events'
  /** JSON text: an array of `EngineEvent`, oldest first. */
  body: string
}

/** A run, or a step of it, may take so long (`begun`), was told that the time is over (`heard`), has ended. */
export interface LimitMessage {
  type: 'limit'
  /** JSON text: a `Limit`. */
  body: string
}
export type Limit = Overdue & { state: 'begun' | 'heard' | 'ended' }

/** Which runtime this page has from now on. */
export interface ManifestMessage {
  type: 'manifest'
  manifest: Manifest
}

/** Python is up: taking over is quick now. */
export interface WarmMessage {
  type: 'warm'
}

/** What executes takes too long for a hand-over: the engine goes on. */
export interface KeptMessage {
  type: 'kept'
}

/** The snapshot was made, or could not be. */
export interface SnapshotMessage {
  type: 'snapshot'
}

export type FromWorker =
  | StatusMessage
  | ResponseMessage
  | EventsMessage
  | LimitMessage
  | ManifestMessage
  | WarmMessage
  | KeptMessage
  | SnapshotMessage
