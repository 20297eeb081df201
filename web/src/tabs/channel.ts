import { TAB_PROTOCOL, type Envelope, type TabMessage } from './messages'

const MOST_CHANNELS = 32

/** Between the tabs of one database: to all of them, or to one. */
export class TabChannel {
  /** Names this tab. */
  readonly tab = crypto.randomUUID()
  readonly #name: string
  readonly #all: BroadcastChannel
  readonly #own: BroadcastChannel
  readonly #others = new Map<string, BroadcastChannel>()
  #isClosed = false

  /** `onForeign` hears that there is a tab of another version. */
  constructor(database: string, receive: (from: string, message: TabMessage) => void, onForeign: () => void) {
    this.#name = `durably:${database}`
    this.#all = new BroadcastChannel(this.#name)
    this.#own = new BroadcastChannel(this.#nameOf(this.tab))
    const hear = ({ data }: MessageEvent<Envelope>): void => {
      if (data.protocol === TAB_PROTOCOL) receive(data.from, data.message)
      else onForeign()
    }
    this.#all.onmessage = hear
    this.#own.onmessage = hear
  }

  tell(message: TabMessage): void {
    if (this.#isClosed) return
    this.#all.postMessage(this.#sealed(message))
  }

  /** What is for one tab costs the others nothing. */
  tellTab(tab: string, message: TabMessage): void {
    if (this.#isClosed) return
    let channel = this.#others.get(tab)
    if (channel === undefined) {
      channel = new BroadcastChannel(this.#nameOf(tab))
      this.#others.set(tab, channel)
      this.#closeOldest()
    }
    channel.postMessage(this.#sealed(message))
  }

  /** Tabs come and go, and nobody tells that they are gone. */
  #closeOldest(): void {
    const [oldest] = this.#others
    if (oldest === undefined || this.#others.size <= MOST_CHANNELS) return
    oldest[1].close()
    this.#others.delete(oldest[0])
  }

  close(): void {
    this.#isClosed = true
    for (const channel of [this.#all, this.#own, ...this.#others.values()]) channel.close()
  }

  #nameOf(tab: string): string {
    return `${this.#name}:${tab}`
  }

  #sealed(message: TabMessage): Envelope {
    return { protocol: TAB_PROTOCOL, from: this.tab, message }
  }
}
