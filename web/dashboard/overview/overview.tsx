import type { JobStats, Stats } from 'durably'
import { useRuns, useStats } from 'durably/react'
import { useCallback, useMemo, type ReactNode } from 'react'
import { formatDuration, formatNumber, shortId } from '../format'
import { Skeleton } from '../skeleton'
import { useNow } from '../use-now'
import { WORDS } from '../words'
import { Chart, type Draw } from './chart'
import {
  barsOf,
  failureShare,
  linesOf,
  OUTCOMES,
  totalsOf,
  WINDOW_NAMES,
  WINDOWS,
  type Totals,
  type WindowName,
} from './figures'
import './overview.css'

const SAID = WORDS.overview
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 })
const MOST_RUNNING = 8
const HOUR_MS = 3_600_000

/** What is looked at. The page keeps it in its address. */
export interface OverviewQuery {
  window: WindowName
  /** Null: all jobs. */
  jobName: string | null
}

interface OverviewProps {
  query: OverviewQuery
  hrefOf: (query: OverviewQuery) => string
  runHref: (runId: string) => string
}

/** How the engine gets on: what waits and runs, how runs ended of late, and how long they took. */
export function Overview({ query, hrefOf, runHref }: OverviewProps): ReactNode {
  const { stats, error } = useStats(WINDOWS[query.window])
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
        {query.jobName !== null && <a href={hrefOf({ ...query, jobName: null })}>{SAID.allJobs}</a>}
        <nav className="segments" aria-label={SAID.window}>
          {WINDOW_NAMES.map((window) => (
            <a
              key={window}
              href={hrefOf({ ...query, window })}
              aria-current={window === query.window ? 'true' : undefined}
            >
              {SAID.windows[window]}
            </a>
          ))}
        </nav>
      </header>
      {error !== null && (
        <p className="card hint" role="alert">
          {SAID.failure(error)}
        </p>
      )}
      {stats === null && error === null && (
        <div className="card">
          <Skeleton rows={4} />
        </div>
      )}
      {stats !== null && <Figures stats={stats} query={query} hrefOf={hrefOf} runHref={runHref} />}
    </section>
  )
}

function Figures({ stats, query, hrefOf, runHref }: OverviewProps & { stats: Stats }): ReactNode {
  const { jobName } = query
  const jobs = useMemo(
    () => stats.jobs.filter((job) => jobName === null || job.jobName === jobName),
    [stats, jobName],
  )
  if (stats.jobs.length === 0) {
    return (
      <div className="card overview-empty">
        <h3>{SAID.empty}</h3>
        <p className="hint">{SAID.emptyHint}</p>
      </div>
    )
  }
  return (
    <>
      <Tiles totals={totalsOf(jobs)} windowMs={WINDOWS[query.window].windowMs} />
      <div className="overview-charts">
        <OutcomesChart stats={stats} jobs={jobs} />
        <DurationsChart stats={stats} jobs={jobs} />
      </div>
      <JobsTable jobs={stats.jobs} query={query} hrefOf={hrefOf} />
      <RunningNow jobName={jobName} runHref={runHref} />
    </>
  )
}

// ---------------------------------------------------------------- figures

function Tiles({ totals, windowMs }: { totals: Totals; windowMs: number }): ReactNode {
  const now = useNow(totals.oldestPendingAt === null ? null : 1000)
  const { oldestPendingAt, pending, leased, completed, failed } = totals
  const share = failureShare(totals)
  return (
    <dl className="tiles">
      <Tile
        name={SAID.waiting}
        value={pending}
        note={
          oldestPendingAt === null
            ? SAID.nothingWaits
            : SAID.oldest(formatDuration(Math.max(0, now - Date.parse(oldestPendingAt))))
        }
      />
      <Tile name={SAID.running} value={leased} kind={leased > 0 ? 'running' : undefined} />
      <Tile
        name={SAID.completed}
        value={completed}
        note={SAID.perTime(formatNumber(Math.round((10 * completed * HOUR_MS) / windowMs) / 10))}
      />
      <Tile
        name={SAID.failed}
        value={failed}
        kind={failed > 0 ? 'bad' : undefined}
        note={failed === 0 || share === null ? SAID.nothingFailed : SAID.ofEnded(PERCENT.format(share))}
      />
    </dl>
  )
}

