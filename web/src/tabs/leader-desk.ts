import type { EngineStatus, RequestMessage, ResponseMessage } from '../protocol'
import type { TabChannel } from './channel'
import type { TabMessage } from './messages'

export interface LeaderDeskHooks {
  status: () => EngineStatus
  /** The engine’s answer; null: this tab leads no more, and who asked asks elsewhere. */
  serve: (request: RequestMessage) => Promise<ResponseMessage | null>
  /** What became of it is told with `kept`, or by the next one that leads. */
  handOver: (how: 'politely' | 'now') => void
}

/** The tab that leads, towards those that follow. */
export class LeaderDesk {
  readonly #channel: TabChannel
  readonly #hooks: LeaderDeskHooks
  /** Who sends a command again, before it was answered, waits for the same answer. */
  readonly #underWay = new Map<string, Promise<ResponseMessage | null>>()
  #hasFollowers = false
  #heirs = new Set<string>()

  constructor(channel: TabChannel, hooks: LeaderDeskHooks) {
    this.#channel = channel
    this.#hooks = hooks
  }

  announce(): void {
    this.#channel.tell({ type: 'leader', status: this.#hooks.status(), isVisible: !document.hidden })
  }

  happened(body: string): void {
    if (this.#hasFollowers) this.#channel.tell({ type: 'events', body })
  }

  /** This tab’s worker ends, and the next one is to have the engine. */
  reserve(): void {
    this.#channel.tell({ type: 'reserved', to: this.#channel.tab })
  }

  /** The engine was not handed over. */
  kept(): void {
    for (const tab of this.#heirs) this.#channel.tellTab(tab, { type: 'kept' })
    this.#heirs.clear()
  }

  hear(from: string, message: TabMessage): void {
    switch (message.type) {
      case 'hello':
        this.#hasFollowers = true
        this.announce()
        return
      case 'follow':
        this.#hasFollowers = true
        return
      case 'request':
        this.#hasFollowers = true
        void this.#serve(from, message.request)
        return
      case 'hand-over':
        this.#heirs.add(from)
        this.#channel.tell({ type: 'reserved', to: from })
        this.#hooks.handOver(message.how)
        return
      default:
      // What tabs that lead say, and this one says itself.
    }
  }

  async #serve(from: string, request: RequestMessage): Promise<void> {
    const answer = this.#underWay.get(request.command) ?? this.#hooks.serve(request)
    this.#underWay.set(request.command, answer)
    const response = await answer
    this.#underWay.delete(request.command)
    if (response === null) return
    // Who asked knows it by a number of its own.
    this.#channel.tellTab(from, { type: 'response', response: { ...response, id: request.id } })
  }
}
