import { abortable } from '../abort'
import { CLOSED, DurablyError, notJson } from '../errors'
import {
  BOOTING,
  CANCELS,
  STORAGE_OPERATIONS,
  type EngineEvent,
  type EngineStatus,
  type EventFilter,
  type JobInfo,
  type Limit,
  type OperationName,
  type Operations,
  type RequestMessage,
  type ResponseMessage,
  type StorageKind,
  type WireError,
} from '../protocol'
import { Subscribers } from '../subscribers'
import { TabChannel } from '../tabs/channel'
import { Follower, type Leader } from '../tabs/follower'
import { LeaderDesk } from '../tabs/leader-desk'
import { Succession } from '../tabs/succession'
import type { EventListener, RequestOptions, Transport } from '../transport'
import { EngineWorker, type EngineMessage } from './engine-worker'
import { Outbox } from './outbox'
import { REPEATABLE_MS, Requests } from './requests'
import { Stopper } from './stopper'

/** Where `durably/vite` put the runtime; nothing defines it elsewhere. */
declare const __DURABLY_RUNTIME_URL__: string | undefined
const RUNTIME_URL = typeof __DURABLY_RUNTIME_URL__ === 'string' ? __DURABLY_RUNTIME_URL__ : 'durably/'

export interface BrowserOptions {
  /** Folder that holds the Python runtime; relative to the document. Default: `durably/`, or where the Vite plugin put it. */
  runtimeUrl?: string | undefined
  /** Name of the database; letters, digits, `-` and `_`. Default: `main`. */
  database?: string | undefined
  /**
   * Where the database is kept: `opfs`, on this device (the default), or `memory`, until the page is
   * left or its worker ends. There is no falling back from the one to the other.
   */
  storage?: StorageKind | undefined
  /** Ask the browser, after the first trigger, never to delete the data by itself. Default: true. */
  persist?: boolean | undefined
  /**
   * `many` (the default): one tab has the engine, the others ask it, and one of them takes over when it goes. `single`: the
   * others wait, and say so.
   */
  tabs?: 'many' | 'single' | undefined
  /**
   * What a tab does while another one has the engine. `cold` (the default): nothing. `warm`: Python is up already and waits, so that
   * taking over takes a tenth of a second, for more than 100 MB of memory in each tab.
   */
  standby?: 'cold' | 'warm' | undefined
  /**
   * Keep Python's memory on this device, about 40 MB, made when nothing else is going on after the first visit: the engine
   * starts in half the time then. Default: true.
   */
  snapshot?: boolean | undefined
  /**
   * Bytes of memory that Python may keep. A job that holds more at once makes it grow, and it never shrinks: the engine's worker
   * is then replaced by a fresh one, at a moment in which no run executes. Default: 256 MiB; `Infinity`: never.
   */
  memoryBudget?: number | undefined
  /** Starts the engine’s worker: for a page that has its script elsewhere than a bundler would put it. */
  worker?: (() => Worker) | undefined
}

const MEMORY_BUDGET = 256 * 1024 * 1024

/** A worker that takes the place of another one is not told of while it starts, unless that takes longer. */
const QUIET_MS = 3000

/** After these there is something worth keeping. */
const TRIGGERS: ReadonlySet<OperationName> = new Set(['trigger', 'batchTrigger', 'importDatabase'])

/** What must not be lost with a page that is left before its engine has started. */
const KEPT: ReadonlySet<OperationName> = new Set(['trigger', 'batchTrigger'])

/** The tabs of the same database, as this one sees them. */
interface Tabs {
  channel: TabChannel
  follower: Follower
  desk: LeaderDesk
}

