import type { Durably } from '../client'
import type { EngineEvent } from '../protocol'

export type LiveAction<Snapshot> =
  /** `since`: what was heard between question and answer; the answer may contain some of it already. */
  | { type: 'loaded'; snapshot: Snapshot; since: readonly EngineEvent[] }
  | { type: 'load-failed'; error: Error }
  | { type: 'heard'; events: readonly EngineEvent[] }

export interface LiveSpec<State, Snapshot> {
  readonly initial: State
  load(client: Durably): Promise<Snapshot>
  reduce(state: State, action: LiveAction<Snapshot>): State
  /** Whether these events say that something changed which they do not carry. */
  outdates(state: State, events: readonly EngineEvent[]): boolean
}

/** Something of the engine, loaded once and kept current by its events. For `useSyncExternalStore`. */
export class LiveStore<State, Snapshot> {
  readonly #client: Durably
  readonly #spec: LiveSpec<State, Snapshot>
  readonly #listeners = new Set<() => void>()
  #state: State
  #disconnect: (() => void) | null = null
  /** Only the answer to the newest load counts; answers may come out of order. */
  #newestLoad = 0
  /** What was heard since the newest load began; null when none is under way. */
  #since: EngineEvent[] | null = null
  #epoch = 0

  constructor(client: Durably, spec: LiveSpec<State, Snapshot>) {
    this.#client = client
    this.#spec = spec
    this.#state = spec.initial
  }

  readonly getSnapshot = (): State => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    this.#disconnect ??= this.#connect()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#disconnect?.()
      this.#disconnect = null
    }
  }

  #connect(): () => void {
    this.#epoch = this.#client.status.epoch
    // Listening begins before the question is asked, so that nothing falls between them.
    const unsubscribe = this.#client.subscribe((events) => this.#hear(events))
    const offStatus = this.#client.onStatus(({ epoch }) => this.#followEpoch(epoch))
    this.#load()
    return () => {
      unsubscribe()
      offStatus()
      this.#newestLoad++
      this.#since = null
    }
  }

  /** A restarted engine may have lost the question, and events happened that nobody heard. */
  #followEpoch(epoch: number): void {
    if (epoch <= this.#epoch) return
    const restarted = this.#epoch > 0
    this.#epoch = epoch
    if (restarted) this.#load()
  }

  #hear(events: readonly EngineEvent[]): void {
    // Not spread into arguments: a batch may hold more than a call can take.
    if (this.#since !== null) for (const event of events) this.#since.push(event)
    this.#dispatch({ type: 'heard', events })
    if (this.#spec.outdates(this.#state, events)) this.#load()
  }

  #load(): void {
    const load = ++this.#newestLoad
    const since: EngineEvent[] = []
    this.#since = since
    this.#spec
      .load(this.#client)
      .then((snapshot) => {
        if (load === this.#newestLoad) this.#settle({ type: 'loaded', snapshot, since })
      })
      // After `then`: an answer that cannot be understood is a load that failed, too.
      .catch((reason: unknown) => {
        const error = reason instanceof Error ? reason : new Error(String(reason))
        if (load === this.#newestLoad) this.#settle({ type: 'load-failed', error })
      })
  }

  #settle(action: LiveAction<Snapshot>): void {
    this.#since = null
    this.#dispatch(action)
  }

  #dispatch(action: LiveAction<Snapshot>): void {
    const state = this.#spec.reduce(this.#state, action)
    if (state === this.#state) return
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}
