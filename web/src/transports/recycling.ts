import type { Between, EngineStatus } from '../protocol'

/** An engine is left alone for so long, after its start and after it could not be replaced. */
const REST_MS = 10_000

/** What jobs and their packages need from the start is no growth. */
const GROWTH = 1.5

/** So often it is waited for a moment in which no run executes. Then one between two steps has to do. */
const MOST_TRIES = 6

/**
 * When the engine's worker is replaced: Python's memory grows with the largest thing that a job ever held, and nothing but
 * the worker's end gives it back.
 */
export class Recycling {
  readonly #budget: number
  readonly #recycle: (between: Between) => void
  #memory = 0
  #memoryAtStart = 0
  #tries = 0
  #timer: ReturnType<typeof setTimeout> | null = null

  /** `budget`: bytes that may stay. */
  constructor(budget: number, recycle: (between: Between) => void) {
    this.#budget = budget
    this.#recycle = recycle
  }

  /** A worker begins to live. */
  reset(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#memory = this.#memoryAtStart = this.#tries = 0
  }

  see({ state, memory }: EngineStatus): void {
    if (state !== 'ready' || memory === null) return
    this.#memory = memory
    if (this.#memoryAtStart !== 0) return
    this.#memoryAtStart = memory
    this.#rest()
  }

  /** It was not replaced. */
  kept(): void {
    this.#tries += 1
    this.#rest()
  }

  #rest(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      if (this.#memory <= Math.max(this.#budget, this.#memoryAtStart * GROWTH)) this.#rest()
      else this.#recycle(this.#tries < MOST_TRIES ? 'runs' : 'steps')
    }, REST_MS)
  }
}
