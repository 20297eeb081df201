import type { EngineStatus, RequestMessage, ResponseMessage } from '../protocol'
import type { TabChannel } from './channel'
import type { TabMessage } from './messages'

/** Another tab, whose worker has the engine. */
export interface Leader {
  tab: string
  status: EngineStatus
  isVisible: boolean
}

export interface FollowerHooks {
  /** It says that it leads, and how its engine is. */
  changed: (leader: Leader) => void
  responded: (response: ResponseMessage) => void
  happened: (body: string) => void
  /** Whether no one answers, though someone holds the lock. */
  silent: (isSilent: boolean) => void
  /** The engine is left to another tab. */
  reserved: () => void
  /** The one that leads does not hand over. */
  kept: () => void
}

/** So long an answer is waited for before it is asked whether there is someone. A page tells that also while its Python computes. */
const ANSWER_MS = 1500
/** So often in a row without an answer, and the tab that leads is taken for suspended. */
const MOST_TRIES = 2

/** A tab that follows: it asks the one that leads, and hears what happens there. */
export class Follower {
  leader: Leader | null = null
  readonly #channel: TabChannel
  readonly #hooks: FollowerHooks
  #timer: ReturnType<typeof setTimeout> | null = null
  #tries = 0

  constructor(channel: TabChannel, hooks: FollowerHooks) {
    this.#channel = channel
    this.#hooks = hooks
  }

  /** Looks for the one that leads. */
  look(): void {
    this.#channel.tell({ type: 'hello' })
    this.#expectAnswer()
  }

  ask(request: RequestMessage): void {
    if (this.leader === null) return
    this.#channel.tellTab(this.leader.tab, { type: 'request', request })
    this.#expectAnswer()
  }

  askToLead(how: 'politely' | 'now'): void {
    if (this.leader === null) return
    this.#channel.tellTab(this.leader.tab, { type: 'hand-over', how })
    this.#expectAnswer()
  }

  hear(from: string, message: TabMessage): void {
    switch (message.type) {
      case 'leader':
        this.#heard()
        // One that leads from now on does not know yet who follows.
        if (from !== this.leader?.tab) this.#channel.tellTab(from, { type: 'follow' })
        this.leader = { tab: from, status: message.status, isVisible: message.isVisible }
        this.#hooks.changed(this.leader)
        // Nothing is asked of it before it is ready. Suspended meanwhile, it would be waited for without a word.
        if (message.status.state === 'starting') this.#expectAnswer()
        return
      case 'response':
        this.#heard()
        this.#hooks.responded(message.response)
        return
      case 'events':
        if (from !== this.leader?.tab) return
        this.#heard()
        this.#hooks.happened(message.body)
        return
      case 'reserved':
        this.#heard()
        if (message.to !== this.#channel.tab) this.#hooks.reserved()
        return
      case 'kept':
        this.#hooks.kept()
        return
      default:
      // What is for the one that leads.
    }
  }

  /** This tab leads, or is gone. */
  stop(): void {
    this.#disarm()
    this.#tries = 0
    this.leader = null
  }

  #heard(): void {
    this.#disarm()
    const wasSilent = this.#tries >= MOST_TRIES
    this.#tries = 0
    if (wasSilent) this.#hooks.silent(false)
  }

  /** Asked again and again while nobody answers: a tab that wakes up does not know that it was asked. */
  #expectAnswer(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#tries += 1
      if (this.#tries === MOST_TRIES) this.#hooks.silent(true)
      this.look()
    }, ANSWER_MS)
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
