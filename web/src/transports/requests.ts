import { DurablyError, wireOf } from '../errors'
import type { OperationName, RequestMessage, ResponseMessage, WireError } from '../protocol'

interface Waiting {
  message: RequestMessage
  /** To the engine of this moment. */
  isSent: boolean
  askedAt: number
  /** Of another tab, which asks elsewhere by itself when this one does not lead any more. */
  drop?: () => void
  resolve: (response: ResponseMessage) => void
  reject: (error: DurablyError) => void
}

type Settle = Pick<Waiting, 'resolve' | 'reject' | 'drop'>

/** They change nothing: another engine is simply asked again. */
const READS: readonly OperationName[] = [
  'jobs',
  'getRun',
  'countRuns',
  'getStats',
  'getEvents',
  'query',
  'getRuns',
  'getSteps',
  'getLogs',
  'getRetriggers',
  'storage',
  'exportDatabase',
  'exportSetAside',
]

/** The engine carries each of them out once, however often it is asked. */
const COMMANDS: readonly OperationName[] = [
  'trigger',
  'batchTrigger',
  'cancel',
  'retrigger',
  'deleteRun',
  'cancelRuns',
  'retriggerRuns',
  'deleteRuns',
  'purgeRuns',
]

const REPEATABLE: ReadonlySet<OperationName> = new Set([...READS, ...COMMANDS])

/** Half of the time for which the engine remembers commands (`RETAIN_COMMANDS_MS`): a page may have slept over it. */
export const REPEATABLE_MS = 43_200_000

/** Requests without an answer yet, whichever engine is asked. */
export class Requests {
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** `id` names the request until it is answered. `again`: the command that it is, where it was asked for before. */
  add<Answer>(
    operation: OperationName,
    body: string,
    file?: Blob,
    again?: string,
  ): { id: number; command: string; answer: Promise<Answer> } {
    const command = again ?? newCommand()
    const asked = {
      type: 'request',
      command,
      isRepeated: again !== undefined,
      operation,
      body,
      file,
    } as const
    let id = 0
    const answer = new Promise<Answer>((resolve, reject) => {
      const read = ({ ok, body, files }: ResponseMessage): void => {
        const value: unknown = files ?? JSON.parse(body)
        if (ok) resolve(value as Answer)
        else reject(new DurablyError(value as WireError))
      }
      id = this.#wait(asked, { resolve: read, reject })
    })
    return { id, command, answer }
  }

  has(command: string): boolean {
    return [...this.#waiting.values()].some(({ message }) => message.command === command)
  }

  /** What another tab asks for. The answer is to be passed on as it is; null: that tab asks elsewhere. */
  forward(request: RequestMessage): Promise<ResponseMessage | null> {
    return new Promise((resolve) => {
      const reject = (error: DurablyError): void => resolve(refusal(request.id, wireOf(error)))
      this.#wait(request, { resolve, reject, drop: () => resolve(null) })
    })
  }

  #wait(asked: Omit<RequestMessage, 'id'>, settle: Settle): number {
    const id = ++this.#lastId
    const message = { ...asked, id }
    this.#waiting.set(id, { message, isSent: false, askedAt: Date.now(), ...settle })
    return id
  }

  /** An answer that still comes finds no one. */
  forget(id: number): void {
    this.#waiting.delete(id)
  }

  /** Sends what the engine of this moment has not been asked yet, and can answer. */
  send(post: (message: RequestMessage) => void, canAnswer: (operation: OperationName) => boolean): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.isSent || !canAnswer(waiting.message.operation)) continue
      waiting.isSent = true
      post(waiting.message)
    }
  }

  /** Returns what was asked for, if it was done. */
  settle(response: ResponseMessage): OperationName | null {
    const waiting = this.#waiting.get(response.id)
    if (waiting === undefined) return null
    this.#waiting.delete(response.id)
    waiting.resolve(response)
    return response.ok ? waiting.message.operation : null
  }

  /** Answers what needs no engine. */
  answer(operation: OperationName, body: string): void {
    for (const [id, { message, isSent }] of this.#waiting) {
      if (!isSent && message.operation === operation) this.settle({ type: 'response', id, ok: true, body })
    }
  }

  /** The engine that was asked is gone: what it did not answer, it may have carried out all the same. */
  engineLost({ isLeading }: { isLeading: boolean }): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.drop !== undefined && !isLeading) {
        this.#waiting.delete(id)
        waiting.drop()
        continue
      }
      if (!waiting.isSent) continue
      waiting.isSent = false
      waiting.message.isRepeated = true
      const isOld = Date.now() - waiting.askedAt > REPEATABLE_MS
      if (REPEATABLE.has(waiting.message.operation) && !isOld) continue
      this.#waiting.delete(id)
      waiting.reject(new DurablyError(INTERRUPTED))
    }
  }

  /** What other tabs asked for: this one can't answer. */
  dropForwarded(): void {
    for (const [id, { drop }] of this.#waiting) {
      if (drop === undefined) continue
      this.#waiting.delete(id)
      drop()
    }
  }

  rejectAll(error: WireError, which: (operation: OperationName) => boolean = () => true): void {
    for (const [id, waiting] of this.#waiting) {
      if (!which(waiting.message.operation)) continue
      this.#waiting.delete(id)
      waiting.reject(new DurablyError(error))
    }
  }
}

export function refusal(id: number, error: WireError): ResponseMessage {
  return { type: 'response', id, ok: false, body: JSON.stringify(error) }
}

/** In the order of time, so that the engine finds the newest side by side. */
function newCommand(): string {
  return `${Date.now().toString(36).padStart(9, '0')}-${crypto.randomUUID()}`
}

const INTERRUPTED: WireError = {
  code: 'interrupted',
  status: 503,
  message: 'The engine was restarted before it answered. See whether it was done before you try again.',
}
