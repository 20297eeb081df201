import type { EngineStatus, RequestMessage, ResponseMessage } from '../protocol'

/** Raised when a message changes its shape. Tabs of different versions may be open at once, and stay apart. */
export const TAB_PROTOCOL = 1

/** What tabs say to each other. One leads: its worker has the engine. The others follow. */
export type TabMessage =
  /** Who leads? */
  | { type: 'hello' }
  /** I do, and this is how the engine is. */
  | { type: 'leader'; status: EngineStatus; isVisible: boolean }
  /** To one that has begun to lead: I follow. */
  | { type: 'follow' }
  /** To the leader. */
  | { type: 'request'; request: RequestMessage }
  /** To who asked. */
  | { type: 'response'; response: ResponseMessage }
  /** JSON text: an array of `EngineEvent`, oldest first. */
  | { type: 'events'; body: string }
  /** To the leader: let me lead; without cutting off a step, or at once. */
  | { type: 'hand-over'; how: 'politely' | 'now' }
  /** I leave the engine to that tab: the others let it pass. */
  | { type: 'reserved'; to: string }
  /** To who asked for it: a step takes long, so I go on. */
  | { type: 'kept' }

export interface Envelope {
  protocol: number
  from: string
  message: TabMessage
}
