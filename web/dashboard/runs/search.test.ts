import { expect, test } from 'vitest'
import { suggestions, understand, type Known } from './search'

const KNOWN: Known = {
  jobNames: ['import-csv', 'import-photos', 'sync'],
  runs: [
    { id: '01KB000000000000000000ABCD', labels: { tenant: 'acme', plan: 'pro' } },
    { id: '01KB000000000000000000WXYZ', labels: { tenant: 'acme' } },
  ],
}

test.each([
  ['01kb000000000000000000abcd', { kind: 'run', runId: '01KB000000000000000000ABCD' }],
  [' 00wxyz ', { kind: 'run', runId: '01KB000000000000000000WXYZ' }],
  ['01KB999999999999999999WXYZ', { kind: 'run', runId: '01KB999999999999999999WXYZ' }],
  ['sync', { kind: 'filter', filters: { jobNames: ['sync'] } }],
  ['IMPORT', { kind: 'filter', filters: { jobNames: ['import-csv', 'import-photos'] } }],
  ['job:gone', { kind: 'filter', filters: { jobNames: ['gone'] } }],
  ['running', { kind: 'filter', filters: { statuses: ['leased'] } }],
  ['status:failed', { kind: 'filter', filters: { statuses: ['failed'] } }],
  ['tenant:acme', { kind: 'filter', filters: { labels: { tenant: 'acme' } } }],
  ['note = a:b', { kind: 'filter', filters: { labels: { note: 'a:b' } } }],
  ['nonsense', { kind: 'unclear' }],
  ['', { kind: 'unclear' }],
])('understands %o', (text, search) => {
  expect(understand(text, KNOWN)).toEqual(search)
})

test('suggests jobs and labels, each once', () => {
  expect(suggestions(KNOWN)).toEqual(['import-csv', 'import-photos', 'sync', 'tenant:acme', 'plan:pro'])
})
