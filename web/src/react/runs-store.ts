import type { Durably } from '../client'
import type { ClientRun, EventFilter, RunFilter } from '../protocol'
import { LiveStore, type LiveClient } from './live-store'
import {
  NO_RUNS,
  outdatesPage,
  reduceRuns,
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
  readonly #client: Pick<Durably, 'getRuns'>
  readonly #query: RunsQuery
  readonly #view: RunsView

  constructor(client: LiveClient & Pick<Durably, 'getRuns'>, query: RunsQuery, view: RunsView) {
    super(client, {
      initial: NO_RUNS,
      filter: query.realtime ? eventFilter(query) : undefined,
      load: () => this.#read(),
      reduce: (state, action) => reduceRuns(state, action, view),
      outdates: (state, events) => events.some((event) => outdatesPage(state, event, view)),
    })
    this.#client = client
    this.#query = query
    this.#view = view
  }

  readonly nextPage = (): void => {
    const state = this.getSnapshot()
    // What is shown while the next page loads says nothing about the one after it.
    if (!state.isLoading && hasMore(state, this.#view)) this.goToPage(state.page + 1)
  }

  readonly prevPage = (): void => this.goToPage(this.getSnapshot().page - 1)

  /** 0 is the newest. */
  readonly goToPage = (page: number): void => {
    this.#act({ type: 'turned', page: Math.max(0, Math.trunc(page) || 0) })
    this.load()
  }

  readonly refresh = (): void => {
    this.#act({ type: 'refreshed' })
    this.load()
  }

  #read(): Promise<readonly ClientRun[]> {
    const { jobName, labels } = this.#query
    const { pageSize, statuses, isSummary } = this.#view
    const filter: RunFilter = {
      jobName,
      labels,
      status: statuses,
      view: isSummary ? 'summary' : 'full',
      // One more than is shown: so much tells whether there is a next page.
      limit: pageSize + 1,
      offset: this.getSnapshot().page * pageSize,
    }
    return this.#client.getRuns(filter)
  }

  #act(action: RunsAction): void {
    this.change(reduceRuns(this.getSnapshot(), action, this.#view))
  }
}

export function hasMore({ listed }: RunsState, { pageSize }: Pick<RunsView, 'pageSize'>): boolean {
  return listed.length > pageSize
}

function eventFilter({ jobName, labels }: RunsQuery): EventFilter {
  return { jobName, labels }
}
