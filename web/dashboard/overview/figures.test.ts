import type { JobStats, Stats } from 'durably'
import { expect, test } from 'vitest'
import { barsOf, failureShare, historyOf, linesOf, MOST_LINES, totalsOf } from './figures'

const NOON = '2030-01-01T12:00:00.000Z'
const ONE = '2030-01-01T13:00:00.000Z'
const STATS: Stats = { since: NOON, until: '2030-01-02T12:00:00.000Z', bucketMs: 3_600_000, jobs: [] }
const NAMES = { 50: 'half', 95: 'most' }

function job(jobName: string, fields: Partial<JobStats> = {}): JobStats {
  const none = { completed: 0, failed: 0, cancelled: 0, durationP50Ms: null, durationP95Ms: null }
  return { jobName, pending: 0, leased: 0, oldestPendingAt: null, ...none, buckets: [], ...fields }
}

function bucket(at: string, completed: number, failed = 0, p50: number | null = 10, p95: number | null = 20) {
  return { at, completed, failed, cancelled: 0, durationP50Ms: p50, durationP95Ms: p95 }
}

test('adds jobs up, and finds what has waited longest', () => {
  const jobs = [
    job('a', { completed: 2, failed: 1, pending: 3, oldestPendingAt: ONE }),
    job('b', { completed: 1, cancelled: 4, leased: 1, pending: 1, oldestPendingAt: NOON }),
    job('c'),
  ]
  expect(totalsOf(jobs)).toEqual({
    pending: 4,
    leased: 1,
    completed: 3,
    failed: 1,
    cancelled: 4,
    oldestPendingAt: NOON,
  })
  expect(totalsOf([]).oldestPendingAt).toBeNull()
})

test('a share of failures is of the runs that ended by themselves', () => {
  expect(failureShare({ completed: 3, failed: 1 })).toBe(0.25)
  expect(failureShare({ completed: 0, failed: 0 })).toBeNull()
})

test('bars of several jobs in one stretch are one bar of each outcome', () => {
  const jobs = [
    job('a', { buckets: [bucket(NOON, 2, 1)] }),
    job('b', { buckets: [bucket(NOON, 3), bucket(ONE, 1)] }),
  ]
  const [from, to, end] = [new Date(NOON), new Date(ONE), new Date('2030-01-01T14:00:00.000Z')]
  expect(barsOf({ ...STATS, jobs })).toEqual([
    { from, to, outcome: 'completed', count: 5 },
    { from, to, outcome: 'failed', count: 1 },
    { from: to, to: end, outcome: 'completed', count: 1 },
  ])
})

test('one job has a line for half of its runs and one for most', () => {
  const jobs = [
    job('a', { completed: 3, buckets: [bucket(NOON, 3), bucket(ONE, 0, 1, null, null)] }),
    job('b'),
  ]
  const at = new Date('2030-01-01T12:30:00.000Z')
  expect(linesOf({ ...STATS, jobs }, 95, NAMES)).toEqual({
    lines: [
      { name: 'half', line: 0 },
      { name: 'most', line: 1 },
    ],
    marks: [
      { at, ms: 10, line: 0 },
      { at, ms: 20, line: 1 },
    ],
  })
})

test('of many jobs those have lines that ended most', () => {
  const jobs = Array.from({ length: 10 }, (_, number) =>
    job(`job-${number}`, { completed: number + 1, buckets: [bucket(NOON, number + 1)] }),
  )
  const { lines, marks } = linesOf({ ...STATS, jobs }, 95, NAMES)
  expect(lines.map(({ name }) => name)).toEqual(['job-4', 'job-5', 'job-6', 'job-7', 'job-8', 'job-9'])
  expect(marks).toHaveLength(MOST_LINES)
  expect(new Set(marks.map(({ ms }) => ms))).toEqual(new Set([20]))
  expect(new Set(linesOf({ ...STATS, jobs }, 50, NAMES).marks.map(({ ms }) => ms))).toEqual(new Set([10]))
  // The order of what was given is left as it was.
  expect(jobs[0]?.jobName).toBe('job-0')
})

test('nothing that completed has no line', () => {
  const jobs = [job('a', { failed: 1, buckets: [bucket(NOON, 0, 1, null, null)] })]
  expect(linesOf({ ...STATS, jobs }, 95, NAMES)).toEqual({ lines: [], marks: [] })
})

test('what waits is no part of what charts show', () => {
  const jobs = [job('a', { completed: 1, pending: 3, oldestPendingAt: NOON }), job('b')]
  expect(historyOf({ ...STATS, jobs }, 'a')).toEqual({ ...STATS, jobs: [job('a', { completed: 1 })] })
})