/** Talks to the engine in this browser: in a worker of this page, or in another tab that leads. */
export class BrowserTransport implements Transport {
  readonly #options: ReturnType<typeof checked>
  readonly #worker: EngineWorker
  readonly #requests = new Requests()
  readonly #subscribers = new Subscribers()
  readonly #outbox: Outbox
  /** What the runtime says of its jobs before the engine can. */
  #jobs: readonly JobInfo[] | null = null
  #tabs: Tabs | null = null
  #onStatus: ((status: EngineStatus) => void) | null = null
  #status: EngineStatus = BOOTING
  /** What this page's own worker said last; counted by its starts. */
  #own = BOOTING
  #start = 0
  /** While a worker is replaced: what the new one has said last, which is nobody's business yet. */
  #unsaid: { status: EngineStatus; timer: ReturnType<typeof setTimeout> } | null = null
  readonly #succession = new Succession({
    ask: (how) => this.#tabs?.follower.askToLead(how),
    warmUp: () => this.#worker.warmUp(),
  })
  readonly #stopper = new Stopper({
    interrupt: (runIds) => this.#worker.interrupt(runIds),
    replace: (overdue) => {
      // What is in memory would be lost with the worker.
      if (this.#options.storage === 'memory') return
      this.#tabs?.desk.reserve()
      this.#worker.replace(overdue)
    },
  })
  #isSilent = false
  /** A tab of another version of this page has been heard. */
  #hasForeign = false
  /** Who is asked: a start of the own worker, or a tab. */
  #peer = ''
  /** The engine that is heard: another one has told things that were missed. */
  #engine = ''
  /** Closed, or failed for good: of another tab's engine an error may be told, too. */
  #isOver = false
  #hasSomething = false
  #hasAskedToPersist = false

  constructor(options: BrowserOptions = {}) {
    this.#options = checked(options)
    this.#outbox = new Outbox(this.#options.database)
    this.#worker = new EngineWorker(this.#options, {
      started: (start, isRecycled) => this.#onStart(start, isRecycled),
      recycling: () => this.#tabs?.desk.reserve(),
      found: ({ jobs }) => {
        this.#jobs = jobs ?? null
        this.#send()
      },
      received: (message) => this.#receive(message),
      failed: (error) => this.#fail(error),
    })
    // Rendered on a server: this client is replaced by the browser's own, and nobody asks it anything.
    if (typeof Worker === 'undefined') return
    if (!isSecureContext) {
      this.#status = { ...this.#status, state: 'failed', error: INSECURE }
      return
    }
    this.#open()
    addEventListener('pagehide', this.#onPageHide)
    addEventListener('pageshow', this.#onPageShow)
    document.addEventListener('freeze', this.#onFreeze)
    document.addEventListener('resume', this.#onResume)
    document.addEventListener('visibilitychange', this.#onVisibility)
  }

  get status(): EngineStatus {
    return this.#status
  }

  connect(listener: (status: EngineStatus) => void): void {
    this.#onStatus = listener
  }

  subscribe(filter: EventFilter, listener: EventListener): () => void {
    const subscriber = this.#subscribers.add(filter, listener)
    queueMicrotask(() => this.#subscribers.open('new'))
    return () => this.#subscribers.delete(subscriber)
  }

  request<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['in'],
    { file, signal }: RequestOptions = {},
  ): Promise<Operations[Name]['out']> {
    if (typeof Worker === 'undefined') return Promise.reject(new DurablyError(NO_BROWSER))
    if (!this.#canAnswer(operation) && this.#status.error !== null) {
      return Promise.reject(new DurablyError(this.#status.error))
    }
    let text: string
    try {
      text = JSON.stringify(body)
    } catch (error) {
      return Promise.reject(new DurablyError(notJson(error)))
    }
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    const { id, command, answer } = this.#requests.add<Operations[Name]['out']>(operation, text, file)
    const settled = this.#keep(operation, command, text)
    answer.then(settled, settled)
    this.#send()
    // What waits for the engine is not sent at all then.
    return abortable(answer, signal, () => {
      settled()
      this.#requests.forget(id)
      this.#stopper.answered(id)
    })
  }

  /** Where no engine can answer yet, the request is kept on disk until it is settled. */
  #keep(operation: OperationName, command: string, body: string): () => void {
    if (!KEPT.has(operation) || this.#options.storage !== 'opfs' || this.#status.state === 'ready') {
      return () => undefined
    }
    const mayBeSentAt = this.#status.phase === 'engine' ? Date.now() : null
    const kept = this.#outbox.keep({ command, operation, body, mayBeSentAt })
    // Where it can't be kept it is as good as any other request: it lives as long as the page.
    kept.catch((error: unknown) => console.warn('A trigger could not be kept beforehand.', error))
    return () => void kept.then(() => this.#outbox.delete(command)).catch(() => undefined)
  }

  /** What pages asked for that were gone before they had an answer. */
  async #sendKept(): Promise<void> {
    const now = Date.now()
    for (const { command, operation, body, mayBeSentAt } of await this.#outbox.send(now)) {
      if (this.#requests.has(command)) continue
      if (mayBeSentAt !== null && now - mayBeSentAt > REPEATABLE_MS) {
        // Whether it was carried out is not known any more: not twice is what is promised.
        console.warn('A trigger of long ago is not sent again: it may have been carried out.', body)
        await this.#outbox.delete(command)
        continue
      }
      const { answer } = this.#requests.add(operation, body, undefined, command)
      answer
        .catch((error: unknown) => console.warn('A trigger of an earlier visit was refused.', body, error))
        .finally(() => void this.#outbox.delete(command).catch(() => undefined))
    }
    this.#send()
  }

  close(): void {
    if (typeof Worker === 'undefined' || this.#status.state === 'closed') return
    removeEventListener('pagehide', this.#onPageHide)
    removeEventListener('pageshow', this.#onPageShow)
    document.removeEventListener('freeze', this.#onFreeze)
    document.removeEventListener('resume', this.#onResume)
    document.removeEventListener('visibilitychange', this.#onVisibility)
    this.#end({ ...this.#status, state: 'closed', error: CLOSED })
    this.#subscribers.failed(new DurablyError(CLOSED), 'all')
  }

  async stop(): Promise<void> {
    // One that is still booting has nothing to give back, and another tab's is not ours to stop.
    const stopped = this.#isLeading && this.#status.state === 'ready' ? this.#worker.stop() : undefined
    this.close()
    await stopped
  }

  takeOver(): Promise<void> {
    const { error, blocker } = this.#status
    const refusal = error ?? (blocker?.code === ANOTHER_TAB.code ? null : blocker)
    if (refusal !== null) return Promise.reject(new DurablyError(refusal))
    return this.#succession.takeOver()
  }

  // ---------------------------------------------------------------- this page's life

  #open(): void {
    // What is in memory is this page's alone.
    if (this.#options.storage === 'opfs') this.#tabs = this.#meetTabs()
    this.#worker.start()
  }

  #leave(): void {
    this.#worker.end()
    this.#takeUnsaid()
    this.#stopper.reset()
    // Who asked through this tab asks elsewhere, by itself.
    this.#requests.dropForwarded()
    this.#isSilent = false
    this.#tabs?.follower.stop()
    this.#tabs?.channel.close()
    this.#tabs = null
  }

  // A page in the back/forward cache must hold neither lock nor file handles.
  readonly #onPageHide = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#leave()
  }

  readonly #onPageShow = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#comeBack()
  }

  // A suspended one must not either, nor be given the lock while it sleeps: the other tabs would wait for it.
  readonly #onFreeze = (): void => {
    // What is in memory has neither lock nor handles, and would be lost.
    if (this.#options.storage === 'opfs') this.#leave()
  }

  readonly #onResume = (): void => this.#comeBack()

  #comeBack(): void {
    if (!this.#worker.isThere && !this.#isOver) this.#open()
  }

  readonly #onVisibility = (): void => {
    if (this.#isLeading) this.#tabs?.desk.announce()
    this.#look()
  }

  // ---------------------------------------------------------------- who has the engine

  get #isLeading(): boolean {
    return this.#own.role === 'leader'
  }

  /** The tab that is asked; null: this page's own worker is. */
  get #leader(): Leader | null {
    return this.#isLeading ? null : (this.#tabs?.follower.leader ?? null)
  }

  #meetTabs(): Tabs {
    const channel = new TabChannel(
      this.#options.database,
      (from, message) => {
        // While this tab's worker is started anew, nobody else has heard that it does not lead at the moment.
        const isForDesk = this.#isLeading || (message.type === 'request' && follower.leader === null)
        if (isForDesk) desk.hear(from, message)
        else follower.hear(from, message)
      },
      () => this.#meetForeign(),
    )
    const follower = new Follower(channel, {
      changed: () => this.#refresh(),
      responded: (response) => this.#settle(response),
      happened: (body) => this.#options.tabs === 'many' && this.#hear(body),
      silent: (isSilent) => {
        this.#isSilent = isSilent
        this.#refresh()
      },
      reserved: () => this.#worker.standAside(),
      kept: () => this.#succession.kept(),
    })
    const desk = new LeaderDesk(channel, {
      status: () => this.#own,
      serve: (request) => this.#serve(request),
      handOver: (how) => this.#worker.leave(how),
    })
    return { channel, follower, desk }
  }

  /** It looks for the one that leads, or leads itself: each learns of the other, and that is all they share. */
  #meetForeign(): void {
    this.#hasForeign = true
    if (this.#isLeading) this.#tabs?.desk.announce()
    else this.#refresh()
  }

  /** What keeps this page from an engine. */
  get #blocker(): WireError | null {
    if (this.#leader !== null && this.#options.tabs === 'single') return ANOTHER_TAB
    if (!this.#isSilent) return null
    if (this.#leader !== null) return SUSPENDED
    // Nobody answers, and yet someone has the lock.
    const isLocked = this.#own.state === 'waiting' && this.#own.phase === 'lock'
    return isLocked ? (this.#hasForeign ? OTHER_VERSION : SUSPENDED) : null
  }

  #onStart(start: number, isRecycled: boolean): void {
    this.#start = start
    this.#takeUnsaid()
    const booting = { ...BOOTING, epoch: start }
    if (isRecycled) {
      // What is asked meanwhile waits in the new worker.
      this.#own = { ...this.#own, epoch: start }
      this.#unsaid = { status: booting, timer: setTimeout(() => this.#speak(), QUIET_MS) }
    } else this.#own = booting
    this.#succession.cold()
    this.#stopper.reset()
    if (isRecycled) this.#tabs?.desk.announce()
    else this.#tabs?.follower.look()
    this.#refresh()
  }

  #takeUnsaid(): EngineStatus | null {
    const unsaid = this.#unsaid
    this.#unsaid = null
    if (unsaid !== null) clearTimeout(unsaid.timer)
    return unsaid?.status ?? null
  }

  /** Tells how it really is. */
  #speak(): void {
    const status = this.#takeUnsaid()
    if (status === null) return
    if (status.role !== 'leader') {
      // Another tab was quicker.
      this.#own = status
      this.#tabs?.follower.look()
    }
    this.#follow(status)
  }

  /** Whether the engine should be in this tab, or is. */
  #look(): void {
    const leader = this.#leader
    this.#succession.see({
      isLeading: this.#isLeading && this.#own.state === 'ready',
      leader: leader?.status.state === 'ready' ? leader : null,
      mayAttract: !document.hidden && this.#options.tabs === 'many',
    })
  }

  /** The status is that of the engine that is asked. */
  #refresh(): void {
    if (this.#isOver) return
    const leader = this.#leader
    const peer = leader === null ? `own ${this.#start}` : leader.tab
    const isFollowing = leader !== null && this.#options.tabs === 'many'
    const blocker = this.#isLeading ? null : this.#blocker
    const heard: EngineStatus = isFollowing ? { ...leader.status, role: 'follower' } : this.#own
    const status = blocker === null ? heard : { ...heard, state: 'waiting' as const, blocker }
    const engine = `${peer} ${isFollowing ? leader.status.epoch : this.#own.epoch}`
    if (peer !== this.#peer) {
      this.#requests.engineLost({ isLeading: leader === null })
      this.#peer = peer
    }
    const isAnew = engine !== this.#engine
    this.#engine = engine
    this.#setStatus({ ...status, epoch: this.#status.epoch + (isAnew ? 1 : 0) }, isAnew)
    this.#look()
  }

  // ---------------------------------------------------------------- messages

  /** Whether there is someone to answer now. Storage is looked after also when the engine could not be started. */
  #canAnswer(operation: OperationName): boolean {
    const { state } = this.#status
    if (!this.#worker.isThere) return false
    // An engine that starts is told before it begins a run.
    if (state === 'starting' && CANCELS.has(operation)) return this.#isLeading || this.#leader !== null
    return state === 'ready' || (state === 'failed' && isStorageOperation(operation))
  }

  #send(): void {
    // A page shows its jobs, and takes triggers, while Python is still on its way.
    if (this.#jobs !== null && this.#status.state === 'starting') {
      this.#requests.answer('jobs', JSON.stringify(this.#jobs))
    }
    this.#requests.send(
      (request) => {
        if (this.#leader === null) this.#ask(request)
        else this.#tabs?.follower.ask(request)
      },
      (operation) => this.#canAnswer(operation),
    )
  }

  #ask(request: RequestMessage): void {
    this.#worker.post(request)
    this.#stopper.asked(request)
  }

  /** What another tab asks for. */
  #serve(request: RequestMessage): Promise<ResponseMessage | null> {
    const answer = this.#requests.forward(request)
    this.#send()
    return answer
  }

  #receive(message: EngineMessage): void {
    switch (message.type) {
      case 'status':
        this.#follow(message.status)
        return
      case 'response':
        this.#stopper.answered(message.id)
        this.#settle(message)
        return
      case 'limit':
        this.#stopper.limit(JSON.parse(message.body) as Limit)
        return
      case 'warm':
        this.#succession.warm()
        return
      case 'kept':
        this.#tabs?.desk.kept()
        return
      case 'events':
        this.#tabs?.desk.happened(message.body)
        this.#stopper.happened(this.#hear(message.body))
    }
  }

  #hear(body: string): readonly EngineEvent[] {
    const events = JSON.parse(body) as EngineEvent[]
    if (events.some(({ type }) => type === 'step:complete' || type === 'run:complete'))
      this.#worker.hasProgressed()
    this.#subscribers.events(events)
    return events
  }

  #settle(response: ResponseMessage): void {
    const done = this.#requests.settle(response)
    if (done === null || !TRIGGERS.has(done)) return
    this.#hasSomething = true
    this.#askToPersist().catch(() => undefined)
  }

  async #askToPersist(): Promise<void> {
    const { storage } = this.#status
    if (!this.#hasSomething || this.#hasAskedToPersist || !this.#options.persist || storage?.kind !== 'opfs')
      return
    this.#hasAskedToPersist = true
    if (storage.isPersisted) return
    await navigator.storage.persist()
    await this.request('storage', {})
  }

  /** Of the own worker. */
  #follow(status: EngineStatus): void {
    if (this.#unsaid !== null) {
      this.#unsaid.status = status
      // Also where it waits for the files: the worker before it has just let go of them.
      if (status.state === 'ready' || status.state === 'failed') this.#speak()
      return
    }
    if (status.error !== null && status.phase !== 'engine') {
      this.#fail(status.error)
      return
    }
    if (status.error !== null && this.#own.error === null)
      this.#requests.rejectAll(status.error, (operation) => !isStorageOperation(operation))
    const wasReady = this.#own.state === 'ready'
    this.#own = status
    if (this.#isLeading && this.#options.storage === 'opfs') {
      // What was asked for until now is sent as soon as the engine is ready.
      if (status.phase === 'engine') this.#outbox.send(Date.now()).catch(() => undefined)
      else if (status.state === 'ready' && !wasReady) this.#sendKept().catch(() => undefined)
    }
    if (this.#isLeading) {
      this.#isSilent = false
      this.#tabs?.follower.stop()
      this.#tabs?.desk.announce()
    }
    this.#refresh()
  }

  #fail(error: WireError): void {
    this.#end({ ...this.#status, state: 'failed', error })
  }

  #end(status: EngineStatus & { error: WireError }): void {
    this.#isOver = true
    this.#leave()
    this.#requests.rejectAll(status.error)
    this.#succession.end(new DurablyError(status.error))
    this.#setStatus(status, false)
  }

  #setStatus(status: EngineStatus, isAnew: boolean): void {
    this.#status = status
    // Before listeners hear of it: what they ask for is sent once, by `request`.
    this.#send()
    this.#onStatus?.(status)
    this.#askToPersist().catch(() => undefined)
    // The engine that was there before may have told things that were lost with it.
    if (isAnew) this.#subscribers.open('all')
  }
}

