import type { Durably } from '../client'
import { asError } from '../errors'
import { isRunEvent } from '../events'
import type { ClientRun, EngineEvent, EventFilter, RunEvent, RunFilter } from '../protocol'
import { LiveStore, type LiveClient } from './live-store'
import {
  NO_RUNS,
  outdatesPage,
  reduceRuns,
  wantedRuns,
  type RunsAction,
  type RunsState,
  type RunsView,
} from './runs-state'

export interface RunsQuery {
  jobName?: string | readonly string[]
  labels?: Record<string, string>
  realtime: boolean
}

/** A page of the list of runs. */
export class RunsStore extends LiveStore<RunsState, readonly ClientRun[]> {
  readonly #client: LiveClient & Pick<Durably, 'getRun' | 'getRuns'>
  readonly #query: RunsQuery
  readonly #view: RunsView
  /** What is asked for, of which the state tells once it is there. */
  #page = 0
  /** Runs that are asked for one by one, each with what was heard of it since. */
  readonly #fetching = new Map<string, RunEvent[]>()

  constructor(client: LiveClient & Pick<Durably, 'getRun' | 'getRuns'>, query: RunsQuery, view: RunsView) {
    super(client, {
      initial: NO_RUNS,
      filter: query.realtime ? eventFilter(query) : undefined,
      load: () => this.#read(),
      reduce: (state, action) => reduceRuns(state, action, view),
      outdates: (state, events) => {
        this.#remember(events)
        for (const runId of wantedRuns(state, events, view)) void this.#fetch(runId)
        return events.some((event) => outdatesPage(state, event, view))
      },
    })
    this.#client = client
    this.#query = query
    this.#view = view
  }

  readonly nextPage = (): void => {
    if (hasMore(this.getSnapshot(), this.#view)) this.goToPage(this.#page + 1)
  }

  readonly prevPage = (): void => this.goToPage(this.#page - 1)

  /** 0 is the newest. */
  readonly goToPage = (page: number): void => {
    this.#page = Math.max(0, Math.trunc(page) || 0)
    this.#act({ type: 'turned', page: this.#page })
    this.load()
  }

  readonly refreshPage = (): void => {
    this.#act({ type: 'refreshed' })
    this.load()
  }

  #read(): Promise<readonly ClientRun[]> {
    const { jobName, labels } = this.#query
    const { pageSize, statuses, isSummary } = this.#view
    const filter: RunFilter = {
      ...(jobName !== undefined && { jobName }),
      ...(labels !== undefined && { labels }),
      ...(statuses !== undefined && { status: statuses }),
      view: isSummary ? 'summary' : 'full',
      // One more than is shown: so much tells whether there is a next page.
      limit: pageSize + 1,
      offset: this.#page * pageSize,
    }
    return this.#client.getRuns(filter)
  }

  async #fetch(runId: string): Promise<void> {
    const since: RunEvent[] = []
    // Only the newest question counts.
    this.#fetching.set(runId, since)
    try {
      const run = await this.#client.getRun(runId)
      if (this.#fetching.get(runId) !== since) return
      this.#act({ type: 'fetched', runId, run, since })
    } catch (reason) {
      this.#act({ type: 'load-failed', error: asError(reason) })
    }
    if (this.#fetching.get(runId) === since) this.#fetching.delete(runId)
  }

  #remember(events: readonly EngineEvent[]): void {
    if (this.#fetching.size === 0) return
    for (const event of events) if (isRunEvent(event)) this.#fetching.get(event.runId)?.push(event)
  }

  #act(action: RunsAction): void {
    this.change((state) => reduceRuns(state, action, this.#view))
  }
}

export function hasMore({ listed }: RunsState, { pageSize }: Pick<RunsView, 'pageSize'>): boolean {
  return listed.length > pageSize
}

function eventFilter({ jobName, labels }: RunsQuery): EventFilter {
  return { ...(jobName !== undefined && { jobName }), ...(labels !== undefined && { labels }) }
}
