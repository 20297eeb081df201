import type { ClientRun, LogEntry, Progress, RunStatus, Step } from '../protocol'
import type { RunningStep, RunState } from './run-state'

/** A run as the hooks tell it. */
export interface RunFacts<Input = unknown, Output = unknown> {
  /** Null as long as it is not known. */
  status: RunStatus | null
  isPending: boolean
  isLeased: boolean
  isCompleted: boolean
  isFailed: boolean
  isCancelled: boolean
  /** It has ended, in whatever way. */
  isTerminal: boolean
  /** It waits or executes. */
  isActive: boolean
  /** Null unless the run has completed, and for a job that returns nothing. */
  output: Output | null
  /** Why the run failed; or why it could not be started, found or loaded. */
  error: string | null
  progress: Progress | null
  /** Oldest first; the newest 5,000 at most. */
  logs: readonly LogEntry[]
  /** Steps that have ended, oldest first. */
  steps: readonly Step[]
  /** Steps that execute now. */
  runningSteps: readonly RunningStep[]
  /** The run with all its fields. */
  run: ClientRun<Input, Output> | null
  /** It was asked for and is not known yet. */
  isLoading: boolean
  /** It does not exist, or no longer. */
  isNotFound: boolean
}

/** `assumed`: what the run is known to be until it has been loaded. */
export function toFacts<Input, Output>(
  state: RunState,
  assumed: RunStatus | null = null,
  otherError: Error | null = null,
): RunFacts<Input, Output> {
  const run = state.run as ClientRun<Input, Output> | null
  const isGone = state.status === 'not-found'
  const status = run?.status ?? (isGone ? null : assumed)
  return {
    status,
    ...flagsOf(status),
    output: run?.status === 'completed' ? (run.output ?? null) : null,
    error: run?.error ?? state.error?.message ?? otherError?.message ?? null,
    progress: run?.progress ?? null,
    logs: state.logs,
    steps: state.steps,
    runningSteps: state.runningSteps,
    run,
    isLoading: state.status === 'loading',
    isNotFound: isGone,
  }
}

function flagsOf(status: RunStatus | null) {
  const isActive = status === 'pending' || status === 'leased'
  return {
    isPending: status === 'pending',
    isLeased: status === 'leased',
    isCompleted: status === 'completed',
    isFailed: status === 'failed',
    isCancelled: status === 'cancelled',
    isTerminal: status !== null && !isActive,
    isActive,
  }
}
