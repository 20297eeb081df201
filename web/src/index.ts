export { createDurably } from './client'
export type { AnyJobs, DatabaseStorage, Durably, DurablyOptions, JobHandle, JobTypes } from './client'
export { DurablyError } from './errors'
export { BOOT_PHASES } from './protocol'
export type {
  BootPhase,
  ClientRun,
  Disposition,
  EngineEvent,
  EngineEventType,
  EngineStatus,
  Issue,
  JobInfo,
  Json,
  LogEntry,
  Progress,
  QueryParameters,
  QueryResult,
  RunFilter,
  RunStatus,
  Step,
  SetAsideDatabase,
  StorageInfo,
  StorageKind,
  StorageStatus,
  TriggerOptions,
  TriggerResult,
} from './protocol'
