import { expect, test } from 'vitest'
import { formatRelative } from './format'

const NOW = Date.parse('2026-03-01T12:00:00Z')

test.each([
  // The clock of another device may be ahead.
  [-3000, 'just now'],
  [-59_000, 'just now'],
  [0, 'just now'],
  [4999, 'just now'],
  [5000, '5 s ago'],
  [25_900, '25 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 minute ago'],
  [3_600_000, '1 hour ago'],
  [86_400_000, 'yesterday'],
])('%d ms ago is told as "%s"', (elapsed, told) => {
  expect(formatRelative(new Date(NOW - elapsed).toISOString(), NOW)).toBe(told)
})
