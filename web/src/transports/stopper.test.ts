import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EngineEvent, Limit, OperationName, RequestMessage } from '../protocol'
import { Stopper } from './stopper'

// With a real worker that computes: tests/browser/test_stopping.py.

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function attempt() {
  const done: string[] = []
  const stopper = new Stopper({
    interrupt: (runIds) => void done.push(`interrupt ${runIds.join(' ')}`.trim()),
    replace: (overdue) =>
      void done.push(`replace ${overdue.map(({ stepName }) => stepName ?? 'run').join(' ')}`.trim()),
  })
  return { stopper, done }
}

const request = (operation: OperationName, body: unknown, id = 1): RequestMessage => ({
  type: 'request',
  id,
  command: `command ${id}`,
  isRepeated: false,
  operation,
  body: JSON.stringify(body),
})

const event = (type: 'run:leased' | 'run:complete' | 'run:stop', runId: string) =>
  ({ type, runId, sequence: 1 }) as unknown as EngineEvent
const notStopping = (runId: string) =>
  ({ type: 'worker:error', code: 'not_stopping', runId }) as unknown as EngineEvent
const limit = (state: Limit['state'], stepName: string | null = 'slow', timeoutMs = 1000): Limit => ({
  runId: 'a',
  attempt: 1,
  stepName,
  timeoutMs,
  state,
})

test('a cancel that is heard needs nothing else', () => {
  const { stopper, done } = attempt()
  stopper.happened([event('run:leased', 'a')])
  stopper.asked(request('cancel', { runId: 'a' }))
  vi.advanceTimersByTime(99)
  stopper.answered(1)
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual(['interrupt'])
})

test('code that keeps its cancel from being heard is interrupted, then ended with its worker', () => {
  const { stopper, done } = attempt()
  stopper.happened([event('run:leased', 'a')])
  stopper.asked(request('cancel', { runId: 'a' }))
  vi.advanceTimersByTime(100)
  expect(done).toEqual(['interrupt a'])
  vi.advanceTimersByTime(2000)
  expect(done).toEqual(['interrupt a', 'replace'])
})

test('no worker is ended for a run that waits', () => {
  const { stopper, done } = attempt()
  stopper.happened([event('run:leased', 'a'), event('run:complete', 'a'), event('run:leased', 'b')])
  stopper.asked(request('cancelRuns', { runIds: ['a', 'c'] }))
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual(['interrupt a c'])
})

test('those that are asked for at the same time are interrupted together', () => {
  const { stopper, done } = attempt()
  stopper.asked(request('cancel', { runId: 'a' }, 1))
  vi.advanceTimersByTime(50)
  stopper.asked(request('cancel', { runId: 'b' }, 2))
  vi.advanceTimersByTime(50)
  stopper.answered(1)
  expect(done).toEqual(['interrupt a b', 'interrupt b'])
})

test('other requests are none of its business', () => {
  const { stopper, done } = attempt()
  stopper.asked(request('getRun', { runId: 'a' }))
  stopper.answered(1)
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual([])
})

test('code whose time is over has two seconds more, as long as nobody has told it', () => {
  const { stopper, done } = attempt()
  stopper.limit(limit('begun'))
  vi.advanceTimersByTime(2999)
  expect(done).toEqual([])
  vi.advanceTimersByTime(1)
  expect(done).toEqual(['replace slow'])
})

test('code that was told is left to the engine, until that says that it does not stop', () => {
  const { stopper, done } = attempt()
  stopper.limit(limit('begun', null))
  stopper.limit(limit('begun'))
  stopper.limit(limit('heard', null))
  stopper.limit(limit('heard'))
  vi.advanceTimersByTime(6000)
  expect(done).toEqual([])
  stopper.happened([notStopping('a')])
  expect(done).toEqual(['replace slow'])
})

test('an engine that says nothing any more is not waited for', () => {
  const { stopper, done } = attempt()
  stopper.limit(limit('begun'))
  stopper.limit(limit('heard'))
  vi.advanceTimersByTime(6999)
  expect(done).toEqual([])
  vi.advanceTimersByTime(1)
  expect(done).toEqual(['replace slow'])
})

test('a run that does not stop fails only for a time that is over', () => {
  const { stopper, done } = attempt()
  stopper.limit(limit('begun', null, 3_600_000))
  stopper.happened([notStopping('a')])
  expect(done).toEqual(['replace'])
})

test.each(['another run executes', 'a query is under way'])('more patience where %s', (what) => {
  const { stopper, done } = attempt()
  stopper.happened([event('run:leased', 'a')])
  if (what === 'another run executes') stopper.happened([event('run:leased', 'b')])
  else stopper.asked(request('query', { sql: 'SELECT 1' }, 2))
  stopper.asked(request('cancel', { runId: 'a' }))
  vi.advanceTimersByTime(10_000)
  expect(done).toEqual(['interrupt a'])
  vi.advanceTimersByTime(100)
  expect(done).toEqual(['interrupt a', 'replace'])
})

test('what computes then may be the run itself', () => {
  const { stopper, done } = attempt()
  stopper.asked(request('cancel', { runId: 'a' }))
  vi.advanceTimersByTime(3000)
  expect(done).toEqual(['interrupt a'])
  stopper.happened([event('run:leased', 'a')])
  vi.advanceTimersByTime(2000)
  expect(done).toEqual(['interrupt a', 'replace'])
})

test('code that ends in time is left alone', () => {
  const { stopper, done } = attempt()
  stopper.limit(limit('begun'))
  stopper.limit(limit('ended'))
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual([])
})

test('the longest limit is not over at once', () => {
  const { stopper, done } = attempt()
  stopper.limit(limit('begun', null, 2 ** 31 - 1))
  vi.advanceTimersByTime(3_600_000)
  expect(done).toEqual([])
  stopper.reset()
})

test('another worker knows nothing of what this one was asked', () => {
  const { stopper, done } = attempt()
  stopper.happened([event('run:leased', 'a')])
  stopper.asked(request('cancel', { runId: 'a' }))
  stopper.limit(limit('begun'))
  stopper.reset()
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual([])
})
