import { TAB_PROTOCOL, type Envelope, type TabMessage } from './messages'

/** Between the tabs of one database: to all of them, or to one. */
export class TabChannel {
  /** Names this tab. */
  readonly tab = crypto.randomUUID()
  readonly #name: string
  readonly #all: BroadcastChannel
  readonly #own: BroadcastChannel
  readonly #others = new Map<string, BroadcastChannel>()

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
    this.#all.postMessage(this.#sealed(message))
  }

  /** What is for one tab costs the others nothing. */
  tellTab(tab: string, message: TabMessage): void {
    let channel = this.#others.get(tab)
    if (channel === undefined) {
      channel = new BroadcastChannel(this.#nameOf(tab))
      this.#others.set(tab, channel)
    }
    channel.postMessage(this.#sealed(message))
  }

  close(): void {
    for (const channel of [this.#all, this.#own, ...this.#others.values()]) channel.close()
  }

  #nameOf(tab: string): string {
    return `${this.#name}:${tab}`
  }

  #sealed(message: TabMessage): Envelope {
    return { protocol: TAB_PROTOCOL, from: this.tab, message }
  }
}
