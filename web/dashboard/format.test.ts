import { expect, test } from 'vitest'
import { formatRelative, shortBuild } from './format'

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

test.each([
  ['12ce857b09f1a3d4', '12ce857'],
  ['20261129103000', '20261129103000'],
  ['v1.2.3-rc.1+build', 'v1.2.3-rc.1+build'],
  ['cafe', 'cafe'],
])('the build %s is shown as %s', (build, shown) => {
  expect(shortBuild(build)).toBe(shown)
})
