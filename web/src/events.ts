import type { EngineEvent, EventFilter, LogEntry, RunEvent } from './protocol'

export function isRunEvent(event: EngineEvent): event is RunEvent {
  return 'jobName' in event && 'runId' in event
}

/** These end a run, or all that is known of it. */
export function endsRun(event: EngineEvent): event is RunEvent {
  return RUN_ENDS.has(event.type)
}

const RUN_ENDS: ReadonlySet<string> = new Set(['run:complete', 'run:fail', 'run:cancel', 'run:delete'])

export function toLogEntry(event: Extract<EngineEvent, { type: 'log:write' }>): LogEntry {
  const { id, runId, stepName, level, message, data, createdAt } = event
  return { id, runId, stepName, level, message, data, createdAt }
}

/** The events that a filter lets through; the same array if it lets through all of them. */
export function filterEvents(filter: EventFilter, events: readonly EngineEvent[]): readonly EngineEvent[] {
  const isOpen = filter.runId === undefined && filter.jobName === undefined && filter.labels === undefined
  return isOpen ? events : events.filter((event) => isRunEvent(event) && matches(filter, event))
}

function matches({ runId, jobName, labels = {} }: EventFilter, event: RunEvent): boolean {
  return (
    (runId === undefined || event.runId === runId) &&
    (jobName === undefined || [jobName].flat().includes(event.jobName)) &&
    Object.entries(labels).every(([name, value]) => event.labels[name] === value)
  )
}