interface TileProps {
  name: string
  value: number
  note?: string
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

interface ChartProps {
  stats: Stats
  jobs: readonly JobStats[]
}

function OutcomesChart({ stats, jobs }: ChartProps): ReactNode {
  const bars = useMemo(() => barsOf(stats, jobs), [stats, jobs])
  const draw = useCallback<Draw>(
    ({ plotOutcomes }, width) => plotOutcomes(bars, { width, ...spanOf(stats) }),
    [bars, stats],
  )
  const { completed, failed, cancelled } = totalsOf(jobs)
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
        <Chart
          label={SAID.chartOutcomes(formatNumber(completed), formatNumber(failed), formatNumber(cancelled))}
          draw={draw}
        />
      )}
    </figure>
  )
}

function DurationsChart({ stats, jobs }: ChartProps): ReactNode {
  const isOfOne = jobs.filter(({ completed }) => completed > 0).length < 2
  const { lines, marks } = useMemo(() => linesOf(stats, jobs, SAID), [stats, jobs])
  const draw = useCallback<Draw>(
    ({ plotDurations }, width) => {
      const names = lines.map(({ name }) => name)
      return plotDurations(marks, names, { width, isOfOne, ...spanOf(stats) })
    },
    [lines, marks, stats, isOfOne],
  )
  return (
    <figure className="card">
      <figcaption className="card-title">
        {SAID.durations} {!isOfOne && <span className="hint">{SAID.durationsOfAll}</span>}
      </figcaption>
      <ul className="legend">
        {lines.map(({ name, line }) => (
          <li key={name} data-line={line}>
            {name}
          </li>
        ))}
      </ul>
      {marks.length === 0 ? (
        <p className="hint chart-empty">{SAID.noEnds}</p>
      ) : (
        <Chart label={SAID.chartDurations} draw={draw} />
      )}
    </figure>
  )
}

function spanOf({ since, until }: Stats): { since: Date; until: Date } {
  return { since: new Date(since), until: new Date(until) }
}

// ---------------------------------------------------------------- by job

interface JobsTableProps {
  jobs: readonly JobStats[]
  query: OverviewQuery
  hrefOf: (query: OverviewQuery) => string
}

function JobsTable({ jobs, query, hrefOf }: JobsTableProps): ReactNode {
  return (
    <section className="card" aria-labelledby="overview-jobs">
      <h3 className="card-title" id="overview-jobs">
        {SAID.jobs}
      </h3>
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
                {SAID.half}
              </th>
              <th scope="col" className="number">
                {SAID.most}
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <JobRow key={job.jobName} job={job} query={query} hrefOf={hrefOf} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function JobRow({ job, query, hrefOf }: Omit<JobsTableProps, 'jobs'> & { job: JobStats }): ReactNode {
  const isChosen = job.jobName === query.jobName
  return (
    <tr data-selected={isChosen}>
      <th scope="row">
        <a
          href={hrefOf({ ...query, jobName: isChosen ? null : job.jobName })}
          aria-current={isChosen ? 'true' : undefined}
        >
          {job.jobName}
        </a>
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

function RunningNow({
  jobName,
  runHref,
}: {
  jobName: string | null
  runHref: (runId: string) => string
}): ReactNode {
  const { runs } = useRuns({
    status: 'leased',
    ...(jobName !== null && { jobName }),
    pageSize: MOST_RUNNING,
    view: 'summary',
  })
  const now = useNow(runs.length > 0 ? 1000 : null)
  return (
    <section className="card" aria-labelledby="overview-now">
      <h3 className="card-title" id="overview-now">
        {SAID.runningNow}
      </h3>
      {runs.length === 0 && <p className="hint">{SAID.nothingRuns}</p>}
      <ul className="running-now">
        {runs.map((run) => (
          <li key={run.id}>
            <a href={runHref(run.id)}>
              {run.jobName} <code>{shortId(run.id)}</code>
            </a>
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
    </section>
  )
}
