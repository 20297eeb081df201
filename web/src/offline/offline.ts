import { guarded } from '../errors'
import { call } from './call'
import { InstallPrompt } from './install-prompt'
import { isUntouched, isWorthReloading } from './isolate'
import type { Asked, Hello, ToPage, ToServiceWorker } from './messages'
import { STARTING, UNSUPPORTED, type OfflineStatus } from './status'

/** Where `durably/vite` put the service worker, if it made one; nothing defines it elsewhere. */
declare const __DURABLY_SERVICE_WORKER_URL__: string | undefined
const SERVICE_WORKER_URL =
  typeof __DURABLY_SERVICE_WORKER_URL__ === 'string' ? __DURABLY_SERVICE_WORKER_URL__ : 'sw.js'

/** How long a service worker may take to say which version it is. */
const HELLO_MS = 10_000

/** A new version asks whether someone listens: so long a page that is still being built up is waited for. */
const LISTENER_MS = 5000

/** A page whose engine was stopped for a new version that does not come goes on with what there is. */
const STOPPED_FOR_MS = 10_000
/** A page may ask whether it is really to be left: who stays is led away again. */
const LEAVING_MS = 5000

/** How often a page that stays open looks for a new version. */
const CHECK_INTERVAL_MS = 3_600_000
/** A page that is looked at again and again need not ask each time. */
const LEAST_INTERVAL_MS = 60_000

export interface OfflineOptions {
  /** The engine of this page. It is stopped before the page goes over to a new version: what executes is given back. */
  durably?: { stop(): Promise<void> } | undefined
  /** The service worker, relative to the document. Its folder is the site. Default: `sw.js`, or where the Vite plugin put it. */
  serviceWorkerUrl?: string | undefined
}

/** The site's life without a network, and its updates. */
export interface Offline {
  readonly status: OfflineStatus
  /**
   * Called with every change of `status`. Whoever listens is the one who tells the person of a new version: where no open page
   * has a listener, a new version takes over at once.
   */
  onStatus(listener: (status: OfflineStatus) => void): () => void
  /** Goes over to the version that waits: every open page stops its engine and is reloaded. */
  update(): Promise<void>
  /** Looks for a new version now. Rejects when the server can't be reached. */
  check(): Promise<void>
  /** Lets the browser ask the person to install the app; from a click, while `status.canInstall`. Whether it was accepted. */
  install(): Promise<boolean>
  /** Looks and listens no more. The service worker stays. */
  close(): void
}

/** Makes the site available offline, and keeps it up to date. Never throws: what goes wrong is told in `status`. */
export function createOffline(options: OfflineOptions = {}): Offline {
  return new ServiceWorkerOffline(options)
}

class ServiceWorkerOffline implements Offline {
  readonly #options: OfflineOptions
  readonly #listeners = new Set<(status: OfflineStatus) => void>()
  readonly #closing = new AbortController()
  readonly #prompt: InstallPrompt | null = null
  /** What each service worker said that it is. */
  readonly #hellos = new WeakMap<ServiceWorker, Hello>()
  #status = STARTING
  #url = ''
  #registration: ServiceWorkerRegistration | null = null
  /** From where this page came under the service worker: null as long as it has not. */
  #origin: 'loaded' | 'claimed' | null = null
  #checkedAt = -Infinity
  #leftAt = -Infinity
  #stopping: Promise<void> | null = null
  /** By how it was loaded, this page is of another version than the service worker. */
  #isOutdated = false
  #onListener: (() => void) | null = null

  constructor(options: OfflineOptions) {
    this.#options = options
    const url = options.serviceWorkerUrl ?? SERVICE_WORKER_URL
    if (url === '' || !isSupported()) {
      this.#status = UNSUPPORTED
      return
    }
    this.#url = new URL(url, document.baseURI).href
    this.#prompt = new InstallPrompt(
      () => this.#set({ canInstall: this.#prompt?.isThere === true }),
      this.#closing.signal,
    )
    if (this.#controller !== null) this.#origin = 'loaded'
    this.#listen()
    void this.#register()
  }

  get status(): OfflineStatus {
    return this.#status
  }

  onStatus(listener: (status: OfflineStatus) => void): () => void {
    this.#listeners.add(listener)
    this.#onListener?.()
    return () => this.#listeners.delete(listener)
  }

