import type { ClientRun, EngineEvent, RunEvent, RunStatus } from '../protocol'

// Events may be heard twice, late, or before the snapshot that already contains them: a change must
// only ever move a run forward.

type EventOf<Type extends EngineEvent['type']> = Extract<EngineEvent, { type: Type }>

/** The run after the event; the same object if the event is no news. A run that ended stays as it ended. */
export function moveRun(run: ClientRun, event: RunEvent): ClientRun {
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

/** Progress carries no order of its own; of two reports around a snapshot the higher is the later. */
export function isOlderProgress(run: ClientRun, event: EngineEvent): boolean {
  return (
    event.type === 'run:progress' && run.progress !== null && event.progress.current < run.progress.current
  )
}

/**
 * The run as it was read, with the progress that is known already: what a job reports is heard at once, and stored a
 * little later.
 */
export function withKnownProgress(read: ClientRun, known: ClientRun | null | undefined): ClientRun {
  const heard = known?.progress ?? null
  if (heard === null || read.status !== 'leased' || read.attempt !== known?.attempt) return read
  return (read.progress?.current ?? -Infinity) < heard.current ? { ...read, progress: heard } : read
}

/** The same for several. */
export function withKnownProgresses(
  read: readonly ClientRun[],
  known: readonly ClientRun[],
): readonly ClientRun[] {
  const reported = new Map(known.flatMap((run) => (run.progress === null ? [] : [[run.id, run]])))
  return reported.size === 0 ? read : read.map((run) => withKnownProgress(run, reported.get(run.id)))
}

function endedRun(run: ClientRun, status: RunStatus, { timestamp }: RunEvent): ClientRun {
  return { ...run, status, isTerminal: true, isActive: false, completedAt: timestamp }
}

/** A run as far as the event that told of it says. */
export function triggeredRun(event: EventOf<'run:trigger'>): ClientRun {
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
