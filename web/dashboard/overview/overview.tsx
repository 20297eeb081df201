import type { ClientRun, JobStats, Stats } from 'durably'
import { useRuns, useStats, type UseRunsResult } from 'durably/react'
import { useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import { Link } from 'wouter'
import { useExtras } from '../extras'
import { formatDateTime, formatDuration, formatNumber, shortId } from '../format'
import { LoadFailure } from '../parts/load-failure'
import { Skeleton } from '../parts/skeleton'
import { useNow } from '../parts/use-now'
import { ViewNotice } from '../parts/view-notice'
import { WORDS } from '../words'
import { addressOf, runAddress, triggerAddress, type OverviewQuery } from '../addresses'
import { Chart, type Draw } from './chart'
import {
  barsOf,
  failureShare,
  historyOf,
  linesOf,
  MOST_LINES,
  OUTCOMES,
  PERCENTILES,
  totalsOf,
  WINDOW_NAMES,
  WINDOWS,
  type Totals,
} from './figures'

const SAID = WORDS.overview
const MOST_RUNNING = 8
const PROGRESS_INTERVAL_MS = 2000
const HOUR_MS = 3_600_000

function hrefOf(query: OverviewQuery): string {
  return addressOf({ view: 'overview', ...query })
}

/** How the engine gets on: what waits and runs, how runs ended of late, and how long they took. */
export function Overview({ window, jobName, percentile }: OverviewQuery): ReactNode {
  const query = { window, jobName, percentile }
  const { jobName: only } = useExtras()
  const { stats, error } = useStats({ ...WINDOWS[query.window], jobName: only ?? undefined })
  return (
    <section
      className="overview"
      aria-labelledby="overview-title"
      aria-busy={stats === null && error === null}
    >
      <header className="overview-header">
        <h2 id="overview-title">
          {SAID.title} {query.jobName !== null && <span className="hint">{SAID.of(query.jobName)}</span>}
        </h2>
        {query.jobName !== null && only === null && (
          <Link href={hrefOf({ ...query, jobName: null })}>{SAID.allJobs}</Link>
        )}
        <Choice
          label={SAID.window}
          names={WINDOW_NAMES}
          chosen={window}
          wordsOf={(name) => SAID.windows[name]}
          hrefOf={(name) => hrefOf({ ...query, window: name })}
        />
      </header>
      {error !== null && (
        <ViewNotice>
          <LoadFailure what="figures" error={error} />
          {stats !== null && <p className="hint">{SAID.stale(formatDateTime(stats.until))}</p>}
        </ViewNotice>
      )}
      {stats === null && error === null && (
        <div className="card">
          <Skeleton rows={4} />
        </div>
      )}
      {stats !== null && <Figures stats={stats} query={query} />}
    </section>
  )
}

interface ChoiceProps<Name> {
  label: string
  names: readonly Name[]
  chosen: Name
  wordsOf: (name: Name) => string
  hrefOf: (name: Name) => string
}

/** One of a few ways to look at it: each has an address. */
function Choice<Name extends string | number>(props: ChoiceProps<Name>): ReactNode {
  const { label, names, chosen, wordsOf, hrefOf } = props
  return (
    <nav className="segments" aria-label={label}>
      {names.map((name) => (
        <Link key={name} href={hrefOf(name)} aria-current={name === chosen ? 'true' : undefined}>
          {wordsOf(name)}
        </Link>
      ))}
    </nav>
  )
}

function Figures({ stats, query }: { stats: Stats; query: OverviewQuery }): ReactNode {
  const { jobName } = query
  // Pictures stay as they are, with what is pointed at, while only other figures change.
  const history = useSame(historyOf(stats, jobName))
  const running = useRunning(jobName, stats)
  if (stats.jobs.length === 0) return <Empty query={query} />
  const chosen = stats.jobs.filter((job) => jobName === null || job.jobName === jobName)
  return (
    <>
      <Tiles
        totals={totalsOf(chosen)}
        windowMs={WINDOWS[query.window].windowMs}
        // Of a part of them nobody knows which runs longest.
        runningSince={running.hasMore ? null : earliestOf(running.runs)}
      />
      <div className="overview-charts">
        <OutcomesChart history={history} />
        <DurationsChart history={history} query={query} />
      </div>
      <JobsTable jobs={stats.jobs} query={query} />
      <RunningNow running={running} />
    </>
  )
}

/** A database in which nothing has ever run has no time to look back on. */
function Empty({ query: { window, jobName } }: { query: OverviewQuery }): ReactNode {
  const { runs, isLoading, error } = useRuns({
    ...(jobName !== null && { jobName }),
    pageSize: 1,
    view: 'summary',
    realtime: false,
  })
  if (runs.length === 0 && isLoading) {
    return (
      <div className="card">
        <Skeleton rows={4} />
      </div>
    )
  }
  const isNew = runs.length === 0 && error === null
  const hint = window === '7d' ? SAID.emptyWeek : SAID.emptyHint
  return (
    <div className="card overview-empty">
      <h3>{isNew ? SAID.nothingYet : SAID.empty}</h3>
      <p className="hint">{isNew ? SAID.nothingYetHint : hint}</p>
      <Link className="button button-primary" href={triggerAddress(jobName)}>
        {WORDS.runs.trigger}
      </Link>
    </div>
  )
}

/** The same object as long as it says the same. */
function useSame<Value>(value: Value): Value {
  const text = JSON.stringify(value)
  return useMemo(() => JSON.parse(text) as Value, [text])
}

// ---------------------------------------------------------------- figures

interface TilesProps {
  totals: Totals
  windowMs: number
  runningSince: string | null
}

function Tiles({ totals, windowMs, runningSince }: TilesProps): ReactNode {
  const now = useNow(totals.oldestPendingAt === null && runningSince === null ? null : 1000)
  const since = (at: string): string => formatDuration(Math.max(0, now - Date.parse(at)))
  const { oldestPendingAt, pending, leased, completed, failed } = totals
  const share = failureShare(totals)
  const perHour = (completed * HOUR_MS) / windowMs
  return (
    <dl className="tiles">
      <Tile
        name={SAID.waiting}
        value={pending}
        note={oldestPendingAt === null ? SAID.nothingWaits : SAID.oldest(since(oldestPendingAt))}
      />
      <Tile
        name={SAID.running}
        value={leased}
        kind={leased > 0 ? 'running' : undefined}
        note={
          leased === 0 ? SAID.noneRuns : runningSince === null ? undefined : SAID.longest(since(runningSince))
        }
      />
      <Tile
        name={SAID.completed}
        value={completed}
        note={
          completed === 0 ? undefined : SAID.perHour(perHour, formatNumber(Math.round(10 * perHour) / 10))
        }
      />
      <Tile
        name={SAID.failed}
        value={failed}
        kind={failed > 0 ? 'bad' : undefined}
        note={
          failed === 0 || share === null
            ? SAID.nothingFailed
            : SAID.failureRate(share, formatNumber(Math.round(1000 * share) / 10))
        }
      />
    </dl>
  )
}

interface TileProps {
  name: string
  value: number
  note?: string | undefined
  kind?: 'bad' | 'running' | undefined
}

function Tile({ name, value, note, kind }: TileProps): ReactNode {
  return (
    <div className="card tile" data-kind={kind}>
      <dt>{name}</dt>
      <dd className="tile-value number">{formatNumber(value)}</dd>
      {note !== undefined && <dd className="hint">{note}</dd>}
    </div>
  )
}

// ---------------------------------------------------------------- charts

function OutcomesChart({ history }: { history: Stats }): ReactNode {
  const bars = useMemo(() => barsOf(history), [history])
  const draw = useCallback<Draw>(
    ({ plotOutcomes }, width) => plotOutcomes(bars, { width, ...spanOf(history) }),
    [bars, history],
  )
  const { completed, failed, cancelled } = totalsOf(history.jobs)
  return (
    <figure className="card">
      <figcaption className="card-title">{SAID.outcomes}</figcaption>
      <ul className="legend">
        {OUTCOMES.map((outcome) => (
          <li key={outcome} data-outcome={outcome}>
            {SAID[outcome]}
          </li>
        ))}
      </ul>
      {bars.length === 0 ? (
        <p className="hint chart-empty">{SAID.noEnds}</p>
      ) : (
        <>
          <Chart
            label={SAID.chartOutcomes(formatNumber(completed), formatNumber(failed), formatNumber(cancelled))}
            draw={draw}
          />
          <ChartTable
            columns={[SAID.from, SAID.job, ...OUTCOMES.map((outcome) => SAID[outcome])]}
            rows={history.jobs.flatMap(({ jobName, buckets }) =>
              buckets.map((bucket) => [
                formatDateTime(bucket.at),
                jobName,
                ...OUTCOMES.map((outcome) => formatNumber(bucket[outcome])),
              ]),
            )}
          />
        </>
      )}
    </figure>
  )
}

function DurationsChart({ history, query }: { history: Stats; query: OverviewQuery }): ReactNode {
  const { percentile } = query
  const count = history.jobs.filter(({ completed }) => completed > 0).length
  // Of one job there are both: the names of the lines say which.
  const what = count > 1 ? SAID.durationsOf(SAID.percentiles[percentile]) : SAID.durations
  const { lines, marks } = useMemo(
    () => linesOf(history, percentile, SAID.percentiles),
    [history, percentile],
  )
  const draw = useCallback<Draw>(
    ({ plotDurations }, width) => {
      const names = lines.map(({ name }) => name)
      return plotDurations(marks, names, { width, isOfOne: count < 2, ...spanOf(history) })
    },
    [lines, marks, history, count],
  )
  return (
    <figure className="card">
      <figcaption className="card-title">
        {SAID.durations} {count > MOST_LINES && <span className="hint">{SAID.onlyMost(MOST_LINES)}</span>}
      </figcaption>
      <div className="chart-head">
        <ul className="legend">
          {lines.map(({ name, line }) => (
            <li key={name} data-line={line}>
              {name}
            </li>
          ))}
        </ul>
        {count > 1 && (
          <Choice
            label={SAID.percentile}
            names={PERCENTILES}
            chosen={percentile}
            wordsOf={(each) => SAID.percentiles[each]}
            hrefOf={(each) => hrefOf({ ...query, percentile: each })}
          />
        )}
      </div>
      {marks.length === 0 ? (
        <p className="hint chart-empty">{SAID.noneCompleted}</p>
      ) : (
        <>
          <Chart label={`${what}. ${SAID.chartDurations}`} draw={draw} />
          <ChartTable
            columns={[SAID.time, SAID.job, what]}
            rows={marks.map(({ at, ms, line }) => [
              formatDateTime(at.toISOString()),
              lines[line]?.name ?? '',
              formatDuration(ms),
            ])}
          />
        </>
      )}
    </figure>
  )
}

interface ChartTableProps {
  columns: readonly string[]
  rows: readonly (readonly string[])[]
}

/** What a picture shows, for those who read it or have it read. */
function ChartTable({ columns, rows }: ChartTableProps): ReactNode {
  const [isOpen, setIsOpen] = useState(false)
  return (
    <details className="chart-table" onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>{SAID.asTable}</summary>
      {isOpen && (
        <div className="overview-table" tabIndex={0} role="group" aria-label={SAID.asTable}>
          <table>
            <thead>
              <tr>
                {columns.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((cells, row) => (
                <tr key={row}>
                  {cells.map((cell, column) => (
                    <td key={column} className="number">
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}

function spanOf({ since, until }: Stats): { since: Date; until: Date } {
  return { since: new Date(since), until: new Date(until) }
}

// ---------------------------------------------------------------- by job

interface JobsTableProps {
  jobs: readonly JobStats[]
  query: OverviewQuery
}

function JobsTable({ jobs, query }: JobsTableProps): ReactNode {
  const { jobName: only } = useExtras()
  return (
    <section className="card" aria-labelledby="overview-jobs">
      <h3 className="card-title" id="overview-jobs">
        {SAID.jobs}
      </h3>
      {query.jobName === null && only === null && <p className="hint overview-hint">{SAID.jobsHint}</p>}
      <div className="overview-table" tabIndex={0} role="group" aria-labelledby="overview-jobs">
        <table>
          <thead>
            <tr>
              <th scope="col">{SAID.job}</th>
              {[SAID.waiting, SAID.running, SAID.completed, SAID.failed, SAID.cancelled].map((name) => (
                <th key={name} scope="col" className="number">
                  {name}
                </th>
              ))}
              <th scope="col" className="number">
                {SAID.percentiles[50]}
              </th>
              <th scope="col" className="number">
                {SAID.percentiles[95]}
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <JobRow key={job.jobName} job={job} query={query} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function JobRow({ job, query }: Omit<JobsTableProps, 'jobs'> & { job: JobStats }): ReactNode {
  const isChosen = job.jobName === query.jobName
  return (
    <tr data-selected={isChosen}>
      <th scope="row">
        <Link href={hrefOf({ ...query, jobName: job.jobName })} aria-current={isChosen ? 'true' : undefined}>
          {job.jobName}
        </Link>
      </th>
      {[job.pending, job.leased, job.completed].map((count, column) => (
        <td key={column} className="number">
          {formatNumber(count)}
        </td>
      ))}
      <td className="number" data-kind={job.failed > 0 ? 'bad' : undefined}>
        {formatNumber(job.failed)}
      </td>
      <td className="number">{formatNumber(job.cancelled)}</td>
      {[job.durationP50Ms, job.durationP95Ms].map((ms, column) => (
        <td key={column} className="number">
          {ms === null ? '–' : formatDuration(ms)}
        </td>
      ))}
    </tr>
  )
}

// ---------------------------------------------------------------- now

/** When the figures are others, other runs may run. */
function useRunning(jobName: string | null, stats: Stats): UseRunsResult {
  // Not at each claim, of which there may be hundreds in a second.
  const running = useRuns({
    status: 'leased',
    ...(jobName !== null && { jobName }),
    pageSize: MOST_RUNNING,
    view: 'summary',
    realtime: false,
  })
  const { runs, refresh } = running
  const tick = useNow(runs.length > 0 ? PROGRESS_INTERVAL_MS : null)
  useEffect(() => refresh(), [stats, tick, refresh])
  return running
}

/** When the one that runs longest was begun. */
function earliestOf(runs: readonly ClientRun[]): string | null {
  // All in one form and zone: they sort as texts.
  return runs.flatMap(({ startedAt }) => (startedAt === null ? [] : [startedAt])).sort()[0] ?? null
}

function RunningNow({ running }: { running: UseRunsResult }): ReactNode {
  const { runs, hasMore, isLoading, error } = running
  const now = useNow(runs.length > 0 ? 1000 : null)
  return (
    <section className="card" aria-labelledby="overview-now">
      <h3 className="card-title" id="overview-now">
        {SAID.runningNow}
      </h3>
      {error !== null && <LoadFailure what="runs" error={error} hasOlder={runs.length > 0} />}
      {runs.length === 0 && error === null && (
        <p className="hint">{isLoading ? SAID.loading : SAID.nothingRuns}</p>
      )}
      <ul className="running-now">
        {runs.map((run) => (
          <li key={run.id}>
            <Link href={runAddress(run.id)}>
              {run.jobName} <code>{shortId(run.id)}</code>
            </Link>
            {run.progress?.total !== undefined && run.progress.total > 0 && (
              <progress
                aria-label={`${run.jobName} ${shortId(run.id)}`}
                value={run.progress.current}
                max={run.progress.total}
              />
            )}
            <span className="hint">{run.progress?.message}</span>
            <span className="number hint">
              {run.startedAt !== null && formatDuration(Math.max(0, now - Date.parse(run.startedAt)))}
            </span>
          </li>
        ))}
      </ul>
      {hasMore && <p className="hint">{SAID.more}</p>}
    </section>
  )
}
