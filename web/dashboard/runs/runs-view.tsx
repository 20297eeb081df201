import { useJobs, useInfiniteRuns } from 'durably/react'
import { useMemo, useRef, useState, type ReactNode } from 'react'
import { Link } from 'wouter'
import { triggerAddress, type RunFilters } from '../addresses'
import { useExtras } from '../extras'
import { formatNumber } from '../format'
import { Icon } from '../parts/icons'
import { LoadFailure } from '../parts/load-failure'
import { Skeleton } from '../parts/skeleton'
import { RunDetail } from '../run/run-detail'
import { WORDS } from '../words'
import { BulkBar } from './bulk-bar'
import { FilterBar } from './filter-bar'
import { NoRuns } from './no-runs'
import { knownJobs } from './orphans'
import { RunList } from './run-list'
import { useNewestRunAtFirst } from './use-newest-run-at-first'
import { useRunCounts } from './use-run-counts'

const SAID = WORDS.runs
const PAGE_SIZE = 100

interface RunsViewProps {
  runId: string | null
  filters: RunFilters
  isShown: boolean
}

/** The runs, and the one that is chosen beside them; on narrow screens in their place. */
export function RunsView({ runId, filters, isShown }: RunsViewProps): ReactNode {
  const { jobName, jobs: extras } = useExtras()
  const jobsState = useJobs()
  const { jobs } = jobsState
  const jobsThere = useMemo(() => knownJobs(jobsState), [jobsState])
  const jobNames = jobName === null ? filters.jobNames : [jobName]
  const isFiltered =
    filters.jobNames.length + filters.statuses.length + Object.keys(filters.labels).length > 0
  const list = useInfiniteRuns({
    jobName: jobNames,
    status: filters.statuses,
    labels: filters.labels,
    pageSize: PAGE_SIZE,
    view: 'summary',
  })
  const counts = useRunCounts({ ...filters, jobNames }, list.runs)
  const query = JSON.stringify(filters)
  const [selection, select] = useSelection(query)
  const known = useMemo(
    () => ({
      jobNames: jobs.map(({ name }) => name).filter((name) => jobName === null || name === jobName),
      runs: list.runs,
    }),
    [jobs, jobName, list.runs],
  )
  const frame = useRef<HTMLDivElement>(null)
  useNewestRunAtFirst(list, runId, isShown, filters, frame)
  const hasNone = !list.isLoading && list.error === null && list.runs.length === 0
  const total = counts === null ? null : totalOf(counts, filters)
  return (
    <div className="columns" ref={frame} data-has-run={runId !== null}>
      <section className="card runs" aria-labelledby="runs-title" aria-busy={list.isLoading}>
        <header className="runs-header">
          <h2 className="card-title" id="runs-title">
            {SAID.title}
            {total !== null && total > 0 && <span className="count">{formatNumber(total)}</span>}
          </h2>
          <Link className="button button-primary" href={triggerAddress(jobName)}>
            <Icon name="play" />
            {SAID.trigger}
          </Link>
        </header>
        {list.error !== null && (
          <LoadFailure what="runs" error={list.error} hasOlder={list.runs.length > 0} isNotice />
        )}
        {(!hasNone || isFiltered) && (
          <FilterBar filters={filters} known={known} counts={counts} runId={runId} />
        )}
        <BulkBar key={query} runs={list.runs} selection={selection} onSelect={select} />
        {list.isLoading && list.runs.length === 0 && <Skeleton rows={4} />}
        {hasNone && (isFiltered ? <NoMatch /> : <NoRuns jobs={jobs} extras={extras} />)}
        {list.runs.length > 0 && (
          <RunList
            list={list}
            runId={runId}
            filters={filters}
            jobs={jobsThere}
            selection={selection}
            onSelect={select}
          />
        )}
      </section>
      <RunDetail key={runId} runId={runId} filters={filters} />
    </div>
  )
}

/** Which runs are chosen for what is done with several; none in another list. */
function useSelection(query: string): [ReadonlySet<string>, (ids: ReadonlySet<string>) => void] {
  const [chosen, setChosen] = useState<{ query: string; ids: ReadonlySet<string> }>({ query, ids: NONE })
  return [chosen.query === query ? chosen.ids : NONE, (ids) => setChosen({ query, ids })]
}

const NONE: ReadonlySet<string> = new Set()

function totalOf(counts: Record<string, number>, { statuses }: RunFilters): number {
  return Object.entries(counts)
    .filter(([status]) => statuses.length === 0 || statuses.some((each) => each === status))
    .reduce((sum, [, count]) => sum + count, 0)
}

function NoMatch(): ReactNode {
  return <p className="hint">{SAID.noMatch}</p>
}
