import type { EngineEvent } from '../protocol'

/** An event as a server may send it: the original's leave out what this client can do without. */
export type WireEvent = Partial<EngineEvent> & Pick<EngineEvent, 'type'>

let lastLocalId = 0

/** The event with what was left out: its time, its number, and what orders log lines. */
export function completeEvent(wire: WireEvent): EngineEvent {
  const event = { sequence: 0, timestamp: new Date().toISOString(), labels: {}, ...wire }
  if (event.type === 'run:leased') return { attempt: 0, ...event } as EngineEvent
  if (event.type !== 'log:write') return event as EngineEvent
  const id = `local-${String(++lastLocalId).padStart(12, '0')}`
  return { id, createdAt: event.timestamp, stepName: null, data: null, ...event } as EngineEvent
}
