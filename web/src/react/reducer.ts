import type { ClientRun, EngineEvent, JobInfo, LogEntry, RunStatus, Step } from '../protocol'
import type { LiveAction } from './live-store'

// Every state change of the hooks happens here. Events may be heard twice, late, or before the
// snapshot that already contains them: a change must only ever move a run forward.

type RunEvent = Extract<EngineEvent, { runId: string; jobName: string }>
type EventOf<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>

export interface JobsState {
  status: 'loading' | 'ready' | 'failed'
  jobs: readonly JobInfo[]
  error: Error | null
}

export interface RunsState {
  status: 'loading' | 'ready' | 'failed'
  /** Newest first. */
  runs: readonly ClientRun[]
  error: Error | null
}

/** A step whose function is being called now. */
export interface RunningStep {
  name: string
  index: number
  startedAt: string
}

export interface RunState {
  /** `idle`: no run was asked for; `not-found`: it does not exist, or no longer. */
  status: 'idle' | 'loading' | 'ready' | 'not-found' | 'failed'
  run: ClientRun | null
  steps: readonly Step[]
  runningSteps: readonly RunningStep[]
  logs: readonly LogEntry[]
  error: Error | null
}

export interface RunSnapshot {
  run: ClientRun
  steps: readonly Step[]
  logs: readonly LogEntry[]
}

/** A run may log without end; the page shows the newest lines. */
const MOST_LOGS = 1000

/** Begins the id of a step made from an event, until the engine's own record takes its place. */
const EVENT_ID = 'event-'

export const NO_JOBS: JobsState = { status: 'loading', jobs: [], error: null }
export const NO_RUNS: RunsState = { status: 'loading', runs: [], error: null }
export const NO_RUN: RunState = {
  status: 'idle',
  run: null,
  steps: [],
  runningSteps: [],
  logs: [],
  error: null,
}

// ---------------------------------------------------------------- jobs

export function reduceJobs(state: JobsState, action: LiveAction<readonly JobInfo[]>): JobsState {
  switch (action.type) {
    case 'loaded':
      return { status: 'ready', jobs: action.snapshot, error: null }
    case 'load-failed':
      return { ...state, status: 'failed', error: action.error }
    case 'heard':
      return state
  }
}

// ---------------------------------------------------------------- list of runs

export function reduceRuns(
  state: RunsState,
  action: LiveAction<readonly ClientRun[]>,
  limit: number,
): RunsState {
  switch (action.type) {
    case 'loaded':
      return {
        status: 'ready',
        runs: listed(action.snapshot, action.since.map(dropOlderProgress(action.snapshot)), limit),
        error: null,
      }
    case 'load-failed':
      return { ...state, status: 'failed', error: action.error }
    case 'heard': {
      const runs = listed(state.runs, action.events, limit)
      return runs === state.runs ? state : { ...state, runs }
    }
  }
}

function listed(
  before: readonly ClientRun[],
  events: readonly (EngineEvent | null)[],
  limit: number,
): readonly ClientRun[] {
  let runs = before
  for (const event of events) {
    if (event === null || !isRunEvent(event)) continue
    const known = runs.find((run) => run.id === event.runId)
    if (event.type === 'run:delete') {
      if (known !== undefined) runs = runs.filter((run) => run !== known)
    } else if (known !== undefined) {
      const moved = moveRun(known, event)
      if (moved !== known) runs = runs.map((run) => (run === known ? moved : run))
    } else if (event.type === 'run:trigger') {
      runs = insertRun(runs, triggeredRun(event), limit)
    }
  }
  return runs
}

/** By time, not simply in front: a replayed trigger may be older than the runs of the snapshot. */
function insertRun(runs: readonly ClientRun[], run: ClientRun, limit: number): readonly ClientRun[] {
  const older = runs.findIndex((other) => other.createdAt <= run.createdAt)
  const at = older === -1 ? runs.length : older
  return [...runs.slice(0, at), run, ...runs.slice(at)].slice(0, limit)
}

