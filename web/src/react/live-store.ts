import type { Durably, SubscribeOptions } from '../client'
import { asError } from '../errors'
import type { EngineEvent, EventFilter } from '../protocol'
import { isPassing, pause } from '../retrying'
import { Store } from './store'

export type LiveAction<Snapshot> =
  /** `since`: what was heard between question and answer; the answer may contain some of it already. */
  | { type: 'loaded'; snapshot: Snapshot; since: readonly EngineEvent[] }
  | { type: 'load-failed'; error: Error }
  | { type: 'heard'; events: readonly EngineEvent[] }

export interface LoadRequest {
  /** Anything may have changed unheard. Otherwise only what the state itself knows to be missing. */
  readonly isWhole: boolean
  /** Aborted once the answer counts no more. */
  readonly signal: AbortSignal
}

export interface LiveSpec<State, Snapshot> {
  readonly initial: State
  /** Which events matter; undefined for none: it only changes with the engine. */
  readonly filter: EventFilter | undefined
  load(request: LoadRequest): Promise<Snapshot>
  reduce(state: State, action: LiveAction<Snapshot>): State
  /** Whether these events, in the state after them, say that something changed which they do not carry. */
  outdates?(state: State, events: readonly EngineEvent[]): boolean
}

/** What a store needs of a client. */
export type LiveClient = Pick<Durably, 'subscribe' | 'status' | 'onStatus'>

/** Something of the engine, loaded once and kept current by its events. */
export class LiveStore<State, Snapshot> extends Store<State> {
  readonly #client: LiveClient
  readonly #spec: LiveSpec<State, Snapshot>
  /** What was heard since the load that is under way began; null when none is. */
  #since: EngineEvent[] | null = null
  /** Only the answer to the newest load counts: this ends those that were begun before. */
  #loading: AbortController | null = null
  /** Stays until all of it was loaded, however often that fails or is begun anew. */
  #isWholeDue = true
  /** Ends the pause before a load that failed is tried again. */
  #retry: AbortController | null = null
  #failures = 0

  constructor(client: LiveClient, spec: LiveSpec<State, Snapshot>) {
    super(spec.initial)
    this.#client = client
    this.#spec = spec
  }

  /** Asks for all of it, or for what is missing; an answer that is still under way counts no more. */
  load({ isWhole = true } = {}): void {
    if (this.isConnected) this.#load(isWhole)
  }

  protected override connect(): () => void {
    const { filter } = this.#spec
    const stop = filter === undefined ? this.#followStatus() : this.#followEvents(filter)
    return () => {
      stop()
      this.#retry?.abort()
      this.#loading?.abort()
      this.#since = null
    }
  }

  #followEvents(filter: EventFilter): () => void {
    // Listening begins before the question is asked, so that nothing falls between them.
    const options: SubscribeOptions = {
      ...filter,
      onOpen: () => this.#load(true),
      // What can't be kept current can still be shown.
      onError: () => this.#load(true),
    }
    return this.#client.subscribe((events) => this.#hear(events), options)
  }

  #followStatus(): () => void {
    let wasReady = this.#client.status.state === 'ready'
    queueMicrotask(() => this.load())
    return this.#client.onStatus(({ state }) => {
      const isReady = state === 'ready'
      if (isReady && !wasReady && this.#since === null) this.#load(true)
      wasReady = isReady
    })
  }

  #hear(events: readonly EngineEvent[]): void {
    this.#dispatch({ type: 'heard', events })
    // Under way: these are judged by the answer, which may contain them already.
    // Not spread into arguments: a batch may hold more than a call can take.
    if (this.#since !== null) for (const event of events) this.#since.push(event)
    else if (this.#outdates(events)) this.#load(false)
  }

  #outdates(events: readonly EngineEvent[]): boolean {
    return events.length > 0 && this.#spec.outdates?.(this.getSnapshot(), events) === true
  }

  #load(isWhole: boolean): void {
    this.#isWholeDue ||= isWhole
    this.#loading?.abort()
    this.#retry?.abort()
    const { signal } = (this.#loading = new AbortController())
    const since: EngineEvent[] = []
    this.#since = since
    this.#spec
      .load({ isWhole: this.#isWholeDue, signal })
      .then((snapshot) => {
        if (!signal.aborted) this.#loaded(snapshot, since)
      })
      // After `then`: an answer that cannot be understood is a load that failed, too.
      .catch((reason: unknown) => {
        if (!signal.aborted) this.#loadFailed(asError(reason))
      })
  }

  #loaded(snapshot: Snapshot, since: readonly EngineEvent[]): void {
    this.#since = null
    this.#isWholeDue = false
    this.#failures = 0
    this.#dispatch({ type: 'loaded', snapshot, since })
    if (this.#outdates(since)) this.#load(false)
  }

  #loadFailed(error: Error): void {
    this.#since = null
    this.#dispatch({ type: 'load-failed', error })
    if (isPassing(error)) void this.#loadLater()
  }

  async #loadLater(): Promise<void> {
    const retry = new AbortController()
    this.#retry = retry
    await pause(++this.#failures, retry.signal)
    if (!retry.signal.aborted) this.load({ isWhole: false })
  }

  #dispatch(action: LiveAction<Snapshot>): void {
    this.change(this.#spec.reduce(this.getSnapshot(), action))
  }
}
