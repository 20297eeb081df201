/** Counting may read very much: at most so often, and in a tenth of the time, but not seldomer than that. */
const SOONEST_MS = 500
const REST = 10
const LATEST_MS = 10_000

/**
 * Counts again after each change: one at a time, as no count would come to its end where things change faster than
 * they are counted.
 */
export class Recount<Counts> {
  readonly #count: () => Promise<Counts>
  readonly #tell: (counts: Counts) => void
  #isOutdated = false
  #isUnderWay = false
  #isClosed = false
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Not sooner is counted again. Before the first: at once. */
  #nextAt: number | null = null

  constructor(count: () => Promise<Counts>, tell: (counts: Counts) => void) {
    this.#count = count
    this.#tell = tell
  }

  /** Something may be another number now. */
  changed(): void {
    this.#isOutdated = true
    this.#goOn()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #goOn(): void {
    if (!this.#isOutdated || this.#isUnderWay || this.#timer !== undefined || this.#isClosed) return
    const waitMs = (this.#nextAt ?? 0) - performance.now()
    this.#timer = setTimeout(() => void this.#work(), Math.max(0, waitMs))
  }

  async #work(): Promise<void> {
    this.#timer = undefined
    this.#isUnderWay = true
    this.#isOutdated = false
    const begin = performance.now()
    try {
      const counts = await this.#count()
      if (!this.#isClosed) this.#tell(counts)
    } catch {
      // What could not be counted is counted after the next change.
    }
    const end = performance.now()
    // The first one may have waited for the engine to start: that says nothing about counting.
    const restMs = this.#nextAt === null ? SOONEST_MS : REST * (end - begin)
    this.#nextAt = end + Math.min(Math.max(SOONEST_MS, restMs), LATEST_MS)
    this.#isUnderWay = false
    this.#goOn()
  }
}
