/** What `useSyncExternalStore` reads: connected as long as somebody looks. */
export abstract class Store<State> {
  #state: State
  readonly #listeners = new Set<() => void>()
  #disconnect: (() => void) | null = null

  constructor(initial: State) {
    this.#state = initial
  }

  readonly getSnapshot = (): State => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    this.#disconnect ??= this.connect()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#disconnect?.()
      this.#disconnect = null
    }
  }

  /** Begins to follow what the state is about; returns the way to stop. */
  protected abstract connect(): () => void

  protected get isConnected(): boolean {
    return this.#disconnect !== null
  }

  /** A state that is the same object is no news. */
  protected change(state: State): void {
    if (state === this.#state) return
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}
