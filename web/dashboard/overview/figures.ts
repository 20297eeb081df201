import type { JobStats, Outcomes, Stats } from 'durably'

/** How far the overview looks back. */
export const WINDOWS = {
  '1h': { windowMs: 3_600_000, bucketMs: 120_000 },
  '24h': { windowMs: 86_400_000, bucketMs: 3_600_000 },
  '7d': { windowMs: 604_800_000, bucketMs: 21_600_000 },
} as const

export type WindowName = keyof typeof WINDOWS
export const WINDOW_NAMES = Object.keys(WINDOWS) as WindowName[]

export const PERCENTILES = [50, 95] as const
export type Percentile = (typeof PERCENTILES)[number]

export const OUTCOMES = ['completed', 'failed', 'cancelled'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Totals extends Record<Outcome, number> {
  pending: number
  leased: number
  oldestPendingAt: string | null
}

export function totalsOf(jobs: readonly JobStats[]): Totals {
  const sum = (figure: (job: JobStats) => number): number =>
    jobs.reduce((total, job) => total + figure(job), 0)
  const oldest = jobs.flatMap(({ oldestPendingAt }) => (oldestPendingAt === null ? [] : [oldestPendingAt]))
  return {
    pending: sum(({ pending }) => pending),
    leased: sum(({ leased }) => leased),
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
    cancelled: sum(({ cancelled }) => cancelled),
    // All in one form and zone: they sort as texts.
    oldestPendingAt: oldest.sort()[0] ?? null,
  }
}

/** Of the runs that ended by themselves; null: none did. */
export function failureShare({ completed, failed }: Pick<Outcomes, 'completed' | 'failed'>): number | null {
  return completed + failed === 0 ? null : failed / (completed + failed)
}

/** What charts show of them: not what waits, which changes more often. */
export function historyOf(stats: Stats, jobName: string | null): Stats {
  const jobs = stats.jobs.filter((job) => jobName === null || job.jobName === jobName)
  return { ...stats, jobs: jobs.map((job) => ({ ...job, pending: 0, leased: 0, oldestPendingAt: null })) }
}

/** How many runs of one or more jobs ended so within one stretch. */
export interface Bar {
  from: Date
  to: Date
  outcome: Outcome
  count: number
}

export function barsOf({ bucketMs, jobs }: Stats): Bar[] {
  const counts = new Map<string, Record<Outcome, number>>()
  for (const bucket of jobs.flatMap(({ buckets }) => buckets)) {
    const before = counts.get(bucket.at) ?? { completed: 0, failed: 0, cancelled: 0 }
    counts.set(bucket.at, {
      completed: before.completed + bucket.completed,
      failed: before.failed + bucket.failed,
      cancelled: before.cancelled + bucket.cancelled,
    })
  }
  return [...counts].flatMap(([at, count]) => {
    const from = new Date(at)
    const to = new Date(from.getTime() + bucketMs)
    return OUTCOMES.filter((outcome) => count[outcome] > 0).map((outcome) => ({
      from,
      to,
      outcome,
      count: count[outcome],
    }))
  })
}

/** How long runs took within one stretch. */
export interface Mark {
  /** Its middle. */
  at: Date
  ms: number
  /** Which line it is of, from 0. */
  line: number
}

export interface Line {
  name: string
  line: number
}

/** More lines than this are no picture. */
export const MOST_LINES = 6

/** Of one job both percentiles, of several the one that is asked for, of those that completed most. */
export function linesOf(
  { bucketMs, jobs }: Stats,
  percentile: Percentile,
  names: Readonly<Record<Percentile, string>>,
): { lines: Line[]; marks: Mark[] } {
  const middle = (at: string): Date => new Date(Date.parse(at) + bucketMs / 2)
  const [only, ...others] = jobs.filter(({ completed }) => completed > 0)
  if (only !== undefined && others.length === 0) {
    const marks = only.buckets.flatMap(({ at, durationP50Ms, durationP95Ms }) => [
      { at: middle(at), ms: durationP50Ms, line: 0 },
      { at: middle(at), ms: durationP95Ms, line: 1 },
    ])
    const lines = PERCENTILES.map((each, line) => ({ name: names[each], line }))
    return { lines, marks: marks.filter(isKnown) }
  }
  const shown = jobs
    .filter(({ completed }) => completed > 0)
    .sort((one, other) => other.completed - one.completed)
    .slice(0, MOST_LINES)
    // A job keeps its colour when another overtakes it.
    .sort((one, other) => one.jobName.localeCompare(other.jobName))
  const marks = shown.flatMap(({ buckets }, line) =>
    buckets.map(({ at, durationP50Ms, durationP95Ms }) => ({
      at: middle(at),
      ms: percentile === 50 ? durationP50Ms : durationP95Ms,
      line,
    })),
  )
  return { lines: shown.map(({ jobName }, line) => ({ name: jobName, line })), marks: marks.filter(isKnown) }
}

function isKnown(mark: Omit<Mark, 'ms'> & { ms: number | null }): mark is Mark {
  return mark.ms !== null
}
