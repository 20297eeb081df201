import type { EngineEvent } from '../protocol'

/** An event as a server may send it: the original's leave out what this client can do without. */
export type WireEvent = Partial<EngineEvent> & Pick<EngineEvent, 'type'>

let lastLocalId = 0

/** The event with what was left out: its time and number, what orders log lines, and so on. */
export function completeEvent(wire: WireEvent): EngineEvent {
  const base = { sequence: 0, timestamp: new Date().toISOString(), labels: {} }
  return { ...base, ...defaultsOf(wire.type, wire.timestamp ?? base.timestamp), ...wire } as EngineEvent
}

function defaultsOf(type: EngineEvent['type'], timestamp: string): object {
  switch (type) {
    case 'run:leased':
      return { attempt: 0 }
    case 'run:complete':
    case 'step:complete':
      return { duration: 0 }
    case 'run:fail':
      return { error: 'The run failed.', failedStepName: null }
    case 'step:fail':
      return { error: 'The step failed.' }
    case 'log:write': {
      const id = `local-${String(++lastLocalId).padStart(12, '0')}`
      return { id, createdAt: timestamp, stepName: null, data: null }
    }
    default:
      return {}
  }
}
