import type { RunStatus } from 'durably'
import { PERCENTILES, WINDOW_NAMES, type Percentile, type WindowName } from './overview/figures'

/** Which runs are listed. Nothing given: all. */
export interface RunFilters {
  jobNames: readonly string[]
  statuses: readonly RunStatus[]
  labels: Readonly<Record<string, string>>
}

export const NO_FILTERS: RunFilters = { jobNames: [], statuses: [], labels: {} }

/** What is looked at in the overview. */
export interface OverviewQuery {
  window: WindowName
  /** Null: all jobs. */
  jobName: string | null
  /** How many of a hundred runs took at most what is drawn of several jobs. */
  percentile: Percentile
}

/** What is looked at. All of it is in the address, so that a link leads there. */
export type Place =
  | { view: 'runs'; runId: string | null; filters: RunFilters }
  | { view: 'trigger'; jobName: string | null }
  | ({ view: 'overview' } & OverviewQuery)
  | { view: 'storage' }

export const STATUSES: readonly RunStatus[] = ['pending', 'leased', 'completed', 'failed', 'cancelled']

/** `path` without the query, which is `search`. An address that nobody wrote leads to the runs. */
export function placeOf(path: string, search: string): Place {
  const [view = '', ...rest] = path.split('/').slice(1)
  const name = decoded(rest.join('/'))
  const asked = new URLSearchParams(search)
  switch (view) {
    case 'trigger':
      return { view, jobName: name }
    case 'overview': {
      const window = WINDOW_NAMES.find((each) => each === asked.get('window')) ?? '24h'
      const percentile = PERCENTILES.find((each) => String(each) === asked.get('percentile')) ?? 95
      return { view, window, jobName: asked.get('job'), percentile }
    }
    case 'storage':
      return { view }
    default:
      return { view: 'runs', runId: name, filters: filtersOf(asked) }
  }
}

export function addressOf(place: Place): string {
  switch (place.view) {
    case 'runs':
      return `/runs${below(place.runId)}${queryOf(place.filters)}`
    case 'trigger':
      return `/trigger${below(place.jobName)}`
    case 'overview': {
      const query = new URLSearchParams({ window: place.window })
      if (place.jobName !== null) query.set('job', place.jobName)
      if (place.percentile !== 95) query.set('percentile', String(place.percentile))
      return `/overview?${query}`
    }
    case 'storage':
      return '/storage'
  }
}

export function runsAddress(filters: RunFilters = NO_FILTERS): string {
  return addressOf({ view: 'runs', runId: null, filters })
}

export function runAddress(runId: string, filters: RunFilters = NO_FILTERS): string {
  return addressOf({ view: 'runs', runId, filters })
}

export function triggerAddress(jobName: string | null = null): string {
  return addressOf({ view: 'trigger', jobName })
}

function filtersOf(asked: URLSearchParams): RunFilters {
  const labels = asked.getAll('label').flatMap((text): [string, string][] => {
    const at = text.indexOf(':')
    return at < 1 ? [] : [[plain(text.slice(0, at)), plain(text.slice(at + 1))]]
  })
  return {
    jobNames: asked.getAll('job'),
    statuses: STATUSES.filter((status) => asked.getAll('status').includes(status)),
    labels: Object.fromEntries(labels),
  }
}

/** Labels hold any text: each side is written so that the first colon parts them. */
function queryOf({ jobNames, statuses, labels }: RunFilters): string {
  const query = new URLSearchParams([
    ...jobNames.map((name) => ['job', name]),
    ...statuses.map((status) => ['status', status]),
    ...Object.entries(labels).map(([key, value]) => [
      'label',
      `${encodeURIComponent(key)}:${encodeURIComponent(value)}`,
    ]),
  ])
  return query.size === 0 ? '' : `?${query}`
}

function below(name: string | null): string {
  return name === null ? '' : `/${encodeURIComponent(name)}`
}

/** A part of a label, which people write by hand, too: `discount:50%25`. */
function plain(text: string): string {
  return decoded(text) ?? text
}

function decoded(text: string): string | null {
  try {
    return text === '' ? null : decodeURIComponent(text)
  } catch {
    // Not an address that the dashboard wrote.
    return null
  }
}
