import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CLOSED, DurablyError } from '../errors'
import { BOOTING } from '../protocol'
import { Succession, type Sight } from './succession'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const leader = (tab: string, isVisible: boolean) => ({ tab, status: BOOTING, isVisible })

/** A tab that is looked at, and follows one that is not. */
const LOOKED_AT: Sight = { isLeading: false, leader: leader('a', false), mayAttract: true }
const LEADING: Sight = { isLeading: true, leader: null, mayAttract: true }

function attempt() {
  const done: string[] = []
  const succession = new Succession({
    ask: (how) => void done.push(`ask ${how}`),
    warmUp: () => void done.push('warm up'),
  })
  return { succession, done }
}

test('a tab that is looked at asks for the engine of one that is not, once its Python is up', () => {
  const { succession, done } = attempt()
  succession.see(LOOKED_AT)
  succession.see(LOOKED_AT)
  vi.advanceTimersByTime(499)
  expect(done).toEqual([])
  vi.advanceTimersByTime(1)
  succession.see(LOOKED_AT)
  expect(done).toEqual(['warm up'])
  succession.warm()
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual(['warm up', 'ask politely'])
})

test.each([
  { ...LOOKED_AT, mayAttract: false },
  { ...LOOKED_AT, leader: leader('a', true) },
  { ...LOOKED_AT, leader: null },
  LEADING,
])('nothing moves without need', (sight) => {
  const { succession, done } = attempt()
  succession.warm()
  succession.see(LOOKED_AT)
  vi.advanceTimersByTime(400)
  succession.see(sight)
  vi.advanceTimersByTime(60_000)
  expect(done).toEqual([])
})

test('who looks elsewhere while Python starts leaves the engine where it is', () => {
  const { succession, done } = attempt()
  succession.see(LOOKED_AT)
  vi.advanceTimersByTime(500)
  succession.see({ ...LOOKED_AT, mayAttract: false })
  succession.warm()
  expect(done).toEqual(['warm up'])
})

test('a refusal is not the last word', () => {
  const { succession, done } = attempt()
  succession.warm()
  succession.see(LOOKED_AT)
  vi.advanceTimersByTime(500)
  succession.kept()
  vi.advanceTimersByTime(9999)
  expect(done).toEqual(['ask politely'])
  vi.advanceTimersByTime(1)
  expect(done).toEqual(['ask politely', 'ask politely'])
})

test('another tab that leads is asked anew', () => {
  const { succession, done } = attempt()
  succession.warm()
  succession.see(LOOKED_AT)
  vi.advanceTimersByTime(500)
  succession.see({ ...LOOKED_AT, leader: leader('b', false) })
  vi.advanceTimersByTime(500)
  expect(done).toEqual(['ask politely', 'ask politely'])
})

test('a person who wants the engine here gets it now, whoever leads meanwhile', async () => {
  const { succession, done } = attempt()
  succession.see({ ...LOOKED_AT, mayAttract: false })
  const taken = succession.takeOver()
  expect(done).toEqual(['ask now'])
  succession.see({ ...LOOKED_AT, mayAttract: false, leader: null })
  succession.see({ ...LOOKED_AT, mayAttract: false, leader: leader('b', true) })
  expect(done).toEqual(['ask now', 'ask now'])
  succession.see(LEADING)
  await taken
  await succession.takeOver()
  expect(done).toHaveLength(2)
})

test('who closes the client hears that it does not lead', async () => {
  const { succession } = attempt()
  succession.see(LOOKED_AT)
  const taken = succession.takeOver()
  succession.end(new DurablyError(CLOSED))
  await expect(taken).rejects.toThrow('closed')
})
