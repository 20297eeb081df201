import {
  axisY,
  dot,
  gridY,
  lineY,
  plot,
  rectY,
  ruleY,
  stackY,
  tip,
  pointer,
  type PlotOptions,
} from '@observablehq/plot'
import { formatDuration, formatNumber } from '../format'
import { LOCALE, WORDS } from '../words'
import { OUTCOMES, type Bar, type Mark } from './figures'

interface Frame {
  width: number
  since: Date
  until: Date
}

const HEIGHT = 200
const COLOURS = { completed: 'var(--good)', failed: 'var(--bad)', cancelled: 'var(--ink-faint)' }
/** As many as there are lines at most. */
const LINE_COLOURS = [1, 2, 3, 4, 5, 6].map((number) => `var(--series-${number})`)

export function plotOutcomes(bars: readonly Bar[], frame: Frame): Element {
  const most = Math.max(...[...heights(bars).values()], 4)
  return asPicture(
    plot({
      ...common(frame),
      y: { label: null, domain: [0, most], tickFormat: whole, ticks: 4 },
      marks: [
        gridY({ ticks: 4 }),
        rectY(
          bars,
          stackY({
            x1: 'from',
            x2: 'to',
            y: 'count',
            fill: ({ outcome }: Bar) => COLOURS[outcome],
            order: ({ outcome }: Bar) => OUTCOMES.indexOf(outcome),
            inset: 1,
            rx: 2,
          }),
        ),
        ruleY([0]),
        tip(
          bars,
          pointer(
            stackY({
              x: ({ from, to }: Bar) => new Date((from.getTime() + to.getTime()) / 2),
              y: 'count',
              order: ({ outcome }: Bar) => OUTCOMES.indexOf(outcome),
              title: ({ outcome, count, from, to }: Bar) =>
                `${formatNumber(count)} ${WORDS.overview.tipOutcome[outcome]}\n${MOMENT.formatRange(from, to)}`,
              ...TIP,
            }),
          ),
        ),
      ],
    }),
  )
}

/** Of several jobs, which may differ by orders of magnitude, on a scale for that. */
export function plotDurations(
  marks: readonly Mark[],
  names: readonly string[],
  { isOfOne, ...frame }: Frame & { isOfOne: boolean },
): Element {
  const domain = decades(marks)
  const ticks = STEPS_MS.filter((ms) => domain[0] <= ms && ms <= domain[1])
  const stroke = ({ line }: Mark): string => LINE_COLOURS[line] ?? 'currentColor'
  // A logarithm has no place for what took no time.
  const y = ({ ms }: Mark): number => (isOfOne ? ms : Math.max(1, ms))
  const channels = { x: 'at', y, z: 'line' } as const
  return asPicture(
    plot({
      ...common(frame),
      marginLeft: 56,
      y: {
        label: null,
        ...(isOfOne ? { zero: true, nice: true, ticks: 4, tickFormat: duration } : { type: 'log', domain }),
      },
      marks: [
        // The scale itself would name powers of ten only.
        ...(isOfOne ? [] : [axisY(ticks, { text: duration, label: null })]),
        gridY({ ticks: isOfOne ? 4 : ticks }),
        lineY(marks, { ...channels, stroke, strokeWidth: 1.75 }),
        dot(marks, { ...channels, fill: stroke, r: 2.5 }),
        ...(isOfOne ? [ruleY([0])] : []),
        tip(
          marks,
          pointer({
            ...channels,
            title: ({ line, ms, at }: Mark) =>
              `${names[line] ?? ''}: ${formatDuration(ms)}\n${MOMENT.format(at)}`,
            ...TIP,
          }),
        ),
      ],
    }),
  )
}

const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' })
const TIP = { fill: 'var(--surface)', stroke: 'var(--line-strong)', pathFilter: 'none' }

function common({ width, since, until }: Frame): PlotOptions {
  return {
    width,
    height: HEIGHT,
    marginLeft: 40,
    marginRight: 8,
    marginBottom: 28,
    marginTop: 12,
    x: { type: 'time', domain: [since, until], label: null, ticks: Math.max(2, Math.floor(width / 110)) },
    color: { type: 'identity' },
  }
}

function heights(bars: readonly Bar[]): Map<number, number> {
  const sums = new Map<number, number>()
  for (const { from, count } of bars) sums.set(from.getTime(), (sums.get(from.getTime()) ?? 0) + count)
  return sums
}

/** What people call durations by. */
const STEPS_MS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 360_000_000]

/** From one of those steps to another, so that all lies between them. */
function decades(marks: readonly Mark[]): [number, number] {
  const all = marks.map(({ ms }) => Math.max(1, ms))
  const from = STEPS_MS.findLast((step) => step <= Math.min(...all)) ?? 1
  const to = STEPS_MS.find((step) => step >= Math.max(...all) && step > from) ?? Math.max(...all)
  return [from, to]
}

function whole(value: number): string {
  return Number.isInteger(value) ? formatNumber(value) : ''
}

function duration(ms: number): string {
  return ms === 0 ? '0' : formatDuration(ms).replace(/\.0(?= s)| 0 (s|min)$/, '')
}

/**
 * Their few rules are in our style sheet: a content security policy may forbid inline ones. What the picture is
 * called stands around it: the names that its parts have are of no use to anyone.
 */
function asPicture(picture: Element): Element {
  for (const style of picture.querySelectorAll('style')) style.remove()
  picture.setAttribute('aria-hidden', 'true')
  return picture
}