/** What is given as `undefined` is not given. */
function checked({
  runtimeUrl = RUNTIME_URL,
  database = 'main',
  storage = 'opfs',
  persist = true,
  tabs = 'many',
  standby = 'cold',
  snapshot = true,
  memoryBudget = MEMORY_BUDGET,
  worker = startWorker,
}: BrowserOptions) {
  if (!/^[\w-]{1,64}$/.test(database)) {
    const name = JSON.stringify(database)
    throw invalid(`The database name ${name} must be 1 to 64 letters, digits, "-" or "_".`)
  }
  // Checked where types are not: what is neither must not be taken for memory, which forgets.
  if (!['opfs', 'memory'].includes(storage)) {
    throw invalid(`The storage ${JSON.stringify(storage)} must be "opfs" or "memory".`)
  }
  if (!['many', 'single'].includes(tabs)) {
    throw invalid(`The option tabs ${JSON.stringify(tabs)} must be "many" or "single".`)
  }
  if (!['cold', 'warm'].includes(standby)) {
    throw invalid(`The option standby ${JSON.stringify(standby)} must be "cold" or "warm".`)
  }
  if (typeof memoryBudget !== 'number' || !(memoryBudget > 0)) {
    throw invalid(
      `The option memoryBudget ${JSON.stringify(memoryBudget)} must be a number of bytes, or Infinity.`,
    )
  }
  return {
    runtimeUrl: absolute(runtimeUrl),
    database,
    storage,
    persist,
    tabs,
    standby,
    snapshot,
    memoryBudget,
    worker,
  }
}