function dropOlderProgress(snapshot: readonly ClientRun[]): (event: EngineEvent) => EngineEvent | null {
  return (event) => {
    const run = event.type === 'run:progress' ? snapshot.find(({ id }) => id === event.runId) : undefined
    return run !== undefined && isOlderProgress(run, event) ? null : event
  }
}

/** Progress carries no order of its own; of two reports around a snapshot the higher is the later. */
function isOlderProgress(run: ClientRun, event: EngineEvent): boolean {
  return (
    event.type === 'run:progress' && run.progress !== null && event.progress.current < run.progress.current
  )
}

// ---------------------------------------------------------------- one run

export function reduceRun(state: RunState, action: LiveAction<RunSnapshot>, runId: string): RunState {
  switch (action.type) {
    case 'loaded':
      return action.since.reduce(
        (current, event) =>
          isOlderProgress(action.snapshot.run, event) ? current : moveDetail(current, event, runId),
        loadedRun(state, action.snapshot),
      )
    case 'load-failed':
      return isNotFound(action.error)
        ? { ...NO_RUN, status: 'not-found' }
        : { ...state, status: 'failed', error: action.error }
    case 'heard':
      return action.events.reduce((current, event) => moveDetail(current, event, runId), state)
  }
}

function loadedRun(state: RunState, { run, steps, logs }: RunSnapshot): RunState {
  // The engine may drop the steps of a run that ended; those seen live stay on the screen.
  const keepsSteps = run.isTerminal && steps.length === 0
  const isSameAttempt = !run.isTerminal && run.attempt === state.run?.attempt
  return {
    status: 'ready',
    run,
    steps: keepsSteps ? state.steps : steps,
    runningSteps: isSameAttempt ? state.runningSteps.filter((step) => !hasStep(steps, step)) : [],
    logs: mergedLogs(state.logs, logs),
    error: null,
  }
}

/** The newest lines of both: one that was heard may not be on disk yet. */
function mergedLogs(heard: readonly LogEntry[], stored: readonly LogEntry[]): readonly LogEntry[] {
  const newest = stored.at(-1)
  const later = newest === undefined ? heard : heard.filter(({ id }) => id > newest.id)
  return [...stored, ...later].slice(-MOST_LOGS)
}

function moveDetail(state: RunState, event: EngineEvent, runId: string): RunState {
  // Before the first snapshot there is nothing to move: the store replays these events on it.
  if (state.run === null || !isRunEvent(event) || event.runId !== runId) return state
  if (event.type === 'run:delete') return { ...NO_RUN, status: 'not-found' }
  const run = moveRun(state.run, event)
  const moved = run === state.run ? state : { ...state, run }
  switch (event.type) {
    case 'run:leased':
      return event.attempt > state.run.attempt ? { ...moved, runningSteps: [] } : moved
    case 'run:complete':
    case 'run:fail':
    case 'run:cancel':
      return { ...moved, runningSteps: [] }
    case 'step:start':
      return startStep(moved, event)
    case 'step:complete':
    case 'step:fail':
    case 'step:cancel':
      return endStep(moved, event)
    case 'log:write':
      return writeLog(moved, event)
    default:
      return moved
  }
}

function startStep(state: RunState, event: EventOf<'step:start'>): RunState {
  const step: RunningStep = { name: event.stepName, index: event.stepIndex, startedAt: event.timestamp }
  if (state.run?.isTerminal === true) return state
  if (hasStep(state.steps, step) || hasStep(state.runningSteps, step)) return state
  return { ...state, runningSteps: [...state.runningSteps, step] }
}

const STEP_STATUS = {
  'step:complete': 'completed',
  'step:fail': 'failed',
  'step:cancel': 'cancelled',
} as const

