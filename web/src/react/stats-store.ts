import type { Durably, RunCountFilter } from '../client'
import { asError } from '../errors'
import { isRunEvent } from '../events'
import type { EngineEventType, Stats } from '../protocol'
import { Store } from './store'

export interface StatsState {
  /** Null: not loaded yet. */
  stats: Stats | null
  isLoading: boolean
  error: string | null
}

export const NO_STATS: StatsState = { stats: null, isLoading: true, error: null }

export interface StatsSpan {
  /** How far it reaches back. */
  windowMs: number
  bucketMs: number
}

type Client = Pick<Durably, 'subscribe' | 'getStats'>

/** Many runs may end within a second. */
const LEAST_PAUSE_MS = 1000
/** Without news the window moves on all the same. */
const LONGEST_PAUSE_MS = 60_000

const COUNTED: ReadonlySet<EngineEventType> = new Set([
  'run:trigger',
  'run:leased',
  'run:requeue',
  'run:complete',
  'run:fail',
  'run:cancel',
  'run:delete',
])

/** The figures of the last hours, asked for anew when runs have come, begun, ended or gone, and as time goes on. */
export class StatsStore extends Store<StatsState> {
  readonly #client: Client
  readonly #filter: RunCountFilter
  readonly #span: StatsSpan

  constructor(client: Client, filter: RunCountFilter, span: StatsSpan) {
    super(NO_STATS)
    this.#client = client
    this.#filter = filter
    this.#span = span
  }

  protected override connect(): () => void {
    const ended = new AbortController()
    const { signal } = ended
    let timer: ReturnType<typeof setTimeout> | undefined
    let isAsking = false
    let hasNews = false
    const ask = async (): Promise<void> => {
      clearTimeout(timer)
      isAsking = true
      hasNews = false
      await this.#load(signal)
      isAsking = false
      if (!signal.aborted) wait()
    }
    const wait = (): void => {
      clearTimeout(timer)
      const usual = Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, this.#span.bucketMs))
      timer = setTimeout(() => void ask(), hasNews ? LEAST_PAUSE_MS : usual)
    }
    const hear = (): void => {
      if (hasNews) return
      hasNews = true
      if (!isAsking) wait()
    }
    const { jobName, labels } = this.#filter
    const filter = { ...(jobName !== undefined && { jobName }), ...(labels !== undefined && { labels }) }
    this.#client.subscribe(
      (events) => {
        if (events.some((event) => isRunEvent(event) && COUNTED.has(event.type))) hear()
      },
      { ...filter, signal, onOpen: hear, onError: hear },
    )
    void ask()
    return () => {
      ended.abort()
      clearTimeout(timer)
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { windowMs, bucketMs } = this.#span
    // Stretches begin at the same moments each time: bars of a chart don't wander.
    const until = (Math.floor(Date.now() / bucketMs) + 1) * bucketMs
    const query = { since: new Date(until - windowMs), until: new Date(until), bucketMs }
    try {
      const stats = await this.#client.getStats({ ...this.#filter, ...query }, { signal })
      if (!signal.aborted) this.change({ stats, isLoading: false, error: null })
    } catch (reason) {
      if (!signal.aborted)
        this.change({ ...this.getSnapshot(), isLoading: false, error: asError(reason).message })
    }
  }
}
