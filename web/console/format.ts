import type { ClientRun } from 'durably'

const TIME = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
})
const DATE_TIME = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium', hour12: false })
const DAY_MS = 86_400_000

/** The time, with the date unless it is about now. */
export function formatTime(iso: string, now: number): string {
  const date = new Date(iso)
  return Math.abs(now - date.getTime()) < DAY_MS / 2 ? TIME.format(date) : DATE_TIME.format(date)
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** How long the run took, or has taken until now; null before it was begun. */
export function durationOf(run: ClientRun, now: number): string | null {
  if (run.startedAt === null) return null
  const end = run.completedAt === null ? now : Date.parse(run.completedAt)
  return formatDuration(end - Date.parse(run.startedAt))
}

export function printJson(value: unknown): string {
  return JSON.stringify(value, null, 2)
}
