import type { EventFilter, RunFilter } from '../protocol'
import type { RunsView } from './runs-view'

/** Of which runs a list is. */
export interface RunsQuery {
  jobName?: string | readonly string[]
  labels?: Record<string, string>
  realtime: boolean
}

/** Which events matter to the list; undefined: none. */
export function eventFilter({ jobName, labels, realtime }: RunsQuery): EventFilter | undefined {
  return realtime ? { jobName, labels } : undefined
}

/** All runs of the list. */
export function runFilter({ jobName, labels }: RunsQuery, { statuses, isSummary }: RunsView): RunFilter {
  return { jobName, labels, status: statuses, view: isSummary ? 'summary' : 'full' }
}
