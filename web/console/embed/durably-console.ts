import type { Durably } from 'durably'
import { sentenceOf } from '../sentence-of'
import { createDurably } from './engines'
import type { View } from './view'

/**
 * `<durably-console>`: the console within the page of another site, in a shadow root. The engine is the
 * page's, not the element's: it goes on when the element is removed.
 */
export class DurablyConsole extends HTMLElement {
  static readonly observedAttributes = ['api', 'database', 'job']
  readonly #shadow = this.attachShadow({ mode: 'open' })
  #view: View | null = null

  /** The client of the engine that is shown. Throws for an attribute that can't be. */
  get durably(): Durably {
    const api = this.getAttribute('api')
    if (api !== null) return createDurably({ api })
    return createDurably({ spa: { database: this.getAttribute('database') ?? undefined } })
  }

  connectedCallback(): void {
    void this.#show()
  }

  attributeChangedCallback(): void {
    if (this.isConnected) void this.#show()
  }

  disconnectedCallback(): void {
    // One that is moved is connected again by then: it keeps what was typed.
    queueMicrotask(() => {
      if (!this.isConnected) this.#close()
    })
  }

  async #show(): Promise<void> {
    try {
      // Not before it is needed: a page that only runs jobs does without.
      const { View } = await import('./view')
      if (!this.isConnected) return
      this.#view ??= new View(this.#shadow)
      this.#view.show(this.durably, this.getAttribute('job') ?? undefined)
    } catch (error) {
      this.#close()
      this.#shadow.textContent = `The console can’t be shown. ${sentenceOf(error)}`
    }
  }

  #close(): void {
    this.#view?.close()
    this.#view = null
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'durably-console': DurablyConsole
  }
}
