import type { ClientRun, Step } from 'durably'
import type { RunningStep } from 'durably/react'
import type { Attempt } from './attempts'

/** A bar on the axis, in percent of its length. */
export interface Bar {
  offset: number
  width: number
}

export interface StepRow extends Bar {
  key: string
  name: string
  status: Step['status'] | 'running'
  error: string | null
  durationMs: number
  /** How long no step ran before this one, where that is worth telling. */
  pauseMs: number | null
  /** Which executed it. Null: it runs still, or what executed it has no name. */
  build: string | null
  /** The build that executed this one and not the one before: a deploy came in between. */
  newBuild: string | null
  /** A later attempt took its saved result instead of executing it again. */
  isReplayed: boolean
}

export interface RunBar extends Bar {
  kind: 'waiting' | 'attempt'
  /** Of the attempt. */
  number: number
  durationMs: number
}

export interface Tick {
  offset: number
  /** Since the run was triggered. */
  ms: number
}

/** Where a pause is shortened on the axis. */
export interface Break {
  offset: number
  /** How long the pause is. */
  pauseMs: number
}

/** What cannot be told from its look alone. */
export type Mark = 'waiting' | 'cut' | 'replayed' | 'failed'

export interface Timeline {
  /** When the run waited, and when which attempt executed it. */
  runBars: RunBar[]
  rows: StepRow[]
  ticks: Tick[]
  breaks: Break[]
  totalMs: number
}

/** Pauses longer than this, or than a share of the whole, are cut out of the axis: a night would hide the steps. */
const LONGEST_PAUSE_MS = 1500
const LONGEST_SHARE = 0.1
const MOST_TICKS = 5
/** Ticks of two spans that are nearer than this, in percent, would have their labels on each other. */
const CLOSEST_TICKS = 18

interface Span {
  start: number
  end: number
}

interface TimedStep extends Span {
  key: string
  name: string
  index: number
  status: StepRow['status']
  error: string | null
  build: string | null
}

export interface TimelineFacts {
  run: Pick<ClientRun, 'createdAt' | 'completedAt'>
  attempts: readonly Attempt[]
  steps: readonly Step[]
  runningSteps: readonly RunningStep[]
}

/** Where everything that happened to a run lies on one axis of time. */
export function layoutTimeline({ run, attempts, steps, runningSteps }: TimelineFacts, now: number): Timeline {
  const timed = [...steps.map(endedStep), ...runningSteps.map((step) => runningStep(step, now))].sort(
    (a, b) => a.start - b.start || a.index - b.index,
  )
  const created = Date.parse(run.createdAt)
  const executed = attempts.map(({ start, end }) => ({ start, end: Math.max(start, end ?? now) }))
  const ended = run.completedAt === null ? now : Date.parse(run.completedAt)
  const end = Math.max(created, ended, ...executed.map((span) => span.end), ...timed.map((step) => step.end))
  const axis = new Axis(created, end, timed.length > 0 ? timed : executed)
  return {
    runBars: runBars(created, attempts, end, axis),
    rows: stepRows(timed, attempts, axis),
    ticks: axis.ticks(),
    breaks: axis.breaks(),
    totalMs: end - created,
  }
}

/** Maps times to percent, with long pauses between the busy spans cut short. */
class Axis {
  readonly #begin: number
  readonly #end: number
  readonly #cuts: (Span & { cutMs: number })[] = []
  readonly #length: number

  constructor(begin: number, end: number, busy: readonly Span[]) {
    this.#begin = begin
    this.#end = end
    const busyMs = busy.reduce((sum, span) => sum + span.end - span.start, 0)
    const longest = Math.max(LONGEST_PAUSE_MS, LONGEST_SHARE * busyMs)
    for (const pause of pausesBetween(begin, end, busy)) {
      const cutMs = pause.end - pause.start - longest
      if (cutMs > 0) this.#cuts.push({ ...pause, cutMs })
    }
    this.#length = Math.max(1, this.#shortened(end) - begin)
  }

  bar(start: number, end: number): Bar {
    const offset = this.#offset(start)
    return { offset, width: this.#offset(end) - offset }
  }

  /** Where the time is told; within a pause that is cut it would be hard to read. */
  ticks(): Tick[] {
    if (this.#end === this.#begin) return []
    const spans = this.#uncut().map(({ start, end }) => this.#ticksWithin(start, end))
    // How far each span is from the beginning comes first: its further ticks can be guessed from that.
    const wanted = [
      ...spans.flatMap((ticks) => ticks.slice(0, 1)),
      ...spans.flatMap((ticks) => ticks.slice(1)),
    ]
    const kept: Tick[] = []
    for (const tick of wanted) {
      if (kept.every((other) => Math.abs(other.offset - tick.offset) >= roomFor(other))) kept.push(tick)
    }
    return kept.sort((a, b) => a.offset - b.offset)
  }

  breaks(): Break[] {
    return this.#cuts.map(({ start, end }) => ({
      offset: (this.#offset(start) + this.#offset(end)) / 2,
      pauseMs: end - start,
    }))
  }

