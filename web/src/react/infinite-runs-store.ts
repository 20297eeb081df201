import type { Durably } from '../client'
import type { ClientRun } from '../protocol'
import {
  hasMore,
  isOutdated,
  missingRanges,
  NOTHING_READ,
  reduceInfiniteRuns,
  wholeRange,
  type InfiniteRunsAction,
  type InfiniteRunsState,
  type Range,
  type RunsPart,
  type RunsParts,
} from './infinite-runs-state'
import { LiveStore, type LiveClient, type LoadRequest } from './live-store'
import { eventFilter, runFilter, type RunsQuery } from './runs-query'
import type { RunsView } from './runs-view'

/** A server gives no more in one answer, unless it was told to. */
const MOST_PER_REQUEST = 1000

/** The list of runs from the newest down to where somebody has scrolled. */
export class InfiniteRunsStore extends LiveStore<InfiniteRunsState, RunsParts> {
  readonly #client: Pick<Durably, 'getRuns'>
  readonly #query: RunsQuery
  readonly #view: RunsView

  constructor(client: LiveClient & Pick<Durably, 'getRuns'>, query: RunsQuery, view: RunsView) {
    super(client, {
      initial: NOTHING_READ,
      filter: eventFilter(query),
      load: (request) => this.#read(request),
      reduce: (state, action) => reduceInfiniteRuns(state, action, view),
      outdates: (state) => isOutdated(state, view),
    })
    this.#client = client
    this.#query = query
    this.#view = view
  }

  readonly loadMore = (): void => {
    const state = this.getSnapshot()
    if (state.isLoadingMore || !hasMore(state)) return
    this.#act({ type: 'more-asked' })
    // What is under way is begun anew, together with the page: then there is one answer to wait for.
    this.load({ isWhole: false })
  }

  readonly refresh = (): void => {
    this.#act({ type: 'refreshed' })
    this.load()
  }

  async #read({ isWhole, signal }: LoadRequest): Promise<RunsParts> {
    const state = this.getSnapshot()
    const ranges = isWhole ? [wholeRange(state, this.#view)] : missingRanges(state, this.#view)
    const parts: RunsPart[] = []
    for (const range of ranges) parts.push(await this.#readRange(range, signal))
    return { isWhole, parts }
  }

  async #readRange({ after, count, oldest = '' }: Range, signal: AbortSignal): Promise<RunsPart> {
    // One more than is wanted: so much tells whether the list goes on.
    const runs = await this.#readAfter(after, count + 1, signal)
    const last = runs[count - 1]
    // Those that came since have pushed out what was shown. More than a page of them are let go.
    let most = count
    if (oldest !== '' && runs.length > count && last !== undefined && last.id > oldest) {
      const { pageSize } = this.#view
      const more = await this.#readAfter(runs.at(-1)?.id, pageSize, signal)
      runs.push(...more)
      const known = more.length < pageSize ? runs.length : runs.length - 1
      most = Math.min(runs.filter(({ id }) => id >= oldest).length, known)
    }
    const wanted = runs.slice(0, most)
    return { after, runs: wanted, readTo: runs.length > most ? (wanted.at(-1)?.id ?? '') : '' }
  }

  async #readAfter(after: string | undefined, count: number, signal: AbortSignal): Promise<ClientRun[]> {
    const runs: ClientRun[] = []
    for (let isMore = true; isMore && runs.length < count;) {
      const limit = Math.min(count - runs.length, MOST_PER_REQUEST)
      const found = await this.#readOlder(runs.at(-1)?.id ?? after, limit, signal)
      runs.push(...found)
      isMore = found.length === limit
    }
    return runs
  }

  /** By the id of a run, not by an offset: what is triggered or deleted meanwhile moves nothing. */
  async #readOlder(cursor: string | undefined, limit: number, signal: AbortSignal): Promise<ClientRun[]> {
    const filter = { ...runFilter(this.#query, this.#view), limit, cursor }
    const found = await this.#client.getRuns(filter, { signal })
    // A server that knows no cursors begins with the newest again: then the list ends here.
    return cursor === undefined ? found : found.filter(({ id }) => id < cursor)
  }

  #act(action: InfiniteRunsAction): void {
    this.change(reduceInfiniteRuns(this.getSnapshot(), action, this.#view))
  }
}
