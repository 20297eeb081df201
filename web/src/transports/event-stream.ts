import { createParser } from 'eventsource-parser'
import { asError, DurablyError } from '../errors'
import { endsRun } from '../events'
import type { EngineEvent } from '../protocol'
import { completeEvent, type WireEvent } from './wire-event'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

/** A server that has sent heartbeats, and is silent for so long, is gone. It sends one every 15 seconds. */
const LONGEST_SILENCE_MS = 45_000

export interface StreamOptions {
  /** Relative to the address of the API. */
  path: string
  /** The last event of a stream before this one: the server goes on behind it. */
  lastEventId: string | null
  /** Rejects with a `DurablyError` unless the server answers with a stream. */
  fetch: (path: string, init: RequestInit) => Promise<Response>
  /** `isResumed`: nothing was missed since the last event. */
  opened: (isResumed: boolean) => void
  events: (events: readonly EngineEvent[]) => void
  failed: (error: Error) => void
}

/**
 * Server-sent events, connected anew whenever the connection is lost. Not an `EventSource`: that has
 * no headers, and doesn't tell what the server answered.
 */
export class EventStream {
  readonly #options: StreamOptions
  readonly #closing = new AbortController()
  #lastEventId: string | null
  #failures = 0
  #isOpen = false
  #hasEnded = false

  constructor(options: StreamOptions) {
    this.#options = options
    this.#lastEventId = options.lastEventId
    void this.#run()
  }

  get path(): string {
    return this.#options.path
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Nothing will come any more, and nothing was missed. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  get lastEventId(): string | null {
    return this.#lastEventId
  }

  close(): void {
    this.#isOpen = false
    this.#closing.abort()
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  async #run(): Promise<void> {
    while (!this.#isClosed()) {
      try {
        await this.#connect()
      } catch (reason) {
        if (this.#isClosed()) return
        this.#recover(asError(reason))
      }
      this.#isOpen = false
      if (this.#hasEnded) return
      await pause(this.#failures, this.#closing.signal)
    }
  }

  /** Reads until the server ends the stream; rejects when it breaks. */
  async #connect(): Promise<void> {
    const connection = new AbortController()
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (this.#lastEventId !== null) headers['Last-Event-ID'] = this.#lastEventId
    const response = await this.#options.fetch(this.#options.path, {
      headers,
      cache: 'no-store',
      signal: AbortSignal.any([this.#closing.signal, connection.signal]),
    })
    if (response.body === null) throw new Error('The server sent no events.')
    this.#failures = 0
    this.#isOpen = true
    const isResumed = this.#lastEventId !== null
    // Where the stream begins, so that one that hears nothing can be gone on with, too.
    this.#lastEventId ??= response.headers.get('Durably-Last-Event-ID')
    this.#options.opened(isResumed)
    const giveUp = (): void => connection.abort(new Error('The server fell silent.'))
    // What was open while the network was away may be dead without knowing it.
    onOnline(giveUp, connection.signal)
    try {
      await this.#read(response.body, giveUp)
    } finally {
      connection.abort()
    }
  }

  async #read(body: ReadableStream<Uint8Array<ArrayBuffer>>, giveUp: () => void): Promise<void> {
    let batch: EngineEvent[] = []
    const heard = { heartbeat: false }
    let silence: ReturnType<typeof setTimeout> | undefined
    const parser = createParser({
      onEvent: ({ id, data }) => {
        if (id !== undefined && id !== '') this.#lastEventId = id
        const event = parsed(data)
        if (event !== null) batch.push(event)
      },
      onComment: () => (heard.heartbeat = true),
    })
    try {
      const reader = body.pipeThrough(new TextDecoderStream()).getReader()
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        parser.feed(read.value)
        clearTimeout(silence)
        if (heard.heartbeat) silence = setTimeout(giveUp, LONGEST_SILENCE_MS)
        const events = batch
        batch = []
        if (events.length > 0) this.#deliver(events)
      }
    } finally {
      clearTimeout(silence)
    }
  }

  #deliver(events: readonly EngineEvent[]): void {
    if (this.#isClosed()) return
    // A run's own stream ends with it.
    this.#hasEnded ||= this.path.startsWith('subscribe?') && events.some(endsRun)
    this.#options.events(events)
  }

  #recover(error: Error): void {
    this.#failures += 1
    if (error instanceof DurablyError) {
      // The log of events does not reach back that far: whoever listens asks for everything again.
      if (error.code === 'events_gone') this.#lastEventId = null
      // A run that does not exist will not come to be.
      if (error.code === 'not_found') this.#hasEnded = true
    }
    this.#options.failed(error)
  }
}

function parsed(data: string): EngineEvent | null {
  try {
    return completeEvent(JSON.parse(data) as WireEvent)
  } catch {
    // Nothing of ours: a proxy's remark.
    return null
  }
}

/** Longer after each failure, and never the same for all pages; at once when the network is back. */
async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, failures - 1))
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, most * (0.5 + Math.random() / 2))
    signal.addEventListener('abort', done)
    onOnline(done, signal)
  })
}

function onOnline(listener: () => void, signal: AbortSignal): void {
  if (typeof addEventListener === 'function') addEventListener('online', listener, { once: true, signal })
}
