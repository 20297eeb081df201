import type { Durably, RunCountFilter } from '../client'
import { asError } from '../errors'
import { isRunEvent } from '../events'
import type { EngineEventType, Stats } from '../protocol'
import { isPassing, pause } from '../retrying'
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

type Client = Pick<Durably, 'subscribe' | 'getStats' | 'status' | 'onStatus'>

/** Many runs may end within a second. */
const LEAST_PAUSE_MS = 1000
/** Without news the window moves on all the same. */
const LONGEST_PAUSE_MS = 60_000
/** The engine is left alone for so many times what an answer took: figures are not worth slowing runs down. */
const REST = 10

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
    const news = new News(ended.signal)
    const { jobName, labels } = this.#filter
    this.#client.subscribe(
      (events) => {
        if (events.some((event) => isRunEvent(event) && COUNTED.has(event.type))) news.tell()
      },
      {
        ...(jobName !== undefined && { jobName }),
        ...(labels !== undefined && { labels }),
        signal: ended.signal,
        onOpen: news.tell,
        // What can't be kept current can still be shown.
        onError: news.tell,
      },
    )
    void this.#follow(news, ended.signal)
    return () => ended.abort()
  }

  async #follow(news: News, signal: AbortSignal): Promise<void> {
    const usualMs = Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, this.#span.bucketMs))
    // Listening begins before the first question, so that nothing falls between them.
    await news.come(LONGEST_PAUSE_MS)
    for (let failures = 0; !signal.aborted;) {
      news.forget()
      const began = performance.now()
      failures = (await this.#load(signal)) ? 0 : failures + 1
      const restMs = Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, REST * (performance.now() - began)))
      if (failures > 0) await this.#pause(failures, signal)
      else {
        await news.over(restMs)
        await news.come(usualMs - restMs)
      }
      await seen(signal)
    }
  }

  /** Over at once when the engine is to be had again. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const back = new AbortController()
    let wasReady = this.#client.status.state === 'ready'
    const stop = this.#client.onStatus(({ state }) => {
      if (state === 'ready' && !wasReady) back.abort()
      wasReady = state === 'ready'
    })
    await pause(failures, AbortSignal.any([signal, back.signal]))
    stop()
  }

  /** False: it is worth trying again soon. */
  async #load(signal: AbortSignal): Promise<boolean> {
    const { windowMs, bucketMs } = this.#span
    // Stretches begin at the same moments each time: bars of a chart don't wander.
    const until = (Math.floor(Date.now() / bucketMs) + 1) * bucketMs
    const query = { since: new Date(until - windowMs), until: new Date(until), bucketMs }
    try {
      const stats = await this.#client.getStats({ ...this.#filter, ...query }, { signal })
      if (!signal.aborted) this.change({ stats, isLoading: false, error: null })
      return true
    } catch (reason) {
      const error = asError(reason).message
      if (!signal.aborted) this.change({ ...this.getSnapshot(), isLoading: false, error })
      return !isPassing(reason)
    }
  }
}

/** Whether something has happened that is not known yet. */
class News {
  readonly #signal: AbortSignal
  #isThere = false
  #wake: () => void = () => undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  readonly tell = (): void => {
    this.#isThere = true
    this.#wake()
  }

  forget(): void {
    this.#isThere = false
  }

  /** Until there are some, or so much time has passed. */
  async come(ms: number): Promise<void> {
    if (!this.#isThere) await this.#until(ms, (wake) => (this.#wake = wake))
  }

  /** Until so much time has passed. */
  async over(ms: number): Promise<void> {
    await this.#until(ms, () => undefined)
  }

  async #until(ms: number, listen: (wake: () => void) => void): Promise<void> {
    if (ms <= 0 || this.#signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      const wake = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#signal.addEventListener('abort', wake, { once: true })
      listen(wake)
    })
    this.#wake = () => undefined
  }
}

/** Until someone can see the page. */
async function seen(signal: AbortSignal): Promise<void> {
  while (typeof document !== 'undefined' && document.hidden && !signal.aborted) {
    await new Promise((resolve) => {
      const options = { once: true, signal }
      document.addEventListener('visibilitychange', resolve, options)
      signal.addEventListener('abort', resolve, { once: true })
    })
  }
}