  async update(): Promise<void> {
    const waiting = this.#registration?.waiting
    if (waiting !== null && waiting !== undefined) post(waiting, { type: 'update' })
    // The page is of another version than the service worker that it has.
    else if (this.#status.update === 'available') await this.#reload()
  }

  async check(): Promise<void> {
    this.#checkedAt = performance.now()
    await this.#registration?.update()
  }

  async install(): Promise<boolean> {
    return (await this.#prompt?.show()) ?? false
  }

  close(): void {
    this.#closing.abort()
    this.#listeners.clear()
  }

  // ---------------------------------------------------------------- the service worker's life

  /** That of this site; a page may also be controlled by one of a folder above. */
  get #controller(): ServiceWorker | null {
    const { controller } = navigator.serviceWorker
    return controller?.scriptURL === this.#url ? controller : null
  }

  #listen(): void {
    const { signal } = this.#closing
    const { serviceWorker } = navigator
    serviceWorker.addEventListener('message', (event: MessageEvent<ToPage>) => this.#receive(event), {
      signal,
    })
    serviceWorker.addEventListener('controllerchange', () => void this.#onController(true), { signal })
    serviceWorker.startMessages()
    addEventListener('pageshow', (event) => event.persisted && this.#wake(), { signal })
    document.addEventListener('visibilitychange', () => document.hidden || this.#wake(), { signal })
    const timer = setInterval(() => this.#wake(), CHECK_INTERVAL_MS)
    signal.addEventListener('abort', () => clearInterval(timer))
  }

  async #register(): Promise<void> {
    // What the page itself needs goes before.
    if (document.readyState !== 'complete') {
      await new Promise((resolve) => addEventListener('load', resolve, { once: true }))
    }
    try {
      const registration = await navigator.serviceWorker.register(this.#url, { updateViaCache: 'none' })
      if (this.#closing.signal.aborted) return
      this.#checkedAt = performance.now()
      this.#registration = registration
      registration.addEventListener('updatefound', () => this.#follow(registration.installing), {
        signal: this.#closing.signal,
      })
      for (const worker of [registration.installing, registration.waiting, registration.active])
        this.#follow(worker)
      if (this.#controller !== null) await this.#join(this.#controller)
    } catch (error) {
      this.#refused(error)
    }
  }

  /** Private windows refuse; a site without a service worker has no script. */
  #refused(error: unknown): void {
    if (error instanceof DOMException && error.name === 'SecurityError') {
      this.#set({ state: 'unsupported' })
      return
    }
    const message = `The service worker could not be started: ${String(error)}`
    this.#set({ state: 'failed', error: { code: 'worker', message } })
  }

  #follow(worker: ServiceWorker | null): void {
    worker?.addEventListener('statechange', () => void this.#read(), { signal: this.#closing.signal })
    void this.#read()
  }

  /** What the browser has now is all that counts, in whatever order it told of it. */
  async #read(): Promise<void> {
    const registration = this.#registration
    if (registration === null) return
    const { installing, waiting, active } = registration
    const [newer, current] = await Promise.all([this.#hello(waiting), this.#hello(active)])
    if (registration.waiting !== waiting || registration.active !== active) return
    if (installing === null) this.#set({ percent: null })
    if (active === null) {
      if (installing !== null || waiting !== null) this.#set({ state: 'installing' })
      else this.#set({ state: this.#status.error === null ? 'unsupported' : 'failed' })
      return
    }
    if (current?.version === null) this.#set({ state: 'unsupported' })
    else this.#set({ state: 'ready' })
    // One that only removes others asks nobody.
    this.#tellUpdate(typeof newer?.version === 'string' && newer.version !== current?.version)
    if (waiting !== null && newer?.version === current?.version) post(waiting, { type: 'take-over' })
  }

  #tellUpdate(isWaiting: boolean): void {
    if (this.#stopping !== null) this.#set({ update: 'applying' })
    else if (isWaiting) this.#set({ update: 'available', error: null })
    else this.#set({ update: this.#isOutdated ? 'available' : 'none' })
  }

  async #onController(isNew: boolean): Promise<void> {
    const controller = this.#controller
    if (controller === null) return
    if (this.#origin === null) {
      this.#origin = 'claimed'
      await this.#join(controller)
      return
    }
    const hello = await this.#hello(controller)
    // One that only removes others reloads its pages itself.
    if (hello?.version === null) return
    const isAnother =
      hello !== null && this.#status.version !== null && hello.version !== this.#status.version
    const isUnknown = hello === null || this.#status.version === null
    if (isAnother || (isNew && isUnknown)) await this.#reload()
  }

  /** This page was loaded from the service worker, or has come under it. */
  async #join(controller: ServiceWorker): Promise<void> {
    const hello = await this.#hello(controller)
    if (typeof hello?.version !== 'string') return
    this.#isOutdated = hello.isOutdated
    this.#set({ version: hello.version })
    await this.#read()
    if (hello.isOutdated && (this.#origin === 'loaded' || isUntouched())) await this.#reload()
    else if (this.#origin === 'claimed' && isWorthReloading(hello.isolation)) await this.#reload()
  }

  async #hello(worker: ServiceWorker | null): Promise<Hello | null> {
    if (worker === null) return null
    const known = this.#hellos.get(worker)
    if (known !== undefined) return known
    // What was loaded from the service worker fits.
    const scripts =
      this.#origin === 'loaded' ? [] : [...document.scripts].map(({ src }) => src).filter(Boolean)
    const hello = await call<Hello>(worker, { type: 'hello', scripts } satisfies ToServiceWorker, HELLO_MS)
    if (hello !== null) this.#hellos.set(worker, hello)
    return hello
  }

  /** The page is looked at again, or was frozen, perhaps while another version came. */
  #wake(): void {
    void this.#onController(false)
    if (performance.now() - this.#checkedAt < LEAST_INTERVAL_MS) return
    this.check().catch(() => undefined)
  }

  async #reload(): Promise<void> {
    await this.#stop()
    this.#leave()
  }

  /** A page that is on its way out is told so again by what follows: that would begin its way anew. */
  #leave(): void {
    if (performance.now() - this.#leftAt < LEAVING_MS) return
    this.#leftAt = performance.now()
    location.reload()
  }

  #stop(): Promise<void> {
    this.#stopping ??= this.#options.durably?.stop() ?? Promise.resolve()
    this.#tellUpdate(true)
    return this.#stopping
  }

  // ---------------------------------------------------------------- messages

  #receive({ data, source, ports: [port] }: MessageEvent<ToPage>): void {
    if (!(source instanceof ServiceWorker) || source.scriptURL !== this.#url) return
    switch (data.type) {
      case 'ask':
        void this.#isListenedTo().then((asks) => port?.postMessage({ asks } satisfies Asked))
        return
      case 'stop':
        void this.#stop().then(() => port?.postMessage('stopped'))
        this.#reloadWithin(source)
        return
      case 'progress':
        // What is heard late is over.
        if (this.#registration?.installing !== null) this.#set({ percent: data.percent, error: null })
        return
      case 'failed':
        this.#set({ percent: null, error: data.error })
        void this.#read()
    }
  }

  /** Also where the page is not under the service worker, and hears of no other. */
  #reloadWithin(taker: ServiceWorker): void {
    taker.addEventListener('statechange', () => {
      // One that removes itself may be gone before it is active.
      if (taker.state === 'activated' || taker.state === 'redundant') this.#leave()
    })
    setTimeout(() => this.#leave(), STOPPED_FOR_MS)
  }

  async #isListenedTo(): Promise<boolean> {
    if (this.#listeners.size === 0) {
      await new Promise<void>((resolve) => {
        this.#onListener = resolve
        setTimeout(resolve, LISTENER_MS)
      })
    }
    return this.#listeners.size > 0
  }

  #set(change: Partial<OfflineStatus>): void {
    const isNews = Object.entries(change).some(
      ([name, value]) => this.#status[name as keyof OfflineStatus] !== value,
    )
    if (!isNews) return
    this.#status = { ...this.#status, ...change }
    for (const listener of [...this.#listeners]) guarded(() => listener(this.#status))
  }
}

/** Rendered on a server, too, there is none. */
function isSupported(): boolean {
  return typeof navigator !== 'undefined' && 'serviceWorker' in navigator && isSecureContext
}

function post(worker: ServiceWorker, message: ToServiceWorker): void {
  worker.postMessage(message)
}
