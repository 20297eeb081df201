import {
  CANCELS,
  type EngineEvent,
  type Limit,
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

/** One that is set to more fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

interface Cancel {
  runIds: readonly string[]
  timer: ReturnType<typeof setTimeout>
}

interface Limited {
  limit: Limit
  timer: ReturnType<typeof setTimeout> | null
}

/** Sees to it that code stops in this page's worker: it is told, then interrupted, then ended with the worker. */
export class Stopper {
  readonly #hooks: StopperHooks
  /** Not answered yet, by the numbers of their requests. */
  readonly #cancels = new Map<number, Cancel>()
  readonly #executing = new Set<string>()
  readonly #limited = new Map<string, Limited>()

  constructor(hooks: StopperHooks) {
    this.#hooks = hooks
  }

  /** The worker was asked for something. */
  asked({ id, operation, body }: RequestMessage): void {
    if (!CANCELS.has(operation)) return
    const asked = JSON.parse(body) as Partial<Operations['cancel']['in'] & Operations['cancelRuns']['in']>
    const runIds = asked.runIds ?? [asked.runId ?? '']
    this.#cancels.set(id, { runIds, timer: setTimeout(() => this.#interrupt(id), INTERRUPT_AFTER_MS) })
  }

  /** It has answered, or is not waited for any more. */
  answered(id: number): void {
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
    const known = this.#limited.get(key)
    if (known !== undefined && known.timer !== null) clearTimeout(known.timer)
    this.#limited.delete(key)
    if (limit.state === 'ended') return
    // Once it is told, the engine says itself whether it stops.
    const until = Math.min(limit.timeoutMs + GRACE_MS, LONGEST_TIMER_MS)
    const timer = limit.state === 'heard' ? null : setTimeout(() => this.#replace(limit.runId), until)
    this.#limited.set(key, { limit, timer })
  }

  /** Another worker: what this one was asked is asked again. */
  reset(): void {
    for (const { timer } of [...this.#cancels.values(), ...this.#limited.values()]) {
      if (timer !== null) clearTimeout(timer)
    }
    this.#cancels.clear()
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
    cancel.timer = setTimeout(() => this.#giveUp(cancel), GRACE_MS)
  }

  #giveUp({ runIds }: Cancel): void {
    // Where others compute, they are let finish: they are not to be cancelled.
    if (runIds.some((runId) => this.#executing.has(runId))) this.#hooks.replace([])
  }

  /** `runId`: the run whose code does not stop, though its time is over or it is cancelled. */
  #replace(runId: string | null): void {
    const limits = [...this.#limited.values()]
      .map(({ limit }) => limit)
      .filter((limit) => limit.runId === runId)
    // The step's error, where both are over.
    const [first] = limits.toSorted(
      (one, other) => Number(one.stepName === null) - Number(other.stepName === null),
    )
    this.#hooks.replace(first === undefined ? [] : [first])
  }
}

const ENDS: ReadonlySet<EngineEvent['type']> = new Set([
  'run:complete',
  'run:fail',
  'run:stop',
  'run:requeue',
  'run:delete',
])