  /** The beginning, and what lies between the cuts. */
  #uncut(): Span[] {
    const starts = [this.#begin, ...this.#cuts.map(({ end }) => end)]
    const ends = [...this.#cuts.map(({ start }) => start), this.#end]
    return starts
      .map((start, index) => ({ start, end: ends[index] ?? this.#end }))
      .filter(({ start, end }) => end > start || start === this.#begin)
  }

  /** At round times, or at the start of a span that has none. */
  #ticksWithin(start: number, end: number): Tick[] {
    const step = Math.max(roundStep(this.#length / MOST_TICKS), finestStep(end - this.#begin))
    const ticks: Tick[] = []
    for (let ms = step * Math.ceil((start - this.#begin) / step); this.#begin + ms <= end; ms += step) {
      ticks.push({ ms, offset: this.#offset(this.#begin + ms) })
    }
    return ticks.length > 0 ? ticks : [{ ms: start - this.#begin, offset: this.#offset(start) }]
  }

  #offset(at: number): number {
    return (100 * (this.#shortened(at) - this.#begin)) / this.#length
  }

  /** Within a pause that is cut, time passes faster. */
  #shortened(at: number): number {
    let shortened = at
    for (const { start, end, cutMs } of this.#cuts) {
      if (at <= start) break
      shortened -= at >= end ? cutMs : (cutMs * (at - start)) / (end - start)
    }
    return shortened
  }
}

/** Which marks are there, in the order in which a legend tells them. */
export function marksOf({ runBars, breaks, rows }: Timeline): Mark[] {
  const marks: [Mark, boolean][] = [
    ['waiting', runBars.some(({ kind }) => kind === 'waiting')],
    ['cut', breaks.length > 0],
    ['replayed', rows.some(({ isReplayed }) => isReplayed)],
    ['failed', rows.some(({ status }) => status === 'failed')],
  ]
  return marks.flatMap(([mark, isThere]) => (isThere ? [mark] : []))
}

function pausesBetween(begin: number, end: number, busy: readonly Span[]): Span[] {
  const pauses: Span[] = []
  let from = begin
  for (const span of busy) {
    if (span.start > from) pauses.push({ start: from, end: span.start })
    from = Math.max(from, span.end)
  }
  if (end > from) pauses.push({ start: from, end })
  return pauses
}

/** 1, 2 or 5 times a power of ten; above a minute what people read on clocks. */
function roundStep(ms: number): number {
  const known = [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000]
  if (ms > 30_000) return known.find((step) => step >= ms) ?? 86_400_000 * Math.ceil(ms / 86_400_000)
  const power = 10 ** Math.floor(Math.log10(Math.max(ms, 1)))
  return power * ([1, 2, 5].find((factor) => factor * power >= ms) ?? 10)
}

/** The label of the beginning is one figure. */
function roomFor({ ms }: Tick): number {
  return ms === 0 ? CLOSEST_TICKS / 2 : CLOSEST_TICKS
}

/** What durations of that length are told to: nearer ticks would have the same label. */
function finestStep(ms: number): number {
  if (ms >= 3_600_000) return 60_000
  if (ms >= 10_000) return 1000
  return ms >= 1000 ? 100 : 1
}

function runBars(created: number, attempts: readonly Attempt[], end: number, axis: Axis): RunBar[] {
  const bars: RunBar[] = []
  const add = (kind: RunBar['kind'], number: number, from: number, to: number): void => {
    if (to > from) bars.push({ kind, number, durationMs: to - from, ...axis.bar(from, to) })
  }
  let from = created
  for (const attempt of attempts) {
    add('waiting', attempt.number, from, attempt.start)
    from = attempt.end ?? end
    add('attempt', attempt.number, attempt.start, from)
  }
  const last = attempts.at(-1)
  // A run that was cancelled while it waited, or still waits.
  add('waiting', (last?.number ?? 0) + 1, from, end)
  return bars
}

function stepRows(steps: readonly TimedStep[], attempts: readonly Attempt[], axis: Axis): StepRow[] {
  const lastClaim = attempts.length > 1 ? (attempts.at(-1)?.start ?? 0) : 0
  let end = steps[0]?.start ?? 0
  return steps.map((step, row) => {
    const pauseMs = step.start - end
    end = Math.max(end, step.end)
    return {
      key: step.key,
      name: step.name,
      status: step.status,
      error: step.error,
      durationMs: step.end - step.start,
      pauseMs: pauseMs > LONGEST_PAUSE_MS ? pauseMs : null,
      build: step.build,
      newBuild: isDeploy(steps[row - 1]?.build, step.build) ? step.build : null,
      isReplayed: step.status === 'completed' && step.end < lastClaim,
      ...axis.bar(step.start, step.end),
    }
  })
}

/** What runs has no build yet, and neither has what an engine without a name executed. */
function isDeploy(before: string | null | undefined, build: string | null): boolean {
  return before !== undefined && before !== null && build !== null && before !== build
}

function endedStep({ id, name, index, status, error, build, ...step }: Step): TimedStep {
  const start = Date.parse(step.startedAt)
  return {
    key: id,
    name,
    index,
    status,
    error,
    build,
    start,
    end: Math.max(start, Date.parse(step.completedAt)),
  }
}

function runningStep({ name, index, startedAt }: RunningStep, now: number): TimedStep {
  const start = Date.parse(startedAt)
  const key = `running-${index}-${name}`
  return { key, name, index, status: 'running', error: null, build: null, start, end: Math.max(start, now) }
}
