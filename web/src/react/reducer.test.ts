import { describe, expect, test } from 'vitest'
import type { ClientRun, EngineEvent, LogEntry, Step } from '../protocol'
import { NO_RUN, NO_RUNS, reduceRun, reduceRuns, type RunsState, type RunState } from './reducer'

let sequence = 0

type EventFields<Type extends EngineEvent['type']> = Omit<
  Extract<EngineEvent, { type: Type }>,
  'type' | 'sequence' | 'timestamp' | 'runId' | 'jobName' | 'labels'
>

function event<Type extends Exclude<EngineEvent['type'], 'worker:error'>>(
  type: Type,
  fields: EventFields<Type>,
  { runId = 'a', timestamp = '2026-01-01T00:00:10.000Z' } = {},
): EngineEvent {
  const base = { type, sequence: ++sequence, timestamp, runId, jobName: 'import-csv', labels: {} }
  return { ...base, ...fields } as unknown as EngineEvent
}

const lease = { leaseOwner: 'w', leaseExpiresAt: '2026-01-01T00:00:13.000Z' }

function run(fields: Partial<ClientRun> = {}): ClientRun {
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

const completed = run({ status: 'completed', isTerminal: true, isActive: false })

function step(index: number): Step {
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
  }
}

function runs(listed: ClientRun[], since: EngineEvent[] = [], limit = 50): RunsState {
  return reduceRuns(NO_RUNS, { type: 'loaded', snapshot: listed, since }, limit)
}

function detail(
  snapshot: { run?: ClientRun; steps?: Step[]; logs?: LogEntry[] } = {},
  since: EngineEvent[] = [],
  state: RunState = NO_RUN,
): RunState {
  const full = { run: run(), steps: [], logs: [], ...snapshot }
  return reduceRun(state, { type: 'loaded', snapshot: full, since }, 'a')
}

function hear(state: RunState, ...events: EngineEvent[]): RunState {
  return reduceRun(state, { type: 'heard', events }, 'a')
}

describe('list of runs', () => {
  test('keeps an update heard before an older answer', () => {
    expect(runs([run()], [event('run:complete', { duration: 5 })]).runs[0]?.status).toBe('completed')
  })

  test('does not reopen a finished run for a late claim', () => {
    expect(runs([completed], [event('run:leased', { ...lease, attempt: 1 })]).runs[0]?.status).toBe(
      'completed',
    )
  })

  test('does not set progress back on replay', () => {
    const ahead = run({ progress: { current: 6, total: 10 } })
    const late = event('run:progress', { progress: { current: 5, total: 10 } })
    expect(runs([ahead], [late]).runs[0]?.progress?.current).toBe(6)
  })

  test('adds a triggered run once and newest first', () => {
    const trigger = event('run:trigger', {}, { runId: 'b' })
    const state = runs([run()], [trigger])
    expect(reduceRuns(state, { type: 'heard', events: [trigger] }, 50).runs.map(({ id }) => id)).toEqual([
      'b',
      'a',
    ])
  })

  test('holds no more runs than its limit', () => {
    const state = runs([run()], [event('run:trigger', {}, { runId: 'b' })], 1)
    expect(state.runs.map(({ id }) => id)).toEqual(['b'])
  })

  test('drops a run deleted while the list was loading', () => {
    expect(runs([run()], [event('run:delete', { reason: 'deleted' })]).runs).toEqual([])
  })

  test('stays the same object when events are no news', () => {
    const state = runs([run()])
    const renewed = event('run:lease-renewed', lease)
    expect(reduceRuns(state, { type: 'heard', events: [renewed] }, 50)).toBe(state)
  })

  test('keeps showing what it has when loading again fails', () => {
    const state = reduceRuns(runs([run()]), { type: 'load-failed', error: new Error('gone') }, 50)
    expect([state.status, state.runs.length]).toEqual(['failed', 1])
  })
})

describe('one run', () => {
  test('shows a running step and then its result', () => {
    const started = hear(detail(), event('step:start', { stepName: 'batch-0', stepIndex: 0 }))
    expect(started.runningSteps.map(({ name }) => name)).toEqual(['batch-0'])
    const ended = hear(started, event('step:complete', { stepName: 'batch-0', stepIndex: 0, duration: 250 }))
    expect(ended.runningSteps).toEqual([])
    expect(ended.steps[0]).toMatchObject({ status: 'completed', startedAt: '2026-01-01T00:00:09.750Z' })
    expect(ended.run?.completedStepCount).toBe(1)
  })

  test('does not repeat a step that the snapshot holds', () => {
    const state = detail({ steps: [step(0)] })
    const late = event('step:complete', { stepName: 'batch-0', stepIndex: 0, duration: 1 })
    expect(hear(state, late).steps).toEqual([step(0)])
  })

  test('replaces a failed step when a later attempt completes it', () => {
    const failed = hear(detail(), event('step:fail', { stepName: 'x', stepIndex: 0, error: 'no' }))
    const state = hear(failed, event('step:complete', { stepName: 'x', stepIndex: 0, duration: 1 }))
    expect(state.steps.map(({ status }) => status)).toEqual(['completed'])
  })

  test('drops steps of a dead worker when the run is claimed again', () => {
    const started = hear(detail(), event('step:start', { stepName: 'batch-0', stepIndex: 0 }))
    const claimed = hear(started, event('run:leased', { ...lease, attempt: 2 }))
    expect([claimed.runningSteps.length, claimed.run?.attempt]).toEqual([0, 2])
  })

  test('keeps the steps seen live when the engine drops them at the end', () => {
    const live = detail({ steps: [step(0)] })
    expect(detail({ run: completed }, [], live).steps).toEqual([step(0)])
  })

  test('writes a log line once, by event or by snapshot', () => {
    const line = {
      id: '1',
      createdAt: '2026-01-01T00:00:00.000Z',
      stepName: null,
      level: 'info',
      message: 'saved',
      data: null,
    } as const
    const written = event('log:write', line)
    const stored: LogEntry = { ...line, runId: 'a' }
    expect(hear(detail(), written, written).logs).toHaveLength(1)
    expect(detail({ logs: [stored] }, [written]).logs).toEqual([stored])
  })

  test('ignores events of other runs', () => {
    const state = detail()
    expect(hear(state, event('run:cancel', {}, { runId: 'b' }))).toBe(state)
  })

  test('waits again after its worker gave it back', () => {
    const requeued = event('run:requeue', { reason: 'released', attempt: 1 })
    expect(hear(detail(), requeued).run?.status).toBe('pending')
  })

  test('is not moved back by a requeue before its present attempt', () => {
    const state = detail({ run: run({ attempt: 2 }) })
    expect(hear(state, event('run:requeue', { reason: 'expired', attempt: 1 }))).toBe(state)
  })

  test('is not found after its deletion', () => {
    expect(hear(detail(), event('run:delete', { reason: 'deleted' }))).toMatchObject({
      status: 'not-found',
      run: null,
    })
  })

  test('is not found when the engine does not know it', () => {
    const error = Object.assign(new Error('No such run.'), { status: 404 })
    expect(reduceRun(NO_RUN, { type: 'load-failed', error }, 'a').status).toBe('not-found')
  })
})
