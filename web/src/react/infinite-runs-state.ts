import { isRunEvent } from '../events'
import type { ClientRun, EngineEvent, RunEvent } from '../protocol'
import { isPassing } from '../retrying'
import type { LiveAction } from './live-store'
import { isOlderProgress, triggeredRun, withKnownProgresses } from './move-run'
import { isOfView, lacksValues, moveInView, STATUS_AFTER, type RunsView } from './runs-view'

// The engine lists by ids, and ids grow with time: an id tells where its run stands, also of a run that was
// never loaded, or is no more.

export interface InfiniteRunsState {
  /** Newest first. */
  runs: readonly ClientRun[]
  /** The list was read down to this id; the empty text, which is less than any id: to its end. */
  readTo: string
  /** Runs within what was read of which events don't tell enough: they have to be read. */
  unread: ReadonlySet<string>
  isLoading: boolean
  isLoadingMore: boolean
  /** An older page was asked for and has not come; also while it waits to be tried again. */
  wantsMore: boolean
  error: Error | null
}

/** A stretch of the list to read. */
export interface Range {
  /** Of the run before it; undefined: it begins with the newest. */
  after: string | undefined
  count: number
  /** It is to reach down to this id, though it takes a page more. */
  oldest?: string | undefined
}

export interface RunsPart {
  after: string | undefined
  /** Newest first. */
  runs: readonly ClientRun[]
  /** As in the state. */
  readTo: string
}

export interface RunsParts {
  /** Also what was read before and is in none of the parts is no longer known. */
  isWhole: boolean
  parts: readonly RunsPart[]
}

export type InfiniteRunsAction = LiveAction<RunsParts> | { type: 'refreshed' } | { type: 'more-asked' }

export const NOTHING_READ: InfiniteRunsState = {
  runs: [],
  readTo: '',
  unread: new Set(),
  isLoading: true,
  isLoadingMore: false,
  wantsMore: false,
  error: null,
}

export function reduceInfiniteRuns(
  state: InfiniteRunsState,
  action: InfiniteRunsAction,
  view: RunsView,
): InfiniteRunsState {
  switch (action.type) {
    case 'refreshed':
      return { ...state, isLoading: true }
    case 'more-asked':
      return { ...state, isLoadingMore: true, wantsMore: true }
    case 'loaded': {
      const loaded: InfiniteRunsState = {
        ...withParts(state, action.snapshot),
        isLoading: false,
        isLoadingMore: false,
        wantsMore: false,
        error: null,
      }
      return afterEvents(loaded, action.since, view, { isReplay: true })
    }
    case 'load-failed': {
      const wantsMore = state.wantsMore && isPassing(action.error)
      return { ...state, isLoading: false, isLoadingMore: false, wantsMore, error: action.error }
    }
    case 'heard':
      return afterEvents(state, action.events, view)
  }
}

// ---------------------------------------------------------------- what there is to read

export function hasMore({ readTo }: InfiniteRunsState): boolean {
  return readTo !== ''
}

/** Whether something is missing that nobody asked for yet. */
export function isOutdated(state: InfiniteRunsState, view: RunsView): boolean {
  return state.unread.size > 0 || lackOf(state, view) > 0
}

/** All that are shown, and those that came since, from the newest on. */
export function wholeRange({ runs, wantsMore }: InfiniteRunsState, { pageSize }: RunsView): Range {
  const count = Math.max(runs.length, pageSize) + (wantsMore ? pageSize : 0)
  return { after: undefined, count, oldest: runs.at(-1)?.id }
}

export function missingRanges(state: InfiniteRunsState, view: RunsView): readonly Range[] {
  const older = state.wantsMore ? view.pageSize : lackOf(state, view)
  return [
    ...(state.unread.size > 0 ? [unreadRange(state)] : []),
    ...(older > 0 && hasMore(state) ? [{ after: state.readTo, count: older }] : []),
  ]
}

/** How many of the first page went, where others follow. */
function lackOf(state: InfiniteRunsState, { pageSize }: RunsView): number {
  return hasMore(state) ? Math.max(0, pageSize - state.runs.length) : 0
}

/** From the newest of those that are to be read to the oldest. */
function unreadRange({ runs, unread }: InfiniteRunsState): Range {
  const ids = [...unread].sort()
  const [oldest = '', newest = ''] = [ids[0], ids.at(-1)]
  const between = runs.filter(({ id }) => id >= oldest && id <= newest && !unread.has(id))
  const after = runs.findLast(({ id }) => id > newest)?.id
  return { after, count: between.length + unread.size }
}

// ---------------------------------------------------------------- what was read

