export { createDurably } from './client'
export type { AnyJobs, Durably, DurablyOptions, JobHandle, JobTypes } from './client'
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
  StorageInfo,
  TriggerOptions,
  TriggerResult,
} from './protocol'
