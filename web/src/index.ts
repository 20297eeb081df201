export { createDurably } from './client'
export type {
  BatchItem,
  CallOptions,
  DatabaseStorage,
  Durably,
  DurablyOptions,
  EventQuery,
  JobHandle,
  JobHandles,
  RunCountFilter,
  RunResult,
  SpaOptions,
  StatsQuery,
  SubscribeOptions,
  TriggerAndWaitOptions,
  TriggerCallOptions,
} from './client'
export { DurablyError, RunFailedError } from './errors'
export type {
  AnyJobs,
  InputOf,
  JobName,
  JobType,
  OutputOf,
  Register,
  RegisteredJobs,
  RunOf,
} from './job-types'
export { BOOT_PHASES } from './protocol'
export type {
  BootPhase,
  ClientRun,
  Disposition,
  EngineEvent,
  EngineEventType,
  EngineStatus,
  EventFilter,
  Issue,
  JobInfo,
  JobStats,
  Json,
  LogEntry,
  Outcomes,
  Progress,
  QueryParameters,
  QueryResult,
  RunEvent,
  RunFilter,
  RunOutcome,
  RunStatus,
  SetAsideDatabase,
  Stats,
  Step,
  StorageInfo,
  StorageKind,
  StorageStatus,
  TriggerOptions,
  TriggerResult,
  Versions,
} from './protocol'
export type { BrowserOptions } from './transports/browser'
export type { HttpOptions } from './transports/http'
export type { RunCallbacks, WaitOptions } from './waiting'
