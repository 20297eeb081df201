import { useMemo } from 'react'
import type { Durably } from '../client'
import type { RunStatus } from '../protocol'
import { useClient } from './context'
import type { RunsQuery } from './runs-query'
import type { RunsView } from './runs-view'

export interface RunsAsked {
  jobName: string | readonly string[] | undefined
  status: RunStatus | readonly RunStatus[] | undefined
  labels: Record<string, string> | undefined
  pageSize: number
  realtime: boolean
  view: 'full' | 'summary'
}

type RunsStoreClass<Made> = new (client: Durably, query: RunsQuery, view: RunsView) => Made

/** The store of a list of runs: another one when something else is asked for. */
export function useRunsStore<Made>(
  Store: RunsStoreClass<Made>,
  { jobName, status, labels, pageSize, realtime, view }: RunsAsked,
): Made {
  const durably = useClient()
  // Lists and labels are mostly written where the hook is called: new objects that say the same.
  const query = JSON.stringify({ jobName: given(jobName), labels, status: given(status) })
  return useMemo(() => {
    const { jobName, labels, status } = JSON.parse(query) as Query
    return new Store(
      durably,
      { ...(jobName && { jobName }), ...(labels && { labels }), realtime },
      { pageSize, statuses: status, isSummary: view === 'summary' },
    )
  }, [Store, durably, query, pageSize, realtime, view])
}

interface Query {
  jobName?: string[]
  labels?: Record<string, string>
  status?: RunStatus[]
}

function given<Value>(value: Value | readonly Value[] | undefined): readonly Value[] | undefined {
  const list = value === undefined ? [] : ([value].flat() as Value[])
  return list.length === 0 ? undefined : list
}
