import { expect, test } from 'vitest'
import { bootTimesOf } from './boot-times'

test('phases that go on at the same time count once in all', () => {
  const { phases, total, overlap } = bootTimesOf({
    timings: { engine: 300, lock: 10, storage: 900, python: 700 },
    began: { lock: 0, storage: 10, python: 15, engine: 910 },
  })
  expect(phases.map(({ phase, at }) => [phase, at])).toEqual([
    ['lock', 0],
    ['storage', 10],
    ['python', 15],
    ['engine', 910],
  ])
  expect(total).toBe(1210)
  expect(overlap).toBe(true)
})

test('phases one after the other do not overlap, and none take no time', () => {
  const timings = { lock: 10, storage: 20.25, python: 30 }
  expect(bootTimesOf({ timings, began: { lock: 0, storage: 10, python: 30.25 } }).overlap).toBe(false)
  expect(bootTimesOf({ timings: {}, began: {} })).toEqual({ phases: [], total: 0, overlap: false })
})
