import { expect, test } from 'vitest'
import { event, lease, run } from '../../src/react/examples'
import { attemptsOf, type AttemptEvent } from './attempts'

const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`
const ms = (second: number): number => Date.parse(at(second))

function leased(attempt: number, second: number): AttemptEvent {
  return { ...event('run:leased', { ...lease, attempt }), timestamp: at(second) } as AttemptEvent
}

function requeued(attempt: number, second: number): AttemptEvent {
  return { ...event('run:requeue', { reason: 'expired', attempt }), timestamp: at(second) } as AttemptEvent
}

test('an attempt lasts until the run waits again, is claimed again, or ends', () => {
  const ended = run({ completedAt: at(9), startedAt: at(1) })
  expect(attemptsOf(ended, [leased(1, 1), requeued(1, 3), leased(2, 4), leased(3, 6)])).toEqual([
    { number: 1, start: ms(1), end: ms(3) },
    { number: 2, start: ms(4), end: ms(6) },
    { number: 3, start: ms(6), end: ms(9) },
  ])
})

test('the last one goes on as long as the run does', () => {
  expect(attemptsOf(run({ completedAt: null, startedAt: at(1) }), [leased(1, 1)])).toEqual([
    { number: 1, start: ms(1), end: null },
  ])
})

test('the run tells what its events no longer do', () => {
  expect(attemptsOf(run({ completedAt: at(5), startedAt: at(2), attempt: 3 }), [])).toEqual([
    { number: 3, start: ms(2), end: ms(5) },
  ])
})

test('a run that was never claimed has none', () => {
  expect(attemptsOf(run({ startedAt: null, completedAt: null }), [])).toEqual([])
})
