import { asError, CLOSED, DurablyError, notJson, wireOf } from '../errors'
import {
  BOOTING,
  type EngineStatus,
  type EventFilter,
  type Issue,
  type OperationName,
  type Operations,
  type WireError,
} from '../protocol'
import { isPassing } from '../retrying'
import { Subscribers } from '../subscribers'
import type { EventListener, RequestOptions, Transport } from '../transport'
import { EventStream, type StreamState } from './event-stream'
import { routeOf, type HttpRequest } from './http-routes'
import { streamPath, WIDEST, type StreamPath } from './stream-path'

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
    const nothing: ((input: Operations[Name]['in']) => Operations[Name]['out']) | undefined = EMPTY[operation]
    if (nothing !== undefined && matchesNothing(input)) return nothing(input)
    const route = routeOf(operation, input)
    if (route === null) throw new DurablyError(unsupported(operation))
    const signals = [this.#closing.signal, ...(signal === undefined ? [] : [signal])]
    const init = { ...toInit(route), signal: AbortSignal.any(signals) }
    const response = await this.#fetch(route.path, init)
    return (await this.#readJson(response, route.path, init.signal)) as Operations[Name]['out']
  }

  // ---------------------------------------------------------------- events

  subscribe(filter: EventFilter, listener: EventListener): () => void {
    if (this.#isClosed()) {
      queueMicrotask(() => listener.failed(new DurablyError(CLOSED)))
      return () => undefined
    }
    const subscriber = this.#subscribers.add(filter, listener)
    this.#tune()
    return () => {
      this.#subscribers.delete(subscriber)
      this.#tune()
    }
  }

  /** Once for all that is subscribed and given up in one go, as when a page is left for the next. */
  #tune(): void {
    if (this.#isTuning) return
    this.#isTuning = true
    queueMicrotask(() => {
      this.#isTuning = false
      if (!this.#isClosed()) this.#listen()
    })
  }

  #listen(): void {
    const wanted = streamPath(this.#subscribers.filters)
    const before = this.#stream
    if (wanted?.path === before?.path) {
      this.#tellNew(before?.state)
      return
    }
    before?.close()
    this.#stream = wanted === null ? null : this.#open(wanted, before)
  }

  #tellNew(state: StreamState | undefined): void {
    if (state?.is === 'open' || state?.is === 'ended') this.#subscribers.open('new')
    if (state?.is === 'failed') this.#subscribers.failed(state.error, 'new')
  }

  #open({ path, isOfOneRun }: StreamPath, before: EventStream | null): EventStream {
    return new EventStream({
      path,
      isOfOneRun,
      // Behind the last event of a narrower stream there may be hours of what is heard of only now.
      lastEventId: before?.path === WIDEST ? before.lastEventId : null,
      fetch: (...request) => this.#fetch(...request),
      opened: (isResumed) => this.#subscribers.open(isResumed ? 'new' : 'all'),
      events: (events) => this.#subscribers.events(events),
      failed: (error) => this.#subscribers.failed(error, 'all'),
    })
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  // ---------------------------------------------------------------- requests

  /** The response, if it is a success. */
  async #fetch(path: string, init: RequestInit): Promise<Response> {
    if (this.#isClosed()) throw new DurablyError(CLOSED)
    const { api, credentials = 'same-origin', fetch = globalThis.fetch } = this.#options
    const headers = await this.#headers(init)
    let response: Response
    try {
      response = await fetch(`${api}/${path}`, { ...init, headers, credentials })
    } catch {
      throw this.#lost(init.signal)
    }
    if (response.ok && isOfApi(response)) this.#reached(response)
    if (!response.ok) throw await this.#refused(response)
    return response
  }

  async #headers(init: RequestInit): Promise<Headers> {
    const { headers: given } = this.#options
    try {
      const headers = new Headers(typeof given === 'function' ? await given() : given)
      new Headers(init.headers).forEach((value, name) => headers.set(name, value))
      return headers
    } catch (reason) {
      const message = `The headers of a request could not be made: ${asError(reason).message}`
      throw new DurablyError({ code: 'network', status: 503, message })
    }
  }

  async #readJson(response: Response, path: string, signal: AbortSignal): Promise<unknown> {
    let text: string
    try {
      text = await response.text()
    } catch {
      throw this.#lost(signal)
    }
    try {
      return JSON.parse(text)
    } catch {
      const [name = path] = path.split('?')
      const message = `“${name}” answered with something else than JSON: is “${this.#options.api}” the API?`
      const error: WireError = { code: 'internal', status: 500, message }
      this.#report({ ...this.#status, state: 'failed', error })
      throw new DurablyError(error)
    }
  }

  async #refused(response: Response): Promise<DurablyError> {
    const error = new DurablyError(await readError(response))
    if (isPassing(error)) this.#report({ ...this.#status, state: 'offline', error: wireOf(error) })
    else if (isOfApi(response)) this.#reached(response)
    // A server that was reached may lack a route, and say so in the words of its framework.
    else if (error.code !== 'not_found' || this.#status.state !== 'ready')
      this.#report({ ...this.#status, state: 'failed', error: wireOf(error) })
    return error
  }

  /** Why nothing came: given up by who asked, closed, or the network. */
  #lost(signal: AbortSignal | null | undefined): Error {
    if (this.#isClosed()) return new DurablyError(CLOSED)
    if (signal?.aborted === true) return signal.reason as Error
    this.#report({ ...this.#status, state: 'offline', error: OFFLINE })
    return new DurablyError(OFFLINE)
  }

  #reached(response: Response): void {
    const engine = response.headers.get('Durably-Version') ?? this.#status.versions.engine
    const versions = { ...this.#status.versions, engine }
    this.#report({ ...this.#status, state: 'ready', phase: 'ready', percent: 100, error: null, versions })
  }

  stop(): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  takeOver(): Promise<void> {
    return Promise.reject(new DurablyError(ON_A_SERVER))
  }

  close(): void {
    if (this.#isClosed()) return
    this.#report({ ...this.#status, state: 'closed', error: CLOSED })
    this.#stream?.close()
    this.#closing.abort()
    this.#subscribers.failed(new DurablyError(CLOSED), 'all')
  }

  #report(status: EngineStatus): void {
    const { state, versions } = this.#status
    if (this.#isClosed() || (status.state === state && status.versions.engine === versions.engine)) return
    this.#status = status
    this.#onStatus?.(status)
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
  const { jobName, status, types } = input as { jobName?: unknown; status?: unknown; types?: unknown }
  return [jobName, status, types].some((value) => Array.isArray(value) && value.length === 0)
}

const USUAL_BUCKETS = 30

const EMPTY: { [Name in OperationName]?: (input: Operations[Name]['in']) => Operations[Name]['out'] } = {
  getRuns: () => [],
  getEvents: () => [],
  countRuns: () => ({ pending: 0, leased: 0, completed: 0, failed: 0, cancelled: 0 }),
  getStats: ({ since, until = new Date().toISOString(), bucketMs }) => ({
    since,
    until,
    bucketMs: bucketMs ?? Math.ceil((Date.parse(until) - Date.parse(since)) / USUAL_BUCKETS),
    jobs: [],
  }),
}

const CODES: Record<number, string> = {
  400: 'validation',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'events_gone',
}

/** `{ error: sentence }`, with `code` and `issues` where the server tells them; a framework's own has `detail`. */
async function readError(response: Response): Promise<WireError> {
  const { status, statusText } = response
  const text = await response.text().catch(() => '')
  const told = parsedObject(text)
  const isPage = response.headers.get('Content-Type')?.startsWith('text/html') === true
  const isShort = told === null && !isPage && text !== '' && text.length < 300
  const fallback = isShort ? text : `HTTP ${status} ${statusText}`.trim()
  const message = [told?.error, told?.detail].find((each) => typeof each === 'string' && each !== '')
  return {
    // A page is no answer of the API, whatever its status.
    code: typeof told?.code === 'string' ? told.code : isPage ? 'internal' : (CODES[status] ?? 'internal'),
    status,
    message: (message as string | undefined) ?? fallback,
    ...(Array.isArray(told?.issues) && { issues: told.issues as Issue[] }),
  }
}

/** It answers with JSON, with events, and with a plain text for what it has not. */
function isOfApi(response: Response): boolean {
  return /^(application\/json|text\/event-stream|text\/plain)/.test(
    response.headers.get('Content-Type') ?? '',
  )
}

function parsedObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function unsupported(operation: OperationName): WireError {
  return {
    code: 'unsupported',
    status: 501,
    message: `A server does not offer “${operation}”: it works where the engine is in this browser.`,
  }
}

const ON_A_SERVER: WireError = {
  code: 'unsupported',
  status: 501,
  message: 'The engine runs on a server, for all tabs alike: there is nothing to take over.',
}

const OFFLINE: WireError = {
  code: 'network',
  status: 503,
  message:
    'The server can’t be reached. If something was to be changed, see whether it was before you try again.',
}