function withParts(state: InfiniteRunsState, { isWhole, parts }: RunsParts): InfiniteRunsState {
  const [first] = parts
  if (isWhole && first !== undefined) {
    return {
      ...state,
      runs: withKnownProgresses(first.runs, state.runs),
      readTo: first.readTo,
      unread: new Set(),
    }
  }
  return parts.reduce(withPart, state)
}

/** What was read replaces what stood there. */
function withPart(state: InfiniteRunsState, { after, runs, readTo }: RunsPart): InfiniteRunsState {
  const isNewer = (id: string): boolean => after !== undefined && id >= after
  const isOlder = (id: string): boolean => id < readTo
  return {
    ...state,
    runs: [
      ...state.runs.filter(({ id }) => isNewer(id)),
      ...withKnownProgresses(runs, state.runs),
      ...state.runs.filter(({ id }) => isOlder(id)),
    ],
    readTo: readTo < state.readTo ? readTo : state.readTo,
    unread: new Set([...state.unread].filter((id) => isNewer(id) || isOlder(id))),
  }
}

// ---------------------------------------------------------------- what is heard

function afterEvents(
  state: InfiniteRunsState,
  events: readonly EngineEvent[],
  view: RunsView,
  { isReplay = false } = {},
): InfiniteRunsState {
  const heard = events.filter((event) => isRunEvent(event))
  if (heard.length === 0) return state
  const draft = new Draft(state)
  // All are judged by the answer, before any of them is replayed on it.
  const news = isReplay ? heard.filter((event) => !draft.knowsBetter(event)) : heard
  for (const event of news) hear(draft, event, view)
  return draft.finished()
}

function hear(draft: Draft, event: RunEvent, view: RunsView): void {
  const known = draft.get(event.runId)
  if (event.type === 'run:delete') draft.remove(event.runId)
  else if (known === undefined) hearOfUnlisted(draft, event, view)
  else hearOfListed(draft, event, view, known)
}

function hearOfListed(draft: Draft, event: RunEvent, view: RunsView, known: ClientRun): void {
  const run = moveInView(known, event, view)
  if (!isOfView(run.status, view)) {
    draft.remove(run.id)
    return
  }
  if (run !== known) draft.put(run)
  if (lacksValues(run, event, view)) draft.markUnread(run.id)
}

function hearOfUnlisted(draft: Draft, event: RunEvent, view: RunsView): void {
  const { type, runId } = event
  const status = STATUS_AFTER[type]
  // What stands below comes with an older page.
  if (status === undefined || runId < draft.readTo) return
  if (!isOfView(status, view)) {
    draft.remove(runId)
    return
  }
  if (type === 'run:trigger') draft.put(triggeredRun(event))
  if (type !== 'run:trigger' || !view.isSummary) draft.markUnread(runId)
}

/** The state while it goes through a batch of events: the list is copied once, however many they are. */
class Draft {
  readonly #state: InfiniteRunsState
  readonly #runs: Map<string, ClientRun>
  readonly #unread: Set<string>
  #isMoved = false
  #isLonger = false
  #hasUnread = false

  constructor(state: InfiniteRunsState) {
    this.#state = state
    this.#runs = new Map(state.runs.map((run) => [run.id, run]))
    this.#unread = new Set(state.unread)
  }

  get readTo(): string {
    return this.#state.readTo
  }

  get(id: string): ClientRun | undefined {
    return this.#runs.get(id)
  }

  knowsBetter(event: RunEvent): boolean {
    const run = this.#runs.get(event.runId)
    return run !== undefined && isOlderProgress(run, event)
  }

  put(run: ClientRun): void {
    this.#isLonger ||= !this.#runs.has(run.id)
    this.#isMoved = true
    this.#runs.set(run.id, run)
  }

  remove(id: string): void {
    if (this.#runs.delete(id)) this.#isMoved = true
    if (this.#unread.delete(id)) this.#hasUnread = true
  }

  markUnread(id: string): void {
    if (!this.#unread.has(id)) this.#hasUnread = true
    this.#unread.add(id)
  }

  finished(): InfiniteRunsState {
    if (!this.#isMoved && !this.#hasUnread) return this.#state
    const runs = this.#isMoved ? this.#listed() : this.#state.runs
    return { ...this.#state, runs, unread: this.#unread }
  }

  /** By time, not simply in front: a trigger that is heard late is older than others. */
  #listed(): readonly ClientRun[] {
    const runs = [...this.#runs.values()]
    return this.#isLonger ? runs.sort((a, b) => (a.id < b.id ? 1 : -1)) : runs
  }
}
