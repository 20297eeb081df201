import type { LogEntry } from 'durably'

/** From the least to the most serious. */
export const LEVELS = ['info', 'warn', 'error'] as const

export interface LogFilter {
  /** As serious as this, or more. */
  level: LogEntry['level']
  /** In the message or the step's name, in whatever case. */
  text: string
}

export const ALL_LOGS: LogFilter = { level: 'info', text: '' }

export function filterLogs(logs: readonly LogEntry[], { level, text }: LogFilter): readonly LogEntry[] {
  const least = LEVELS.indexOf(level)
  const sought = text.trim().toLowerCase()
  if (least === 0 && sought === '') return logs
  return logs.filter(
    (log) =>
      LEVELS.indexOf(log.level) >= least &&
      `${log.stepName ?? ''} ${log.message}`.toLowerCase().includes(sought),
  )
}
