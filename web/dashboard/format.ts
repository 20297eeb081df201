import type { ClientRun } from 'durably'
import { counted, LOCALE, WORDS } from './words'

const NUMBER = new Intl.NumberFormat(LOCALE)
const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' })
const DATE_TIME = new Intl.DateTimeFormat(LOCALE, {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
})

export function formatNumber(value: number): string {
  return NUMBER.format(value)
}

/** `plural(1, 'row')` is "1 row", `plural(0, 'row')` is "0 rows". */
export function plural(count: number, noun: string): string {
  return counted(count, formatNumber(count), noun)
}

export function formatDateTime(iso: string): string {
  return DATE_TIME.format(new Date(iso))
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

/** Until then it is just now. */
const SECONDS_FROM = 5

export function formatRelative(iso: string, now: number): string {
  const elapsed = Date.parse(iso) - now
  for (const [unit, ms] of UNITS) {
    if (Math.abs(elapsed) >= ms) return RELATIVE.format(Math.round(elapsed / ms), unit)
  }
  const seconds = Math.floor(-elapsed / 1000)
  return seconds < SECONDS_FROM ? WORDS.format.justNow : WORDS.format.secondsAgo(seconds)
}

export function formatDuration(ms: number): string {
  if (ms < 1) return '< 1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** How long the run took, or has taken until now; null before it was begun. */
export function durationOf({ startedAt, completedAt }: ClientRun, now: number): string | null {
  if (startedAt === null) return null
  const end = completedAt === null ? now : Date.parse(completedAt)
  return formatDuration(Math.max(0, end - Date.parse(startedAt)))
}

const LARGE_UNITS = ['kB', 'MB', 'GB', 'TB']

/** Limits are round numbers in one of two units; sizes compare best in the unit of their limit. */
export function formatBytes(bytes: number, { unit = 1000, digits = 1 } = {}): string {
  if (bytes < unit) return WORDS.format.bytes(bytes, formatNumber(bytes))
  const power = Math.min(Math.floor(Math.log(bytes) / Math.log(unit)), LARGE_UNITS.length)
  return `${(bytes / unit ** power).toFixed(digits)} ${LARGE_UNITS[power - 1] ?? ''}`
}

export function shortId(id: string): string {
  return id.slice(-6)
}

/** A hash is known by its beginning. What else people call their builds, as a time, is not cut. */
export function shortBuild(build: string): string {
  return /^(?=.*[a-f])[0-9a-f]{12,}$/.test(build) ? build.slice(0, 7) : build
}

/** `pause_ms` is "Pause ms". */
export function sentenceCase(name: string): string {
  const words = name.replaceAll(/[_-]+/g, ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
