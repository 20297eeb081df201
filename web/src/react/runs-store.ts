import type { Durably } from '../client'
import type { ClientRun } from '../protocol'
import { LiveStore, type LiveClient } from './live-store'
import { eventFilter, runFilter, type RunsQuery } from './runs-query'
import { NO_RUNS, outdatesPage, reduceRuns, type RunsAction, type RunsState } from './runs-state'
import type { RunsView } from './runs-view'

/** A page of the list of runs. */
export class RunsStore extends LiveStore<RunsState, readonly ClientRun[]> {
  readonly #client: Pick<Durably, 'getRuns'>
  readonly #query: RunsQuery
  readonly #view: RunsView

  constructor(client: LiveClient & Pick<Durably, 'getRuns'>, query: RunsQuery, view: RunsView) {
    super(client, {
      initial: NO_RUNS,
      filter: eventFilter(query),
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
    const { pageSize } = this.#view
    return this.#client.getRuns({
      ...runFilter(this.#query, this.#view),
      // One more than is shown: so much tells whether there is a next page.
      limit: pageSize + 1,
      offset: this.getSnapshot().page * pageSize,
    })
  }

  #act(action: RunsAction): void {
    this.change(reduceRuns(this.getSnapshot(), action, this.#view))
  }
}

export function hasMore({ listed }: RunsState, { pageSize }: Pick<RunsView, 'pageSize'>): boolean {
  return listed.length > pageSize
}
