import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BOOTING, type Between } from '../protocol'
import { Recycling } from './recycling'

// When it asks. That nobody notices: tests/browser/test_memory.py.

const MB = 1_000_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setup(budget = 100 * MB) {
  const asked: Between[] = []
  const recycling = new Recycling(budget, (between) => void asked.push(between))
  const has = (memory: number): void => recycling.see({ ...BOOTING, state: 'ready', memory: memory * MB })
  return { recycling, asked, has }
}

test('a worker within its budget stays', () => {
  const { asked, has } = setup()
  has(40)
  has(100)
  vi.advanceTimersByTime(600_000)
  expect(asked).toEqual([])
})

test('one that has grown is replaced, and not in its first seconds', () => {
  const { asked, has } = setup()
  has(40)
  has(101)
  vi.advanceTimersByTime(9_999)
  expect(asked).toEqual([])
  vi.advanceTimersByTime(1)
  expect(asked).toEqual(['runs'])
})

test('what it needs from the start is no growth', () => {
  const { asked, has } = setup()
  has(200)
  vi.advanceTimersByTime(60_000)
  expect(asked).toEqual([])
  has(301)
  vi.advanceTimersByTime(10_000)
  expect(asked).toEqual(['runs'])
})

test('a moment between two steps has to do where some run always executes', () => {
  const { recycling, asked, has } = setup()
  has(40)
  has(101)
  for (let tries = 0; tries < 7; tries += 1) {
    vi.advanceTimersByTime(10_000)
    recycling.kept()
  }
  expect(asked).toEqual([...Array<Between>(6).fill('runs'), 'steps'])
})

test('the next worker is measured anew, and one that is gone is left alone', () => {
  const { recycling, asked, has } = setup()
  has(40)
  has(101)
  recycling.reset()
  vi.advanceTimersByTime(60_000)
  expect(asked).toEqual([])
})
