import { expect, test } from 'vitest'
import type { Step } from '../../src'
import { layoutSteps } from './step-layout'

const START = Date.parse('2026-01-01T00:00:00.000Z')

function step(index: number, fromMs: number, toMs: number): Step {
  return {
    id: String(index),
    runId: 'a',
    name: `batch-${index}`,
    index,
    status: 'completed',
    output: null,
    error: null,
    startedAt: new Date(START + fromMs).toISOString(),
    completedAt: new Date(START + toMs).toISOString(),
    build: null,
  }
}

test('places steps on one axis', () => {
  const rows = layoutSteps([step(0, 0, 100), step(1, 100, 400)], [], START)
  expect(rows.map(({ offset, width }) => [offset, width])).toEqual([
    [0, 25],
    [25, 75],
  ])
})

test('cuts a long pause out of the axis and tells its length', () => {
  const [, after] = layoutSteps([step(0, 0, 500), step(1, 3_600_500, 3_601_000)], [], START)
  expect(after).toMatchObject({ pauseMs: 3_600_000, offset: 80, width: 20 })
})

test('lets a running step grow with the time', () => {
  const running = { name: 'batch-1', index: 1, startedAt: new Date(START + 100).toISOString() }
  const [, row] = layoutSteps([step(0, 0, 100)], [running], START + 300)
  expect(row).toMatchObject({ status: 'running', durationMs: 200 })
})

test('has no rows without steps', () => {
  expect(layoutSteps([], [], START)).toEqual([])
})

test('tells where another build went on, once', () => {
  const by = (index: number, build: string | null): Step => ({ ...step(index, index, index + 1), build })
  const rows = layoutSteps([by(0, 'v1'), by(1, 'v1'), by(2, 'v2'), by(3, 'v2'), by(4, null)], [], START)
  expect(rows.map(({ newBuild }) => newBuild)).toEqual([null, null, 'v2', null, null])
})
