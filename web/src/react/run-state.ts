import type { Durably } from '../client'
import { isNotFound } from '../errors'
import { isRunEvent, toLogEntry } from '../events'
import type { ClientRun, EngineEvent, LogEntry, Step } from '../protocol'
import { LiveStore, type LiveAction, type LiveClient } from './live-store'
import { isOlderProgress, moveRun, withKnownProgress } from './move-run'

type EventOf<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>

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
  /** Null: there is none. */
  run: ClientRun | null
  steps: readonly Step[]
  logs: readonly LogEntry[]
}

/** A run may log without end; these are the newest lines. */
const MOST_LOGS = 5000

/** Begins the id of a step made from an event, until the engine's own record takes its place. */
const EVENT_ID = 'event-'

export const NO_RUN: RunState = {
  status: 'idle',
  run: null,
  steps: [],
  runningSteps: [],
  logs: [],
  error: null,
}
export const LOADING_RUN: RunState = { ...NO_RUN, status: 'loading' }

/** One run with its steps and logs. `jobName`, where it is known, spares a server the other jobs' events. */
export function makeRunStore(
  client: LiveClient & RunReader,
  runId: string,
  jobName?: string,
): LiveStore<RunState, RunSnapshot> {
  return new LiveStore<RunState, RunSnapshot>(client, {
    initial: LOADING_RUN,
    filter: { runId, jobName },
    load: () => loadRun(client, runId),
    reduce: (state, action) => reduceRun(state, action, runId),
    outdates: ({ run }, events) =>
      events.some(({ type }) => type === 'run:coalesced' || (ENDS.has(type) && run?.isTerminal !== true)),
  })
}

/** Output and traceback are not part of events, which must stay small: the end is told by the next answer. */
const ENDS: ReadonlySet<string> = new Set(['run:complete', 'run:fail', 'run:cancel'])

type RunReader = Pick<Durably, 'getRun' | 'getSteps' | 'getLogs'>

async function loadRun(client: RunReader, runId: string): Promise<RunSnapshot> {
  const [run, steps, logs] = await Promise.all([
    client.getRun(runId),
    noneIfNotFound(client.getSteps(runId)),
    noneIfNotFound(client.getLogs(runId)),
  ])
  return { run, steps, logs }
}

/** The run was deleted meanwhile, or the server keeps no logs: `getRun` tells which. */
async function noneIfNotFound<Value>(found: Promise<Value[]>): Promise<Value[]> {
  try {
    return await found
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}

export function reduceRun(state: RunState, action: LiveAction<RunSnapshot>, runId: string): RunState {
  switch (action.type) {
    case 'loaded':
      return loadedRun(state, action.snapshot, action.since, runId)
    case 'load-failed':
      return { ...state, status: 'failed', error: action.error }
    case 'heard':
      return action.events.reduce((current, event) => moveDetail(current, event, runId), state)
  }
}

function loadedRun(
  state: RunState,
  { run, steps, logs }: RunSnapshot,
  since: readonly EngineEvent[],
  runId: string,
): RunState {
  if (run === null) return { ...NO_RUN, status: 'not-found' }
  const known = withKnownProgress(run, state.run)
  // The engine may drop the steps of a run that ended; those seen live stay on the screen.
  const keepsSteps = run.isTerminal && steps.length === 0
  const isSameAttempt = !run.isTerminal && run.attempt === state.run?.attempt
  const loaded: RunState = {
    status: 'ready',
    run: known,
    steps: keepsSteps ? state.steps : steps,
    runningSteps: isSameAttempt ? state.runningSteps.filter((step) => !hasStep(steps, step)) : [],
    logs: mergedLogs(state.logs, logs),
    error: null,
  }
  return since
    .filter((event) => !isOlderProgress(known, event))
    .reduce((current, event) => moveDetail(current, event, runId), loaded)
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
  if (ENDS.has(event.type)) return state
  const run = moveRun(state.run, event)
  const moved = run === state.run ? state : { ...state, run }
  switch (event.type) {
    case 'run:leased':
      return event.attempt > state.run.attempt ? { ...moved, runningSteps: [] } : moved
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
    build: event.build ?? null,
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
  // Ids grow with time: one that is not newer was in the snapshot.
  const newest = state.logs.at(-1)
  if (newest !== undefined && event.id <= newest.id) return state
  return { ...state, logs: [...state.logs, toLogEntry(event)].slice(-MOST_LOGS) }
}