function endStep(
  state: RunState,
  event: EventOf<'step:complete'> | EventOf<'step:fail'> | EventOf<'step:cancel'>,
): RunState {
  const key = { name: event.stepName, index: event.stepIndex }
  const known = state.steps.find((step) => isSameStep(step, key))
  if (known?.status === 'completed') return state
  const running = state.runningSteps.find((step) => isSameStep(step, key))
  const step: Step = {
    ...key,
    id: known?.id ?? `${EVENT_ID}${event.stepName}@${event.timestamp}`,
    runId: event.runId,
    status: STEP_STATUS[event.type],
    output: null,
    error: event.type === 'step:fail' ? event.error : null,
    startedAt: startOfStep(event) ?? running?.startedAt ?? event.timestamp,
    completedAt: event.timestamp,
  }
  return {
    ...state,
    steps: known === undefined ? [...state.steps, step] : state.steps.map((s) => (s === known ? step : s)),
    runningSteps: state.runningSteps.filter((s) => s !== running),
  }
}

function startOfStep(event: EngineEvent): string | null {
  if (event.type !== 'step:complete') return null
  return new Date(Date.parse(event.timestamp) - event.duration).toISOString()
}

interface StepKey {
  name: string
  index: number
}

function isSameStep(a: StepKey, b: StepKey): boolean {
  return a.index === b.index && a.name === b.name
}

function hasStep(steps: readonly StepKey[], step: StepKey): boolean {
  return steps.some((other) => isSameStep(other, step))
}

function writeLog(state: RunState, event: EventOf<'log:write'>): RunState {
  const { id, runId, stepName, level, message, data, createdAt } = event
  // Ids grow with time: one that is not newer was in the snapshot.
  const newest = state.logs.at(-1)
  if (newest !== undefined && id <= newest.id) return state
  const entry = { id, runId, stepName, level, message, data, createdAt }
  return { ...state, logs: [...state.logs, entry].slice(-MOST_LOGS) }
}

function isNotFound(error: Error): boolean {
  return 'status' in error && error.status === 404
}

// ---------------------------------------------------------------- what both share

/** The run after the event; the same object if the event is no news. A run that ended stays as it ended. */
function moveRun(run: ClientRun, event: RunEvent): ClientRun {
  if (run.isTerminal) return run
  switch (event.type) {
    case 'run:leased':
      if (event.attempt < run.attempt || (run.status === 'leased' && event.attempt === run.attempt))
        return run
      return {
        ...run,
        status: 'leased',
        attempt: event.attempt,
        startedAt: run.startedAt ?? event.timestamp,
      }
    case 'run:requeue':
      return event.attempt < run.attempt ? run : { ...run, status: 'pending' }
    case 'run:progress':
      return { ...run, progress: event.progress }
    case 'run:complete':
      return endedRun(run, 'completed', event)
    case 'run:cancel':
      return endedRun(run, 'cancelled', event)
    case 'run:fail':
      return {
        ...endedRun(run, 'failed', event),
        error: event.error,
        failedStepName: event.failedStepName,
      }
    case 'step:complete': {
      const steps = event.stepIndex + 1
      if (steps <= run.completedStepCount) return run
      return { ...run, completedStepCount: steps, currentStepIndex: Math.max(steps, run.currentStepIndex) }
    }
    default:
      return run
  }
}

function isRunEvent(event: EngineEvent): event is RunEvent {
  return 'jobName' in event && 'runId' in event
}

function endedRun(run: ClientRun, status: RunStatus, { timestamp }: RunEvent): ClientRun {
  return { ...run, status, isTerminal: true, isActive: false, completedAt: timestamp }
}

function triggeredRun(event: EventOf<'run:trigger'>): ClientRun {
  return {
    id: event.runId,
    jobName: event.jobName,
    status: 'pending',
    labels: event.labels,
    error: null,
    errorType: null,
    errorTraceback: null,
    failedStepName: null,
    progress: null,
    currentStepIndex: 0,
    completedStepCount: 0,
    attempt: 0,
    retriggeredFrom: null,
    isTerminal: false,
    isActive: true,
    startedAt: null,
    completedAt: null,
    createdAt: event.timestamp,
  }
}
