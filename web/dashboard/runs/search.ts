import type { RunStatus } from 'durably'
import { STATUSES, type RunFilters } from '../addresses'

/** What is known of the runs at hand, by which a search is understood. */
export interface Known {
  jobNames: readonly string[]
  runs: readonly { id: string; labels: Record<string, string> }[]
}

export type Search =
  | { kind: 'run'; runId: string }
  | { kind: 'filter'; filters: Partial<RunFilters> }
  /** It names nothing: told, not guessed. */
  | { kind: 'unclear' }

/** What the engine calls leased, people call running. */
const STATUS_WORDS: Record<string, RunStatus> = { running: 'leased', waiting: 'pending' }
const RUN_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/i
const SHORT_ID = 6
const MOST_SUGGESTIONS = 50
/** Of which labels are suggested: the newest. */
const RUNS_LOOKED_AT = 100

/** A job's name or the beginning of one, a status, a label as `key:value`, or a run's id. */
export function understand(text: string, { jobNames, runs }: Known): Search {
  const asked = text.trim()
  const lower = asked.toLowerCase()
  const run = asked.length < SHORT_ID ? undefined : runs.find(({ id }) => id.toLowerCase().endsWith(lower))
  if (run !== undefined) return { kind: 'run', runId: run.id }
  if (RUN_ID.test(asked)) return { kind: 'run', runId: asked.toUpperCase() }
  const [key, value] = parted(asked)
  if (key === 'job' && value !== '') return jobFilter([value])
  const status = STATUS_WORDS[lower] ?? STATUSES.find((each) => each === (key === 'status' ? value : lower))
  if (status !== undefined) return { kind: 'filter', filters: { statuses: [status] } }
  const jobs = jobNames.filter((name) => name.toLowerCase() === lower)
  const similar = jobs.length > 0 ? jobs : jobNames.filter((name) => name.toLowerCase().includes(lower))
  if (asked !== '' && similar.length > 0) return jobFilter(similar)
  if (key !== '') return { kind: 'filter', filters: { labels: { [key]: value } } }
  return { kind: 'unclear' }
}

/** What can be searched for, as it would be typed. */
export function suggestions({ jobNames, runs }: Known): string[] {
  const labels = runs
    .slice(0, RUNS_LOOKED_AT)
    .flatMap((run) => Object.entries(run.labels).map(([key, value]) => `${key}:${value}`))
  return [...new Set([...jobNames, ...labels])].slice(0, MOST_SUGGESTIONS)
}

function jobFilter(jobNames: readonly string[]): Search {
  return { kind: 'filter', filters: { jobNames } }
}

/** A label is written with a colon or an equals sign. */
function parted(text: string): [key: string, value: string] {
  const at = text.search(/[:=]/)
  return at < 1 ? ['', ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}
