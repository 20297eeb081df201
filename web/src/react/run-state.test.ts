import { describe, expect, test } from 'vitest'
import type { ClientRun, EngineEvent, LogEntry, Step } from '../protocol'
import { completed, event, lease, run, step } from './examples'
import { LOADING_RUN, NO_RUN, reduceRun, type RunState } from './run-state'

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

describe('one run', () => {
  test('shows a running step and then its result', () => {
    const started = hear(detail(), event('step:start', { stepName: 'batch-0', stepIndex: 0 }))
    expect(started.runningSteps.map(({ name }) => name)).toEqual(['batch-0'])
    const ended = hear(started, event('step:complete', { stepName: 'batch-0', stepIndex: 0, duration: 250 }))
    expect(ended.runningSteps).toEqual([])
    expect(ended.steps[0]).toMatchObject({ status: 'completed', startedAt: '2026-01-01T00:00:09.750Z' })
    expect(ended.run?.completedStepCount).toBe(1)
  })

  test('does not set progress back that is not stored yet, but for another attempt', () => {
    const heard = hear(detail(), event('run:progress', { progress: { current: 5, total: 10 } }))
    const read = { run: run({ progress: { current: 4, total: 10 } }) }
    expect(detail(read, [], heard).run?.progress?.current).toBe(5)
    const again = { run: run({ progress: { current: 1, total: 10 }, attempt: 2 }) }
    expect(detail(again, [], heard).run?.progress?.current).toBe(1)
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
    const nothing = { run: null, steps: [], logs: [] }
    expect(reduceRun(LOADING_RUN, { type: 'loaded', snapshot: nothing, since: [] }, 'a').status).toBe(
      'not-found',
    )
  })

  test('completes only together with its output', () => {
    const told = hear(detail(), event('run:complete', { duration: 5 }))
    expect(told.run?.status).toBe('leased')
    const answered = detail({ run: run({ ...completed, output: 0 }) }, [], told)
    expect([answered.run?.status, answered.run?.output]).toEqual(['completed', 0])
  })

  test('keeps what it has when it can not be loaded again', () => {
    const failed = reduceRun(detail(), { type: 'load-failed', error: new Error('offline') }, 'a')
    expect([failed.status, failed.run?.id, failed.error?.message]).toEqual(['failed', 'a', 'offline'])
  })
})
