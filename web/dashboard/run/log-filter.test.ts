import type { LogEntry } from 'durably'
import { expect, test } from 'vitest'
import { ALL_LOGS, filterLogs } from './log-filter'

function log(
  id: string,
  level: LogEntry['level'],
  message: string,
  stepName: string | null = null,
): LogEntry {
  return { id, runId: 'a', stepName, level, message, data: null, createdAt: '2026-01-01T00:00:00.000Z' }
}

const LOGS = [
  log('1', 'info', 'Begin'),
  log('2', 'warn', 'Row 7 is odd', 'batch-1'),
  log('3', 'error', 'Row 9 is broken', 'batch-2'),
]

function found(filter: Partial<typeof ALL_LOGS>): string[] {
  return filterLogs(LOGS, { ...ALL_LOGS, ...filter }).map(({ id }) => id)
}

test('finds what is as serious as asked, or more', () => {
  expect([found({}), found({ level: 'warn' }), found({ level: 'error' })]).toEqual([
    ['1', '2', '3'],
    ['2', '3'],
    ['3'],
  ])
})

test('finds words in messages and in names of steps', () => {
  expect([
    found({ text: ' ROW ' }),
    found({ text: 'batch-2' }),
    found({ text: 'row', level: 'error' }),
  ]).toEqual([['2', '3'], ['3'], ['3']])
})
