import { guarded } from './errors'
import { filterEvents } from './events'
import type { EngineEvent, EventFilter } from './protocol'
import type { EventListener } from './transport'

export interface Subscriber {
  readonly filter: EventFilter
  readonly listener: EventListener
  /** Whether it was told that nothing is missed from here on. */
  isOpen: boolean
}

/** Who hears events, each through its own filter. */
export class Subscribers {
  readonly #all = new Set<Subscriber>()

  get filters(): readonly EventFilter[] {
    return [...this.#all].map(({ filter }) => filter)
  }

  add(filter: EventFilter, listener: EventListener): Subscriber {
    const subscriber = { filter, listener, isOpen: false }
    this.#all.add(subscriber)
    return subscriber
  }

  delete(subscriber: Subscriber): void {
    this.#all.delete(subscriber)
  }

  /** `all`: there was a gap. Otherwise only those hear of it that were not told yet. */
  open(which: 'all' | 'new'): void {
    for (const subscriber of [...this.#all]) {
      if (which === 'new' && subscriber.isOpen) continue
      subscriber.isOpen = true
      this.#tell(subscriber, ({ open }) => open())
    }
  }

  events(events: readonly EngineEvent[]): void {
    for (const subscriber of [...this.#all]) {
      // What comes before `open` is part of what it will ask for.
      const heard = subscriber.isOpen ? filterEvents(subscriber.filter, events) : []
      if (heard.length > 0) this.#tell(subscriber, (listener) => listener.events(heard))
    }
  }

  /** `new`: those alone hear of it that were not told yet that it is open. */
  failed(error: Error, which: 'all' | 'new'): void {
    for (const subscriber of [...this.#all]) {
      if (which === 'all' || !subscriber.isOpen) this.#tell(subscriber, ({ failed }) => failed(error))
    }
  }

  /** Calls the listener, unless one before it has ended its subscription. */
  #tell(subscriber: Subscriber, call: (listener: EventListener) => void): void {
    if (this.#all.has(subscriber)) guarded(() => call(subscriber.listener))
  }
}
