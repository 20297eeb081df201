import type { JobInfo } from 'durably'
import { expect, test } from 'vitest'
import { isOrphan, knownJobs } from './orphans'

const SYNC: JobInfo = { name: 'sync', keys: ['sync'], description: null, inputSchema: {}, outputSchema: null }
const READY = knownJobs({ status: 'ready', jobs: [SYNC], error: null })

test.each([
  ['pending', 'gone', true],
  ['pending', 'sync', false],
  // It is executed still, or nothing has to be done for it any more.
  ['leased', 'gone', false],
  ['completed', 'gone', false],
  ['cancelled', 'gone', false],
] as const)('a %s run of the job %s', (status, jobName, expected) => {
  expect(isOrphan({ status, jobName }, READY)).toBe(expected)
})

test.each(['loading', 'failed'] as const)('none is an orphan while the jobs are %s', (status) => {
  const known = knownJobs({ status, jobs: [], error: null })
  expect(isOrphan({ status: 'pending', jobName: 'gone' }, known)).toBe(false)
})
