import type { EngineEvent, EngineStatus, EventFilter, OperationName, Operations } from './protocol'

/**
 * The way from a client to an engine: the worker of this page, or a server. Another tab that has the
 * engine is a third implementation of the same calls.
 */
export interface Transport {
  readonly status: EngineStatus
  /** Settles with the engine's answer; rejects with a `DurablyError`, or with the reason of an abort. */
  request<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['in'],
    options?: RequestOptions,
  ): Promise<Operations[Name]['out']>
  /** Hears what matches the filter, in which jobs go by their names. Returns the way to stop. */
  subscribe(filter: EventFilter, listener: EventListener): () => void
  /** The one listener is called after every change of `status`. */
  connect(listener: (status: EngineStatus) => void): void
  close(): void
  /** Like `close`, but an engine of this page's own first gives back what executes. Settles when it is gone. */
  stop(): Promise<void>
  /** Have the engine in this tab. Settles when it is here. */
  takeOver(): Promise<void>
}

export interface RequestOptions {
  /** What an operation takes that is no JSON. */
  file?: Blob | undefined
  /** Aborting gives up the answer. What was asked for may be done all the same. */
  signal?: AbortSignal | undefined
}

export interface EventListener {
  /**
   * From here on nothing is missed; what was before has to be asked for. Called again after each gap:
   * the engine was started anew, or the connection was lost.
   */
  open: () => void
  /** Oldest first. */
  events: (events: readonly EngineEvent[]) => void
  /** Nothing is heard at the moment. That it is tried again shows in `open`. */
  failed: (error: Error) => void
}
