import type { Step } from '../../src'
import type { RunningStep } from '../../src/react'

export interface StepRow {
  key: string
  name: string
  status: Step['status'] | 'running'
  error: string | null
  durationMs: number
  /** Where the bar lies on the axis, in percent. */
  offset: number
  width: number
  /** How long no step ran before this one, where that is worth telling. */
  pauseMs: number | null
  /** The build that executed this one and not the one before: a deploy came in between. */
  newBuild: string | null
}

/** Pauses longer than this are cut out of the axis, or a night between two attempts would hide the steps. */
const LONGEST_PAUSE_MS = 1500

export function layoutSteps(
  steps: readonly Step[],
  runningSteps: readonly RunningStep[],
  now: number,
): StepRow[] {
  const spans = [...steps, ...runningSteps.map(toRunning)]
    .map((step) => toSpan(step, now))
    .sort((a, b) => a.start - b.start || a.index - b.index)
  let cutMs = 0
  let end = spans[0]?.start ?? 0
  const rows = spans.map((span) => {
    const pause = span.start - end
    const isLong = pause > LONGEST_PAUSE_MS
    if (isLong) cutMs += pause - LONGEST_PAUSE_MS
    end = Math.max(end, span.end)
    return { span, at: span.start - cutMs, pauseMs: isLong ? pause : null }
  })
  const builds = rows.map(({ span }) => span.build)
  const first = rows[0]?.at ?? 0
  const length = Math.max(1, end - cutMs - first)
  return rows.map(({ span, at, pauseMs }, row) => ({
    key: span.key,
    name: span.name,
    status: span.status,
    error: span.error,
    durationMs: span.end - span.start,
    offset: (100 * (at - first)) / length,
    width: (100 * (span.end - span.start)) / length,
    pauseMs,
    newBuild: isDeploy(builds[row - 1], span.build) ? span.build : null,
  }))
}

/** What runs has no build yet, and neither has what an engine without a name executed. */
function isDeploy(before: string | null | undefined, build: string | null): boolean {
  return before !== undefined && before !== null && build !== null && before !== build
}

interface Timed {
  id: string
  name: string
  index: number
  status: StepRow['status']
  error: string | null
  startedAt: string
  completedAt: string | null
  build: string | null
}

function toRunning(step: RunningStep): Timed {
  return {
    ...step,
    id: `running-${step.index}-${step.name}`,
    status: 'running',
    error: null,
    completedAt: null,
    build: null,
  }
}

function toSpan(step: Timed, now: number) {
  const { id, name, index, status, error, build } = step
  const start = Date.parse(step.startedAt)
  const end = Math.max(start, step.completedAt === null ? now : Date.parse(step.completedAt))
  return { key: id, name, index, status, error, build, start, end }
}
