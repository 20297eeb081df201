import type { EngineEvent, EngineStatus, OperationName, Operations } from './protocol'

/**
 * The way from a client to an engine. A worker port today; HTTP with server-sent events and another
 * tab are further implementations of the same four calls.
 */
export interface Transport {
  /** Settles with the engine's answer; rejects with a `DurablyError`. */
  request<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['in'],
    /** What an operation takes that is no JSON. */
    file?: Blob,
  ): Promise<Operations[Name]['out']>
  readonly status: EngineStatus
  /** Called after every change of `status` and with every batch of events. */
  connect(listener: TransportListener): void
  close(): void
}

export interface TransportListener {
  status(status: EngineStatus): void
  events(events: readonly EngineEvent[]): void
}
