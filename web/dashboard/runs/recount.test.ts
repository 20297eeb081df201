import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Recount } from './recount'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Counts 1, 2, 3…, each in so many milliseconds; what was told, and when. */
function counting(...tookMs: number[]): { recount: Recount<number>; told: [number, number][] } {
  const told: [number, number][] = []
  const began = performance.now()
  let round = 0
  const count = async (): Promise<number> => {
    const number = ++round
    await new Promise((resolve) => setTimeout(resolve, tookMs[number - 1] ?? tookMs.at(-1)))
    return number
  }
  const recount = new Recount(count, (number) => told.push([number, performance.now() - began]))
  return { recount, told }
}

test('the first count is told at once, and what waited for the engine delays no other', async () => {
  const { recount, told } = counting(3000, 1)
  recount.changed()
  await vi.advanceTimersByTimeAsync(1000)
  recount.changed()
  await vi.advanceTimersByTimeAsync(3000)
  expect(told).toEqual([
    [1, 3000],
    [2, 3501],
  ])
})

test('changes all the time let a count come to its end, and are counted once for many', async () => {
  const { recount, told } = counting(20)
  const changes = setInterval(() => recount.changed(), 5)
  await vi.advanceTimersByTimeAsync(2000)
  clearInterval(changes)
  expect(told.map(([number]) => number)).toEqual([1, 2, 3, 4])
})

test.each([
  [200, 2000],
  [5000, 10_000],
])('a count that takes %d ms rests for %d', async (tookMs, restMs) => {
  const { recount, told } = counting(1, tookMs)
  const changes = setInterval(() => recount.changed(), 100)
  await vi.advanceTimersByTimeAsync(40_000)
  clearInterval(changes)
  const [, second, third] = told.map(([, at]) => at)
  expect((third ?? 0) - (second ?? 0)).toBe(restMs + tookMs)
})

test('nothing is counted without a change, and nothing is told after the end', async () => {
  const { recount, told } = counting(20)
  recount.changed()
  await vi.advanceTimersByTimeAsync(5000)
  expect(told).toHaveLength(1)
  recount.changed()
  await vi.advanceTimersByTimeAsync(10)
  recount.close()
  await vi.advanceTimersByTimeAsync(5000)
  expect(told).toHaveLength(1)
})

test('a count that failed is made again after the next change', async () => {
  const told: number[] = []
  const count = vi.fn<() => Promise<number>>().mockRejectedValueOnce(new Error('away')).mockResolvedValue(7)
  const recount = new Recount(count, (number) => told.push(number))
  recount.changed()
  await vi.advanceTimersByTimeAsync(5000)
  expect([count.mock.calls.length, told]).toEqual([1, []])
  recount.changed()
  await vi.advanceTimersByTimeAsync(5000)
  expect(told).toEqual([7])
})
