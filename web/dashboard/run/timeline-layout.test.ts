import type { Step } from 'durably'
import { expect, test } from 'vitest'
import type { Attempt } from './attempts'
import { layoutTimeline, marksOf, type Timeline, type TimelineFacts } from './timeline-layout'

const START = Date.parse('2026-01-01T00:00:00.000Z')

function iso(ms: number): string {
  return new Date(START + ms).toISOString()
}

function step(index: number, fromMs: number, toMs: number, fields: Partial<Step> = {}): Step {
  return {
    id: String(index),
    runId: 'a',
    name: `batch-${index}`,
    index,
    status: 'completed',
    output: null,
    error: null,
    startedAt: iso(fromMs),
    completedAt: iso(toMs),
    build: null,
    ...fields,
  }
}

function attempt(number: number, fromMs: number, toMs: number | null): Attempt {
  return { number, start: START + fromMs, end: toMs === null ? null : START + toMs }
}

/** Triggered at 0, and still going on at `nowMs`. */
function layout(facts: Partial<TimelineFacts>, nowMs: number): Timeline {
  const run = { createdAt: iso(0), completedAt: null }
  return layoutTimeline({ run, attempts: [], steps: [], runningSteps: [], ...facts }, START + nowMs)
}

function bars(timeline: Timeline): [string, number, number, number][] {
  return timeline.runBars.map(({ kind, number, offset, width }) => [kind, number, offset, width])
}

test('places steps on one axis, which begins when the run was triggered', () => {
  const { rows, totalMs } = layout({ steps: [step(0, 100, 200), step(1, 200, 400)] }, 400)
  expect(rows.map(({ offset, width }) => [offset, width])).toEqual([
    [25, 25],
    [50, 50],
  ])
  expect(totalMs).toBe(400)
})

test('shows when the run waited and when which attempt executed it', () => {
  const attempts = [attempt(1, 200, 500), attempt(2, 600, null)]
  expect(bars(layout({ attempts }, 1000))).toEqual([
    ['waiting', 1, 0, 20],
    ['attempt', 1, 20, 30],
    ['waiting', 2, 50, 10],
    ['attempt', 2, 60, 40],
  ])
})

test('shows a run that still waits as one that waits', () => {
  expect(bars(layout({}, 1000))).toEqual([['waiting', 1, 0, 100]])
})

test('cuts a long pause out of the axis and tells its length', () => {
  const { rows, breaks } = layout({ steps: [step(0, 0, 500), step(1, 3_600_500, 3_601_000)] }, 3_601_000)
  expect(rows[1]).toMatchObject({ pauseMs: 3_600_000, offset: 80, width: 20 })
  expect(breaks).toEqual([{ offset: 50, pauseMs: 3_600_000 }])
})

test.each([
  // So late the time is told to the minute: one tick is enough.
  ['before and after a pause', 3_601_000, [0, 500, 3_600_500, 3_601_000], '0 at 0, 500 at 20, 3600500 at 80'],
  [
    'after the run waited long',
    68_500,
    [60_000, 68_500],
    '0 at 0, 60000 at 15, 62000 at 35, 64000 at 55, 66000 at 75, 68000 at 95',
  ],
  ['at the beginning alone where nothing has happened', 3_600_000, [], '0 at 0'],
  // At its other end the labels would be on each other.
  [
    'once around a short pause',
    90_000,
    [0, 60_000, 80_000, 90_000],
    '0 at 0, 20000 at 26, 40000 at 52, 80000 at 87',
  ],
])('tells the real time %s', (_, nowMs, [from = 0, to = 0, again, end], expected) => {
  const steps = from === to ? [] : [step(0, from, to)]
  if (again !== undefined && end !== undefined) steps.push(step(1, again, end))
  const { ticks } = layout({ steps }, nowMs)
  expect(ticks.map(({ ms, offset }) => `${ms} at ${Math.round(offset)}`).join(', ')).toBe(expected)
})

test('keeps a pause that is short beside the whole', () => {
  const { rows } = layout({ steps: [step(0, 0, 50_000), step(1, 54_000, 100_000)] }, 100_000)
  expect(rows.map(({ offset }) => offset)).toEqual([0, 54])
})

test('lets a running step grow with the time', () => {
  const running = { name: 'batch-1', index: 1, startedAt: iso(100) }
  const { rows } = layout({ steps: [step(0, 0, 100)], runningSteps: [running] }, 300)
  expect(rows[1]).toMatchObject({ status: 'running', durationMs: 200 })
})

test('marks steps whose results a later attempt took', () => {
  const steps = [step(0, 0, 100), step(1, 100, 200, { status: 'failed' }), step(2, 400, 500)]
  const { rows } = layout({ steps, attempts: [attempt(1, 0, 250), attempt(2, 300, null)] }, 500)
  expect(rows.map(({ isReplayed }) => isReplayed)).toEqual([true, false, false])
})

test('has a legend for what is there', () => {
  const steps = [step(0, 0, 100), step(1, 100, 200, { status: 'failed' })]
  const attempts = [attempt(1, 0, 250), attempt(2, 300, null)]
  expect(marksOf(layout({ steps: steps.slice(0, 1), attempts: attempts.slice(0, 1) }, 100))).toEqual([])
  expect(marksOf(layout({ steps, attempts }, 500))).toEqual(['waiting', 'replayed', 'failed'])
  expect(marksOf(layout({}, 3_600_000))).toEqual(['waiting', 'cut'])
})

test('tells where another build went on, once', () => {
  const by = (index: number, build: string | null): Step => step(index, index, index + 1, { build })
  const { rows } = layout({ steps: [by(0, 'v1'), by(1, 'v1'), by(2, 'v2'), by(3, 'v2'), by(4, null)] }, 5)
  expect(rows.map(({ newBuild }) => newBuild)).toEqual([null, null, 'v2', null, null])
  expect(rows.map(({ build }) => build)).toEqual(['v1', 'v1', 'v2', 'v2', null])
})

test.each([
  [1000, [0, 200, 400, 600, 800, 1000]],
  [7300, [0, 2000, 4000, 6000]],
  [240_000, [0, 60_000, 120_000, 180_000, 240_000]],
])('marks %i ms at round times', (totalMs, expected) => {
  const { ticks } = layout({ steps: [step(0, 0, totalMs)] }, totalMs)
  expect(ticks.map(({ ms }) => ms)).toEqual(expected)
})

test('has no rows without steps', () => {
  expect(layout({}, 0).rows).toEqual([])
})
