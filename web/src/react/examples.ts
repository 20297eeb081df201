import type { ClientRun, EngineEvent, Step } from '../protocol'

// For tests: runs, steps and events with what a test leaves open.

let sequence = 0

type EventFields<Type extends EngineEvent['type']> = Omit<
  Extract<EngineEvent, { type: Type }>,
  'type' | 'sequence' | 'timestamp' | 'runId' | 'jobName' | 'labels'
>

export function event<Type extends Exclude<EngineEvent['type'], 'worker:error'>>(
  type: Type,
  fields: EventFields<Type>,
  { runId = 'a', timestamp = '2026-01-01T00:00:10.000Z' } = {},
): EngineEvent {
  const base = { type, sequence: ++sequence, timestamp, runId, jobName: 'import-csv', labels: {} }
  return { ...base, ...fields } as unknown as EngineEvent
}

export const lease = { leaseOwner: 'w', leaseExpiresAt: '2026-01-01T00:00:13.000Z' }

export function run(fields: Partial<ClientRun> = {}): ClientRun {
  return {
    id: 'a',
    jobName: 'import-csv',
    status: 'leased',
    labels: {},
    error: null,
    errorType: null,
    errorTraceback: null,
    failedStepName: null,
    progress: null,
    currentStepIndex: 0,
    completedStepCount: 0,
    attempt: 1,
    retriggeredFrom: null,
    isTerminal: false,
    isActive: true,
    startedAt: '2026-01-01T00:00:01.000Z',
    completedAt: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...fields,
  }
}

export const completed = run({ status: 'completed', isTerminal: true, isActive: false })

export function step(index: number): Step {
  return {
    id: `s${index}`,
    runId: 'a',
    name: `batch-${index}`,
    index,
    status: 'completed',
    output: null,
    error: null,
    startedAt: '2026-01-01T00:00:01.000Z',
    completedAt: '2026-01-01T00:00:02.000Z',
    build: null,
  }
}
