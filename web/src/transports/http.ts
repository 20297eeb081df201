import { CLOSED, DurablyError, notJson } from '../errors'
import {
  BOOTING,
  type EngineStatus,
  type EventFilter,
  type OperationName,
  type Operations,
  type WireError,
} from '../protocol'
import { Subscribers } from '../subscribers'
import type { EventListener, RequestOptions, Transport } from '../transport'
import { EventStream } from './event-stream'
import { routeOf, type HttpRequest } from './http-routes'
import { streamPath } from './stream-path'

export interface HttpOptions {
  /** Address of the API, such as `/api/durably`; relative to the document. */
  api: string
  /** Sent with each request, for instance who asks. A function is asked before each request. */
  headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>)
  /** Whether cookies are sent: as in `fetch`. Default: `same-origin`. */
  credentials?: RequestCredentials
  /** Used in the place of `fetch`. */
  fetch?: typeof fetch
}

/** Talks to an engine behind HTTP. However many listen, there is one stream of events. */
export class HttpTransport implements Transport {
  readonly #options: HttpOptions
  readonly #subscribers = new Subscribers()
  readonly #closing = new AbortController()
  #status: EngineStatus = { ...BOOTING, role: 'remote' }
  #onStatus: ((status: EngineStatus) => void) | null = null
  #stream: EventStream | null = null
  #isTuning = false

  constructor(options: HttpOptions) {
    this.#options = { ...options, api: options.api.replace(/\/+$/, '') }
  }

  get status(): EngineStatus {
    return this.#status
  }

  connect(listener: (status: EngineStatus) => void): void {
    this.#onStatus = listener
  }

  async request<Name extends OperationName>(
    operation: Name,
    input: Operations[Name]['in'],
    { signal }: RequestOptions = {},
  ): Promise<Operations[Name]['out']> {
    if (matchesNothing(input)) return EMPTY[operation] as Operations[Name]['out']
    const route = routeOf(operation, input)
    if (route === null) throw new DurablyError(unsupported(operation))
    const signals = [this.#closing.signal, ...(signal === undefined ? [] : [signal])]
    const init = { ...toInit(route), signal: AbortSignal.any(signals) }
    const response = await this.#fetch(route.path, init)
    return (await readJson(response, init.signal)) as Operations[Name]['out']
  }

  // ---------------------------------------------------------------- events

  subscribe(filter: EventFilter, listener: EventListener): () => void {
    const subscriber = this.#subscribers.add(filter, listener)
    this.#tune()
    return () => {
      this.#subscribers.delete(subscriber)
      this.#tune()
    }
  }

  /** Once for all that is subscribed and given up in one go, as when a page is left for the next. */
  #tune(): void {
    if (this.#isTuning || this.#isClosed()) return
    this.#isTuning = true
    queueMicrotask(() => {
      this.#isTuning = false
      if (!this.#isClosed()) this.#listen()
    })
  }

  #listen(): void {
    const path = streamPath(this.#subscribers.filters)
    const before = this.#stream
    if (path === (before?.path ?? null)) {
      if (before?.isOpen === true || before?.hasEnded === true) this.#subscribers.open('new')
      return
    }
    before?.close()
    this.#stream = path === null ? null : this.#open(path, before?.lastEventId ?? null)
  }

  #open(path: string, lastEventId: string | null): EventStream {
    return new EventStream({
      path,
      lastEventId,
      fetch: (...request) => this.#fetch(...request),
      opened: (isResumed) => this.#subscribers.open(isResumed ? 'new' : 'all'),
      events: (events) => this.#subscribers.events(events),
      failed: (error) => this.#subscribers.failed(error),
    })
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  // ---------------------------------------------------------------- requests

  /** The response, if it is a success. */
  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const { api, headers: given, credentials = 'same-origin', fetch = globalThis.fetch } = this.#options
    if (this.#isClosed()) throw new DurablyError(CLOSED)
    const headers = new Headers(typeof given === 'function' ? await given() : given)
    new Headers(init.headers).forEach((value, name) => headers.set(name, value))
    let response: Response
    try {
      response = await fetch(`${api}/${path}`, { ...init, headers, credentials })
    } catch {
      if (this.#isClosed()) throw new DurablyError(CLOSED)
      init.signal?.throwIfAborted()
      this.#report({ state: 'offline', error: OFFLINE })
      throw new DurablyError(OFFLINE)
    }
    const engine = response.headers.get('Durably-Version') ?? this.#status.versions.engine
    this.#report({
      state: 'ready',
      phase: 'ready',
      percent: 100,
      error: null,
      versions: { ...this.#status.versions, engine },
    })
    if (!response.ok) throw new DurablyError(await readError(response))
    return response
  }

  close(): void {
    if (this.#isClosed()) return
    this.#stream?.close()
    this.#closing.abort()
    this.#report({ state: 'closed', error: CLOSED })
    this.#subscribers.failed(new DurablyError(CLOSED))
  }

  #report(change: Partial<EngineStatus>): void {
    const isNews =
      change.state !== this.#status.state || change.versions?.engine !== this.#status.versions.engine
    if (!isNews || this.#status.state === 'closed') return
    this.#status = { ...this.#status, ...change }
    this.#onStatus?.(this.#status)
  }
}

function toInit({ method, body }: HttpRequest): RequestInit {
  // Also without a body: a form of another site can't send this type.
  const headers = { 'Content-Type': 'application/json' }
  if (method === 'GET') return { method }
  if (body === undefined) return { method, headers }
  try {
    return { method, headers, body: JSON.stringify(body) }
  } catch (error) {
    throw new DurablyError(notJson(error))
  }
}

/** A list with nothing in it matches nothing, which a query string can't say. */
function matchesNothing(input: unknown): boolean {
  const { jobName, status } = input as { jobName?: unknown; status?: unknown }
  return [jobName, status].some((value) => Array.isArray(value) && value.length === 0)
}

const EMPTY: { [Name in OperationName]?: Operations[Name]['out'] } = {
  getRuns: [],
  countRuns: { pending: 0, leased: 0, completed: 0, failed: 0, cancelled: 0 },
}

async function readJson(response: Response, signal: AbortSignal): Promise<unknown> {
  try {
    return await response.json()
  } catch {
    signal.throwIfAborted()
    throw new DurablyError({
      code: 'internal',
      status: 502,
      message: `${new URL(response.url).pathname} answered with something else than JSON: is this the address of the API?`,
    })
  }
}

const CODES: Record<number, string> = {
  400: 'validation',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'events_gone',
}

/** `{ error: sentence }`, with `code` and `issues` where the server tells them. */
async function readError(response: Response): Promise<WireError> {
  const { status, statusText } = response
  const text = await response.text().catch(() => '')
  const fallback = { code: CODES[status] ?? 'internal', status }
  try {
    const { error, ...more } = JSON.parse(text) as Partial<WireError> & { error: string }
    return { ...fallback, ...more, message: error }
  } catch {
    return {
      ...fallback,
      message: text.length > 0 && text.length < 300 ? text : `HTTP ${status} ${statusText}`,
    }
  }
}

function unsupported(operation: OperationName): WireError {
  return {
    code: 'unsupported',
    status: 501,
    message: `A server does not offer “${operation}”: it works where the engine is in this browser.`,
  }
}

const OFFLINE: WireError = {
  code: 'network',
  status: 503,
  message:
    'The server can’t be reached. If something was to be changed, see whether it was before you try again.',
}
