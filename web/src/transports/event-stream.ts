import { createParser } from 'eventsource-parser'
import { asError, DurablyError } from '../errors'
import { endsRun } from '../events'
import type { EngineEvent } from '../protocol'
import { onBackOnline, pause } from '../retrying'
import { completeEvent, type WireEvent } from './wire-event'

/** How long a server may take to begin its answer. */
const LONGEST_CONNECT_MS = 10_000

/** A server that has sent heartbeats, and is silent for so long, is gone. It sends one every 15 seconds. */
const LONGEST_SILENCE_MS = 45_000

/** A server that asks to be left alone for so long has nothing more to say. */
const FOR_EVER_MS = 2 ** 31 - 1

/** A connection that held for so long was a good one, even if nothing came. */
const HEALTHY_MS = 10_000

export interface StreamOptions {
  /** Relative to the address of the API. */
  path: string
  /** The events of one run: the stream ends with it. */
  isOfOneRun: boolean
  /** The last event of a stream before this one: the server goes on behind it. */
  lastEventId: string | null
  /** Rejects with a `DurablyError` unless the server answers with a success. */
  fetch: (path: string, init: RequestInit) => Promise<Response>
  /** `isResumed`: nothing was missed since the last event. */
  opened: (isResumed: boolean) => void
  events: (events: readonly EngineEvent[]) => void
  failed: (error: Error) => void
}

export type StreamState =
  | { is: 'connecting' }
  | { is: 'open' }
  /** It is tried again. */
  | { is: 'failed'; error: Error }
  /** Nothing will come any more, and nothing was missed. */
  | { is: 'ended' }

/**
 * Server-sent events, connected anew whenever the connection is lost. Not an `EventSource`: that has
 * no headers, and doesn't tell what the server answered.
 */
export class EventStream {
  readonly #options: StreamOptions
  readonly #closing = new AbortController()
  #state: StreamState = { is: 'connecting' }
  #lastEventId: string | null
  /** Connections in a row that came to nothing. */
  #failures = 0

  constructor(options: StreamOptions) {
    this.#options = options
    this.#lastEventId = options.lastEventId
    void this.#run()
  }

  get path(): string {
    return this.#options.path
  }

  get state(): StreamState {
    return this.#state
  }

  get lastEventId(): string | null {
    return this.#lastEventId
  }

  close(): void {
    this.#closing.abort()
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #hasEnded(): boolean {
    return this.#state.is === 'ended'
  }

  async #run(): Promise<void> {
    while (!this.#isClosed() && !this.#hasEnded()) {
      const began = performance.now()
      this.#failures += 1
      try {
        await this.#connect()
        if (!this.#hasEnded()) this.#state = { is: 'connecting' }
      } catch (reason) {
        if (this.#isClosed()) return
        this.#recover(asError(reason))
      }
      if (performance.now() - began > HEALTHY_MS) this.#failures = 0
      if (!this.#hasEnded()) await pause(this.#failures, this.#closing.signal)
    }
  }

  /** Reads until the server ends the stream; rejects when it breaks. */
  async #connect(): Promise<void> {
    const connection = new AbortController()
    const giveUp = (): void => connection.abort()
    const slow = setTimeout(giveUp, LONGEST_CONNECT_MS)
    onBackOnline(giveUp, connection.signal)
    try {
      const response = await this.#ask(AbortSignal.any([this.#closing.signal, connection.signal]))
      clearTimeout(slow)
      if (this.#isClosed()) return
      this.#state = { is: 'open' }
      const isResumed = this.#lastEventId !== null
      // Where the stream begins, so that one that hears nothing can be gone on with, too.
      this.#lastEventId ??= response.headers.get('Durably-Last-Event-ID')
      this.#options.opened(isResumed)
      if (response.body !== null) await this.#read(response.body, giveUp)
    } catch (error) {
      throw connection.signal.aborted ? new DurablyError(SILENT) : error
    } finally {
      clearTimeout(slow)
      giveUp()
    }
  }

  async #ask(signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (this.#lastEventId !== null) {
      headers['Last-Event-ID'] = this.#lastEventId
      // Where events were lost, this client asks for everything again: it wants to be told.
      headers['Durably-Resume'] = 'exact'
    }
    const response = await this.#options.fetch(this.path, { headers, cache: 'no-store', signal })
    if (response.headers.get('Content-Type')?.startsWith('text/event-stream') !== true) {
      throw new DurablyError(NO_STREAM)
    }
    return response
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
      onRetry: (pauseMs) => {
        // Its run ended before this stream began: there is no event left that could tell that.
        if (this.#options.isOfOneRun && pauseMs >= FOR_EVER_MS) this.#state = { is: 'ended' }
      },
    })
    try {
      const reader = body.pipeThrough(new TextDecoderStream()).getReader()
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        this.#failures = 0
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
    if (this.#options.isOfOneRun && events.some(endsRun)) this.#state = { is: 'ended' }
    this.#options.events(events)
  }

  #recover(error: Error): void {
    const code = error instanceof DurablyError ? error.code : null
    // The log of events does not reach back that far: whoever listens asks for everything again.
    if (code === 'events_gone') this.#lastEventId = null
    // A run that does not exist will not come to be.
    const hasEnded = code === 'not_found' && this.#options.isOfOneRun
    if (!this.#hasEnded()) this.#state = hasEnded ? { is: 'ended' } : { is: 'failed', error }
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

const SILENT = { code: 'network', status: 503, message: 'The server fell silent.' }
const NO_STREAM = {
  code: 'internal',
  status: 502,
  message: 'The server answered with something else than a stream of events.',
}
