import { expect, test } from 'vitest'
import { addressOf, NO_FILTERS, placeOf, type Place } from './addresses'

function asked(address: string): Place {
  const [path = '', search = ''] = address.split('?')
  return placeOf(path, search)
}

test.each<Place>([
  { view: 'runs', runId: null, filters: NO_FILTERS },
  { view: 'runs', runId: 'a/b?c#d', filters: { ...NO_FILTERS, jobNames: ['import', 'a&b=c'] } },
  {
    view: 'runs',
    runId: null,
    filters: { jobNames: [], statuses: ['leased', 'failed'], labels: { 'te:n/ant': 'a:b=c&d', plan: '' } },
  },
  { view: 'runs', runId: null, filters: { ...NO_FILTERS, labels: { discount: '50%', a: 'b%20c' } } },
  { view: 'trigger', jobName: null },
  { view: 'trigger', jobName: '50%' },
  { view: 'trigger', jobName: 'über/job' },
  { view: 'overview', window: '7d', jobName: null, percentile: 50 },
  { view: 'overview', window: '1h', jobName: 'import-csv', percentile: 95 },
  { view: 'storage' },
])('an address leads to where it was made: %o', (place) => {
  expect(asked(addressOf(place))).toEqual(place)
})

test.each(['', '/', '/nothing', '/runs/%E0%A4%A', '/runs?status=burning&label=x'])(
  'leads to all runs by %o',
  (address) => expect(asked(address)).toEqual({ view: 'runs', runId: null, filters: NO_FILTERS }),
)

test('takes a label that was written by hand', () => {
  expect(asked('/runs?label=discount:50%25')).toMatchObject({ filters: { labels: { discount: '50%' } } })
})

test('looks at a day where no window is named that there is', () => {
  expect(asked('/overview?window=1y')).toEqual({
    view: 'overview',
    window: '24h',
    jobName: null,
    percentile: 95,
  })
})