/** Of a folder, also where the slash is missing. */
function absolute(url: string): string {
  const folder = url.replace(/\/*$/, '/')
  return typeof document === 'undefined' ? folder : new URL(folder, document.baseURI).href
}

function startWorker(): Worker {
  return new Worker(new URL('../worker/entry.ts', import.meta.url), { type: 'module', name: 'durably' })
}

function invalid(message: string): DurablyError {
  return new DurablyError({ code: 'validation', status: 400, message })
}

function isStorageOperation(operation: OperationName): boolean {
  return STORAGE_OPERATIONS.some((each) => each === operation)
}

const INSECURE: WireError = {
  code: 'storage_unavailable',
  status: 503,
  message:
    'Browsers keep a database only for pages that come over https or from localhost. Open the page there.',
}

const NO_BROWSER: WireError = {
  code: 'unsupported',
  status: 501,
  message: 'The engine runs in a browser. While a page is rendered on a server it can’t be asked anything.',
}

const ANOTHER_TAB: WireError = {
  code: 'another_tab',
  status: 503,
  message:
    'The engine runs in another tab. This one takes over when that is closed, or when you choose to have it here.',
}

const SUSPENDED: WireError = {
  code: 'suspended_tab',
  status: 503,
  message:
    'The engine is in another tab, which the browser has suspended. Switch to that tab, or close it: this one takes over then.',
}

const OTHER_VERSION: WireError = {
  code: 'other_version',
  status: 503,
  message:
    'The engine is in a tab with another version of this page. Reload that tab, or close it: this one takes over then.',
}
