import type { DurablyError } from '../errors'
import type { Leader } from './follower'

export interface SuccessionHooks {
  /** Ask the tab that leads. `politely`: it cuts off no step, and may refuse. */
  ask: (how: 'politely' | 'now') => void
  /** Start Python, so that there is no pause between the engines. `warm` is called when it is up. */
  warmUp: () => void
}

/** What this tab knows of itself and of the one that leads. */
export interface Sight {
  isLeading: boolean
  /** The tab that leads, while its engine is ready. */
  leader: Leader | null
  /** Whether someone looks at this tab, and may have the engine moved here for it. */
  mayAttract: boolean
}

/** Who flips through tabs moves nothing. */
const ATTRACT_AFTER_MS = 500
/** After a step that took too long. */
const AGAIN_AFTER_MS = 10_000

interface Waiting {
  resolve: () => void
  reject: (error: DurablyError) => void
}

/**
 * How this tab comes to lead while the one that does lives: because it is looked at and the other is not, for browsers slow
 * down, suspend and discard tabs that are not; or because it was told to.
 */
export class Succession {
  readonly #hooks: SuccessionHooks
  #sight: Sight = { isLeading: false, leader: null, mayAttract: false }
  #isWarm = false
  #hasAsked = false
  #timer: ReturnType<typeof setTimeout> | null = null
  #waiting: Waiting[] = []

  constructor(hooks: SuccessionHooks) {
    this.#hooks = hooks
  }

  see(sight: Sight): void {
    const isAnother = sight.leader?.tab !== this.#sight.leader?.tab
    this.#sight = sight
    if (sight.isLeading) for (const { resolve } of this.#waiting.splice(0)) resolve()
    if (isAnother) {
      this.#rest()
      if (this.#waiting.length > 0 && sight.leader !== null) this.#hooks.ask('now')
    }
    if (!this.#isAttracting) this.#rest()
    else if (!this.#hasAsked) this.#timer ??= setTimeout(() => this.#attract(), ATTRACT_AFTER_MS)
  }

  /** Settles when this tab leads. */
  takeOver(): Promise<void> {
    if (this.#sight.isLeading) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (this.#sight.leader !== null) this.#hooks.ask('now')
    })
  }

  /** Python is up in this tab's worker. */
  warm(): void {
    this.#isWarm = true
    if (this.#hasAsked && this.#isAttracting) this.#hooks.ask('politely')
  }

  /** This tab's worker is another one. */
  cold(): void {
    this.#isWarm = false
  }

  /** The tab that leads goes on. */
  kept(): void {
    this.#rest()
    this.#timer = setTimeout(() => this.#attract(), AGAIN_AFTER_MS)
  }

  end(error: DurablyError): void {
    this.#rest()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  get #isAttracting(): boolean {
    const { leader, mayAttract } = this.#sight
    return mayAttract && leader !== null && !leader.isVisible
  }

  #attract(): void {
    this.#timer = null
    if (!this.#isAttracting) return
    this.#hasAsked = true
    if (this.#isWarm) this.#hooks.ask('politely')
    else this.#hooks.warmUp()
  }

  #rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#hasAsked = false
  }
}
