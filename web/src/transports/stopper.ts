import {
  CANCELS,
  STORAGE_OPERATIONS,
  type EngineEvent,
  type Limit,
  type OperationName,
  type Operations,
  type Overdue,
  type RequestMessage,
} from '../protocol'

export interface StopperHooks {
  /** Has the code of these runs stop in the middle of what it computes. */
  interrupt: (runIds: readonly string[]) => void
  /** Ends the worker, and with it what it executes. What is overdue fails, the rest goes on. */
  replace: (overdue: readonly Overdue[]) => void
}

/** A worker that has not heard a cancel within this computes. */
const INTERRUPT_AFTER_MS = 100
/** So long code may take to stop that keeps its worker from hearing anything. */
const GRACE_MS = 2000
/** The same where it may be another's code that does, or a query: its work would be lost for nothing. */
const GRACE_BESIDE_OTHERS_MS = 10_000
/** After this the engine itself says of code that it was told and does not stop, if it can say anything. */
const ENGINES_GRACE_MS = 5000
/** A timer that is set to more fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** They keep the engine from hearing anything, though no job's code computes. */
const LONG: ReadonlySet<OperationName> = new Set(['query', ...STORAGE_OPERATIONS])

type Timer = ReturnType<typeof setTimeout>

interface Cancel {
  runIds: readonly string[]
  timer: Timer
}

interface Limited {
  limit: Limit
  isOver: boolean
  timer: Timer
}

/** Sees to it that code stops in this page's worker: it is told, then interrupted, then ended with the worker. */
export class Stopper {
  readonly #hooks: StopperHooks
  /** Not answered yet, by the numbers of their requests. */
  readonly #cancels = new Map<number, Cancel>()
  readonly #long = new Set<number>()
  readonly #executing = new Set<string>()
  readonly #limited = new Map<string, Limited>()

  constructor(hooks: StopperHooks) {
    this.#hooks = hooks
  }

  /** The worker was asked for something. */
  asked({ id, operation, body }: RequestMessage): void {
    if (LONG.has(operation)) this.#long.add(id)
    if (!CANCELS.has(operation)) return
    const asked = JSON.parse(body) as Partial<Operations['cancel']['in'] & Operations['cancelRuns']['in']>
    const runIds = asked.runIds ?? [asked.runId ?? '']
    this.#cancels.set(id, { runIds, timer: setTimeout(() => this.#interrupt(id), INTERRUPT_AFTER_MS) })
  }

  /** It has answered, or is not waited for any more. */
  answered(id: number): void {
    this.#long.delete(id)
    const cancel = this.#cancels.get(id)
    if (cancel === undefined) return
    clearTimeout(cancel.timer)
    this.#cancels.delete(id)
    this.#hooks.interrupt(this.#asked)
  }

  happened(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.type === 'run:leased') this.#executing.add(event.runId)
      else if (ENDS.has(event.type) && 'runId' in event && event.runId !== null)
        this.#executing.delete(event.runId)
      else if (event.type === 'worker:error' && event.code === 'not_stopping') this.#replace(event.runId)
    }
  }

  limit(limit: Limit): void {
    const key = `${limit.runId} ${limit.stepName ?? ''}`
    clearTimeout(this.#limited.get(key)?.timer)
    this.#limited.delete(key)
    if (limit.state === 'ended') return
    const isOver = limit.state === 'heard'
    // In two parts: a machine that slept over the first one has not let the code hear of its end either.
    const until = isOver ? ENGINES_GRACE_MS : Math.min(limit.timeoutMs, LONGEST_TIMER_MS)
    const timer = setTimeout(() => this.#overrun(key), until)
    this.#limited.set(key, { limit, isOver, timer })
  }

  /** Another worker: what this one was asked is asked again. */
  reset(): void {
    for (const { timer } of [...this.#cancels.values(), ...this.#limited.values()]) clearTimeout(timer)
    this.#cancels.clear()
    this.#long.clear()
    this.#executing.clear()
    this.#limited.clear()
  }

  get #asked(): string[] {
    return [...this.#cancels.values()].flatMap(({ runIds }) => runIds)
  }

  #interrupt(id: number): void {
    const cancel = this.#cancels.get(id)
    if (cancel === undefined) return
    this.#hooks.interrupt(this.#asked)
    const { runIds } = cancel
    this.#afterGrace(runIds, cancel, () => {
      if (runIds.some((runId) => this.#executing.has(runId))) this.#hooks.replace([])
    })
  }

  #overrun(key: string): void {
    const limited = this.#limited.get(key)
    if (limited === undefined) return
    limited.isOver = true
    const { runId } = limited.limit
    this.#afterGrace([runId], limited, () => this.#replace(runId))
  }

  /** Again and again, until it is answered: what computes then may be another run than now. */
  #afterGrace(runIds: readonly string[], waiting: { timer: Timer }, end: () => void): void {
    const began = performance.now()
    const look = (): void => {
      waiting.timer = setTimeout(look, GRACE_MS)
      const isAlone = this.#long.size === 0 && [...this.#executing].every((runId) => runIds.includes(runId))
      if (isAlone || performance.now() - began >= GRACE_BESIDE_OTHERS_MS) end()
    }
    waiting.timer = setTimeout(look, GRACE_MS)
  }

  /** `runId`: the run whose code does not stop, though its time is over or it is cancelled. */
  #replace(runId: string | null): void {
    const over = [...this.#limited.values()].filter(({ limit, isOver }) => isOver && limit.runId === runId)
    // The step's error, where both are over.
    const first = over.find(({ limit }) => limit.stepName !== null) ?? over[0]
    this.#hooks.replace(first === undefined ? [] : [first.limit])
  }
}

const ENDS: ReadonlySet<EngineEvent['type']> = new Set([
  'run:complete',
  'run:fail',
  'run:stop',
  'run:requeue',
  'run:delete',
])
