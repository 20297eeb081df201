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
  const first = rows[0]?.at ?? 0
  const length = Math.max(1, end - cutMs - first)
  return rows.map(({ span, at, pauseMs }) => ({
    key: span.key,
    name: span.name,
    status: span.status,
    error: span.error,
    durationMs: span.end - span.start,
    offset: (100 * (at - first)) / length,
    width: (100 * (span.end - span.start)) / length,
    pauseMs,
  }))
}

interface Timed {
  id: string
  name: string
  index: number
  status: StepRow['status']
  error: string | null
  startedAt: string
  completedAt: string | null
}

function toRunning(step: RunningStep): Timed {
  return {
    ...step,
    id: `running-${step.index}-${step.name}`,
    status: 'running',
    error: null,
    completedAt: null,
  }
}

function toSpan(step: Timed, now: number) {
  const { id, name, index, status, error } = step
  const start = Date.parse(step.startedAt)
  const end = Math.max(start, step.completedAt === null ? now : Date.parse(step.completedAt))
  return { key: id, name, index, status, error, start, end }
}
